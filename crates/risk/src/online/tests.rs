//! A history that grows gives, bit for bit, the scores of the same payments in a file.

use super::{History, Payment, Scorer};
use crate::Dataset;
use crate::generate::{Generated, Plan, generate, write};
use crate::ingest::{Mapping, Reason};
use crate::model::Model;
use crate::net::NetConfig;
use crate::train::{Kind, TrainConfig, train};
use std::path::PathBuf;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Made histories, read back from files, and a model of them that is won by the blend.
fn made(name: &str) -> (Generated, Dataset, Model) {
    let made = generate(&Plan { users: 160, events: 60.0, ..Plan::default() });
    let folder =
        Folder(std::env::temp_dir().join(format!("tollgate-risk-online-{name}-{}", std::process::id())));
    write(&made, &folder.0).unwrap();
    let mapping = Mapping::of(&folder.0).unwrap();
    let data = Dataset::read(&folder.0, &mapping, None, &mut |_, _| {}).unwrap();
    let network = Some(NetConfig { width: 8, head: 8, epochs: 1, ..NetConfig::default() });
    let mut model = train(&data, &TrainConfig { network, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    model.fitted.winner = Kind::Blend;
    model.fitted.blend = vec![Kind::Logistic, Kind::Trees, Kind::Scorecard, Kind::Network];
    (made, data, model)
}

fn payments(made: &Generated, user: u32) -> Vec<Payment> {
    let of = |event: &(u32, i64, u32, i64)| {
        let (name, category) = &made.merchants[event.2 as usize];
        Payment {
            time: Some(event.1),
            merchant: event.2.to_string(),
            amount: Some(event.3),
            name: Some(name.clone()),
            category: Some(category.to_string()),
            ..Payment::default()
        }
    };
    made.events.iter().filter(|e| e.0 == user).map(of).collect()
}

#[test]
fn one_user_at_a_time_scores_as_a_file_does() {
    let (made, data, model) = made("same");
    let batch = model.score(&data, None).unwrap();
    let scorer = Scorer::new(model).unwrap();
    for (user, wanted) in batch.iter().enumerate() {
        let number: u32 = wanted.user.parse().unwrap();
        let mut history = History::default();
        // In another order of merchants than that of the file, where order is free.
        let mut all = payments(&made, number);
        all.sort_by_key(|p| p.merchant.chars().rev().collect::<String>());
        for payment in &all {
            history.add(&scorer, payment).unwrap();
        }
        let found = scorer.score(&history, data.ends[user], &[]).unwrap();
        assert_eq!(found.probability.to_bits(), wanted.probability.to_bits(), "user {number}");
        assert_eq!((found.payments, found.after), (all.len(), 0));
    }
}

#[test]
fn a_payment_more_is_the_same_as_a_rebuild() {
    let (made, data, model) = made("grown");
    let scorer = Scorer::new(model).unwrap();
    let at = data.ends[0];
    for user in 0..20 {
        let all = payments(&made, user);
        let mut grown = History::default();
        for (count, payment) in all.iter().enumerate() {
            grown.add(&scorer, payment).unwrap();
            if count % 7 == 0 {
                let mut rebuilt = History::default();
                all[..=count].iter().rev().for_each(|p| rebuilt.add(&scorer, p).unwrap());
                let [a, b] = [&grown, &rebuilt].map(|h| scorer.score(h, at, &[]).unwrap().probability);
                assert!((a - b).abs() < 1e-12, "user {user}, {count} payments: {a} and {b}");
            }
        }
    }
}

#[test]
fn what_is_not_whole_or_not_known_yet_is_refused() {
    let (made, data, model) = made("refused");
    let scorer = Scorer::new(model).unwrap();
    let mut history = History::default();
    let all = payments(&made, 3);
    all.iter().for_each(|p| history.add(&scorer, p).unwrap());
    let at = data.ends[3];
    let before = scorer.score(&history, at, &[]).unwrap();
    let good = all[0].clone();
    let broken = [
        (Payment { time: None, ..good.clone() }, Reason::NoTime),
        (Payment { amount: None, ..good.clone() }, Reason::NoAmount),
        (Payment { amount: Some(i64::MIN), ..good.clone() }, Reason::NoAmount),
        (Payment { merchant: " ".into(), ..good.clone() }, Reason::NoMerchant),
        (Payment { numbers: vec![1.0], ..good.clone() }, Reason::Torn),
    ];
    for (payment, reason) in broken {
        assert_eq!(history.add(&scorer, &payment), Err(reason));
    }
    assert_eq!(history.report.refused_rows(), 5);
    // After the decision: kept for later decisions, and no part of this one.
    history.add(&scorer, &Payment { time: Some(at), amount: Some(99_999_999), ..good }).unwrap();
    let after = scorer.score(&history, at, &[]).unwrap();
    assert_eq!((after.probability, after.after), (before.probability, 1));
    assert!(scorer.score(&history, at, &[1.0]).unwrap_err().to_string().contains("1 numbers"));
}

/// A payment after the moment gives its merchant another name: what was decided before must not move, and the order in
/// which payments come says nothing.
#[test]
fn a_later_name_is_no_part_of_an_earlier_score() {
    let (made, data, model) = made("renamed");
    let scorer = Scorer::new(model).unwrap();
    let (all, at) = (payments(&made, 3), data.ends[3]);
    let mut history = History::default();
    history.add_all_before(&scorer, &all, at);
    let before = scorer.score(&history, at, &[]).unwrap();
    for merchant in &all {
        let renamed =
            Payment { time: Some(at + 1), name: Some("outlet saver prime".into()), ..merchant.clone() };
        history.add(&scorer, &renamed).unwrap();
    }
    let after = scorer.score(&history, at, &[]).unwrap();
    assert_eq!(before.probability.to_bits(), after.probability.to_bits());
    let mut turned = History::default();
    let newest_first: Vec<Payment> = all.iter().rev().cloned().collect();
    turned.add_all_before(&scorer, &newest_first, at);
    let turned = scorer.score(&turned, at, &[]).unwrap().probability;
    assert!((turned - before.probability).abs() < 1e-12, "{turned} and {}", before.probability);
    let wrong = scorer.score(&history, i64::MAX, &[]).unwrap_err();
    assert!(wrong.to_string().contains("no time in seconds"), "{wrong}");
}

#[test]
fn a_model_that_puts_rare_merchants_together_is_refused() {
    let (_, _, mut model) = made("rare");
    model.card.users_min = 5;
    assert!(Scorer::new(model).unwrap_err().to_string().contains("users_min"));
    let mut wrong = made("width").2;
    wrong.fitted.forest.width += 1;
    assert!(Scorer::new(wrong).unwrap_err().to_string().contains("features"));
}
