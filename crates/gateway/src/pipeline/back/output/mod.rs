//! What a model says, looked at on its way to the caller.
//!
//! ```text
//! events ─> texts that grow ─> windows ─> the signals that the route's rules name ─> go on, be noted, or end here
//! ```
//!
//! What the caller is about to get is read in the caller's own dialect, after every translation. An event goes on once every text
//! in it was looked at with what follows it: at most `hold_bytes` of a text wait, and where the model is slow, for no longer
//! than `hold_ms`, as long as what came so far is not itself suspected.
//!
//! Invariants: the windows that decide follow from the texts alone, so the verdict is the same however the stream was cut, and
//! time can only let text pass earlier, never change a verdict; what cannot be read does not pass; without rules none of this
//! exists.

mod pieces;
mod rules;
#[cfg(test)]
mod tests;
mod told;
mod windows;

use crate::config::OutputSettings;
use crate::snapshot::Snapshot;
use bytes::{Bytes, BytesMut};
use pieces::Piece;
pub(crate) use rules::Found;
use rules::Rule;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use tollgate_core::{Clock, Digest, Fault, FaultKind, Tick};
use tollgate_policy::{OutputAct, OutputRule};
use tollgate_wire::Dialect;
use tollgate_wire::sse::{Boundary, Framer};
use windows::Growing;

/// Most bytes of events that are held, and most texts of one answer.
const HELD_MAX: usize = 8 << 20;
const TEXTS_MAX: usize = 4096;
/// Windows that are remembered as clean: dialects say a text again once it is whole.
const CLEAN_MAX: usize = 4096;

/// Why an answer ends here.
#[derive(Clone, PartialEq, Debug)]
enum Stop {
    Rule(Found),
    Unread(&'static str),
}

/// An event that waits, with the texts and bytes of them that it waits for.
struct Held {
    bytes: Bytes,
    waits: Vec<(usize, usize)>,
    since: Tick,
}

/// Watches one answer.
pub(crate) struct Guard {
    snapshot: Arc<Snapshot>,
    clock: Arc<dyn Clock>,
    dialect: Dialect,
    rules: Vec<Rule>,
    boundary: Boundary,
    texts: Vec<Growing>,
    names: BTreeMap<String, usize>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// What may go on.
    ready: BytesMut,
    clean: HashSet<Digest>,
    found: Vec<Found>,
    stop: Option<Stop>,
    /// The first event, from which the last words are made.
    first: Option<Value>,
    events: u64,
    /// Whether something that was said went on.
    began: bool,
}

impl Guard {
    /// A guard for a route with rules on what is said; none without.
    pub(crate) fn new(
        snapshot: &Arc<Snapshot>,
        clock: &Arc<dyn Clock>,
        dialect: Dialect,
        rules: &[OutputRule],
    ) -> Option<Self> {
        let rules = Rule::all(snapshot, rules);
        (!rules.is_empty()).then(|| Self {
            snapshot: snapshot.clone(),
            clock: clock.clone(),
            dialect,
            rules,
            boundary: Boundary::default(),
            texts: Vec::new(),
            names: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            ready: BytesMut::new(),
            clean: HashSet::new(),
            found: Vec::new(),
            stop: None,
            first: None,
            events: 0,
            began: false,
        })
    }

    fn settings(&self) -> &OutputSettings {
        &self.snapshot.settings.output
    }

    fn stride(&self) -> usize {
        self.settings().hold_bytes / 2
    }

    /// The rules whose signals held so far.
    pub(crate) fn found(&self) -> &[Found] {
        &self.found
    }

    /// Whether a safer model should answer instead: nothing of this answer was handed on.
    pub(crate) fn wants_safer(&self) -> bool {
        let asks = |found: &Found| found.act == OutputAct::Safer;
        !self.began && matches!(&self.stop, Some(Stop::Rule(found)) if asks(found))
    }

    /// Whether words wait and none went on yet.
    pub(crate) fn unbegun(&self) -> bool {
        !self.began && self.stop.is_none() && !self.held.is_empty()
    }

    /// Whether anything is held.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// What the caller is told where the answer ends here.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Some(match self.stop.as_ref()? {
            Stop::Rule(Found { signal, failure: None, .. }) => Fault::caller(
                FaultKind::Forbidden,
                format!("the answer is withheld: the policy stops it for `{signal}`"),
            ),
            Stop::Rule(Found { signal, .. }) => Fault::caller(
                FaultKind::Forbidden,
                format!("the answer is withheld: `{signal}` failed, and the policy lets nothing pass then"),
            ),
            Stop::Unread(why) => Fault::upstream(FaultKind::UpstreamFailed, *why),
        })
    }

    /// Takes events that are ready for the caller; gives those that may go on now.
    pub(crate) fn feed(&mut self, events: &Bytes) -> Bytes {
        let mut rest = events.clone();
        while self.stop.is_none() && !rest.is_empty() {
            match self.boundary.next_end(&rest) {
                Some(end) => self.event(rest.split_to(end)),
                // Half an event cannot be judged, and the other half comes too late.
                None => self.halt(Stop::Unread("an event of the answer is larger than this gateway judges")),
            }
        }
        self.ready.split().freeze()
    }

    /// The same for the last bytes of a stream, which may end within an event; then every text is at its end.
    pub(crate) fn end(&mut self, tail: &Bytes) -> Bytes {
        let whole = last_end(&self.boundary, tail);
        let mut out = BytesMut::from(&self.feed(&tail.slice(..whole))[..]);
        if self.stop.is_none() && whole < tail.len() {
            self.event(tail.slice(whole..));
        }
        self.close(None);
        self.release();
        out.unsplit(self.ready.split());
        out.freeze()
    }

    /// Judges a whole answer.
    pub(crate) fn whole(&mut self, body: &[u8]) {
        match serde_json::from_slice::<Value>(body) {
            Ok(answer) => {
                for piece in pieces::of_answer(&answer) {
                    // Whatever is whole waits for nothing.
                    let _ = self.piece(piece);
                }
            }
            Err(_) => self.halt(Stop::Unread("the answer cannot be read as JSON")),
        }
    }

    fn halt(&mut self, stop: Stop) {
        self.stop = Some(stop);
        self.held.clear();
    }

    /// When what is held may go on although its windows are not whole.
    pub(crate) fn due(&self) -> Option<Tick> {
        let oldest = self.held.front()?.since;
        let hopeful = self.texts.iter().any(|text| text.early().is_some());
        (self.stop.is_none() && hopeful).then(|| oldest.plus_ms(self.settings().hold_ms))
    }

    /// Lets go what has waited long enough and is not suspected so far. Nothing is decided by this.
    pub(crate) fn overdue(&mut self) -> Bytes {
        if self.due().is_none_or(|due| self.clock.tick() < due) {
            return Bytes::new();
        }
        for at in 0..self.texts.len() {
            let harmless = |found: Vec<Found>| found.iter().all(|found| found.act < OutputAct::Safer);
            let liked = self.texts.get(at).and_then(Growing::early).map(|text| harmless(self.asked(text)));
            if let (Some(liked), Some(text)) = (liked, self.texts.get_mut(at)) {
                text.judged_early(liked);
            }
        }
        self.release();
        self.ready.split().freeze()
    }

    /// One event: what it says is judged as far as it can be, then it waits for the rest.
    fn event(&mut self, bytes: Bytes) {
        let mut framer = Framer::default();
        framer.push(bytes.clone());
        let data = match framer.next_event().and_then(|event| Ok(event.or(framer.finish()?))) {
            Ok(event) => event.map(|event| event.data).unwrap_or_default(),
            Err(_) => return self.halt(Stop::Unread("the answer's events cannot be read")),
        };
        self.events += 1;
        let before = self.found.len();
        let mut waits = Vec::new();
        match serde_json::from_slice::<Value>(&data) {
            Ok(event) => {
                for piece in pieces::of_event(&event) {
                    waits.extend(self.piece(piece));
                }
                self.first.get_or_insert(event);
            }
            Err(_) if data.trim_ascii() == b"[DONE]" => self.close(None),
            Err(_) if data.is_empty() => {}
            Err(_) => self.halt(Stop::Unread("an event of the answer is not JSON")),
        }
        if self.stop.is_some() {
            return;
        }
        let notes: Vec<String> = self
            .found
            .iter()
            .skip(before)
            .filter(|found| found.told())
            .map(|found| told::comment(&found.signal))
            .collect();
        let since = self.clock.tick();
        notes.into_iter().for_each(|note| self.hold(Held { bytes: note.into(), waits: Vec::new(), since }));
        self.hold(Held { bytes, waits, since });
        self.release();
    }

    fn hold(&mut self, held: Held) {
        self.held_bytes += held.bytes.len();
        if self.held_bytes > HELD_MAX {
            return self.halt(Stop::Unread(
                "the events that wait for a text to be judged are more than this gateway holds",
            ));
        }
        self.held.push_back(held);
    }

    /// One thing that is said; gives the text and how much of it must be judged before it may go on.
    fn piece(&mut self, piece: Piece) -> Option<(usize, usize)> {
        if self.stop.is_some() {
            return None;
        }
        match piece {
            Piece::More { of, part, text } => {
                let at = self.text(of, part)?;
                self.texts.get_mut(at)?.push(&text);
                self.judge_windows(at);
                Some((at, self.texts.get(at)?.len()))
            }
            Piece::Whole(text) => {
                let at = self.texts.len();
                self.texts.push(Growing::of(0));
                self.texts.get_mut(at)?.push(&text);
                self.judge_windows(at);
                self.judge_rest(at);
                self.texts.truncate(at);
                None
            }
            Piece::End(part) => {
                self.close(part);
                None
            }
        }
    }

    fn text(&mut self, of: String, part: u64) -> Option<usize> {
        if let Some(at) = self.names.get(&of) {
            return Some(*at);
        }
        if self.texts.len() >= TEXTS_MAX {
            self.halt(Stop::Unread("the answer has more texts than are followed"));
            return None;
        }
        self.names.insert(of, self.texts.len());
        self.texts.push(Growing::of(part));
        Some(self.texts.len() - 1)
    }

    fn judge_windows(&mut self, at: usize) {
        let stride = self.stride();
        while self.stop.is_none() {
            let Some(window) = self.texts.get_mut(at).and_then(|text| text.window(stride)).map(str::to_owned)
            else {
                return;
            };
            self.judge(&window);
        }
    }

    fn judge_rest(&mut self, at: usize) {
        let stride = self.stride();
        if let Some(window) = self.texts.get_mut(at).and_then(|text| text.rest(stride)).map(str::to_owned) {
            self.judge(&window);
        }
    }

    /// The texts of a part, or all, are at their end.
    fn close(&mut self, part: Option<u64>) {
        for at in 0..self.texts.len() {
            if self.stop.is_none()
                && part.is_none_or(|part| self.texts.get(at).is_some_and(|text| text.part == part))
            {
                self.judge_rest(at);
            }
        }
    }

    /// Judges a window, for good.
    fn judge(&mut self, window: &str) {
        let digest = Digest::of(window.as_bytes());
        if self.clean.contains(&digest) {
            return;
        }
        let found = self.asked(window);
        if found.is_empty() {
            if self.clean.len() >= CLEAN_MAX {
                self.clean.clear();
            }
            self.clean.insert(digest);
        }
        for found in found {
            let stops = found.act >= OutputAct::Safer;
            self.found.push(found.clone());
            if stops {
                return self.halt(Stop::Rule(found));
            }
        }
    }

    /// The events at the front whose texts may all go on.
    fn release(&mut self) {
        let free = |texts: &[Growing], waits: &[(usize, usize)]| {
            waits.iter().all(|(at, upto)| texts.get(*at).is_some_and(|text| text.free() >= *upto))
        };
        while let Some(held) = self.held.front().filter(|held| free(&self.texts, &held.waits)) {
            self.began |= !held.waits.is_empty();
            self.held_bytes = self.held_bytes.saturating_sub(held.bytes.len());
            self.ready.extend_from_slice(&held.bytes);
            self.held.pop_front();
        }
    }
}

/// Offset just past the last event that is whole in `bytes`, which continue a stream.
fn last_end(boundary: &Boundary, bytes: &[u8]) -> usize {
    let (mut boundary, mut end) = (boundary.clone(), 0);
    while let Some(more) = bytes.get(end..).and_then(|rest| boundary.next_end(rest)) {
        end += more;
    }
    end
}
