//! Models on disk: a card to read and a file of tensors, refused clearly when they do not fit.
//!
//! `model.json` holds what a person may want to read (data, features, metrics, the scorecard's points); trees and
//! networks lie in `model.safetensors` (the public format: a JSON head, then little-endian arrays).

mod made;
mod parts;
mod tensors;

pub use made::FittedOn;
pub use tensors::{Tensor, Tensors};

use crate::block::BlockList;
use crate::dataset::{DAY, Dataset};
use crate::digest::sha256;
use crate::error::{Result, RiskError};
use crate::feature::{FeatureSpace, Lookup, Matrix};
use crate::ingest::Mapping;
use crate::monitor::Reference;
use crate::net::Network;
use crate::shelf::Shelf;
use crate::train::{Fitted, Kind, Outcome};
use crate::tree::{Forest, Tree};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the format.
const FORMAT: &str = "tollgate-risk-model";
/// Its version.
///
/// Since 2 a number that is not known is missing, not 0, and the digest of the data is a SHA-256: models of 1 learned
/// otherwise and are refused.
const VERSION: u32 = 2;

/// What a model says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The format's name.
    pub format: String,
    /// The format's version.
    pub version: u32,
    /// Users, events and refused rows that it was made from.
    pub made_from: MadeFrom,
    /// Length of the window in days.
    pub window_days: i64,
    /// Merchants of fewer users were put under their name or category.
    #[serde(default)]
    pub users_min: u32,
    /// Merchants and categories that did not count, and do not in scoring.
    #[serde(default)]
    pub block: BlockList,
    /// Categories, words and numbers that it knows.
    pub space: FeatureSpace,
    /// What gave the amounts their meaning.
    pub reading: Reading,
    /// What training found.
    pub outcome: Outcome,
    /// What score, inputs and folds were in training; none in models of before this was kept.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// The command that made it, where one did.
    pub command: String,
}

/// The data that a model was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Users.
    pub users: usize,
    /// Events kept.
    pub events: u64,
    /// Rows refused.
    pub refused: u64,
    /// The SHA-256 of users with outcomes and numbers, and of their payments in the window.
    pub digest: String,
    /// Users whom the models that are kept were fitted on, by digests of their keys: whoever judges the model leaves them out.
    #[serde(default)]
    pub fitted_on: FittedOn,
}

/// What gave the amounts of payments their meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Minor units in one unit of the file.
    pub scale: u32,
    /// The values of the direction with which an amount leaves the account, in order; none where no direction is declared.
    pub minus: Option<Vec<String>>,
}

impl Reading {
    fn of(mapping: &Mapping) -> Self {
        let Some(events) = &mapping.events else { return Self { scale: 1, minus: None } };
        let mut minus = events.minus.clone();
        minus.sort();
        Self { scale: events.scale.unwrap_or(1), minus: events.direction.as_ref().map(|_| minus) }
    }
}

impl Card {
    pub(crate) fn new(
        shelf: &mut Shelf<'_>,
        space: FeatureSpace,
        outcome: Outcome,
        fitted_on: &[u32],
    ) -> Result<Self> {
        let digest = made::digest(shelf)?;
        let data = shelf.about();
        Ok(Self {
            format: FORMAT.into(),
            version: VERSION,
            made_from: MadeFrom {
                users: data.users.count,
                events: data.report.kept,
                refused: data.report.refused_rows(),
                digest,
                fitted_on: FittedOn::of(data, fitted_on),
            },
            window_days: data.length / DAY,
            users_min: data.mapping.keys.users_min,
            block: data.mapping.block.clone(),
            space,
            reading: Reading::of(&data.mapping),
            outcome,
            reference: None,
            command: String::new(),
        })
    }
}

/// A model: its card and what it computes with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// What it says of itself.
    pub card: Card,
    /// What it computes with.
    pub fitted: Fitted,
    /// The SHA-256 of its two files; empty where it was not read from files.
    pub digest: String,
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "scale {} and ", self.scale)?;
        match &self.minus {
            Some(minus) => write!(f, "minus [{}]", minus.join(", ")),
            None => f.write_str("no direction"),
        }
    }
}

/// The part of a model's file that says which format it is.
#[derive(Deserialize)]
struct Labelled {
    card: Label,
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    format: String,
    #[serde(default)]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    card: Card,
    fitted: Fitted,
    networks: Vec<Network>,
    base: f64,
    width: usize,
}

/// A user's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The user as the file names it.
    pub user: String,
    /// Probability of a default.
    pub probability: f64,
    /// 600 at odds of 50 to 1, 20 more double the odds.
    pub points: f64,
    /// The number that the user lacks and without which there is no score: probability and points are NaN then.
    pub lacks: Option<String>,
}

impl Score {
    /// The points of a probability.
    pub(crate) fn of(user: String, probability: f64) -> Self {
        let odds = (1.0 - probability) / probability;
        let points = 600.0 + 20.0 / std::f64::consts::LN_2 * (odds.ln() - 50f64.ln());
        Self { user, probability, points, lacks: None }
    }
}

impl Model {
    /// Writes the model to a folder, and reads it again: a model that cannot be opened is not saved.
    ///
    /// # Errors
    /// A file cannot be written, or what was written is no model.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| RiskError::file(folder, e))?;
        let forest = &self.fitted.forest;
        let mut tensors = Tensors::default();
        let sizes: Vec<i32> = forest.trees.iter().map(|t| t.feature.len() as i32).collect();
        let ints = |f: &dyn Fn(&Tree) -> Vec<i32>| forest.trees.iter().flat_map(f).collect::<Vec<i32>>();
        let reals = |f: &dyn Fn(&Tree) -> Vec<f32>| forest.trees.iter().flat_map(f).collect::<Vec<f32>>();
        tensors.ints("trees.sizes", &sizes);
        tensors.ints("trees.feature", &ints(&|t| t.feature.clone()));
        tensors.ints("trees.left", &ints(&|t| t.left.iter().map(|l| *l as i32).collect()));
        tensors.reals("trees.threshold", &[], &reals(&|t| t.threshold.clone()));
        tensors.reals("trees.value", &[], &reals(&|t| t.value.clone()));
        for (i, network) in self.fitted.networks.iter().enumerate() {
            for (name, shape, values) in network.parts() {
                tensors.reals(&format!("network.{i}.{name}"), &shape, values);
            }
        }
        let saved = Saved {
            card: self.card.clone(),
            fitted: self.fitted.clone(),
            networks: self.fitted.networks.clone(),
            base: forest.base,
            width: forest.width,
        };
        let text =
            serde_json::to_vec_pretty(&saved).map_err(|e| RiskError::model("model.json", e.to_string()))?;
        for (name, bytes) in [("model.json", text), ("model.safetensors", tensors.bytes())] {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|e| RiskError::file(&path, e))?;
        }
        Self::open(folder).map(|_| ())
    }

    /// Reads a model.
    ///
    /// # Errors
    /// A file is missing, is of another version, or its tensors have not the shapes that the card says.
    pub fn open(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path)
                .map_err(|e| RiskError::file(&path, e))
                .map(|bytes| (path.display().to_string(), bytes))
        };
        let (place, json) = read("model.json")?;
        let problem = |e: serde_json::Error| RiskError::model(&place, e.to_string());
        let Labelled { card: label } = serde_json::from_slice(&json).map_err(problem)?;
        if label.format != FORMAT || label.version != VERSION {
            let found = format!("{} {}", label.format, label.version);
            return Err(RiskError::model(
                place,
                format!("is {found}; this program reads {FORMAT} {VERSION}: train again"),
            ));
        }
        let saved: Saved = serde_json::from_slice(&json).map_err(problem)?;
        let (place, bytes) = read("model.safetensors")?;
        let digest = sha256([json.as_slice(), &bytes]);
        let tensors = Tensors::read(&bytes, &place)?;
        let mut fitted = saved.fitted;
        fitted.forest = Forest { base: saved.base, width: saved.width, trees: trees(&tensors, &place)? };
        for (i, mut network) in saved.networks.into_iter().enumerate() {
            let mut weights = Vec::with_capacity(network.size());
            for (name, shape, _) in network.parts() {
                let name = format!("network.{i}.{name}");
                weights.extend(tensors.real(&name, &shape)?);
            }
            network.weights = weights;
            if network.space != saved.card.space {
                return Err(RiskError::model(place, format!("network {i} knows other words than the card")));
            }
            fitted.networks.push(network);
        }
        fitted.checked(&saved.card, &place)?;
        Ok(Self { card: saved.card, fitted, digest })
    }

    /// The features of a data set as the model reads them.
    ///
    /// # Errors
    /// The data lack what the model was trained with.
    pub fn features(&self, data: &Dataset) -> Result<Matrix> {
        let space = &self.card.space;
        if space.events && !data.has_events() {
            return Err(RiskError::model(
                "the data",
                "have no events, and the model was trained on histories",
            ));
        }
        if space.profile != data.users.number_names {
            return Err(RiskError::model(
                "the data",
                format!(
                    "have the numbers [{}] of users, and the model was trained with [{}]; declare them in the mapping",
                    data.users.number_names.join(", "),
                    space.profile.join(", ")
                ),
            ));
        }
        let numbers = data.mapping.events.as_ref().map_or(&[][..], |map| &map.numbers);
        if space.events && space.numbers != numbers {
            return Err(RiskError::model(
                "the data",
                format!(
                    "have the numbers [{}] of payments, and the model was trained with [{}]; declare them in the mapping, in that order",
                    numbers.join(", "),
                    space.numbers.join(", ")
                ),
            ));
        }
        if space.events && data.mapping.keys.users_min.max(1) != self.card.users_min.max(1) {
            return Err(RiskError::model(
                "the data",
                format!(
                    "have keys.users_min {}, and the model was trained with {}; declare the same",
                    data.mapping.keys.users_min, self.card.users_min
                ),
            ));
        }
        let reading = Reading::of(&data.mapping);
        if space.events && reading != self.card.reading {
            return Err(RiskError::model(
                "the data",
                format!(
                    "are read with {reading}, and the model was trained with {}; declare scale, direction and minus alike",
                    self.card.reading
                ),
            ));
        }
        let features = space.rows(data);
        if data.users.count > 0 && features.width() != self.fitted.forest.width {
            return Err(RiskError::model(
                "the data",
                format!(
                    "give {} features, and the model reads {}; declare the same numbers of events in the mapping",
                    features.width(),
                    self.fitted.forest.width
                ),
            ));
        }
        Ok(features)
    }

    /// Scores every user of a data set, by the kind of model that won or another.
    ///
    /// # Errors
    /// The data do not fit the model.
    pub fn score(&self, data: &Dataset, kind: Option<Kind>) -> Result<Vec<Score>> {
        let lookup = self.card.space.lookup(&data.names);
        let found = self.probabilities(data, &lookup, kind)?;
        Ok(self.named(data, found))
    }

    /// Probabilities of a data set's users.
    fn probabilities(&self, data: &Dataset, lookup: &Lookup, kind: Option<Kind>) -> Result<Vec<f64>> {
        let features = self.features(data)?;
        let users: Vec<u32> = (0..data.users.count as u32).collect();
        let kind = kind.unwrap_or(self.fitted.winner);
        let logits = self.fitted.logits_of(kind, data, lookup, &features, &users);
        let of = |(user, logit): (usize, f64)| match self.card.space.lacks(data, user) {
            Some(_) => f64::NAN,
            None => self.fitted.probability(kind, logit),
        };
        Ok(logits.into_iter().enumerate().map(of).collect())
    }

    /// Scores of a data set's users in the order of their numbers.
    fn named(&self, data: &Dataset, probabilities: Vec<f64>) -> Vec<Score> {
        let name =
            |user: usize| data.names.users.list().get(user).map_or_else(String::new, ToString::to_string);
        let lacks = |user: usize| self.card.space.lacks(data, user).map(str::to_owned);
        let of = |(user, p): (usize, f64)| Score { lacks: lacks(user), ..Score::of(name(user), p) };
        probabilities.into_iter().enumerate().map(of).collect()
    }
}

fn trees(tensors: &Tensors, place: &str) -> Result<Vec<Tree>> {
    let (feature, left) = (tensors.int("trees.feature")?, tensors.int("trees.left")?);
    let (threshold, value) = (tensors.real("trees.threshold", &[])?, tensors.real("trees.value", &[])?);
    let mut trees = Vec::new();
    let mut at = 0;
    for size in tensors.int("trees.sizes")? {
        let range = at..at + usize::try_from(*size).unwrap_or(usize::MAX / 2);
        at = range.end;
        let tree = (|| {
            Some(Tree {
                feature: feature.get(range.clone())?.to_vec(),
                threshold: threshold.get(range.clone())?.to_vec(),
                left: left.get(range.clone())?.iter().map(|l| *l as u32).collect(),
                value: value.get(range.clone())?.to_vec(),
            })
        })();
        let tree = tree.filter(Tree::is_sound);
        trees
            .push(tree.ok_or_else(|| RiskError::model(place, format!("tree {} is not whole", trees.len())))?);
    }
    Ok(trees)
}
