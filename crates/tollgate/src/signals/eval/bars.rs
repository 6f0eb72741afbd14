//! Figures of each head and what they must reach.

use super::super::recipes::Recipe;
use serde::{Deserialize, Serialize};
use tollgate_core::Seed;
use tollgate_signals::head::{Head, HeadError, Scores};
use tollgate_signals::learn::{
    Config, Example, Interval, Quality, Reliability, apply, auroc, interval, recall_at, spearman, train,
};

/// The share of ordinary texts that may be flagged where a recall is told.
const FALSE_POSITIVES: f64 = 0.01;

/// How good the heads are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in super::super) struct Evaluation {
    /// By head.
    pub(in super::super) heads: Vec<Judged>,
}

/// How good one head is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in super::super) struct Judged {
    pub(in super::super) name: String,
    pub(in super::super) purpose: String,
    pub(in super::super) labels: Vec<String>,
    pub(in super::super) bytes: usize,
    /// What was judged, and how it came out.
    pub(in super::super) judged: Vec<(String, Quality)>,
    /// Sources with texts and share of right labels.
    pub(in super::super) sources: Vec<(String, usize, f64)>,
    /// How sure beside how right.
    pub(in super::super) reliability: Vec<Reliability>,
    pub(in super::super) figures: Vec<Figure>,
}

/// One figure, and what it must reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct Figure {
    pub(in super::super) name: String,
    pub(in super::super) value: Interval,
    /// What it must reach; absent where there is no bar.
    pub(in super::super) bar: Option<f64>,
    /// Whether less is better.
    pub(in super::super) less: bool,
}

/// A figure with its interval.
pub(in super::super) fn shown(figure: Interval) -> String {
    if figure.low == figure.high {
        return format!("{:.3}", figure.value);
    }
    format!("{:.3} ({:.3} to {:.3})", figure.value, figure.low, figure.high)
}

impl Figure {
    /// Whether the bar is met; a figure without one meets it.
    pub(in super::super) fn met(&self) -> bool {
        self.bar.is_none_or(|bar| if self.less { self.value.value <= bar } else { self.value.value >= bar })
    }

    /// What it must reach, in words.
    pub(in super::super) fn bar(&self) -> String {
        self.bar.map_or_else(String::new, |bar| format!("{} {bar}", if self.less { "≤" } else { "≥" }))
    }

    pub(in super::super) fn row(&self, head: &str) -> Vec<String> {
        let met = match (self.bar, self.met()) {
            (None, _) => "",
            (_, true) => "met",
            (_, false) => "missed",
        };
        vec![head.to_owned(), self.name.clone(), shown(self.value), self.bar(), met.to_owned()]
    }
}

/// What is the same for every head.
pub(super) fn judged(name: String, head: &Head, judged: Vec<(String, Quality)>) -> Result<Judged, HeadError> {
    let bytes = head.to_bytes()?.len();
    Ok(Judged { name, labels: head.labels().to_vec(), bytes, judged, ..Judged::default() })
}

/// A text with what was said of it.
type Case<'a> = (&'a Example, &'a Scores);

/// Several.
struct Cases<'a> {
    all: Vec<Case<'a>>,
    seed: Seed,
}

impl<'a> Cases<'a> {
    /// Those of some sources, by how these begin.
    fn of(&self, sources: &[&str]) -> Self {
        let from = |e: &Example| sources.iter().any(|source| e.source.starts_with(source));
        Self { all: self.all.iter().copied().filter(|(e, _)| from(e)).collect(), seed: self.seed }
    }

    /// Those that are learned from.
    fn learned(&self) -> Self {
        Self { all: self.all.iter().copied().filter(|(e, _)| e.weight > 0.0).collect(), seed: self.seed }
    }

    fn with(&self, other: &Self) -> Self {
        Self { all: self.all.iter().chain(&other.all).copied().collect(), seed: self.seed }
    }

    fn figure(&self, name: &str, bar: Option<f64>, of: &dyn Fn(&[Case<'a>]) -> f64) -> Figure {
        let value = interval(self.all.len(), self.seed, &|pick| {
            of(&pick.iter().filter_map(|at| self.all.get(*at).copied()).collect::<Vec<_>>())
        });
        Figure { name: name.to_owned(), value, bar, less: false }
    }

    /// Share of right labels.
    fn right(&self, name: &str, bar: Option<f64>) -> Figure {
        self.figure(name, bar, &|cases| {
            let right = cases.iter().filter(|(e, s)| s.best().0 == e.label).count();
            right as f64 / cases.len().max(1) as f64
        })
    }

    fn area(&self, name: &str, bar: Option<f64>) -> Figure {
        self.figure(name, bar, &|cases| auroc(&binary(cases)))
    }

    /// Share of what holds that is above the threshold that flags one in a hundred of the rest.
    fn recall(&self, name: &str, bar: Option<f64>) -> Figure {
        self.figure(name, bar, &|cases| recall_at(&binary(cases), FALSE_POSITIVES).0)
    }

    /// Share that is flagged at a threshold.
    fn flagged(&self, name: &str, threshold: f32, bar: Option<f64>) -> Figure {
        let mut figure = self.figure(name, bar, &|cases| {
            cases.iter().filter(|(_, s)| s.of(1) > threshold).count() as f64 / cases.len().max(1) as f64
        });
        figure.less = true;
        figure
    }

    /// Mean over labels of F1.
    fn macro_f1(&self, labels: usize, name: &str, bar: Option<f64>) -> Figure {
        self.figure(name, bar, &|cases| {
            let count = |of: &dyn Fn(usize, usize) -> bool| {
                cases.iter().filter(|(e, s)| of(e.label, s.best().0)).count() as f64
            };
            let f1 = |label: usize| {
                let both = count(&|truth, said| truth == label && said == label);
                2.0 * both / (count(&|truth, _| truth == label) + count(&|_, said| said == label)).max(1.0)
            };
            (0..labels).map(f1).sum::<f64>() / labels as f64
        })
    }
}

fn binary(cases: &[Case<'_>]) -> Vec<(f32, bool)> {
    cases.iter().map(|(example, scores)| (scores.of(1), example.label == 1)).collect()
}

/// The figures of a recipe, beside their bars.
pub(super) fn figures(recipe: &Recipe, examples: &[Example], scores: &[Scores], seed: Seed) -> Vec<Figure> {
    let all = Cases { all: examples.iter().zip(scores).collect(), seed };
    match recipe.name {
        "domain" => vec![
            all.of(&["mmlu-pro"]).right("accuracy on MMLU-Pro, folds by question", Some(0.84)),
            all.of(&["everyday"]).right("accuracy on everyday questions, never learned from", Some(0.70)),
        ],
        "jailbreak" => {
            let ordinary = all.learned().of(super::super::recipes::ORDINARY);
            let attacks = all.of(&["jailbreak", "injection"]);
            let both = ordinary.with(&attacks);
            let injected = ordinary.with(&all.of(&["injection"]));
            let threshold = recall_at(&binary(&both.all), FALSE_POSITIVES).1;
            vec![
                both.area("AUROC, attacks against ordinary texts", Some(0.995)),
                both.recall("attacks found at 1 % false alarms", None),
                injected.recall("injections found at 1 % false alarms", Some(0.90)),
                all.of(&["look-alikes: xstest"]).flagged(
                    "XSTest's safe look-alikes flagged there",
                    threshold,
                    Some(0.01),
                ),
                all.of(&["look-alikes: bastion"]).flagged(
                    "bastioncorpus' look-alikes flagged there",
                    threshold,
                    None,
                ),
                all.of(&["harmful, plainly asked"]).flagged(
                    "plainly harmful requests flagged there",
                    threshold,
                    None,
                ),
            ]
        }
        "hazard" => {
            let ordinary = all.learned().of(super::super::recipes::ORDINARY);
            let unsafe_ones = all.of(&["ailuminate en", "harmbench"]);
            let both = ordinary.with(&unsafe_ones);
            let threshold = recall_at(&binary(&both.all), FALSE_POSITIVES).1;
            vec![
                both.area("AUROC, hazardous against ordinary texts", None),
                both.recall("hazardous texts found at 1 % false alarms", None),
                all.of(&["look-alikes"]).flagged(
                    "XSTest's safe look-alikes flagged there",
                    threshold,
                    Some(0.03),
                ),
                all.of(&["look-alikes", "xstest harmful"]).area("AUROC within XSTest", None),
            ]
        }
        "hazard_class" => vec![
            all.of(&["ailuminate en"]).macro_f1(recipe.labels.len(), "macro-F1, English", Some(0.80)),
            all.of(&["ailuminate fr"]).macro_f1(recipe.labels.len(), "macro-F1, French", None),
        ],
        "fact_check" => vec![all.learned().right("accuracy", Some(0.97))],
        "difficulty" => difficulty(&all),
        "support" => vec![
            all.of(&["begin_test_wow"]).area("AUROC, BEGIN test (Wizard of Wikipedia)", Some(0.96)),
            all.of(&["begin_dev_cmu"]).area("AUROC, BEGIN CMU-DoG, never learned from", None),
        ],
        "feedback" => {
            // The large set has three of the five labels, and the rest is said by few people: both count, as one set.
            let people = all.of(&["people", "bookings"]);
            vec![
                people.macro_f1(recipe.labels.len(), "macro-F1, people's turns", Some(0.80)),
                all.of(&["bookings"]).right("accuracy on bookings, never learned from", None),
            ]
        }
        _ => Vec::new(),
    }
}

/// The same of heads that have no encoder to ask: figures to be known, since the bars are those of both sides together.
pub(super) fn without_encoder(
    recipe: &Recipe,
    examples: &[Example],
    scores: &[Scores],
    seed: Seed,
) -> Vec<Figure> {
    let bare = |figure: Figure| Figure { name: figure.name + ", n-grams alone", bar: None, ..figure };
    figures(recipe, examples, scores, seed).into_iter().map(bare).collect()
}

fn difficulty(all: &Cases<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (source, order, half) in [("mmlu-pro-28", 0.437, 0.719), ("llmrouter-9", 0.520, 0.790)] {
        let own = all.of(&[source]);
        let share = |e: &Example| f64::from(e.share.unwrap_or(0.0));
        figures.push(own.figure(&format!("Spearman, {source}"), Some(order), &|cases| {
            spearman(&cases.iter().map(|(e, s)| (f64::from(s.of(1)), share(e))).collect::<Vec<_>>())
        }));
        let mut shares: Vec<f64> = own.all.iter().map(|(e, _)| share(e)).collect();
        shares.sort_unstable_by(f64::total_cmp);
        let middle = shares.get(shares.len() / 2).copied().unwrap_or(0.5);
        figures.push(own.figure(&format!("AUROC of the harder half, {source}"), Some(half), &|cases| {
            auroc(&cases.iter().map(|(e, s)| (s.of(1), share(e) > middle)).collect::<Vec<_>>())
        }));
    }
    figures
}

/// What a head reaches on each source that it learns nothing from: trained on all the others.
pub(super) fn unseen_sources(recipe: &Recipe, examples: &[Example], config: &Config) -> Vec<Figure> {
    let mut figures = Vec::new();
    for source in recipe.apart {
        let (held, mut others): (Vec<Example>, Vec<Example>) =
            examples.iter().cloned().partition(|example| example.source.starts_with(source));
        if held.is_empty() {
            continue;
        }
        // Questions that several sets ask count as seen.
        let asked: std::collections::HashSet<&str> =
            held.iter().map(|example| example.group.as_str()).collect();
        others.retain(|example| example.group.is_empty() || !asked.contains(example.group.as_str()));
        let config = Config { folds: 2, ..config.clone() };
        let head = train(&others, &recipe.names(), &config, &mut |_| {}).head;
        let scores = apply(&head, &held);
        let cases = Cases { all: held.iter().zip(&scores).collect(), seed: config.seed };
        figures.push(cases.right(&format!("accuracy on {source}, learned from the others"), None));
    }
    figures
}
