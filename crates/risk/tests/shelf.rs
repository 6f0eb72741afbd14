//! Training from a folder of folded histories is training from the files that it was folded from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};
use tollgate_risk::Dataset;
use tollgate_risk::feature::FeatureSpace;
use tollgate_risk::fold::{Caps, FoldJob};
use tollgate_risk::generate::{Plan, generate, write};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::net::NetConfig;
use tollgate_risk::shelf::{Shelf, Shelved};
use tollgate_risk::train::{TrainConfig, train, train_from};
use tollgate_risk::tree::TreeParams;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(name: &str) -> Folder {
    let folder = Folder(std::env::temp_dir().join(format!("tollgate-risk-{name}-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&folder.0);
    write(&generate(&Plan { users: 300, events: 40.0, ..Plan::default() }), &folder.0).unwrap();
    folder
}

const WHOLE: Caps = Caps { merchants: u32::MAX, behaviours: u32::MAX };

/// Folds into parts of so much memory.
fn fold(data: &Path, out: &str, memory: u64, caps: Caps) -> PathBuf {
    let out = data.join(out);
    let mapping = Mapping::of(data).unwrap();
    FoldJob { data: data.into(), mapping, out: out.clone(), caps, memory }.run(&mut |_| {}).unwrap();
    out
}

#[test]
fn a_folder_trains_as_the_files_do() {
    let data = folder("shelf");
    let mapping = Mapping::of(&data.0).unwrap();
    let read = Dataset::read(&data.0, &mapping, None, &mut |_, _| {}).unwrap();
    let network = Some(NetConfig { width: 8, head: 8, epochs: 2, masked: 1, ..NetConfig::default() });
    let trees = TreeParams { rounds: 20, ..TreeParams::default() };
    let config = TrainConfig { network, trees, ..TrainConfig::default() };
    let from_files = train(&read, &config, &mut |_| {}).unwrap();

    let open = |out: &Path| Shelved::open(out, &data.0, &mapping, None).unwrap();
    let parts = fold(&data.0, "parts", 200_000, WHOLE);
    let shelved = open(&parts);
    assert!(shelved.parts() > 3, "{}", shelved.parts());
    let mut shelf = Shelf::Folder(Box::new(shelved));
    assert_eq!(shelf.payments() as usize, read.folded.events.len());
    let users: Vec<u32> = (0..read.users.count as u32).collect();
    let space = FeatureSpace::learn_from(&mut shelf, &users).unwrap();
    assert_eq!(space, FeatureSpace::learn(&read, &users));
    assert_eq!(space.rows_from(&mut shelf).unwrap(), space.rows(&read));

    // What reads features is the same to the bit; a network sees its users part by part, so in another order.
    let in_parts = train_from(&mut shelf, &config, &mut |_| {}).unwrap();
    assert_eq!(in_parts.fitted.logistic, from_files.fitted.logistic);
    assert_eq!(in_parts.fitted.forest, from_files.fitted.forest);
    assert_eq!(in_parts.fitted.scorecard, from_files.fitted.scorecard);
    assert_eq!(in_parts.card.space, from_files.card.space);
    assert_eq!(in_parts.card.reference.as_ref().unwrap().shape, from_files.card.reference.unwrap().shape);
    assert_ne!(in_parts.fitted.networks, from_files.fitted.networks);
    assert_eq!(
        train_from(&mut Shelf::Folder(Box::new(open(&parts))), &config, &mut |_| {}).unwrap(),
        in_parts
    );
    // And it scores what it was not trained from.
    assert_eq!(in_parts.score(&read, None).unwrap().len(), 300);
}

#[test]
fn a_folder_that_is_not_the_files_is_refused() {
    let data = folder("refused");
    let mapping = Mapping::of(&data.0).unwrap();
    let problem =
        |out: &Path, mapping: &Mapping| Shelved::open(out, &data.0, mapping, None).unwrap_err().to_string();
    let capped = fold(&data.0, "capped", 1 << 30, Caps { merchants: 3, behaviours: 2 });
    assert!(problem(&capped, &mapping).contains("pooled"));
    let whole = fold(&data.0, "whole", 1 << 30, WHOLE);
    let mut other = mapping.clone();
    other.window.days = Some(30);
    assert!(problem(&whole, &other).contains("another mapping"));
    assert!(Shelved::open(&whole, &data.0, &mapping, None).is_ok());
    // The table of users changed since: other rows are other users.
    let path = data.0.join("users.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut rows: Vec<&str> = text.lines().collect();
    rows.swap(1, 2);
    std::fs::write(&path, rows.join("\n")).unwrap();
    assert!(problem(&whole, &mapping).contains("another users.csv"));
}

/// A finished fold is not that of data that were edited since, also where no file has another length.
#[test]
fn edited_files_are_other_files() {
    let data = folder("edited");
    let mapping = Mapping::of(&data.0).unwrap();
    let whole = fold(&data.0, "whole", 1 << 30, WHOLE);
    for name in ["events.csv", "users.csv", "merchants.csv"] {
        let path = data.0.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        // The last digit or letter of the file is another.
        let at = text.rfind(|c: char| c.is_ascii_alphanumeric()).unwrap();
        let other = if &text[at..=at] == "1" { "0" } else { "1" };
        std::fs::write(&path, [&text[..at], other, &text[at + 1..]].concat()).unwrap();
        let job = FoldJob {
            data: data.0.clone(),
            mapping: mapping.clone(),
            out: whole.clone(),
            caps: WHOLE,
            memory: 1 << 30,
        };
        let again = job.run(&mut |_| {}).unwrap_err().to_string();
        assert!(again.contains("another file") && again.contains("remove it"), "{name}: {again}");
        let opened = Shelved::open(&whole, &data.0, &mapping, None).unwrap_err().to_string();
        assert!(opened.contains(&format!("another {name}")), "{name}: {opened}");
        std::fs::write(&path, &text).unwrap();
        assert!(Shelved::open(&whole, &data.0, &mapping, None).is_ok(), "{name}");
    }
}

/// What is barred is barred by its own key, before rare merchants are put together, in memory and in a folder alike.
#[test]
fn a_barred_merchant_counts_under_no_other_key() {
    let data = folder("barred");
    let mut mapping = Mapping::of(&data.0).unwrap();
    mapping.keys.users_min = 40;
    let read = |mapping: &Mapping| Dataset::read(&data.0, mapping, None, &mut |_, _| {}).unwrap();
    let open = read(&mapping);
    let key = |data: &Dataset, merchant: u32| data.names.merchants.list()[merchant as usize].to_string();
    // A merchant that stands for others, with payments of its own: barring it must not bar the others.
    let mut alone = mapping.clone();
    alone.keys.users_min = 1;
    let apart = read(&alone);
    let of = |data: &Dataset, wanted: &str| {
        data.folded.events.merchant.iter().filter(|m| key(data, **m) == wanted).count()
    };
    let stands = (0..open.names.merchants.len() as u32)
        .map(|merchant| key(&open, merchant))
        .find(|key| of(&apart, key) > 0 && of(&open, key) > of(&apart, key))
        .unwrap();
    mapping.block.merchants = vec![stands.clone()];
    let barred = read(&mapping);
    assert_eq!(barred.report.barred as usize, of(&apart, &stands));
    assert_eq!(barred.folded.events.len(), open.folded.events.len() - of(&apart, &stands));
    assert!(barred.unmatched().is_empty());
    let out = data.0.join("folded");
    let job = FoldJob {
        data: data.0.clone(),
        mapping: mapping.clone(),
        out: out.clone(),
        caps: WHOLE,
        memory: 200_000,
    };
    job.run(&mut |_| {}).unwrap();
    let mut shelf = Shelf::Folder(Box::new(Shelved::open(&out, &data.0, &mapping, None).unwrap()));
    assert!(shelf.parts() > 3);
    assert_eq!(shelf.payments() as usize, barred.folded.events.len());
    let users: Vec<u32> = (0..barred.users.count as u32).collect();
    let space = FeatureSpace::learn(&barred, &users);
    assert_eq!(FeatureSpace::learn_from(&mut shelf, &users).unwrap(), space);
    assert_eq!(space.rows_from(&mut shelf).unwrap(), space.rows(&barred));
    mapping.block.categories = vec!["nothing of the kind".into()];
    assert_eq!(read(&mapping).unmatched(), ["category \"nothing of the kind\""]);
}

/// A decision that was moved to an earlier day: payments that were known at the old one are not read.
#[test]
fn a_cut_off_that_moved_is_seen() {
    let data = folder("moved");
    let users = |cutoff: i64| {
        let rows: String = (0..300).map(|user| format!("{user},{},{cutoff}\n", user % 2)).collect();
        std::fs::write(data.0.join("users.csv"), format!("user,label,cutoff\n{rows}")).unwrap();
    };
    users(180 * 86_400);
    std::fs::remove_file(data.0.join("mapping.yaml")).unwrap();
    let mapping = Mapping::of(&data.0).unwrap();
    let out = fold(&data.0, "whole", 1 << 30, WHOLE);
    assert!(Shelved::open(&out, &data.0, &mapping, None).is_ok());
    users(90 * 86_400);
    let error = Shelved::open(&out, &data.0, &mapping, None).unwrap_err().to_string();
    assert!(error.contains("another users.csv"), "{error}");
}
