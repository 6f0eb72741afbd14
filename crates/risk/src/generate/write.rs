//! Generated data as a folder of CSV files.

use super::history::{DAYS, Generated};
use super::part;
use crate::dataset::DAY;
use crate::error::{Result, RiskError};
use crate::ingest::Part;
use std::fmt::Write as _;
use std::path::Path;
use tollgate_core::Seed;

/// Writes `events.csv`, `merchants.csv`, `users.csv` (with a split of 55, 10 and 35 %), `mapping.yaml`, and `oracle.csv` with the
/// best possible scores, which no model may read.
///
/// # Errors
/// A file cannot be written.
pub fn write(made: &Generated, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| RiskError::file(folder, e))?;
    let mut events = String::from("user,ts,merchant,amount_cents\n");
    for (user, time, merchant, amount) in &made.events {
        let _ = writeln!(events, "{user},{time},{merchant},{amount}");
    }
    let mut merchants = String::from("merchant,category,name\n");
    for (number, (name, category)) in made.merchants.iter().enumerate() {
        let _ = writeln!(merchants, "{number},{category},{name}");
    }
    let mut users = String::from("user,label,split\n");
    let mut oracle = String::from("user,bayes_p\n");
    for (user, (label, best)) in made.labels.iter().zip(&made.best).enumerate() {
        let part = match part(Seed(1), user) {
            Part::Train => "train",
            Part::Valid => "valid",
            Part::Test => "test",
        };
        let _ = writeln!(users, "{user},{},{part}", u8::from(*label));
        let _ = writeln!(oracle, "{user},{best}");
    }
    let mapping = format!(
        "events: {{ file: events.csv, user: user, time: ts, merchant: merchant, amount: amount_cents }}\n\
         merchants: {{ file: merchants.csv, merchant: merchant, name: name, category: category }}\n\
         users: {{ file: users.csv, user: user, label: label, split: split }}\n\
         window: {{ end: {}, days: {DAYS} }}\n",
        DAYS * DAY
    );
    let files = [
        ("events.csv", events),
        ("merchants.csv", merchants),
        ("users.csv", users),
        ("oracle.csv", oracle),
        ("mapping.yaml", mapping),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| RiskError::file(&path, e))?;
    }
    Ok(())
}
