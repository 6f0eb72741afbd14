//! Two policies side by side over a trace, in one pass: counts by where requests went, and the first that moved.

use crate::policy::models::{After, Asked, Chosen, Models, chosen};
use crate::policy::trace::{Entry, What};
use crate::say;
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_core::signal::SignalSpec;
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::{Decision, Policy, Recorded};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::view::RequestView;

/// Most different ways that are told apart.
const WAYS_MAX: usize = 10_000;

/// What the record of a request that may be masked does not say.
const UNMASKED: &str =
    "where it goes depends on what a mask leaves of its class of data, and its words are not in its record";

/// One policy.
pub(super) struct Side {
    name: String,
    policy: Policy,
    signals: SignalSet,
    clock: SystemClock,
}

impl Side {
    pub(super) fn new(name: String, policy: Policy, signals: SignalSet) -> Self {
        Self { name, policy, signals, clock: SystemClock::new() }
    }

    /// Where a request goes, or what its record lacks.
    fn decide(&self, entry: &Entry, other: &Policy, models: Option<&Models>) -> Result<Chosen, String> {
        let model = entry.pinned.as_deref();
        match &entry.what {
            What::Request(view) => {
                let again = |view: &RequestView| self.read(view, &entry.roles);
                let asked = Asked::of(view, &entry.roles, model);
                Ok(chosen(&self.policy, &again(view), models, &asked, After::Again(&again)))
            }
            What::Record(recorded, prompt_tokens, output_tokens) => {
                let (prompt_tokens, output_tokens) = (*prompt_tokens, *output_tokens);
                let asked = Asked { roles: &entry.roles, model, prompt_tokens, output_tokens, view: None };
                let decision = self.recorded(recorded, other)?;
                let after = |after| chosen(&self.policy, &decision, models, &asked, after);
                // Its words are not in the record: what a mask would leave of them matters, or it does not.
                let (clean, same) = (after(After::Clean), after(After::Same));
                if (&clean.shares, &clean.refused) == (&same.shares, &same.refused) {
                    Ok(clean)
                } else {
                    Err(UNMASKED.to_owned())
                }
            }
            What::Nothing => Err("it was refused before it was decided".to_owned()),
        }
    }

    fn read(&self, view: &RequestView, roles: &[String]) -> Decision {
        let mut input = Input::untaught(view);
        input.caller.roles = roles;
        self.policy.decide(&mut Reading::new(&self.signals, &input, &self.clock), false)
    }

    /// Decides on recorded signals. A signal that the policies declare differently is not the one that was recorded.
    fn recorded(&self, recorded: &Recorded, other: &Policy) -> Result<Decision, String> {
        let theirs = |spec: &SignalSpec| other.specs().iter().find(|held| held.name == spec.name);
        let fits = |spec: &SignalSpec| {
            recorded.policy == self.policy.digest() || theirs(spec).is_none_or(|held| held == spec)
        };
        self.policy.decide_recorded(recorded, fits).map_err(|error| error.to_string())
    }
}

/// From where to where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
struct Way {
    before: String,
    after: String,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Moved {
    requests: u64,
    /// Change of the estimated cost in micro-dollars.
    cost_micro: i128,
    /// Of so many requests.
    priced: u64,
    /// Sum of the changes of declared quality, over so many requests.
    quality: f64,
    rated: u64,
}

/// What goes to one route under one policy.
#[derive(Clone, Copy, Default)]
struct Load {
    requests: u64,
    cost_micro: u128,
    /// Requests whose cost is in it.
    priced: u64,
    quality: f64,
    rated: u64,
}

impl Load {
    fn add(&mut self, chosen: &Chosen) {
        self.requests += 1;
        self.cost_micro += u128::from(chosen.cost_micro.unwrap_or_default());
        self.priced += u64::from(chosen.cost_micro.is_some());
        self.quality += chosen.quality.unwrap_or_default();
        self.rated += u64::from(chosen.quality.is_some());
    }

    fn quality(&self) -> Option<f64> {
        (self.rated > 0).then(|| self.quality / self.rated as f64)
    }

    fn to_json(self) -> Value {
        json!({"requests": self.requests, "priced": self.priced, "cost_micro": self.cost_micro.to_string(), "quality": self.quality()})
    }

    fn usd(self) -> String {
        if self.priced > 0 { usd(self.cost_micro) } else { String::new() }
    }
}

#[derive(Serialize)]
struct Shown {
    line: usize,
    request: String,
    before: Chosen,
    after: Chosen,
}

#[derive(Default, Serialize)]
struct Totals {
    requests: u64,
    changed: u64,
    undecided: u64,
    refused_before: u64,
    refused_after: u64,
    /// Over the requests for which both are known.
    cost_before_micro: u128,
    cost_after_micro: u128,
    priced: u64,
    /// Requests that are served, but by a model without a price before or after.
    unpriced: u64,
    quality_before: f64,
    quality_after: f64,
    rated: u64,
}

/// Everything that was compared.
pub(super) struct Comparison {
    before: Side,
    after: Side,
    models: Option<Models>,
    limit: usize,
    totals: Totals,
    ways: BTreeMap<Way, Moved>,
    /// Each route with what goes there before and after.
    routes: BTreeMap<String, [Load; 2]>,
    shown: Vec<Shown>,
    lacking: BTreeMap<String, u64>,
}

fn place(chosen: &Chosen) -> String {
    match (&chosen.model, &chosen.refused) {
        (_, Some(_)) => format!("{} (refused)", chosen.route),
        (Some(_), None) if chosen.shares.len() > 1 => {
            let shares: Vec<_> =
                chosen.shares.iter().map(|(model, weight)| format!("{model} {weight}")).collect();
            format!("{} ({})", chosen.route, shares.join(" : "))
        }
        (Some(model), None) => format!("{} ({model})", chosen.route),
        (None, None) => chosen.route.clone(),
    }
}

impl Comparison {
    pub(super) fn new(before: Side, after: Side, models: Option<Models>, limit: usize) -> Self {
        Self {
            before,
            after,
            models,
            limit,
            totals: Totals::default(),
            ways: BTreeMap::new(),
            routes: BTreeMap::new(),
            shown: Vec::new(),
            lacking: BTreeMap::new(),
        }
    }

    pub(super) const fn requests(&self) -> u64 {
        self.totals.requests
    }

    /// Takes one request of the trace, from a line.
    pub(super) fn take(&mut self, line: usize, entry: &Entry) {
        self.totals.requests += 1;
        let before = self.before.decide(entry, &self.after.policy, self.models.as_ref());
        let after = self.after.decide(entry, &self.before.policy, self.models.as_ref());
        let (before, after) = match (before, after) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) | (_, Err(why)) => {
                self.totals.undecided += 1;
                if self.lacking.len() < WAYS_MAX {
                    *self.lacking.entry(why).or_default() += 1;
                }
                return;
            }
        };
        self.count(&before, &after);
        if (&before.route, &before.shares, &before.refused) == (&after.route, &after.shares, &after.refused) {
            return;
        }
        self.totals.changed += 1;
        let way = Way { before: place(&before), after: place(&after) };
        if self.ways.len() < WAYS_MAX || self.ways.contains_key(&way) {
            let moved = self.ways.entry(way).or_default();
            moved.requests += 1;
            if let (Some(a), Some(b)) = (before.cost_micro, after.cost_micro) {
                moved.priced += 1;
                moved.cost_micro += i128::from(b) - i128::from(a);
            }
            if let (Some(a), Some(b)) = (before.quality, after.quality) {
                moved.quality += b - a;
                moved.rated += 1;
            }
        }
        if self.shown.len() < self.limit {
            self.shown.push(Shown { line, request: entry.shown.clone(), before, after });
        }
    }

    fn count(&mut self, before: &Chosen, after: &Chosen) {
        for (side, chosen) in [before, after].into_iter().enumerate() {
            let loads = self.routes.entry(chosen.route.clone()).or_default();
            loads.get_mut(side).into_iter().for_each(|load| load.add(chosen));
        }
        let totals = &mut self.totals;
        totals.refused_before += u64::from(before.refused.is_some());
        totals.refused_after += u64::from(after.refused.is_some());
        if let (Some(a), Some(b)) = (before.cost_micro, after.cost_micro) {
            totals.priced += 1;
            totals.cost_before_micro += u128::from(a);
            totals.cost_after_micro += u128::from(b);
        } else if self.models.is_some() && before.refused.is_none() && after.refused.is_none() {
            totals.unpriced += 1;
        }
        if let (Some(a), Some(b)) = (before.quality, after.quality) {
            totals.rated += 1;
            totals.quality_before += a;
            totals.quality_after += b;
        }
    }

    fn quality(&self) -> Option<(f64, f64)> {
        let rated = self.totals.rated as f64;
        (self.totals.rated > 0)
            .then(|| (self.totals.quality_before / rated, self.totals.quality_after / rated))
    }

    pub(super) fn to_json(&self) -> Value {
        let mut ways: Vec<_> = self.ways.iter().collect();
        ways.sort_by_key(|(_, moved)| std::cmp::Reverse(moved.requests));
        let way = |(way, moved): &(&Way, &Moved)| json!({"before": way.before, "after": way.after, "requests": moved.requests, "priced": moved.priced, "cost_micro": moved.cost_micro.to_string(), "quality": moved.quality()});
        let totals = &self.totals;
        json!({
            "before": self.before.name, "after": self.after.name,
            "requests": totals.requests, "changed": totals.changed, "undecided": totals.undecided,
            "refused": {"before": totals.refused_before, "after": totals.refused_after},
            "cost_micro": (totals.priced > 0).then(|| json!({
                "requests": totals.priced,
                "before": totals.cost_before_micro.to_string(), "after": totals.cost_after_micro.to_string(),
            })),
            "unpriced": totals.unpriced,
            "quality": self.quality().map(|(before, after)| json!({"requests": totals.rated, "before": before, "after": after})),
            "routes": self.routes.iter().map(|(route, [before, after])| {
                (route.clone(), json!({"before": before.to_json(), "after": after.to_json()}))
            }).collect::<serde_json::Map<_, _>>(),
            "moves": ways.iter().map(way).collect::<Vec<_>>(),
            "lacking": self.lacking,
            "examples": self.shown,
        })
    }

    pub(super) fn print(&self) -> Result<()> {
        let totals = &self.totals;
        say::line(&format!(
            "{} -> {}: {} of {} requests go elsewhere{}",
            self.before.name,
            self.after.name,
            totals.changed,
            totals.requests,
            if totals.undecided > 0 { format!(", {} undecided", totals.undecided) } else { String::new() }
        ))?;
        if totals.priced > 0 {
            let (a, b) = (totals.cost_before_micro, totals.cost_after_micro);
            let percent = if a > 0 {
                format!(" ({:+.1} %)", (b as f64 / a as f64 - 1.0) * 100.0)
            } else {
                String::new()
            };
            say::line(&format!("estimated cost: {} -> {} USD{percent}", usd(a), usd(b)))?;
        }
        if totals.unpriced > 0 {
            say::line(&format!(
                "without a price, and in no sum of costs: {} requests; declare `price:` of their models",
                totals.unpriced
            ))?;
        }
        if let Some((a, b)) = self.quality() {
            say::line(&format!("declared quality: {a:.3} -> {b:.3} ({:+.3})", b - a))?;
        }
        if totals.refused_before + totals.refused_after > 0 {
            say::line(&format!("refused: {} -> {}", totals.refused_before, totals.refused_after))?;
        }
        for (why, count) in &self.lacking {
            say::remark(&format!("undecided, {count} times: {why}"));
        }
        if self.ways.is_empty() {
            return Ok(());
        }
        let mut ways: Vec<_> = self.ways.iter().collect();
        ways.sort_by_key(|(_, moved)| std::cmp::Reverse(moved.requests));
        let priced = totals.priced > 0;
        let row = |(way, moved): &(&Way, &Moved)| {
            let mut row = vec![moved.requests.to_string(), way.before.clone(), way.after.clone()];
            if priced {
                row.push(if moved.priced > 0 { signed_usd(moved.cost_micro) } else { String::new() });
                row.push(moved.quality().map(|change| format!("{change:+.3}")).unwrap_or_default());
            }
            row
        };
        let rows: Vec<_> = ways.iter().map(row).collect();
        let head = ["requests", "before", "after", "USD", "quality"];
        say::line("")?;
        say::table(head.get(..if priced { 5 } else { 3 }).unwrap_or_default(), &rows)?;
        self.print_routes(priced)?;
        let rows: Vec<_> = self
            .shown
            .iter()
            .map(|shown| {
                vec![shown.line.to_string(), place(&shown.before), place(&shown.after), shown.request.clone()]
            })
            .collect();
        say::line("")?;
        say::table(&["line", "before", "after", "request"], &rows)
    }
}

impl Comparison {
    /// Each route before and after, with its cost and the mean of its declared quality.
    fn print_routes(&self, priced: bool) -> Result<()> {
        let row = |(route, loads): (&String, &[Load; 2])| {
            let mut row = vec![route.clone()];
            row.extend(loads.map(|load| load.requests.to_string()));
            if priced {
                row.extend(loads.map(Load::usd));
                row.extend(loads.map(|load| load.quality().map(|q| format!("{q:.3}")).unwrap_or_default()));
            }
            row
        };
        let rows: Vec<_> = self.routes.iter().map(row).collect();
        let head = ["route", "before", "after", "USD before", "after", "quality before", "after"];
        say::line("")?;
        say::table(head.get(..if priced { 7 } else { 3 }).unwrap_or_default(), &rows)
    }
}

impl Moved {
    /// The mean change of declared quality, where it is known.
    fn quality(&self) -> Option<f64> {
        (self.rated > 0).then(|| self.quality / self.rated as f64)
    }
}

/// Micro-dollars as dollars.
fn usd(micro: u128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

fn signed_usd(micro: i128) -> String {
    format!("{}{}", if micro < 0 { '-' } else { '+' }, usd(micro.unsigned_abs()))
}
