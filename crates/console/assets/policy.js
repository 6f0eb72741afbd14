// The policy page: check while typing, apply on request, keep the text whatever happens.
import { call, make, toast } from "./common.js";
import { Editor } from "./editor.js";

/** A check is sent this long after the last key. */
const PAUSE_MS = 600;

const element = (id) => document.getElementById(id);
const buttons = { check: element("check"), apply: element("apply"), revert: element("revert") };
const readOnly = element("policy-text").readOnly;
let inForce = element("policy-text").value;
let timer = 0;
let asked = 0;
let running = new AbortController();

const editor = new Editor(element("editor"), () => {
  dirty();
  clearTimeout(timer);
  timer = setTimeout(check, PAUSE_MS);
});

function dirty() {
  const changed = editor.text !== inForce;
  element("dirty").textContent = changed ? "changed, not in force" : "";
  buttons.revert.disabled = !changed;
  return changed;
}

const badge = (good, yes, no) => make("span", `badge ${good ? "ok" : "bad"}`, good ? yes : no);

function link(text, line, column) {
  const a = make("a", "", text);
  a.href = "#policy-text";
  a.dataset.line = line;
  if (column) a.dataset.column = column;
  return a;
}

function list(className, items) {
  const ul = make("ul", className);
  ul.append(...items.map((parts) => { const li = make("li"); li.append(...parts); return li; }));
  return ul;
}

function showFindings(found) {
  if (found.length === 0) {
    const p = make("p", "none-found");
    p.append(badge(true, "no findings"));
    element("diagnostics").replaceChildren(p);
    return;
  }
  element("diagnostics").replaceChildren(list("findings", found.map((d) => [
    make("span", `badge ${d.severity === "error" ? "bad" : "warn"}`, d.severity), " ",
    link(`line ${d.line}, column ${d.column}`, d.line, d.column), " ", make("span", "", d.message),
    ...(d.help ? [make("div", "note", d.help)] : []),
  ])));
}

function showTest(t) {
  const details = make("details");
  const summary = make("summary");
  summary.append(badge(t.ok, "pass", "fail"), " ", link(`line ${t.line}`, t.line), " ", make("code", "", t.expected));
  if (!t.ok) summary.append(" got ", make("code", "", t.got));
  details.append(summary, make("pre", "", t.explanation));
  return [details];
}

function showTests(tests) {
  const passed = tests.filter((t) => t.ok).length;
  const head = make("p", tests.length ? "" : "note", tests.length ? null : "This policy has no tests.");
  if (tests.length) head.append(badge(passed === tests.length, `${passed} of ${tests.length} pass`, `${passed} of ${tests.length} pass`));
  element("tests").replaceChildren(head, list("tests", tests.map(showTest)));
}

function show(report) {
  const found = report.diagnostics ?? [];
  editor.mark(found);
  showFindings(found);
  // A text that does not parse has neither tests nor a whole outline; the last ones stay.
  if (report.tests?.length || report.ok) showTests(report.tests ?? []);
  if (report.outline) {
    element("outline").replaceChildren(list("outline", report.outline.map((item) => [
      make("span", "note", item.kind), " ", link(item.name, item.line)])));
  }
}

function failed(message) {
  const li = [make("span", "badge bad", "error"), " ", make("span", "", message)];
  element("diagnostics").replaceChildren(list("findings", [li]));
}

async function check() {
  clearTimeout(timer);
  // The gateway stops working on a check that nobody waits for.
  running.abort();
  running = new AbortController();
  const [text, mine] = [editor.text, asked += 1];
  const answer = await call("POST", "/api/v1/policy/check", text, "text/plain; charset=utf-8", running.signal);
  // An answer about an older text is out of date.
  if (mine !== asked || text !== editor.text) return;
  if (answer.body?.diagnostics) show(answer.body);
  else failed(`The check failed: ${answer.message}`);
}

async function apply() {
  if (readOnly || buttons.apply.disabled) return;
  clearTimeout(timer);
  asked += 1;
  const text = editor.text;
  buttons.apply.disabled = true;
  const answer = await call("PUT", "/api/v1/policy", text, "text/plain; charset=utf-8");
  buttons.apply.disabled = false;
  if (!answer.ok) {
    if (answer.body?.diagnostics) show(answer.body);
    else failed(answer.message);
    toast("Refused. The policy in force is unchanged, and your text is still here.", true);
    return;
  }
  inForce = text;
  dirty();
  toast("In force until the next reload. The policy's file is unchanged.");
  for (const banner of document.querySelectorAll("main > .banner")) banner.remove();
  if (answer.body?.digest) {
    const code = make("code", "", String(answer.body.digest).slice(0, 12));
    code.title = answer.body.digest;
    element("digest").replaceChildren(code);
  }
  if (editor.text === text) check();
}

buttons.check.addEventListener("click", check);
buttons.apply.addEventListener("click", apply);
buttons.revert.addEventListener("click", () => { editor.text = inForce; dirty(); check(); });
for (const button of Object.values(buttons)) button.hidden = readOnly && button !== buttons.check;

document.addEventListener("click", (event) => {
  const a = event.target.closest("a[data-line]");
  if (!a) return;
  event.preventDefault();
  editor.go(Number(a.dataset.line), Number(a.dataset.column) || 1);
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  if (event.key === "Enter") { event.preventDefault(); check(); }
  if (event.key === "s") { event.preventDefault(); apply(); }
});
addEventListener("beforeunload", (event) => { if (dirty()) event.preventDefault(); });

// A browser may put back what was typed before a reload; either way the marks come from a check.
dirty();
check();
