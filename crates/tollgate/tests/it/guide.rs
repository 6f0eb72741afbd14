//! The generated parts of the guide are what the code says. `UPDATE_GUIDE=1 cargo test -p tollgate` writes them anew.

use crate::tool::Folder;
use crate::written::{default_of, read};
use serde_json::json;
use std::fmt::Write as _;
use tollgate_core::signal::{Kind, ParamType};
use tollgate_gateway::api::routes::{Access, ROUTES};
use tollgate_gateway::config::{Auth, PROVIDERS};
use tollgate_wire::error::STATUSES;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn updating() -> bool {
    std::env::var_os("UPDATE_GUIDE").is_some()
}

/// Holds the part of `docs/FILE` between `<!-- generated: NAME -->` and `<!-- end -->` to `text`.
fn holds(file: &str, name: &str, text: &str) {
    let path = format!("{ROOT}/docs/{file}");
    let page = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let open = format!("<!-- generated: {name} -->\n");
    let (before, rest) = page.split_once(&open).unwrap_or_else(|| panic!("{file}: no {open:?}"));
    let (now, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{file}: no end of {name}"));
    if now == text {
        return;
    }
    assert!(
        updating(),
        "docs/{file}: {name} is not what the code says; UPDATE_GUIDE=1 cargo test -p tollgate writes it"
    );
    std::fs::write(&path, format!("{before}{open}{text}<!-- end -->{after}")).unwrap();
}

fn row(cells: &[&str]) -> String {
    let safe: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", safe.join(" | "))
}

fn head(cells: &[&str]) -> String {
    format!("{}{}", row(cells), row(&vec!["---"; cells.len()]))
}

fn code(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("`{word}`") }
}

#[test]
fn configuration() {
    let written = read();
    let mut text = String::new();
    for element in &written.elements {
        let title = if element.name == "File" { "The file" } else { &element.name };
        write!(
            text,
            "\n### {title}\n\n{}\n\n{}",
            element.help,
            head(&["field", "type", "default", "meaning"])
        )
        .unwrap();
        for field in &element.fields {
            let default = if field.required {
                "required".into()
            } else {
                code(&default_of(&element.name, &field.name))
            };
            text += &row(&[&code(&field.name), &written.type_words(&field.rust), &default, &field.help]);
        }
    }
    text.push('\n');
    holds("configuration.md", "configuration", &text);
}

#[test]
fn schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/schema.json");
    let schema = read().schema();
    if std::fs::read_to_string(path).unwrap() != schema {
        assert!(
            updating(),
            "schema.json is not what the types say; UPDATE_GUIDE=1 cargo test -p tollgate writes it"
        );
        std::fs::write(path, schema).unwrap();
    }
}

#[test]
fn signals() {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut facts = head(&["fact", "value", "family", "what it says"]);
    let mut declared = String::new();
    for info in Kind::ALL.iter().map(|kind| kind.info()) {
        let (value, family) = (word(json!(info.value)), word(json!(info.family)));
        if info.params.is_empty() {
            facts += &row(&[&code(info.word), &value, &family, info.help]);
            continue;
        }
        write!(declared, "\n### {}\n\nValue: {value}. Family: {family}. {}.\n\n", info.word, info.help)
            .unwrap();
        declared += &head(&["parameter", "type", "meaning"]);
        for param in info.params {
            let kind = match param.param_type {
                ParamType::Word(words) => words.iter().map(|w| code(w)).collect::<Vec<_>>().join(" "),
                other => word(json!(other)),
            };
            let need = if param.required { ", required" } else { "" };
            declared += &row(&[&code(param.name), &format!("{kind}{need}"), param.help]);
        }
    }
    declared.push('\n');
    holds("signals.md", "facts", &facts);
    holds("signals.md", "declared", &declared);
}

#[test]
fn providers() {
    let mut text = head(&["kind", "base URL", "key", "dialects", "probe"]);
    for p in PROVIDERS {
        let key = match p.auth {
            Auth::Bearer => "`authorization: Bearer`".into(),
            Auth::Header(name) => code(name),
            Auth::None => "none".into(),
        };
        let dialects: Vec<_> = p.paths.iter().map(|(dialect, _)| code(dialect.word())).collect();
        text += &row(&[
            &code(p.kind),
            &p.base_url.map_or("yours".into(), code),
            &key,
            &dialects.join(" "),
            &code(p.probe),
        ]);
    }
    holds("providers.md", "providers", &text);
}

#[test]
fn api() {
    let mut text = head(&["method", "path", "who", "what"]);
    for route in ROUTES {
        let who = match route.access {
            Access::Public => "anyone",
            Access::Caller => "callers",
            Access::Admin => "operator",
            Access::Settle(right) => right.role(),
        };
        text += &row(&[route.method, &code(route.path), who, route.summary]);
    }
    holds("api.md", "routes", &text);
    let mut text = head(&["fault", "status"]);
    for (kind, status) in STATUSES {
        text += &row(&[&code(json!(kind).as_str().unwrap()), &status.to_string()]);
    }
    holds("api.md", "statuses", &text);
}

/// Families without series are not rendered, so the table comes from where they are registered.
#[test]
fn metrics() {
    let source = std::fs::read_to_string(format!("{ROOT}/crates/gateway/src/observe/metrics.rs")).unwrap();
    let kind = |field: &str| {
        let declared =
            source.lines().find(|l| l.trim().starts_with(&format!("pub {field}:"))).unwrap_or("Histogram");
        ["histogram", "gauge", "counter"].into_iter().find(|k| declared.to_lowercase().contains(k)).unwrap()
    };
    let mut text = head(&["metric", "type", "what it counts"]);
    for call in source.split("registry.register(").skip(1) {
        let literals: Vec<_> = call.split('"').collect();
        let (name, help) = (literals[1], literals[3]);
        let field = call.split("metrics.").nth(1).and_then(|f| f.split('.').next()).unwrap_or_default();
        let kind = kind(field);
        let suffix = if kind == "counter" { "_total" } else { "" };
        text += &row(&[&code(&format!("tollgate_{name}{suffix}")), kind, help]);
    }
    holds("operations.md", "metrics", &text);
}

#[test]
fn commands() {
    let folder = Folder::new("help");
    let mut text = String::new();
    describe(&folder, &[], &mut text);
    text.push('\n');
    holds("commands.md", "commands", &text);
}

/// Adds the help of a command, or of those that it holds.
fn describe(folder: &Folder, words: &[&str], text: &mut String) {
    let help = folder.run(&[words, &["--help"]].concat()).out;
    let listed =
        help.split_once("Commands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let Some(listed) = listed else {
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        write!(text, "\n## {}\n\n```text\n{}\n```\n", words.join(" "), lines.join("\n").trim_end()).unwrap();
        return;
    };
    // A line of two blanks and a word starts a command; a deeper one goes on with what it says.
    let named = listed
        .lines()
        .filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split(' ').next());
    for word in named.filter(|word| *word != "help") {
        describe(folder, &[words, &[word]].concat(), text);
    }
}
