//! One request's signals, computed when they are first read.
//!
//! ```text
//! read(3) ─> plan of signal 3 ─> hits of its text's automaton (once) ─> folded text (once) ─> scope's text (once)
//! ```

mod asked;
mod content;
mod facts;
mod learned;
mod rules;
mod texts;

use crate::set::{Compiled, Plan, SignalSet};
use crate::{Input, Session, identity};
use asked::Open;
pub use asked::{Answers, Labels, Wanted};
use smallvec::SmallVec;
use std::cell::{Cell, OnceCell};
use texts::Texts;
use tollgate_core::Clock;
use tollgate_core::signal::{Signal, SignalSource, UnreadSet};

/// Longest evidence, in bytes.
const EVIDENCE_MAX: usize = 120;
/// Largest `metadata` object that is parsed, in bytes.
const METADATA_MAX: usize = 64 << 10;

/// How many signals of a policy a request usually reads.
const READ_USUALLY: usize = 16;

/// A JSON object.
type Object = serde_json::Map<String, serde_json::Value>;

/// The signals of one request.
pub struct Reading<'a> {
    set: &'a SignalSet,
    input: Input<'a>,
    clock: &'a dyn Clock,
    evidence: bool,
    texts: Texts<'a>,
    metadata: OnceCell<Result<Object, &'static str>>,
    session: OnceCell<Session>,
    tokens: OnceCell<f64>,
    /// Position + 1 in `done`, 0 when not read yet.
    place: SmallVec<[u32; READ_USUALLY]>,
    done: Vec<(usize, u64, Signal)>,
    unknown: Signal,
    answers: Answers,
    /// The first signal that was read without its answer.
    wanted: Cell<Option<usize>>,
    open: Open,
}

impl<'a> Reading<'a> {
    /// Nothing read yet; costs no more than a few empty tables.
    #[must_use]
    pub fn new(set: &'a SignalSet, input: &Input<'a>, clock: &'a dyn Clock) -> Self {
        Self {
            set,
            input: *input,
            clock,
            evidence: false,
            texts: Texts::new(set, input.view),
            metadata: OnceCell::new(),
            session: OnceCell::new(),
            tokens: OnceCell::new(),
            place: smallvec::smallvec![0; set.len()],
            done: Vec::with_capacity(set.len().min(READ_USUALLY)),
            unknown: Signal::failed("the policy has no signal of this index"),
            answers: Answers::default(),
            wanted: Cell::new(None),
            open: Open::default(),
        }
    }

    /// The same signals of a text in place of the request's, whatever their scope.
    pub(crate) fn over(mut self, text: &'a str) -> Self {
        self.texts = self.texts.over(text);
        self
    }

    /// Says what was found, too: at most 120 bytes of evidence per signal, which may quote the prompt.
    pub const fn show_evidence(&mut self, evidence: bool) {
        self.evidence = evidence;
    }

    /// Says that an earlier turn of the conversation was served recently, so that `cached_tokens` of the prompt are
    /// expected in its instance's prefix cache. To be called before the signals are read.
    pub const fn warm(&mut self, cached_tokens: f64) {
        self.input.forecast.warm = true;
        self.input.forecast.cached_tokens = cached_tokens;
    }

    /// Says what is known of the conversation's risk, and of the caller's. To be called before the signals are read.
    pub const fn risk(&mut self, risk: [f64; 2]) {
        self.input.risk = risk;
    }

    /// The signals read so far, in the order of reading: index, nanoseconds that the first reading took (0 for what
    /// takes less than looking at the clock: a fact, words that were found already), signal. Shared work is on the account of the signal that needed it first.
    pub fn times(&self) -> impl Iterator<Item = (usize, u64, &Signal)> {
        self.done.iter().map(|(index, ns, signal)| (*index, *ns, signal))
    }

    /// The signals read, as [`Self::times`] lists them, handed over.
    #[must_use]
    pub fn take_times(&mut self) -> Vec<(usize, u64, Signal)> {
        self.place.fill(0);
        std::mem::take(&mut self.done)
    }

    /// The conversation of this request; computed once.
    pub fn session(&self) -> &Session {
        self.session.get_or_init(|| identity::session(&self.input, self.metadata().ok()))
    }

    fn metadata(&self) -> Result<&Object, &'static str> {
        let parse = || {
            let Some(span) = self.input.view.metadata else { return Ok(Object::new()) };
            if span.len() > METADATA_MAX {
                return Err("metadata is larger than 64 KiB");
            }
            serde_json::from_slice(self.input.view.bytes(span)).map_err(|_| "metadata is not a JSON object")
        };
        self.metadata.get_or_init(parse).as_ref().map_err(|why| *why)
    }

    /// Computes a signal that was not read yet; its position + 1 in `done`.
    fn first(&mut self, index: usize) -> usize {
        let (ns, mut signal) = self.compute(index);
        if !self.evidence {
            signal.evidence = None;
        }
        self.done.push((index, ns, signal));
        if let Some(place) = self.place.get_mut(index) {
            *place = self.done.len() as u32;
        }
        self.done.len()
    }

    /// Computes a signal and the time that took; 0 where that is less than looking at the clock.
    fn compute(&self, index: usize) -> (u64, Signal) {
        let Some(signal) = self.set.signals.get(index) else { return (0, self.unknown.clone()) };
        if let Plan::Asked { source, scope, is, threshold } = &signal.plan {
            return self.asked(index, (source, *scope), is, *threshold);
        }
        if !signal.timed || self.is_found(&signal.plan) {
            return (0, self.plan(signal));
        }
        let start = self.clock.tick();
        let found = self.plan(signal);
        (self.clock.tick().since_ns(start).saturating_add(self.owed(&signal.plan)), found)
    }

    /// Whether a signal only looks up what another one has found already.
    fn is_found(&self, plan: &Plan) -> bool {
        matches!(plan, Plan::Keyword(plan) if plan.literal && self.texts.is_scanned(plan.key))
    }

    fn plan(&self, signal: &Compiled) -> Signal {
        match &signal.plan {
            Plan::Fact => self.fact(signal.kind),
            Plan::Keyword(plan) => self.keyword(plan),
            Plan::Feature(plan) => self.feature(plan),
            Plan::Ratio { scope, share } => {
                let text = self.texts.raw(*scope);
                Signal::number(share.of(self.texts.profile(*scope, *share), text))
            }
            Plan::Event(plan) => self.event(plan),
            Plan::Metadata { key, is } => self.metadata_rule(key, is),
            Plan::Reask { threshold, lookback, streak } => self.reask(*threshold, *lookback, *streak),
            Plan::Messages(counted) => self.messages(*counted),
            Plan::Similar { scope, examples, threshold } => self.similar(*scope, examples, *threshold),
            Plan::Domain { wanted, threshold, head: true } => self.subject(*wanted, *threshold),
            Plan::Domain { wanted, threshold, head: false } => self.domain(*wanted, *threshold),
            Plan::Told(told) => self.told(*told),
            Plan::Hazard { scope, classes, threshold } => self.hazard(*scope, classes, *threshold),
            Plan::Facts(patterns) => self.facts(patterns),
            Plan::Feedback(wanted) => self.feedback(*wanted),
            Plan::Jailbreak { scope, patterns, threshold, head } => {
                self.jailbreak(*scope, patterns, *threshold, *head)
            }
            Plan::Personal { scope, forms, named } => self.personal(*scope, forms, named),
            Plan::Asked { .. } => self.unknown.clone(),
        }
    }
}

impl SignalSource for Reading<'_> {
    fn unread(&self) -> UnreadSet {
        self.input.view.unread
    }

    fn read(&mut self, index: usize) -> &Signal {
        let place = match self.place.get(index) {
            Some(0) => self.first(index),
            Some(place) => *place as usize,
            None => return &self.unknown,
        };
        self.done.get(place - 1).map_or(&self.unknown, |(_, _, signal)| signal)
    }
}
