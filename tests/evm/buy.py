"""The official client of x402 (PyPI x402) buys a resource of the example seller, which our facilitator settles for.

Told where by the environment: TOLLGATE_EVM_NODE, RESOURCE and SELLER. Prints what it showed; raises otherwise.
"""

import asyncio
import os
import urllib.error
import urllib.request

from pay import balance, funded
from x402.client import x402Client
from x402.http.utils import (
    decode_payment_required_header,
    decode_payment_response_header,
    encode_payment_signature_header,
)
from x402.mechanisms.evm.exact.register import register_exact_evm_client

RESOURCE, SELLER = os.environ["RESOURCE"], os.environ["SELLER"]


def get(payment=None):
    headers = {"PAYMENT-SIGNATURE": payment} if payment else {}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(RESOURCE, headers=headers))
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read().decode()


async def main():
    payer = funded(25_000)
    client = register_exact_evm_client(x402Client(), payer)
    status, headers, _ = get()
    assert status == 402
    required = decode_payment_required_header(headers["payment-required"])
    payment = encode_payment_signature_header(await client.create_payment_payload(required))
    status, headers, report = get(payment)
    assert (status, report) == (200, "47 tests, 47 passed\n"), (status, report)
    settled = decode_payment_response_header(headers["payment-response"])
    assert settled.success and settled.payer == payer.address, settled
    assert (balance(payer.address), balance(SELLER)) == (15_000, 10_000)
    # The same payment buys nothing a second time, and moves nothing.
    status, headers, why = get(payment)
    assert status == 402 and "payment-required" in headers, (status, why)
    assert (balance(payer.address), balance(SELLER)) == (15_000, 10_000)
    # Nor does one for less.
    required.accepts[0].amount = "9999"
    cheap = encode_payment_signature_header(await client.create_payment_payload(required))
    assert get(cheap)[0] == 402
    print("the official client bought a resource of the example seller, once for each payment")


asyncio.run(main())
