//! Tool calls in an answer, held back until the policy has allowed them.
//!
//! What the caller is about to get is read in the caller's own dialect, after every translation, so that what was
//! judged is what is handed on. From the first piece of a call on, everything is held until all calls that have begun
//! are whole; then it goes on at once or never. What is held is bounded; an answer that exceeds the bound, or that
//! cannot be read, is not handed on.

mod read;

use bytes::{Bytes, BytesMut};
use read::{called, given, kind, list, number, text, whole_events};
use serde_json::Value;
use std::collections::BTreeMap;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::{Clearance, Denial};
use tollgate_wire::Dialect;
use tollgate_wire::sse::Framer;

/// Most bytes of an answer that are held for its calls, and most calls.
const HELD_MAX: usize = 8 << 20;
const CALLS_MAX: usize = 1024;
/// What stands in every event that begins or continues a call; an event without them is not parsed. A letter written
/// as an escape would hide a word, so escapes of letters count too.
const TRACES: [&[u8]; 5] = [b"tool", b"function", b"_call", b"mcp_", b"\\u00"];

/// Why an answer stops here.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Stop {
    /// The policy denies a call.
    Denied(Denial),
    /// The answer cannot be judged.
    Unread(&'static str),
}

impl Stop {
    /// What the caller is told.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Denied(denial) => crate::pipeline::govern::fault(denial),
            Self::Unread(why) => Fault::upstream(FaultKind::UpstreamFailed, *why),
        }
    }

    /// The denial, when it is one.
    pub(crate) const fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Denied(denial) => Some(denial),
            Self::Unread(_) => None,
        }
    }
}

/// A call that has begun.
#[derive(Default)]
struct Call {
    id: String,
    name: String,
    /// Names that came before at the same place, without arguments and without an id that would tell the calls apart: a
    /// client may read them and this one as one name, so that is judged too.
    joined: String,
    arguments: String,
    /// What stood in the event that began it; counts where no pieces come.
    begun: String,
}

impl Call {
    /// Its arguments as far as they were told.
    fn told(&self) -> &str {
        if self.arguments.is_empty() { &self.begun } else { &self.arguments }
    }
}

/// Watches the calls of one answer.
pub(crate) struct Calls {
    clearance: Clearance,
    dialect: Dialect,
    framer: Framer,
    /// Calls that are not whole, by the place that their dialect gives them.
    open: BTreeMap<(u64, u64), Call>,
    held: BytesMut,
    seen: usize,
    stop: Option<Stop>,
}

impl Calls {
    pub(crate) fn new(clearance: Clearance, dialect: Dialect) -> Self {
        Self {
            clearance,
            dialect,
            framer: Framer::default(),
            open: BTreeMap::new(),
            held: BytesMut::new(),
            seen: 0,
            stop: None,
        }
    }

    /// Why nothing more is handed on.
    pub(crate) const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Whether anything is held.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes whole events that are ready for the caller; gives those that may go on now.
    pub(crate) fn feed(&mut self, events: Bytes) -> Bytes {
        if self.stop.is_none() && !events.is_empty() && !whole_events(&events) {
            // Half an event cannot be judged, and the other half comes too late.
            return self.halt(Stop::Unread("an event of the answer is larger than this gateway judges"));
        }
        self.see(events)
    }

    /// The same for the last bytes of a stream, which may end within an event.
    pub(crate) fn see(&mut self, events: Bytes) -> Bytes {
        if self.stop.is_some() || events.is_empty() {
            return Bytes::new();
        }
        self.framer.push(events.clone());
        loop {
            let result = match self.framer.next_event() {
                Ok(Some(event)) => self.event(&event.data),
                Ok(None) => break,
                Err(_) => Err(Stop::Unread("the answer's events cannot be read")),
            };
            if let Err(stop) = result {
                return self.halt(stop);
            }
        }
        self.pass(events)
    }

    /// The end of the answer: calls that never became whole are not handed on.
    pub(crate) fn end(&mut self, tail: Bytes) -> Bytes {
        let out = self.see(tail);
        if self.stop.is_some() {
            return out;
        }
        let rest = match self.framer.finish() {
            Ok(Some(event)) => self.event(&event.data),
            Ok(None) => Ok(()),
            Err(_) => Err(Stop::Unread("the answer's events cannot be read")),
        };
        let done = rest.and_then(|()| self.judge_open(|_| true));
        if let Err(stop) = done {
            return self.halt(stop);
        }
        if out.is_empty() { self.held.split().freeze() } else { out }
    }

    /// Judges the calls of a whole answer.
    pub(crate) fn whole(&mut self, body: &[u8]) -> Result<(), Stop> {
        let wrong = || Stop::Unread("the answer cannot be read as JSON");
        let answer: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
        let judged = match self.dialect {
            Dialect::OpenaiChat => {
                list(&answer, "choices").iter().enumerate().try_for_each(|(at, choice)| {
                    self.chat_pieces(at as u64, choice.get("message").unwrap_or(&Value::Null))
                })
            }
            Dialect::Anthropic => list(&answer, "content").iter().try_for_each(|block| self.block(block)),
            Dialect::OpenaiResponses => list(&answer, "output").iter().try_for_each(|item| self.item(item)),
            Dialect::Gemini | Dialect::OpenaiEmbeddings => Ok(()),
        };
        let done = judged.and_then(|()| self.judge_open(|_| true));
        if let Err(stop) = &done {
            self.stop = Some(stop.clone());
        }
        done
    }

    fn halt(&mut self, stop: Stop) -> Bytes {
        self.stop = Some(stop);
        self.held = BytesMut::new();
        self.open.clear();
        Bytes::new()
    }

    fn pass(&mut self, events: Bytes) -> Bytes {
        if self.open.is_empty() && self.held.is_empty() {
            return events;
        }
        if self.held.len() + events.len() > HELD_MAX {
            return self.halt(Stop::Unread("the answer's tool calls are larger than this gateway holds"));
        }
        self.held.extend_from_slice(&events);
        if self.open.is_empty() { self.held.split().freeze() } else { Bytes::new() }
    }

    fn event(&mut self, data: &[u8]) -> Result<(), Stop> {
        let traced = TRACES.iter().any(|trace| memchr::memmem::find(data, trace).is_some());
        // Ends of parts matter while calls are open.
        if (!traced && self.open.is_empty()) || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: Value =
            serde_json::from_slice(data).map_err(|_| Stop::Unread("an event of the answer is not JSON"))?;
        // What speaks of tools in another dialect than the caller's is not what the caller's client was promised.
        let named = event.get("type").is_some() || event.get("error").is_some();
        if self.dialect != Dialect::OpenaiChat && !named {
            return Err(Stop::Unread("an event of the answer is not of its dialect"));
        }
        match self.dialect {
            Dialect::OpenaiChat => self.chat_event(&event),
            Dialect::Anthropic => self.anthropic_event(&event),
            Dialect::OpenaiResponses => self.responses_event(&event),
            Dialect::Gemini | Dialect::OpenaiEmbeddings => Ok(()),
        }
    }

    fn chat_event(&mut self, event: &Value) -> Result<(), Stop> {
        for choice in list(event, "choices") {
            let at = number(choice, "index");
            self.chat_pieces(at, choice.get("delta").unwrap_or(&Value::Null))?;
            self.chat_pieces(at, choice.get("message").unwrap_or(&Value::Null))?;
            if choice.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
                self.judge_open(|(choice, _)| *choice == at)?;
            }
        }
        Ok(())
    }

    /// Pieces of calls in a message or delta. Some servers give every call the index 0: a new name begins a new one.
    fn chat_pieces(&mut self, choice: u64, message: &Value) -> Result<(), Stop> {
        if message.get("tool_calls").is_some_and(|calls| !calls.is_null() && !calls.is_array()) {
            return Err(Stop::Unread("the answer's tool calls are no list"));
        }
        for (position, piece) in list(message, "tool_calls").iter().enumerate() {
            let index = piece.get("index").and_then(Value::as_u64).unwrap_or(position as u64);
            let of = |key: &str| piece.get(key).unwrap_or(&Value::Null);
            let name = text(of("function"), "name").or_else(|| text(of("custom"), "name"));
            let more = text(of("function"), "arguments").or_else(|| text(of("custom"), "input"));
            self.begin((choice, index), text(piece, "id").unwrap_or_default(), name.unwrap_or_default())?;
            self.piece((choice, index), more)?;
        }
        if let Some(call) = message.get("function_call").filter(|call| !call.is_null()) {
            self.begin((choice, u64::MAX), "", text(call, "name").unwrap_or_default())?;
            self.piece((choice, u64::MAX), text(call, "arguments"))?;
        }
        Ok(())
    }

    /// A name at a place: the first names the call there, a further one ends that call and begins another.
    fn begin(&mut self, at: (u64, u64), id: &str, name: &str) -> Result<(), Stop> {
        let mut next = Call { id: id.to_owned(), name: name.to_owned(), ..Call::default() };
        match self.open.get_mut(&at) {
            Some(call) if name.is_empty() || call.name.is_empty() => {
                call.name.push_str(name);
                if call.id.is_empty() {
                    id.clone_into(&mut call.id);
                }
                return Ok(());
            }
            Some(call) => {
                let apart = !call.arguments.is_empty() || (!id.is_empty() && id != call.id);
                if !apart {
                    next.joined = format!("{}{}", call.joined, call.name);
                    if next.id.is_empty() {
                        next.id.clone_from(&call.id);
                    }
                }
            }
            None => {}
        }
        self.judge_open(|open| *open == at)?;
        self.count(&at)?;
        self.open.insert(at, next);
        Ok(())
    }

    fn piece(&mut self, at: (u64, u64), more: Option<&str>) -> Result<(), Stop> {
        self.count(&at)?;
        self.open.entry(at).or_default().arguments.push_str(more.unwrap_or_default());
        Ok(())
    }

    fn count(&mut self, at: &(u64, u64)) -> Result<(), Stop> {
        self.seen += usize::from(!self.open.contains_key(at));
        if self.seen > CALLS_MAX {
            Err(Stop::Unread("the answer calls more tools than are followed"))
        } else {
            Ok(())
        }
    }

    fn anthropic_event(&mut self, event: &Value) -> Result<(), Stop> {
        let at = (0, number(event, "index"));
        match event.get("type").and_then(Value::as_str) {
            Some("content_block_start") => {
                let block = event.get("content_block").unwrap_or(&Value::Null);
                // What was open here is judged before it is lost.
                self.judge_open(|open| *open == at)?;
                if kind(block).ends_with("tool_use") {
                    self.count(&at)?;
                    let input =
                        block.get("input").filter(|input| input.as_object().is_some_and(|o| !o.is_empty()));
                    let call = Call {
                        name: text(block, "name").unwrap_or_default().to_owned(),
                        arguments: input.map(Value::to_string).unwrap_or_default(),
                        ..Call::default()
                    };
                    self.open.insert(at, call);
                }
                Ok(())
            }
            Some("content_block_delta") => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                if let (Some(call), Some(more)) = (self.open.get_mut(&at), text(delta, "partial_json")) {
                    call.arguments.push_str(more);
                }
                Ok(())
            }
            Some("content_block_stop") => self.judge_open(|open| *open == at),
            Some("message_stop") => self.judge_open(|_| true),
            _ => Ok(()),
        }
    }

    fn block(&mut self, block: &Value) -> Result<(), Stop> {
        if !kind(block).ends_with("tool_use") {
            return Ok(());
        }
        let input = block.get("input").map(Value::to_string).unwrap_or_default();
        self.judge(text(block, "name").unwrap_or_default(), &input)
    }

    fn responses_event(&mut self, event: &Value) -> Result<(), Stop> {
        let at = (0, number(event, "output_index"));
        let item = event.get("item").unwrap_or(&Value::Null);
        match kind(event) {
            "response.output_item.added" => {
                self.judge_open(|open| *open == at)?;
                let Some(name) = called(item) else { return Ok(()) };
                self.count(&at)?;
                let call = Call { name: name.to_owned(), begun: given(item), ..Call::default() };
                self.open.insert(at, call);
                Ok(())
            }
            piece if piece.ends_with("_arguments.delta") || piece.ends_with("_call_input.delta") => {
                self.piece(at, text(event, "delta"))
            }
            // A client may read the whole instead of the pieces.
            whole if whole.ends_with("_arguments.done") || whole.ends_with("_call_input.done") => {
                let told = text(event, "arguments").or_else(|| text(event, "input"));
                match (self.open.get(&at).map(|call| call.name.clone()), told) {
                    (Some(name), Some(told)) => self.judge(&name, told),
                    _ => Ok(()),
                }
            }
            "response.output_item.done" => {
                // Its pieces have been told as well as its whole: both are judged.
                match self.open.remove(&at) {
                    Some(call) if called(item).is_none() || !call.arguments.is_empty() => {
                        let name =
                            if call.name.is_empty() { called(item).unwrap_or_default() } else { &call.name };
                        self.judge(name, call.told())?;
                    }
                    _ => {}
                }
                self.item(item)
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.judge_open(|_| true)?;
                let response = event.get("response").unwrap_or(&Value::Null);
                list(response, "output").iter().try_for_each(|item| self.item(item))
            }
            _ => Ok(()),
        }
    }

    fn item(&mut self, item: &Value) -> Result<(), Stop> {
        let Some(name) = called(item) else { return Ok(()) };
        self.judge(name, &given(item))
    }

    /// Judges and closes the open calls that `which` names.
    fn judge_open(&mut self, which: impl Fn(&(u64, u64)) -> bool) -> Result<(), Stop> {
        let closing: Vec<(u64, u64)> = self.open.keys().filter(|at| which(at)).copied().collect();
        closing.iter().try_for_each(|at| match self.open.remove(at) {
            Some(call) => {
                if !call.joined.is_empty() {
                    self.judge(&format!("{}{}", call.joined, call.name), call.told())?;
                }
                self.judge(&call.name, call.told())
            }
            None => Ok(()),
        })
    }

    /// One role allows all calls of an answer: those that allow this one are left for the next.
    fn judge(&mut self, name: &str, arguments: &str) -> Result<(), Stop> {
        self.clearance.take(name, arguments).map_err(Stop::Denied)
    }
}

#[cfg(test)]
mod tests;
