// npm's `solc`, found by SOLC, as the program that forge expects: `--version`, and `--standard-json` from its input to its output.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const solc = createRequire(join(process.env.SOLC, "package.json"))("./");
if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
}
