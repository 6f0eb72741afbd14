//! The types that read a configuration, as data: parsed from their source, so that guide and schema cannot stray.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tollgate_gateway::config::written as types;

/// One field of one element.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) rust: String,
    pub(crate) help: String,
    pub(crate) required: bool,
}

/// One element: a type of the source with its fields.
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) fields: Vec<Field>,
}

/// Elements and, for enumerations, their words; both in the order of the source.
pub(crate) struct Written {
    pub(crate) elements: Vec<Element>,
    pub(crate) words: BTreeMap<String, Vec<String>>,
}

/// Parses the source.
pub(crate) fn read() -> Written {
    let source = source();
    let mut written = Written { elements: Vec::new(), words: BTreeMap::new() };
    let (mut help, mut attributes, mut open) = (String::new(), String::new(), String::new());
    let mut all_optional = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            help = format!("{help} {}", text.trim()).trim().to_owned();
            continue;
        }
        if line.starts_with("#[") {
            attributes.push_str(line);
            continue;
        }
        if let Some(name) = line.strip_prefix("pub struct ").and_then(|l| l.strip_suffix(" {")) {
            all_optional = attributes.contains("default");
            written.elements.push(Element { name: name.into(), help: help.clone(), fields: Vec::new() });
            open = String::new();
        } else if let Some(name) = line.strip_prefix("pub enum ").and_then(|l| l.strip_suffix(" {")) {
            open = name.to_owned();
            written.words.insert(open.clone(), Vec::new());
        } else if line == "}" {
            open = String::new();
        } else if let Some((name, rust)) =
            line.strip_prefix("pub ").and_then(|l| l.strip_suffix(',')).and_then(|l| l.split_once(": "))
        {
            let required = !all_optional && !rust.starts_with("Option<") && !attributes.contains("default");
            let field = Field { name: name.into(), rust: rust.into(), help: help.clone(), required };
            written.elements.last_mut().unwrap().fields.push(field);
        } else if let Some(words) = written.words.get_mut(&open) {
            words.extend(line.strip_suffix(',').map(snake));
        }
        help.clear();
        attributes.clear();
    }
    written
}

/// The module's files, the one with the whole file's element first.
fn source() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/src/config/written");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| (name != "mod.rs", name.clone()));
    let text = |name| std::fs::read_to_string(std::path::Path::new(folder).join(name)).unwrap();
    names.into_iter().map(text).collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The default of a field, as written in a file; empty when it is absent.
pub(crate) fn default_of(element: &str, field: &str) -> String {
    let debug = match element {
        "Limits" => format!("{:?}", types::Limits::default()),
        "Timeouts" => format!("{:?}", types::Timeouts::default()),
        "Retry" => format!("{:?}", types::Retry::default()),
        "Log" => format!("{:?}", types::Log::default()),
        "Cache" if !["share", "similar", "categories"].contains(&field) => {
            format!("{:?}", types::Cache::default())
        }
        _ => return stated(element, field).to_owned(),
    };
    let inner = debug.split_once("{ ").unwrap().1.trim_end_matches(" }");
    let found = inner.split(", ").filter_map(|pair| pair.split_once(": ")).find(|(name, _)| *name == field);
    found.unwrap().1.trim_matches('"').to_owned()
}

/// Defaults that are code and not a `Default` of a plain value.
fn stated(element: &str, field: &str) -> &'static str {
    match (element, field) {
        ("File", "listen") => "127.0.0.1:8080",
        ("File", "workers") => "0",
        ("File", "data") => "tollgate-data",
        ("Auth", "mode") => "open",
        ("Cache", "share") => "caller",
        ("Safety", "rise") => "0.4",
        ("Safety", "fall") => "0.1",
        ("Safety", "half_life_s") => "1800",
        ("Safety", "safer_from") => "0.35",
        ("Safety", "narrow_from") => "0.55",
        ("Safety", "stop_from") => "0.8",
        ("Safety", "temperature") => "0.2",
        ("Safety", "on_failure") => "reject",
        ("X402", "wait_ms") => "15000",
        ("X402", "max_fee_mwei") => "100000",
        ("X402", "max_gas") => "300000",
        ("X402", "contracts") => "true",
        ("X402Sale", "decimals") => "6",
        ("X402Sale", "timeout_s") => "300",
        ("X402Sale", "capture_s") => "86400",
        ("Output", "hold_bytes") => "512",
        ("Output", "hold_ms") => "500",
        ("Source", "api") => "moderations",
        ("Support", "least") => "0.7",
        ("Support", "act") => "annotate",
        ("Pool", "gamma") => "1.0",
        ("Pool", "placement") => "least_ttft",
        ("Instance", "weight") => "1",
        _ => "",
    }
}

impl Written {
    fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|e| e.name == name)
    }

    /// A type in words for the guide.
    pub(crate) fn type_words(&self, rust: &str) -> String {
        let rust = rust.strip_prefix("Option<").and_then(|r| r.strip_suffix('>')).unwrap_or(rust);
        if let Some(inner) = rust.strip_prefix("Vec<").and_then(|r| r.strip_suffix('>')) {
            return format!("list of {}", self.type_words(inner));
        }
        match rust {
            "Word" | "String" => "text".into(),
            "usize" | "u64" | "u32" => "whole number".into(),
            "f64" => "number".into(),
            "bool" => "true or false".into(),
            "BTreeMap<String, Word>" => "map of text".into(),
            "BTreeMap<String, Vec<String>>" => "map of lists of text".into(),
            other => match self.words.get(other) {
                Some(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" or "),
                None => format!("[{other}](#{})", other.to_lowercase()),
            },
        }
    }

    fn schema_of(&self, field: &Field) -> Value {
        let money = ["input", "cached_input", "cache_write", "cache_write_1h", "output", "usd"]
            .contains(&field.name.as_str());
        let rust = field.rust.as_str();
        let rust = rust.strip_prefix("Option<").and_then(|r| r.strip_suffix('>')).unwrap_or(rust);
        let one = |rust: &str| match rust {
            "Word" if money => json!({"type": ["string", "number"]}),
            "Word" | "String" => json!({"type": "string"}),
            "usize" | "u64" | "u32" => json!({"type": "integer", "minimum": 0}),
            "f64" => json!({"type": "number"}),
            "bool" => json!({"type": "boolean"}),
            "BTreeMap<String, Word>" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
            "BTreeMap<String, Vec<String>>" => {
                let texts = json!({"type": "array", "items": {"type": "string"}});
                json!({"type": "object", "additionalProperties": texts})
            }
            other => match self.words.get(other) {
                Some(words) => json!({"enum": words}),
                None => json!({"$ref": format!("#/$defs/{other}")}),
            },
        };
        let mut schema = match rust.strip_prefix("Vec<").and_then(|r| r.strip_suffix('>')) {
            Some(inner) => json!({"type": "array", "items": one(inner)}),
            None => one(rust),
        };
        schema["description"] = json!(field.help);
        schema
    }

    /// The JSON Schema of a configuration.
    pub(crate) fn schema(&self) -> String {
        let object = |element: &Element| {
            let mut properties = Map::new();
            for field in &element.fields {
                let mut schema = self.schema_of(field);
                let default = default_of(&element.name, &field.name);
                if !default.is_empty() {
                    schema["default"] = serde_json::from_str(&default).unwrap_or(json!(default));
                }
                properties.insert(field.name.clone(), schema);
            }
            let required: Vec<_> = element.fields.iter().filter(|f| f.required).map(|f| &f.name).collect();
            json!({"type": "object", "description": element.help, "properties": properties, "required": required, "additionalProperties": false})
        };
        let mut schema = object(self.element("File").unwrap());
        let others = self.elements.iter().filter(|e| e.name != "File");
        schema["$defs"] = others.map(|e| (e.name.clone(), object(e))).collect::<Map<_, _>>().into();
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!("Configuration of Tollgate");
        format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())
    }
}

#[test]
fn the_source_is_understood() {
    let written = read();
    assert!(written.elements.len() >= 13, "{}", written.elements.len());
    assert_eq!(
        written.words["Placement"],
        ["least_ttft", "weighted", "better_of_two", "prefix_affinity", "least_energy"]
    );
    assert_eq!(default_of("Limits", "body_bytes"), "33554432");
    let provider = written.element("Provider").unwrap();
    let required: Vec<_> = provider.fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
    assert_eq!(required, ["name", "kind"]);
}
