//! Models on disk: a card to read and a file of tensors, refused clearly when they do not fit.
//!
//! `model.json` holds what a person may want to read (data, features, metrics, the scorecard's points); trees and
//! networks lie in `model.safetensors` (the public format: a JSON head, then little-endian arrays).

mod parts;
mod tensors;

pub use tensors::{Tensor, Tensors};

use crate::block::BlockList;
use crate::dataset::{DAY, Dataset};
use crate::error::{Result, RiskError};
use crate::feature::{FeatureSpace, Lookup, Matrix};
use crate::ingest::Names;
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
const VERSION: u32 = 1;
/// Behaviours that are digested at a time.
const DIGESTED: usize = 1 << 12;

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
    /// A digest of users, merchants, times and amounts.
    pub digest: String,
}

impl Card {
    pub(crate) fn new(shelf: &mut Shelf<'_>, space: FeatureSpace, outcome: Outcome) -> Result<Self> {
        let mut digest = 0;
        shelf.each(&[], |data, _| digest = events_digest(digest, data))?;
        let data = shelf.about();
        for number in data.users.numbers.iter().flatten() {
            digest = crc32c::crc32c_append(digest, &number.to_le_bytes());
        }
        Ok(Self {
            format: FORMAT.into(),
            version: VERSION,
            made_from: MadeFrom {
                users: data.users.count,
                events: data.report.kept,
                refused: data.report.refused_rows(),
                digest: format!("crc32c:{digest:08x}"),
            },
            window_days: data.length / DAY,
            users_min: data.mapping.keys.users_min,
            block: data.mapping.block.clone(),
            space,
            outcome,
            reference: None,
            command: String::new(),
        })
    }
}

/// Goes on with a digest over users, merchants, times and amounts.
fn events_digest(mut digest: u32, data: &Dataset) -> u32 {
    let events = &data.folded.events;
    let mut bytes = Vec::with_capacity(24 * DIGESTED);
    for rows in (0..events.len()).step_by(DIGESTED) {
        bytes.clear();
        for row in rows..(rows + DIGESTED).min(events.len()) {
            bytes.extend_from_slice(&events.user[row].to_le_bytes());
            bytes.extend_from_slice(&events.merchant[row].to_le_bytes());
            bytes.extend_from_slice(&events.time[row].to_le_bytes());
            bytes.extend_from_slice(&events.amount[row].to_le_bytes());
        }
        digest = crc32c::crc32c_append(digest, &bytes);
    }
    digest
}

/// A model: its card and what it computes with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// What it says of itself.
    pub card: Card,
    /// What it computes with.
    pub fitted: Fitted,
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
}

impl Score {
    /// The points of a probability.
    pub(crate) fn of(user: String, probability: f64) -> Self {
        let odds = (1.0 - probability) / probability;
        let points = 600.0 + 20.0 / std::f64::consts::LN_2 * (odds.ln() - 50f64.ln());
        Self { user, probability, points }
    }
}

impl Model {
    /// Writes the model to a folder.
    ///
    /// # Errors
    /// A file cannot be written.
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
        Ok(())
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
        let (place, bytes) = read("model.json")?;
        let saved: Saved =
            serde_json::from_slice(&bytes).map_err(|e| RiskError::model(&place, e.to_string()))?;
        if saved.card.format != FORMAT || saved.card.version != VERSION {
            let found = format!("{} {}", saved.card.format, saved.card.version);
            return Err(RiskError::model(
                place,
                format!("is {found}; this program reads {FORMAT} {VERSION}"),
            ));
        }
        let (place, bytes) = read("model.safetensors")?;
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
        Ok(Self { card: saved.card, fitted })
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
        Ok(named(&data.names, found))
    }

    /// Probabilities of a data set's users.
    fn probabilities(&self, data: &Dataset, lookup: &Lookup, kind: Option<Kind>) -> Result<Vec<f64>> {
        let features = self.features(data)?;
        let users: Vec<u32> = (0..data.users.count as u32).collect();
        let kind = kind.unwrap_or(self.fitted.winner);
        let logits = self.fitted.logits_of(kind, data, lookup, &features, &users);
        Ok(logits.into_iter().map(|logit| self.fitted.probability(kind, logit)).collect())
    }
}

/// Scores of users in the order of their numbers.
fn named(names: &Names, probabilities: Vec<f64>) -> Vec<Score> {
    let name = |user: usize| names.users.list().get(user).map_or_else(String::new, ToString::to_string);
    probabilities.into_iter().enumerate().map(|(user, p)| Score::of(name(user), p)).collect()
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
