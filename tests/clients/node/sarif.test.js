// `policy check --sarif` against the schema of SARIF 2.1.0, as Microsoft's SARIF SDK for JavaScript ships it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const Ajv = require('ajv');
const ajv = new Ajv({ schemaId: 'id', allErrors: true, unknownFormats: 'ignore' });
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
const valid = ajv.compile(require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'));

const head = 'signal c = keyword any ["x"]\n';
const rest = 'default { models { "d" } }\n';
const policies = {
  good: [rest, 0],
  empty: ['', 1],
  broken: ['route ü { when "\n', 1],
  'unknown name': [`route a { when tokns > 1 models { "m" } }\n${rest}`, 1],
  overlapping: [`${head}route a { when c models { "a" } }\nroute b { when c and tokens > 4 models { "b" } }\n${rest}`, 0],
  shadowed: [`${head}route a priority 2 { when c models { "a" } }\nroute b { when c models { "b" } }\n${rest}`, 0],
};

for (const [name, [text, code]] of Object.entries(policies)) {
  test(`SARIF of a policy that is ${name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-sarif-'));
    const file = join(folder, 'a policy.tollgate');
    writeFileSync(file, text);
    let [out, ended] = ['', 0];
    try {
      const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
      out = execFileSync(process.env.TOLLGATE_BIN, ['policy', 'check', file, '--sarif'], options);
    } catch (error) {
      [out, ended] = [error.stdout, error.status];
    } finally {
      rmSync(folder, { recursive: true });
    }
    assert.equal(ended, code);
    const log = JSON.parse(out);
    assert.ok(valid(log), JSON.stringify(valid.errors, null, 2));
    assert.equal(log.runs[0].results.length > 0, name !== 'good');
  });
}

test('the schema refuses what is no SARIF', () => {
  assert.ok(!valid({ version: '2.1.0', runs: [{ results: [] }] }));
});
