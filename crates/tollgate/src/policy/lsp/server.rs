//! Requests and notifications to answers: one function from a message and the open texts.

use super::features;
use super::text::{Document, Encoding};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_policy::{Compiled, Known, Severity, limits, report_unbuilt, review};
use tollgate_signals::SignalSet;

/// Most texts that are open at once.
const OPEN_MAX: usize = 256;

/// JSON-RPC's words for what went wrong.
const PARSE_ERROR: i64 = -32_700;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_REQUEST: i64 = -32_600;
const NOT_INITIALIZED: i64 = -32_002;
const REQUEST_FAILED: i64 = -32_803;

/// Where the conversation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Ready,
    ShutDown,
    /// Whether it was shut down before.
    Ended(bool),
}

/// The server.
pub(super) struct Server {
    known: Known,
    stage: Stage,
    encoding: Encoding,
    open: BTreeMap<String, Document>,
}

impl Server {
    pub(super) fn new(known: Known) -> Self {
        Self { known, stage: Stage::Fresh, encoding: Encoding::default(), open: BTreeMap::new() }
    }

    /// Whether the editor said the end, and did so in order.
    pub(super) const fn ended(&self) -> Option<bool> {
        match self.stage {
            Stage::Ended(good) => Some(good),
            _ => None,
        }
    }

    /// What a message is answered with.
    pub(super) fn take(&mut self, message: &[u8]) -> Vec<Value> {
        let Ok(message) = serde_json::from_slice::<Value>(message) else {
            return vec![error(&Value::Null, PARSE_ERROR, "this is not JSON")];
        };
        let Some(method) = message.get("method").and_then(Value::as_str) else {
            // An answer to a request of ours, of which there are none.
            let known = message.get("result").is_some() || message.get("error").is_some();
            return if known {
                Vec::new()
            } else {
                vec![error(&Value::Null, INVALID_REQUEST, "there is no method")]
            };
        };
        let params = message.get("params").unwrap_or(&Value::Null);
        match message.get("id") {
            None => self.notified(method, params),
            Some(id) => vec![match self.asked(method, params) {
                Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                Err((code, why)) => error(id, code, &why),
            }],
        }
    }

    fn asked(&mut self, method: &str, params: &Value) -> Result<Value, (i64, String)> {
        match (self.stage, method) {
            (Stage::Fresh, "initialize") => return Ok(self.initialize(params)),
            (Stage::Fresh, _) => return Err((NOT_INITIALIZED, "initialize first".into())),
            (Stage::ShutDown | Stage::Ended(_), _) => {
                return Err((INVALID_REQUEST, "the server was shut down".into()));
            }
            (Stage::Ready, "initialize") => return Err((INVALID_REQUEST, "this was done before".into())),
            (Stage::Ready, "shutdown") => {
                self.stage = Stage::ShutDown;
                return Ok(Value::Null);
            }
            (Stage::Ready, _) => {}
        }
        let at = |document: &Document| document.offset(params.get("position").unwrap_or(&Value::Null));
        let uri = uri(params);
        let document = || {
            let found = self.open.get(uri);
            found.ok_or_else(|| (REQUEST_FAILED, format!("{uri} is not open")))
        };
        Ok(match method {
            "textDocument/hover" => {
                let document = document()?;
                features::hover(document, at(document))
            }
            "textDocument/definition" => {
                let document = document()?;
                features::definition(document, uri, at(document))
            }
            "textDocument/completion" => {
                let document = document()?;
                features::completion(document, &self.known, at(document))
            }
            "textDocument/documentSymbol" => features::symbols(document()?),
            "textDocument/formatting" => {
                features::formatting(document()?).map_err(|why| (REQUEST_FAILED, why))?
            }
            other => return Err((METHOD_NOT_FOUND, format!("{other} is not served"))),
        })
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.stage = Stage::Ready;
        let offered = params.pointer("/capabilities/general/positionEncodings").and_then(Value::as_array);
        let bytes = offered.is_some_and(|all| all.iter().any(|one| one == "utf-8"));
        self.encoding = if bytes { Encoding::Utf8 } else { Encoding::Utf16 };
        json!({
            "capabilities": {
                "positionEncoding": self.encoding.word(),
                // Whole texts: a policy is small.
                "textDocumentSync": {"openClose": true, "change": 1},
                "hoverProvider": true,
                "definitionProvider": true,
                "documentSymbolProvider": true,
                "documentFormattingProvider": true,
                "completionProvider": {"triggerCharacters": ["\"", ">"]},
            },
            "serverInfo": {"name": "tollgate", "version": env!("CARGO_PKG_VERSION")},
        })
    }

    fn notified(&mut self, method: &str, params: &Value) -> Vec<Value> {
        if method == "exit" {
            self.stage = Stage::Ended(self.stage == Stage::ShutDown);
            return Vec::new();
        }
        if self.stage != Stage::Ready {
            return Vec::new();
        }
        let uri = uri(params).to_owned();
        match method {
            "textDocument/didOpen" => {
                let text = params.pointer("/textDocument/text").and_then(Value::as_str);
                self.changed(uri, text)
            }
            "textDocument/didChange" => {
                let changes = params.get("contentChanges").and_then(Value::as_array);
                // Only whole texts were asked for; the last one counts.
                let text = changes.and_then(|all| all.last()?.get("text")?.as_str());
                self.changed(uri, text)
            }
            "textDocument/didClose" => {
                self.open.remove(&uri);
                vec![published(&uri, &json!([]))]
            }
            _ => Vec::new(),
        }
    }

    fn changed(&mut self, uri: String, text: Option<&str>) -> Vec<Value> {
        let Some(text) = text else { return Vec::new() };
        if text.len() > limits::MAX_BYTES || (self.open.len() >= OPEN_MAX && !self.open.contains_key(&uri)) {
            let message = format!("at most {OPEN_MAX} policies of {} bytes are read", limits::MAX_BYTES);
            return vec![
                json!({"jsonrpc": "2.0", "method": "window/showMessage", "params": {"type": 2, "message": message}}),
            ];
        }
        let document = Document::new(text.to_owned(), self.encoding);
        let answer = published(&uri, &diagnostics(&document, &uri, &self.known));
        self.open.insert(uri, document);
        vec![answer]
    }
}

fn uri(params: &Value) -> &str {
    params.pointer("/textDocument/uri").and_then(Value::as_str).unwrap_or_default()
}

fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

fn published(uri: &str, diagnostics: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": diagnostics}})
}

fn diagnostics(document: &Document, uri: &str, known: &Known) -> Value {
    let Compiled { policy, mut report } = review(&document.text, known);
    let built = policy.map(|policy| SignalSet::compile(policy.specs()));
    for error in built.and_then(Result::err).unwrap_or_default() {
        let why = error.problem.to_string();
        report_unbuilt(&mut report, &document.text, &error.signal, &error.param, &why);
    }
    let one = |found: &tollgate_policy::Diagnostic| {
        let help = found.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        let related: Vec<Value> = found
            .labels
            .iter()
            .map(|label| json!({"location": {"uri": uri, "range": document.range(label.span)}, "message": label.message}))
            .collect();
        json!({
            "range": document.range(found.span),
            "severity": match found.severity {
                Severity::Error => 1,
                Severity::Warning => 2,
                Severity::Note => 3,
            },
            "code": found.code,
            "source": "tollgate",
            "message": format!("{}{help}", found.message),
            "relatedInformation": related,
        })
    };
    report.diagnostics.iter().map(one).collect()
}
