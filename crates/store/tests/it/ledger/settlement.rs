//! Settlement by two servers on one database: what either does, both see, and nothing happens twice.

use super::server::scratch;
use crate::settlement::{challenge, not_proven, proving};
use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::escrow::{Event, OfficeError, Owner, Phase, Refusal, TaskContract};
use tollgate_pay::ledger::Command;
use tollgate_pay::simulate::Cast;
use tollgate_store::journal::audit::Source;

use tollgate_store::settlement::{
    CHALLENGE_S, HookConfig, Nonce, Settlement, SettlementConfig, SettlementError,
};

fn server(cast: &Cast, folder: &Path, name: &str, ledger: &str, clock: &Arc<ManualClock>) -> Settlement {
    with_hooks(cast, folder, name, ledger, clock, Vec::new())
}

fn with_hooks(
    cast: &Cast,
    folder: &Path,
    name: &str,
    ledger: &str,
    clock: &Arc<ManualClock>,
    hooks: Vec<HookConfig>,
) -> Settlement {
    let data = folder.join(name);
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("log.key"), cast.log.reveal()).unwrap();
    let config =
        SettlementConfig { ledger: Some(Source::from(ledger)), hooks, ..SettlementConfig::new(data) };
    Settlement::open(&config, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn request(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn contract(cast: &Cast, n: u64) -> TaskContract {
    let amount = cast.contract().amount(100);
    let mut contract = cast.contract();
    contract.nonce = Digest::of(&n.to_le_bytes());
    contract.price = amount;
    contract.stages[0].amount = amount;
    contract.funding[0].amount = amount;
    contract
}

/// The event that leads on from a phase, up to held funds.
fn next(cast: &Cast, contract: &TaskContract, phase: Option<Phase>) -> Option<Event> {
    match phase {
        None => Some(Event::Propose(Box::new(cast.signed(contract.clone())))),
        Some(Phase::Proposed) => Some(cast.authorize(contract).unwrap()),
        Some(Phase::Authorized) => Some(Event::Lock),
        _ => None,
    }
}

#[test]
fn two_servers_on_one_database_do_everything_once() {
    let Some(scratch) = scratch() else { return };
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let servers = ["one", "two"].map(|name| server(&cast, &folder.0, name, &scratch.url(), &clock));
    servers[0].tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let contracts: Vec<_> = (0..12).map(|n| contract(&cast, n)).collect();
    // Both servers get every request, at the same time, in different orders.
    std::thread::scope(|scope| {
        for (n, server) in servers.iter().enumerate() {
            let (cast, contracts) = (&cast, &contracts);
            scope.spawn(move || {
                for place in 0..contracts.len() {
                    let contract = &contracts[if n == 0 { place } else { contracts.len() - 1 - place }];
                    let id = contract.digest();
                    loop {
                        let phase = server.escrow(&id).map(|(escrow, _)| escrow.phase);
                        let Some(event) = next(cast, contract, phase) else { break };
                        // The same request at both: one of them does it.
                        let request = request(&format!("{id} {}", event.kind()));
                        match server.act(id, &event, request) {
                            // The other was first, and is on its way.
                            Ok(_)
                            | Err(SettlementError::Office(OfficeError::Refused(
                                Refusal::Illegal { .. } | Refusal::Blocked { .. },
                            ))) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
    });
    for server in &servers {
        server.settle_all().unwrap();
        for contract in &contracts {
            let (escrow, entries) = server.escrow(&contract.digest()).unwrap();
            assert_eq!((escrow.phase, escrow.version, entries.len()), (Phase::Locked, 4, 4));
        }
        let payer = server.account(&cast.accounts()[1]).unwrap().unwrap().0;
        assert_eq!(payer.pending.debits, 1_200, "each was held once");
    }
    let listed = servers.each_ref().map(|server| server.escrows(None, 100, |_| true).0);
    assert_eq!(listed[0], listed[1]);
    assert_eq!(servers[0].size().unwrap(), servers[1].size().unwrap());
    servers.iter().for_each(Settlement::close);
    // All of it follows from the log, for somebody who was not there.
    let third = server(&cast, &folder.0, "three", &scratch.url(), &clock);
    assert_eq!(third.escrows(None, 100, |_| true).0, listed[0]);
    third.close();
}

#[test]
fn what_rests_on_another_owner_than_the_log_has_is_decided_anew() {
    let Some(scratch) = scratch() else { return };
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let [one, two] = ["one", "two"].map(|name| server(&cast, &folder.0, name, &scratch.url(), &clock));
    one.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let contract = contract(&cast, 1);
    let id = contract.digest();
    let propose = Event::Propose(Box::new(cast.signed(contract.clone())));
    two.act(id, &propose, request("propose")).unwrap();
    // The account gets another owner at one server; the other has not read it when it is asked.
    let owner = Owner::new(cast.accounts()[1].clone(), Vec::new()).unwrap();
    one.tell(&Command::new("owner", vec![owner.op().unwrap()]).unwrap()).unwrap();
    let refused = two.act(id, &cast.authorize(&contract).unwrap(), request("authorize"));
    assert!(refused.is_err(), "the payer no longer speaks for the account");
    assert_eq!(two.escrow(&id).unwrap().0.phase, Phase::Proposed);
    let balance = |server: &Settlement| server.account(&cast.accounts()[1]).unwrap().unwrap().0.balance();
    assert_eq!((balance(&one), balance(&two)), (Some(20_000), Some(20_000)));
    one.close();
    two.close();
}

/// Tells a receiver what is due at a server, and answers which entries those were; the receiver takes all of them or none.
fn told(server: &Settlement, takes: bool) -> Vec<u64> {
    let due = server.deliveries("books").unwrap();
    let seqs: Vec<u64> = due.iter().map(|due| due.happened.seq).collect();
    let result = || if takes { Ok(()) } else { Err("no".into()) };
    let reported: Vec<_> = seqs.iter().map(|seq| (*seq, result())).collect();
    if !reported.is_empty() {
        server.delivered("books", &reported).unwrap();
    }
    seqs
}

#[test]
fn one_of_two_servers_tells_receivers_and_the_other_goes_on_where_it_stopped() {
    let Some(scratch) = scratch() else { return };
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let hooks = || vec![HookConfig { attempts: 1, ..HookConfig::new("books") }];
    let [one, two] =
        ["one", "two"].map(|name| with_hooks(&cast, &folder.0, name, &scratch.url(), &clock, hooks()));
    one.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let propose = |server: &Settlement, n| {
        let signed = cast.signed(contract(&cast, n));
        let event = Event::Propose(Box::new(signed.clone()));
        server.act(signed.statement.digest(), &event, request(&format!("propose {n}"))).unwrap().told[0].seq
    };
    // The first that looks tells, whichever server something happened at.
    assert_eq!(told(&two, true), [0u64; 0]);
    let (first, second) = (propose(&one, 1), propose(&two, 2));
    let mut both = told(&two, true);
    both.sort_unstable();
    assert_eq!(both, [first, second]);
    assert_eq!(told(&one, true), [0u64; 0], "one server tells");
    // What was given up is shown by both, and told again by the one that tells, whichever was asked.
    let third = propose(&one, 3);
    assert_eq!(told(&two, false), [third]);
    for server in [&one, &two] {
        assert_eq!(server.hooks().unwrap()[0].dead.iter().map(|dead| dead.seq).collect::<Vec<_>>(), [third]);
    }
    assert_eq!(one.deliver_again("books", Some(first)).unwrap(), Some(0));
    assert_eq!(one.deliver_again("books", Some(third)).unwrap(), Some(1));
    assert_eq!(one.deliver_again("none", None).unwrap(), None);
    assert_eq!(told(&one, true), [0u64; 0]);
    assert_eq!(told(&two, true), [third]);
    assert_eq!(told(&two, true), [0u64; 0], "once");
    // It dies with a delivery under way and another not looked at.
    let fourth = propose(&one, 4);
    assert_eq!(two.deliveries("books").unwrap().len(), 1);
    let fifth = propose(&one, 5);
    two.close();
    drop(two);
    // The database lets go of a session when it sees that it has ended.
    let mut rest = (0..50_000).map(|_| told(&one, true)).find(|told| !told.is_empty()).unwrap_or_default();
    rest.sort_unstable();
    assert_eq!(rest, [fourth, fifth], "at least once, and nothing that was taken");
    assert_eq!(told(&one, true), [0u64; 0]);
    one.close();
}

#[test]
fn a_nonce_that_one_server_saw_is_used_at_the_other_and_after_a_restart() {
    let Some(scratch) = scratch() else { return };
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let open = |name| server(&cast, &folder.0, name, &scratch.url(), &clock);
    let (one, two) = (open("one"), open("two"));
    let nonce = Digest::of(b"nonce");
    assert_eq!(one.use_nonce(nonce, 300).unwrap(), Nonce::New);
    assert_eq!(two.use_nonce(nonce, 300).unwrap(), Nonce::Used);
    one.close();
    let one = open("one");
    assert_eq!(one.use_nonce(nonce, 300).unwrap(), Nonce::Used);
    // When its signature no longer counts there is nothing to remember.
    clock.advance_ms(299_000);
    assert_eq!(two.use_nonce(nonce, 600).unwrap(), Nonce::New);
    one.close();
    two.close();
}

#[test]
fn a_challenge_of_one_server_is_known_at_the_other_and_used_once_at_both() {
    let Some(scratch) = scratch() else { return };
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let open = |name| server(&cast, &folder.0, name, &scratch.url(), &clock);
    let (one, two) = (open("one"), open("two"));
    let given = challenge(&one, 1);
    assert!(two.register(&proving(1, &given), None).unwrap().is_some());
    assert_eq!(one.register(&proving(1, &given), None).unwrap(), None, "it is known");
    // What was used for a record that was not kept is used all the same.
    let given = challenge(&two, 2);
    let name = Digest::of_parts([b"tollgate control challenge v1".as_slice(), given.as_bytes()]);
    assert_eq!(one.use_nonce(name, CHALLENGE_S).unwrap(), Nonce::New);
    assert!(not_proven(&two.register(&proving(2, &given), None)));
    one.close();
    two.close();
}
