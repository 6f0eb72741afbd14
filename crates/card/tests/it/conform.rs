//! The rail is held to what every rail promises.

use crate::bank::Bank;
use crate::world::{Rail, World, account, contract};
use serde_json::Value;
use std::io::Write as _;
use tollgate_card::{Answer, Api, Https, Intent, Method, Request, Stage};
use tollgate_core::id::AccountId;
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::kit::{Bench, Fault, conform};

struct CardBench<A: Api> {
    world: World<A>,
    skip: usize,
}

impl<A: Api> CardBench<A> {
    fn payments(&self) -> Vec<Intent> {
        let mut inner = self.world.network.0.borrow_mut();
        let made = inner.made.clone();
        let mut look = |id: &String| {
            let path = format!("/v1/payment_intents/{id}?expand%5B%5D=latest_charge");
            let request = Request { method: Method::Get, path, form: Vec::new(), key: String::new() };
            Intent::read(&inner.far.send(&request).unwrap().body).unwrap()
        };
        made.iter().map(&mut look).collect()
    }
}

impl<A: Api> Bench for CardBench<A> {
    type Rail = Rail<A>;

    fn contract(&self) -> TaskContract {
        contract("ada")
    }

    fn beyond(&self) -> TaskContract {
        contract("broke")
    }

    fn rail(&mut self) -> &mut Rail<A> {
        &mut self.world.rail
    }

    fn restart(&mut self) {
        self.world.restart();
    }

    fn arm(&mut self, fault: Fault) {
        self.world.network.arm(fault, self.skip);
    }

    fn heal(&mut self) {
        self.world.network.heal();
    }

    fn balance(&self, of: &AccountId) -> i128 {
        let paid: u64 = self.payments().iter().map(|intent| intent.received).sum();
        if *of == account("merchant") { i128::from(paid) } else { -i128::from(paid) }
    }

    fn held(&self) -> i128 {
        let held = self.payments().into_iter().filter(|intent| intent.stage == Stage::Held);
        held.map(|intent| i128::from(intent.amount)).sum()
    }
}

#[test]
fn the_card_rail_conforms_whichever_of_its_requests_goes_wrong() {
    for skip in 0..3 {
        let report = conform(|| CardBench { world: World::of_bank(), skip }).unwrap();
        assert!(report.plays > 60 && report.calls > 400, "{report:?}");
        assert!(report.unknown > if skip == 2 { 4 } else { 20 }, "{skip}: {report:?}");
    }
}

#[test]
fn it_conforms_where_idempotency_keys_are_not_remembered() {
    /// A far side that executes whatever comes.
    struct Forgetful(Bank);
    impl Api for Forgetful {
        fn send(&mut self, request: &Request) -> Result<Answer, tollgate_rail::Silent> {
            self.0.forget_keys();
            self.0.send(request)
        }
    }
    for skip in 0..3 {
        let cards = [(account("ada"), "pm_good".into()), (account("broke"), crate::bank::REFUSED.into())];
        conform(|| CardBench { world: World::new(Forgetful(Bank::default()), cards.clone()), skip }).unwrap();
    }
}

/// The API that tests/card/run.sh starts; without it the test says so.
fn real() -> Option<Https> {
    let url = std::env::var_os("TOLLGATE_CARD_API").and_then(|url| url.into_string().ok());
    let Some(url) = url else {
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: no API in TOLLGATE_CARD_API: tests/card/run.sh starts one");
        return None;
    };
    Some(Https::new(&url, "sk_test_12345").unwrap())
}

#[test]
fn it_conforms_at_a_foreign_implementation_of_the_api() {
    let Some(mut api) = real() else { return };
    let mut method = |number: &str| -> String {
        let form = [("type", "card"), ("card[number]", number), ("card[exp_month]", "12")];
        let more = [("card[exp_year]", "2030"), ("card[cvc]", "123")];
        let form = form.into_iter().chain(more).map(|(name, value)| (name, value.to_owned())).collect();
        let (path, key) = ("/v1/payment_methods".to_owned(), String::new());
        let answer = api.send(&Request { method: Method::Post, path, form, key }).unwrap();
        answer.body.get("id").and_then(Value::as_str).unwrap().to_owned()
    };
    let cards = [
        (account("ada"), method("4242424242424242")),
        // Can be filed, is refused when it is charged.
        (account("broke"), method("4000000000000341")),
    ];
    for skip in 0..2 {
        let report =
            conform(|| CardBench { world: World::new(real().unwrap(), cards.clone()), skip }).unwrap();
        assert!(report.plays > 60 && report.unknown > 20, "{report:?}");
    }
}
