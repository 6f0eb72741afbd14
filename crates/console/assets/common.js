// What every page uses: local times, refreshed regions, calls, copying, dialogs.
import { time } from "./format.js";

/** Puts every <time> under `root` into the local zone; the full instant stays in its title. */
export function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    element.textContent = time(date, element.dataset.time ?? "full");
    element.title = element.dateTime;
  }
}

/** An element with a class and a text; texts never become markup. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

/** Shows a short message at the bottom. */
export function toast(message, bad = false) {
  const box = document.getElementById("toast");
  box.textContent = message;
  box.className = bad ? "shown bad" : "shown";
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.className = ""; }, 6000);
}

/** A call to the API: `{ok, status, body}` with the body as JSON where it is, and a message when it failed. */
export async function call(method, path, body, type = "application/json", signal = undefined) {
  const headers = { accept: "application/json", "x-tollgate-console": "1" };
  if (body !== undefined) headers["content-type"] = type;
  let response;
  try {
    response = await fetch(path, { method, headers, body, cache: "no-store", signal });
  } catch (error) {
    return { ok: false, status: 0, body: null, message: `the gateway does not answer (${error.message})` };
  }
  const text = await response.text();
  let parsed = null;
  try { parsed = JSON.parse(text); } catch { /* not JSON */ }
  const said = parsed?.error?.message ?? parsed?.error ?? parsed?.message;
  const message = typeof said === "string" ? said : `status ${response.status}`;
  return { ok: response.ok, status: response.status, body: parsed, message };
}

/** Fetches this page again and swaps the elements with these ids. Answers whether it worked. */
export async function refresh(...ids) {
  let page;
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    if (!response.ok) return false;
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return false;
  }
  for (const id of ids) {
    const old = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (!old || !fresh) continue;
    // What the reader selects or types in is left alone until the next time.
    const selection = getSelection();
    if (!selection.isCollapsed && selection.containsNode(old, true)) continue;
    if (old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
    localTimes(fresh);
    swap(old, fresh);
  }
  return true;
}

/** Swaps `old` for `fresh`; keeps the focus, and how far the boxes inside were scrolled. */
function swap(old, fresh) {
  const stops = (root) => [...root.querySelectorAll("a[href], button, summary, [tabindex]")];
  const focused = stops(old).indexOf(document.activeElement);
  const before = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  const adopted = document.adoptNode(fresh);
  old.replaceWith(adopted);
  adopted.querySelectorAll(".scroll").forEach((box, at) => { box.scrollLeft = before[at] ?? 0; });
  document.dispatchEvent(new CustomEvent("tollgate:swapped", { detail: adopted }));
  if (focused >= 0) stops(adopted)[focused]?.focus({ preventScroll: true });
}

function refreshRegions() {
  for (const region of document.querySelectorAll("[data-refresh]")) {
    const seconds = Math.max(2, Number(region.dataset.refresh) || 10);
    const tick = async () => {
      if (!document.hidden) await refresh(region.id);
      setTimeout(tick, seconds * 1000);
    };
    setTimeout(tick, seconds * 1000);
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    toast("Copied.");
  } catch {
    // Without a clipboard (plain HTTP on another host) the text is selected, ready for the keyboard.
    getSelection().selectAllChildren(source);
    toast("Selected; copy it with the keyboard.");
  }
}

/** Opens the dialog of this id. */
export function open(id) {
  const dialog = document.getElementById(id);
  const error = dialog.querySelector(".form-error");
  if (error) error.textContent = "";
  dialog.showModal();
  return dialog;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  if ("close" in button.dataset) button.closest("dialog").close();
});

localTimes(document);
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
refreshRegions();
