//! Scoring a folder part by part is scoring its files, whether it is stopped or not.

use std::path::PathBuf;
use tollgate_risk::Dataset;
use tollgate_risk::fold::{Caps, FoldJob};
use tollgate_risk::generate::{Plan, generate, write};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::model::{Model, Score};
use tollgate_risk::net::NetConfig;
use tollgate_risk::shelf::Shelved;
use tollgate_risk::train::{Kind, TrainConfig, train};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn same(found: &[Score], wanted: &[Score]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.user, wanted.user);
        assert_eq!(found.probability.to_bits(), wanted.probability.to_bits(), "user {}", found.user);
    }
}

#[test]
fn parts_score_as_the_files_do_and_go_on_where_they_were_stopped() {
    let data = Folder(std::env::temp_dir().join(format!("tollgate-risk-score-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&data.0);
    write(&generate(&Plan { users: 300, events: 40.0, ..Plan::default() }), &data.0).unwrap();
    let mapping = Mapping::of(&data.0).unwrap();
    let mut read = Dataset::read(&data.0, &mapping, None, &mut |_, _| {}).unwrap();
    let network = Some(NetConfig { width: 8, head: 8, epochs: 1, ..NetConfig::default() });
    let mut model = train(&read, &TrainConfig { network, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    model.fitted.winner = Kind::Blend;
    model.fitted.blend = vec![Kind::Logistic, Kind::Trees, Kind::Network];
    // What a model bars is barred in parts too.
    model.card.block.categories = vec!["3".into()];
    read.block(&model.card.block);
    let wanted = model.score(&read, None).unwrap();

    let out = data.0.join("folded");
    let caps = Caps { merchants: u32::MAX, behaviours: u32::MAX };
    let job =
        FoldJob { data: data.0.clone(), mapping: mapping.clone(), out: out.clone(), caps, memory: 200_000 };
    job.run(&mut |_| {}).unwrap();
    let open = || Shelved::open(&out, &data.0, &mapping, None).unwrap();
    let mut heard = Vec::new();
    let found = model.score_parts(&mut open(), None, None, &mut |done, all| heard.push((done, all))).unwrap();
    same(&found, &wanted);
    let parts = open().parts();
    assert!(parts > 3 && heard == (1..=parts).map(|part| (part, parts)).collect::<Vec<_>>(), "{heard:?}");

    // Stopped anywhere, with a part half written: what is whole is taken, the rest is scored.
    let kept = data.0.join("scores.progress");
    let scored = |model: &Model, kind| model.score_parts(&mut open(), kind, Some(&kept), &mut |_, _| {});
    same(&scored(&model, None).unwrap(), &wanted);
    let whole = std::fs::read(&kept).unwrap();
    for cut in [0, 5, 12, 19, 20, whole.len() / 2, whole.len() - 1, whole.len()] {
        std::fs::write(&kept, &whole[..cut]).unwrap();
        same(&scored(&model, None).unwrap(), &wanted);
        assert!(std::fs::read(&kept).unwrap() == whole, "cut at {cut}");
    }
    // What stands in the file is used: a score that was changed under a true checksum comes back.
    let mut changed = whole.clone();
    let users = u32::from_le_bytes(*changed[16..].first_chunk().unwrap()) as usize;
    changed[20..28].copy_from_slice(&0.125f64.to_le_bytes());
    let crc = crc32c::crc32c(&changed[12..20 + 8 * users]);
    changed[20 + 8 * users..24 + 8 * users].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&kept, &changed).unwrap();
    assert_eq!(scored(&model, None).unwrap()[0].probability, 0.125);
    // Of another kind, or another model: refused.
    let error = scored(&model, Some(Kind::Trees)).unwrap_err().to_string();
    assert!(error.contains("another model"), "{error}");
    let mut other = model.clone();
    other.fitted.networks[0].weights[0] += 0.5;
    assert!(scored(&other, None).is_err());
}

/// Users dealt out to folders of their own, as a cluster deals them out, have the scores that they have together.
#[test]
fn slices_of_users_score_as_all_of_them_do() {
    let data = Folder(std::env::temp_dir().join(format!("tollgate-risk-slices-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&data.0);
    write(&generate(&Plan { users: 200, events: 40.0, ..Plan::default() }), &data.0).unwrap();
    let read = |folder: &std::path::Path| {
        Dataset::read(folder, &Mapping::of(folder).unwrap(), None, &mut |_, _| {}).unwrap()
    };
    let all = read(&data.0);
    let model = train(&all, &TrainConfig { network: None, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    let mut found = Vec::new();
    for slice in 0..3u32 {
        let folder = data.0.join(format!("slice-{slice}"));
        std::fs::create_dir(&folder).unwrap();
        for name in ["merchants.csv", "mapping.yaml"] {
            std::fs::copy(data.0.join(name), folder.join(name)).unwrap();
        }
        for name in ["events.csv", "users.csv"] {
            let text = std::fs::read_to_string(data.0.join(name)).unwrap();
            let own = |line: &&str| {
                line.split(',')
                    .next()
                    .and_then(|user| user.parse().ok())
                    .is_none_or(|user: u32| user % 3 == slice)
            };
            std::fs::write(folder.join(name), text.lines().filter(own).collect::<Vec<_>>().join("\n"))
                .unwrap();
        }
        found.extend(model.score(&read(&folder), None).unwrap());
    }
    found.sort_by_key(|score| score.user.parse::<u32>().unwrap());
    same(&found, &model.score(&all, None).unwrap());
}
