//! Chat chunks into events.
//!
//! A chat stream does not say where parts begin and end: a part begins with its first piece and ends when another
//! kind of piece comes, except tool calls, which may interleave by `index`. A call is closed early when its
//! arguments are a whole JSON object and another call begins; all others end with `finish_reason`.

use super::parts::{read_citation, read_reasoning};
use super::request_read::read_signature;
use super::{read_stop, read_usage};
use crate::Dialect::OpenaiChat;
use crate::error::WireError;
use crate::form::{Citation, Delta, Event, Failure, Fields, Json, Open, Stop, Thought, broken, syntax};

/// Reads the data of chat chunks.
#[derive(Debug, Default)]
pub struct StreamReader {
    started: bool,
    parts: usize,
    /// The open part that is not a call.
    open: Option<(Kind, usize)>,
    /// `index` of `reasoning_details` of the open reasoning.
    thought: Option<u64>,
    calls: Vec<Call>,
    /// Characters of text before the open text part, and in it: annotations count from the first.
    said: (u64, u64),
    stopped: bool,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Refusal,
    Reasoning,
}

#[derive(Debug)]
struct Call {
    index: u64,
    id: String,
    part: usize,
    whole: Balance,
    closed: bool,
}

impl StreamReader {
    /// Reads one event's data and appends what it says.
    ///
    /// # Errors
    /// When the data is not a chat chunk.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.close(out);
            self.ended = true;
            out.push(Event::End);
            return Ok(());
        }
        let mut chunk = Fields::of(Json::parse(data).map_err(|e| syntax(&e))?, "chunk")?;
        if let Some(error) = chunk.take("error") {
            let word = ["code", "type"]
                .iter()
                .find_map(|key| error.get(key).and_then(Json::as_str))
                .unwrap_or_default();
            let message =
                error.get("message").and_then(Json::as_str).or(error.as_str()).unwrap_or("unknown error");
            self.ended = true;
            out.push(Event::Failed(Failure::of(word, message)));
            return Ok(());
        }
        if !self.started {
            self.started = true;
            let id = chunk.text("id")?.filter(|id| !id.is_empty());
            let model = chunk.text("model")?.filter(|model| !model.is_empty());
            let (created, service_tier) = (chunk.count("created")?, chunk.text("service_tier")?);
            out.push(Event::Start { id, model, created, service_tier });
        }
        for (n, choice) in chunk.list("choices")?.into_iter().enumerate() {
            let mut choice = Fields::of(choice, format!("choices[{n}]"))?;
            if choice.count("index")?.unwrap_or(0) == 0 {
                self.choice(choice, out)?;
            }
        }
        if let Some(usage) = read_usage(chunk.object("usage")?)? {
            out.push(Event::Usage(usage));
        }
        Ok(())
    }

    /// Ends the stream. A chat answer is whole once it said why it stopped, whether or not `[DONE]` followed.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.ended {
            self.ended = true;
            out.push(if self.stopped { Event::End } else { Event::Failed(Failure::truncated()) });
        }
    }

    fn choice(&mut self, mut choice: Fields, out: &mut Vec<Event>) -> Result<(), WireError> {
        if let Some(mut delta) = choice.object("delta")? {
            for (n, thought) in read_thoughts(&mut delta)? {
                self.thought(thought, n, out);
            }
            if let Some(text) = delta.text("content")?.filter(|text| !text.is_empty()) {
                let more = text.chars().count() as u64;
                self.grow(Kind::Text, Delta::Text(text), out);
                self.said.1 += more;
            }
            if let Some(text) = delta.text("refusal")?.filter(|text| !text.is_empty()) {
                self.grow(Kind::Refusal, Delta::Text(text), out);
            }
            for json in delta.list("annotations")? {
                let mut citation = read_citation(json, OpenaiChat);
                if let Citation::Url { range: Some((from, to)), .. } = &mut citation {
                    (*from, *to) = (from.saturating_sub(self.said.0), to.saturating_sub(self.said.0));
                }
                self.grow(Kind::Text, Delta::Citation(citation), out);
            }
            for (n, call) in delta.list("tool_calls")?.into_iter().enumerate() {
                self.call(Fields::of(call, delta.at(&format!("tool_calls[{n}]")))?, n, out)?;
            }
        }
        if let Some(mut logs) = choice.object("logprobs")? {
            let tokens = logs.list("content")?;
            if !tokens.is_empty() {
                self.grow(Kind::Text, Delta::Logprobs(tokens), out);
            }
        }
        let sequence = choice.peek("stop_reason").map(str::to_owned);
        if let Some(reason) = choice.text("finish_reason")? {
            self.close(out);
            self.stopped = true;
            let stop = read_stop(&reason, sequence);
            out.push(Event::Stop(if stop == Stop::End && !self.calls.is_empty() {
                Stop::ToolCalls
            } else {
                stop
            }));
        }
        Ok(())
    }

    fn thought(&mut self, thought: Thought, index: Option<u64>, out: &mut Vec<Event>) {
        if index.is_some() && index != Some(self.thought.unwrap_or(0)) {
            self.shut(out);
        }
        if !matches!(self.open, Some((Kind::Reasoning, _))) {
            self.shut(out);
            self.begin(Kind::Reasoning, Open::Reasoning { item: thought.item }, out);
        }
        self.thought = index.or(self.thought);
        let mut grow = |delta| self.grow(Kind::Reasoning, delta, out);
        if !thought.text.is_empty() {
            grow(Delta::Text(thought.text));
        }
        for (n, text) in thought.summary.into_iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            grow(Delta::Summary(n, text));
        }
        if let Some(signature) = thought.signature {
            grow(Delta::Signature(thought.origin, signature));
        }
        if let Some(encrypted) = thought.encrypted {
            grow(Delta::Encrypted(thought.origin, encrypted));
        }
    }

    fn begin(&mut self, kind: Kind, open: Open, out: &mut Vec<Event>) {
        self.settle_calls(out);
        if kind == Kind::Text {
            self.said = (self.said.0 + self.said.1, 0);
        }
        self.open = Some((kind, self.parts));
        out.push(Event::Open { part: self.parts, open });
        self.parts += 1;
    }

    fn grow(&mut self, kind: Kind, delta: Delta, out: &mut Vec<Event>) {
        if self.open.is_none_or(|(open, _)| open != kind) {
            self.shut(out);
            let open = match kind {
                Kind::Text => Open::Text,
                Kind::Refusal => Open::Refusal,
                Kind::Reasoning => Open::Reasoning { item: None },
            };
            self.begin(kind, open, out);
        }
        if let Some((_, part)) = self.open {
            out.push(Event::Delta { part, delta });
        }
    }

    fn shut(&mut self, out: &mut Vec<Event>) {
        self.thought = None;
        if let Some((_, part)) = self.open.take() {
            out.push(Event::Close { part });
        }
    }

    fn settle_calls(&mut self, out: &mut Vec<Event>) {
        for call in self.calls.iter_mut().filter(|call| !call.closed && call.whole.done()) {
            call.closed = true;
            out.push(Event::Close { part: call.part });
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.shut(out);
        for call in self.calls.iter_mut().filter(|call| !call.closed) {
            call.closed = true;
            out.push(Event::Close { part: call.part });
        }
    }

    fn call(&mut self, mut call: Fields, position: usize, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = call.count("index")?.unwrap_or(position as u64);
        let id = call.text("id")?.unwrap_or_default();
        let signature = read_signature(&mut call);
        let function = call.object("function")?;
        let (name, arguments) = match function {
            Some(mut function) => {
                (function.text("name")?.unwrap_or_default(), function.text("arguments")?.unwrap_or_default())
            }
            None => Default::default(),
        };
        // Some servers give every call the index 0 and tell them apart by id.
        let known = self.calls.iter().rposition(|c| c.index == index && (id.is_empty() || c.id == id));
        let at = match known {
            Some(at) => at,
            None if self.calls.len() >= CALLS_MAX => {
                return Err(broken("the answer calls more tools than are followed"));
            }
            None => {
                self.shut(out);
                self.settle_calls(out);
                let part = self.parts;
                self.parts += 1;
                out.push(Event::Open { part, open: Open::ToolCall { id: id.clone(), name, signature } });
                self.calls.push(Call { index, id, part, whole: Balance::default(), closed: false });
                self.calls.len() - 1
            }
        };
        if let Some(call) = self.calls.get_mut(at)
            && !call.closed
            && !arguments.is_empty()
        {
            call.whole.push(arguments.as_bytes());
            out.push(Event::Delta { part: call.part, delta: Delta::Arguments(arguments) });
        }
        Ok(())
    }
}

/// The thoughts of a delta with the `index` that tells them apart.
fn read_thoughts(delta: &mut Fields) -> Result<Vec<(Option<u64>, Thought)>, WireError> {
    let details = delta.take("reasoning_details");
    let places: Vec<(Option<u64>, usize)> = details
        .as_ref()
        .map(|json| json.items())
        .unwrap_or_default()
        .iter()
        .map(|json| {
            let number = |key| json.get(key).and_then(Json::as_u64);
            (number("index"), number("summary_index").unwrap_or(0).min(SUMMARIES_MAX) as usize)
        })
        .collect();
    if let Some(details) = details {
        delta.put("reasoning_details", details);
    }
    let thoughts = read_reasoning(delta)?;
    Ok(thoughts
        .into_iter()
        .enumerate()
        .map(|(n, mut thought)| {
            let (index, summary) = places.get(n).copied().unwrap_or((None, 0));
            if let [_] = thought.summary.as_slice() {
                thought.summary.splice(0..0, std::iter::repeat_n(String::new(), summary));
            }
            (index, thought)
        })
        .collect())
}

/// Most calls of one answer.
pub const CALLS_MAX: usize = 1024;
/// Most summaries of one thought.
const SUMMARIES_MAX: u64 = 64;

/// Follows brackets and strings to see when a JSON object is whole.
#[derive(Debug, Default)]
struct Balance {
    depth: u64,
    began: bool,
    string: bool,
    escape: bool,
}

impl Balance {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.escape => self.escape = false,
                b'\\' if self.string => self.escape = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => {
                    self.began = true;
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    const fn done(&self) -> bool {
        self.began && self.depth == 0 && !self.string
    }
}
