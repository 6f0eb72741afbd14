//! The property of the evaluator: reading lazily decides as reading everything does, and every read could matter.

mod common;

use common::{Given, policy, sure};
use proptest::prelude::*;
use tollgate_core::signal::Signal;
use tollgate_policy::{Policy, RouteReport, Verdict};

/// Signals of the random policies; `f` and `g` reject when they fail, `h` matches.
const HEAD: &str = r#"
signal a = keyword any ["x"]
signal b = keyword any ["x"] scope all
signal c = feature measure count words ["x"]
signal d = metadata key "x"
signal e = reask
signal f = event types ["x"] on_failure reject
signal g = keyword any ["y"] on_failure reject
signal h = keyword any ["z"] on_failure match
score s = 0.5 * a + 0.25 * c - 0.3 * confidence(d)
score t = max(s, 0.4 * b) + 0.1 * e
band low = s < 0.4 slope 3
band mid = t >= 0.2 and < 0.6
group team = exclusive(a, d, e, mid) temperature 0.4 margin 0.05
flag pair = (a or c > 1) and not d label "x:pair"
sum u = 2 * confidence(pair) - 0.75 * e + t
band far = u >= 0.5 and < 1.5 slope 2
group best = winner(a, pair, e) temperature 0.3 default e
group own = winner(b, d, far)
"#;

const LEAVES: &[&str] = &[
    "a",
    "b",
    "d",
    "e",
    "f",
    "g",
    "h",
    "c > 1",
    "c <= 0.5",
    "s > 0.3",
    "t >= s",
    "low",
    "mid",
    "team",
    "team is a",
    "team is mid",
    "team is not d",
    "entropy(team) > 0.6",
    "2 * c - 1 == 1",
    "min(s, t) < 0.2",
    "c != 2",
    "pair",
    "always",
    "u > 1",
    "far",
    "best is pair",
    "best is e",
    "own is b",
    "own is far",
    "own",
    "confidence(pair) > 0.3",
];

fn expr() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

type Written = (String, Option<String>, u8, u8);

fn text(routes: &[Written], by_confidence: bool) -> String {
    let mut text = HEAD.to_owned();
    if by_confidence {
        text += "order tier confidence priority\n";
    }
    for (at, (when, given, tier, priority)) in routes.iter().enumerate() {
        let tier = if *tier == 0 { String::new() } else { format!("tier {tier}") };
        let given = given.as_ref().map(|given| format!("given {given}\n")).unwrap_or_default();
        text +=
            &format!("route r{at} {tier} priority {priority} {{ {given} when {when} models {{ \"m\" }} }}\n");
    }
    text + "default { models { \"d\" } }"
}

fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![
        2 => Just(Signal::flag(false)),
        1 => Just(sure(1.0)),
        2 => (0u8..=4).prop_map(|part| sure(f64::from(part) / 4.0)),
        2 => (0u8..4).prop_map(|count| Signal::number(f64::from(count))),
        1 => Just(Signal::failed("broken")),
    ]
}

/// Decides with every signal read beforehand: routes are compared in full, by the rules as they are written down.
fn full(policy: &Policy, signals: &[Signal], by_confidence: bool) -> (String, f64) {
    let all = policy.decide_reading_all(&mut Given::new(signals.to_vec()));
    let mut order: Vec<_> = all.iter().collect();
    let rank = |tier: Option<u32>, priority: i32| {
        (tier.unwrap_or(u32::MAX), if by_confidence { 0 } else { -priority })
    };
    order.sort_by_key(|route| rank(route.tier, route.priority));
    while let Some(first) = order.first() {
        let key = rank(first.tier, first.priority);
        let same: Vec<_> =
            order.iter().take_while(|route| rank(route.tier, route.priority) == key).copied().collect();
        order.drain(..same.len());
        let best = same.iter().filter(|route| route.when.verdict == Verdict::True).max_by(|x, y| {
            let low = x.when.confidence.low.total_cmp(&y.when.confidence.low);
            low.then(x.priority.cmp(&y.priority)).then_with(|| y.name.cmp(&x.name))
        });
        let loses = |route: &RouteReport| {
            best.is_some_and(|best| {
                let (low, high) = (best.when.confidence.low, route.when.confidence.high);
                let first = (-best.priority, &best.name) < (-route.priority, &route.name);
                best.name == route.name || high < low || (high == low && first)
            })
        };
        let open = same.iter().any(|route| route.when.verdict != Verdict::False && !loses(route));
        match best {
            _ if open => return ("rejected".into(), 0.0),
            Some(best) => return (best.name.clone(), best.when.confidence.high),
            None => {}
        }
    }
    ("default".into(), 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn lazy_equals_full(
        routes in proptest::collection::vec((expr(), proptest::option::weighted(0.3, expr()), 0u8..3, 0u8..2), 1..7),
        signals in proptest::collection::vec(signal(), 8),
        by_confidence in any::<bool>(),
    ) {
        let policy = policy(&text(&routes, by_confidence));
        let signals = &signals[..policy.specs().len()];
        let mut source = Given::new(signals.to_vec());
        let lazy = policy.decide(&mut source, false);
        let (route, confidence) = full(&policy, signals, by_confidence);
        prop_assert_eq!(lazy.route_name(), route);
        if lazy.route().is_some() {
            prop_assert!(lazy.confidence.low <= confidence && confidence <= lazy.confidence.high);
        }
        // A trace reads nothing more, and says the same.
        let mut traced = Given::new(signals.to_vec());
        let explained = policy.decide(&mut traced, true);
        prop_assert_eq!(&explained.outcome, &lazy.outcome);
        prop_assert_eq!(&traced.order, &source.order);
        prop_assert_eq!(policy.replay(&policy.record(&lazy, &mut source)).unwrap().outcome, lazy.outcome);
    }
}

/// Random policies in which each signal stands once, so that "could matter" can be tried out in full.
fn once() -> impl Strategy<Value = Vec<Written>> {
    let shapes = proptest::sample::select(vec![
        vec!["a and b", "c > 0 or d", "e"],
        vec!["a or b", "c > 0 and d", "e"],
        vec!["a and (b or d)", "not e", "c > 0"],
        vec!["a or (b and not d)", "e or c > 0"],
        vec!["a", "b", "c > 0", "d", "e"],
        vec!["(a or e) and (b or c > 0)", "d"],
    ]);
    (shapes, proptest::collection::vec((0u8..2, 0u8..2), 5)).prop_map(|(shape, ranks)| {
        shape
            .iter()
            .zip(ranks)
            .map(|(when, (tier, priority))| ((*when).to_owned(), None, tier, priority))
            .collect()
    })
}

fn values() -> [Signal; 4] {
    [Signal::flag(false), sure(0.0), sure(0.5), sure(1.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_read_could_matter(routes in once(), picks in proptest::collection::vec(0usize..4, 5)) {
        let policy = policy(&text(&routes, false));
        let count = policy.specs().len();
        let mut source = Given::new(picks.iter().take(count).map(|pick| values()[*pick].clone()).collect());
        policy.decide(&mut source, false);
        for (at, index) in source.order.iter().enumerate() {
            let known = &source.order[..at];
            // Over all completions of what was unread, some change of this signal alone changes the route.
            let matters = (0..4usize.pow(count as u32)).any(|code| {
                let mut signals = source.signals.clone();
                for (other, signal) in signals.iter_mut().enumerate().filter(|(i, _)| !known.contains(i)) {
                    *signal = values()[code / 4usize.pow(other as u32) % 4].clone();
                }
                let before = full(&policy, &signals, false).0;
                values().iter().any(|value| {
                    let mut changed = signals.clone();
                    changed[*index] = value.clone();
                    full(&policy, &changed, false).0 != before
                })
            });
            prop_assert!(matters, "read {} for nothing: {:?}", policy.specs()[*index].name, routes);
        }
    }
}
