// Compiles the contracts with the solc that SOLC names (a folder of npm's `solc`), and prints or checks what the crate ships:
// the creation code of each. `node build.mjs` writes artifacts.json anew; `node build.mjs --check` says whether it is current.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(join(process.env.SOLC ?? join(here, "node_modules", "solc"), "package.json"))("./");
const names = ["CaptureEscrow", "Eip3009Collector", "PermitCollector", "RefundCollector", "PoteOperator"];
const sources = Object.fromEntries(
  readdirSync(join(here, "src")).sort().map((file) => [`src/${file}`, { content: readFileSync(join(here, "src", file), "utf8") }]),
);
const settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 1000 },
  viaIR: true,
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
};
const answer = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (answer.errors ?? []).filter((error) => error.severity !== "info");
if (errors.length > 0) {
  console.error(errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const code = {};
for (const file of Object.values(answer.contracts)) {
  for (const [name, contract] of Object.entries(file)) {
    if (names.includes(name)) code[name] = contract.evm.bytecode.object;
  }
}
const text = JSON.stringify({ solc: solc.version(), code: Object.fromEntries(names.map((name) => [name, code[name]])) }, null, 1) + "\n";
const path = join(here, "artifacts.json");
if (process.argv.includes("--check")) {
  if (readFileSync(path, "utf8") !== text) {
    console.error("artifacts.json is not what the sources compile to: run node build.mjs with the solc that it names");
    process.exit(1);
  }
} else {
  writeFileSync(path, text);
}
