//! Record: what is kept of a request, gathered as it goes and written once at its end.
//!
//! Each phase tells the journey what it found; nothing reads it back, so it cannot become a bag through which phases
//! talk. A journey that is dropped without an end is recorded as left by the caller.

mod owed;
mod story;

pub(crate) use owed::Promise;
pub(crate) use story::{AttemptNote, Facts, Story};

use super::authenticate::Caller;
use super::decide::{Decided, Known};
use super::govern::Gate;
use super::heard::{Grounds, Heard};
use super::output::Found;
use super::receipt::Receipt;
use super::settle::sell::Sold;
use super::shape::Edited;
use super::tokens::PriceTag;
use super::tokens::Tokens;
use crate::clock::time_ordered;
use crate::fleet::Site;
use crate::observe::metrics::{
    AttemptLabels, DenialLabels, ModelSeries, OutputLabels, ReasonLabel, RequestLabels,
};
use crate::observe::{PHASES, Phases, TraceContext};
use crate::snapshot::ModelEntry;
use crate::sources::Asked;
use crate::state::Shared;
use std::sync::Arc;
use tollgate_core::id::RequestId;
use tollgate_core::{Fault, FaultKind, Tick, Timestamp};
use tollgate_policy::Denial;
use tollgate_store::{DecisionRecord, Payload};
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

/// The status under which a request is recorded whose caller left (nginx's number).
pub(crate) const CALLER_LEFT: u16 = 499;

/// Most characters kept of the model name that a caller wrote.
const MODEL_LABEL_MAX: usize = 128;

/// The request so far.
pub(crate) struct Journey {
    shared: Arc<Shared>,
    pub(crate) id: RequestId,
    pub(crate) trace: TraceContext,
    pub(crate) arrived: Timestamp,
    pub(crate) start: Tick,
    pub(crate) dialect: Dialect,
    pub(crate) stream: bool,
    pub(crate) phases: Phases,
    pub(crate) caller: Arc<str>,
    /// Whether the caller is one, under whatever name.
    known: bool,
    pub(crate) requested_model: Option<Arc<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) heard: Option<Arc<Heard>>,
    pub(crate) story: Story,
    pub(crate) price: Option<PriceTag>,
    /// The receipt that a whole answer gets.
    pub(crate) receipt: Option<Box<Receipt>>,
    /// The payment that a buyer's answer is paid from.
    pub(crate) sold: Option<Box<Sold>>,
    /// What answers used that the caller never got.
    pub(super) used: Tokens,
    /// What they cost.
    pub(super) used_micro: u64,
    /// What classifiers cost, which is settled by itself.
    asked_micro: u64,
    pub(super) series: Option<Arc<ModelSeries>>,
    /// Whether anything came through to an upstream.
    pub(super) reached: bool,
    promise: Option<Promise>,
    out: Option<owed::Out>,
    mark: Tick,
    closed: bool,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// HTTP status that the caller got, or [`CALLER_LEFT`].
    pub(crate) status: u16,
    /// What went wrong.
    pub(crate) fault: Option<FaultKind>,
    /// Tokens of the answer.
    pub(crate) tokens: Tokens,
    /// When the first content came.
    pub(crate) first_content: Option<Tick>,
}

impl Journey {
    pub(crate) fn begin(shared: &Arc<Shared>, dialect: Dialect, headers: &http::HeaderMap) -> Self {
        let (_, bits) = shared.seeds.next();
        let start = shared.clock.tick();
        let arrived = shared.clock.now();
        Self {
            shared: shared.clone(),
            id: RequestId::from_bits(time_ordered(arrived, bits)),
            trace: TraceContext::accept(headers, bits.rotate_left(64)),
            arrived,
            start,
            dialect,
            stream: false,
            phases: Phases::default(),
            caller: Arc::default(),
            known: false,
            requested_model: None,
            route: None,
            session: None,
            heard: None,
            story: Story::default(),
            price: None,
            receipt: None,
            sold: None,
            used: Tokens::default(),
            used_micro: 0,
            asked_micro: 0,
            series: None,
            reached: false,
            promise: None,
            out: None,
            mark: start,
            closed: false,
        }
    }

    /// What lives as long as the process.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The seed from which this request's random choices follow.
    pub(crate) fn seed(&self) -> tollgate_core::Seed {
        tollgate_core::Seed(self.trace.span)
    }

    /// Ends the running phase: the time since the last mark is on its account. Gives the time.
    pub(crate) fn lap(&mut self, phase: usize) -> Tick {
        let before = self.mark;
        let now = self.resume();
        self.phases.add(phase, now.since_ns(before));
        now
    }

    /// The last look at the clock: as good as now for what follows at once.
    pub(crate) const fn now(&self) -> Tick {
        self.mark
    }

    /// The time of day at the last look at the clock.
    pub(crate) fn time(&self) -> Timestamp {
        self.time_at(self.mark)
    }

    /// The time of day at a tick.
    fn time_at(&self, tick: Tick) -> Timestamp {
        let since_us = tick.since_ns(self.start) / 1000;
        Timestamp(self.arrived.0.saturating_add(i64::try_from(since_us).unwrap_or(i64::MAX)))
    }

    /// Forgets the time since the last mark: it was spent waiting for somebody else. Gives the time.
    pub(crate) fn resume(&mut self) -> Tick {
        self.mark = self.shared.clock.tick();
        self.mark
    }

    pub(crate) fn authenticated(&mut self, caller: &Caller) {
        self.known = true;
        self.caller = caller.id.clone();
    }

    pub(crate) fn characterised(&mut self, view: &RequestView, known: &Known) {
        self.stream = view.stream;
        self.story.facts = known.facts(view);
        // What the caller wrote is kept short: it is a label here.
        self.requested_model = view.model().map(|m| match m.char_indices().nth(MODEL_LABEL_MAX) {
            Some((end, _)) => m.get(..end).unwrap_or_default().into(),
            None => m.into(),
        });
    }

    /// Takes over what was decided; the time of the signals goes on their own account.
    pub(crate) fn decided(&mut self, decided: &Decided) {
        let now = self.shared.clock.tick();
        let signal_ns = decided.heard.ns();
        self.phases.add(super::SIGNAL, signal_ns);
        self.phases.add(super::DECIDE, now.since_ns(self.mark).saturating_sub(signal_ns));
        self.mark = now;
        self.route = Some(decided.route.name.as_str().into());
        self.session = Some(decided.session.clone());
        self.heard = Some(decided.heard.clone());
        self.story.recorded = Some(Grounds(decided.heard.clone()));
        self.story.confidence = decided.confidence;
        self.asked_micro = decided.asked.iter().map(Asked::cost_micro).sum();
        self.story.asked.clone_from(&decided.asked);
        self.story.edits = Edited::by(decided.route.clone());
    }

    /// Takes over what governs the request, and what it denied since the last time.
    pub(crate) fn governed(&mut self, gate: &Gate) {
        if gate.clearance().is_none() {
            return;
        }
        if self.story.governed.is_empty() {
            self.story.governed = gate.binding();
        }
        for denial in gate.denials() {
            self.denied(denial);
        }
    }

    /// Notes and counts a denial, once; in the words of the request only where the operator asks for them.
    pub(crate) fn denied(&mut self, denial: &Denial) {
        let quotes = self.shared.snapshot.load().settings.log.content;
        let denial = if quotes { denial.clone() } else { denial.discreet() };
        if self.story.denials.contains(&denial) {
            return;
        }
        // Of several roles that all say no the first is counted, so that the labels stay few.
        let rule = denial.rule.split(", ").next().unwrap_or_default().into();
        let labels = DenialLabels { rule, topic: denial.topic.word() };
        self.shared.metrics.denials.get_or_create(&labels).inc();
        self.story.denials.push(denial);
    }

    /// Notes and counts what was found in an answer.
    pub(crate) fn found(&mut self, found: &[Found]) {
        for found in found {
            let labels = OutputLabels { act: found.act.word(), signal: found.signal.clone() };
            self.shared.metrics.output.get_or_create(&labels).inc();
            self.story.output.push(found.clone());
        }
    }

    /// A fault in the words of records and logs: other people's words only where the operator asks for them.
    pub(crate) fn noted(&self, fault: &Fault) -> String {
        if self.shared.snapshot.load().settings.log.content { fault.to_string() } else { fault.discreet() }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.shared.metrics.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Notes an attempt that went well, and what the answer of this model costs.
    pub(crate) fn answered(&mut self, note: AttemptNote, site: Option<&Site>, model: Option<&ModelEntry>) {
        if let Some(site) = site {
            let labels = || AttemptLabels { instance: note.instance.clone(), outcome: "ok" };
            let counter = || self.shared.metrics.attempts.get_or_create(&labels()).clone();
            site.answered.get_or_init(counter).inc();
        }
        self.priced(model);
        self.story.attempts.push(note);
    }

    /// Notes the model whose answer is paid for.
    pub(crate) fn priced(&mut self, model: Option<&ModelEntry>) {
        let metrics = &self.shared.metrics;
        self.price = model.map(PriceTag::of);
        self.series = model.map(|m| m.series.get_or_init(|| Arc::new(metrics.of_model(&m.name))).clone());
    }

    /// Notes an attempt that failed.
    pub(crate) fn failed(&mut self, note: AttemptNote, outcome: &'static str) {
        let labels = AttemptLabels { instance: note.instance.clone(), outcome };
        self.shared.metrics.attempts.get_or_create(&labels).inc();
        self.story.attempts.push(note);
    }

    /// Writes the record; returns the cost in micro-dollars. Only the first end counts.
    pub(crate) fn end(&mut self, end: End) -> u64 {
        if self.closed { 0 } else { self.end_at(end, self.shared.clock.tick()) }
    }

    /// [`Self::end`] at a time that was just looked at.
    pub(crate) fn end_at(&mut self, end: End, now: Tick) -> u64 {
        if std::mem::replace(&mut self.closed, true) {
            return 0;
        }
        let own = self.price.as_ref().map_or(0, |tag| tag.cost_micro(end.tokens));
        self.count(end, own, now);
        let cost = own.saturating_add(self.used_micro).saturating_add(self.asked_micro);
        let watched = self.shared.live.receiver_count() > 0;
        let wanted = self.wanted(end, now);
        if !(watched || wanted) {
            return cost;
        }
        let record = self.record(end, cost, now);
        if watched {
            self.publish(&record);
        }
        if let (true, Some(traces)) = (wanted, &self.shared.traces) {
            traces.offer(&record, &self.trace);
        }
        if wanted {
            if !self.shared.store.record(record) {
                tracing::debug!(request = %self.id, "decision record dropped: the store's queue is full");
            }
            // A record cannot hold its own time.
            self.shared.metrics.phases.observe_late(super::RECORD, self.shared.clock.tick().since_ns(now));
        }
        cost
    }

    /// Whether the end is recorded: of good answers a sample, of what a caller was refused or left as much as leaves room for
    /// others, and of what else went wrong whatever either lets through.
    fn wanted(&self, end: End, now: Tick) -> bool {
        let (shared, now) = (&self.shared, self.time_at(now));
        if end.status == 200 && end.fault.is_none() {
            return shared.store.wants(now);
        }
        let fair = shared.fair.admits(self.known.then_some(&*self.caller), now);
        fair || end.status < 400 || end.status >= 500 && shared.store.wants(now)
    }

    fn count(&self, end: End, cost: u64, now: Tick) {
        let metrics = &self.shared.metrics;
        let none = || Arc::from("none");
        let model = self.price.as_ref().map_or_else(none, |tag| tag.model.clone());
        let route = self.route.clone().unwrap_or_else(none);
        let labels = RequestLabels { dialect: self.dialect.word(), route, model, status: end.status };
        metrics.requests.get_or_create(&labels).inc();
        metrics.phases.observe(&self.phases);
        let Some(series) = &self.series else { return };
        series.duration.observe(now.since_ns(self.start) as f64 / 1e9);
        if let Some(first) = end.first_content {
            series.first_content.observe(first.since_ns(self.start) as f64 / 1e9);
        }
        series.add(end.tokens, cost);
    }

    fn record(&mut self, end: End, cost: u64, now: Tick) -> DecisionRecord {
        let last = self.story.attempts.last();
        let phases =
            PHASES.iter().zip(self.phases.ns()).filter(|(_, ns)| **ns > 0).map(|(p, ns)| (*p, *ns)).collect();
        let mut record = DecisionRecord::new(self.id.clone(), self.arrived, self.dialect.word());
        record.key = (!self.caller.is_empty()).then(|| self.caller.clone());
        record.dialect_out = last.map(|a| a.dialect);
        record.requested_model = self.requested_model.clone();
        record.route = self.route.clone();
        record.model = self.price.as_ref().map(|tag| tag.model.clone());
        record.pool = last.map(|a| a.pool.clone());
        record.instance = last.map(|a| a.instance.clone());
        record.status = end.status;
        record.fault = end.fault;
        record.stream = self.stream;
        let tokens = self.used.plus(end.tokens);
        record.prompt_tokens = tokens.prompt;
        record.cached_tokens = tokens.cached;
        record.completion_tokens = tokens.completion;
        record.cost_micro = cost;
        record.ttft_us = end.first_content.map(|first| first.since_ns(self.start) / 1000);
        record.total_us = now.since_ns(self.start) / 1000;
        record.overhead_us = self.phases.total_ns() / 1000;
        record.phases_ns = phases;
        record.signals = self.heard.take().map_or(Payload::Absent, Payload::later);
        self.story.exact_usage = end.tokens.exact;
        self.story.cache_write_tokens = tokens.written;
        record.decision = Payload::later(std::mem::take(&mut self.story));
        record.session = self.session.clone();
        record.trace = Some(self.trace.trace_id());
        record
    }

    fn publish(&self, record: &DecisionRecord) {
        let row = serde_json::json!({
            "seq": 0, "id": record.id, "time": record.time, "key": record.key.as_deref(),
            "dialect_in": record.dialect_in, "dialect_out": record.dialect_out,
            "requested_model": record.requested_model.as_deref(), "route": record.route.as_deref(),
            "model": record.model.as_deref(), "pool": record.pool.as_deref(), "instance": record.instance.as_deref(),
            "status": record.status, "fault": record.fault, "stream": record.stream,
            "prompt_tokens": record.prompt_tokens, "cached_tokens": record.cached_tokens,
            "completion_tokens": record.completion_tokens, "cost_micro": record.cost_micro,
            "ttft_us": record.ttft_us, "total_us": record.total_us, "overhead_us": record.overhead_us,
            "session": record.session.as_deref(), "trace": record.trace.as_deref(),
        });
        // Nobody listening is no fault.
        let _ = self.shared.live.send(row.to_string().into());
    }
}

impl Drop for Journey {
    /// The caller left before its answer: what an upstream does for it meanwhile is paid for all the same.
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        self.spend_unseen();
        self.settle();
        self.end(super::unsent(CALLER_LEFT, None));
    }
}
