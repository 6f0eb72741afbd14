//! What an agent might do with its principal's mandate that the principal did not mean.

use super::scene::Scene;
use tollgate_core::Timestamp;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Desk, Event, Mandate, Owner, Phase, PublicKey, Refusal, Source, TaskContract};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Command, Entry, Op};
use tollgate_pay::mandate::Refusal as NotAllowed;
use tollgate_pay::mandate::issue;
use tollgate_pay::registry::PublicKey as OwnerKey;
use tollgate_pay::simulate::Cast;

/// An open mandate of the principal for the agent with these constraints and a budget, and members beside them.
fn open(constraints: &str, beside: &str) -> String {
    let cast = Cast::new().unwrap();
    let jwk = OwnerKey::P256(cast.agent.public()).jwk().canonical().unwrap();
    let text = format!(
        r#"{{"cnf":{{"jwk":{jwk}}},{beside}"constraints":[{constraints}{{"currency":"USD","max":200,"type":"payment.budget"}}],"vct":"mandate.payment.open.1"}}"#
    );
    issue::first(&cast.principal, "principal", &Json::parse(text.as_bytes()).unwrap(), Timestamp(0))
}

/// The agent's payment for a contract under an open mandate, with one text in it replaced.
fn pay(contract: &TaskContract, open: &str, from: &str, to: &str) -> Event {
    let agent = Cast::new().unwrap().agent;
    let payment = Mandate::payment(contract).unwrap().canonical().unwrap();
    let payment = Json::parse(payment.replacen(from, to, 1).as_bytes()).unwrap();
    let addressed = Mandate::addressed(Cast::origin(), contract);
    let token = issue::next(&agent, open, &payment, &addressed, Timestamp(0));
    Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) }
}

/// What the escrow of a changed contract under this open mandate says to the agent's payment.
fn asked(open: &str, from: &str, to: &str, change: impl FnOnce(&mut TaskContract)) -> (Scene, Event) {
    let scene = Scene::at(Phase::Proposed, |contract| {
        contract.mandate = Some(issue::name(open).unwrap());
        change(contract);
    });
    let event = pay(&scene.contract, open, from, to);
    (scene, event)
}

fn refused(open: &str, from: &str, to: &str, change: impl FnOnce(&mut TaskContract)) -> Refusal {
    let (mut scene, event) = asked(open, from, to, change);
    scene.refused(event)
}

fn allowed(open: &str, from: &str, to: &str, change: impl FnOnce(&mut TaskContract)) {
    let (mut scene, event) = asked(open, from, to, change);
    scene.good(event);
}

fn payees(ids: &[&str]) -> String {
    let list: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    format!(r#"{{"allowed":[{}],"type":"payment.allowed_payees"}},"#, list.join(","))
}

/// The agent pays itself by a fee, and lets the payee that the mandate names have nothing.
#[test]
fn a_fee_is_paid_to_nobody_whom_the_mandate_does_not_name() {
    let shop = open(&payees(&["acct_payee"]), "");
    let all = |contract: &mut TaskContract| {
        contract.fees.truncate(1);
        contract.fees[0].bps = 10_000;
        contract.challenge_us = 0;
    };
    let unmet = |refusal: Refusal| {
        let is = matches!(
            refusal,
            Refusal::Mandate(NotAllowed::Unmet { constraint: "payment.allowed_payees", .. })
        );
        assert!(is, "{refusal:?}");
    };
    unmet(refused(&shop, "", "", all));
    unmet(refused(&shop, "", "", |_| {}));
    unmet(refused(&open(&payees(&["acct_payee", "acct_fee-1"]), ""), "", "", |_| {}));
    // A payee that was decided beforehand is one, whatever the list beside it would allow.
    let preset = r#""payee":{"id":"acct_payee"},"#;
    unmet(refused(&open("", preset), "", "", |_| {}));
    allowed(&shop, "", "", |contract| contract.fees.clear());
    allowed(&open("", preset), "", "", |contract| contract.fees.clear());
    allowed(&open(&payees(&["acct_payee", "acct_fee-1", "acct_fee-2"]), ""), "", "", |_| {});
    // A principal that says nothing of payees lets anybody be paid.
    allowed(&open("", ""), "", "", |_| {});
}

/// The agent works as the payee by a key of its own.
#[test]
fn the_payee_is_who_speaks_for_its_account() {
    for keys in [vec![9u8], vec![]] {
        let (mut scene, event) = asked(&open("", ""), "", "", |_| {});
        let key = |n: u8| OwnerKey::from_ed25519(signer(n).as_bytes()).unwrap();
        let account = scene.contract.payee.account.clone();
        let owner = Owner::new(account.clone(), keys.iter().map(|n| key(*n)).collect()).unwrap();
        scene.office.tell(&Command::new("own", vec![owner.op().unwrap()]).unwrap()).unwrap();
        let refusal = scene.refused(event.clone());
        let is = match &refusal {
            Refusal::Mismatch { field: "payee's key", .. } => keys.len() == 1,
            Refusal::Unowned(unowned) => keys.is_empty() && *unowned == account,
            _ => false,
        };
        assert!(is, "{refusal:?}");
        // The payer's own word is about what the payer knows.
        let real = OwnerKey::from_ed25519(scene.cast.payee.public().as_bytes()).unwrap();
        let owner = Owner::new(account, vec![key(9), real]).unwrap();
        scene.office.tell(&Command::new("own-again", vec![owner.op().unwrap()]).unwrap()).unwrap();
        scene.good(event);
    }
}

fn signer(n: u8) -> PublicKey {
    tollgate_pay::escrow::Signer::<tollgate_pay::escrow::Party>::from_seed(&[n; 32]).public()
}

/// The agent writes the day that the mandate wants, and the money moves today (1970-01-01).
#[test]
fn a_payment_moves_money_on_the_day_that_it_says() {
    let unmet = |refusal: Refusal| {
        let is = matches!(
            refusal,
            Refusal::Mandate(NotAllowed::Unmet { constraint: "payment.execution_date", .. })
        );
        assert!(is, "{refusal:?}");
    };
    let window = |window: &str| open(&format!(r#"{{{window},"type":"payment.execution_date"}},"#), "");
    let (vct, dated) = (r#""vct""#, |day: &str| format!(r#""execution_date":"{day}","vct""#));
    let later = window(r#""not_before":"2030-01-01""#);
    unmet(refused(&later, vct, &dated("2030-01-01"), |_| {}));
    unmet(refused(&later, "", "", |_| {}));
    let past = window(r#""not_after":"1969-12-01""#);
    unmet(refused(&past, vct, &dated("1969-12-01"), |_| {}));
    let now = window(r#""not_after":"1970-01-02","not_before":"1970-01-01""#);
    unmet(refused(&now, vct, &dated("1970-01-02"), |_| {}));
    allowed(&now, vct, &dated("1970-01-01"), |_| {});
    allowed(&now, "", "", |_| {});
    unmet(refused(&open("", ""), vct, &dated("1970-01-02"), |_| {}));
}

/// The agent names the instrument that the mandate wants, and pays with another.
#[test]
fn what_is_paid_with_is_what_the_mandate_allows() {
    let only = |id: &str| {
        open(&format!(r#"{{"allowed":[{{"id":"{id}"}}],"type":"payment.allowed_payment_instruments"}},"#), "")
    };
    let rail = r#""payment_instrument":{"id":"ledger""#;
    let with = |id: &str| format!(r#""payment_instrument":{{"id":"{id}""#);
    let wrong = refused(&only("card-17"), rail, &with("card-17"), |_| {});
    assert!(matches!(wrong, Refusal::Mismatch { field: "mandate's instrument", .. }), "{wrong:?}");
    allowed(&only("ledger"), "", "", |_| {});
    allowed(&only("acct_payer"), rail, &with("acct_payer"), |_| {});
    let two = |contract: &mut TaskContract| {
        let half = contract.amount(5_000);
        contract.funding[0].amount = half;
        let other = Cast::new().unwrap().accounts()[2].clone();
        contract.funding.push(Source { account: other, amount: half });
    };
    let wrong = refused(&only("acct_payer"), rail, &with("acct_payer"), two);
    assert!(matches!(wrong, Refusal::Mismatch { field: "mandate's instrument", .. }), "{wrong:?}");
    let service = |id: &str| format!(r#""pisp":{{"id":"{id}"}},"transaction_id""#);
    let pisps = open(
        &format!(
            r#"{{"allowed":[{{"id":"bank"}},{{"id":"{}"}}],"type":"payment.allowed_pisps"}},"#,
            Cast::origin()
        ),
        "",
    );
    let wrong = refused(&pisps, r#""transaction_id""#, &service("bank"), |_| {});
    assert!(matches!(wrong, Refusal::Mismatch { field: "mandate's payment service", .. }), "{wrong:?}");
    allowed(&pisps, r#""transaction_id""#, &service(Cast::origin()), |_| {});
}

/// An entry as a server of the first rules wrote it.
fn first_rules(entry: &Entry) -> Entry {
    let text = String::from_utf8(tollgate_pay::json::plain(entry)).unwrap();
    serde_json::from_str(&text.replace("tollgate/escrow/v2", "tollgate/escrow/v1")).unwrap()
}

/// A log of the time before these rules is read by its own, which no later record may go back to.
#[test]
fn a_log_of_the_first_rules_is_still_read() {
    let scene = Scene::at(Phase::Released, |contract| {
        contract.mandate = Cast::new().unwrap().mandates().nth(1).map(|(name, _)| name);
    });
    let entries = scene.machine.0.borrow().entries.clone();
    // The payee's account had no owner then.
    let old = entries.iter().map(|entry| {
        let mut entry = first_rules(entry);
        let is_payee = |op: &Op| matches!(op, Op::Record { body } if body.get("account").and_then(Json::text) == Some("acct_payee"));
        if entry.seq == 0 {
            let ops = entry.command.ops().iter().filter(|op| !is_payee(op)).cloned().collect();
            entry.command = Command::new(entry.command.key(), ops).unwrap();
        }
        entry
    });
    let old: Vec<Entry> = old.collect();
    let fold = |first: &[Entry], then: &[Entry]| {
        let mut desk = Desk::new(scene.cast.plane(), 4);
        for entry in first.iter().chain(then) {
            desk.fold(&entry.command, &entry.outcome, entry.seq)?;
        }
        Ok::<_, PayError>(desk)
    };
    let desk = fold(&old, &[]).unwrap();
    assert_eq!(desk.escrow(&scene.id).unwrap().phase, Phase::Released);
    // The rules of today take over at any record, and ask from then on; none goes back.
    let authorized = old.iter().position(|entry| entry.command.key().ends_with(":2")).unwrap();
    for at in 0..entries.len() {
        let on = fold(&old[..at], &entries[at..]);
        assert_eq!(on.is_ok(), at == 0 || at > authorized, "from entry {at}: {:?}", on.err());
        let back = fold(&entries[..at], &old[at..]);
        assert!(at <= 1 || matches!(back, Err(PayError::Diverged { .. })), "back at entry {at}");
    }
}
