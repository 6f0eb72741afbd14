//! Settlement by two servers on one database: what either does, both see, and nothing happens twice.

use super::server::scratch;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::escrow::{Event, OfficeError, Owner, Phase, Refusal, TaskContract};
use tollgate_pay::ledger::Command;
use tollgate_pay::simulate::Cast;
use tollgate_store::journal::audit::Source;
use tollgate_store::settlement::{Settlement, SettlementConfig, SettlementError};

fn server(cast: &Cast, folder: &Path, name: &str, ledger: &str, clock: &Arc<ManualClock>) -> Settlement {
    let data = folder.join(name);
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("log.key"), cast.log.reveal()).unwrap();
    let config = SettlementConfig { ledger: Some(Source::from(ledger)), ..SettlementConfig::new(data) };
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
