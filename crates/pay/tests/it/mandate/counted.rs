//! What the ledger counts under mandates, against an oracle that searches the whole history each time.

use proptest::prelude::*;
use smallvec::smallvec;
use tollgate_core::{Amount, Asset, Digest, Timestamp};
use tollgate_pay::ledger::{
    Admission, Book, Closing, Command, Decision, Limits, Op, Outcome, Refusal, Share, Unmet,
};
use tollgate_pay::mandate::Frequency;

const DAY: i64 = 86_400_000_000;

fn cents(minor: i128) -> Amount {
    Amount::new(minor, Asset::new("USD", 2).unwrap())
}

fn name(kind: &str, n: u64) -> Digest {
    Digest::of_parts([kind.as_bytes(), &n.to_le_bytes()])
}

fn share(mandate: u64) -> Share {
    Share { budget: None, mandate: name("mandate", mandate), occurrences: None, period: None, until: None }
}

/// Payment `n` under these mandates.
fn admission(n: u64, minor: i128, shares: Vec<Share>) -> Admission {
    let until = shares.iter().filter_map(|share| share.until).min();
    let (id, transaction) = (name("payment", n), name("transaction", n));
    Admission { amount: cents(minor), id, once: smallvec![name("nonce", n)], shares, transaction, until }
}

fn admit(n: u64, minor: i128, shares: Vec<Share>) -> Op {
    Op::Admit(Box::new(admission(n, minor, shares)))
}

fn close(n: u64, how: Closing) -> Op {
    Op::Close { admission: name("payment", n), how }
}

/// Applies under a new key; `None` when it took effect.
fn apply(book: &mut Book, now: i64, op: Op) -> Option<Unmet> {
    let key = format!("k{}", book.next_seq());
    let decision = book.apply(Timestamp(now), Command::new(key, vec![op]).unwrap()).unwrap();
    match decision.outcome() {
        Outcome::Applied { .. } => None,
        Outcome::Refused { why: Refusal::Mandate { why, .. }, .. } => Some((**why).clone()),
        Outcome::Refused { why, .. } => unreachable!("{why}"),
    }
}

#[test]
fn an_authorisation_a_challenge_and_a_transaction_are_used_once() {
    let mut book = Book::new(Limits::default());
    let open = || vec![Share { budget: Some(cents(1_000)), ..share(1) }];
    assert_eq!(apply(&mut book, 1, admit(1, 10, open())), None);
    let live = Unmet::Live { live: name("payment", 1) };
    assert_eq!(apply(&mut book, 1, admit(2, 10, open())), Some(live), "one live payment for a mandate");
    assert_eq!(apply(&mut book, 1, close(1, Closing::Paid)), None);
    assert_eq!(apply(&mut book, 2, close(1, Closing::Rejected)), Some(Unmet::NotLive));
    assert_eq!(apply(&mut book, 2, admit(1, 10, open())), Some(Unmet::Used), "replay");
    let same = |n, from: &Admission, part: &str| {
        let mut other = admission(n, 10, open());
        match part {
            "nonce" => other.once.clone_from(&from.once),
            "transaction" => other.transaction = from.transaction,
            _ => other.id = from.id,
        }
        Op::Admit(Box::new(other))
    };
    let first = admission(1, 10, open());
    for (n, part) in [(3, "nonce"), (4, "transaction"), (5, "id")] {
        assert_eq!(apply(&mut book, 3, same(n, &first, part)), Some(Unmet::Used), "{part}");
    }
    // A payment that was rejected gives its transaction back, and nothing else.
    assert_eq!(apply(&mut book, 4, admit(6, 10, open())), None);
    assert_eq!(apply(&mut book, 4, close(6, Closing::Rejected)), None);
    let sixth = admission(6, 10, open());
    assert_eq!(apply(&mut book, 5, same(7, &sixth, "nonce")), Some(Unmet::Used));
    assert_eq!(apply(&mut book, 5, same(8, &sixth, "transaction")), None);
}

#[test]
fn expiry_and_revocation_gate_admission_and_not_completion() {
    let mut book = Book::new(Limits::default());
    let open = |n| vec![Share { until: Some(Timestamp(100)), budget: Some(cents(1_000)), ..share(n) }];
    assert_eq!(apply(&mut book, 99, admit(1, 10, open(1))), None);
    assert_eq!(apply(&mut book, 99, Op::Revoke { mandate: name("mandate", 2), until: None }), None);
    assert_eq!(
        apply(&mut book, 99, admit(2, 10, open(2))),
        Some(Unmet::Revoked),
        "revoked before it was used"
    );
    assert_eq!(apply(&mut book, 99, Op::Revoke { mandate: name("mandate", 1), until: None }), None);
    let ended = Unmet::Ended { until: Timestamp(100), now: Timestamp(100) };
    assert_eq!(apply(&mut book, 100, admit(3, 10, open(3))), Some(ended), "the moment itself is too late");
    // Long after: the live one is completed, and then all of it is forgotten but what was revoked for ever.
    assert_eq!(apply(&mut book, 10_000, close(1, Closing::Paid)), None);
    assert_eq!(apply(&mut book, 10_001, Op::Sweep), None);
    assert_eq!(book.mandate(name("mandate", 1)), None);
    assert!(book.mandate(name("mandate", 2)).is_some_and(|(_, _, _, revoked)| revoked));
    assert!(
        matches!(apply(&mut book, 10_002, admit(1, 10, open(1))), Some(Unmet::Ended { .. })),
        "still refused"
    );
}

#[test]
fn counters_do_not_overflow() {
    let mut book = Book::new(Limits::default());
    let open = || vec![Share { budget: Some(cents(i128::MAX)), ..share(1) }];
    assert_eq!(apply(&mut book, 1, admit(1, i128::MAX, open())), None);
    assert_eq!(apply(&mut book, 1, close(1, Closing::Paid)), None);
    assert!(matches!(apply(&mut book, 1, admit(2, 1, open())), Some(Unmet::Budget { .. })));
    assert_eq!(apply(&mut book, 1, admit(3, 0, open())), Some(Unmet::Malformed));
    assert_eq!(
        apply(&mut book, 1, admit(4, -5, open())),
        Some(Unmet::Malformed),
        "no budget grows by a payment"
    );
    assert_eq!(apply(&mut book, 1, admit(5, 1, vec![])), Some(Unmet::Malformed));
    let twice = vec![share(9), share(9)];
    assert_eq!(apply(&mut book, 1, admit(6, 1, twice)), Some(Unmet::Malformed));
    let nine = (0..9).map(share).collect();
    assert_eq!(apply(&mut book, 1, admit(7, 1, nine)), Some(Unmet::Malformed));
}

#[test]
fn a_command_that_is_refused_counts_nothing() {
    let mut book = Book::new(Limits::default());
    let open = vec![Share { budget: Some(cents(100)), ..share(1) }];
    let hold = Op::Void { hold: tollgate_pay::ledger::HoldId(7) };
    let both = Command::new("both", vec![admit(1, 10, open.clone()), hold]).unwrap();
    let decision = book.apply(Timestamp(1), both).unwrap();
    assert!(matches!(decision.outcome(), Outcome::Refused { op: 1, .. }));
    assert_eq!(book.mandate(name("mandate", 1)), None);
    assert_eq!(apply(&mut book, 1, admit(1, 10, open)), None, "the authorisation was not used up");
}

/// What happened to a payment that was admitted.
struct Happened {
    n: u64,
    at: i64,
    minor: i128,
    mandates: Vec<u64>,
    closed: Option<Closing>,
}

/// The history of all that was admitted: every question is answered by searching it.
#[derive(Default)]
struct Oracle {
    all: Vec<Happened>,
    revoked: Vec<u64>,
}

impl Oracle {
    fn may(&self, now: i64, n: u64, minor: i128, shares: &[(u64, Share)]) -> bool {
        let counts = |p: &&Happened| p.closed != Some(Closing::Rejected);
        minor > 0
            && !self.all.iter().any(|payment| payment.n == n)
            && shares.iter().all(|(mandate, share)| {
                let under = || self.all.iter().filter(|p| p.mandates.contains(mandate)).filter(counts);
                let spent: i128 = under().map(|p| p.minor).sum();
                !self.revoked.contains(mandate)
                    && share.until.is_none_or(|until| now < until.0)
                    && under().all(|p| p.closed.is_some())
                    && share.budget.is_none_or(|budget| spent + minor <= budget.minor())
                    && share.occurrences.is_none_or(|most| (under().count() as u64) < most)
                    && share.period.is_none_or(|period| {
                        under().all(|p| period.allows(Timestamp(p.at), Timestamp(now)) == Some(true))
                    })
            })
    }
}

#[derive(Clone, Debug)]
enum Act {
    Pay { minor: i128, mandates: Vec<u64>, again: Option<u64> },
    Close { n: u64, how: Closing },
    Revoke(u64),
}

fn an_act() -> impl Strategy<Value = (i64, Act)> {
    let how = prop_oneof![Just(Closing::Paid), Just(Closing::Rejected)];
    let act = prop_oneof![
        8 => (0..40i128, proptest::sample::subsequence(vec![0u64, 1, 2, 3], 1..3), proptest::option::weighted(0.1, 0..20u64))
            .prop_map(|(minor, mandates, again)| Act::Pay { minor, mandates, again }),
        8 => (0..30u64, how).prop_map(|(n, how)| Act::Close { n, how }),
        1 => (0..4u64).prop_map(Act::Revoke),
    ];
    (prop_oneof![Just(0i64), 0..DAY], act)
}

/// Mandates differ in what they limit.
fn limits(mandate: u64) -> Share {
    match mandate {
        0 => Share { budget: Some(cents(100)), ..share(0) },
        1 => Share { occurrences: Some(3), budget: Some(cents(1_000)), ..share(1) },
        2 => Share { period: Some(Frequency::Daily), until: Some(Timestamp(9 * DAY)), ..share(2) },
        _ => Share { period: Some(Frequency::Weekly), budget: Some(cents(60)), ..share(3) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_ledger_counts_as_the_oracle_does(acts in proptest::collection::vec(an_act(), 1..60)) {
        let (mut book, mut oracle, mut now, mut entries) = (Book::new(Limits::default()), Oracle::default(), 0, vec![]);
        for (step, (wait, act)) in (0u64..).zip(acts) {
            now += wait;
            let (op, expected) = match act {
                Act::Pay { minor, mandates, again } => {
                    let n = again.unwrap_or(step);
                    // A payment's names are made of its mandates' names: it comes again under the same ones.
                    let before = oracle.all.iter().find(|payment| payment.n == n);
                    let mandates = before.map_or(mandates, |payment| payment.mandates.clone());
                    let shares: Vec<_> = mandates.iter().map(|m| (*m, limits(*m))).collect();
                    let expected = oracle.may(now, n, minor, &shares);
                    if expected {
                        oracle.all.push(Happened { n, at: now, minor, mandates, closed: None });
                    }
                    (admit(n, minor, shares.into_iter().map(|(_, share)| share).collect()), expected)
                }
                Act::Close { n, how } => {
                    let live = oracle.all.iter_mut().find(|p| p.n == n && p.closed.is_none());
                    let expected = live.is_some();
                    if let Some(payment) = live {
                        payment.closed = Some(how);
                    }
                    (close(n, how), expected)
                }
                Act::Revoke(mandate) => {
                    oracle.revoked.push(mandate);
                    (Op::Revoke { mandate: name("mandate", mandate), until: None }, true)
                }
            };
            let command = Command::new(format!("k{step}"), vec![op]).unwrap();
            let Decision::Fresh(entry) = book.apply(Timestamp(now), command).unwrap() else {
                return Err(TestCaseError::fail("a new key was known"));
            };
            prop_assert_eq!(matches!(entry.outcome, Outcome::Applied { .. }), expected, "{:?}", entry);
            entries.push(entry);
        }
        // A book that replays the entries, and one that is restored from rows, are the same.
        let (mut again, mut restored) = (Book::new(Limits::default()), Book::new(Limits::default()));
        for entry in &entries {
            let text = serde_json::to_string(entry).unwrap();
            again.replay(&serde_json::from_str(&text).unwrap()).unwrap();
        }
        for row in book.rows() {
            restored.restore(row).unwrap();
        }
        prop_assert!(again.rows().eq(book.rows()) && restored.rows().eq(book.rows()));
    }
}
