//! Random histories: the book decides as the oracle does, adds up after each command, and can be replayed and restored.

use crate::ledger::{cents, hold, post, transfer, void};
use crate::oracle::{Oracle, Sums};
use proptest::prelude::*;
use tollgate_core::Timestamp;
use tollgate_pay::ledger::{Account, Book, Bound, Command, Decision, Entry, Limits, Op, Outcome, Rest};

const NAMES: [&str; 4] = ["acct_world", "acct_ada", "acct_bob", "acct_till"];

fn an_op() -> impl Strategy<Value = Op> {
    let name = || (0..NAMES.len()).prop_map(|n| NAMES[n]);
    let minor = || prop_oneof![Just(0i128), 1..40i128];
    let bound =
        prop_oneof![Just(Bound::None), Just(Bound::DebitsWithinCredits), Just(Bound::CreditsWithinDebits)];
    let rest = prop_oneof![Just(Rest::Keep), Just(Rest::Release)];
    prop_oneof![
        1 => (name(), bound).prop_map(|(id, bound)| Op::Open { asset: cents(), bound, id: id.parse().unwrap() }),
        4 => (name(), name(), minor()).prop_map(|(d, c, m)| transfer(d, c, m)),
        6 => (name(), name(), minor(), proptest::option::of(0..60i64), any::<bool>())
            .prop_map(|(d, c, m, e, linked)| hold(d, c, m, e, linked)),
        5 => (0..20u64, proptest::option::of(minor()), rest).prop_map(|(h, m, r)| post(h, m, r)),
        3 => (0..20u64).prop_map(void),
        1 => Just(Op::Sweep),
    ]
}

fn a_history() -> impl Strategy<Value = Vec<(i64, Vec<Op>)>> {
    proptest::collection::vec((0..3i64, proptest::collection::vec(an_op(), 1..5)), 1..60)
}

/// All accounts open: most random operations then have something to do.
fn opening() -> Vec<Op> {
    let bounds =
        [Bound::None, Bound::DebitsWithinCredits, Bound::DebitsWithinCredits, Bound::CreditsWithinDebits];
    let open = |(id, bound): (&str, Bound)| Op::Open { asset: cents(), bound, id: id.parse().unwrap() };
    NAMES.into_iter().zip(bounds).map(open).collect()
}

fn sums(account: &Account) -> Sums {
    let pair = |debits: u128, credits: u128| (debits as i128, credits as i128);
    Sums {
        posted: pair(account.posted.debits, account.posted.credits),
        pending: pair(account.pending.debits, account.pending.credits),
    }
}

fn run(history: &[(i64, Vec<Op>)]) -> Result<(Book, Vec<Entry>), TestCaseError> {
    let (mut book, mut oracle, mut entries, mut now) =
        (Book::new(Limits::default()), Oracle::default(), vec![], 0);
    let all = std::iter::once((0, opening())).chain(history.iter().cloned());
    for (n, (wait, ops)) in all.enumerate() {
        now += wait;
        let command = Command::new(format!("k{n}"), ops).unwrap();
        let expected = oracle.apply(now, &command);
        let Decision::Fresh(entry) = book.apply(Timestamp(now), command).unwrap() else {
            return Err(TestCaseError::fail("a new key was known"));
        };
        prop_assert_eq!(matches!(entry.outcome, Outcome::Applied { .. }), expected, "{:?}", entry);
        prop_assert!(book.audit().is_ok());
        let open: Vec<_> = oracle.open().into_iter().filter(|id| book.hold(*id).is_some()).collect();
        prop_assert_eq!((open.len(), book.open_holds()), (oracle.open().len(), oracle.open().len()));
        for (id, account) in book.accounts() {
            prop_assert_eq!(sums(account), oracle.accounts[id.as_str()].1.clone(), "{}", id);
        }
        entries.push(entry);
    }
    Ok((book, entries))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_book_decides_as_the_oracle_does(history in a_history()) {
        run(&history)?;
    }

    #[test]
    fn replaying_and_restoring_give_the_same_book(history in a_history(), cut in any::<prop::sample::Index>()) {
        let (book, entries) = run(&history)?;
        // From the entries, as they are written.
        let mut replayed = Book::new(Limits::default());
        let at = cut.index(entries.len());
        let mut restored = Book::new(Limits::default());
        for (n, entry) in entries.iter().enumerate() {
            if n == at {
                for row in replayed.rows() {
                    let text = serde_json::to_string(&row).unwrap();
                    restored.restore(serde_json::from_str(&text).unwrap()).unwrap();
                }
            }
            let text = serde_json::to_string(entry).unwrap();
            let read: Entry = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, entry);
            replayed.replay(&read).unwrap();
            if n >= at {
                restored.replay(&read).unwrap();
            }
        }
        prop_assert!(replayed.rows().eq(book.rows()));
        prop_assert!(restored.rows().eq(book.rows()));
    }

    #[test]
    fn entries_are_written_in_the_canonical_form(history in a_history()) {
        let (_, entries) = run(&history)?;
        for entry in entries {
            // serde_json's map is sorted by bytes, which is RFC 8785's order for ASCII names.
            let value: serde_json::Value = serde_json::to_value(&entry).unwrap();
            prop_assert_eq!(serde_json::to_string(&entry).unwrap(), value.to_string());
        }
    }

    #[test]
    fn a_changed_history_is_found(history in a_history(), at in any::<prop::sample::Index>()) {
        let (_, mut entries) = run(&history)?;
        let at = at.index(entries.len());
        let taken = entries.remove(at);
        let mut book = Book::new(Limits::default());
        let good = entries.iter().take_while(|entry| book.replay(entry).is_ok()).count();
        prop_assert_eq!(good, at);
        // Neither a forged outcome nor an entry told twice follows from the past.
        let mut forged = taken.clone();
        forged.outcome = match forged.outcome {
            Outcome::Applied { .. } => {
                Outcome::Refused { op: 0, why: tollgate_pay::ledger::Refusal::NotPositive { minor: 0 } }
            }
            Outcome::Refused { .. } => Outcome::Applied { holds: Default::default() },
        };
        prop_assert!(Book::new(Limits::default()).replay(&forged).is_err() || at > 0);
        let mut again = Book::new(Limits::default());
        let (_, entries) = run(&history)?;
        entries.iter().take(at + 1).for_each(|entry| again.replay(entry).unwrap());
        prop_assert!(again.replay(&taken).is_err());
    }
}

/// A request's text as it may come from anybody: records that nest, admissions with many shares, many operations.
fn a_request() -> impl Strategy<Value = String> {
    let nested = (0..124usize).prop_map(|levels| {
        format!(r#"{{"record":{{"body":{{"a":{}{}}}}}}}"#, "[".repeat(levels), "]".repeat(levels))
    });
    let name = "a".repeat(64);
    let share = format!(r#"{{"mandate":"{name}"}}"#);
    let usd = r#"{"asset":{"code":"USD","exponent":2},"minor":"1"}"#;
    let admit = (1..900usize, 1..900usize).prop_map(move |(shares, once)| {
        let shares = vec![share.as_str(); shares].join(",");
        let once = vec![format!("\"{name}\""); once].join(",");
        format!(
            r#"{{"admit":{{"amount":{usd},"id":"{name}","once":[{once}],"shares":[{shares}],"transaction":"{name}"}}}}"#
        )
    });
    let text =
        (0..24_000usize).prop_map(|n| format!(r#"{{"record":{{"body":"{}"}}}}"#, "\\u0001".repeat(n / 6)));
    let op = prop_oneof![2 => nested, 2 => admit, 1 => text, 1 => Just("\"sweep\"".to_owned())];
    proptest::collection::vec(op, 1..6).prop_map(|ops| format!(r#"{{"key":"k","ops":[{}]}}"#, ops.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever request the ledger decides, its entry is read again and follows again: it is in the log for ever.
    #[test]
    fn what_is_decided_can_be_read_again(text in a_request()) {
        let Ok(command) = serde_json::from_str::<Command>(&text) else { return Ok(()) };
        let mut book = Book::new(Limits::default());
        let Ok(Decision::Fresh(entry)) = book.apply(Timestamp(1), command) else { return Ok(()) };
        let bytes = tollgate_pay::json::plain(&entry);
        prop_assert!(bytes.len() <= usize::from(u16::MAX), "{} bytes", bytes.len());
        let again: Entry = serde_json::from_slice(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&again, &entry);
        prop_assert!(Book::new(Limits::default()).replay(&again).is_ok());
    }
}
