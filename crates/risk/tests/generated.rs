//! On histories whose best score is known: longer windows are worth more, and what a fold adds goes when it is taken away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::PathBuf;
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::evaluate::auc;
use tollgate_risk::explain::{Field, Reasons, explain};
use tollgate_risk::feature::FeatureSpace;
use tollgate_risk::fold::Folded;
use tollgate_risk::generate::{Generated, Plan, dataset, generate, write};
use tollgate_risk::ingest::{Mapping, Part};
use tollgate_risk::linear::Logistic;
use tollgate_risk::model::Model;
use tollgate_risk::net::{NetConfig, Network, Switches};
use tollgate_risk::online::Scorer;
use tollgate_risk::train::{TrainConfig, train};

fn part(data: &Dataset, part: Part) -> Vec<u32> {
    (0..data.users.count as u32).filter(|u| data.users.parts[*u as usize] == part).collect()
}

fn labels(data: &Dataset) -> Vec<bool> {
    data.users.labels.iter().map(|l| *l == Some(true)).collect()
}

fn judged(data: &Dataset, users: &[u32], logits: &[f64]) -> f64 {
    let all = labels(data);
    auc(logits, &users.iter().map(|u| all[*u as usize]).collect::<Vec<_>>()).unwrap()
}

/// Test AUC of a logistic regression on all features.
fn by_features(data: &Dataset) -> f64 {
    let known = part(data, Part::Train);
    let test = part(data, Part::Test);
    let space = FeatureSpace::learn(data, &known);
    let features = space.rows(data);
    let model = Logistic::fit(&features, &labels(data), &known, 300.0);
    let logits: Vec<f64> = test.iter().map(|u| model.logit(features.row(*u as usize))).collect();
    judged(data, &test, &logits)
}

/// Test AUC of a network.
fn by_network(data: &Dataset, switches: Switches) -> f64 {
    let (known, valid, test) = (part(data, Part::Train), part(data, Part::Valid), part(data, Part::Test));
    let space = FeatureSpace::learn(data, &known);
    let features = space.rows(data);
    let line = Logistic::fit(&features, &labels(data), &known, 300.0);
    let config =
        NetConfig { width: 16, head: 16, epochs: 8, rate: 5e-3, batch: 64, switches, ..NetConfig::default() };
    let network =
        Network::train(data, &features, &space, (&known, &valid), &line, &config, &mut |_, _, _| {}).unwrap();
    judged(data, &test, &network.logits(data, &features, &test))
}

/// Each user's visits dealt out to that user's merchants anew: no merchant keeps a habit.
fn shuffled(data: &Dataset) -> Dataset {
    let mut events = data.folded.events.clone();
    for place in 0..data.users.count {
        let rows = data.folded.listed_of(place);
        let mut seed = Seed(11).derive(&format!("shuffle {place}"));
        for last in (rows.start + 1..rows.end).rev() {
            seed = seed.next();
            let other = rows.start + (seed.unit() * (last + 1 - rows.start) as f64) as usize;
            events.merchant.swap(last, other);
        }
    }
    let folded = Folded::of(&events, Some(data.users.count as u32));
    Dataset { folded, ..data.clone() }
}

fn made() -> Generated {
    generate(&Plan { users: 2500, events: 120.0, ..Plan::default() })
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_longer_window_is_worth_more() {
    let folder = Folder(std::env::temp_dir().join(format!("tollgate-risk-window-{}", std::process::id())));
    write(&made(), &folder.0).unwrap();
    let mapping = Mapping::of(&folder.0).unwrap();
    let read = |days| Dataset::read(&folder.0, &mapping, Some(days), &mut |_, _| {}).unwrap();
    let [short, middle, long] = [45, 90, 180].map(|days| by_features(&read(days)));
    println!("45 days {short:.4}, 90 days {middle:.4}, 180 days {long:.4}");
    assert!(short + 0.01 < middle && middle + 0.01 < long, "{short} {middle} {long}");
}

#[test]
fn a_fold_is_worth_what_it_adds() {
    let data = dataset(&made());
    let folded = by_network(&data, Switches::alone());
    let unfolded = by_network(&data, Switches::unfolded());
    let without = by_network(&shuffled(&data), Switches { wide: false, ..Switches::alone() });
    println!("folded {folded:.4}, unfolded {unfolded:.4}, merchants shuffled {without:.4}");
    assert!(folded > unfolded + 0.05, "{folded} {unfolded}");
    assert!(without < unfolded + 0.04, "{without} {unfolded}");
}

/// Near the best score there is, the same twice, and the same after a trip through files.
#[test]
fn training_comes_near_the_best_and_files_keep_every_bit() {
    let made = made();
    let data = dataset(&made);
    let network = Some(NetConfig { width: 8, head: 8, epochs: 2, ..NetConfig::default() });
    let config = TrainConfig { network, ..TrainConfig::default() };
    let model = train(&data, &config, &mut |_| {}).unwrap();
    let test = part(&data, Part::Test);
    let best: Vec<f64> = test.iter().map(|u| made.best[*u as usize]).collect();
    let best = judged(&data, &test, &best);
    let found = model.card.outcome.test_auc;
    println!("best {best:.4}, found {found:.4} by {}", model.card.outcome.winner.name());
    assert!(found > best - 0.04 && found < best + 0.02, "{found} {best}");
    let folder = Folder(std::env::temp_dir().join(format!("tollgate-risk-model-{}", std::process::id())));
    model.save(&folder.0).unwrap();
    let again = Model::open(&folder.0).unwrap();
    for kind in model.fitted.kinds() {
        let (a, b) = (model.score(&data, Some(kind)).unwrap(), again.score(&data, Some(kind)).unwrap());
        assert!(
            a.iter().zip(&b).all(|(a, b)| (a.probability - b.probability).abs() < 1e-12),
            "{}",
            kind.name()
        );
    }
    // Other numbers of users are refused by name.
    let mut other = data.clone();
    other.users.number_names = vec!["income".into()];
    other.users.numbers = vec![vec![1.0; other.users.count]];
    assert!(again.score(&other, None).unwrap_err().to_string().contains("income"));
    // A tensor of another shape is refused.
    let path = folder.0.join("model.json");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"width\": 8,\n        \"head\"", "\"width\": 4,\n        \"head\"");
    std::fs::write(&path, text).unwrap();
    let error = Model::open(&folder.0).unwrap_err().to_string();
    assert!(error.contains("shape"), "{error}");
}

/// Users in whom a cause was planted most strongly, a tenth of all.
fn planted(made: &Generated, cause: usize) -> Vec<usize> {
    let mut users: Vec<usize> = (0..made.labels.len()).collect();
    users.sort_by(|a, b| made.causes[*b][cause].total_cmp(&made.causes[*a][cause]));
    users.truncate(made.labels.len() / 10);
    users
}

/// Causes that were planted are the first reasons, stay so under a little noise, and effects add up.
#[test]
fn planted_causes_are_named() {
    let made = made();
    let data = dataset(&made);
    let config = TrainConfig { network: None, ..TrainConfig::default() };
    let scorer = Scorer::new(train(&data, &config, &mut |_| {}).unwrap()).unwrap();
    let lookup = scorer.model().card.space.lookup(&data.names);
    let reasons = Reasons::new(&scorer);
    let first = |data: &Dataset, user: usize| {
        let found = reasons.of(data, &lookup, user);
        assert!(found.len() <= 4);
        found.into_iter().next().map_or_else(String::new, |r| r.text)
    };
    let told = |users: &[usize], wanted: &str, among: usize| {
        let told = |user: &&usize| {
            let found = reasons.of(&data, &lookup, **user);
            found.iter().take(among).any(|r| r.text.contains(wanted))
        };
        users.iter().filter(told).count()
    };
    let users = planted(&made, 1);
    let drift = told(&users, "regular merchants changed", 1);
    assert!(drift * 10 >= users.len() * 8, "{drift}");
    // So few users teach a model less of visits that moved than was planted: drift, if there is some, weighs more.
    let users = planted(&made, 2);
    let [moved, among] = [1, 2].map(|among| told(&users, "visits moved", among));
    println!("of {}: {drift} drift first; {moved} visits first, {among} among two", users.len());
    assert!(moved * 2 >= users.len() && among * 10 >= users.len() * 8, "{moved} {among}");
    // Amounts moved by up to one in a hundred leave the first reason what it is.
    let mut noisy = data.clone();
    let mut seed = Seed(5);
    for amount in &mut noisy.folded.events.amount {
        seed = seed.next();
        *amount = (*amount as f64 * (1.0 + 0.01 * (2.0 * seed.unit() - 1.0))).round() as i64;
    }
    let kind = |text: String| text.split(" merchants described").next().unwrap_or_default().to_owned();
    let same = (0..400).filter(|user| kind(first(&data, *user)) == kind(first(&noisy, *user))).count();
    println!("{same} of 400 first reasons are the same under noise of 1 %");
    assert!(same >= 380, "{same}");
    let user = planted(&made, 1)[0];
    let why = explain(&scorer, (&data, &lookup), user, 8, Seed(1)).unwrap();
    assert!(why.additivity_error < 1e-9, "{}", why.additivity_error);
    assert_eq!(why.merchants.len(), data.folded.groups_of(user).len());
    assert_eq!(why.fields.len(), 4);
    // Drift lies in amounts: no other field moved this user's score more.
    assert_eq!(why.fields[0].field, Field::Amount);
    // The whole is the score itself.
    let score = &scorer.model().score(&data, None).unwrap()[user];
    let winner = scorer.model().fitted.winner;
    assert!((scorer.model().fitted.probability(winner, why.logit) - score.probability).abs() < 1e-12);
    // Leaving a merchant out is the same as a history that never had it.
    let left = &why.merchants[0];
    let number = |name: &str| made.merchants.iter().position(|(known, _)| known == name).unwrap() as u32;
    let mut events = data.folded.events.clone();
    let gone = number(&left.merchant);
    let rows: Vec<u32> = (0..events.len() as u32)
        .filter(|row| events.user[*row as usize] != user as u32 || events.merchant[*row as usize] != gone)
        .collect();
    events = events.taken(&rows);
    let without = Dataset { folded: Folded::of(&events, Some(data.users.count as u32)), ..data.clone() };
    let found = scorer.model().score(&without, None).unwrap()[user].probability;
    let wanted = scorer.model().fitted.probability(winner, why.logit - left.left_out);
    assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
}
