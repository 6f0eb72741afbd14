//! `tollgate signals eval`: how good the heads are on a folder of labelled sets, beside what they must reach.
//!
//! The shipped heads are made again inside each fold, so that every figure is about texts that a head has not seen. Sets
//! that may not shape what ships are judged by heads that never read them.

mod bars;
mod pii;

pub(super) use bars::{Evaluation, Figure, Judged, shown};

use super::recipes::{Made, RECIPES};
use super::sets::Sets;
use super::train::{Work, judge, labelled, put, with_bar};
use super::vectors::{Encoder, Vectors};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use tollgate_signals::head::{Head, shipped};
use tollgate_signals::learn::{Config, apply, between_sources, reliability};
use tollgate_signals::names::Tagger;

/// Judge heads on labelled texts
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate signals eval --data sets         every shipped head, made again in folds, beside its bar
  tollgate signals eval --data sets --only jailbreak --json
  tollgate signals eval --data rows.jsonl --head intent.head
                                            a head of your own on rows of {\"text\": …, \"label\": …}

Intervals are the middle 95 % of a bootstrap over texts.")]
pub(crate) struct EvalArgs {
    /// A folder of sets, or with --head a file of JSON Lines
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Judge this head instead of the shipped ones
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Only these heads; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    encoder: Encoder,
    /// Write the evaluation here, too, for `signals report`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the heads and their cards into this folder, too, as `signals train --recipe` does
    #[arg(long, value_name = "DIR", conflicts_with = "head")]
    heads: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Judges.
pub(super) fn run(args: &EvalArgs) -> Result<Ending> {
    let evaluation = match &args.head {
        Some(path) => of_head(args, path)?,
        None => of_recipes(args)?,
    };
    if let Some(out) = &args.out {
        let text = serde_json::to_string_pretty(&evaluation)? + "\n";
        std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))?;
    }
    if args.json {
        say::json(&evaluation)?;
    } else {
        show(&evaluation)?;
    }
    Ok(Ending::Good)
}

fn of_head(args: &EvalArgs, path: &std::path::Path) -> Result<Evaluation> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let head = Head::from_bytes(&bytes).with_context(|| format!("{} is no head", path.display()))?;
    let (mut examples, found) = labelled(&args.data)?;
    for example in &mut examples {
        let label = found.get(example.label).map_or("", String::as_str);
        let Some(at) = head.label(label) else {
            bail!(
                "{}: the head does not know the label {label:?}; it knows {}",
                args.data.display(),
                head.labels().join(", ")
            );
        };
        example.label = at;
        example.weight = 0.0;
    }
    if let Some(mut vectors) = args.encoder.open()? {
        vectors.fill(&mut examples, &mut Config::default())?;
    }
    let scores = apply(&head, &examples);
    let seed = tollgate_core::Seed(head.card().seed);
    let judged = judge(&examples, &scores, head.labels(), seed);
    Ok(Evaluation { heads: vec![bars::judged(head.card().name.clone(), &head, judged)?] })
}

fn of_recipes(args: &EvalArgs) -> Result<Evaluation> {
    let sets = Sets::new(&args.data);
    let wants = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).chain(["pii"]).collect();
    if let Some(name) = args.only.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no head {name:?}; the shipped heads are {}", known.join(", "));
    }
    let mut evaluation = Evaluation::default();
    let mut vectors = args.encoder.open()?;
    let mut names = None;
    for recipe in RECIPES.iter().filter(|recipe| wants(recipe.name)) {
        let mut examples = recipe.examples(&sets, vectors.as_ref().map(Vectors::encoder))?;
        if examples.is_empty() {
            let why = match recipe.made {
                Made::Words(_) if vectors.is_none() => "it needs --model".to_owned(),
                _ => format!("its sets are not in {}", args.data.display()),
            };
            say::remark(&format!("{}: {why}; left out", recipe.name));
            continue;
        }
        let mut config = recipe.configured();
        if let Some(vectors) = &mut vectors {
            vectors.fill(&mut examples, &mut config)?;
        }
        let work = Work { examples, labels: recipe.names(), config, recipe: Some(recipe) };
        let Work { examples, labels, config, .. } = &work;
        let trained = with_bar(examples, labels, config);
        let judged = judge(examples, &trained.unseen, labels, config.seed);
        if let Some(folder) = &args.heads {
            put(&work, &trained, &judged, &folder.join(format!("{}.head", recipe.name)))?;
        }
        let mut head = bars::judged(recipe.name.to_owned(), &trained.head, judged)?;
        recipe.purpose.clone_into(&mut head.purpose);
        head.sources = between_sources(&trained.unseen, examples, &|example| {
            [example.source.as_str(), example.language.as_str()].join(" ").trim().to_owned()
        });
        let learned = examples.iter().zip(&trained.unseen).filter(|(example, _)| example.weight > 0.0);
        let (scores, truth): (Vec<_>, Vec<_>) = learned.map(|(e, s)| (s.clone(), e.label)).unzip();
        head.reliability = reliability(&scores, &truth);
        head.figures = bars::figures(recipe, examples, &trained.unseen, config.seed);
        if !config.probe.0.is_empty() {
            head.figures.extend(bars::without_encoder(
                recipe,
                examples,
                &trained.without_vectors,
                config.seed,
            ));
        }
        head.figures.extend(bars::unseen_sources(recipe, examples, config));
        evaluation.heads.push(head);
        if recipe.name == "names" {
            names = Some(trained.head);
        }
    }
    if wants("pii") {
        let names = names.as_ref().or_else(|| shipped("names"));
        let tagged = vectors.as_ref().map(Vectors::encoder).zip(names.and_then(Tagger::of));
        evaluation.heads.extend(pii::judge(&sets, tollgate_core::Seed(1), tagged)?);
    }
    if evaluation.heads.is_empty() {
        bail!("{} holds none of the sets that the heads are judged on", args.data.display());
    }
    Ok(evaluation)
}

fn show(evaluation: &Evaluation) -> Result<()> {
    let mut rows = Vec::new();
    for head in &evaluation.heads {
        for (name, q) in &head.judged {
            rows.push(vec![
                head.name.clone(),
                name.clone(),
                q.count.to_string(),
                shown(q.accuracy),
                shown(q.macro_f1),
                q.auroc.map_or_else(String::new, shown),
                format!("{:.3}", q.ece),
            ]);
        }
    }
    say::table(&["head", "judged on", "texts", "accuracy", "macro-F1", "AUROC", "ECE"], &rows)?;
    let figures: Vec<Vec<String>> =
        evaluation.heads.iter().flat_map(|head| head.figures.iter().map(|f| f.row(&head.name))).collect();
    if !figures.is_empty() {
        say::line("")?;
        say::table(&["head", "figure", "value", "bar", ""], &figures)?;
    }
    Ok(())
}
