//! `tollgate risk monitor`: drift, quality by period, fairness, a challenger, and what barred payments are worth.

use super::data::{ModelArgs, attribute, share, show_fair};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_risk::Dataset;
use tollgate_risk::block::BlockList;
use tollgate_risk::model::{Model, Score};
use tollgate_risk::monitor::{Challenge, Fairness, Judged, Level, Watched, challenge, fairness, monitor};
use tollgate_risk::train::Attribute;

/// Inputs that are shown.
const SHOWN: usize = 8;

/// Watch a model: drift, quality by period, fairness, a challenger
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk monitor --model model --data payments
  tollgate risk monitor --model model --data payments --attribute sex --attribute age --approve 0.7
  tollgate risk monitor --model model --data payments --challenger model-2
  tollgate risk monitor --model model --data payments --block-category casino

PSI above 0.10 is to be looked at, above 0.25 to be acted on. The command ends with 1 where something is to be acted on.
An attribute is a column of the table of users; it is compared and never read by the model.
Figures rest on users from whom the models compared have not learned; where there are none,
figures say so and a challenger is not compared.")]
pub(crate) struct MonitorArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Length of a period of decisions, in days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// Compare groups of people by a column of the table of users
    #[arg(long, value_name = "COLUMN")]
    attribute: Vec<String>,
    /// Share of users who are approved, where groups are compared
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = share)]
    approve: f64,
    /// The folder of another model, to be compared on the same users
    #[arg(long, value_name = "DIR")]
    challenger: Option<PathBuf>,
    /// Compare with scores that do not count this merchant
    #[arg(long, value_name = "KEY")]
    block_merchant: Vec<String>,
    /// Compare with scores that do not count this category
    #[arg(long, value_name = "NAME")]
    block_category: Vec<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Watches.
pub(super) fn run(args: &MonitorArgs) -> Result<Ending> {
    let (model, data) = args.model.open(args.json)?;
    let features = model.features(&data)?;
    let scores = probabilities(&model.score(&data, None)?);
    let watched = monitor(&model, &data, &features, &scores, args.days);
    let fair = args
        .attribute
        .iter()
        .filter_map(|attribute| compared(args, &data, (&watched.judged, &scores), attribute).transpose())
        .collect::<Result<Vec<_>>>()?;
    let challenged = match &args.challenger {
        Some(path) => {
            let (other, found) = rescored(args, path)?;
            challenge(&data, &Judged::of(&[&model, &other], &data), &scores, &found)
        }
        None => None,
    };
    let list = BlockList { merchants: args.block_merchant.clone(), categories: args.block_category.clone() };
    let blocked = (!list.is_empty()).then(|| without(args, &model, &data, &scores, &list)).transpose()?;
    let blocked = blocked.as_ref().map(|(out, found)| (*out, found.as_ref()));
    if args.json {
        say::json(&json!({
            "watched": watched, "fairness": fair, "challenge": challenged,
            "blocked": blocked.map(|(out, found)| json!({"payments": out, "challenge": found})),
        }))?;
    } else {
        show(&watched, model.card.reference.is_some())?;
        fair.iter().try_for_each(show_fair)?;
        if let Some(c) = &challenged {
            show_challenge("challenger", c)?;
        } else if args.challenger.is_some() {
            say::line(
                "the challenger is not compared: there are no users of both outcomes from whom neither model has learned",
            )?;
        }
        if let Some((out, found)) = blocked {
            say::line(&format!("{out} payments barred"))?;
            found.map_or(Ok(()), |c| show_challenge("without them", c))?;
        }
        say::line(if watched.alarms.is_empty() { "no alarms" } else { "alarms:" })?;
        for alarm in &watched.alarms {
            say::line(&format!("  {}: {}", format!("{:?}", alarm.level).to_lowercase(), alarm.text))?;
        }
    }
    Ok(Ending::of(watched.alarms.iter().all(|a| a.level < Level::Act)))
}

fn probabilities(scores: &[Score]) -> Vec<f64> {
    scores.iter().map(|s| s.probability).collect()
}

/// Another model, and its scores for the same users.
fn rescored(args: &MonitorArgs, path: &std::path::Path) -> Result<(Model, Vec<f64>)> {
    let other = ModelArgs { model: path.to_owned(), data: args.model.data.clone() };
    let (model, data) = other.open(true)?;
    let scores = probabilities(&model.score(&data, None)?);
    Ok((model, scores))
}

/// How many payments are barred, and what scores are worth without them.
fn without(
    args: &MonitorArgs,
    model: &Model,
    data: &Dataset,
    scores: &[f64],
    list: &BlockList,
) -> Result<(u64, Option<Challenge>)> {
    let mut both = model.card.block.clone();
    both.join(list);
    let left = args.model.data.barred(&both, u32::try_from(model.card.window_days).ok(), true)?;
    let out = left.report.barred - data.report.barred;
    let found = probabilities(&model.score(&left, None)?);
    Ok((out, challenge(data, &Judged::of(&[model], data), scores, &found)))
}

/// Groups are compared among the users who are judged; where nobody has an outcome, among all.
fn compared(
    args: &MonitorArgs,
    data: &Dataset,
    (judged, scores): (&Judged, &[f64]),
    name: &str,
) -> Result<Option<Fairness>> {
    let Attribute { groups, .. } = attribute(&args.model.data.data, data, name)?;
    let counts = |user: &usize| (judged.count == 0 || judged.users[*user]) && scores[*user].is_finite();
    let users: Vec<usize> = (0..data.users.count).filter(counts).collect();
    let groups: Vec<String> = users.iter().map(|user| groups[*user].clone()).collect();
    let scores: Vec<f64> = users.iter().map(|user| scores[*user]).collect();
    let labels: Vec<Option<bool>> = users.iter().map(|user| data.users.labels[*user]).collect();
    Ok(fairness(name, &groups, &scores, &labels, args.approve))
}

fn show(watched: &Watched, known: bool) -> Result<()> {
    if !known {
        say::line("the model does not say what its inputs were in training; train it again to watch drift")?;
    }
    let drifts = watched.score.iter().chain(watched.inputs.iter().take(SHOWN));
    let rows: Vec<Vec<String>> = drifts
        .map(|d| vec![d.name.clone(), format!("{:.4}", d.psi), format!("{:?}", d.level).to_lowercase()])
        .collect();
    if !rows.is_empty() {
        say::table(&["input", "PSI", ""], &rows)?;
    }
    if let Some((then, now)) = &watched.shape {
        let rows: Vec<Vec<String>> = then
            .beside(now)
            .iter()
            .map(|(name, then, now)| vec![(*name).into(), format!("{then:.3}"), format!("{now:.3}")])
            .collect();
        say::table(&["folds", "in training", "now"], &rows)?;
    }
    let rows: Vec<Vec<String>> = watched
        .vintages
        .iter()
        .map(|v| {
            let figures = [v.auc, v.ks, v.expected, v.observed, v.ece].map(|x| format!("{x:.4}"));
            [vec![v.name.clone(), v.users.to_string(), v.defaults.to_string()], figures.to_vec()].concat()
        })
        .collect();
    say::table(&["decided from", "users", "defaults", "AUC", "KS", "expected", "defaulted", "ECE"], &rows)
}

fn show_challenge(name: &str, c: &Challenge) -> Result<()> {
    let test = c.test.as_ref().map_or_else(String::new, |t| format!(" ({:+.4}, p {:.3})", t.difference, t.p));
    let verdict = if c.takes_over { "better beyond chance" } else { "not better beyond chance" };
    say::line(&format!(
        "AUC on {} users: champion {:.4}, {name} {:.4}{test}: {verdict}",
        c.users, c.champion, c.challenger
    ))
}
