//! Random histories with reopenings: each engine's answers, entries, published log and state are those of the pure book.

use super::{Engine, account, accounts, clock, hold_op, usd};
use tollgate_core::{Seed, Timestamp};
use tollgate_pay::ledger::{Book, Command, Decision, HoldId, Limits, Op, Rest};
use tollgate_pay::log::{Frontier, Policy, Role, SigningKey, leaf_hash};
use tollgate_store::journal::audit::{LogFolder, Verify};

const HISTORIES: u64 = 12;
const COMMANDS: u64 = 60;

/// A stream of random numbers.
struct Rng(Seed);

impl Rng {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.next();
        self.0.bits() % limit.max(1)
    }

    fn op(&mut self, now: i64) -> Op {
        let names = ["acct_bank", "acct_ada", "acct_bob", "acct_nobody"];
        let mut name = || account(names[usize::try_from(self.below(16).min(3)).unwrap()]);
        let (credit, debit) = (name(), name());
        let minor = i128::from(self.below(30));
        match self.below(9) {
            0 | 1 => Op::Transfer { amount: usd(minor), credit, debit },
            2..=4 => {
                let expires =
                    (self.below(2) == 0).then(|| now + i64::try_from(self.below(40)).unwrap() * 1_000);
                hold_op(minor, expires, self.below(3) == 0)
            }
            5 | 6 => {
                let amount = (self.below(2) == 0).then(|| usd(minor));
                let rest = if self.below(2) == 0 { Rest::Keep } else { Rest::Release };
                Op::Post { amount, hold: HoldId(self.below(20)), rest }
            }
            7 => Op::Void { hold: HoldId(self.below(20)) },
            _ => Op::Sweep,
        }
    }

    /// Numbers of commands repeat now and then, with the same operations and with others.
    fn command(&mut self, n: u64, now: i64) -> Command {
        let ops = (0..=self.below(3)).map(|_| self.op(now)).collect();
        let key = if self.below(8) == 0 { self.below(n.max(1)) } else { n };
        Command::new(format!("k{key}"), ops).unwrap()
    }
}

#[test]
fn an_engine_does_what_the_book_does() {
    for seed in 0..HISTORIES {
        for engine in Engine::all() {
            history(&engine, &mut Rng(Seed(seed).derive("history")), seed);
        }
    }
}

fn history(engine: &Engine, rng: &mut Rng, seed: u64) {
    let clock = clock();
    let (mut book, mut tree, mut entries) = (Book::new(Limits::default()), Frontier::default(), Vec::new());
    let mut journal = engine.open(&clock);
    let mut now = 1_000;
    for n in 0..COMMANDS {
        let command = if n == 0 { accounts(1_000) } else { rng.command(n, now) };
        match (book.apply(Timestamp(now), command.clone()), journal.apply(command)) {
            (Ok(decision), Ok(answer)) => {
                let again = matches!(decision, Decision::Known { .. });
                assert_eq!((decision.seq(), again), (answer.seq, answer.again), "seed {seed}, command {n}");
                assert_eq!(decision.outcome(), &answer.outcome, "seed {seed}, command {n}");
                if let Decision::Fresh(entry) = decision {
                    entries.push(serde_json::to_vec(&entry).unwrap());
                    tree.push(leaf_hash(entries.last().unwrap()));
                }
            }
            (Err(expected), Err(error)) => assert_eq!(expected.to_string(), error.to_string()),
            (expected, answer) => unreachable!("seed {seed}, command {n}: {expected:?} {answer:?}"),
        }
        if rng.below(15) == 0 {
            journal.close();
            journal = engine.open(&clock);
        }
        if rng.below(15) == 0 {
            journal.snapshot().unwrap();
        }
        let wait_ms = u32::try_from(rng.below(10)).unwrap();
        now += i64::from(wait_ms) * 1_000;
        clock.advance_ms(wait_ms);
    }
    let rows = journal.look(|book| (book.rows().collect::<Vec<_>>(), book.audit())).unwrap();
    assert_eq!(rows, (book.rows().collect(), Ok(())), "seed {seed}");
    let mut kept = Vec::new();
    let next = engine.source().entries(0, |_, entry| {
        kept.push(entry.to_vec());
        Ok(())
    });
    assert_eq!((next.unwrap(), kept), (tree.size(), entries), "seed {seed}");
    published(engine, &tree);
    journal.close();
}

/// The log that is published from the engine has the book's root, and holds by the ledger's rules.
fn published(engine: &Engine, tree: &Frontier) {
    let folder = crate::Folder::new();
    let key = SigningKey::from_seed("example.com/log", Role::Log, &[7; 32]).unwrap();
    let log = LogFolder::new(&folder.0);
    let checkpoint = log.extend(&engine.source(), None, &key, "example.com/log").unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (tree.size(), tree.root()));
    let wanted = Verify {
        key: key.public().clone(),
        origin: "example.com/log".into(),
        witnesses: Policy::of(&[], 0).unwrap(),
        older: None,
        replay: true,
    };
    assert_eq!(log.verify(&wanted).unwrap().entries, tree.size());
}
