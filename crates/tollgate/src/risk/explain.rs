//! `tollgate risk explain`: what moved a score, and the reasons of a notice.

use super::data::ModelArgs;
use super::score::quoted;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::explain::{Explanation, REASONS_MAX, Reason, Reasons, explain};
use tollgate_risk::online::Scorer;

/// Merchants that are shown.
const SHOWN: usize = 10;

/// Say why a user has the score that he has, or write the reasons of every user
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk explain --model model --data payments --user 17
  tollgate risk explain --model model --data payments --out reasons.csv

Left out: the logit with the merchant or field minus the logit of the same history without it. Shapley: its share of the
difference between the history and an empty one. A reason says in words what raised the risk; there are at most four.")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The user
    #[arg(long, value_name = "KEY", required_unless_present = "out")]
    user: Option<String>,
    /// Orders of merchants that are drawn for Shapley values
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(0..=1000))]
    orders: u16,
    /// Where the reasons of every user go, as CSV
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    out: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Explains.
pub(super) fn run(args: &ExplainArgs) -> Result<Ending> {
    let (model, data) = args.model.open(args.json)?;
    let scorer = Scorer::of_tables(model)?;
    let lookup = scorer.model().card.space.lookup(&data.names);
    if let Some(out) = &args.out {
        return all(args, &scorer, &data, out);
    }
    let key = args.user.as_deref().unwrap_or_default();
    let Some(user) = data.names.users.list().iter().position(|known| known.to_string() == key) else {
        bail!("{} has no user {key:?}", args.model.data.data.display());
    };
    let why = explain(&scorer, (&data, &lookup), user, usize::from(args.orders), Seed(1))?;
    if args.json {
        say::json(&why)?;
    } else {
        show(&why)?;
    }
    Ok(Ending::Good)
}

fn show(why: &Explanation) -> Result<()> {
    say::line(&format!("logit {:.4}; Shapley values add up within {:.1e}", why.logit, why.additivity_error))?;
    let number = |x: f64| format!("{x:+.4}");
    let fields: Vec<Vec<String>> = why
        .fields
        .iter()
        .map(|f| vec![format!("{:?}", f.field).to_lowercase(), number(f.left_out), number(f.shapley)])
        .collect();
    say::table(&["field", "left out", "Shapley"], &fields)?;
    let merchants: Vec<Vec<String>> = why
        .merchants
        .iter()
        .take(SHOWN)
        .map(|m| vec![m.merchant.clone(), m.payments.to_string(), number(m.left_out), number(m.shapley)])
        .collect();
    say::table(&["merchant", "payments", "left out", "Shapley"], &merchants)?;
    if why.merchants.len() > SHOWN {
        say::line(&format!("and {} merchants more (--json has all)", why.merchants.len() - SHOWN))?;
    }
    if why.reasons.is_empty() {
        return say::line("nothing raised the risk above that of an ordinary user");
    }
    why.reasons
        .iter()
        .enumerate()
        .try_for_each(|(i, reason)| say::line(&format!("{}. {} ({:+.4})", i + 1, reason.text, reason.raised)))
}

fn all(args: &ExplainArgs, scorer: &Scorer, data: &Dataset, out: &PathBuf) -> Result<Ending> {
    let lookup = scorer.model().card.space.lookup(&data.names);
    let reasons = Reasons::new(scorer);
    let scores = scorer.model().score(data, None)?;
    let mut text = String::from("user,probability");
    (1..=REASONS_MAX).for_each(|i| text.push_str(&format!(",reason_{i}")));
    text.push('\n');
    for (user, score) in scores.iter().enumerate() {
        let (probability, found) = match &score.lacks {
            None => (score.probability.to_string(), reasons.of(data, &lookup, user)),
            Some(name) => (
                String::new(),
                vec![Reason { text: format!("the value of {name} is not known"), raised: 0.0 }],
            ),
        };
        write!(text, "{},{probability}", quoted(&score.user))?;
        for i in 0..REASONS_MAX {
            write!(text, ",{}", quoted(found.get(i).map_or("", |reason| &reason.text)))?;
        }
        text.push('\n');
    }
    std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))?;
    if args.json {
        say::json(&serde_json::json!({"users": scores.len(), "out": out}))?;
    } else {
        say::line(&format!("reasons of {} users are in {}", scores.len(), out.display()))?;
    }
    Ok(Ending::Good)
}
