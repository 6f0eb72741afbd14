// The official client of x402 for Node (npm @x402/*) pays through our facilitator, as a seller's server would have it.
import assert from "node:assert/strict";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { x402Client } from "@x402/core/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { createPublicClient, encodeFunctionData, http, parseAbi } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const node = process.env.TOLLGATE_EVM_NODE;
const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const abi = parseAbi(["function mint(address,uint256)", "function balanceOf(address) view returns (uint256)"]);
const chain = createPublicClient({ transport: http(node) });
const [, minter] = await chain.request({ method: "eth_accounts" });
const payer = privateKeyToAccount(generatePrivateKey());
const seller = privateKeyToAccount(generatePrivateKey()).address;
const balance = (who) => chain.readContract({ address: USDC, abi, functionName: "balanceOf", args: [who] });
await chain.request({
  method: "eth_sendTransaction",
  params: [{ from: minter, to: USDC, data: encodeFunctionData({ abi, functionName: "mint", args: [payer.address, 10_000n] }) }],
});
await chain.request({ method: "evm_mine" });

const requirements = {
  scheme: "exact", network: "eip155:84532", asset: USDC, amount: "4000", payTo: seller, maxTimeoutSeconds: 600,
  extra: { name: "USDC", version: "2" },
};
const client = new x402Client().register("eip155:84532", new ExactEvmScheme(payer));
const payload = await client.createPaymentPayload({ x402Version: 2, accepts: [requirements], resource: { url: "http://localhost/thing" } });
const facilitator = new HTTPFacilitatorClient({ url: process.env.FACILITATOR });
const supported = await facilitator.getSupported();
assert(supported.kinds.some((kind) => kind.x402Version === 2 && kind.scheme === "exact" && kind.network === "eip155:84532"));
const verified = await facilitator.verify(payload, requirements);
assert.equal(verified.isValid, true, JSON.stringify(verified));
const settled = await facilitator.settle(payload, requirements);
assert.equal(settled.success, true, JSON.stringify(settled));
const again = await facilitator.settle(payload, requirements);
assert.equal(again.transaction, settled.transaction);
assert.deepEqual(await Promise.all([balance(payer.address), balance(seller)]), [6_000n, 4_000n]);
console.log("the official client for Node: verified, settled, and answered alike again");
