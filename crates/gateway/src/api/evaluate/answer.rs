//! A decision in the shape of the incumbent's evaluation.

use super::named::{self, Named, grouped, named};
use super::trace;
use crate::pipeline::Evaluation;
use crate::snapshot::Snapshot;
use serde_json::{Value, json};
use tollgate_policy::{Algorithm, Outcome, Route, RouteReport, Verdict};

/// What was asked for.
pub(super) struct Asked {
    /// The last user turn.
    pub(super) text: String,
    pub(super) model: String,
    pub(super) trace: bool,
}

/// An evaluation in the incumbent's terms.
pub(super) struct Told<'e> {
    snapshot: &'e Snapshot,
    found: &'e Evaluation,
    /// The route that was taken, unless it is the default.
    pub(super) chosen: Option<&'e Route>,
    pub(super) recipe: Option<&'e str>,
    pub(super) named: Vec<Named>,
    /// What governance leaves, in the order of dispatch; without governance the route's own list.
    pub(super) models: Vec<&'e str>,
}

impl<'e> Told<'e> {
    pub(super) fn of(snapshot: &'e Snapshot, found: &'e Evaluation) -> Self {
        let route = found.decision.route();
        let chosen = match &found.decision.outcome {
            Outcome::Route(route) => Some(&**route),
            Outcome::Default(_) | Outcome::Rejected(_) => None,
        };
        let noted = route.and_then(|route| route.notes.get("recipe")).map(String::as_str);
        let recipe = noted.or_else(|| meant(snapshot, &found.routes));
        let models = match (&found.governed, route) {
            (Some(governed), _) => governed.models.iter().map(String::as_str).collect(),
            (None, Some(route)) => {
                route.effects.models.iter().map(|candidate| candidate.model.as_str()).collect()
            }
            (None, None) => Vec::new(),
        };
        Self { snapshot, found, chosen, recipe, named: named(snapshot, found, recipe), models }
    }

    /// Why governance refuses it.
    fn refused(&self) -> Option<&str> {
        self.found.governed.as_ref().and_then(|governed| governed.refused.as_deref())
    }

    pub(super) fn errors(&self) -> serde_json::Map<String, Value> {
        named::errors(self.snapshot, self.found, &self.named)
    }

    /// The report of the route that was taken.
    fn report(&self) -> Option<&'e RouteReport> {
        let chosen = self.chosen?;
        self.found.routes.iter().find(|report| report.name == chosen.name)
    }

    /// How sure the decision is, once every signal was read: a decision stops at bounds.
    pub(super) fn confidence(&self) -> f64 {
        let told = self.report().map(|report| trace::condition(report).confidence.low);
        told.unwrap_or(self.found.decision.confidence.low)
    }

    /// The leaves on which the decision rests.
    pub(super) fn rules(&self) -> Vec<String> {
        let report = self.report();
        report.map(|report| trace::rules(self.snapshot, trace::condition(report))).unwrap_or_default()
    }

    /// Which model would be asked, how that came, and why: the incumbent's words.
    fn selection(&self, asked: &Asked) -> [(&'static str, Value); 4] {
        let why = self.found.decision.trace.as_ref().map(|trace| trace.why.as_str());
        let concrete = self.snapshot.model(&asked.model).map(|model| &*model.name);
        let (model, status, method, reason) = match (&self.found.decision.outcome, self.refused(), concrete) {
            (Outcome::Rejected(_), ..) => (None, "failed", None, why),
            (_, Some(refused), _) => (None, "failed", None, Some(refused)),
            (.., Some(name)) => {
                (Some(name), "selected", Some("passthrough"), Some("the request names this model itself"))
            }
            (Outcome::Route(route), ..) => {
                (self.models.first().copied(), "selected", Some(method(route)), why)
            }
            (Outcome::Default(route), ..) => {
                (self.models.first().copied(), "fallback", Some(method(route)), why)
            }
        };
        [
            ("selected_model", json!(model)),
            ("selection_status", json!(status)),
            ("selection_method", json!(method)),
            ("selection_reason", json!(reason)),
        ]
    }

    fn decision_result(&self) -> Value {
        let route = self.chosen;
        let plugins: Vec<&str> = route
            .and_then(|route| route.notes.get("plugins"))
            .map(|list| list.split(", ").collect())
            .unwrap_or_default();
        let used = self.report().map(|report| trace::used(self.snapshot, report)).unwrap_or_default();
        json!({
            "decision_name": route.map_or("", name),
            "algorithm": route.map_or("", method),
            "plugins": plugins,
            "used_signals": used,
            "matched_signals": grouped(&self.named, true),
            "unmatched_signals": grouped(&self.named, false),
        })
    }
}

/// The answer to an evaluation.
pub(super) fn evaluation(snapshot: &Snapshot, found: &Evaluation, asked: &Asked) -> Value {
    let told = Told::of(snapshot, found);
    let mut out = json!({
        "original_text": asked.text,
        "requested_model": asked.model,
        "recipe": told.recipe.unwrap_or("default"),
        "decision_result": told.decision_result(),
        "recommended_models": told.models,
        "routing_decision": told.chosen.map(name),
        "matched_signals": grouped(&told.named, true),
        "unmatched_signals": grouped(&told.named, false),
        "confidence": told.confidence(),
        "metrics": named::metrics(found, &told.named),
        "signal_confidences": named::confidences(&told.named),
        "signal_values": named::values(snapshot, found, &told.named),
        "signal_errors": told.errors(),
        "context_token_count": named::context(snapshot, found),
    });
    for (key, value) in told.selection(asked) {
        out[key] = value;
    }
    if let Some(why) = told.refused() {
        out["refused"] = json!(why);
    }
    if asked.trace {
        out["eval_trace"] = trace::decisions(snapshot, &found.routes, told.recipe);
    }
    out
}

/// The recipe that the asked model chose, where none of its routes was taken.
fn meant<'s>(snapshot: &'s Snapshot, reports: &[RouteReport]) -> Option<&'s str> {
    let holds = |report: &&RouteReport| {
        report.when.op == "given"
            && report.when.parts.first().is_some_and(|part| part.verdict == Verdict::True)
    };
    let report = reports.iter().find(holds)?;
    let route = snapshot.policy.routes().find(|route| route.name == report.name)?;
    route.notes.get("recipe").map(String::as_str)
}

/// The name that the route had where it came from.
pub(super) fn name(route: &Route) -> &str {
    route.notes.get("decision").map_or(&route.name, String::as_str)
}

fn method(route: &Route) -> &str {
    match (route.notes.get("algorithm"), route.effects.algorithm) {
        (Some(word), _) => word,
        (None, Algorithm::Static) => "static",
        (None, Algorithm::Weighted) => "weighted",
    }
}
