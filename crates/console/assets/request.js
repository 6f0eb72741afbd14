// The replay of a decision.
import { call, make } from "./common.js";

const button = document.getElementById("replay");
const result = document.getElementById("replay-result");

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** `{same, differences: [{what, then, now}]}`, or whatever else the gateway says, as text. */
function showReplay(body) {
  const same = body?.same === true;
  const parts = [make("p", "", "")];
  parts[0].append(make("span", `badge ${same ? "ok" : "bad"}`, same ? "same" : "different"), " ",
    same ? "The recorded signals lead to the same decision." : "The recorded signals lead to another decision.");
  const differences = Array.isArray(body?.differences) ? body.differences : [];
  if (differences.length > 0) {
    const list = make("ul");
    for (const d of differences) {
      list.append(make("li", "", typeof d === "string" ? d : `${d.what}: ${asText(d.then)}, now ${asText(d.now)}`));
    }
    parts.push(list);
  }
  if (typeof body?.explanation === "string") parts.push(make("pre", "", body.explanation));
  result.replaceChildren(...parts);
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await call("POST", `/api/v1/decisions/${encodeURIComponent(button.dataset.id)}/replay`);
    button.disabled = false;
    if (answer.ok) showReplay(answer.body);
    else result.replaceChildren(make("p", "fault", `It could not be replayed: ${answer.message}`));
  });
}
