//! A model answers only what it has learned: numbers that are not known, data that are read otherwise, and users from whom it
//! has learned.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fmt::Write as _;
use std::path::PathBuf;
use tollgate_risk::Dataset;
use tollgate_risk::generate::{Plan, dataset, generate};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::model::Model;
use tollgate_risk::monitor::{Judged, challenge};
use tollgate_risk::online::{History, Scorer};
use tollgate_risk::train::{TrainConfig, train};
use tollgate_risk::tree::TreeParams;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-risk-fits-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self, users: &str) -> Dataset {
        std::fs::write(self.0.join("users.csv"), users).unwrap();
        Dataset::read(&self.0, &Mapping::of(&self.0).unwrap(), None, &mut |_, _| {}).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Arrears from 0 to 4 that raise the risk, not known for a sixth of the users, who default as those in arrears do; and
/// a debt that is always known.
fn users() -> String {
    let mut text = String::from("user,label,arrears,debt\n");
    let mut state = 5u32;
    for user in 0..900u32 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (draw, arrears, debt) = (state >> 8 & 1023, state >> 20 & 3, state >> 24 & 63);
        let hidden = user % 6 == 0;
        let risk = if hidden { 600 } else { 60 + 180 * arrears };
        let shown = if hidden { String::new() } else { arrears.to_string() };
        let _ = writeln!(text, "{user},{},{shown},{debt}", u32::from(draw < risk));
    }
    text
}

fn trained(data: &Dataset) -> Model {
    train(data, &TrainConfig { network: None, ..TrainConfig::default() }, &mut |_| {}).unwrap()
}

/// Leaving the damaging number out must not be better than having none of it.
#[test]
fn a_number_that_is_not_known_is_not_nought() {
    let folder = Folder::new("missing");
    let model = trained(&folder.read(&users()));
    assert_eq!(model.card.space.holes, ["arrears"]);
    let asked = "user,label,arrears,debt\nnone,,0,30\nhidden,,,30\nhuge,,1e39,30\nfour,,4,30\nlacking,,0,\n";
    let data = folder.read(asked);
    let scores = model.score(&data, None).unwrap();
    let p: Vec<f64> = scores.iter().map(|score| score.probability).collect();
    assert!(p[1] > p[0] + 0.1, "what is not known is as risky as it was: {p:?}");
    assert_eq!(p[1].to_bits(), p[2].to_bits(), "what no model can hold is not known");
    for kind in model.fitted.kinds() {
        let of_kind = model.score(&data, Some(kind)).unwrap();
        assert!(of_kind[1].probability > of_kind[0].probability, "{}", kind.name());
    }
    // What nobody in training lacked has no score, and the others keep theirs.
    assert_eq!(scores[4].lacks.as_deref(), Some("debt"));
    assert!(p[4].is_nan() && scores[..4].iter().all(|s| s.lacks.is_none() && s.probability.is_finite()));
    let scorer = Scorer::new(model).unwrap();
    let history = History::default();
    let online = |profile: &[f32]| scorer.score(&history, 0, profile);
    assert_eq!(online(&[f32::NAN, 30.0]).unwrap().probability.to_bits(), p[1].to_bits());
    assert_eq!(online(&[f32::INFINITY, 30.0]).unwrap().probability.to_bits(), p[1].to_bits());
    let refused = online(&[0.0, f32::NAN]).unwrap_err().to_string();
    assert!(refused.contains("\"debt\"") && refused.contains("give it"), "{refused}");
    let reasons = scorer.reasons(&history, 0, &[f32::NAN, 30.0]).unwrap();
    assert_eq!(reasons[0].text, "the value of arrears is not known");
}

#[test]
fn a_model_is_known_by_its_files_and_refused_when_they_lie() {
    let folder = Folder::new("files");
    let data = folder.read(&users());
    let model = trained(&data);
    let save = |model: &Model, name: &str| {
        model.save(&folder.0.join(name)).unwrap();
        Model::open(&folder.0.join(name)).unwrap()
    };
    let first = save(&model, "a");
    assert_eq!((first.digest.len(), model.digest.len()), ("sha256:".len() + 64, 0));
    assert_eq!(save(&model, "b").digest, first.digest);
    // Another penalty of the same data: another model.
    let mut other = model.clone();
    other.fitted.logistic.offset += 1e-6;
    let other = save(&other, "c");
    assert_eq!(other.card.made_from.digest, first.card.made_from.digest);
    assert_ne!(other.digest, first.digest);
    // Other outcomes: other data.
    let mut turned = data;
    turned.users.labels[3] = turned.users.labels[3].map(|label| !label);
    assert_ne!(trained(&turned).card.made_from.digest, first.card.made_from.digest);
    let path = folder.0.join("a/model.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Model::open(&folder.0.join("a")).unwrap_err().to_string()
    };
    let old = refused(&text.replacen("\"version\": 2", "\"version\": 1", 1));
    assert!(old.contains("train again"), "{old}");
    let mut lie: serde_json::Value = serde_json::from_str(&text).unwrap();
    lie["fitted"]["scorecard"]["rows"][0]["points"].as_array_mut().unwrap().pop();
    let lie = refused(&lie.to_string());
    assert!(lie.contains("points and intervals"), "{lie}");
    let mut broken = model;
    broken.fitted.forest.trees[0].value.iter_mut().for_each(|value| *value = f32::NAN);
    let error = broken.save(&folder.0.join("d")).unwrap_err().to_string();
    assert!(error.contains("no number"), "what cannot be opened is not saved: {error}");
}

#[test]
fn data_that_are_read_otherwise_are_refused() {
    let data = dataset(&generate(&Plan { users: 160, events: 25.0, ..Plan::default() }));
    let model = trained(&data);
    assert!(model.score(&data, None).is_ok());
    let refused = |change: &dyn Fn(&mut Mapping)| {
        let mut other = data.clone();
        change(&mut other.mapping);
        model.score(&other, None).unwrap_err().to_string()
    };
    let numbers = refused(&|m| m.events.as_mut().unwrap().numbers = vec!["limit".into()]);
    assert!(numbers.contains("[limit] of payments") && numbers.contains("in that order"), "{numbers}");
    let scale = refused(&|m| m.events.as_mut().unwrap().scale = Some(100));
    assert!(scale.contains("scale 100") && scale.contains("scale 1 "), "{scale}");
    let minus = refused(&|m| {
        let events = m.events.as_mut().unwrap();
        (events.direction, events.minus) = (Some("type".into()), vec!["withdrawal".into()]);
    });
    assert!(minus.contains("minus [withdrawal]") && minus.contains("no direction"), "{minus}");
    assert!(refused(&|m| m.keys.users_min = 5).contains("users_min 5"));
}

/// Nobody is judged on whom it has learned from, unless that is said.
#[test]
fn models_are_judged_on_users_they_have_not_seen() {
    let data = dataset(&generate(&Plan { users: 400, events: 25.0, ..Plan::default() }));
    let trees = TreeParams { rounds: 3, ..TreeParams::default() };
    let quick = TrainConfig { network: None, trees, ..TrainConfig::default() };
    let model = train(&data, &quick, &mut |_| {}).unwrap();
    let judged = Judged::of(&[&model], &data);
    let tested = data.users.parts.iter().filter(|p| **p == tollgate_risk::ingest::Part::Test).count();
    assert_eq!((judged.count, judged.left_out, judged.training), (tested, 400 - tested, false));
    let scores = vec![0.5; 400];
    assert_eq!(challenge(&data, &judged, &scores, &scores).unwrap().users, tested);
    assert_eq!(judged.warning(), None);
    // Without a declared split the model that is kept has learned from everybody.
    let mut drawn = data;
    drawn.users.parts = Vec::new();
    let all = train(&drawn, &quick, &mut |_| {}).unwrap();
    let judged = Judged::of(&[&model, &all], &drawn);
    assert!(judged.training && judged.warning().unwrap().starts_with("TRAINING FIGURES"));
    assert_eq!(challenge(&drawn, &judged, &scores, &scores), None);
}
