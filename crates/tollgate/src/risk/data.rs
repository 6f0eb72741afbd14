//! Folders of data: their mapping, a bar while they are read, and what was refused.

use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use tollgate_risk::Dataset;
use tollgate_risk::block::BlockList;
use tollgate_risk::ingest::{Mapping, Report, Source};
use tollgate_risk::model::Model;
use tollgate_risk::monitor::{Fairness, groups};
use tollgate_risk::train::Attribute;

/// Which data, and how it is read.
#[derive(Args, Debug, Clone)]
pub(crate) struct DataArgs {
    /// The folder of data: events, merchants and users as .parquet or .csv
    #[arg(long, value_name = "DIR")]
    pub(super) data: PathBuf,
    /// Which column means what [default: mapping.yaml in the folder, else customary names]
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

impl DataArgs {
    /// The mapping.
    pub(super) fn mapping(&self) -> Result<Mapping> {
        Ok(match &self.mapping {
            Some(path) => Mapping::read(path)?,
            None => Mapping::of(&self.data)?,
        })
    }

    /// Reads the folder; `days` is the length of the window where it is not the mapping's.
    pub(super) fn read(&self, days: Option<u32>, quiet: bool) -> Result<Dataset> {
        self.barred(&BlockList::default(), days, quiet)
    }

    /// The same without the payments that a further list bars.
    pub(super) fn barred(&self, list: &BlockList, days: Option<u32>, quiet: bool) -> Result<Dataset> {
        let bar = bar("rows")?;
        let mut mapping = self.mapping()?;
        mapping.block.join(list);
        let found = Dataset::read(&self.data, &mapping, days, &mut |rows, all| {
            bar.set_length(all);
            bar.set_position(rows);
        })?;
        bar.finish_and_clear();
        if !quiet {
            show(&found.report)?;
            told(&found)?;
        }
        Ok(found)
    }
}

/// Prints what was taken for granted, and what was declared and never met.
fn told(data: &Dataset) -> Result<()> {
    if !data.users.number_names.is_empty() {
        say::line(&format!("numbers of users: {}", data.users.number_names.join(", ")))?;
    }
    let never = data.report.kept > 0 && data.report.leaving == 0;
    let declared = data.mapping.events.as_ref().filter(|e| e.direction.is_some() && !e.minus.is_empty());
    if let Some(events) = declared.filter(|_| never) {
        say::line(&format!(
            "no payment leaves the account: none has one of [{}] in {:?}; declare `minus` as the file has it",
            events.minus.join(", "),
            events.direction.as_deref().unwrap_or_default()
        ))?;
    }
    data.unmatched()
        .iter()
        .try_for_each(|what| say::line(&format!("nothing is barred by {what}: it occurs nowhere")))
}

/// Whether so little of the events was read that scores say nothing: none though there were some, or most refused.
pub(super) fn hardly_read(report: &Report) -> bool {
    report.rows > 0 && (report.unlisted == report.rows || report.refused_rows() * 2 > report.rows)
}

/// A share of users: above 0, up to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("give a share above 0 and up to 1, as 0.8".into()),
    }
}

/// The group of each user by a column of the table of users, which no model reads.
pub(super) fn attribute(folder: &Path, data: &Dataset, name: &str) -> Result<Attribute> {
    let map = data.mapping.users.as_ref().context("groups need a table of users")?;
    let wanted = [name.to_owned()];
    let columns = Source::open(&folder.join(&map.file))?.as_written(&wanted).all(&wanted)?;
    let column = columns.first().context("the table of users has no rows")?;
    Ok(Attribute { name: name.to_owned(), groups: groups(column, data.users.count) })
}

/// Prints how alike groups are treated.
pub(super) fn show_fair(fair: &Fairness) -> Result<()> {
    let share = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| format!("{x:.4}"));
    let rows: Vec<Vec<String>> = fair
        .groups
        .iter()
        .map(|g| {
            let rates = [Some(g.selected), g.opportunity, Some(g.expected), g.observed].map(share);
            [vec![g.name.clone(), g.users.to_string()], rates.to_vec()].concat()
        })
        .collect();
    say::table(&[&fair.attribute, "users", "approved", "of those who paid", "expected", "defaulted"], &rows)?;
    say::line(&format!(
        "{}: selection-rate ratio {:.3} (four-fifths rule: 0.8), opportunity gap {:.3}",
        fair.attribute, fair.ratio, fair.gap
    ))
}

/// Which model, on which data.
#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    /// The folder of the model
    #[arg(long, value_name = "DIR")]
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) data: DataArgs,
}

impl ModelArgs {
    /// Reads both; the data in the model's window.
    pub(super) fn open(&self, quiet: bool) -> Result<(Model, Dataset)> {
        let model = Model::open(&self.model)?;
        // Barred before merchants are put together: afterwards a key stands for others too.
        let found = self.data.barred(&model.card.block, u32::try_from(model.card.window_days).ok(), quiet)?;
        Ok((model, found))
    }
}

/// A bar that shows how far something is (on a terminal only).
pub(super) fn bar(what: &str) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(&format!(
        "{{bar:30}} {{human_pos}}/{{human_len}} {what}, {{eta}} left"
    ))?;
    Ok(ProgressBar::new(0).with_style(style))
}

/// Prints what was read and refused.
pub(super) fn show(report: &Report) -> Result<()> {
    let beside = [
        (report.before_window, "before the window"),
        (report.unlisted, "of users who are not listed"),
        (report.barred, "barred"),
        (report.refused_rows(), "refused"),
    ];
    let beside: Vec<String> =
        beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let tail = if beside.is_empty() { String::new() } else { format!(" ({})", beside.join(", ")) };
    say::line(&format!("{} events read, {} kept{tail}", report.rows, report.kept))?;
    for refused in &report.refused {
        say::line(&format!("  {} rows: {}", refused.rows, refused.reason.meaning()))?;
        for sample in &refused.samples {
            say::line(&format!("    row {}: {}", sample.row, sample.found))?;
        }
    }
    Ok(())
}
