//! `tollgate signals report`: an evaluation as one HTML file with pictures.

use super::eval::{Evaluation, Figure, Judged, shown};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;
use tollgate_console::page;
use tollgate_console::view::{Drawn, Plot, PlotSeries, ReportSection, ReportTable, ReportView, Scale};

/// The evaluation of the shipped heads.
const SHIPPED: &str = include_str!("../../../../docs/reports/signals.json");

/// Figures with bars that other commands measure: the encoder, the cache, the gateway under load.
const ELSEWHERE: &str = include_str!("../../../../docs/reports/signals-elsewhere.json");

/// A figure that another command measures.
#[derive(Deserialize)]
struct Elsewhere {
    part: String,
    #[serde(flatten)]
    figure: Figure,
    /// The command, and what was going on meanwhile.
    by: String,
}

/// Write an evaluation as a page with pictures: one HTML file that needs nothing else
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate signals report --out signals.html
                                            the shipped heads as they were judged
  tollgate signals report --evaluation eval.json --out signals.html
                                            what `signals eval --out eval.json` found")]
pub(crate) struct ReportArgs {
    /// What `signals eval --out` wrote [default: that of the shipped heads]
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Writes the page.
pub(super) fn run(args: &ReportArgs) -> Result<Ending> {
    let text = match &args.evaluation {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => SHIPPED.to_owned(),
    };
    let evaluation: Evaluation = serde_json::from_str(&text)
        .context("the evaluation does not read; `tollgate signals eval --data SETS --out FILE` writes one")?;
    let elsewhere = match args.evaluation {
        Some(_) => Vec::new(),
        None => serde_json::from_str(ELSEWHERE).context("the shipped figures do not read")?,
    };
    let view = view(&evaluation, &elsewhere);
    std::fs::write(&args.out, page::report(&view))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.json {
        say::json(&json!({"file": args.out, "lead": view.lead, "facts": view.facts}))?;
    } else {
        say::line(&format!("{}: {}", args.out.display(), view.lead))?;
    }
    Ok(Ending::Good)
}

fn view(evaluation: &Evaluation, elsewhere: &[Elsewhere]) -> ReportView {
    let figures = || {
        let judged = evaluation.heads.iter().flat_map(|head| &head.figures);
        judged.chain(elsewhere.iter().map(|row| &row.figure)).filter(|f| f.bar.is_some())
    };
    let (met, all) = (figures().filter(|figure| figure.met()).count(), figures().count());
    let bytes: usize = evaluation.heads.iter().map(|head| head.bytes).sum();
    ReportView {
        title: "Learned signals".into(),
        lead: format!(
            "{met} of {all} bars are met. Every figure is about texts that a head has not seen; intervals are the middle 95 % \
             of a bootstrap over texts."
        ),
        facts: vec![
            ("heads".into(), evaluation.heads.len().to_string()),
            ("bars met".into(), format!("{met} of {all}")),
            ("all heads, KB".into(), (bytes / 1024).to_string()),
        ],
        sections: std::iter::once(bars(evaluation, elsewhere))
            .chain(evaluation.heads.iter().map(section))
            .collect(),
    }
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> ReportTable {
    ReportTable { head: head.iter().map(|name| (*name).to_owned()).collect(), rows }
}

fn bars(evaluation: &Evaluation, elsewhere: &[Elsewhere]) -> ReportSection {
    let rows = evaluation.heads.iter().flat_map(|head| head.figures.iter().map(|f| f.row(&head.name)));
    let mut tables = vec![table(&["head", "figure", "value", "bar", "met"], rows.collect())];
    if !elsewhere.is_empty() {
        let row = |row: &Elsewhere| [row.figure.row(&row.part), vec![row.by.clone()]].concat();
        let rows = elsewhere.iter().map(row).collect();
        tables.push(table(&["part", "figure", "value", "bar", "met", "measured by"], rows));
    }
    ReportSection {
        title: "Figures beside their bars".into(),
        text: "A bar is what the signal must reach; a figure without one is there to be known.".into(),
        tables,
        ..ReportSection::default()
    }
}

fn section(head: &Judged) -> ReportSection {
    let mut tables = Vec::new();
    if !head.judged.is_empty() {
        let rows = head.judged.iter().map(|(name, q)| {
            vec![
                name.clone(),
                q.count.to_string(),
                shown(q.accuracy),
                shown(q.macro_f1),
                q.auroc.map_or_else(String::new, shown),
                format!("{:.3}", q.ece),
            ]
        });
        tables.push(table(&["judged on", "texts", "accuracy", "macro-F1", "AUROC", "ECE"], rows.collect()));
    }
    if let Some((_, quality)) = head.judged.first() {
        let names = ["true label"].into_iter().chain(head.labels.iter().map(String::as_str));
        let names: Vec<&str> = names.chain(["F1"]).collect();
        let rows = head.labels.iter().zip(&quality.confusion).zip(&quality.f1).map(|((label, row), f1)| {
            let counts = row.iter().map(ToString::to_string);
            std::iter::once(label.clone()).chain(counts).chain([format!("{f1:.3}")]).collect()
        });
        tables.push(table(&names, rows.collect()));
    }
    if !head.sources.is_empty() {
        let rows = head
            .sources
            .iter()
            .map(|(name, count, right)| vec![name.clone(), count.to_string(), format!("{right:.3}")]);
        tables.push(table(&["source", "texts", "right"], rows.collect()));
    }
    let plots = (!head.reliability.is_empty()).then(|| calibration(head));
    ReportSection {
        title: head.name.clone(),
        text: head.purpose.clone(),
        plots: plots.into_iter().collect(),
        tables,
    }
}

/// How sure beside how right: on the diagonal both are the same.
fn calibration(head: &Judged) -> Plot {
    let point = |bin: &tollgate_signals::learn::Reliability| {
        (bin.sure, bin.right, format!("{} texts, sure {:.2}, right {:.2}", bin.count, bin.sure, bin.right))
    };
    Plot {
        title: "Calibration".into(),
        x: "how sure the head is".into(),
        y: "how often it is right".into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        series: vec![
            PlotSeries {
                name: head.name.clone(),
                drawn: Drawn::Points,
                points: head.reliability.iter().map(point).collect(),
            },
            PlotSeries {
                name: "as sure as right".into(),
                drawn: Drawn::Line,
                points: vec![(0.0, 0.0, String::new()), (1.0, 1.0, String::new())],
            },
        ],
        ..Plot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_evaluation_reads_and_every_bar_is_a_row() {
        let evaluation: Evaluation = serde_json::from_str(SHIPPED).unwrap();
        assert!(evaluation.heads.iter().any(|head| head.name == "jailbreak"));
        let elsewhere: Vec<Elsewhere> = serde_json::from_str(ELSEWHERE).unwrap();
        assert!(elsewhere.iter().all(|row| row.figure.bar.is_some() && !row.by.is_empty()));
        let view = view(&evaluation, &elsewhere);
        assert_eq!(view.sections[0].tables[1].rows.len(), elsewhere.len());
        let rows = view.sections[0].tables[0].rows.len();
        assert_eq!(rows, evaluation.heads.iter().map(|head| head.figures.len()).sum::<usize>());
        assert!(page::report(&view).contains("<svg"));
    }
}
