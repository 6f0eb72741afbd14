//! What an answer's JSON says of calls.

use serde_json::Value;

/// Whether the last event is at its end: a blank line.
pub(super) fn whole_events(events: &[u8]) -> bool {
    [&b"\n\n"[..], b"\r\r", b"\n\r\n"].iter().any(|end| events.ends_with(end))
}

pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

pub(super) fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

pub(super) fn kind(value: &Value) -> &str {
    text(value, "type").unwrap_or_default()
}

/// The arguments of an output item. Items without arguments of their own, such as an action on the screen, are their
/// own arguments.
pub(super) fn given(item: &Value) -> String {
    let text = ["arguments", "input"].iter().find_map(|key| text(item, key)).map(str::to_owned);
    text.unwrap_or_else(|| item.get("action").unwrap_or(item).to_string())
}

/// Calls that the provider has run when they are told: they are governed by what was offered.
const RUN: [&str; 5] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "tool_search_call",
];

/// The tool that an output item of the Responses dialect asks the caller to run. A call of a type that is not known here
/// is taken for one, by the name of its type.
pub(super) fn called(item: &Value) -> Option<&str> {
    match kind(item) {
        "function_call" | "custom_tool_call" | "mcp_call" | "mcp_approval_request" => {
            Some(text(item, "name").unwrap_or_default())
        }
        "computer_call" => Some("computer_use_preview"),
        run if RUN.contains(&run) => None,
        other => other.strip_suffix("_call"),
    }
}
