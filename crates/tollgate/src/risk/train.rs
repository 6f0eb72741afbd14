//! `tollgate risk train`: a folder of data to a model, judged on users that it has not seen.

use super::data::{DataArgs, attribute, share, show_fair};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::net::{NetConfig, Switches, Within};
use tollgate_risk::shelf::{Shelf, Shelved};
use tollgate_risk::train::{Outcome, TrainConfig, TrainStep, train_from};

/// Users up to which every declared repeat of the folds is run.
const ALL_REPEATS: usize = 2_000;

/// Train all kinds of models, and say which won on users they have not seen
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk train --data payments --out model
  tollgate risk train --data payments --out model --attribute sex --attribute age --approve 0.7
  tollgate risk train --data payments --folded folded --kept progress --out model

Users come with a column `split` (train, valid, test), with columns `fold_…`, or are split by the
seed. Penalties, sizes, calibration and the winner are chosen on held-out training users; nothing is
decided on test users. The last line of --json has `test_auc`, the winner's.

With --folded, histories are read part by part from a folder of `risk fold --whole`. With --kept,
training that was stopped goes on where it was, and ends with the same weights.")]
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
    /// How the network reads eight payments and more of a merchant: each for itself, in order by a recurrent unit, or by
    /// attention
    #[arg(long, value_enum, default_value_t = Reading::Pool)]
    within: Reading,
    /// Passes in which the network guesses hidden fields of the training users' payments, before it sees outcomes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    masked: u16,
    /// The network reads payments alone: no features in its head, and no logistic regression that it starts from
    #[arg(long)]
    alone: bool,
    /// The network reads each user's payments as one sequence, with nothing that a fold sees: what `--alone` is compared with
    #[arg(long, conflicts_with = "alone")]
    unfolded: bool,
    #[command(flatten)]
    net: NetArgs,
    /// The folder in which networks keep how far they are, to go on from there
    #[arg(long, value_name = "DIR")]
    kept: Option<PathBuf>,
    /// A folder of histories that `risk fold` made of the data: they are read part by part
    #[arg(long, value_name = "DIR")]
    folded: Option<PathBuf>,
    /// Compare groups of test users by a column of the table of users, which no model reads
    #[arg(long, value_name = "COLUMN")]
    attribute: Vec<String>,
    /// Share of users who are approved, where groups are compared
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = share)]
    approve: f64,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Settings of the network. Where one is given all hold as they are; else few defaults ask for stronger ones.
#[derive(Args, Debug)]
struct NetArgs {
    /// Width of the network [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: Option<u16>,
    /// Users per step of the network [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// Highest rate of the network's schedule [default: 0.002]
    #[arg(long, value_name = "RATE")]
    rate: Option<f32>,
    /// Weight decay of the network [default: 0.05]
    #[arg(long, value_name = "DECAY")]
    decay: Option<f32>,
    /// Share of the inputs of the network's head that a step leaves out [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f64>,
}

impl NetArgs {
    const fn given(&self) -> bool {
        let sizes = self.width.is_some() || self.batch.is_some();
        sizes || self.rate.is_some() || self.decay.is_some() || self.dropout.is_some()
    }

    fn apply(&self, net: &mut NetConfig) {
        if let Some(width) = self.width {
            (net.width, net.head) = (usize::from(width), usize::from(width));
        }
        self.batch.iter().for_each(|batch| net.batch = *batch as usize);
        self.rate.iter().for_each(|rate| net.rate = *rate);
        self.decay.iter().for_each(|decay| net.decay = *decay);
        self.dropout.iter().for_each(|dropout| net.dropout = *dropout);
    }

    fn say(&self, say: &mut impl FnMut(String)) {
        self.width.iter().for_each(|width| say(format!(" --width {width}")));
        self.batch.iter().for_each(|batch| say(format!(" --batch {batch}")));
        self.rate.iter().for_each(|rate| say(format!(" --rate {rate}")));
        self.decay.iter().for_each(|decay| say(format!(" --decay {decay}")));
        self.dropout.iter().for_each(|dropout| say(format!(" --dropout {dropout}")));
    }
}

/// How long merchants are read, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reading {
    Pool,
    Gru,
    Attention,
}

impl TrainArgs {
    fn config(&self, data: &Dataset) -> Result<TrainConfig> {
        let repeats = self.repeats.unwrap_or(if data.users.count <= ALL_REPEATS { usize::MAX } else { 1 });
        let mut network = NetConfig {
            epochs: usize::from(self.epochs),
            masked: usize::from(self.masked),
            within: match self.within {
                Reading::Pool => Within::Pool,
                Reading::Gru => Within::Gru,
                Reading::Attention => Within::Attention,
            },
            ..NetConfig::default()
        };
        if self.alone {
            network.switches = Switches::alone();
        }
        if self.unfolded {
            network.switches = Switches::unfolded();
        }
        self.net.apply(&mut network);
        let of = |name: &String| attribute(&self.data.data, data, name);
        Ok(TrainConfig {
            seed: Seed(self.seed),
            repeats,
            network: (!self.no_network).then_some(network),
            exact: self.net.given(),
            kept: self.kept.clone(),
            attributes: self.attribute.iter().map(of).collect::<Result<_>>()?,
            approved: self.approve,
            ..TrainConfig::default()
        })
    }

    /// The command that makes the same model again.
    fn command(&self) -> String {
        let mut command =
            format!("tollgate risk train --data {} --seed {}", self.data.data.display(), self.seed);
        let mut say = |text: String| command.push_str(&text);
        self.folded.iter().for_each(|folder| say(format!(" --folded {}", folder.display())));
        self.days.iter().for_each(|days| say(format!(" --days {days}")));
        if self.no_network {
            say(" --no-network".into());
        } else {
            say(format!(" --epochs {}", self.epochs));
            if self.masked > 0 {
                say(format!(" --masked {}", self.masked));
            }
            if self.within != Reading::Pool {
                say(format!(" --within {}", format!("{:?}", self.within).to_lowercase()));
            }
            if self.alone {
                say(" --alone".into());
            }
            if self.unfolded {
                say(" --unfolded".into());
            }
            self.net.say(&mut say);
        }
        self.repeats.iter().for_each(|repeats| say(format!(" --repeats {repeats}")));
        self.attribute.iter().for_each(|name| say(format!(" --attribute {name}")));
        command
    }
}

/// Trains.
pub(super) fn run(args: &TrainArgs) -> Result<Ending> {
    let (found, mut shelf);
    shelf = match &args.folded {
        Some(folder) => {
            let mapping = args.data.mapping()?;
            let shelved = Shelved::open(folder, &args.data.data, &mapping, args.days)?;
            Shelf::Folder(Box::new(shelved))
        }
        None => {
            found = args.data.read(args.days, args.json)?;
            Shelf::Whole(&found)
        }
    };
    let config = args.config(shelf.about())?;
    let bar = indicatif::ProgressBar::new_spinner();
    let mut split = String::new();
    let mut model = train_from(&mut shelf, &config, &mut |step| {
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
    model.card.command = args.command();
    model.save(&args.out)?;
    show(&model.card.outcome, args)?;
    Ok(Ending::Good)
}

fn show(outcome: &Outcome, args: &TrainArgs) -> Result<()> {
    if args.json {
        for candidate in &outcome.candidates {
            say::line(&serde_json::to_string(candidate)?)?;
        }
        outcome.fairness.iter().try_for_each(|fair| say::line(&serde_json::to_string(fair)?))?;
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
    outcome.fairness.iter().try_for_each(show_fair)?;
    say::line(&format!(
        "{} won on held-out users; its test AUC is {:.4}; the model is in {}",
        outcome.winner.name(),
        outcome.test_auc,
        args.out.display()
    ))
}
