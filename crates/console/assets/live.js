// Live rows by server-sent events: filtered, bounded, and paused on request.
import { localTimes, make } from "./common.js";
import { NONE, count, money, time, us } from "./format.js";

const rows = document.getElementById("rows");
const template = document.getElementById("row-template");
const state = document.getElementById("live-state");
const pause = document.getElementById("pause");
const news = document.getElementById("live-news");
const max = Number(rows.dataset.max) || 200;
const filter = Object.fromEntries(new FormData(document.getElementById("filter")));

let paused = false;
let waiting = [];
let dropped = 0;
let unread = 0;
let connected = false;

function show() {
  const held = waiting.length + dropped;
  if (paused) state.textContent = held ? `paused, ${count(held)} new` : "paused";
  else state.textContent = connected ? "live" : "connecting again";
  state.dataset.state = paused ? "paused" : connected ? "live" : "off";
}

const equal = (wanted, value) => !wanted || wanted === value;
const passes = (d) => equal(filter.route, d.route) && equal(filter.model, d.model) && equal(filter.key, d.key)
  && (!filter.id || [d.id, d.session, d.trace].some((text) => text?.includes(filter.id)));

const badgeOf = (status, fault) => {
  if (status >= 500 || (status === 0 && fault)) return "bad";
  if (status >= 400 || fault) return "warn";
  return status >= 200 && status < 300 ? "ok" : "plain";
};

const named = (text) => {
  if (!text) return make("span", "none", NONE);
  const letters = Array.from(text);
  if (letters.length <= 48) return document.createTextNode(text);
  const cut = make("span", "", `${letters.slice(0, 48).join("")}…`);
  cut.title = text;
  return cut;
};

function statusOf(d) {
  const parts = [make("span", `badge ${badgeOf(d.status, d.fault)}`, d.status === 0 ? "no answer" : d.status)];
  if (d.fault) parts.push(" ", make("span", "fault", d.fault.replaceAll("_", " ")));
  return parts;
}

function timeOf(d) {
  const date = new Date(d.time / 1000);
  const element = make("time", "", time(date, "clock"));
  element.dateTime = date.toISOString();
  element.dataset.time = "clock";
  return element;
}

/** A row of the table for one decision. */
function rowOf(d) {
  const row = template.content.firstElementChild.cloneNode(true);
  const set = (field, ...parts) => row.querySelector(`[data-f="${field}"]`).replaceChildren(...parts);
  row.dataset.id = d.id;
  row.querySelector('[data-f="link"]').href = `/console/requests/${encodeURIComponent(d.id)}`;
  set("link", timeOf(d));
  set("route", named(d.route));
  set("model", named(d.model));
  set("place", named(d.pool), ...(d.instance ? [" / ", named(d.instance)] : []));
  set("status", ...statusOf(d));
  set("tokens", `${count(d.prompt_tokens)} → ${count(d.completion_tokens)}`);
  set("cost", money(d.cost_micro));
  set("ttft", us(d.ttft_us));
  set("total", us(d.total_us));
  set("overhead", us(d.overhead_us));
  row.classList.add("fresh");
  return row;
}

function add(list) {
  if (list.length === 0) return;
  document.getElementById("empty").hidden = true;
  document.getElementById("live-table").hidden = false;
  // The one fetched with the page may come again; its id tells, for a live row need not have its place in the log yet.
  const known = new Set([...rows.children].map((row) => row.dataset.id));
  const fresh = list.filter((d) => !known.has(d.id)).map(rowOf);
  rows.prepend(...fresh.reverse());
  while (rows.children.length > max) rows.lastElementChild.remove();
  unread += fresh.length;
}

let frame = 0;
let batch = [];
function take(d) {
  if (!passes(d)) return;
  if (paused) {
    waiting.push(d);
    if (waiting.length > max) { waiting.shift(); dropped += 1; }
    show();
    return;
  }
  batch.push(d);
  if (batch.length > max) batch.shift();
  // Many may come in one moment: the page is changed once per frame.
  frame ||= requestAnimationFrame(() => { frame = 0; add(batch.splice(0)); });
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) { add(waiting.splice(0)); dropped = 0; }
  show();
});

setInterval(() => {
  if (unread > 0) news.textContent = unread === 1 ? "1 new request" : `${unread} new requests`;
  unread = 0;
}, 5000);

if ("newest" in rows.dataset) {
  const source = new EventSource("/api/v1/live");
  source.addEventListener("open", () => { connected = true; show(); });
  source.addEventListener("error", () => { connected = false; show(); });
  source.addEventListener("decision", (event) => {
    try { take(JSON.parse(event.data)); } catch { /* a row that is cut is left out */ }
  });
  addEventListener("pagehide", () => source.close());
  pause.hidden = false;
  show();
} else {
  state.textContent = "older requests";
}
localTimes(rows);
