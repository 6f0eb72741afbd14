//! What an editor asks at a place: what is this, where is it declared, what may stand here, how is it laid out.

use super::text::Document;
use serde_json::{Value, json};
use tollgate_core::signal::Kind;
use tollgate_policy::{Known, OutlineItem, outline};

/// Words that start a declaration, each with what it declares.
const DECLARATIONS: &[(&str, &str)] = &[
    ("policy", "the policy's name"),
    ("order", "whether priority or confidence comes first"),
    ("virtual", "names that callers may ask for instead of a model"),
    ("global", "a rule on what models say, for every route: output block harmful"),
    ("signal", "a question about the request"),
    ("score", "a weighted sum of signals, cut to [0, 1]"),
    ("sum", "a weighted sum without a cut"),
    ("flag", "a named condition"),
    ("band", "a range of a score"),
    ("group", "signals of which only the strongest counts"),
    ("route", "when a request goes where"),
    ("default", "where it goes when no route holds"),
    ("role", "what callers with a role may do"),
    ("others", "what callers without a declared role may do"),
    ("data", "a class of data and where it may go"),
    ("rule", "bounds that every request, or some, must keep"),
    ("tests", "texts and the routes that they must take"),
];

/// Words that start a statement, each with what it does.
const STATEMENTS: &[(&str, &str)] = &[
    ("given", "what must hold too, without counting in the confidence"),
    ("when", "the condition"),
    ("models", "candidate models of a route, or the models that may be used"),
    ("algorithm", "how one candidate is picked: static or weighted"),
    ("pool", "the pool that must serve it"),
    ("system", "a change to the system prompt: append, prepend or replace"),
    ("mask", "types of personal data that are replaced before anything is sent"),
    ("header", "a change to the headers sent upstream: set or remove"),
    ("param", "a change to a parameter: set, cap or remove"),
    ("tools", "the tools that are offered: keep or drop"),
    ("output", "what follows when a signal holds in the answer: block, safer, annotate or audit"),
    ("answer", "a fixed answer instead of models"),
    ("note", "a remark that nothing reads"),
    ("pools", "the pools that may be used"),
    ("providers", "the providers that may be used"),
    ("regions", "the regions that may be used"),
    ("on_premise", "only what stands on premise"),
    ("cost", "most estimated micro-dollars of a request"),
    ("energy", "least tokens per joule"),
    ("tool", "a right to a tool, perhaps with a condition on its arguments"),
    ("denied", "what happens to denied tools: strip or block"),
    ("unread", "what content that is not read as words means: suspect, refuse or allow"),
];

/// LSP's numbers for kinds of completion items and symbols.
mod kinds {
    pub(super) const KEYWORD: u8 = 14;
    pub(super) const VARIABLE: u8 = 6;
    pub(super) const FUNCTION: u8 = 3;
    pub(super) const VALUE: u8 = 12;
    pub(super) const CLASS: u8 = 7;
    pub(super) const SYMBOL_VARIABLE: u8 = 13;
    pub(super) const SYMBOL_FUNCTION: u8 = 12;
    pub(super) const SYMBOL_CLASS: u8 = 5;
}

/// The declaration that a name at `offset` refers to. A name in quotes may be that of a role.
fn declaration(document: &Document, name: &str) -> Option<OutlineItem> {
    let quoted = |item: &OutlineItem| item.kind == "role";
    let items = outline(&document.text).items;
    let plain = items.iter().find(|item| item.name == name && !quoted(item) && item.kind != "policy");
    plain.or_else(|| items.iter().find(|item| item.name == name && quoted(item))).cloned()
}

pub(super) fn hover(document: &Document, offset: usize) -> Value {
    let Some((start, word)) = document.word(offset) else { return Value::Null };
    let span = tollgate_policy::Span {
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(start + word.len()).unwrap_or(u32::MAX),
    };
    let listed = |table: &[(&str, &str)]| {
        table.iter().find(|(name, _)| *name == word).map(|(name, help)| format!("**{name}**: {help}"))
    };
    let declared = declaration(document, word).map(|item| {
        let text = item.span.of(&document.text);
        let kind = Kind::parse(&item.detail).filter(|_| item.kind == "signal");
        let help = kind.map_or_else(String::new, |kind| format!("\n\n{}", kind.info().help));
        format!("```\n{}\n```{help}", text.lines().take(12).collect::<Vec<_>>().join("\n"))
    });
    let signal = || {
        let info = Kind::parse(word)?.info();
        let params = info.params.iter().map(|param| format!("\n- `{}`: {}", param.name, param.help));
        Some(format!("**{}**: {}{}", info.word, info.help, params.collect::<String>()))
    };
    // At the start of a line a word of the language is meant.
    let first = document.line_before(start).trim().is_empty();
    let language = || listed(DECLARATIONS).or_else(|| listed(STATEMENTS));
    let shown = if first { language() } else { None };
    match shown.or(declared).or_else(signal).or_else(language) {
        Some(text) => json!({"contents": {"kind": "markdown", "value": text}, "range": document.range(span)}),
        None => Value::Null,
    }
}

pub(super) fn definition(document: &Document, uri: &str, offset: usize) -> Value {
    let found = document.word(offset).and_then(|(_, word)| declaration(document, word));
    found.map_or(Value::Null, |item| json!({"uri": uri, "range": document.range(item.span)}))
}

pub(super) fn completion(document: &Document, known: &Known, offset: usize) -> Value {
    let before = document.line_before(offset);
    let typed = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map_or(before, |at| before.get(..=at).unwrap_or_default());
    let context = if typed.len() == before.len() && !before.ends_with(|c: char| !c.is_ascii_alphanumeric()) {
        ""
    } else {
        typed
    };
    let items = outline(&document.text).items;
    let within = inside(&document.text, offset);
    let item = |label: &str, kind: u8, detail: &str| json!({"label": label, "kind": kind, "detail": detail});
    let of = |kinds: &[&str], kind: u8| {
        items
            .iter()
            .filter(|i| kinds.contains(&i.kind))
            .map(|i| item(&i.name, kind, i.kind))
            .collect::<Vec<_>>()
    };
    let named = |names: Option<&std::collections::BTreeSet<String>>, what: &str| {
        names.into_iter().flatten().map(|name| item(name, kinds::VALUE, what)).collect::<Vec<_>>()
    };
    let table = |table: &[(&str, &str)]| {
        table.iter().map(|(word, help)| item(word, kinds::KEYWORD, help)).collect::<Vec<_>>()
    };
    let quotes = before.matches('"').count() % 2 == 1;
    let list: Vec<Value> = if quotes {
        match statement(before) {
            "models" => named(known.models.as_ref(), "model"),
            "pool" | "pools" => named(known.pools.as_ref(), "pool"),
            _ => Vec::new(),
        }
    } else if context.trim_end().ends_with("->") {
        let mut routes = of(&["route"], kinds::FUNCTION);
        routes.push(item("default", kinds::FUNCTION, "no route"));
        routes
    } else if context.trim().is_empty() {
        if within { table(STATEMENTS) } else { table(DECLARATIONS) }
    } else if statement(before) == "signal" && context.trim_end().ends_with('=') {
        let kinds = Kind::ALL.iter().filter(|kind| !kind.is_fact());
        kinds.map(|kind| item(kind.word(), kinds::CLASS, kind.info().help)).collect()
    } else {
        let facts = Kind::ALL.iter().filter(|kind| kind.is_fact());
        let facts = facts.map(|kind| item(kind.word(), kinds::VARIABLE, kind.info().help));
        of(&["signal", "score", "sum", "flag", "band", "group"], kinds::VARIABLE)
            .into_iter()
            .chain(facts)
            .collect()
    };
    json!({"isIncomplete": false, "items": list})
}

/// The first word of a line.
fn statement(before: &str) -> &str {
    before.split_whitespace().next().unwrap_or_default()
}

/// Whether an offset stands within braces, strings and comments left out.
fn inside(text: &str, offset: usize) -> bool {
    let mut depth = 0_i64;
    for line in text.get(..offset).unwrap_or_default().lines() {
        let mut quote = None;
        let mut escaped = false;
        for c in line.chars() {
            match (quote, c) {
                (Some('"'), '\\') if !escaped => {
                    escaped = true;
                    continue;
                }
                (Some(open), _) if c == open && !escaped => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, '#') => break,
                (None, '{') => depth += 1,
                (None, '}') => depth -= 1,
                _ => {}
            }
            escaped = false;
        }
    }
    depth > 0
}

pub(super) fn symbols(document: &Document) -> Value {
    let symbol = |item: &OutlineItem| {
        let kind = match item.kind {
            "route" | "default" => kinds::SYMBOL_FUNCTION,
            "role" | "others" | "data" | "rule" => kinds::SYMBOL_CLASS,
            _ => kinds::SYMBOL_VARIABLE,
        };
        // A symbol without a name is refused by editors.
        let name = if item.name.is_empty() { item.kind } else { &item.name };
        let range = document.range(item.span);
        json!({"name": name, "detail": item.kind, "kind": kind, "range": range, "selectionRange": range})
    };
    outline(&document.text).items.iter().map(symbol).collect()
}

/// The edits that give the one layout.
pub(super) fn formatting(document: &Document) -> Result<Value, String> {
    match tollgate_policy::fmt("policy", &document.text) {
        Ok(text) if text == document.text => Ok(json!([])),
        Ok(text) => Ok(json!([{"range": document.whole(), "newText": text}])),
        Err(_) => Err("the policy has errors; correct them first".into()),
    }
}
