// Keys: create, rotate, revoke. A secret is shown once and kept nowhere.
import { call, open, refresh, toast } from "./common.js";

const element = (id) => document.getElementById(id);

function showButtons() {
  for (const button of document.querySelectorAll("#create, button[data-action]")) button.hidden = false;
}

const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

/** The body of a new key; what is empty is left out. */
function keyOf(form) {
  const data = new FormData(form);
  const text = (name) => String(data.get(name) ?? "").trim();
  const key = { name: text("name"), roles: words(text("roles")), scopes: words(text("scopes")), models: words(text("models")) };
  if (text("tenant")) key.tenant = text("tenant");
  if (text("expires")) key.expires = new Date(text("expires")).toISOString();
  return key;
}

function showSecret(name, body) {
  element("secret-name").textContent = name;
  element("secret").textContent = body?.secret ?? "";
  open("secret-dialog");
}

const createForm = element("create-dialog").querySelector("form");
createForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = keyOf(createForm);
  const submit = createForm.querySelector("[type=submit]");
  submit.disabled = true;
  const answer = await call("POST", "/api/v1/keys", JSON.stringify(key));
  submit.disabled = false;
  if (!answer.ok) {
    createForm.querySelector(".form-error").textContent = answer.message;
    return;
  }
  element("create-dialog").close();
  createForm.reset();
  showSecret(key.name, answer.body);
  await refresh("keys");
});
element("create").addEventListener("click", () => open("create-dialog"));
// Once the dialog is closed the secret is not in the page either.
element("secret-dialog").addEventListener("close", () => { element("secret").textContent = ""; });

const ACTIONS = {
  rotate: {
    title: (name) => `Give ${name} a new secret?`,
    text: "The old secret stops working at once; whoever uses it must get the new one.",
    yes: "Rotate",
    run: (id) => call("POST", `/api/v1/keys/${encodeURIComponent(id)}/rotate`),
    done: (name, body) => showSecret(name, body),
  },
  revoke: {
    title: (name) => `Revoke ${name}?`,
    text: "Its secret stops working at once. This cannot be undone.",
    yes: "Revoke",
    run: (id) => call("DELETE", `/api/v1/keys/${encodeURIComponent(id)}`),
    done: (name) => toast(`${name} is revoked.`),
  },
};

function confirmAction(action, id, name) {
  const dialog = open("confirm-dialog");
  element("confirm-title").textContent = action.title(name);
  element("confirm-text").textContent = action.text;
  const yes = element("confirm-yes");
  yes.textContent = action.yes;
  yes.onclick = async () => {
    yes.disabled = true;
    const answer = await action.run(id);
    yes.disabled = false;
    if (!answer.ok) {
      dialog.querySelector(".form-error").textContent = answer.message;
      return;
    }
    dialog.close();
    action.done(name, answer.body);
    await refresh("keys");
  };
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) confirmAction(ACTIONS[button.dataset.action], button.dataset.id, button.dataset.name);
});
document.addEventListener("tollgate:swapped", showButtons);
showButtons();
