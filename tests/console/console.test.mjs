// Every page of the console in a real browser. Exit status 1 when anything is wrong.
import { readFileSync } from "node:fs";
import { SIZES, THEMES, URL_BASE, faults, open, shot, withBrowser } from "./browser.mjs";

if (!URL_BASE) {
  console.error("TOLLGATE_URL is not set: give the address of a running gateway, such as http://127.0.0.1:8080");
  process.exit(2);
}

let failures = 0;
let passed = 0;
function expect(what, good, seen = "") {
  if (good) { passed += 1; return; }
  failures += 1;
  console.log(`FAILED ${what} ${seen}`);
}

/** Waits until `look` answers true, at most a minute. */
async function until(look) {
  const end = Date.now() + 60_000;
  for (;;) {
    if (await look()) return true;
    if (Date.now() > end) return false;
    await new Promise((done) => { setTimeout(done, 100); });
  }
}

async function ask(text) {
  const headers = { "content-type": "application/json" };
  if (process.env.TOLLGATE_KEY) headers.authorization = `Bearer ${process.env.TOLLGATE_KEY}`;
  const body = JSON.stringify({ model: "auto", messages: [{ role: "user", content: text }], max_tokens: 16 });
  const response = await fetch(`${URL_BASE}/v1/chat/completions`, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}

const wide = { ...SIZES[0], theme: "light" };

async function everyPage(browser, places) {
  for (const size of SIZES) for (const theme of THEMES) for (const [name, path] of places) {
    const label = `${name}-${size.name}-${theme}`;
    const page = await open(browser, { ...size, theme, path });
    await page.waitForTimeout(250);
    expect(`${label}: status`, page.status === 200, page.status);
    expect(`${label}: content security policy`, page.policyHeader.includes("default-src 'self'"), page.policyHeader);
    const wrong = await faults(page);
    expect(`${label}: page`, wrong.length === 0, `\n  ${wrong.join("\n  ")}`);
    await shot(page, label);
    expect(`${label}: no complaints`, page.problems.length === 0, page.problems.join("; "));
    await page.context().close();
  }
}

async function liveTable(browser) {
  const page = await open(browser, { ...wide, path: "/console" });
  expect("live: connects", await until(async () => (await page.textContent("#live-state")) === "live"));
  const newest = () => page.evaluate(() => document.querySelector("#rows tr")?.dataset.id ?? "");
  const before = await newest();
  await ask("Hello, how are you?");
  expect("live: a row appears", await until(async () => (await newest()) !== before));
  const shown = () => page.evaluate(() => [...document.querySelectorAll("#rows tr:first-child td")].map((td) => td.textContent));
  const bySse = await shown();

  await page.click("#pause");
  const held = await newest();
  await ask("Hello again");
  expect("live: a pause counts", await until(async () => /1 new/.test(await page.textContent("#live-state"))));
  expect("live: a pause holds", (await newest()) === held);
  await page.click("#pause");
  expect("live: it goes on", await until(async () => (await newest()) !== held));

  await page.reload();
  const byServer = await page.evaluate((id) => [...document.querySelectorAll(`#rows tr[data-id="${id}"] td`)].map((td) => td.textContent), held);
  expect("live: script and server print alike", JSON.stringify(bySse) === JSON.stringify(byServer), `\n  ${bySse}\n  ${byServer}`);

  await page.fill("[name=route]", "no such route");
  await page.press("[name=route]", "Enter");
  await page.waitForLoadState("load");
  expect("live: a filter goes into the address", page.url().includes("route=no+such+route"), page.url());
  await page.goto(`${URL_BASE}/console`);
  await page.focus("#rows tr:first-child a");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/console\/requests\//);
  expect("live: a row leads to its request", (await page.locator(".phases li").count()) > 0);
  expect("live: no complaints", page.problems.length === 0, page.problems.join("; "));
  const path = new URL(page.url()).pathname;
  await page.context().close();
  return path;
}

/** Rows that mean harm, and more of them than the table holds. */
async function hostileRows(browser) {
  const evil = '<img src=x onerror="alert(1)">';
  const row = (seq) => ({ seq, id: `req_${seq}`, time: 1_768_469_400_000_000 + seq, key: evil, route: evil, model: evil, pool: evil, instance: evil,
    status: 200, fault: evil, stream: true, prompt_tokens: 1, cached_tokens: 0, completion_tokens: 1, cost_micro: 1, ttft_us: null, total_us: 1, overhead_us: 1 });
  const body = Array.from({ length: 300 }, (_, at) => `event: decision\ndata: ${JSON.stringify(row(1e9 + at))}\n\n`).join("");
  const before = (page) => page.route("**/api/v1/live", (route) => route.fulfill({ contentType: "text/event-stream", body: `retry: 600000\n\n${body}event: decision\ndata: {cut\n\n` }));
  const page = await open(browser, { ...wide, path: "/console", before });
  const first = () => page.evaluate(() => document.querySelector("#rows tr")?.dataset.id);
  expect("live: the newest of a burst is first", await until(async () => (await first()) === `req_${1e9 + 299}`), await first());
  expect("live: the table is bounded", (await page.locator("#rows tr").count()) === 200);
  expect("live: a text is no markup", (await page.locator("main img").count()) === 0
    && (await page.textContent("#rows tr:first-child [data-f=route]")) === evil);
  await page.context().close();
}

async function requestPage(browser, path) {
  const page = await open(browser, { ...wide, path });
  const names = await page.evaluate(() => [...document.querySelectorAll(".waterfall li a")].map((a) => a.textContent));
  expect("request: the phases stand in order", names[0] === "authenticate" && names.at(-1) === "record", names.join(" "));
  if (await page.locator("#replay").count()) {
    await page.click("#replay");
    expect("request: a replay says the same", await until(async () => (await page.textContent("#replay-result")).startsWith("same")), await page.textContent("#replay-result"));
    await shot(page, "request-replayed");
  }
  expect("request: no complaints", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

async function policyPage(browser) {
  const page = await open(browser, { ...wide, path: "/console/policy" });
  const original = await page.inputValue("#policy-text");
  await page.focus("#policy-text");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\nrout nonsense {");
  expect("policy: an error is found while typing", await until(async () => (await page.locator("#diagnostics .badge.bad").count()) > 0));
  expect("policy: the line is marked", (await page.locator(".gutter .m-error").count()) > 0);
  expect("policy: the place is marked", (await page.locator(".paint .m-error").count()) > 0);
  await shot(page, "policy-error");
  await page.click("#diagnostics a[data-line]");
  expect("policy: a finding leads to its line", await page.evaluate(() => document.activeElement.id === "policy-text"));
  await page.click("#apply");
  expect("policy: a refusal says so", await until(async () => /Refused/.test(await page.textContent("#toast"))));
  expect("policy: a refusal keeps the text", (await page.inputValue("#policy-text")).includes("rout nonsense"));
  const painted = await page.evaluate(() => document.querySelector(".paint code").textContent);
  expect("policy: what is painted is what is written", painted === `${await page.inputValue("#policy-text")}\n`);
  // The browser itself reports the refusal's status; nothing else may be reported.
  const others = page.problems.filter((p) => !/status of 4\d\d/.test(p));
  expect("policy: no complaints", others.length === 0, others.join("; "));
  await page.click("#revert");
  expect("policy: it goes back", (await page.inputValue("#policy-text")) === original);
  await page.focus("#policy-text");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Tab");
  expect("policy: Tab indents", (await page.inputValue("#policy-text")) === `  ${original}`);
  await page.keyboard.press("Control+Z");
  expect("policy: undo knows of it", (await page.inputValue("#policy-text")) === original);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  expect("policy: Escape, then Tab leaves", await page.evaluate(() => document.activeElement.id !== "policy-text"));
  await page.context().close();
}

async function budgetsPage(browser) {
  const page = await open(browser, { ...wide, path: "/console/budgets" });
  expect("budgets: the heading", (await page.textContent("h1")) === "Keys & budgets");
  await page.click("#create");
  await shot(page, "budgets-create");
  await page.fill("#create-dialog [name=name]", "<b>browser test</b>");
  await page.click("#create-dialog [type=submit]");
  expect("budgets: the secret is shown", await until(async () => (await page.textContent("#secret")).startsWith("tg-")));
  expect("budgets: a name is no markup", (await page.textContent("#secret-name")) === "<b>browser test</b>");
  await shot(page, "budgets-secret");
  await page.click("#secret-dialog [data-close]:not([data-copy])");
  expect("budgets: the secret is gone", await until(async () => (await page.textContent("#secret")) === ""));
  const revoke = page.locator("button[data-action=revoke]").first();
  if (await revoke.count()) {
    await revoke.click();
    expect("budgets: a revocation asks first", await page.locator("#confirm-dialog[open]").count() === 1);
    await shot(page, "budgets-confirm");
    await page.click("#confirm-yes");
    expect("budgets: it is done", await until(async () => (await page.locator("#confirm-dialog[open]").count()) === 0));
  }
  expect("budgets: no complaints", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

async function themes(browser) {
  const page = await open(browser, { ...wide, path: "/console/pools" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click("#theme");
  await page.click("#theme");
  expect("theme: dark by hand", (await ground()) !== light);
  await page.reload();
  expect("theme: it is kept", (await ground()) !== light && (await page.textContent("#theme")) === "Theme: dark");
  expect("times: in the local zone", await page.evaluate(() => [...document.querySelectorAll("time")].every((t) => !t.textContent.includes("UTC"))));
  await page.context().close();
}

/** The scripts print numbers as the server does: both are held to one table. */
async function formats(browser) {
  const page = await open(browser, { ...wide, path: "/console/pools" });
  const table = JSON.parse(readFileSync(new URL("../../crates/console/tests/format.json", import.meta.url), "utf8"));
  const wrong = await page.evaluate(async (rows) => {
    const print = await import("/console/assets/format.js");
    return Object.entries(rows).flatMap(([name, list]) => list
      .filter(([value, text]) => print[name](value) !== text).map(([value, text]) => `${name}(${value}) is ${print[name](value)}, not ${text}`));
  }, table);
  expect("format: as the server prints", wrong.length === 0, wrong.join("; "));
  const swapped = await page.evaluate(async () => {
    const old = document.getElementById("pools");
    old.querySelector(".scroll")?.focus();
    const { refresh } = await import("/console/assets/common.js");
    const good = await refresh("pools");
    const fresh = document.getElementById("pools");
    return good && fresh !== old && fresh.isConnected && document.activeElement.className === "scroll" && ![...fresh.querySelectorAll("time")].some((t) => t.textContent.includes("UTC"));
  });
  expect("refresh: a region is swapped, its times local", swapped);
  expect("refresh: no complaints", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

await withBrowser(async (browser) => {
  const status = await ask("Hello");
  expect("a first request is answered", status === 200, status);
  const request = await liveTable(browser);
  const { escrows } = await (await fetch(`${URL_BASE}/v1/settle/escrows?limit=1`)).json();
  expect("an escrow is there to look at", escrows.length === 1, JSON.stringify(escrows));
  const places = [["live", "/console"], ["request", request], ["pools", "/console/pools"], ["policy", "/console/policy"], ["budgets", "/console/budgets"],
    ["escrows", "/console/escrows"], ["escrow", `/console/escrows/${escrows[0].escrow}`], ["agents", "/console/agents"], ["log", "/console/log"]];
  const steps = [() => hostileRows(browser), () => everyPage(browser, places), () => requestPage(browser, request),
    () => policyPage(browser), () => budgetsPage(browser), () => themes(browser), () => formats(browser)];
  // A step that breaks off is a failure; the others are still of interest.
  for (const step of steps) await step().catch((error) => expect(String(step), false, error.message));
});
console.log(`${passed} checks passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
