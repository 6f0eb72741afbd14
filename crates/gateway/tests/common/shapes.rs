//! The callers' dialects: how they ask, and what their answers, ends and errors look like.

use serde_json::{Value, json};

/// A dialect that callers speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    Chat,
    Responses,
    Messages,
}

pub const CLIENTS: [Client; 3] = [Client::Chat, Client::Responses, Client::Messages];

/// One server-sent event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }
}

/// The whole events of a stream; what is left without its blank line is not one.
pub fn events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut name, mut data): (Option<String>, Vec<&str>) = (None, Vec::new());
    for line in text.split_inclusive('\n') {
        let line = line.trim_end_matches(['\r', '\n']);
        match line.split_once(':') {
            None if line.is_empty() => {
                if !data.is_empty() {
                    events.push(Event { name: name.take(), data: data.join("\n") });
                }
                (name, data) = (None, Vec::new());
            }
            Some(("event", value)) => name = Some(value.trim_start().to_owned()),
            Some(("data", value)) => data.push(value.strip_prefix(' ').unwrap_or(value)),
            _ => {}
        }
    }
    events
}

impl Client {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// A question of one turn.
    pub fn ask(self, model: &str, words: &str, stream: bool) -> Value {
        let user = json!([{"role": "user", "content": words}]);
        match self {
            Self::Chat => json!({"model": model, "messages": user, "stream": stream}),
            Self::Responses => json!({"model": model, "input": words, "stream": stream}),
            Self::Messages => json!({"model": model, "max_tokens": 200, "messages": user, "stream": stream}),
        }
    }

    /// The same, with a tool that must be called.
    pub fn ask_tool(self, model: &str, words: &str, stream: bool) -> Value {
        let schema =
            json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        let mut body = self.ask(model, words, stream);
        let (tools, choice) = match self {
            Self::Chat => (
                json!([{"type": "function", "function": {"name": "weather", "parameters": schema}}]),
                json!("required"),
            ),
            Self::Responses => {
                (json!([{"type": "function", "name": "weather", "parameters": schema}]), json!("required"))
            }
            Self::Messages => (json!([{"name": "weather", "input_schema": schema}]), json!({"type": "any"})),
        };
        body["tools"] = tools;
        body["tool_choice"] = choice;
        body
    }

    /// The words of a whole answer.
    pub fn words(self, answer: &Value) -> String {
        let texts = |list: &Value, at: &str| -> String {
            list.as_array().into_iter().flatten().filter_map(|p| p[at].as_str()).collect()
        };
        match self {
            Self::Chat => answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
            Self::Responses => {
                let items = answer["output"].as_array().into_iter().flatten();
                items.map(|item| texts(&item["content"], "text")).collect()
            }
            Self::Messages => texts(&answer["content"], "text"),
        }
    }

    /// The words of a stream.
    pub fn streamed(self, text: &str) -> String {
        let all = events(text);
        let words = all.iter().map(|e| {
            let data = e.json();
            let piece = match self {
                Self::Chat => &data["choices"][0]["delta"]["content"],
                Self::Responses if data["type"] == "response.output_text.delta" => &data["delta"],
                Self::Messages if data["type"] == "content_block_delta" => &data["delta"]["text"],
                _ => &Value::Null,
            };
            piece.as_str().unwrap_or_default().to_owned()
        });
        words.collect()
    }

    /// The first call of a whole answer: name and arguments.
    pub fn call(self, answer: &Value) -> Option<(String, Value)> {
        let parsed = |text: &Value| serde_json::from_str(text.as_str()?).ok();
        match self {
            Self::Chat => {
                let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
                Some((call["name"].as_str()?.to_owned(), parsed(&call["arguments"])?))
            }
            Self::Responses => {
                let call = answer["output"].as_array()?.iter().find(|i| i["type"] == "function_call")?;
                Some((call["name"].as_str()?.to_owned(), parsed(&call["arguments"])?))
            }
            Self::Messages => {
                let call = answer["content"].as_array()?.iter().find(|b| b["type"] == "tool_use")?;
                Some((call["name"].as_str()?.to_owned(), call["input"].clone()))
            }
        }
    }

    /// Whether a stream ended well.
    pub fn ended(self, text: &str) -> bool {
        let all = events(text);
        let Some(last) = all.last() else { return false };
        match self {
            Self::Chat => last.data == "[DONE]",
            Self::Responses => {
                matches!(last.json()["type"].as_str(), Some("response.completed" | "response.incomplete"))
            }
            Self::Messages => last.json()["type"] == "message_stop",
        }
    }

    /// The message of the error with which a stream ended.
    pub fn broke(self, text: &str) -> Option<String> {
        let all = events(text);
        let bad = all.iter().rev().take(2).find_map(|e| {
            let data = e.json();
            let message = match self {
                Self::Chat => data["error"]["message"].clone(),
                Self::Responses if e.name.as_deref() == Some("error") => data["message"].clone(),
                Self::Responses if data["type"] == "response.failed" => {
                    data["response"]["error"]["message"].clone()
                }
                Self::Messages if e.name.as_deref() == Some("error") && data["type"] == "error" => {
                    data["error"]["message"].clone()
                }
                _ => Value::Null,
            };
            message.as_str().map(str::to_owned)
        });
        bad.filter(|_| !self.ended(text))
    }

    /// Whether an error body has this dialect's shape.
    pub fn is_error(self, body: &Value) -> bool {
        let said = body["error"]["message"].is_string() && body["error"]["type"].is_string();
        said && (body["type"] == "error") == (self == Self::Messages)
    }
}
