//! Scenarios of the ledger: each rule once, with the bug in mind that would break it.

use tollgate_core::{Amount, Asset, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::ledger::{Book, Bound, Command, Decision, HoldId, Limits, Op, Outcome, Refusal, Rest};

/// A ledger with a bank and two customers, of whom Ada has 1,000.
pub(crate) struct World {
    pub(crate) book: Book,
    pub(crate) now: i64,
    keys: u32,
}

pub(crate) fn cents() -> Asset {
    Asset::new("USD", 2).unwrap()
}

pub(crate) fn usd(minor: i128) -> Amount {
    Amount::new(minor, cents())
}

pub(crate) fn transfer(debit: &str, credit: &str, minor: i128) -> Op {
    Op::Transfer { amount: usd(minor), credit: credit.parse().unwrap(), debit: debit.parse().unwrap() }
}

pub(crate) fn hold(debit: &str, credit: &str, minor: i128, expires: Option<i64>, linked: bool) -> Op {
    let (credit, debit) = (credit.parse().unwrap(), debit.parse().unwrap());
    Op::Hold { amount: usd(minor), credit, debit, expires: expires.map(Timestamp), linked }
}

pub(crate) fn post(hold: u64, minor: Option<i128>, rest: Rest) -> Op {
    Op::Post { amount: minor.map(usd), hold: HoldId(hold), rest }
}

pub(crate) fn void(hold: u64) -> Op {
    Op::Void { hold: HoldId(hold) }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let mut world = Self { book: Book::new(limits), now: 0, keys: 0 };
        let open = |id: &str, bound| Op::Open { asset: cents(), bound, id: id.parse().unwrap() };
        let ops = vec![
            open("acct_bank", Bound::None),
            open("acct_ada", Bound::DebitsWithinCredits),
            open("acct_bob", Bound::DebitsWithinCredits),
            transfer("acct_bank", "acct_ada", 1_000),
        ];
        assert!(matches!(world.send(ops), Outcome::Applied { .. }));
        world
    }

    pub(crate) fn send(&mut self, ops: Vec<Op>) -> Outcome {
        self.keys += 1;
        let command = Command::new(format!("key-{}", self.keys), ops).unwrap();
        let decision = self.book.apply(Timestamp(self.now), command).unwrap();
        self.book.audit().unwrap();
        decision.outcome().clone()
    }

    pub(crate) fn refused(&mut self, ops: Vec<Op>) -> (usize, Refusal) {
        match self.send(ops) {
            Outcome::Refused { op, why } => (op, why),
            Outcome::Applied { .. } => panic!("applied"),
        }
    }

    pub(crate) fn applied(&mut self, ops: Vec<Op>) {
        let outcome = self.send(ops);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }

    /// Balance and what is available, in minor units.
    pub(crate) fn has(&self, id: &str) -> (i128, u128) {
        let account = self.book.account(&id.parse().unwrap()).unwrap();
        (account.balance().unwrap(), account.available())
    }
}

#[test]
fn a_hold_reserves_and_a_post_moves() {
    let mut world = World::new();
    world.applied(vec![hold("acct_ada", "acct_bob", 600, None, false)]);
    assert_eq!((world.has("acct_ada"), world.has("acct_bob")), ((1_000, 400), (0, 0)));
    // What is reserved cannot be spent twice, nor by the one who is to get it.
    let overdrawn = world.refused(vec![transfer("acct_ada", "acct_bank", 401)]);
    let (account, available, wanted) = ("acct_ada".parse().unwrap(), 400, 401);
    assert_eq!(overdrawn, (0, Refusal::Overdrawn { account, available, wanted }));
    assert!(matches!(world.refused(vec![transfer("acct_bob", "acct_bank", 1)]).1, Refusal::Overdrawn { .. }));
    world.applied(vec![post(0, Some(250), Rest::Release)]);
    assert_eq!((world.has("acct_ada"), world.has("acct_bob")), ((750, 750), (250, 250)));
    assert_eq!(world.refused(vec![post(0, None, Rest::Release)]).1, Refusal::Resolved { hold: HoldId(0) });
    assert_eq!(world.refused(vec![void(0)]).1, Refusal::Resolved { hold: HoldId(0) });
    assert_eq!(world.refused(vec![void(1)]).1, Refusal::UnknownHold { hold: HoldId(1) });
}

#[test]
fn a_hold_is_released_in_stages_and_never_beyond() {
    let mut world = World::new();
    world.applied(vec![hold("acct_ada", "acct_bob", 600, None, false)]);
    world.applied(vec![post(0, Some(200), Rest::Keep)]);
    world.applied(vec![post(0, Some(300), Rest::Keep)]);
    assert_eq!((world.has("acct_ada"), world.has("acct_bob")), ((500, 400), (500, 500)));
    let beyond = world.refused(vec![post(0, Some(101), Rest::Keep)]).1;
    assert_eq!(beyond, Refusal::BeyondHold { hold: HoldId(0), left: 100, wanted: 101 });
    world.applied(vec![post(0, Some(100), Rest::Keep)]);
    assert_eq!(world.book.open_holds(), 0, "nothing left to keep");
}

#[test]
fn a_hold_ends_at_its_moment_and_not_before() {
    let mut world = World::new();
    world.applied(vec![hold("acct_ada", "acct_bob", 600, Some(50), false)]);
    assert_eq!(world.book.next_expiry(), Some(Timestamp(50)));
    world.now = 49;
    world.applied(vec![post(0, Some(1), Rest::Keep)]);
    world.now = 50;
    assert_eq!(world.refused(vec![post(0, None, Rest::Release)]).1, Refusal::Resolved { hold: HoldId(0) });
    assert_eq!((world.has("acct_ada"), world.has("acct_bob")), ((999, 999), (1, 1)));
    let late = world.refused(vec![hold("acct_ada", "acct_bob", 1, Some(50), false)]).1;
    assert_eq!(late, Refusal::AlreadyExpired { expires: Timestamp(50), now: Timestamp(50) });
}

#[test]
fn time_never_runs_back() {
    let mut world = World::new();
    world.now = 100;
    world.applied(vec![Op::Sweep]);
    world.now = 3;
    let late = world.refused(vec![hold("acct_ada", "acct_bob", 1, Some(50), false)]).1;
    assert_eq!(late, Refusal::AlreadyExpired { expires: Timestamp(50), now: Timestamp(100) });
}

#[test]
fn a_refused_command_changes_nothing_but_its_key() {
    let mut world = World::new();
    world.applied(vec![hold("acct_ada", "acct_bob", 100, None, false)]);
    let state = |world: &World| world.book.rows().skip(1).filter(|row| !is_key(row)).collect::<Vec<_>>();
    let before = state(&world);
    let open = Op::Open { asset: cents(), bound: Bound::None, id: "acct_eve".parse().unwrap() };
    let (op, why) = world.refused(vec![
        open,
        post(0, Some(10), Rest::Release),
        hold("acct_ada", "acct_eve", 5, Some(9), false),
        transfer("acct_ada", "acct_eve", 20_000),
    ]);
    assert_eq!(op, 3);
    assert!(matches!(why, Refusal::Overdrawn { .. }));
    assert_eq!(state(&world), before);
    // The number of the hold that was undone is given again.
    assert_eq!(world.send(vec![hold("acct_ada", "acct_bob", 1, None, false)]), applied(&[1]));
}

fn applied(holds: &[u64]) -> Outcome {
    Outcome::Applied { holds: holds.iter().copied().map(HoldId).collect() }
}

fn is_key(row: &tollgate_pay::ledger::Row) -> bool {
    matches!(row, tollgate_pay::ledger::Row::Key { .. })
}

#[test]
fn bad_operations_are_refused_with_their_reason() {
    let mut world = World::new();
    let eur = Asset::new("EUR", 2).unwrap();
    let id = |text: &str| text.parse().unwrap();
    let euros = Op::Transfer { amount: Amount::new(1, eur), credit: id("acct_bob"), debit: id("acct_ada") };
    let open = Op::Open { asset: eur, bound: Bound::None, id: id("acct_ada") };
    let cases = [
        (transfer("acct_ada", "acct_bob", 0), Refusal::NotPositive { minor: 0 }),
        (transfer("acct_ada", "acct_bob", -5), Refusal::NotPositive { minor: -5 }),
        (transfer("acct_ada", "acct_ada", 5), Refusal::SameAccount { account: id("acct_ada") }),
        (transfer("acct_eve", "acct_ada", 5), Refusal::UnknownAccount { account: id("acct_eve") }),
        (euros, Refusal::OtherAsset { account: id("acct_ada"), has: cents(), wanted: eur }),
        (open, Refusal::AccountExists { account: id("acct_ada") }),
    ];
    for (op, why) in cases {
        assert_eq!(world.refused(vec![op]), (0, why));
    }
}

#[test]
fn sums_never_overflow() {
    let mut world = World::new();
    let most = i128::MAX - 500;
    world.applied(vec![
        transfer("acct_bank", "acct_bob", most),
        hold("acct_bank", "acct_bob", most, None, false),
    ]);
    // With the first thousand, 2^128 - 2 of 2^128 - 1 are used on the bank's side.
    let why = world.refused(vec![hold("acct_bank", "acct_bob", 2, None, false)]).1;
    assert!(matches!(why, Refusal::Overflow { .. }), "{why}");
}

#[test]
fn the_same_key_gets_the_same_answer_and_no_second_effect() {
    let mut world = World::new();
    let send = |world: &mut World, minor| {
        let command = Command::new("pay-bob", vec![transfer("acct_ada", "acct_bob", minor)]).unwrap();
        world.book.apply(Timestamp(world.now), command)
    };
    let first = send(&mut world, 10).unwrap();
    assert!(matches!(first, Decision::Fresh(_)));
    let again = send(&mut world, 10).unwrap();
    assert_eq!(again, Decision::Known { seq: first.seq(), outcome: first.outcome().clone() });
    assert_eq!(world.has("acct_bob").0, 10);
    let conflict = send(&mut world, 11).unwrap_err();
    assert_eq!(conflict, PayError::KeyConflict { key: "pay-bob".into(), seq: first.seq() });
    // A refusal is an answer too: it does not turn into success when money arrives later.
    let command = Command::new("too-much", vec![transfer("acct_bob", "acct_ada", 500)]).unwrap();
    let refused = world.book.apply(Timestamp(0), command.clone()).unwrap();
    world.applied(vec![transfer("acct_bank", "acct_bob", 10_000)]);
    assert_eq!(world.book.apply(Timestamp(0), command).unwrap().outcome(), refused.outcome());
}

#[test]
fn keys_are_forgotten_only_when_old_and_writes_wait_otherwise() {
    let mut world = World::with(Limits { keys_max: 3, key_age_us: 10, ..Limits::default() });
    world.applied(vec![Op::Sweep]);
    world.applied(vec![Op::Sweep]);
    let command = |key: &str| Command::new(key, vec![Op::Sweep]).unwrap();
    let full = world.book.apply(Timestamp(10), command("x"));
    assert!(matches!(full, Err(PayError::Full { limit: 3, .. })), "{full:?}");
    assert!(matches!(world.book.apply(Timestamp(11), command("x")), Ok(Decision::Fresh(_))));
}

#[test]
fn bounds_are_reached_and_named() {
    let mut world = World::with(Limits { holds_max: 1, accounts_max: 3, ..Limits::default() });
    world.applied(vec![hold("acct_ada", "acct_bob", 1, None, false)]);
    let mut send = |op: Op| world.book.apply(Timestamp(0), Command::new("more", vec![op]).unwrap());
    let full = send(hold("acct_ada", "acct_bob", 1, None, false));
    assert_eq!(full, Err(PayError::Full { what: "open holds", limit: 1 }));
    let open = Op::Open { asset: cents(), bound: Bound::None, id: "acct_eve".parse().unwrap() };
    assert_eq!(send(open), Err(PayError::Full { what: "accounts", limit: 3 }));
    // Nothing was decided, so the key is free; what adds nothing is not refused.
    assert!(matches!(send(void(0)), Ok(Decision::Fresh(_))));
}

/// An operator may change bounds between two starts: what was decided under the old ones still follows.
#[test]
fn history_does_not_depend_on_bounds() {
    let mut entries = Vec::new();
    let mut book = Book::new(Limits { key_age_us: 5, ..Limits::default() });
    for (time, key) in [(0, "a"), (10, "b"), (20, "a"), (22, "c")] {
        let Decision::Fresh(entry) =
            book.apply(Timestamp(time), Command::new(key, vec![Op::Sweep]).unwrap()).unwrap()
        else {
            panic!("{key} was forgotten by {time}");
        };
        entries.push(entry);
    }
    let tight = Limits { accounts_max: 0, holds_max: 0, keys_max: 0, marks_max: 0, key_age_us: 1_000 };
    let mut again = Book::new(tight);
    entries.iter().for_each(|entry| again.replay(entry).unwrap());
    // The second use of a key is the one that is remembered.
    let known = again.apply(Timestamp(23), Command::new("a", vec![Op::Sweep]).unwrap()).unwrap();
    assert_eq!(known.seq(), 2);
    let rows = again.rows().count();
    let mut restored = Book::new(Limits::default());
    again.rows().for_each(|row| restored.restore(row).unwrap());
    assert_eq!((restored.rows().count(), rows), (rows, 4), "a head and three keys");
}

#[test]
fn commands_are_checked_when_they_are_read() {
    for key in ["", "a b", "ü", "a\"b", &"k".repeat(129)] {
        assert!(Command::new(key, vec![Op::Sweep]).is_err(), "{key}");
    }
    assert!(Command::new("k", vec![]).is_err());
    assert!(Command::new("k", vec![Op::Sweep; 65]).is_err());
    let texts = [
        r#"{"key":"","ops":["sweep"]}"#,
        r#"{"key":"k","ops":[]}"#,
        r#"{"key":"k","ops":["sweep"],"more":1}"#,
        r#"{"key":"k","ops":[{"void":{"hold":"hold_01"}}]}"#,
        r#"{"key":"k","ops":[{"void":{"hold":1}}]}"#,
    ];
    for text in texts {
        assert!(serde_json::from_str::<Command>(text).is_err(), "{text}");
    }
    let good = r#"{"key":"k","ops":[{"void":{"hold":"hold_1"}}]}"#;
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Command>(good).unwrap()).unwrap(), good);
}

/// What a request's parser just takes and a log's reader would not: the entry puts two levels around it, and more bytes.
#[test]
fn a_command_whose_entry_nobody_could_read_is_not_decided() {
    let mut book = Book::new(Limits::default());
    let decided = |book: &mut Book, ops: &str| {
        let command: Command = serde_json::from_str(&format!(r#"{{"key":"k","ops":[{ops}]}}"#)).unwrap();
        book.apply(Timestamp(0), command).map(|decision| decision.seq())
    };
    let deep =
        |levels: usize| format!(r#"{{"record":{{"body":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels));
    let name = "a".repeat(64);
    let share = format!(r#"{{"mandate":"{name}"}}"#);
    let admit = format!(
        r#"{{"admit":{{"amount":{{"asset":{{"code":"USD","exponent":2}},"minor":"1"}},"id":"{name}","shares":[{}],"transaction":"{name}"}}}}"#,
        vec![share; 8].join(",")
    );
    for ops in [deep(123), deep(33), vec![admit; 64].join(",")] {
        assert!(matches!(decided(&mut book, &ops), Err(PayError::Bad { .. })));
    }
    assert_eq!((book.next_seq(), decided(&mut book, &deep(32))), (0, Ok(0)));
}

/// Between two entries a hold whose time is over holds nothing, though no command has come to say so.
#[test]
fn a_book_seen_later_has_no_hold_that_is_over() {
    let mut world = World::new();
    for n in 1..=300 {
        world.applied(vec![hold("acct_ada", "acct_bob", 1, Some(100 + n % 2), false)]);
    }
    let reserved = |book: &Book| book.account(&"acct_ada".parse().unwrap()).unwrap().pending.debits;
    assert_eq!(reserved(&world.book), 300);
    let rows: Vec<_> = world.book.rows().collect();
    let again = || {
        let mut book = Book::new(Limits::default());
        rows.iter().cloned().try_for_each(|row| book.restore(row)).unwrap();
        book
    };
    assert_eq!([99, 100, 101].map(|at| reserved(&again().seen_at(Timestamp(at)))), [300, 150, 0]);
}
