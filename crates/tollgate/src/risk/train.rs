//! `tollgate risk train`: a folder of data to a model, judged on users that it has not seen.

use super::data::DataArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_core::Seed;
use tollgate_risk::net::NetConfig;
use tollgate_risk::train::{Outcome, TrainConfig, TrainStep, train};

/// Users up to which every declared repeat of the folds is run.
const ALL_REPEATS: usize = 2_000;

/// Train all kinds of models, and say which won on users they have not seen
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk train --data payments --out model

Users come with a column `split` (train, valid, test), with columns `fold_…`, or are split by the seed. Penalties, sizes,
calibration and the winner are chosen on held-out training users; nothing is decided on test users. The last line of --json
has `test_auc`, the winner's.")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The folder of the model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Length of the window before the cut-off [default: the mapping's, else all of the history]
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// From which everything drawn follows
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Repeats of declared folds [default: all for up to 2000 users, else one]
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// Passes of the network over the training users
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
    epochs: u16,
    /// Leave the network out
    #[arg(long)]
    no_network: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Trains.
pub(super) fn run(args: &TrainArgs) -> Result<Ending> {
    let found = args.data.read(args.days, args.json)?;
    let repeats = args.repeats.unwrap_or(if found.users.count <= ALL_REPEATS { usize::MAX } else { 1 });
    let network = NetConfig { epochs: usize::from(args.epochs), ..NetConfig::default() };
    let network = (!args.no_network).then_some(network);
    let config = TrainConfig { seed: Seed(args.seed), repeats, network, ..TrainConfig::default() };
    let bar = indicatif::ProgressBar::new_spinner();
    let mut split = String::new();
    let mut model = train(&found, &config, &mut |step| {
        match step {
            TrainStep::Split(name) => name.clone_into(&mut split),
            TrainStep::Model(kind) => bar.set_message(format!("{split}: {}", kind.name())),
            TrainStep::Epoch(epoch, loss, auc) => {
                bar.set_message(format!(
                    "{split}: network, epoch {epoch}, loss {loss:.4}, held-out AUC {auc:.4}"
                ));
            }
        }
        bar.tick();
    })?;
    bar.finish_and_clear();
    let mut command = format!("tollgate risk train --data {} --seed {}", args.data.data.display(), args.seed);
    args.days.iter().for_each(|days| command.push_str(&format!(" --days {days}")));
    match args.no_network {
        true => command.push_str(" --no-network"),
        false => command.push_str(&format!(" --epochs {}", args.epochs)),
    }
    args.repeats.iter().for_each(|repeats| command.push_str(&format!(" --repeats {repeats}")));
    model.card.command = command;
    model.save(&args.out)?;
    show(&model.card.outcome, args)?;
    Ok(Ending::Good)
}

fn show(outcome: &Outcome, args: &TrainArgs) -> Result<()> {
    if args.json {
        for candidate in &outcome.candidates {
            say::line(&serde_json::to_string(candidate)?)?;
        }
        let last = json!({"test_auc": outcome.test_auc, "winner": outcome.winner, "parts": outcome.parts, "model": args.out});
        return say::line(&last.to_string());
    }
    let rows: Vec<Vec<String>> = outcome
        .candidates
        .iter()
        .map(|c| {
            let mut row = vec![
                c.kind.name().to_owned(),
                format!("{:.4}", c.held_auc),
                format!("{:.4} ± {:.4}", c.test_auc, c.test_auc_sd),
            ];
            if let Some(m) = &c.pooled {
                row.push(format!("{:.4} to {:.4}", m.auc_interval.0, m.auc_interval.1));
                row.extend([m.ks, m.pr_auc, m.lift, m.brier, m.ece].map(|x| format!("{x:.4}")));
            }
            row.push(
                c.beside_winner
                    .as_ref()
                    .map_or_else(String::new, |d| format!("{:+.4}, p {:.3}", d.difference, d.p)),
            );
            row
        })
        .collect();
    say::table(
        &[
            "model",
            "held-out AUC",
            "test AUC",
            "95 % of pooled",
            "KS",
            "PR",
            "lift",
            "Brier",
            "ECE",
            "beside the winner",
        ],
        &rows,
    )?;
    say::line(&format!(
        "{} won on held-out users; its test AUC is {:.4}; the model is in {}",
        outcome.winner.name(),
        outcome.test_auc,
        args.out.display()
    ))
}
