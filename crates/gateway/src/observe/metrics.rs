//! Prometheus metrics: every family once, with bounded labels.
//!
//! Label values come from the configuration (routes, models, instances) or from fixed lists, never from callers, so
//! the number of series is bounded by the configuration.

use super::times::{Overhead, PhaseHistograms};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Upper bounds of latency buckets, in seconds: from 10 µs, so that our own part is visible, to ten minutes.
pub(super) const SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0,
];

fn seconds() -> Histogram {
    Histogram::new(SECONDS.iter().copied())
}

/// Labels of a finished request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The caller's dialect.
    pub dialect: &'static str,
    /// The policy's route; `none` when it was refused before a decision.
    pub route: Arc<str>,
    /// The chosen model; `none` when none was chosen.
    pub model: Arc<str>,
    /// HTTP status.
    pub status: u16,
}

/// Labels of an attempt at an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AttemptLabels {
    /// The instance.
    pub instance: Arc<str>,
    /// `ok`, or the kind of fault.
    pub outcome: &'static str,
}

/// A model's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModelLabel {
    /// The model.
    pub model: Arc<str>,
}

/// Tokens by model and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenLabels {
    /// The model.
    pub model: Arc<str>,
    /// `prompt`, `cached`, `completion` or `cache_write`.
    pub kind: &'static str,
}

/// A phase's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabel {
    /// The phase.
    pub phase: &'static str,
}

/// Why something was refused or dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The reason, from a fixed list.
    pub reason: &'static str,
}

/// What came of something, from a fixed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// The outcome.
    pub outcome: &'static str,
}

/// What governance denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DenialLabels {
    /// The role, class of data or rule, as the policy names it.
    pub rule: Arc<str>,
    /// What was denied, from a fixed list.
    pub topic: &'static str,
}

/// What was found in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutputLabels {
    /// What followed, from a fixed list.
    pub act: &'static str,
    /// The signal, as the policy names it.
    pub signal: Arc<str>,
}

/// A classifier that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// Its name in the configuration.
    pub source: Arc<str>,
    /// `answered` or `failed`.
    pub outcome: &'static str,
}

/// Whether an answer was supported by its context.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SupportLabels {
    /// The model.
    pub model: Arc<str>,
    /// The subject, from a fixed list.
    pub domain: &'static str,
    /// `supported` or `unsupported`.
    pub outcome: &'static str,
}

/// A share of a model's answers on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShareLabels {
    /// The model.
    pub model: Arc<str>,
    /// The subject, as the `domain` signal has it.
    pub domain: Arc<str>,
    /// `mean`, `low` or `high`.
    pub bound: &'static str,
}

/// An instance's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct InstanceLabel {
    /// The instance.
    pub instance: Arc<str>,
}

/// The series of one model: looked up once per snapshot, not once per request.
#[derive(Clone, Debug)]
pub struct ModelSeries {
    /// Of [`Metrics::duration`].
    pub duration: Histogram,
    /// Of [`Metrics::first_content`].
    pub first_content: Histogram,
    /// Of [`Metrics::cost_micro`].
    pub cost_micro: Counter,
    /// Of [`Metrics::tokens`]: prompt, cached, completion, written to a cache.
    pub tokens: [Counter; 4],
}

/// Every metric of the gateway.
pub struct Metrics {
    registry: Registry,
    /// Finished requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Requests in flight.
    pub in_flight: Gauge,
    /// Memory that the larger bodies of requests take together.
    pub bodies: Gauge,
    /// Large bodies that were worked on beside the threads that serve.
    pub large: Counter,
    /// Those that are now.
    pub large_now: Gauge,
    /// From arrival to the last byte.
    pub duration: Family<ModelLabel, Histogram, fn() -> Histogram>,
    /// From arrival to the first content.
    pub first_content: Family<ModelLabel, Histogram, fn() -> Histogram>,
    /// Our own part by phase, and in all.
    pub phases: PhaseHistograms,
    /// Tokens.
    pub tokens: Family<TokenLabels, Counter>,
    /// Cost in micro-dollars.
    pub cost_micro: Family<ModelLabel, Counter>,
    /// Attempts at upstreams.
    pub attempts: Family<AttemptLabels, Counter>,
    /// Requests in flight by instance.
    pub instance_in_flight: Family<InstanceLabel, Gauge>,
    /// 1 when an instance takes requests, 0 when it is out.
    pub instance_up: Family<InstanceLabel, Gauge>,
    /// Requests refused before dispatch.
    pub refused: Family<ReasonLabel, Counter>,
    /// Denials of the policy's governance.
    pub denials: Family<DenialLabels, Counter>,
    /// Looks into the cache of answers.
    pub cache: Family<OutcomeLabel, Counter>,
    /// Requests by what their risk came to.
    pub risk: Family<OutcomeLabel, Counter>,
    /// What was found in answers.
    pub output: Family<OutputLabels, Counter>,
    /// Questions to classifiers of the operator's own.
    pub sources: Family<SourceLabels, Counter>,
    /// Answers that were judged beside their context.
    pub support: Family<SupportLabels, Counter>,
    /// What is known of the share of supported ones, by the last look.
    pub support_share: Family<ShareLabels, Gauge<f64, AtomicU64>>,
    /// Answers in it, their bytes, and how many made room for others.
    pub cache_kept: [Gauge; 3],
    /// Decision records that found the store's queue full.
    pub records_dropped: Gauge,
    /// Spans that the trace collector did not take.
    pub spans_dropped: Gauge,
    /// Decision records of good answers left out beyond `log.decisions_per_second`.
    pub records_skipped: Gauge,
    /// Risk scores answered.
    pub risk_scores: Counter,
    /// Payments that were refused on the way to a risk score.
    pub risk_refused: Family<ReasonLabel, Counter>,
    /// Configuration or policy reloads that were refused.
    pub reloads_refused: Counter,
}

impl Metrics {
    /// A fresh set.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tollgate");
        let histogram: fn() -> Histogram = seconds;
        let metrics = Self {
            requests: Family::default(),
            in_flight: Gauge::default(),
            bodies: Gauge::default(),
            large: Counter::default(),
            large_now: Gauge::default(),
            duration: Family::new_with_constructor(histogram),
            first_content: Family::new_with_constructor(histogram),
            phases: PhaseHistograms::default(),
            tokens: Family::default(),
            cost_micro: Family::default(),
            attempts: Family::default(),
            instance_in_flight: Family::default(),
            instance_up: Family::default(),
            refused: Family::default(),
            denials: Family::default(),
            cache: Family::default(),
            risk: Family::default(),
            output: Family::default(),
            sources: Family::default(),
            support: Family::default(),
            support_share: Family::default(),
            cache_kept: Default::default(),
            records_dropped: Gauge::default(),
            spans_dropped: Gauge::default(),
            records_skipped: Gauge::default(),
            risk_scores: Counter::default(),
            risk_refused: Family::default(),
            reloads_refused: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Finished requests", metrics.requests.clone());
        registry.register("in_flight", "Requests in flight", metrics.in_flight.clone());
        Self::register_bodies(&metrics, &mut registry);
        registry.register("duration_seconds", "From arrival to the last byte", metrics.duration.clone());
        registry.register(
            "first_content_seconds",
            "From arrival to the first content",
            metrics.first_content.clone(),
        );
        registry.register(
            "overhead_seconds",
            "The gateway's own time, waiting for upstreams left out",
            Overhead(metrics.phases.clone()),
        );
        registry.register("phase_seconds", "Time in the gateway by phase", metrics.phases.clone());
        registry.register("tokens", "Tokens by model and kind", metrics.tokens.clone());
        registry.register("cost_micro_usd", "Cost in micro-dollars", metrics.cost_micro.clone());
        registry.register("upstream_attempts", "Attempts at upstreams", metrics.attempts.clone());
        registry.register(
            "instance_in_flight",
            "Requests in flight by instance",
            metrics.instance_in_flight.clone(),
        );
        registry.register("instance_up", "1 when the instance takes requests", metrics.instance_up.clone());
        registry.register("refused", "Requests refused before dispatch", metrics.refused.clone());
        registry.register("denials", "What the policy's governance denied", metrics.denials.clone());
        registry.register(
            "cache_lookups",
            "Looks into the cache of answers: exact, joined, similar, miss or bypass",
            metrics.cache.clone(),
        );
        registry.register(
            "risk",
            "Requests by what their risk came to: pass, safer, narrow or stop",
            metrics.risk.clone(),
        );
        Self::register_judged(&metrics, &mut registry);
        let [answers, bytes, evicted] = &metrics.cache_kept;
        registry.register("cache_answers", "Answers in the cache", answers.clone());
        registry.register("cache_bytes", "Bytes of the answers in the cache", bytes.clone());
        registry.register("cache_evicted", "Answers that made room for others", evicted.clone());
        registry.register("records_dropped", "Decision records dropped", metrics.records_dropped.clone());
        registry.register("spans_dropped", "Spans that no collector took", metrics.spans_dropped.clone());
        registry.register(
            "records_skipped",
            "Decision records of good answers left out beyond log.decisions_per_second",
            metrics.records_skipped.clone(),
        );
        registry.register("risk_scores", "Risk scores answered", metrics.risk_scores.clone());
        registry.register(
            "risk_refused",
            "Payments refused on the way to a risk score",
            metrics.risk_refused.clone(),
        );
        registry.register(
            "reloads_refused",
            "Reloads refused; the last good state stays",
            metrics.reloads_refused.clone(),
        );
        Self { registry, ..metrics }
    }

    fn register_bodies(metrics: &Self, registry: &mut Registry) {
        registry.register("bodies_bytes", "Memory of larger request bodies", metrics.bodies.clone());
        registry.register("large_bodies", "Large bodies worked on", metrics.large.clone());
        registry.register("large_bodies_in_work", "Large bodies in work", metrics.large_now.clone());
    }

    /// What is said of answers.
    fn register_judged(metrics: &Self, registry: &mut Registry) {
        registry.register("output", "Rules on answers that held, by what followed", metrics.output.clone());
        registry.register("signal_sources", "Questions to classifiers of your own", metrics.sources.clone());
        registry.register("support", "Answers judged beside their context", metrics.support.clone());
        registry.register(
            "support_share",
            "Share of supported answers: mean and ends of its 95 % interval",
            metrics.support_share.clone(),
        );
    }

    /// The series of a model.
    #[must_use]
    pub fn of_model(&self, model: &Arc<str>) -> ModelSeries {
        let label = ModelLabel { model: model.clone() };
        let tokens = |kind| self.tokens.get_or_create(&TokenLabels { model: model.clone(), kind }).clone();
        ModelSeries {
            duration: self.duration.get_or_create(&label).clone(),
            first_content: self.first_content.get_or_create(&label).clone(),
            cost_micro: self.cost_micro.get_or_create(&label).clone(),
            tokens: ["prompt", "cached", "completion", "cache_write"].map(tokens),
        }
    }

    /// Everything in the text format of OpenMetrics 1.0.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Phases;

    #[test]
    fn renders_every_family_with_its_labels() {
        let metrics = Metrics::new();
        let labels =
            RequestLabels { dialect: "openai_chat", route: "r".into(), model: "m".into(), status: 200 };
        metrics.requests.get_or_create(&labels).inc();
        let mut phases = Phases::default();
        phases.add(3, 50_000);
        metrics.phases.observe(&phases);
        metrics.phases.observe_late(10, 700_000_000_000);
        let text = metrics.render();
        assert!(
            text.contains(
                r#"tollgate_requests_total{dialect="openai_chat",route="r",model="m",status="200"} 1"#
            ),
            "{text}"
        );
        assert!(text.contains(r#"tollgate_phase_seconds_bucket{le="0.00005",phase="decide"} 1"#), "{text}");
        for line in [
            r#"tollgate_phase_seconds_bucket{le="+Inf",phase="record"} 1"#,
            r#"tollgate_phase_seconds_bucket{le="600.0",phase="record"} 0"#,
            r#"tollgate_phase_seconds_count{phase="select"} 0"#,
            "tollgate_overhead_seconds_sum 0.00005",
            r#"tollgate_overhead_seconds_bucket{le="0.000025"} 0"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(text.matches("# TYPE tollgate_phase_seconds ").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }
}
