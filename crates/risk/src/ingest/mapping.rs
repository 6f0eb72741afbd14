//! Which column means what: declared in `mapping.yaml`, or found by customary names.
//!
//! ```yaml
//! events:
//!   file: events.parquet
//!   user: account_id
//!   time: date              # seconds since any start, a date, or RFC 3339 text
//!   merchant: merchant_key
//!   amount: amount
//!   scale: 100              # minor units in one unit of the file
//!   description: [operation, k_symbol]
//! users: { file: loans.csv, user: account_id, label: label, cutoff: date }
//! ```

use super::source::{Source, find};
use crate::block::BlockList;
use crate::error::{Result, RiskError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The name of a declared mapping in a folder of data.
pub const MAPPING_FILE: &str = "mapping.yaml";

/// What a folder of data holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Payment behaviours, one a row; none where users come with numbers only.
    pub events: Option<EventsMap>,
    /// What is known of merchants.
    pub merchants: Option<MerchantsMap>,
    /// Who is judged.
    pub users: Option<UsersMap>,
    /// The window of histories.
    pub window: WindowMap,
    /// What stands for a merchant.
    pub keys: KeysMap,
    /// Merchants and categories that must not count.
    pub block: BlockList,
}

/// Columns of behaviours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsMap {
    /// The file, in the folder.
    pub file: PathBuf,
    /// Who paid.
    pub user: String,
    /// When: whole seconds, a date or a time.
    pub time: String,
    /// To whom.
    pub merchant: String,
    /// How much.
    pub amount: String,
    /// Minor units in one unit of the file (100 where amounts are in euros).
    pub scale: Option<u32>,
    /// Texts that describe the payment; words of all of them are read.
    pub description: Vec<String>,
    /// The category of the payment; several columns make one together.
    pub category: Vec<String>,
    /// Where this column has one of the values of `minus`, the amount leaves the account.
    pub direction: Option<String>,
    /// See `direction`.
    pub minus: Vec<String>,
    /// Further numbers (a balance after the payment).
    pub numbers: Vec<String>,
}

/// Columns of merchants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MerchantsMap {
    /// The file, in the folder.
    pub file: PathBuf,
    /// The key that events name.
    pub merchant: String,
    /// Its name.
    pub name: Option<String>,
    /// Its category.
    pub category: Option<String>,
}

/// Columns of users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsersMap {
    /// The file, in the folder.
    pub file: PathBuf,
    /// The key that events name.
    pub user: String,
    /// The outcome: 1 is a default.
    pub label: Option<String>,
    /// When the decision was taken: no behaviour at or after it is read.
    pub cutoff: Option<String>,
    /// `train`, `valid` or `test`.
    pub split: Option<String>,
    /// Per repeat, the fold in which a user is tested.
    pub folds: Vec<String>,
    /// Numbers known at the decision.
    pub numbers: Vec<String>,
}

/// The window, in the unit of the events' time or as dates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowMap {
    /// Where it ends for all; a column of users may say it for each.
    pub end: Option<i64>,
    /// How long it is, in days.
    pub days: Option<u32>,
}

/// The chain of keys: merchant, then name, then category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysMap {
    /// A merchant seen by fewer users is folded under its name, a name seen by fewer under its category.
    pub users_min: u32,
}

impl Default for KeysMap {
    fn default() -> Self {
        Self { users_min: 1 }
    }
}

/// Attributes that a score must not use unless somebody declares them.
const PROTECTED: &[&str] = &[
    "sex",
    "gender",
    "age",
    "birth_year",
    "birthdate",
    "birth_date",
    "date_of_birth",
    "dob",
    "nationality",
    "citizenship",
    "country_of_birth",
    "disability",
    "race",
    "ethnicity",
    "religion",
    "education",
    "marriage",
    "marital_status",
];
const USER: &[&str] = &["user", "user_id", "account_id", "customer", "customer_id", "client_id", "id"];
const TIME: &[&str] = &["ts", "time", "timestamp", "datetime", "date"];
const MERCHANT: &[&str] = &["merchant", "merchant_id", "merchant_key", "counterparty", "payee"];
const AMOUNT: &[&str] = &["amount_cents", "amount_minor", "amount"];
const CUTOFF: &[&str] = &["cutoff", "decision_date", "decision_time"];
/// Columns of users beside histories that are probably the cut-off; only a person can say so.
const DATES: &[&str] = &["date", "granted", "granted_at", "decided_at", "application_date", "approved_at"];
/// Columns of users that are only known once the outcome is.
const AFTER: &[&str] = &[
    "bayes_p",
    "outcome",
    "defaulted",
    "days_past_due",
    "dpd",
    "charged_off",
    "charge_off",
    "loss",
    "recovered",
    "status",
];
const LABEL: &[&str] = &["label", "default", "target"];

impl Mapping {
    /// The mapping of a folder: `mapping.yaml` where there is one, else by the customary names of files and columns.
    ///
    /// # Errors
    /// The file cannot be read, or nothing customary is there.
    pub fn of(folder: &Path) -> Result<Self> {
        let path = folder.join(MAPPING_FILE);
        if path.is_file() { Self::read(&path) } else { Self::customary(folder) }
    }

    /// Reads a declared mapping.
    ///
    /// # Errors
    /// It cannot be read, or names a field that there is not.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| RiskError::file(path, e))?;
        serde_saphyr::from_str(&text)
            .map_err(|e| RiskError::mapping(path.display().to_string(), e.to_string()))
    }

    /// Finds files and columns by the names that they customarily have.
    ///
    /// # Errors
    /// No table of events or users is found, or one lacks a column of a customary name.
    pub fn customary(folder: &Path) -> Result<Self> {
        let mut mapping = Self::default();
        let place = folder.display().to_string();
        if let Some(path) = find(folder, "events") {
            mapping.events = Some(events(&path)?);
        }
        if let Some(path) = find(folder, "merchants") {
            mapping.merchants = Some(merchants(&path)?);
        }
        if let Some(path) = find(folder, "users") {
            let map = users(&path, mapping.events.is_some())?;
            if mapping.events.is_some() && map.cutoff.is_none() {
                undecided(&path)?;
            }
            mapping.users = Some(map);
        } else if let Some(path) = find(folder, "loans") {
            mapping.users = Some(loans(&path)?);
        }
        if mapping.events.is_none() && mapping.users.is_none() {
            return Err(RiskError::mapping(
                place,
                format!(
                    "has neither events nor users (.parquet or .csv); put them there, or declare files and columns in {MAPPING_FILE}"
                ),
            ));
        }
        Ok(mapping)
    }
}

fn named(names: &[String], known: &[&str]) -> Option<String> {
    known.iter().find_map(|want| names.iter().find(|name| name.eq_ignore_ascii_case(want)).cloned())
}

fn needed(path: &Path, names: &[String], what: &str, known: &[&str]) -> Result<String> {
    named(names, known).ok_or_else(|| {
        RiskError::mapping(
            path.display().to_string(),
            format!(
                "has no column for the {what} (customary: {}); it has {}; declare it in {MAPPING_FILE}",
                known.join(", "),
                names.join(", ")
            ),
        )
    })
}

fn file_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

fn events(path: &Path) -> Result<EventsMap> {
    let names = Source::open(path)?.names();
    let amount = needed(path, &names, "amount", AMOUNT)?;
    let words = |known: &[&str]| known.iter().filter_map(|k| named(&names, &[k])).collect::<Vec<_>>();
    let direction = named(&names, &["type", "direction"]);
    Ok(EventsMap {
        file: file_name(path),
        user: needed(path, &names, "user", USER)?,
        time: needed(path, &names, "time", TIME)?,
        merchant: needed(path, &names, "merchant", MERCHANT)?,
        scale: (amount.eq_ignore_ascii_case("amount")).then_some(100),
        amount,
        description: words(&["description", "operation", "k_symbol"]),
        category: words(&["category", "type", "operation", "k_symbol"]),
        minus: match &direction {
            Some(_) => ["withdrawal", "withdrawal in cash", "debit", "out"].map(Into::into).to_vec(),
            None => Vec::new(),
        },
        direction,
        numbers: words(&["balance"]),
    })
}

fn merchants(path: &Path) -> Result<MerchantsMap> {
    let names = Source::open(path)?.names();
    Ok(MerchantsMap {
        file: file_name(path),
        merchant: needed(path, &names, "merchant", MERCHANT)?,
        name: named(&names, &["name", "merchant_name"]),
        category: named(&names, &["category", "mcc"]),
    })
}

fn users(path: &Path, with_events: bool) -> Result<UsersMap> {
    let names = Source::open(path)?.names();
    let user = needed(path, &names, "user", USER)?;
    let outcomes: Vec<&String> =
        names.iter().filter(|name| LABEL.iter().any(|known| name.eq_ignore_ascii_case(known))).collect();
    if let [first, second, ..] = outcomes.as_slice() {
        return Err(RiskError::mapping(
            path.display().to_string(),
            format!(
                "has two columns that may be the outcome, {first:?} and {second:?}; declare in {MAPPING_FILE} which it is, \
and as numbers only what was known at the decision"
            ),
        ));
    }
    let label = named(&names, LABEL);
    let split = named(&names, &["split"]);
    let cutoff = named(&names, CUTOFF);
    let folds: Vec<String> = names.iter().filter(|name| name.starts_with("fold_")).cloned().collect();
    let claimed = |name: &String| {
        folds.contains(name)
            || [Some(&user), label.as_ref(), split.as_ref(), cutoff.as_ref()].contains(&Some(name))
            || PROTECTED.iter().chain(CUTOFF).chain(DATES).chain(AFTER).any(|p| name.eq_ignore_ascii_case(p))
    };
    // Beside histories, numbers of users count only when somebody says that they were known at the decision.
    let numbers =
        if with_events { Vec::new() } else { names.iter().filter(|n| !claimed(n)).cloned().collect() };
    Ok(UsersMap { file: file_name(path), user, label, cutoff, split, folds, numbers })
}

/// Refuses users who seem to have cut-offs that none of the customary names says: without one, payments after the decision
/// are read.
fn undecided(path: &Path) -> Result<()> {
    match named(&Source::open(path)?.names(), DATES) {
        None => Ok(()),
        Some(date) => Err(RiskError::mapping(
            path.display().to_string(),
            format!(
                "has no cut-off (customary: {}) but a column {date:?}; declare in {MAPPING_FILE} whether it is the cut-off",
                CUTOFF.join(", ")
            ),
        )),
    }
}

/// Loans with the outcome and the date of each: the date is the cut-off.
fn loans(path: &Path) -> Result<UsersMap> {
    let mut map = users(path, true)?;
    map.cutoff = named(&Source::open(path)?.names(), &["cutoff", "date", "granted"]);
    Ok(map)
}
