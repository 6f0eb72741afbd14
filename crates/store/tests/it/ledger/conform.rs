//! Scenarios with their answers, the same for each engine.

use super::{Engine, account, accounts, clock, hold_op, holds, lock, release, usd};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::ledger::{
    Admission, Closing, Command, HoldId, Limits, Op, Outcome, Refusal, Rest, Share, Unmet,
};
use tollgate_store::journal::{Journal, JournalConfig, JournalError};

fn apply(journal: &Journal, key: &str, ops: Vec<Op>) -> Outcome {
    journal.apply(Command::new(key, ops).unwrap()).unwrap().outcome
}

/// Posted credits less posted debits, and reserved debits and credits.
fn sums(journal: &Journal, name: &'static str) -> (i128, u128, u128) {
    let seen = journal.look(move |book| {
        let account = *book.account(&account(name)).unwrap();
        (account.balance().unwrap(), account.pending.debits, account.pending.credits)
    });
    seen.unwrap()
}

#[test]
fn a_hold_is_posted_in_stages_released_voided_and_expires() {
    for engine in Engine::all() {
        let clock = clock();
        let journal = engine.open(&clock);
        journal.apply(accounts(100)).unwrap();
        let post = |minor: i128, hold, rest| Op::Post { amount: Some(usd(minor)), hold: HoldId(hold), rest };
        apply(&journal, "hold", vec![hold_op(40, None, false)]);
        assert_eq!(sums(&journal, "acct_ada"), (100, 40, 0));
        apply(&journal, "stage", vec![post(10, 0, Rest::Keep)]);
        assert_eq!((sums(&journal, "acct_ada"), sums(&journal, "acct_bob")), ((90, 30, 0), (10, 0, 30)));
        let beyond = apply(&journal, "beyond", vec![post(31, 0, Rest::Release)]);
        let why = Refusal::BeyondHold { hold: HoldId(0), left: 30, wanted: 31 };
        assert_eq!(beyond, Outcome::Refused { op: 0, why });
        apply(&journal, "last", vec![post(5, 0, Rest::Release)]);
        assert_eq!((sums(&journal, "acct_ada"), sums(&journal, "acct_bob")), ((85, 0, 0), (15, 0, 0)));
        apply(&journal, "second", vec![hold_op(85, Some(2_000), false)]);
        let overdrawn = apply(&journal, "third", vec![hold_op(1, None, false)]);
        assert!(matches!(overdrawn, Outcome::Refused { why: Refusal::Overdrawn { .. }, .. }));
        clock.advance_ms(1);
        apply(&journal, "fourth", vec![hold_op(1, None, false)]);
        assert_eq!(sums(&journal, "acct_ada"), (85, 1, 0), "at its moment a hold no longer holds");
        apply(&journal, "void", vec![Op::Void { hold: HoldId(2) }]);
        let twice = apply(&journal, "void-again", vec![Op::Void { hold: HoldId(2) }]);
        let why = Refusal::Resolved { hold: HoldId(2) };
        assert_eq!(twice, Outcome::Refused { op: 0, why });
        journal.close();
    }
}

#[test]
fn a_group_resolves_whole_or_not_at_all() {
    for engine in Engine::all() {
        let journal = engine.open(&clock());
        journal.apply(accounts(100)).unwrap();
        apply(&journal, "group", vec![hold_op(10, None, true), hold_op(20, None, true)]);
        let split = apply(&journal, "split", vec![Op::Void { hold: HoldId(0) }]);
        let why = Refusal::GroupSplit { hold: HoldId(1) };
        assert_eq!(split, Outcome::Refused { op: 0, why });
        let both = vec![
            Op::Void { hold: HoldId(0) },
            Op::Post { amount: None, hold: HoldId(1), rest: Rest::Release },
        ];
        assert!(matches!(apply(&journal, "both", both), Outcome::Applied { .. }));
        assert_eq!(sums(&journal, "acct_bob"), (20, 0, 0));
        journal.close();
    }
}

#[test]
fn a_key_has_one_answer_across_restarts() {
    for engine in Engine::all() {
        let clock = clock();
        let journal = engine.open(&clock);
        journal.apply(accounts(100)).unwrap();
        let first = journal.apply(lock(1)).unwrap();
        journal.close();
        for snapshot in [false, true] {
            let again = engine.open(&clock);
            if snapshot {
                again.snapshot().unwrap();
            }
            let answer = again.apply(lock(1)).unwrap();
            assert_eq!((answer.seq, &answer.outcome, answer.again), (first.seq, &first.outcome, true));
            let other = Command::new("lock-1", vec![hold_op(2, None, false)]).unwrap();
            let conflict = again.apply(other);
            assert!(matches!(
                conflict,
                Err(JournalError::Ledger(PayError::KeyConflict { seq, .. })) if seq == first.seq
            ));
            again.close();
        }
    }
}

#[test]
fn a_full_ledger_decides_nothing() {
    for engine in Engine::all() {
        let limits = Limits { holds_max: 1, ..Limits::default() };
        let config = JournalConfig { limits, ..JournalConfig::default() };
        let journal = engine.source().open(config, clock()).unwrap();
        journal.apply(accounts(100)).unwrap();
        let held = journal.apply(lock(1)).unwrap();
        assert!(matches!(journal.apply(lock(2)), Err(JournalError::Ledger(PayError::Full { .. }))));
        journal.apply(release(1, holds(&held)[0])).unwrap();
        assert!(!journal.apply(lock(2)).unwrap().again, "the key of a command that was not decided is free");
        journal.close();
    }
}

#[test]
fn the_past_can_be_read() {
    for engine in Engine::all() {
        let clock = clock();
        let journal = engine.open(&clock);
        journal.apply(accounts(100)).unwrap();
        for n in 1..=5 {
            clock.advance_ms(1);
            let held = journal.apply(lock(n)).unwrap();
            journal.apply(release(n, holds(&held)[0])).unwrap();
        }
        for (at, paid) in
            [(999, None), (1_000, Some(0)), (1_999, Some(0)), (2_000, Some(1)), (4_500, Some(3))]
        {
            let book = engine.source().past(Some(Timestamp(at))).unwrap();
            let bob = book.account(&account("acct_bob")).map(|bob| bob.balance().unwrap());
            assert_eq!(bob, paid, "at {at}");
        }
        let now = engine.source().past(None).unwrap();
        let rows = journal.look(|book| book.rows().collect::<Vec<_>>()).unwrap();
        assert_eq!(now.rows().collect::<Vec<_>>(), rows);
        journal.close();
    }
}

/// Payment `n` of a cent under the mandate `m`, which allows three payments.
fn admit(n: u64, m: u64) -> Command {
    attempt(n, m, &format!("admit-{n}-{m}"))
}

/// The same under a key of the caller's choice.
pub(super) fn attempt(n: u64, m: u64, key: &str) -> Command {
    let name = |kind: &str, n: u64| Digest::of_parts([kind.as_bytes(), &n.to_le_bytes()]);
    let budget = Some(usd(3));
    let share = Share { budget, mandate: name("mandate", m), occurrences: None, period: None, until: None };
    let admission = Admission {
        amount: usd(1),
        id: name("payment", n),
        once: Default::default(),
        shares: vec![share],
        transaction: name("transaction", n),
        until: None,
    };
    let ops = vec![Op::Admit(Box::new(admission)), hold_op(1, None, false)];
    Command::new(key, ops).unwrap()
}

#[test]
fn a_mandate_is_consumed_once_with_the_hold_that_it_allows() {
    for engine in Engine::all() {
        let clock = clock();
        let mut journal = engine.open(&clock);
        journal.apply(accounts(100)).unwrap();
        let refused = |outcome: Outcome| match outcome {
            Outcome::Refused { why: Refusal::Mandate { why, .. }, .. } => Some(*why),
            _ => None,
        };
        for n in 1..=3 {
            let admitted = journal.apply(admit(n, 7)).unwrap();
            assert_eq!(holds(&admitted).len(), 1);
            let payment = Digest::of_parts([b"payment".as_slice(), &n.to_le_bytes()]);
            let live = Unmet::Live { live: payment };
            assert_eq!(refused(journal.apply(admit(n + 50, 7)).unwrap().outcome), Some(live));
            if n == 2 {
                journal.snapshot().unwrap();
            }
            journal.close();
            journal = engine.open(&clock);
            // Under another key, and another mandate: the authorisation itself is used up.
            assert_eq!(refused(journal.apply(admit(n, 8)).unwrap().outcome), Some(Unmet::Used));
            apply(
                &journal,
                &format!("close-{n}"),
                vec![Op::Close { admission: payment, how: Closing::Paid }],
            );
        }
        let beyond = refused(journal.apply(admit(4, 7)).unwrap().outcome);
        assert!(matches!(beyond, Some(Unmet::Budget { .. })), "{beyond:?}");
        assert_eq!(
            sums(&journal, "acct_ada"),
            (100, 3, 0),
            "each payment holds once, what was refused nothing"
        );
        journal.close();
    }
}
