//! Policies of a given size and shape, and signals for them.

use std::fmt::Write as _;
use tollgate_core::signal::{Signal, SignalSource};
use tollgate_policy::Policy;

const DEFAULT: &str = "default { models { \"d\" } }\n";

/// Signals that are known beforehand.
pub(super) struct Fixed(Vec<Signal>);

impl SignalSource for Fixed {
    fn read(&mut self, index: usize) -> &Signal {
        // A policy reads its own signals only.
        &self.0[index.min(self.0.len() - 1)]
    }
}

impl Fixed {
    /// The signals of [`routes`]; those of a route hold where `holds` says so, for the later ones more surely.
    pub(super) fn of(policy: &Policy, holds: impl Fn(usize) -> bool) -> Self {
        let signal = |name: &str| {
            let route = name.strip_prefix('s').and_then(|rest| rest.split('_').next()?.parse::<usize>().ok());
            match route {
                Some(route) if holds(route) && name.ends_with('0') => {
                    Signal { confidence: 0.9 + route as f64 * 1e-5, ..Signal::flag(true) }
                }
                Some(route) => Signal::flag(holds(route)),
                None => Signal::flag(false),
            }
        };
        Self(policy.specs().iter().map(|spec| signal(&spec.name)).collect())
    }
}

/// Routes that each need five signals of their own; `ranked`: each with its own priority.
pub(super) fn routes(count: usize, ranked: bool) -> String {
    let mut text = String::new();
    for route in 0..count {
        for part in 0..5 {
            let _ = writeln!(text, "signal s{route}_{part} = keyword any [\"w{route} {part}\"]");
        }
        let when: Vec<String> = (0..5).map(|part| format!("s{route}_{part}")).collect();
        let priority = if ranked { route } else { 0 };
        let when = when.join(" and ");
        let _ = writeln!(text, "route r{route} priority {priority} {{ when {when} models {{ \"m\" }} }}");
    }
    text + DEFAULT
}

/// The same in about this many bytes.
pub(super) fn sized(bytes: usize) -> String {
    let mut text = routes(1, true);
    let mut count = 1;
    while text.len() < bytes {
        count += 1;
        text = routes(count, true);
    }
    text
}

/// The same under three roles, two classes of data and two rules.
pub(super) fn governed(routes: &str) -> String {
    let guards = "signal names_people = keyword any [\"passport\", \"date of birth\"] scope all
signal secret = keyword any [\"confidential\"] scope all
role \"analyst\" { models [\"m\", \"d\"] tool \"search\" tool \"shell\" never cost <= 20_000 }
role \"operator\" { }
others { models [\"d\"] }
data personal { when names_people on_premise }
data internal { when secret regions [\"eu-*\"] }
rule thrift { when budget_left < 0.1 cost <= 1_000 }
rule green { energy >= 2 }
";
    format!("{guards}{routes}")
}

/// A route for each of so many lists of keywords, none of which is in plain prose.
pub(super) fn keywords(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        let _ = writeln!(
            text,
            "signal k{at} = keyword any [\"keyword{at}\", \"phrase number {at}\", \"x{at}y\"]"
        );
        let _ = writeln!(text, "route r{at} priority {at} {{ when k{at} models {{ \"m\" }} }}");
    }
    text + DEFAULT
}

/// One rule of a keyword set, whose words are everywhere.
pub(super) fn keyword_set() -> String {
    let signal =
        "signal dense = feature measure density words [\"first\", \"then\", \"because\", \"must\"]\n";
    format!("{signal}route r {{ when dense > 1 models {{ \"m\" }} }}\n{DEFAULT}")
}

/// 60 lists of keywords, 25 features and 15 expressions, each with a route.
pub(super) fn mixed() -> String {
    let measures = ["exists", "count", "density", "sequence"];
    let mut text = String::new();
    for at in 0..100 {
        let (body, when) = match at {
            0..60 => {
                let any: Vec<String> = (0..6).map(|word| format!("\"term{}\"", at * 7 + word)).collect();
                (format!("keyword any [{}, \"order number {at}\"]", any.join(", ")), format!("s{at}"))
            }
            60..85 => {
                let measure = measures.get(at % 4).copied().unwrap_or("count");
                let words = format!("[\"then\", \"term{at}\", \"because\", \"must\"]");
                (format!("feature measure {measure} words {words}"), format!("s{at} > 3"))
            }
            _ => {
                let any = format!("['\\bticket[- ]?#?{at}\\d+\\b', '(urgent|critical) (issue|bug){at}']");
                (format!("keyword any {any} method regex"), format!("s{at}"))
            }
        };
        let _ = writeln!(text, "signal s{at} = {body}");
        let _ = writeln!(text, "route r{at} priority {at} {{ when {when} models {{ \"m\" }} }}");
    }
    text + DEFAULT
}

/// How the routes of a large policy hang together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hang {
    /// Each with its own priority.
    Ranked,
    /// All of one priority.
    Flat,
    /// Nested conditions.
    Nested,
    /// Nested conditions over so few signals that nearly all routes hang together.
    Crowded,
}

/// The same numbers on every machine (a multiplicative congruence).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % most
    }

    fn flag(&mut self, signals: usize) -> String {
        let not = if self.below(4) == 0 { "not " } else { "" };
        format!("{not}s{}", self.below(signals))
    }
}

/// Routes over three bands of one score of so many terms, each with two signals of its own.
pub(super) fn scored(routes: usize, terms: usize) -> String {
    let mut text = String::new();
    for at in 0..terms {
        let _ = writeln!(text, "signal s{at} = similar to [\"w{at} x{at}\"]");
    }
    let parts: Vec<String> = (0..terms).map(|at| format!("0.0{} * s{at}", 1 + at % 5)).collect();
    let _ = writeln!(text, "score effort = {}", parts.join(" + "));
    text += "band low = effort < 0.2\nband middle = effort >= 0.2 and < 0.5\nband high = effort >= 0.5\n";
    for at in 0..routes {
        let band = ["low", "middle", "high"].get(at % 3).copied().unwrap_or_default();
        let (one, other) = (2 * at % terms, (7 * at + 3) % terms);
        let _ = writeln!(
            text,
            "route r{at} priority {} {{ when {band} and (s{one} or s{other}) models {{ \"m{at}\" }} }}",
            routes - at
        );
    }
    text + "default { models { \"d\" } }\n"
}

/// Routes of 20 tests each over keywords, numbers, languages and roles.
pub(super) fn hanging(count: usize, hang: Hang) -> String {
    let mut dice = Dice(7);
    let signals = if hang == Hang::Crowded { 40 } else { 400 };
    let mut text = String::new();
    for signal in 0..signals {
        let _ = writeln!(text, "signal s{signal} = keyword any [\"w{signal}\", \"v{}\"]", signal % 50);
    }
    for route in 0..count {
        let nested = matches!(hang, Hang::Nested | Hang::Crowded);
        let when = if nested { nested_when(&mut dice, signals) } else { plain_when(&mut dice, signals) };
        let priority = if hang == Hang::Flat { 0 } else { count - route };
        let model = route % 7;
        let _ =
            writeln!(text, "route r{route} priority {priority} {{ when {when} models {{ \"m{model}\" }} }}");
    }
    text + DEFAULT
}

fn nested_when(dice: &mut Dice, signals: usize) -> String {
    let mut part = || {
        let [a, b, c, d] = [(); 4].map(|()| dice.flag(signals));
        format!("({a} or ({b} and ({c} or {d})))")
    };
    [(); 5].map(|()| part()).join(" and ")
}

fn plain_when(dice: &mut Dice, signals: usize) -> String {
    let languages = ["de", "en", "fr", "es", "it", "nl", "pt", "ru"];
    let mut parts: Vec<String> = (0..15).map(|_| dice.flag(signals)).collect();
    parts.push(format!("tokens > {}", 10 * dice.below(400)));
    parts.push(format!("turns <= {}", 2 + dice.below(9)));
    let mut language = || languages.get(dice.below(8)).copied().unwrap_or("de");
    let (one, other) = (language(), language());
    parts.push(format!("language in [\"{one}\", \"{other}\"]"));
    parts.push(format!("(role has \"r{}\" or total_tokens > {})", dice.below(9), 100 * dice.below(90)));
    parts.join(" and ")
}
