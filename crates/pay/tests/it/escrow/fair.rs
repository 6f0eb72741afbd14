//! What keeps one party from winning by the rules instead of by the work.

use super::scene::Scene;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Event, OfficeError, Phase, Refusal, SIDE_EXHIBITS_MAX, Side};
use tollgate_pay::ledger::{Bound, Command, Op};
use tollgate_pay::rail::Ledger as _;
use tollgate_pay::simulate::Cast;

/// What could not be paid out is not held: a fee or payee that the ledger would refuse to pay when the work is done.
#[test]
fn nobody_works_for_an_account_that_cannot_be_paid() {
    let euro = tollgate_core::Asset::new("EUR", 2).unwrap();
    let open = |id: &str, asset, bound| Op::Open { asset, bound, id: id.parse().unwrap() };
    let usd = Cast::new().unwrap().asset;
    let ops = vec![
        open("acct_euro", euro, Bound::DebitsWithinCredits),
        open("acct_closed", usd, Bound::CreditsWithinDebits),
        open("acct_open", usd, Bound::None),
    ];
    for (n, (account, is_good)) in
        [("acct_euro", false), ("acct_closed", false), ("acct_none", false), ("acct_open", true)]
            .into_iter()
            .enumerate()
    {
        for place in 0..3 {
            let mut scene = Scene::new(|contract| {
                let account = account.parse().unwrap();
                match place {
                    0 => contract.fees[0].account = account,
                    1 => contract.payee.account = account,
                    _ => contract.funding[0].account = account,
                }
            });
            scene.machine.clone().apply(Command::new("more", ops.clone()).unwrap()).unwrap();
            let (propose, is_source) = (scene.propose(), place == 2 && account == "acct_closed");
            match scene.act(propose) {
                Ok(_) => assert!(is_good || is_source, "{n} {place}"),
                Err(OfficeError::Refused(Refusal::Bad(PayError::Bad { field: "account", .. }))) => {
                    assert!(!is_good, "{n} {place}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// One side's exhibits do not take the other's place.
#[test]
fn both_sides_are_heard() {
    let mut scene = Scene::at(Phase::Disputed, |_| {});
    let counter = |scene: &Scene, by| Event::Counter(scene.objection(by));
    for n in 1..SIDE_EXHIBITS_MAX {
        let event = counter(&scene, Side::Payer);
        assert!(scene.act(event).is_ok(), "{n}");
    }
    assert!(matches!(scene.refused(counter(&scene, Side::Payer)), Refusal::Bad(_)));
    for _ in 0..SIDE_EXHIBITS_MAX {
        let event = counter(&scene, Side::Payee);
        scene.good(event);
    }
    assert!(matches!(scene.refused(counter(&scene, Side::Payee)), Refusal::Bad(_)));
    scene.good(scene.rule(10_000));
}
