//! `tollgate risk score` and `tollgate risk eval`: a model on a folder of data.

use super::data::{ModelArgs, bar, hardly_read, show};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::evaluate::{Metrics, reliability};
use tollgate_risk::ingest::{Part, Report};
use tollgate_risk::model::{Model, Score};
use tollgate_risk::monitor::Judged;
use tollgate_risk::shelf::Shelved;
use tollgate_risk::train::Kind;

/// Users without a score who are named.
const LACKING_SHOWN: usize = 5;

/// Which model, on which data, and which kind of it is asked.
#[derive(Args, Debug)]
struct AskArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The kind of model that is asked [default: the one that won]
    #[arg(long, value_enum)]
    kind: Option<Ask>,
}

/// Kinds of models, as they are typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ask {
    Logistic,
    Trees,
    Scorecard,
    Network,
    Blend,
}

impl AskArgs {
    fn score(&self, quiet: bool) -> Result<(Model, Dataset, Vec<Score>)> {
        let (model, found) = self.model.open(quiet)?;
        let scores = model.score(&found, self.asked(&model)?)?;
        Ok((model, found, scores))
    }

    /// The same from a folder of folded histories, part by part; how far it is lies in a file beside `out`.
    fn score_parts(&self, folded: &Path, out: &Path, quiet: bool) -> Result<(Report, Vec<Score>)> {
        let model = Model::open(&self.model.model)?;
        let (data, mapping) = (&self.model.data.data, self.model.data.mapping()?);
        let days = u32::try_from(model.card.window_days).ok();
        let mut shelved = Shelved::open(folded, data, &mapping, days)?;
        let report = shelved.about().report.clone();
        if !quiet {
            show(&report)?;
        }
        let bar = bar("parts")?;
        let kept = out.with_added_extension("progress");
        let kind = self.asked(&model)?;
        let scores = model.score_parts(&mut shelved, kind, Some(&kept), &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok((report, scores))
    }

    /// The kind that is asked, where it is not the winner.
    fn asked(&self, model: &Model) -> Result<Option<Kind>> {
        let kind = self.kind.map(|ask| match ask {
            Ask::Logistic => Kind::Logistic,
            Ask::Trees => Kind::Trees,
            Ask::Scorecard => Kind::Scorecard,
            Ask::Network => Kind::Network,
            Ask::Blend => Kind::Blend,
        });
        if let Some(kind) = kind.filter(|kind| !model.fitted.kinds().contains(kind)) {
            bail!("{} has no {}", self.model.model.display(), kind.name());
        }
        Ok(kind)
    }
}

/// Score every user of a folder of data
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk score --model model --data payments --out scores.csv

The file has a row per user: the probability of a default, and points (600 at odds of 50 to 1, 20 more double the odds).
A user who lacks a number that every user in training had has no score: both fields are empty.
The command ends with 1 where all events are of users who are not listed, or most are refused.

With --folded, histories are read part by part from a folder of `risk fold --whole`, and the scores are the same. Started again,
the command goes on where it was stopped.")]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    model: AskArgs,
    /// Where the scores go, as CSV
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A folder of histories that `risk fold --whole` made of the data: they are read part by part
    #[arg(long, value_name = "DIR")]
    folded: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Scores.
pub(super) fn score(args: &ScoreArgs) -> Result<Ending> {
    let (report, scores) = match &args.folded {
        Some(folded) => args.model.score_parts(folded, &args.out, args.json)?,
        None => args.model.score(args.json).map(|(_, found, scores)| (found.report, scores))?,
    };
    let mut text = String::from("user,probability,points\n");
    let scored: Vec<&Score> = scores.iter().filter(|s| s.lacks.is_none()).collect();
    for s in &scores {
        match s.lacks {
            None => writeln!(text, "{},{},{:.1}", quoted(&s.user), s.probability, s.points)?,
            Some(_) => writeln!(text, "{},,", quoted(&s.user))?,
        }
    }
    std::fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.folded.is_some() {
        // Everything is in the file now.
        let kept = args.out.with_added_extension("progress");
        std::fs::remove_file(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
    }
    let mean = scored.iter().map(|s| s.probability).sum::<f64>() / scored.len().max(1) as f64;
    let lacking: Vec<&Score> = scores.iter().filter(|s| s.lacks.is_some()).collect();
    if args.json {
        say::json(&serde_json::json!({
            "users": scored.len(), "lacking": lacking.len(), "mean_probability": mean, "read": report,
        }))?;
    } else {
        say::line(&format!(
            "{} users scored, mean probability {mean:.4}, in {}",
            scored.len(),
            args.out.display()
        ))?;
        if !lacking.is_empty() {
            let first: Vec<String> = lacking.iter().take(LACKING_SHOWN).map(|s| lacked(s)).collect();
            say::line(&format!(
                "{} users have no score, for they lack a number that all in training had: {}",
                lacking.len(),
                first.join(", ")
            ))?;
        }
    }
    Ok(Ending::of(!hardly_read(&report)))
}

/// A user who is not scored, and why.
fn lacked(score: &Score) -> String {
    format!("{} ({})", score.user, score.lacks.as_deref().unwrap_or_default())
}

/// A field that holds a comma or a quote is quoted.
pub(super) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Say how good a model is on data with outcomes
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk eval --model model --data payments --part test

Figures rest on users from whom the model has not learned. Where there are none, or another part
is asked for, figures are of training users, and a line before them says so.")]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    model: AskArgs,
    /// Users of this part of the declared split only
    #[arg(long, value_enum)]
    part: Option<Which>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Parts of a declared split, as they are typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Train,
    Valid,
    Test,
}

/// Evaluates.
pub(super) fn eval(args: &EvalArgs) -> Result<Ending> {
    let (model, found, scores) = args.model.score(args.json)?;
    let part = args.part.map(|which| match which {
        Which::Train => Part::Train,
        Which::Valid => Part::Valid,
        Which::Test => Part::Test,
    });
    if part.is_some() && found.users.parts.is_empty() {
        bail!("{} declares no split; leave --part out", args.model.model.data.data.display());
    }
    let mut judged = Judged::of(&[&model], &found);
    if let Some(part) = part {
        let inside = |user: usize| found.users.parts.get(user) == Some(&part);
        // Who asks for a part gets all of it, and is told if the model has learned from it.
        if part == Part::Test {
            judged.users.iter_mut().enumerate().for_each(|(user, judged)| *judged &= inside(user));
        } else {
            judged.users = (0..found.users.count).map(inside).collect();
            judged.training = true;
        }
    }
    let probabilities: Vec<f64> = scores.iter().map(|s| s.probability).collect();
    let (values, labels) = judged.pairs(&found, &probabilities);
    judged.count = labels.len();
    let Some(metrics) = Metrics::of(&values, &labels, Seed(1)) else {
        bail!("there are no users of both outcomes to judge the model on");
    };
    let curve = reliability(&values, &labels, 10);
    if args.json {
        say::json(&serde_json::json!({"metrics": metrics, "reliability": curve, "judged": judged}))?;
        return Ok(Ending::Good);
    }
    judged.warning().map_or(Ok(()), |warning| say::line(&warning))?;
    if judged.left_out > 0 {
        say::line(&format!("{} users are left out, for the model has learned from them", judged.left_out))?;
    }
    let m = &metrics;
    let (low, high) = m.auc_interval;
    say::line(&format!(
        "{} users, {} defaults; AUC {:.4} ({low:.4} to {high:.4})",
        m.users, m.defaults, m.auc
    ))?;
    say::line(&format!(
        "KS {:.4}, PR {:.4}, lift of the first tenth {:.2}, Brier {:.4}, ECE {:.4}",
        m.ks, m.pr_auc, m.lift, m.brier, m.ece
    ))?;
    let rows: Vec<Vec<String>> = curve
        .iter()
        .map(|(p, share, n)| vec![n.to_string(), format!("{p:.4}"), format!("{share:.4}")])
        .collect();
    say::table(&["users", "mean probability", "defaulted"], &rows)?;
    Ok(Ending::Good)
}
