//! Histories for measurements: as many merchants per user as real ones have, which grows with the root of the payments.

use anyhow::Result;
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::feature::FeatureSpace;
use tollgate_risk::generate::{Generated, Plan, dataset, generate};
use tollgate_risk::net::NetConfig;
use tollgate_risk::online::{Payment, Scorer};
use tollgate_risk::train::{Kind, TrainConfig, train};

/// Seconds of a history.
const LENGTH: i64 = 180 * 86_400;
/// Merchants of all users together.
const MERCHANTS: u32 = 2_000;
const KINDS: [&str; 8] = ["grocer", "fuel", "pharmacy", "outlet", "cafe", "books", "prime", "garden"];

/// Merchants of a user with so many payments.
fn merchants_of(payments: usize) -> u32 {
    ((payments as f64).sqrt() * 2.56).round().max(1.0) as u32
}

/// A user's payments: time, merchant and amount, in order of time.
fn history(user: u32, payments: usize) -> Vec<(i64, u32, i64)> {
    let mut draw = Seed(17).derive(&format!("user {user}"));
    let mut unit = || {
        draw = draw.next();
        draw.unit()
    };
    let own = merchants_of(payments);
    let start = (unit() * f64::from(MERCHANTS)) as u32;
    (0..payments)
        .map(|i| {
            // A few merchants are visited often, most seldom.
            let slot = (unit() * unit() * f64::from(own)) as u32;
            let time = LENGTH * i as i64 / payments as i64;
            (time, (start + slot * 7) % MERCHANTS, (unit() * 9_000.0) as i64 + 100)
        })
        .collect()
}

fn name(merchant: u32) -> (String, u32) {
    let kind = merchant % KINDS.len() as u32;
    (format!("house {} {merchant}", KINDS[kind as usize]), kind)
}

/// A data set of about so many payments, and what is learned of it.
pub(super) fn training(payments: usize, length: usize) -> (Dataset, FeatureSpace) {
    let users = (payments / length).max(2) as u32;
    let mut made = Generated { merchants: (0..MERCHANTS).map(name).collect(), ..Generated::default() };
    for user in 0..users {
        made.events.extend(history(user, length).into_iter().map(|(t, m, a)| (user, t, m, a)));
        made.labels.push(user % 3 == 0);
        made.best.push(0.3);
    }
    let data = dataset(&made);
    let all: Vec<u32> = (0..users).collect();
    let space = FeatureSpace::learn(&data, &all);
    (data, space)
}

/// One user's payments, and the moment of the decision.
pub(super) fn payments(count: usize) -> (Vec<Payment>, i64) {
    let of = |(time, merchant, amount): (i64, u32, i64)| {
        let (name, category) = name(merchant);
        Payment {
            time: Some(time),
            merchant: merchant.to_string(),
            amount: Some(amount),
            name: Some(name),
            category: Some(category.to_string()),
            ..Payment::default()
        }
    };
    (history(0, count).into_iter().map(of).collect(), LENGTH)
}

/// A small model whose score is a blend of all four kinds.
pub(super) fn scorer() -> Result<Scorer> {
    let data = dataset(&generate(&Plan { users: 600, events: 100.0, ..Plan::default() }));
    let network = Some(NetConfig { epochs: 1, ..NetConfig::default() });
    let mut model = train(&data, &TrainConfig { network, ..TrainConfig::default() }, &mut |_| {})?;
    model.fitted.winner = Kind::Blend;
    model.fitted.blend = vec![Kind::Logistic, Kind::Trees, Kind::Scorecard, Kind::Network];
    model.fitted.networks.truncate(1);
    Ok(Scorer::new(model)?)
}
