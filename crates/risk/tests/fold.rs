//! Files to folded histories: what is refused, what is resumed, and that memory does not change the result.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tollgate_risk::Dataset;
use tollgate_risk::fold::{Caps, FoldJob, FoldProgress, Folded, REST, open_card, read_block};
use tollgate_risk::ingest::{Mapping, Reason};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-risk-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read(folder: &Path) -> Dataset {
    Dataset::read(folder, &Mapping::of(folder).unwrap(), None, &mut |_, _| {}).unwrap()
}

#[test]
fn bad_rows_are_refused_with_row_and_reason() {
    let folder = Folder::new("bad");
    folder.write("users.csv", "user,label,cutoff\nana,1,2024-03-01\nbo,0,2024-03-01\n");
    folder.write(
        "events.csv",
        "user,date,merchant,amount\n\
         ana,2024-02-28,shop,1.50\n\
         ana,soon,shop,1\n\
         bo,2024-02-28,,2\n\
         bo,2024-02-28,shop,much\n\
         bo,2024-02-28,shop\n\
         ,2024-02-28,shop,3\n\
         eve,2024-02-28,shop,3\n\
         bo,2024-02-27,shop,4\n",
    );
    let data = read(&folder.0);
    assert_eq!((data.report.rows, data.report.kept, data.report.unlisted), (8, 2, 1));
    let found: Vec<_> = data.report.refused.iter().map(|r| (r.reason, r.rows, r.samples[0].row)).collect();
    let wanted = [
        (Reason::NoTime, 2),
        (Reason::NoMerchant, 3),
        (Reason::NoAmount, 4),
        (Reason::Torn, 5),
        (Reason::NoUser, 6),
    ];
    assert_eq!(found, wanted.map(|(reason, row)| (reason, 1, row)));
    assert!(data.report.refused[0].samples[0].found.contains("soon"));
    assert_eq!(data.folded.events.amount, [150, 400]);
}

/// A payment after the decision is planted: it must be seen, refused, and change nothing.
#[test]
fn a_planted_leak_is_refused() {
    let folder = Folder::new("leak");
    let clean = "user,ts,merchant,amount_cents\n1,1000,9,5\n2,1500,9,6\n1,1999,8,7\n";
    folder.write("users.csv", "user,label,cutoff\n1,0,2000\n2,1,3000\n");
    folder.write("events.csv", clean);
    let before = read(&folder.0);
    folder.write("events.csv", &format!("{clean}1,2000,9,999999\n1,2600,9,999999\n"));
    let after = read(&folder.0);
    assert_eq!(before.folded, after.folded);
    let refused = &after.report.refused[0];
    assert_eq!((refused.reason, refused.rows, refused.samples[0].row), (Reason::AfterCutoff, 2, 4));
    assert!(refused.samples[0].found.contains("999999"));
}

fn refusal(folder: &Path) -> String {
    let found = Mapping::of(folder).and_then(|mapping| Dataset::read(folder, &mapping, None, &mut |_, _| {}));
    found.unwrap_err().to_string()
}

/// A cut-off that cannot be read must not become none, for then the payment after it is read.
#[test]
fn an_unreadable_cutoff_is_refused_with_its_row() {
    let folder = Folder::new("cutoff");
    folder.write("events.csv", "user,ts,merchant,amount_cents\n1,1000,9,5\n2,4000,9,6\n");
    for written in ["01/03/2024", "2024/03/01", "1.3.2024", "soon", ""] {
        folder.write("users.csv", &format!("user,label,cutoff\n1,0,2024-03-01\n2,1,{written}\n"));
        let refused = refusal(&folder.0);
        assert!(refused.contains("row 2") && refused.contains(&format!("{written:?}")), "{refused}");
    }
    folder.write("users.csv", "user,label,cutoff\n1,0,\n2,1,\n");
    assert!(refusal(&folder.0).contains("row 1"));
    folder.write("users.csv", "user,label,date\n1,0,2024-03-01\n");
    assert!(refusal(&folder.0).contains("declare in mapping.yaml whether it is the cut-off"));
}

/// One bad row costs one row, and digits are seconds whatever stands beside them.
#[test]
fn a_bad_time_refuses_its_row_and_no_other() {
    let folder = Folder::new("times");
    let good = "user,ts,merchant,amount_cents\n1,1700000000,9,5\n1,10101010,9,6\n2,1700000100,8,7\n";
    folder.write("users.csv", "user,label\n1,0\n2,1\n");
    folder.write("events.csv", good);
    let clean = read(&folder.0);
    for bad in ["soon", "007", "1.7e", "1700000000000000000", "9999-12-31", "99999999999999999999"] {
        folder.write("events.csv", &format!("{good}1,{bad},9,8\n"));
        let data = read(&folder.0);
        assert_eq!(data.folded, clean.folded, "{bad}");
        assert_eq!((data.length, &data.ends), (clean.length, &clean.ends), "{bad}");
        let refused = &data.report.refused;
        assert_eq!((refused.len(), refused[0].reason, refused[0].rows), (1, Reason::NoTime, 1), "{bad}");
    }
}

/// Identifiers are what stands in the file: not the nearest real, and not another beside other neighbours.
#[test]
fn long_and_odd_keys_stay_apart() {
    let folder = Folder::new("keys");
    let keys =
        ["1234567890123456789", "1234567890123456700", "99999999999999999999", "12e4", "120000", "1.50"];
    let mut users = String::from("user,label\n");
    let mut events = String::from("user,ts,merchant,amount_cents\n");
    for key in keys {
        let _ = writeln!(users, "{key},0");
        let _ = writeln!(events, "{key},1000,{key},5");
    }
    for (beside, count) in [("", 6), ("anna,0\n", 7)] {
        folder.write("users.csv", &format!("{users}{beside}"));
        folder.write("events.csv", &events);
        let data = read(&folder.0);
        let shown: Vec<String> = data.names.users.list().iter().map(ToString::to_string).collect();
        assert_eq!(shown[..6], keys);
        assert_eq!((data.users.count, data.names.merchants.len()), (count, 6));
        assert_eq!(data.report.kept, 6);
    }
}

#[test]
fn a_second_outcome_is_no_input() {
    let folder = Folder::new("outcome");
    folder.write("users.csv", "user,label,default,income\n1,0,0,5\n2,1,1,6\n");
    let refused = refusal(&folder.0);
    assert!(refused.contains("\"label\" and \"default\""), "{refused}");
    folder.write(
        "users.csv",
        "user,label,income,bayes_p,date_of_birth,decision_date,status\n1,0,5,0.1,1980,1,A\n",
    );
    assert_eq!(read(&folder.0).users.number_names, ["income"]);
}

#[test]
fn a_fold_is_a_small_whole_number() {
    let folder = Folder::new("folds");
    for bad in ["", "-1", "1.5", "4000000000", "last"] {
        folder.write("users.csv", &format!("user,label,fold_r0,income\n1,0,0,5\n2,1,{bad},6\n"));
        let refused = refusal(&folder.0);
        assert!(refused.contains("row 2") && refused.contains(&format!("the fold {bad:?}")), "{refused}");
    }
    folder.write("users.csv", "user,label,fold_r0,income\n1,0,7,5\n2,,,6\n");
    assert_eq!(read(&folder.0).users.folds[0][0], 7);
}

fn many(rows: u32) -> String {
    let mut text = String::from("user,ts,merchant,amount_cents\n");
    let mut state = 7u32;
    for row in 0..rows {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = writeln!(text, "{},{},{},{}", state >> 8 & 63, row, state >> 14 & 31, state >> 20);
    }
    text
}

fn job(folder: &Folder, out: &str, memory: u64) -> FoldJob {
    FoldJob {
        data: folder.0.clone(),
        mapping: Mapping::of(&folder.0).unwrap(),
        out: folder.0.join(out),
        caps: Caps { merchants: 12, behaviours: 4 },
        memory,
    }
}

/// A merchant with its times and how many behaviours were pooled.
type Group = (u32, Vec<i64>, u32);

/// Each user's groups, by user.
fn histories(folder: &Path) -> Vec<(u32, Vec<Group>)> {
    let card = open_card(folder).unwrap();
    assert!(card.done());
    let mut all = Vec::new();
    for block in &card.blocks {
        let folded: Folded = read_block(folder, block).unwrap();
        for place in 0..folded.users.len() {
            let groups = folded.groups_of(place).map(|g| {
                (
                    folded.merchants[g],
                    folded.events.time[folded.behaviours_of(g)].to_vec(),
                    folded.older[g].count,
                )
            });
            all.push((folded.users[place], groups.collect()));
        }
    }
    all.sort();
    all
}

#[test]
fn memory_and_interruption_do_not_change_what_is_folded() {
    let folder = Folder::new("core");
    folder.write("events.csv", &many(30_000));
    let whole = job(&folder, "whole", 1 << 30).run(&mut |_| {}).unwrap();
    assert_eq!(whole.parts, 1);
    let small = job(&folder, "small", 200_000).run(&mut |_| {}).unwrap();
    assert!(small.parts > 5, "{}", small.parts);
    let wanted = histories(&folder.0.join("whole"));
    assert_eq!(histories(&folder.0.join("small")), wanted);
    let listed: u64 = small.blocks.iter().map(|b| b.listed + b.pooled).sum();
    assert_eq!(listed, 30_000);
    assert!(wanted.iter().any(|(_, groups)| groups.iter().any(|g| g.0 == REST)));

    // Stopped after the third part: the blocks are there, the last one half written.
    let stopped = folder.0.join("stopped");
    let halt = std::panic::catch_unwind(|| {
        job(&folder, "stopped", 200_000)
            .run(&mut |p| assert!(!matches!(p, FoldProgress::Folded(3, _)), "stop"))
    });
    assert!(halt.is_err());
    let card = open_card(&stopped).unwrap();
    assert!(!card.done() && card.blocks.len() == 3);
    let mut blocks = std::fs::read(stopped.join("blocks.bin")).unwrap();
    blocks.extend_from_slice(b"half a block");
    std::fs::write(stopped.join("blocks.bin"), blocks).unwrap();
    let mut read_again = false;
    job(&folder, "stopped", 200_000).run(&mut |p| read_again |= matches!(p, FoldProgress::Read(..))).unwrap();
    assert!(!read_again, "what was set aside is not read again");
    assert_eq!(histories(&stopped), wanted);

    let mut other = job(&folder, "small", 200_000);
    other.caps.merchants = 3;
    assert!(other.run(&mut |_| {}).unwrap_err().to_string().contains("another file, mapping or caps"));
}

/// Files written by another program: four columns, delta and dictionary encodings, Zstandard.
#[test]
fn parquet_of_another_writer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/payments/synthpay");
    if !folder.is_dir() {
        // Past the capture of a test that passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the payments data is not here");
        return;
    }
    let data = read(&folder);
    assert_eq!((data.report.kept, data.report.refused_rows()), (3_609_011, 0));
    assert_eq!((data.users.count, data.names.merchants.len()), (12_000, 6_000));
    assert_eq!(data.length, 180 * 86_400);
    assert_eq!(data.folded.events.amount.iter().sum::<i64>() / 3_609_011, 5_104);
}
