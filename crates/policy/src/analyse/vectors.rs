//! Vectors of examples from a file: what an encoder said of the texts that the signals of a policy compare with.
//!
//! One JSON object a line names a signal, one of its examples and the example's vector; the signal's threshold is read as
//! a cosine unless a line gives another. Every example of a signal that is named has its vector, all of one dimension,
//! finite, and none without a direction: otherwise nothing would be proven.
//!
//! ```
//! use tollgate_policy::{Known, Policy, Vectors, analyse_with};
//! let text = r#"
//! signal refund = similar to ["money back"] threshold 0.8
//! signal invoice = similar to ["my invoice"] threshold 0.8
//! route a { when refund models { "a" } }
//! route b { when invoice models { "b" } }
//! default { models { "d" } }
//! "#;
//! let policy = Policy::load("p.tollgate", text, &Known::any()).unwrap();
//! let lines = r#"{"signal": "refund", "text": "money back", "vector": [1, 0]}
//! {"signal": "invoice", "text": "my invoice", "vector": [0.5, 0.9]}"#;
//! let vectors = Vectors::read(lines, &policy).unwrap();
//! assert_eq!(analyse_with(&policy, &vectors).findings[0].kind.word(), "cap-overlap");
//! ```

use super::caps::{Caps, Example, Exemplars, unit};
use crate::Policy;
use crate::text::suggest::nearest;
use serde::Deserialize;
use std::collections::BTreeMap;
use tollgate_core::signal::{Kind, SignalSpec};

/// Most numbers of one vector.
const MAX_DIMENSION: usize = 16_384;
/// Likeness at which a signal matches where its policy gives none.
const THRESHOLD: f64 = 0.5;
/// Most characters of a text or value that an error shows.
const SHOWN: usize = 60;

/// Why vectors cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VectorsError {
    /// A line is wrong.
    #[error("line {line}: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// An example of a signal has no vector.
    #[error(
        "`{signal}` has no vector for its example {text:?}; give one for each example of a signal, or for none of them"
    )]
    Missing {
        /// The signal.
        signal: String,
        /// The example, at most 60 characters.
        text: String,
    },
    /// There is no line.
    #[error(
        "there is no vector; write {{\"signal\": NAME, \"text\": EXAMPLE, \"vector\": [NUMBERS]}}, one a line"
    )]
    Empty,
}

/// The caps of a policy's signals, by the vectors of their examples.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Vectors {
    by: BTreeMap<String, Caps>,
    left_out: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    signal: String,
    text: String,
    vector: Vec<f64>,
    threshold: Option<f64>,
}

impl Vectors {
    /// Reads the vectors of a policy's examples, one JSON object a line.
    ///
    /// # Errors
    /// [`VectorsError`] with the line of the first that is wrong, or the first example without a vector.
    pub fn read(text: &str, policy: &Policy) -> Result<Self, VectorsError> {
        let mut given: BTreeMap<String, Caps> = BTreeMap::new();
        let mut dimension = None;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            take(line, policy, &mut given, &mut dimension)
                .map_err(|why| VectorsError::Line { line: number, why })?;
        }
        if given.is_empty() {
            return Err(VectorsError::Empty);
        }
        let mut read = Self::default();
        for spec in policy.specs().iter().filter(|spec| examples(spec).is_some()) {
            match given.remove(&spec.name) {
                Some(caps) => read.by.extend(whole(spec, caps)?.map(|caps| (spec.name.clone(), caps))),
                None => read.left_out.push(spec.name.clone()),
            }
        }
        Ok(read)
    }

    /// How many signals have vectors.
    #[must_use]
    pub fn signals(&self) -> usize {
        self.by.len()
    }

    /// The signals that compare with examples but have no vectors: nothing is said of those.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

impl Exemplars for Vectors {
    fn caps(&self, spec: &SignalSpec) -> Option<Caps> {
        self.by.get(&spec.name).cloned()
    }
}

/// The examples of a signal that compares with some.
fn examples(spec: &SignalSpec) -> Option<Vec<&str>> {
    (spec.kind == Kind::Similar).then(|| spec.list("to"))
}

/// Takes one line; answers what is wrong with it otherwise.
fn take(
    line: &str,
    policy: &Policy,
    given: &mut BTreeMap<String, Caps>,
    dimension: &mut Option<usize>,
) -> Result<(), String> {
    let Line { signal, text, vector, threshold } = serde_json::from_str(line).map_err(|error| {
        let bare = ["NaN", "Infinity"].into_iter().find(|word| line.contains(word));
        match bare {
            Some(word) => format!("{word} is no number of a vector: all are finite ({error})"),
            None => {
                format!("{error}; a line is {{\"signal\": NAME, \"text\": EXAMPLE, \"vector\": [NUMBERS]}}")
            }
        }
    })?;
    let spec = policy.specs().iter().find(|spec| spec.name == signal);
    let Some(known) = spec.and_then(examples) else { return Err(stranger(&signal, spec, policy)) };
    if !known.contains(&text.as_str()) {
        let near = nearest(&text, known.iter().copied()).or(known.first().copied()).unwrap_or_default();
        return Err(format!(
            "{:?} is no example of `{signal}`; one of them is {:?}",
            short(&text),
            short(near)
        ));
    }
    if let Some(at) = vector.iter().position(|x| !(*x as f32).is_finite()) {
        return Err(format!(
            "number {} of the vector is too large: {}",
            at + 1,
            vector.get(at).copied().unwrap_or_default()
        ));
    }
    let wanted = *dimension.get_or_insert(vector.len());
    if vector.len() != wanted {
        return Err(format!("the vector has {} numbers, those before have {wanted}", vector.len()));
    }
    if vector.len() > MAX_DIMENSION {
        return Err(format!("the vector has {} numbers; {MAX_DIMENSION} are read at most", vector.len()));
    }
    let vector: Vec<f32> = vector.into_iter().map(|x| x as f32).collect();
    if unit(&vector).is_none() {
        return Err("the vector is zero in all numbers: it has no direction".to_owned());
    }
    if let Some(wrong) = threshold.filter(|threshold| !(-1.0..=1.0).contains(threshold)) {
        return Err(format!("the threshold is {wrong}; a cosine lies in [-1, 1]"));
    }
    let own = spec.and_then(|spec| spec.number("threshold")).unwrap_or(THRESHOLD);
    let caps =
        given.entry(signal).or_insert(Caps { examples: Vec::new(), threshold: threshold.unwrap_or(own) });
    if let Some(other) = threshold.filter(|threshold| *threshold != caps.threshold) {
        return Err(format!("the threshold is {other}, but {} before", caps.threshold));
    }
    if caps.examples.iter().any(|example| example.text == text) {
        return Err(format!("{:?} has a vector already", short(&text)));
    }
    caps.examples.push(Example { text, vector });
    Ok(())
}

/// What is wrong with the name of a signal that has no examples.
fn stranger(signal: &str, spec: Option<&SignalSpec>, policy: &Policy) -> String {
    let names: Vec<&str> = policy
        .specs()
        .iter()
        .filter(|spec| examples(spec).is_some())
        .map(|spec| spec.name.as_str())
        .collect();
    if names.is_empty() {
        return "no signal of the policy compares with examples (`similar to [...]`), so no vectors are wanted".to_owned();
    }
    let help = match nearest(signal, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("those that do are `{}`", names.join("`, `")),
    };
    match spec {
        Some(spec) => format!("`{signal}` is a {} and compares with no examples; {help}", spec.kind.word()),
        None => format!("no signal `{}` compares with examples; {help}", short(signal)),
    }
}

/// The caps where every example has its vector. The mean over examples is the cosine to their mean direction, scaled by
/// its length; nothing where no vector can be that near to all of them.
fn whole(spec: &SignalSpec, caps: Caps) -> Result<Option<Caps>, VectorsError> {
    let known = examples(spec).unwrap_or_default();
    let lacks = |text: &&&str| !caps.examples.iter().any(|example| example.text == **text);
    if let Some(text) = known.iter().find(lacks) {
        return Err(VectorsError::Missing { signal: spec.name.clone(), text: short(text) });
    }
    if spec.flag("mean") != Some(true) {
        return Ok(Some(caps));
    }
    let count = caps.examples.len() as f64;
    let mut mean: Vec<f64> = Vec::new();
    for direction in caps.examples.iter().filter_map(|example| unit(&example.vector)) {
        mean.resize(direction.len(), 0.0);
        mean.iter_mut().zip(direction).for_each(|(sum, x)| *sum += x / count);
    }
    let length = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
    let reachable = length.is_normal() && caps.threshold.abs() <= length;
    let text = format!("the mean of {} examples", caps.examples.len());
    let example = Example { text, vector: mean.into_iter().map(|x| x as f32).collect() };
    Ok(reachable.then(|| Caps { examples: vec![example], threshold: caps.threshold / length }))
}

fn short(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
