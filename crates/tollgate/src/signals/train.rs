//! `tollgate signals train`: labelled texts to a head and its card.

use super::recipes::{Made, RECIPES, Recipe};
use super::sets::{self, Sets};
use super::vectors::{Encoder, Vectors};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::Seed;
use tollgate_encode::TextEncoder;
use tollgate_signals::head::{HeadError, LABELS_MAX, Scores};
use tollgate_signals::learn::{
    Config, EXAMPLES_MAX, Example, Quality, Sheet, Step, Trained, between_sources, card, quality, train,
};

/// Train a head on labelled texts, and write its card
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate signals train --data rows.jsonl --out intent.head
                                            a head of your own
  tollgate signals train --data sets --recipe jailbreak --out jailbreak.head
                                            a shipped head again, from the folder of public sets

A row is {\"text\": …, \"label\": …}; `group` keeps rows on one side of every split, `source` and `language` are reported
apart, `split: \"test\"` is judged and never learned from. The card stands beside the head, as OUT.md. The same data and seed
give the same bytes.")]
pub(crate) struct TrainArgs {
    /// A file of JSON Lines (.jsonl or .jsonl.gz), or with --recipe a folder of sets
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The file of the head
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How a shipped head is made
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    #[command(flatten)]
    encoder: Encoder,
    /// From which the folds follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Most n-grams that are kept
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(16..))]
    grams: Option<u16>,
    /// How closely the data is fitted against how plain the head stays
    #[arg(long, value_name = "X")]
    strength: Option<f64>,
    /// Rare labels count as much as frequent ones
    #[arg(long)]
    balanced: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// What is to be trained.
pub(super) struct Work {
    pub(super) examples: Vec<Example>,
    pub(super) labels: Vec<String>,
    pub(super) config: Config,
    pub(super) recipe: Option<&'static Recipe>,
}

/// Trains.
pub(super) fn run(args: &TrainArgs) -> Result<Ending> {
    let mut vectors = args.encoder.open()?;
    let mut work = match &args.recipe {
        Some(name) => by_recipe(args, name, vectors.as_ref().map(Vectors::encoder))?,
        None => of_file(args)?,
    };
    work.config.seed = Seed(args.seed);
    args.grams.iter().for_each(|grams| work.config.grams = usize::from(*grams));
    args.strength.iter().for_each(|strength| work.config.strength = *strength);
    work.config.balanced |= args.balanced;
    if work.config.strength <= 0.0 || !work.config.strength.is_finite() {
        bail!("--strength is {}; give a number above 0, such as 10", work.config.strength);
    }
    if let Some(vectors) = &mut vectors {
        vectors.fill(&mut work.examples, &mut work.config)?;
    }
    let trained = with_bar(&work.examples, &work.labels, &work.config);
    let judged = judge(&work.examples, &trained.unseen, &work.labels, work.config.seed);
    let beside = put(&work, &trained, &judged, &args.out)?;
    show(&judged, &beside, &trained, args)?;
    Ok(Ending::Good)
}

/// Writes a head, and its card beside it; where that is.
pub(super) fn put(
    work: &Work,
    trained: &Trained,
    judged: &[(String, Quality)],
    out: &Path,
) -> Result<PathBuf> {
    let bytes = trained.head.to_bytes().context("the head cannot be written")?;
    std::fs::write(out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    let text = sheet(work, trained, judged).context("the head has no card")?;
    let beside = out.with_extension("head.md");
    std::fs::write(&beside, text).with_context(|| format!("cannot write {}", beside.display()))?;
    Ok(beside)
}

/// Trains, with a bar on a terminal.
pub(super) fn with_bar(examples: &[Example], labels: &[String], config: &Config) -> Trained {
    let bar = indicatif::ProgressBar::new_spinner();
    let trained = train(examples, labels, config, &mut |step| {
        bar.set_message(match step {
            Step::Fold(at, of) => format!("{}: fold {} of {of}", config.name, at + 1),
            Step::Whole => format!("{}: all of it", config.name),
        });
        bar.tick();
    });
    bar.finish_and_clear();
    trained
}

fn by_recipe(args: &TrainArgs, name: &str, encoder: Option<&dyn TextEncoder>) -> Result<Work> {
    let Some(recipe) = RECIPES.iter().find(|recipe| recipe.name == name) else {
        let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
        bail!("there is no recipe {name:?}; the recipes are {}", known.join(", "));
    };
    if matches!(recipe.made, Made::Words(_)) && encoder.is_none() {
        bail!(
            "{name} reads the states of an encoder's tokens; give --model FOLDER (`tollgate models` fetches one)"
        );
    }
    let examples = recipe.examples(&Sets::new(&args.data), encoder)?;
    if examples.is_empty() {
        let sets: Vec<&str> = recipe.sets.iter().map(|(set, _)| *set).collect();
        bail!("{} has not the sets of {name}: {}", args.data.display(), sets.join(", "));
    }
    Ok(Work { examples, labels: recipe.names(), config: recipe.configured(), recipe: Some(recipe) })
}

/// The labelled texts of a file, and their labels in the order of the alphabet.
pub(super) fn labelled(path: &Path) -> Result<(Vec<Example>, Vec<String>)> {
    let rows = sets::rows(path)?;
    if rows.len() > EXAMPLES_MAX {
        bail!("{} has {} rows; give at most {EXAMPLES_MAX}", path.display(), rows.len());
    }
    let mut labels: Vec<String> = rows.iter().map(|row| row.text("label").to_owned()).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.first().is_some_and(String::is_empty) {
        bail!("{}: a row has no label; each is {{\"text\": …, \"label\": …}}", path.display());
    }
    if !(2..=LABELS_MAX).contains(&labels.len()) {
        bail!("{} has {} labels; from 2 to {LABELS_MAX} can be told apart", path.display(), labels.len());
    }
    let example = |row: &sets::Row| {
        let label = labels.iter().position(|known| known == row.text("label")).unwrap_or(0);
        let mut example = Example::new(row.text("text"), label).from(row.text("source"));
        row.text("language").clone_into(&mut example.language);
        row.text("group").clone_into(&mut example.group);
        example.weight = f32::from(u8::from(row.text("split") != "test"));
        example
    };
    Ok((rows.iter().map(example).collect(), labels))
}

fn of_file(args: &TrainArgs) -> Result<Work> {
    let (examples, labels) = labelled(&args.data)?;
    let name = args.out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Work { examples, labels, config: Config { name, ..Config::default() }, recipe: None })
}

/// How good predictions are: of what was learned from, held out fold by fold; and of what is only judged.
pub(super) fn judge(
    examples: &[Example],
    scores: &[Scores],
    labels: &[String],
    seed: Seed,
) -> Vec<(String, Quality)> {
    let mut judged = Vec::new();
    for (name, learned) in [("texts held out, by folds", true), ("texts never learned from", false)] {
        let picked = examples.iter().zip(scores).filter(|(example, _)| (example.weight > 0.0) == learned);
        let (scores, truth): (Vec<Scores>, Vec<usize>) =
            picked.map(|(example, scores)| (scores.clone(), example.label)).unzip();
        if !truth.is_empty() {
            judged.push((name.to_owned(), quality(&scores, &truth, labels.len(), seed)));
        }
    }
    judged
}

fn sheet(work: &Work, trained: &Trained, judged: &[(String, Quality)]) -> Result<String, HeadError> {
    let by = |of: &dyn Fn(&Example) -> String, what: &str| -> Vec<(String, String)> {
        let rows = between_sources(&trained.unseen, &work.examples, of).into_iter();
        let named = rows.filter(|(name, ..)| !name.is_empty());
        named
            .map(|(name, count, right)| (format!("right, {what} {name}"), format!("{right:.3} of {count}")))
            .collect()
    };
    let mut notes = by(&|example| example.source.clone(), "from");
    notes.extend(by(&|example| example.language.clone(), "in"));
    let sets: Vec<(String, String)> = match work.recipe {
        Some(recipe) => recipe.sets.iter().map(|(set, of)| ((*set).to_owned(), (*of).to_owned())).collect(),
        None => Vec::new(),
    };
    let limits: Vec<String> =
        work.recipe.map_or(&[][..], |recipe| recipe.limits).iter().map(|limit| (*limit).to_owned()).collect();
    let mut command = match work.recipe {
        Some(recipe) => {
            format!(
                "tollgate signals train --data SETS --recipe {} --seed {}",
                recipe.name, work.config.seed.0
            )
        }
        None => format!("tollgate signals train --data FILE --seed {}", work.config.seed.0),
    };
    if !work.config.probe.0.is_empty() {
        command += &format!(" --model {}", work.config.encoder);
    }
    let purpose = work.recipe.map_or("A head of labelled texts.", |recipe| recipe.purpose);
    card(
        &trained.head,
        &Sheet { purpose, command: &command, sets: &sets, judged, notes: &notes, limits: &limits },
    )
}

fn show(judged: &[(String, Quality)], beside: &Path, trained: &Trained, args: &TrainArgs) -> Result<()> {
    if args.json {
        return say::json(
            &json!({"head": args.out, "card": beside, "about": trained.head.card(), "judged": judged}),
        );
    }
    let cell =
        |f: tollgate_signals::learn::Interval| format!("{:.3} ({:.3} to {:.3})", f.value, f.low, f.high);
    let row = |(name, q): &(String, Quality)| {
        vec![
            name.clone(),
            q.count.to_string(),
            cell(q.accuracy),
            cell(q.macro_f1),
            q.auroc.map_or_else(String::new, cell),
            format!("{:.3}", q.ece),
        ]
    };
    let rows: Vec<Vec<String>> = judged.iter().map(row).collect();
    say::table(&["judged on", "texts", "accuracy", "macro-F1", "AUROC", "ECE"], &rows)?;
    say::line(&format!("the head is in {}, its card in {}", args.out.display(), beside.display()))
}
