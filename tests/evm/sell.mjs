// The official client of x402 for Node (npm @x402/*) buys answers of a model from the gateway: by auth-capture, with our escrow's
// code where its client expects the audited one (the interface is the same).
//
//   node sell.mjs deploy ARTIFACTS   puts escrow and collector there, and prints their addresses
//   node sell.mjs buy                buys at the gateway in SHOP; SELLER is paid
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { x402Client } from "@x402/core/client";
import { decodePaymentResponseHeader, wrapFetchWithPayment } from "@x402/fetch";
import { AuthCaptureEvmScheme } from "@x402/evm/auth-capture/client";
import { createPublicClient, encodeFunctionData, http, parseAbi } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
// Version 1.1 of the audited contracts, as the client has them.
const ESCROW = "0xf96815976523E00e65Be8f34cA5e64b4f41EB19c";
const COLLECTOR = "0x8612dfdc421f80336cd14E8EF9cb1E765dB5ab88";
const chain = createPublicClient({ transport: http(process.env.TOLLGATE_EVM_NODE) });
const rpc = (method, ...params) => chain.request({ method, params });

async function deploy(artifacts) {
  const { code } = JSON.parse(readFileSync(artifacts, "utf8"));
  const [from] = await rpc("eth_accounts");
  for (const [name, at, argument] of [["CaptureEscrow", ESCROW, ""], ["Eip3009Collector", COLLECTOR, ESCROW.slice(2).padStart(64, "0")]]) {
    const hash = await rpc("eth_sendTransaction", { from, data: `0x${code[name]}${argument}`, gas: "0x5b8d80" });
    await rpc("evm_mine");
    const { contractAddress } = await rpc("eth_getTransactionReceipt", hash);
    await rpc("anvil_setCode", at, await rpc("eth_getCode", contractAddress, "latest"));
  }
  console.log(`${ESCROW} ${COLLECTOR}`);
}

async function buy() {
  const { SHOP, SELLER } = process.env;
  const abi = parseAbi(["function mint(address,uint256)", "function balanceOf(address) view returns (uint256)"]);
  const balance = (who) => chain.readContract({ address: USDC, abi, functionName: "balanceOf", args: [who] });
  const payer = privateKeyToAccount(generatePrivateKey());
  const [, minter] = await rpc("eth_accounts");
  const funds = 5_000_000n;
  await rpc("eth_sendTransaction", { from: minter, to: USDC, data: encodeFunctionData({ abi, functionName: "mint", args: [payer.address, funds] }) });
  await rpc("evm_mine");

  // What the client sends to pay is seen on its way, so that it can be sent again.
  let paid;
  const seen = async (input, init) => {
    const request = new Request(input, init);
    paid = request.headers.get("payment-signature") ?? paid;
    return fetch(request);
  };
  const shop = wrapFetchWithPayment(seen, new x402Client().register("eip155:84532", new AuthCaptureEvmScheme(payer)));
  const ask = (stream) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "sold", stream, max_tokens: 300, messages: [{ role: "user", content: "a few words, please" }],
      ...(stream ? { stream_options: { include_usage: true } } : {}),
    }),
  });
  const url = `${SHOP}/v1/chat/completions`;
  const price = (usage) => BigInt(usage.prompt_tokens) * 100n + BigInt(usage.completion_tokens) * 400n;
  let owed = 0n;
  const settled = async () => {
    for (;;) {
      const [left, got, held] = await Promise.all([balance(payer.address), balance(SELLER), balance(ESCROW)]);
      if (held === 0n) return assert.deepEqual([left, got], [funds - owed, owed]);
      await new Promise((next) => setTimeout(next, 100));
    }
  };

  const plain = await fetch(url, ask(false));
  assert.equal(plain.status, 402, "nobody is served without a payment");
  const whole = await shop(url, ask(false));
  const answer = await whole.json();
  assert.equal(whole.status, 200, JSON.stringify(answer));
  const told = decodePaymentResponseHeader(whole.headers.get("payment-response"));
  assert.equal(told.success, true);
  const receipt = await rpc("eth_getTransactionReceipt", told.transaction);
  assert.equal(receipt.status, "0x1");
  assert.equal(receipt.to.toLowerCase(), ESCROW.toLowerCase());
  owed += price(answer.usage);
  await settled();
  console.log(`the official client bought an answer for ${owed} of ${told.amount} that were held`);

  const again = await fetch(url, { ...ask(false), headers: { "content-type": "application/json", "payment-signature": paid } });
  assert.equal(again.status, 402, "the same payment buys nothing again");
  await settled();

  const stream = await shop(url, ask(true));
  assert.equal(stream.status, 200);
  const events = (await stream.text()).split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
  owed += price(events.map((event) => event.usage).find(Boolean));
  await settled();
  console.log("and a stream, for what it used; one payment bought one answer");

  // A caller that leaves within a stream pays for what passed, and gets the rest back.
  const slow = ask(true);
  slow.headers["x-sim-fault"] = "stall=6:3600000";
  const leaves = new AbortController();
  const left = await shop(url, { ...slow, signal: leaves.signal });
  const reader = left.body.getReader();
  await reader.read();
  leaves.abort();
  await reader.cancel().catch(() => {});
  for (;;) {
    if ((await balance(ESCROW)) === 0n) break;
    await new Promise((next) => setTimeout(next, 100));
  }
  const passed = (await balance(SELLER)) - owed;
  assert(passed > 0n && passed < 120_000n, `${passed}`);
  assert.equal((await balance(payer.address)) + (await balance(SELLER)), funds);
  console.log(`a caller that left paid ${passed} for what had passed`);
}

await (process.argv[2] === "deploy" ? deploy(process.argv[3]) : buy());
