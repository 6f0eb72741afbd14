"""Official clients of x402 (PyPI x402) pay through our facilitator: on a chain with the real code of USDC.

Told where by the environment: TOLLGATE_EVM_NODE, FACILITATOR (URL of our facilitator, which waits until a payment is final) and
HASTY (of another one, which does not wait). Prints what it showed; raises otherwise.
"""

import asyncio
import copy
import json
import os
import urllib.request

from eth_account import Account
from x402.client import x402Client
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.mechanisms.evm.exact.register import register_exact_evm_client
from x402.schemas import PaymentRequired, PaymentRequirements

NODE, FACILITATOR = os.environ["TOLLGATE_EVM_NODE"], os.environ["FACILITATOR"]
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
NETWORK = "eip155:84532"
SELLER = Account.create().address


def rpc(method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(NODE, body, {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    assert "error" not in answer, (method, answer)
    return answer["result"]


def post(path, body):
    request = urllib.request.Request(FACILITATOR + path, json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def balance(who):
    return int(rpc("eth_call", {"to": USDC, "data": "0x70a08231" + who[2:].lower().rjust(64, "0")}, "latest"), 16)


def funded(amount):
    payer = Account.create()
    minter = rpc("eth_accounts")[1]
    data = "0x40c10f19" + payer.address[2:].lower().rjust(64, "0") + f"{amount:064x}"
    rpc("eth_sendTransaction", {"from": minter, "to": USDC, "data": data})
    rpc("evm_mine")
    return payer


def wanted(amount):
    return PaymentRequirements(
        scheme="exact", network=NETWORK, asset=USDC, amount=str(amount), pay_to=SELLER, max_timeout_seconds=600,
        extra={"name": "USDC", "version": "2"},
    )


async def paid(payer, amount):
    """A payment, signed by the official client."""
    client = register_exact_evm_client(x402Client(), payer)
    required = PaymentRequired(x402_version=2, accepts=[wanted(amount)], resource={"url": "http://localhost/thing"})
    return await client.create_payment_payload(required)


def body(payload, amount):
    requirements = wanted(amount).model_dump(by_alias=True, exclude_none=True)
    return {"x402Version": 2, "paymentPayload": payload, "paymentRequirements": requirements}


async def settles(facilitator):
    payer = funded(25_000)
    payload = await paid(payer, 10_000)
    verified = await facilitator.verify(payload, wanted(10_000))
    assert verified.is_valid and verified.payer == payer.address, verified
    settled = await facilitator.settle(payload, wanted(10_000))
    assert settled.success and settled.payer == payer.address and settled.network == NETWORK, settled
    assert (balance(payer.address), balance(SELLER)) == (15_000, 10_000)
    receipt = rpc("eth_getTransactionReceipt", settled.transaction)
    assert receipt["status"] == "0x1" and receipt["to"].lower() == USDC.lower()
    # Again, and from eight sides at once: the first answer, and no second transaction.
    sent = int(rpc("eth_getTransactionCount", receipt["from"], "latest"), 16)
    again = await asyncio.gather(*[facilitator.settle(payload, wanted(10_000)) for _ in range(8)])
    assert all(answer.transaction == settled.transaction and answer.success for answer in again), again
    assert int(rpc("eth_getTransactionCount", receipt["from"], "latest"), 16) == sent
    assert (balance(payer.address), balance(SELLER)) == (15_000, 10_000)
    verified = await facilitator.verify(payload, wanted(10_000))
    assert not verified.is_valid and verified.invalid_reason == "invalid_exact_evm_nonce_already_used", verified
    # Eight at once of a payment that nobody settled before.
    payload = await paid(payer, 5_000)
    at_once = await asyncio.gather(*[facilitator.settle(payload, wanted(5_000)) for _ in range(8)])
    assert len({answer.transaction for answer in at_once}) == 1 and all(answer.success for answer in at_once), at_once
    assert (balance(payer.address), balance(SELLER)) == (10_000, 15_000)
    print("settled once, answered alike ever after; eight at once are one transaction")


async def refuses(facilitator):
    payer = funded(10_000)
    good = (await paid(payer, 10_000)).model_dump(by_alias=True, exclude_none=True)
    dead = "0x000000000000000000000000000000000000dEaD"

    def told(change, reason):
        asked = copy.deepcopy(body(good, 10_000))
        change(asked)
        for path in ("/verify", "/settle"):
            answer = post(path, asked)
            assert answer.get("invalidReason", answer.get("errorReason")) == reason, (path, reason, answer)
            assert not answer.get("isValid") and not answer.get("success")

    def authorization(field, value):
        return lambda asked: asked["paymentPayload"]["payload"]["authorization"].__setitem__(field, value)

    def both(field, value):
        def change(asked):
            asked["paymentRequirements"][field] = value
            asked["paymentPayload"]["accepted"][field] = value
        return change

    def signature(make):
        payload = good["payload"]
        return lambda asked: asked["paymentPayload"]["payload"].__setitem__("signature", make(payload["signature"]))

    def malleable(text):
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        r, s, v = text[2:66], int(text[66:130], 16), int(text[130:], 16)
        return "0x" + r + f"{order - s:064x}" + f"{55 - v:02x}"

    exact = "invalid_exact_evm_payload_"
    told(authorization("value", "1"), exact + "authorization_value_mismatch")
    told(authorization("to", dead), exact + "recipient_mismatch")
    told(authorization("validBefore", "1"), exact + "authorization_valid_before")
    told(authorization("validAfter", "99999999999"), exact + "authorization_valid_after")
    for value in ("010000", "1e4", "-1", str(2**256)):
        told(authorization("value", value), "invalid_payload")
    told(signature(malleable), exact + "signature")
    told(signature(lambda text: text[:-4] + "001b"), exact + "signature")
    told(signature(lambda text: "0x"), exact + "signature")
    told(signature(lambda text: text + "6492" * 16), exact + "signature")
    told(authorization("nonce", "0x" + "11" * 32), exact + "signature")
    # A payment for a cheaper thing does not buy a dearer one, whatever the payload says.
    told(lambda asked: asked["paymentRequirements"].__setitem__("amount", "20000"), "invalid_payment_requirements")
    told(both("amount", "20000"), exact + "authorization_value_mismatch")
    told(both("asset", dead), "invalid_payment_requirements")
    told(both("network", "eip155:8453"), "invalid_network")
    told(both("scheme", "upto"), "unsupported_scheme")
    told(lambda asked: asked["paymentRequirements"].pop("extra"), "missing_eip712_domain")
    told(both("extra", {"name": "USD Coin", "version": "2"}), "invalid_exact_evm_token_name_mismatch")
    told(both("extra", {"name": "USDC", "version": "1"}), "invalid_exact_evm_token_version_mismatch")
    told(lambda asked: asked.__setitem__("x402Version", 3), "invalid_x402_version")
    told(lambda asked: asked["paymentPayload"].pop("payload"), "invalid_payload")
    poor = (await paid(funded(9_999), 10_000)).model_dump(by_alias=True, exclude_none=True)
    told(lambda asked: asked.__setitem__("paymentPayload", poor), "insufficient_funds")
    # Nothing of all this used the payment up.
    assert post("/settle", body(good, 10_000))["success"]
    assert balance(payer.address) == 0
    # The same name for something else: the payer signs another amount under a nonce that was settled here.
    other = copy.deepcopy(good)
    authorization = other["payload"]["authorization"]
    authorization["value"] = other["accepted"]["amount"] = "1"
    fields = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
              ("validBefore", "uint256"), ("nonce", "bytes32")]
    signed = payer.sign_typed_data(
        {"name": "USDC", "version": "2", "chainId": 84532, "verifyingContract": USDC},
        {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in fields]},
        {name: int(authorization[name]) if kind == "uint256" else authorization[name] for name, kind in fields},
    )
    other["payload"]["signature"] = "0x" + signed.signature.hex().removeprefix("0x")
    assert post("/settle", body(other, 1))["errorReason"] == "duplicate_settlement"
    print("whatever is changed is refused by its name, by /verify and by /settle, and uses nothing up")


async def old_wire():
    """Version 1: names of networks, and what is accepted stands elsewhere."""
    payer = funded(10_000)
    payload = (await paid(payer, 10_000)).model_dump(by_alias=True, exclude_none=True)
    old = {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload["payload"]}
    requirements = {
        "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "10000", "resource": "http://localhost/thing",
        "description": "a thing", "mimeType": "text/plain", "payTo": SELLER, "maxTimeoutSeconds": 600, "asset": USDC,
        "extra": {"name": "USDC", "version": "2"},
    }
    asked = {"x402Version": 1, "paymentPayload": old, "paymentRequirements": requirements}
    assert post("/verify", asked) == {"isValid": True, "payer": payer.address}
    settled = post("/settle", asked)
    assert settled["success"] and settled["network"] == "base-sepolia" and settled["transaction"], settled
    assert balance(payer.address) == 0
    print("version 1 of the wire is settled alike")


async def others_send(facilitator):
    """Somebody else uses the authorisation: the seller has the money, so it is settled, by that transaction."""
    payer = funded(10_000)
    payload = await paid(payer, 10_000)
    exact = payload.payload
    authorization, signature = exact["authorization"], exact["signature"][2:]
    word = lambda value: f"{int(value, 16) if isinstance(value, str) and value.startswith('0x') else int(value):064x}"
    fields = [authorization[name] for name in ("from", "to", "value", "validAfter", "validBefore", "nonce")]
    data = "0xe3ee160e" + "".join(map(word, fields)) + word(int(signature[128:], 16)) + signature[:128]
    stranger = rpc("eth_accounts")[7]
    theirs = rpc("eth_sendTransaction", {"from": stranger, "to": USDC, "data": data})
    rpc("evm_mine")
    settled = await facilitator.settle(payload, wanted(10_000))
    assert settled.success and settled.transaction == theirs, (settled, theirs)
    print("a payment that somebody else sent is found by its event")


async def slow_chain(facilitator):
    """No block comes: the payment is under way, not failed; the official client may ask again, and then it is settled."""
    payer = funded(10_000)
    payload = await paid(payer, 10_000)
    rpc("evm_setAutomine", False)
    try:
        pending = await facilitator.settle(payload, wanted(10_000))
        assert not pending.success and pending.error_reason == "settlement_pending" and pending.transaction, pending
        again = await facilitator.settle(payload, wanted(10_000))
        assert again.error_reason == "settlement_pending" and again.transaction == pending.transaction, again
        rpc("evm_mine")
        settled = await facilitator.settle(payload, wanted(10_000))
        assert settled.success and settled.transaction == pending.transaction, (pending, settled)
    finally:
        rpc("evm_setAutomine", True)
    assert balance(payer.address) == 0
    print("what is under way is settlement_pending, with one transaction, until it is settled")


async def main():
    facilitator = HTTPFacilitatorClient(FacilitatorConfig(url=FACILITATOR))
    supported = facilitator.get_supported()
    kinds = {(kind.x402_version, kind.scheme, kind.network) for kind in supported.kinds}
    assert kinds == {(2, "exact", NETWORK), (1, "exact", "base-sepolia")}, supported
    await settles(facilitator)
    await refuses(facilitator)
    await old_wire()
    await others_send(facilitator)
    await slow_chain(HTTPFacilitatorClient(FacilitatorConfig(url=os.environ["HASTY"])))


if __name__ == "__main__":
    asyncio.run(main())
