// A text area with line numbers, colours and marks. The text area stays the real one: what is painted lies under it.
import { paint } from "./highlight.js";

/** Beyond this many characters the text is not coloured; typing stays quick. */
const PAINT_MAX = 200_000;

export class Editor {
  /** @param {HTMLElement} root the element with gutter, paint and text area; `changed` is called after each change. */
  constructor(root, changed) {
    this.root = root;
    this.area = root.querySelector("textarea");
    this.gutter = root.querySelector(".gutter");
    this.code = root.querySelector(".paint code");
    this.changed = changed;
    this.findings = [];
    this.mayLeave = false;
    root.classList.add("ready");
    this.area.addEventListener("input", () => { this.findings = []; this.draw(); this.changed(); });
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("blur", () => { this.mayLeave = false; });
    this.draw();
  }

  get text() { return this.area.value; }

  set text(value) { this.area.value = value; this.findings = []; this.draw(); }

  /** Marks findings `[{severity, line, column, end_line, end_column}]` in the text and beside it. */
  mark(findings) { this.findings = findings; this.draw(); }

  /** Puts the cursor at a line and column, both from 1. */
  go(line, column = 1) {
    const at = this.offset(line, column);
    this.area.focus();
    this.area.setSelectionRange(at, at);
    const height = parseFloat(getComputedStyle(this.area).lineHeight) || 20;
    this.root.scrollTop = Math.max(0, (line - 4) * height);
    this.root.scrollIntoView({ block: "nearest" });
  }

  /** Columns count characters, offsets count UTF-16 units. */
  offset(line, column) {
    let start = 0;
    for (let at = 1; at < line; at += 1) {
      const next = this.text.indexOf("\n", start);
      if (next < 0) return this.text.length;
      start = next + 1;
    }
    const end = this.text.indexOf("\n", start);
    const row = this.text.slice(start, end < 0 ? undefined : end);
    return start + Array.from(row).slice(0, column - 1).join("").length;
  }

  marks() {
    const list = this.findings.map((f) => {
      const start = this.offset(f.line, f.column);
      const end = Math.max(start + 1, this.offset(f.end_line ?? f.line, f.end_column ?? f.column + 1));
      return { start, end, kind: f.severity === "warning" ? "m-warning" : "m-error" };
    }).sort((a, b) => a.start - b.start);
    // Marks that overlap are cut: one place has one mark.
    return list.filter((mark, at) => at === 0 || mark.start >= list[at - 1].end);
  }

  draw() {
    const lines = this.text.split("\n").length;
    const at = new Map();
    for (const f of this.findings) if (at.get(f.line) !== "error") at.set(f.line, f.severity);
    const numbers = Array.from({ length: lines }, (_, index) => {
      const span = document.createElement("span");
      span.textContent = `${index + 1}\n`;
      if (at.has(index + 1)) span.className = at.get(index + 1) === "warning" ? "m-warning" : "m-error";
      return span;
    });
    this.gutter.replaceChildren(...numbers);
    const painted = this.text.length <= PAINT_MAX ? paint(this.text, this.marks()) : this.text;
    this.code.replaceChildren(painted, "\n");
  }

  key(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") { this.mayLeave = true; return; }
    if (event.key === "Tab" && plain && !this.mayLeave && !this.area.readOnly) {
      event.preventDefault();
      this.indent(event.shiftKey);
    } else if (event.key === "Enter" && plain && !this.area.readOnly && !event.isComposing) {
      event.preventDefault();
      this.newline();
    } else if (event.key === "/" && (event.ctrlKey || event.metaKey) && !this.area.readOnly) {
      event.preventDefault();
      this.eachLine((line, all) => (all ? line.replace(/^(\s*)# ?/, "$1") : line.replace(/^(\s*)(?=\S)/, "$1# ")),
        (line) => !line.trim() || line.trimStart().startsWith("#"));
    }
    if (event.key !== "Escape" && event.key !== "Tab") this.mayLeave = false;
  }

  /** Types a text in place of the selection, so that undo knows of it. */
  insert(text) {
    if (!document.execCommand("insertText", false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input"));
    }
  }

  newline() {
    const before = this.text.slice(0, this.area.selectionStart);
    const row = before.slice(before.lastIndexOf("\n") + 1);
    const deeper = /[{[(]\s*$/.test(row) ? "  " : "";
    this.insert(`\n${row.match(/^\s*/)[0]}${deeper}`);
  }

  indent(less) {
    const { selectionStart: from, selectionEnd: to } = this.area;
    if (!less && !this.text.slice(from, to).includes("\n")) { this.insert("  "); return; }
    this.eachLine((line) => (less ? line.replace(/^ {1,2}/, "") : line && `  ${line}`));
  }

  /** Changes every line of the selection; `all` tells whether each already passes `test`. */
  eachLine(change, test = () => true) {
    const from = this.text.lastIndexOf("\n", this.area.selectionStart - 1) + 1;
    const stop = this.text.indexOf("\n", this.area.selectionEnd);
    const to = stop < 0 ? this.text.length : stop;
    const lines = this.text.slice(from, to).split("\n");
    const all = lines.every(test);
    const text = lines.map((line) => change(line, all)).join("\n");
    this.area.setSelectionRange(from, to);
    this.insert(text);
    this.area.setSelectionRange(from, from + text.length);
  }
}
