//! Each constraint, met and not met, with its edges.

use super::make::{Story, element};
use super::{NOW, accept, at};
use serde_json::{Value, json};
use tollgate_pay::mandate::{Frequency, Refusal, Usage, exponent, minor_units};

fn verdict(constraints: &Value, closed: &[(&str, Value)], usage: &Usage) -> Result<(), Refusal> {
    let mut story = Story::new(constraints);
    for (pointer, value) in closed {
        let slot = story.closed.pointer_mut(pointer);
        match slot {
            Some(slot) => *slot = value.clone(),
            None => story.closed[pointer.trim_start_matches('/')] = value.clone(),
        }
    }
    accept(&story.token(), &story.user.public(), usage, NOW).map(|_| ())
}

fn range() -> Value {
    json!({"type": "payment.amount_range", "currency": "USD", "min": 100, "max": 5000})
}

#[test]
fn amounts_are_positive_and_within_their_range() {
    let pays =
        |minor: Value| verdict(&json!([range()]), &[("/payment_amount/amount", minor)], &Usage::default());
    for good in [100, 5000] {
        pays(json!(good)).unwrap();
    }
    for bad in [json!(99), json!(5001), json!(0), json!(-500), json!(10.5), json!("1000")] {
        assert!(pays(bad.clone()).is_err(), "{bad}");
    }
    let open_range = json!([{"type": "payment.amount_range", "currency": "USD", "max": 5000}]);
    let negative = verdict(&open_range, &[("/payment_amount/amount", json!(-500))], &Usage::default());
    assert!(negative.unwrap_err().to_string().contains("more than nothing"));
    let euros = verdict(&json!([range()]), &[("/payment_amount/currency", json!("EUR"))], &Usage::default());
    assert!(matches!(euros, Err(Refusal::Unmet { .. })));
    let unknown =
        verdict(&json!([range()]), &[("/payment_amount/currency", json!("ZZZ"))], &Usage::default());
    assert_eq!(unknown.unwrap_err().code(), "invalid_credential");
}

#[test]
fn budgets_count_in_the_minor_unit_of_their_currency() {
    // (currency, places): JPY has no cents, BHD has a thousand fils.
    for (currency, max, within, beyond) in
        [("USD", 100.0, 10_000, 10_001), ("JPY", 1000.0, 1_000, 1_001), ("BHD", 1.5, 1_500, 1_501)]
    {
        let budget = json!([{"type": "payment.budget", "max": max, "currency": currency}]);
        let pays = |minor: i64, spent: i128| {
            let closed = [("/payment_amount", json!({"amount": minor, "currency": currency}))];
            verdict(&budget, &closed, &Usage { spent, ..Usage::default() })
        };
        pays(within, 0).unwrap();
        assert!(pays(beyond, 0).is_err(), "{currency}");
        assert!(pays(within, 1).is_err(), "{currency}: what was spent counts");
    }
    let finer = json!([{"type": "payment.budget", "max": 1.005, "currency": "USD"}]);
    assert!(verdict(&finer, &[], &Usage::default()).is_err(), "half a cent is no amount");
}

#[test]
fn decimals_become_minor_units_exactly() {
    let cases = [
        ("100.0", 2, Some(10_000)),
        ("100", 0, Some(100)),
        ("1e2", 2, Some(10_000)),
        ("1.5E1", 0, Some(15)),
        ("0.001", 2, None),
        ("0.010", 2, Some(1)),
        ("-3.10", 2, Some(-310)),
        ("0.0", 2, Some(0)),
        ("99999999999999999999999999999999999999", 2, None),
        ("1e999", 2, None),
    ];
    for (text, places, minor) in cases {
        assert_eq!(minor_units(text, places), minor, "{text} with {places} places");
    }
    assert_eq!(
        (exponent("EUR"), exponent("JPY"), exponent("KWD"), exponent("eur")),
        (Some(2), Some(0), Some(3), None)
    );
}

#[test]
fn payees_and_instruments_are_those_that_are_shown() {
    let shop = json!({"id": "s-1", "name": "Shop", "website": "https://shop.example"});
    let payees = |allowed: Value| json!([{"type": "payment.allowed_payees", "allowed": allowed}]);
    verdict(&payees(json!([shop])), &[], &Usage::default()).unwrap();
    // The name alone is nobody, and an id with another website is somebody else.
    let other_id = [("/payee/id", json!("s-2"))];
    assert!(verdict(&payees(json!([shop])), &other_id, &Usage::default()).is_err());
    let other_site = [("/payee/website", json!("https://shop.example.evil"))];
    assert!(verdict(&payees(json!([shop])), &other_site, &Usage::default()).is_err());
    // One that is hidden is not allowed; hiding is how a list is narrowed.
    let (slot, _) = element(&shop);
    assert!(verdict(&payees(json!([slot])), &[], &Usage::default()).is_err());
    let cards = json!([{"type": "payment.allowed_payment_instruments", "allowed": [{"id": "pi-1", "type": "debit"}]}]);
    assert!(verdict(&cards, &[], &Usage::default()).is_err());
    let pisps = json!([{"type": "payment.allowed_pisps", "allowed": [{"id": "p-1"}]}]);
    assert!(verdict(&pisps, &[], &Usage::default()).is_err(), "the payment names none");
    verdict(&pisps, &[("/pisp", json!({"id": "p-1", "name": "Any"}))], &Usage::default()).unwrap();
    let reference = json!([{"type": "payment.reference", "conditional_transaction_id": "tx-2"}]);
    assert!(verdict(&reference, &[], &Usage::default()).is_err());
    verdict(&reference, &[("/transaction_id", json!("tx-2"))], &Usage::default()).unwrap();
}

#[test]
fn recurring_payments_wait_for_their_period() {
    let recurring = |frequency: &str, most: Option<u32>| {
        let mut recurrence = json!({"type": "payment.agent_recurrence", "frequency": frequency});
        if let Some(most) = most {
            recurrence["max_occurrences"] = json!(most);
        }
        json!([range(), {"type": "payment.budget", "max": 1000, "currency": "USD"}, recurrence])
    };
    let used = |payments, last: i64| Usage { spent: 1000, payments, last: Some(at(last)) };
    let noon = NOW;
    verdict(&recurring("DAILY", None), &[], &used(1, noon - 86_400)).unwrap();
    verdict(&recurring("DAILY", None), &[], &used(1, noon - 43_201)).unwrap();
    assert!(
        verdict(&recurring("DAILY", None), &[], &used(1, noon - 43_200)).is_err(),
        "midnight begins the day"
    );
    verdict(&recurring("ON_DEMAND", Some(2)), &[], &used(1, noon)).unwrap();
    assert!(verdict(&recurring("ON_DEMAND", Some(2)), &[], &used(2, noon)).is_err());
    assert!(matches!(verdict(&recurring("HOURLY", None), &[], &used(0, 0)), Err(Refusal::Unreadable { .. })));
    // A clock that was set back does not open a period again.
    assert!(verdict(&recurring("MONTHLY", None), &[], &used(1, noon + 90 * 86_400)).is_err());
    let alone = json!([{"type": "payment.agent_recurrence", "frequency": "DAILY"}]);
    assert!(verdict(&alone, &[], &Usage::default()).is_err(), "nothing bounds the sum");
}

/// 2024-02-29 was a Thursday; 2024-03-04 a Monday.
#[test]
fn periods_follow_the_calendar() {
    let day = |text: &str| at(text.parse::<jiff::Timestamp>().unwrap().as_second());
    let allows = |frequency: Frequency, last: &str, now: &str| frequency.allows(day(last), day(now)).unwrap();
    assert!(!allows(Frequency::Weekly, "2024-02-29T00:00:00Z", "2024-03-03T23:59:59Z"));
    assert!(allows(Frequency::Weekly, "2024-03-03T23:59:59Z", "2024-03-04T00:00:00Z"));
    assert!(allows(Frequency::Monthly, "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z"));
    assert!(!allows(Frequency::Quarterly, "2024-01-01T00:00:00Z", "2024-03-31T23:59:59Z"));
    assert!(allows(Frequency::Quarterly, "2024-03-31T23:59:59Z", "2024-04-01T00:00:00Z"));
    assert!(allows(Frequency::Annually, "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"));
    // Two weeks from a Monday that begins one (19 times 14 days after 1970-01-05 and so on).
    let starts = (0..14).map(|n| at(345_600 + 1_400 * 86_400 + n * 86_400));
    let first = at(345_600 + 1_400 * 86_400);
    assert!(starts.clone().all(|day| Frequency::Biweekly.allows(first, day) == Some(false)));
    assert_eq!(Frequency::Biweekly.allows(first, at(345_600 + 1_414 * 86_400)), Some(true));
}

#[test]
fn execution_dates_are_moments() {
    let window = |more: Value| {
        let mut window = json!({"type": "payment.execution_date"});
        window.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([range(), window])
    };
    let dated = |text: &str| vec![("/execution_date", json!(text))];
    let until = window(json!({"not_after": "2026-11-27T23:00:00Z"}));
    // Later in UTC, earlier as text.
    assert!(verdict(&until, &dated("2026-11-27T20:30:00-07:00"), &Usage::default()).is_err());
    verdict(&until, &dated("2026-11-28T01:30:00+03:00"), &Usage::default()).unwrap();
    verdict(&until, &[], &Usage::default()).unwrap();
    // Without a date it is executed now, which is before 2030.
    let from = window(json!({"not_before": "2030-01-01"}));
    assert!(verdict(&from, &[], &Usage::default()).is_err());
    verdict(&from, &dated("2030-01-01"), &Usage::default()).unwrap();
    assert!(verdict(&from, &dated("soon"), &Usage::default()).is_err());
    assert!(verdict(&window(json!({"not_before": "2030-1-1"})), &[], &Usage::default()).is_err());
    // A day means all of it.
    let day = window(json!({"not_before": "2026-11-28", "not_after": "2026-11-28"}));
    verdict(&day, &dated("2026-11-28"), &Usage::default()).unwrap();
    assert!(verdict(&day, &dated("2026-11-29"), &Usage::default()).is_err());
}

#[test]
fn an_unknown_constraint_is_never_met() {
    let odd = verdict(&json!([range(), {"type": "payment.moon_phase"}]), &[], &Usage::default());
    assert_eq!(odd.unwrap_err().code(), "unresolved_constraint");
}

#[test]
fn what_was_decided_stays() {
    let mut story = Story::new(&json!([range()]));
    story.open["payee"] = json!({"id": "s-1", "name": "Shop"});
    accept(&story.token(), &story.user.public(), &Usage::default(), NOW).unwrap();
    story.closed["payee"] = json!({"id": "s-2", "name": "Shop"});
    let changed = accept(&story.token(), &story.user.public(), &Usage::default(), NOW).unwrap_err();
    assert!(changed.to_string().contains("payee was decided"), "{changed}");
}
