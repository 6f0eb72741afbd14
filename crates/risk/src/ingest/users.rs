//! Who is judged: outcomes, cut-offs, splits and numbers known at the decision.

use super::events::Names;
use super::keys::NO_KEY;
use super::mapping::UsersMap;
use super::source::Source;
use super::time::{NO_TIME, seconds};
use crate::error::{Result, RiskError};
use crate::table::Column;
use std::path::Path;

/// Highest number of a fold.
const FOLD_MAX: f64 = 999.0;

/// The part of a declared split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Models learn from these.
    Train,
    /// Choices (when to stop, which model, calibration) are made on these.
    Valid,
    /// Nothing is decided on these.
    Test,
}

/// The table of users; row `i` is the user with number `i`.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// How many.
    pub count: usize,
    /// Whether each defaulted; `None` where there is no outcome.
    pub labels: Vec<Option<bool>>,
    /// When each decision was taken; empty where it is the same for all.
    pub cutoffs: Vec<Option<i64>>,
    /// The declared split; empty where there is none.
    pub parts: Vec<Part>,
    /// Per repeat the fold in which each user is tested.
    pub folds: Vec<Vec<u32>>,
    /// Numbers known at the decision, a column each; NaN where there is none.
    pub numbers: Vec<Vec<f32>>,
    /// The names of those columns.
    pub number_names: Vec<String>,
}

impl Users {
    /// Some of them, with what is known at the decision and no outcomes.
    #[must_use]
    pub(crate) fn only(&self, users: &[u32]) -> Self {
        let of = |column: &Vec<f32>| users.iter().map(|user| column[*user as usize]).collect();
        Self {
            count: users.len(),
            labels: vec![None; users.len()],
            numbers: self.numbers.iter().map(of).collect(),
            number_names: self.number_names.clone(),
            ..Self::default()
        }
    }

    /// Reads the table of a folder; its users get the first numbers in `names`.
    ///
    /// # Errors
    /// The file is broken, a user is there twice or has no key, a label is neither 0 nor 1, a cut-off or fold cannot be
    /// read, a split is unknown.
    pub fn read(folder: &Path, map: &UsersMap, names: &mut Names) -> Result<Self> {
        let path = folder.join(&map.file);
        let mut source = Source::open(&path)?.as_written(std::iter::once(&map.user).chain(&map.split));
        let single = [Some(&map.user), map.label.as_ref(), map.cutoff.as_ref(), map.split.as_ref()];
        let wanted: Vec<String> =
            single.into_iter().flatten().chain(&map.folds).chain(&map.numbers).cloned().collect();
        let columns = source.all(&wanted)?;
        let place = path.display().to_string();
        let mut next = columns.iter();
        let Some(keys) = next.next() else {
            return Err(RiskError::format(place, "has no rows"));
        };
        let numbered = names.users.column(keys);
        if let Some(row) = numbered.iter().zip(0u32..).position(|(number, row)| *number != row) {
            let why =
                if numbered[row] == NO_KEY { "has no user" } else { "names a user for the second time" };
            return Err(RiskError::format(format!("{place}, row {}", row + 1), why));
        }
        let mut take = |named: &Option<String>| named.as_ref().and_then(|_| next.next());
        let (label, cutoff, split) = (take(&map.label), take(&map.cutoff), take(&map.split));
        let folds: Vec<&Column> = next.by_ref().take(map.folds.len()).collect();
        let count = numbered.len();
        Ok(Self {
            count,
            labels: label.map_or_else(|| Ok(vec![None; count]), |c| labels(c, count, &place))?,
            cutoffs: cutoff.map_or_else(|| Ok(Vec::new()), |c| cutoffs(c, &place))?,
            parts: split.map_or_else(|| Ok(Vec::new()), |c| parts(c, count, &place))?,
            folds: folds
                .into_iter()
                .map(|column| fold(column, label, count, &place))
                .collect::<Result<Vec<_>>>()?,
            numbers: next.map(|c| (0..count).map(|row| known(c.number(row))).collect()).collect(),
            number_names: map.numbers.clone(),
        })
    }
}

fn labels(column: &Column, count: usize, place: &str) -> Result<Vec<Option<bool>>> {
    (0..count)
        .map(|row| match column.number(row) {
            _ if column.is_absent(row) => Ok(None),
            0.0 => Ok(Some(false)),
            1.0 => Ok(Some(true)),
            _ => Err(RiskError::format(
                format!("{place}, row {}", row + 1),
                format!(
                    "has the label {:?}; write 1 for a default, 0 for none, nothing where it is not known",
                    column.shown(row)
                ),
            )),
        })
        .collect()
}

/// A cut-off that cannot be read must not become none: what came after the decision would be read.
fn cutoffs(column: &Column, place: &str) -> Result<Vec<Option<i64>>> {
    let read = |(row, time): (usize, &i64)| match *time {
        NO_TIME => Err(RiskError::format(
            format!("{place}, row {}", row + 1),
            format!(
                "has the cut-off {:?}, which is no time; write whole seconds, a date like 2024-03-01, or RFC 3339",
                column.shown(row)
            ),
        )),
        time => Ok(Some(time)),
    };
    seconds(column).iter().enumerate().map(read).collect()
}

/// A number as models read it; what they cannot hold is not known.
fn known(number: f64) -> f32 {
    let number = number as f32;
    if number.is_finite() { number } else { f32::NAN }
}

/// The fold of each user. One that is not there is no matter only where there is no outcome to judge by.
fn fold(column: &Column, label: Option<&Column>, count: usize, place: &str) -> Result<Vec<u32>> {
    (0..count)
        .map(|row| match column.number(row) {
            fold if fold.fract() == 0.0 && (0.0..=FOLD_MAX).contains(&fold) => Ok(fold as u32),
            _ if column.is_absent(row) && label.is_none_or(|label| label.is_absent(row)) => Ok(0),
            _ => Err(RiskError::format(
                format!("{place}, row {}", row + 1),
                format!("has the fold {:?}; write a whole number from 0 to {FOLD_MAX}", column.shown(row)),
            )),
        })
        .collect()
}

fn parts(column: &Column, count: usize, place: &str) -> Result<Vec<Part>> {
    (0..count)
        .map(|row| match column.shown(row).as_str() {
            "train" => Ok(Part::Train),
            "valid" | "validation" => Ok(Part::Valid),
            "test" => Ok(Part::Test),
            other => Err(RiskError::format(
                format!("{place}, row {}", row + 1),
                format!("is in the part {other:?}; there are train, valid and test"),
            )),
        })
        .collect()
}
