// The policy language in colours: one pass over the text, no understanding of it.

const WORDS = new Set(["policy", "signal", "score", "band", "group", "route", "default", "tests", "tier", "priority",
  "given", "when", "models", "model", "pool", "param", "header", "system", "answer", "tools", "weight", "and", "or", "not",
  "true", "false", "of", "any", "all", "none", "in", "text", "on_failure", "role", "others",
  "data", "rule", "regions", "providers", "pools", "on_premise", "cost", "energy", "tool", "never", "given", "denied", "strip",
  "block"]);

const TOKEN = /(#[^\n]*)|("(?:[^"\\\n]|\\.)*"?)|(->|>=|<=|==|!=|[-+*/<>=])|(\b\d[\d_]*(?:\.\d+)?\b)|([A-Za-z_][A-Za-z0-9_]*)/g;

const classOf = (match) => {
  if (match[1] !== undefined) return "t-comment";
  if (match[2] !== undefined) return "t-string";
  if (match[3] !== undefined) return "t-operator";
  if (match[4] !== undefined) return "t-number";
  return WORDS.has(match[5]) ? "t-word" : "";
};

/** `[{start, end, kind}]` of the coloured pieces, in order. */
export function pieces(text) {
  const list = [];
  for (const match of text.matchAll(TOKEN)) {
    const kind = classOf(match);
    if (kind) list.push({ start: match.index, end: match.index + match[0].length, kind });
  }
  return list;
}

/** The text as nodes: coloured pieces, and marks (`[{start, end, kind}]`, sorted, apart) around them. */
export function paint(text, marks) {
  const fragment = document.createDocumentFragment();
  const coloured = pieces(text);
  const cuts = new Set([0, text.length]);
  for (const { start, end } of [...coloured, ...marks]) cuts.add(start).add(Math.min(end, text.length));
  const places = [...cuts].sort((a, b) => a - b);
  let colour = 0;
  let mark = 0;
  for (let at = 0; at + 1 < places.length; at += 1) {
    const [from, to] = [places[at], places[at + 1]];
    while (colour < coloured.length && coloured[colour].end <= from) colour += 1;
    while (mark < marks.length && marks[mark].end <= from) mark += 1;
    const inside = (piece) => piece && piece.start <= from && to <= piece.end;
    const kinds = [coloured[colour], marks[mark]].filter(inside).map((piece) => piece.kind).join(" ");
    if (!kinds) { fragment.append(text.slice(from, to)); continue; }
    const span = document.createElement("span");
    span.className = kinds;
    span.textContent = text.slice(from, to);
    fragment.append(span);
  }
  return fragment;
}
