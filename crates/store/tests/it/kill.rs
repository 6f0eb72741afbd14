//! kill -9: a child process writes, says what was acknowledged, and dies at a random acknowledgement. Everything
//! acknowledged must be there afterwards and the database must be sound.
//!
//! The child is this test binary again, told the database on its standard input.

use crate::{at, open, sample};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tollgate_core::Seed;
use tollgate_core::id::{KeyId, RequestId};
use tollgate_store::budget::{Limit, Limits, Meter, Payer, Target, Usage, Window};
use tollgate_store::{KeySpec, Secret, Store, StoreConfig, StoredResponse};

const ROUNDS: u64 = 10;
const THREADS: u64 = 3;
/// Numbers that one thread of one round may use.
const RANGE: u64 = 1_000_000;

fn config() -> StoreConfig {
    StoreConfig { group_ms: 1, ..StoreConfig::default() }
}

/// Not a test by itself: what the child runs. Without a path on standard input it does nothing.
#[test]
#[ignore = "run by survives_kill"]
fn child() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let Some((round, path)) = line.trim().split_once(' ') else { return };
    let (round, path): (u64, PathBuf) = (round.parse().unwrap(), path.into());
    let store = open(&path, config());
    let limit =
        Limit { target: Target::EachKey, meter: Meter::Tokens, window: Window::Total, limit: u64::MAX };
    store.budgets().set_limits(Limits::new([limit]));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || write_for_ever(store, (round * THREADS + thread) * RANGE, round, thread));
        }
    });
}

fn write_for_ever(store: &Store, first: u64, round: u64, thread: u64) {
    let say = |kind: &str, n: u64| {
        // One write per line: a line that ends was wholly said.
        std::io::stdout().write_all(format!("\nack {kind} {n}\n").as_bytes()).unwrap();
    };
    let payer = Payer { key: Some(format!("key_{round}_{thread}").into()), tenant: None };
    for n in first..first + RANGE {
        match n % 4 {
            0 => {
                let (id, secret) = (KeyId::from_bits(u128::from(n)), Secret::from_text(&n.to_string()));
                store.create_key(id, KeySpec::named("k"), &secret, at(0)).unwrap();
                say("key", n);
            }
            1 => {
                store.put_response(response(n)).unwrap();
                say("response", n);
            }
            2 => {
                assert!(store.record(sample(n)));
                store.flush().unwrap();
                say("decision", n);
            }
            _ => {
                let usage = Usage { requests: 1, tokens: 3, micro: 0 };
                let _stuck = store.budgets().reserve(&payer, usage, at(0)).unwrap();
                store.budgets().reserve(&payer, usage, at(0)).unwrap().settle(usage);
                store.flush().unwrap();
                say(&format!("budget-{thread}"), (n - first).div_ceil(4) * 3);
            }
        }
    }
}

fn response(n: u64) -> StoredResponse {
    StoredResponse {
        id: format!("resp_{n}"),
        owner: "key_a".into(),
        created: at(0),
        expires: at(100),
        previous_id: None,
        metadata: "{}".into(),
        input: "[]".into(),
        output: format!("\"{}\"", "x".repeat(usize::try_from(n % 5000).unwrap())),
    }
}

#[test]
fn survives_kill() {
    let folder = crate::Folder::new();
    let mut seed = Seed(0x7011_6a7e);
    let mut told = 0;
    for round in 0..ROUNDS {
        seed = seed.next();
        let acks = run_and_kill("kill::child", &folder.file(), round, 1 + seed.bits() % 150);
        told += acks.len();
        check(&folder.file(), round, &acks);
    }
    assert!(told > 100, "{told}");
}

/// Runs the child of this name until it has said `until` acknowledgements, kills it, and answers all it said.
pub(crate) fn run_and_kill(name: &str, path: &Path, round: u64, until: u64) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{round} {}\n", path.display()).as_bytes()).unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut acks = Vec::new();
    let mut line = String::new();
    while (acks.len() as u64) < until {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the child ended by itself");
        acks.extend(ack(&line));
    }
    child.kill().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(!child.wait().unwrap().success());
    let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
    acks.extend(whole.lines().filter_map(ack));
    acks
}

fn ack(line: &str) -> Option<(String, u64)> {
    let (kind, n) = line.trim().strip_prefix("ack ")?.split_once(' ')?;
    Some((kind.into(), n.parse().ok()?))
}

fn check(path: &Path, round: u64, acks: &[(String, u64)]) {
    let store = open(path, config());
    let report = store.fsck().unwrap();
    assert!(report.is_clean(), "round {round}: {report:?}");
    let mut settled: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, n) in acks {
        let there = match kind.as_str() {
            "key" => store.keys().find(&n.to_string(), at(1)).is_ok(),
            "response" => store.response(&format!("resp_{n}"), "key_a", at(1)).unwrap() == Some(response(*n)),
            "decision" => store.decision(RequestId::from_bits(u128::from(*n)).as_str()).unwrap().is_some(),
            budget => {
                let most =
                    settled.entry(budget.replace("budget-", &format!("key key_{round}_"))).or_default();
                *most = (*most).max(*n);
                true
            }
        };
        assert!(there, "round {round}: {kind} {n} was acknowledged and is gone");
    }
    let accounts = store.budgets().accounts(at(1));
    for (subject, least) in settled {
        let account = accounts.iter().find(|a| a.counter.subject.to_string() == subject).unwrap();
        assert!(account.counter.settled >= least, "round {round}: {subject} {least} {account:?}");
        assert_eq!(account.reserved, 0);
    }
}
