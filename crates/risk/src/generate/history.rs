//! Users, merchants and events from a seed.

use crate::dataset::DAY;
use crate::evaluate::sigmoid;
use tollgate_core::Seed;

/// Length of every history in days.
pub(super) const DAYS: i64 = 180;
/// Weights of the standardised statistics A, F and R in the outcome's logit.
const WEIGHTS: [f64; 3] = [-0.6, 1.2, 1.0];
/// F of a user who has no merchant to compare.
const NOTHING: f64 = 0.30;

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Users.
    pub users: u32,
    /// Merchants.
    pub merchants: u32,
    /// Mean number of events per user.
    pub events: f64,
    /// Share of defaults.
    pub rate: f64,
    /// From which everything follows.
    pub seed: Seed,
}

impl Default for Plan {
    fn default() -> Self {
        Self { users: 3000, merchants: 300, events: 150.0, rate: 0.2, seed: Seed(1) }
    }
}

/// What was generated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generated {
    /// Name and category of each merchant.
    pub merchants: Vec<(String, u32)>,
    /// Events by user and time: user, seconds from the start, merchant, minor units.
    pub events: Vec<(u32, i64, u32, i64)>,
    /// Per user the outcome.
    pub labels: Vec<bool>,
    /// Per user the probability that the outcome was drawn with: never an input of a model.
    pub best: Vec<f64>,
    /// Per user the standardised statistics A, F and R behind it: never inputs either.
    pub causes: Vec<[f64; 3]>,
}

const CATEGORIES: [&str; 12] = [
    "grocer", "fuel", "pharmacy", "clothing", "garage", "toys", "clinic", "hotel", "casino", "cafe", "books",
    "garden",
];
const DISCOUNT: [&str; 5] = ["outlet", "saver", "discount", "bargain", "thrift"];
const PREMIUM: [&str; 5] = ["boutique", "prime", "select", "grand", "signature"];
const FAMILIES: [&str; 10] =
    ["okafor", "varga", "lund", "petrov", "marsh", "tanaka", "quinn", "cole", "delgado", "haas"];

struct Draw(Seed);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.next();
        self.0.unit()
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

struct Merchant {
    discount: bool,
    log: f64,
}

/// Draws everything.
#[must_use]
pub fn generate(plan: &Plan) -> Generated {
    let mut out = Generated::default();
    let mut draw = Draw(plan.seed.derive("merchants"));
    let merchants: Vec<Merchant> = (0..plan.merchants).map(|i| merchant(i, &mut draw, &mut out)).collect();
    let mut statistics = Vec::new();
    for user in 0..plan.users {
        let mut draw = Draw(plan.seed.derive(&format!("user {user}")));
        let start = out.events.len();
        history(user, plan, &merchants, &mut draw, &mut out.events);
        out.events[start..].sort_by_key(|e| e.1);
        statistics.push(measured(&out.events[start..], &merchants));
    }
    out.causes = standardised(&statistics);
    let logits: Vec<f64> =
        out.causes.iter().map(|z| z.iter().zip(WEIGHTS).map(|(z, weight)| weight * z).sum()).collect();
    let base = offset(&logits, plan.rate);
    let mut draw = Draw(plan.seed.derive("outcomes"));
    for logit in logits {
        let p = sigmoid(base + logit);
        out.best.push(p);
        out.labels.push(draw.unit() < p);
    }
    out
}

fn merchant(number: u32, draw: &mut Draw, out: &mut Generated) -> Merchant {
    let category = draw.below(CATEGORIES.len());
    let tier = draw.below(3);
    let named = draw.unit() < 0.7;
    let kind = match tier {
        0 if named => DISCOUNT[draw.below(DISCOUNT.len())],
        1 if named => PREMIUM[draw.below(PREMIUM.len())],
        _ => "and sons",
    };
    let family = FAMILIES[draw.below(FAMILIES.len())];
    out.merchants.push((format!("{family} {kind} {} {number}", CATEGORIES[category]), category as u32));
    Merchant { discount: tier == 0, log: 7.5 + 0.6 * draw.normal() }
}

fn history(
    user: u32,
    plan: &Plan,
    merchants: &[Merchant],
    draw: &mut Draw,
    events: &mut Vec<(u32, i64, u32, i64)>,
) {
    let habits = 6 + draw.below(8);
    let count = (plan.events * (0.5 * draw.normal()).exp()).clamp(8.0, plan.events * 8.0);
    let drifting = 0.9 * draw.unit().powi(2);
    let growth = 0.8 * draw.normal();
    let to_discount = 1.2 * draw.normal();
    for habit in 0..habits {
        let number = draw.below(merchants.len());
        let m = &merchants[number];
        let share = (0.6 * draw.normal()).exp();
        // Drifts alternate in sign, so that the user's total hardly moves.
        let drift = if habit % 2 == 0 { 1.0 } else { -1.0 } * drifting * (0.5 + draw.unit());
        let own = m.log + 0.3 * draw.normal();
        let visits = (count * share / habits as f64 / 1.2).round() as usize;
        let lean = growth + if m.discount { to_discount } else { -0.5 * to_discount };
        for _ in 0..visits {
            let at = leaning(lean, draw.unit());
            let log = own + drift * (at - 0.5) + 0.25 * draw.normal();
            let day = (at * DAYS as f64) as i64;
            let second = (28_800.0 + 43_200.0 * draw.unit()) as i64;
            events.push((user, day.min(DAYS - 1) * DAY + second, number as u32, (log.exp() as i64).max(1)));
        }
    }
}

/// A place in the window whose density leans to its end (`lean` > 0) or start: exp(lean · x) on [0, 1], inverted.
fn leaning(lean: f64, unit: f64) -> f64 {
    if lean.abs() < 1e-6 { unit } else { (1.0 + unit * (lean.exp() - 1.0)).ln() / lean }
}

/// A, F and R of a user's events.
fn measured(events: &[(u32, i64, u32, i64)], merchants: &[Merchant]) -> [f64; 3] {
    let length = DAYS * DAY;
    let (mut before, mut late) = (0.0, 0.0);
    let (mut halves, mut cheap) = ([0.0f64; 2], [0.0f64; 2]);
    let mut by_merchant: std::collections::BTreeMap<u32, [(f64, f64); 3]> = std::collections::BTreeMap::new();
    for (_, time, merchant, amount) in events {
        *(if *time >= length - 45 * DAY { &mut late } else { &mut before }) += *amount as f64 / 100.0;
        let half = usize::from(*time >= length / 2);
        halves[half] += 1.0;
        cheap[half] += f64::from(u8::from(merchants[*merchant as usize].discount));
        let third = &mut by_merchant.entry(*merchant).or_default()[(time * 3 / length).min(2) as usize];
        *third = (third.0 + 1.0, third.1 + (*amount as f64).ln());
    }
    let drifts: Vec<f64> = by_merchant
        .values()
        .filter(|thirds| thirds[0].0 >= 2.0 && thirds[2].0 >= 2.0)
        .map(|thirds| (thirds[2].1 / thirds[2].0 - thirds[0].1 / thirds[0].0).abs())
        .collect();
    let drift = if drifts.is_empty() { NOTHING } else { drifts.iter().sum::<f64>() / drifts.len() as f64 };
    [
        (late + 10.0).ln() - (before / 3.0 + 10.0).ln(),
        (0.05 + drift).ln(),
        cheap[1] / halves[1].max(1.0) - cheap[0] / halves[0].max(1.0),
    ]
}

fn standardised(statistics: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let n = statistics.len().max(1) as f64;
    let mut out = statistics.to_vec();
    for which in 0..WEIGHTS.len() {
        let mean = statistics.iter().map(|s| s[which]).sum::<f64>() / n;
        let deviation =
            (statistics.iter().map(|s| (s[which] - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-9);
        out.iter_mut().for_each(|z| z[which] = (z[which] - mean) / deviation);
    }
    out
}

/// The offset that gives the share of defaults asked for, by halving.
fn offset(logits: &[f64], rate: f64) -> f64 {
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let share = logits.iter().map(|l| sigmoid(middle + l)).sum::<f64>() / logits.len().max(1) as f64;
        *(if share < rate { &mut low } else { &mut high }) = middle;
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::auc;

    #[test]
    fn the_best_score_is_calibrated_and_repeatable() {
        let plan = Plan { users: 1200, events: 60.0, ..Plan::default() };
        let made = generate(&plan);
        assert_eq!(generate(&plan), made);
        let share = made.labels.iter().filter(|l| **l).count() as f64 / 1200.0;
        assert!((share - plan.rate).abs() < 0.04, "{share}");
        let best = auc(&made.best, &made.labels).unwrap();
        assert!((0.78..0.92).contains(&best), "{best}");
        assert!(made.events.is_sorted_by_key(|e| (e.0, e.1)));
        assert_ne!(generate(&Plan { seed: Seed(2), ..plan }).labels, made.labels);
    }
}
