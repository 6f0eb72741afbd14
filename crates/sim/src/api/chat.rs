//! Chat completions: the whole answer, and its stream events.

use crate::text::{Finish, Piece};
use serde::Serialize;

/// Token counts of one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) prompt: u32,
    pub(crate) cached: u32,
    pub(crate) completion: u32,
    pub(crate) reasoning: u32,
}

// The wire forms. Structs rather than maps, so that the order of members never depends on features.

#[derive(Serialize)]
struct UsageWire {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u32,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u32,
}

#[derive(Serialize)]
struct Envelope<'a, C> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    system_fingerprint: &'a str,
    choices: &'a [C],
    /// Outer none: no member; inner none: `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageWire>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct WholeChoice {
    index: u32,
    message: WholeMessage,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct WholeMessage {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall>,
}

#[derive(Serialize)]
struct WholeCall {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WholeFunction,
}

#[derive(Serialize)]
struct WholeFunction {
    name: String,
    arguments: String,
}

impl From<Usage> for UsageWire {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt,
            completion_tokens: usage.completion,
            total_tokens: u64::from(usage.prompt) + u64::from(usage.completion),
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cached },
            completion_tokens_details: CompletionDetails { reasoning_tokens: usage.reasoning },
        }
    }
}

/// What every event of one answer repeats.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created: i64,
    /// Names the instance.
    pub(crate) fingerprint: String,
    /// Whether chunks carry `usage: null` and the last one the counts.
    pub(crate) usage: bool,
}

impl Head {
    fn write<C: Serialize>(
        &self,
        object: &'static str,
        choices: &[C],
        usage: Option<Option<UsageWire>>,
    ) -> String {
        let envelope = Envelope {
            id: &self.id,
            object,
            created: self.created,
            model: &self.model,
            system_fingerprint: &self.fingerprint,
            choices,
            usage,
        };
        // Strings and numbers always serialise.
        serde_json::to_string(&envelope).unwrap_or_default()
    }

    fn event(&self, choices: &[ChunkChoice<'_>], usage: Option<Usage>) -> String {
        let usage = self.usage.then(|| usage.map(UsageWire::from));
        format!("data: {}\n\n", self.write("chat.completion.chunk", choices, usage))
    }

    fn chunk(&self, delta: Delta<'_>, finish: Option<Finish>) -> String {
        let finish_reason = finish.map(Finish::word);
        self.event(&[ChunkChoice { index: 0, delta, logprobs: None, finish_reason }], None)
    }

    /// The first event: the role, no content.
    pub(crate) fn role(&self) -> String {
        self.chunk(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None)
    }

    /// One token.
    pub(crate) fn piece(&self, piece: &Piece) -> String {
        let call =
            |call: CallDelta<'_>| self.chunk(Delta { tool_calls: Some([call]), ..Delta::default() }, None);
        match piece {
            Piece::Reasoning(text) => {
                self.chunk(Delta { reasoning_content: Some(text), ..Delta::default() }, None)
            }
            Piece::Text(text) => self.chunk(Delta { content: Some(text), ..Delta::default() }, None),
            Piece::CallOpen { index, id, name } => {
                let function = FunctionDelta { name: Some(name), arguments: "" };
                call(CallDelta { index: *index, id: Some(id), kind: Some("function"), function })
            }
            Piece::CallArguments { index, text } => {
                let function = FunctionDelta { name: None, arguments: text };
                call(CallDelta { index: *index, id: None, kind: None, function })
            }
        }
    }

    /// The end: why, usage if asked for, the end mark.
    pub(crate) fn end(&self, finish: Finish, usage: Usage) -> Vec<String> {
        let mut events = vec![self.chunk(Delta::default(), Some(finish))];
        if self.usage {
            events.push(self.event(&[], Some(usage)));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    /// The whole answer.
    pub(crate) fn whole(&self, pieces: &[Piece], finish: Finish, usage: Usage) -> String {
        let (mut content, mut reasoning_content) = (String::new(), String::new());
        let mut tool_calls: Vec<WholeCall> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Reasoning(text) => reasoning_content.push_str(text),
                Piece::Text(text) => content.push_str(text),
                Piece::CallOpen { id, name, .. } => {
                    let function = WholeFunction { name: name.clone(), arguments: String::new() };
                    tool_calls.push(WholeCall { id: id.clone(), kind: "function", function });
                }
                Piece::CallArguments { text, .. } => {
                    if let Some(call) = tool_calls.last_mut() {
                        call.function.arguments.push_str(text);
                    }
                }
            }
        }
        let content = tool_calls.is_empty().then_some(content);
        let message = WholeMessage {
            role: "assistant",
            content,
            refusal: None,
            annotations: [],
            reasoning_content,
            tool_calls,
        };
        let choice = WholeChoice { index: 0, message, logprobs: None, finish_reason: finish.word() };
        self.write("chat.completion", &[choice], Some(Some(usage.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            id: "chatcmpl-1".into(),
            model: "m".into(),
            created: 5,
            fingerprint: "sim-a".into(),
            usage: true,
        }
    }

    #[test]
    fn writes_the_whole_answer() {
        let pieces = [
            Piece::Reasoning("Hm".into()),
            Piece::CallOpen { index: 0, id: "call_1".into(), name: "f".into() },
            Piece::CallArguments { index: 0, text: "{\"a\"".into() },
            Piece::CallArguments { index: 0, text: ":1}".into() },
        ];
        let usage = Usage { prompt: 7, cached: 0, completion: 4, reasoning: 1 };
        insta::assert_snapshot!("whole_calls", head().whole(&pieces, Finish::ToolCalls, usage));
        let text = [Piece::Text("Hi".into())];
        insta::assert_snapshot!("whole_text", head().whole(&text, Finish::Length, usage));
    }

    #[test]
    fn writes_the_events() {
        let mut events = vec![head().role(), head().piece(&Piece::Text("\"é\n".into()))];
        events.push(head().piece(&Piece::CallOpen { index: 1, id: "call_1".into(), name: "f".into() }));
        events.push(head().piece(&Piece::CallArguments { index: 1, text: "{".into() }));
        events.extend(head().end(Finish::Stop, Usage { prompt: 7, cached: 3, completion: 4, reasoning: 1 }));
        insta::assert_snapshot!("events", events.concat());
    }
}
