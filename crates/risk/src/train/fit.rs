//! One fit: complexity, blend and calibration from held-out users, then everything again on all of them.

use super::fitted::{Fitted, Kind, blended};
use super::outcome::Attribute;
use super::split::{CHOICE_MIN, Split, inner, truth};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::evaluate::{Calibrator, Platt, auc};
use crate::feature::{FeatureSpace, Matrix};
use crate::linear::{Logistic, Scorecard};
use crate::net::{NetConfig, Network};
use crate::shelf::Shelf;
use crate::tree::{Forest, TreeParams};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tollgate_core::Seed;

/// Least gain in AUC for which a further model joins the blend.
const JOIN: f64 = 2e-4;

/// Defaults below which a network is held back, and trees are the mean of several forests.
const FEW: usize = 200;
/// Forests, each of a seed of its own, where defaults are few: which users and features a tree sees then matters.
const BAG: u32 = 5;

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// From which everything drawn follows.
    pub seed: Seed,
    /// Repeats of declared folds that are run.
    pub repeats: usize,
    /// Trees.
    pub trees: TreeParams,
    /// The network; none leaves it out.
    pub network: Option<NetConfig>,
    /// Whether the network's settings hold as they are; else few defaults ask for stronger ones.
    pub exact: bool,
    /// The folder in which networks keep their progress, to go on from where training was stopped.
    pub kept: Option<PathBuf>,
    /// Groups of people that the winner's scores are compared by.
    pub attributes: Vec<Attribute>,
    /// Share of users who are approved where groups are compared.
    pub approved: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: Seed(1),
            repeats: 1,
            trees: TreeParams::default(),
            network: Some(NetConfig::default()),
            exact: false,
            kept: None,
            attributes: Vec::new(),
            approved: 0.8,
        }
    }
}

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainStep<'a> {
    /// A split begins.
    Split(&'a str),
    /// A kind of model is being fitted.
    Model(Kind),
    /// An epoch of the network ended, with its loss and the AUC on held-out users.
    Epoch(usize, f64, f64),
}

/// Fits all kinds on the training and validation users of a split.
///
/// # Errors
/// The network cannot be made for these data; a part of them cannot be read.
pub fn fit(
    shelf: &mut Shelf<'_>,
    features: &Matrix,
    space: &FeatureSpace,
    split: &Split,
    config: &TrainConfig,
    step: &mut dyn FnMut(TrainStep<'_>),
) -> Result<Fitted> {
    let data = shelf.about();
    let inner = inner(data, &split.train, &split.valid, config.seed);
    let all = [split.train.as_slice(), &split.valid].concat();
    let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
    let held: Vec<u32> = inner.iter().flat_map(|(_, held)| held.iter().copied()).collect();
    let held_truth = truth(data, &held);
    let mut fitted = Fitted::default();
    let mut logits: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();

    step(TrainStep::Model(Kind::Logistic));
    let (penalty, found) = best_penalty(features, &labels, &inner);
    logits.insert(Kind::Logistic, found);
    fitted.logistic = Logistic::fit(features, &labels, &all, penalty);

    step(TrainStep::Model(Kind::Trees));
    let params =
        TreeParams { seed: config.seed.derive("trees"), ..sized(&config.trees, &all, features.width()) };
    let defaults = truth(data, &all).into_iter().filter(|l| *l).count();
    let bag = if defaults < FEW { BAG } else { 1 };
    let (rounds, mut found) = (Cell::new(0usize), Vec::new());
    for (fit, held) in &inner {
        let forest = bagged(bag, &params, &|params| {
            let forest = Forest::fit(features, &labels, fit, held, params);
            rounds.set(rounds.get() + forest.trees.len());
            forest
        });
        found.extend(held.iter().map(|u| forest.logit(features.row(*u as usize))));
    }
    logits.insert(Kind::Trees, found);
    let fits = inner.len() * bag as usize;
    let params = TreeParams { rounds: rounds.get().div_ceil(fits), ..params };
    fitted.forest = bagged(bag, &params, &|params| Forest::fit(features, &labels, &all, &[], params));

    step(TrainStep::Model(Kind::Scorecard));
    let mut found = Vec::new();
    for (fit, held) in &inner {
        let card = Scorecard::fit(features, &labels, fit);
        found.extend(held.iter().map(|u| card.logit(features.row(*u as usize))));
    }
    logits.insert(Kind::Scorecard, found);
    fitted.scorecard = Scorecard::fit(features, &labels, &all);

    if let Some(net) = config.network.as_ref().filter(|_| space.events) {
        step(TrainStep::Model(Kind::Network));
        let net = if config.exact { net.clone() } else { few(net, defaults) };
        let mut found = Vec::new();
        for (turn, (fit, held)) in inner.iter().enumerate() {
            let kept = config.kept.as_ref().map(|folder| folder.join(file_of(&split.name, turn)));
            let seed = config.seed.derive(&format!("network {turn}"));
            let net = NetConfig { seed, kept, ..net.clone() };
            let line = Logistic::fit(features, &labels, fit, penalty);
            let mut heard = |epoch, loss, auc| step(TrainStep::Epoch(epoch, loss, auc));
            let network = Network::train_from(shelf, features, space, (fit, held), &line, &net, &mut heard)?;
            let lookup = space.lookup(&shelf.about().names);
            let of = |data: &Dataset, users: &[u32]| {
                BTreeMap::from([((), network.logits_with(data, &lookup, features, users))])
            };
            found.extend(shelf.gathered(held, of)?.remove(&()).unwrap_or_default());
            fitted.networks.push(network);
        }
        logits.insert(Kind::Network, found);
    }
    settle(&mut fitted, logits, &held_truth);
    Ok(fitted)
}

/// The file in which a network's progress is kept: letters and digits of its split, and the turn.
fn file_of(split: &str, turn: usize) -> String {
    let name: String = split.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{name}-{turn}.safetensors")
}

/// Trees for few users have smaller leaves; where there are few features each tree sees more of them.
fn sized(params: &TreeParams, users: &[u32], width: usize) -> TreeParams {
    let share = params.column_share.max((16.0 / width.max(1) as f64).min(1.0));
    let child_min = if users.len() < 2_000 { params.child_min.min(5) } else { params.child_min };
    TreeParams { child_min, column_share: share, ..params.clone() }
}

/// The mean of forests of several seeds; one forest is as it is.
fn bagged(count: u32, params: &TreeParams, fit: &dyn Fn(&TreeParams) -> Forest) -> Forest {
    let seeded = |turn: u32| match turn {
        0 => fit(params),
        _ => fit(&TreeParams { seed: params.seed.derive(&format!("bag {turn}")), ..params.clone() }),
    };
    Forest::mean((0..count).map(seeded).collect())
}

/// Few defaults ask for a stronger hand: smaller steps, more left out, a fixed number of passes.
fn few(net: &NetConfig, defaults: usize) -> NetConfig {
    if defaults >= FEW {
        return net.clone();
    }
    NetConfig { epochs: net.epochs * 2, batch: 64, dropout: 0.3, decay: 0.3, ..net.clone() }
}

fn best_penalty(features: &Matrix, labels: &[bool], inner: &[(Vec<u32>, Vec<u32>)]) -> (f64, Vec<f64>) {
    let mut by_penalty: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    for (fit, held) in inner {
        let truth: Vec<bool> = held.iter().map(|u| labels[*u as usize]).collect();
        for (i, (penalty, logits)) in Logistic::path(features, labels, fit, held).into_iter().enumerate() {
            if by_penalty.len() <= i {
                by_penalty.push((penalty, 0.0, Vec::new()));
            }
            by_penalty[i].1 += auc(&logits, &truth).unwrap_or(0.5);
            by_penalty[i].2.extend(logits);
        }
    }
    let best = by_penalty.into_iter().reduce(|a, b| if b.1 > a.1 + 1e-9 { b } else { a });
    best.map_or_else(|| (1.0, Vec::new()), |(penalty, _, logits)| (penalty, logits))
}

/// Lines, blend, calibration and winner, from logits of held-out users.
fn settle(fitted: &mut Fitted, mut logits: BTreeMap<Kind, Vec<f64>>, truth: &[bool]) {
    let lines: BTreeMap<Kind, Platt> = logits.iter().map(|(kind, x)| (*kind, Platt::fit(x, truth))).collect();
    // So few defaults that choosing members is choosing luck: all of them, evenly.
    let members = if truth.iter().filter(|l| **l).count() < CHOICE_MIN {
        logits.keys().copied().collect()
    } else {
        members(&logits, &lines, truth)
    };
    logits.insert(Kind::Blend, blended(&logits, &lines, &members, truth.len()));
    fitted.lines = lines;
    fitted.blend = members;
    for (kind, x) in &logits {
        fitted.calibrators.insert(*kind, Calibrator::fit(x, truth));
        fitted.held_auc.insert(*kind, auc(x, truth).unwrap_or(0.5));
    }
    let winner = fitted.held_auc.iter().fold(None, |a: Option<(Kind, f64)>, (k, v)| match a {
        Some(a) if a.1 >= *v => Some(a),
        _ => Some((*k, *v)),
    });
    fitted.winner = winner.map_or(Kind::Logistic, |w| w.0);
}

/// Members of a blend: the best kind first, then whichever gains most, as long as one gains enough.
fn members(logits: &BTreeMap<Kind, Vec<f64>>, lines: &BTreeMap<Kind, Platt>, truth: &[bool]) -> Vec<Kind> {
    let score = |members: &[Kind]| auc(&blended(logits, lines, members, truth.len()), truth).unwrap_or(0.0);
    let mut members: Vec<Kind> = Vec::new();
    let mut best = f64::NEG_INFINITY;
    loop {
        let tried =
            logits.keys().filter(|k| !members.contains(k)).map(|k| [members.as_slice(), &[*k]].concat());
        let Some((found, next)) =
            tried.map(|with| (score(&with), with)).reduce(|a, b| if b.0 > a.0 { b } else { a })
        else {
            break;
        };
        if found < best + JOIN {
            break;
        }
        (best, members) = (found, next);
    }
    members
}
