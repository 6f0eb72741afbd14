//! A text looked through.

use super::hidden::hides;
use super::{Looks, Suspicion, pieces, readings};
use crate::head::{Grams, Head, Scores, shipped};

/// From this suspicion of a piece on it is asked which hazard it touches.
const SECOND_LEVEL: f32 = 0.2;
/// From this probability on a piece may be of a class: a piece may be of five at most, so that naming another hazard beside
/// one does not hide it.
const CLASS_LEAST: f32 = 0.2;
/// What is suspected of a text in which much is written that shows nothing.
const HIDES: f32 = 0.75;

/// The worst piece of one head so far.
#[derive(Debug, Default)]
struct Worst {
    score: f32,
    piece: Option<String>,
}

impl Worst {
    fn look(&mut self, head: Option<&Head>, grams: &Grams, (piece, step): (&str, f32)) -> f32 {
        let score = head.map_or(0.0, |head| less(head.classify(grams, None).of(1), step));
        if score > self.score {
            (self.score, self.piece) = (score, Some(piece.to_owned()));
        }
        score
    }
}

/// A probability whose odds are divided by `step`.
fn less(score: f32, step: f32) -> f32 {
    score / (score + (1.0 - score) * step)
}

/// A text that was looked through by words: what an encoder's vectors of its [`suspects`](Self::suspects) are then added to.
///
/// Every piece is read by its n-grams, and the vector is that of the piece which n-grams suspect most, so that an encoder
/// never reads more than two pieces however long the text is. What is said is what n-grams say, or the
/// [mean](Scores::mean) of the two sides where that is more: a vector that sees nothing takes nothing back.
#[derive(Debug)]
pub struct Scan {
    attack: Worst,
    hazard: Worst,
    /// The worst piece that may be of each class.
    classes: Vec<f32>,
    hides: bool,
    windows: usize,
}

impl Scan {
    /// Looks `text` through; none where one of its [`readings`] is longer than [`TEXT_MAX`](super::TEXT_MAX).
    #[must_use]
    pub fn of(text: &str, looks: Looks) -> Option<Self> {
        let readings = readings(text)?;
        let attack_head = looks.attack.then(|| shipped("jailbreak")).flatten();
        let hazard_head = looks.hazard.then(|| shipped("hazard")).flatten();
        let class_head = shipped("hazard_class");
        let (mut attack, mut hazard) = (Worst::default(), Worst::default());
        let mut classes = vec![0.0_f32; class_head.map_or(0, |head| head.labels().len())];
        for reading in readings {
            pieces::each(&reading, |piece, step| {
                let grams = Grams::of(piece);
                attack.look(attack_head, &grams, (piece, step));
                let suspected = hazard.look(hazard_head, &grams, (piece, step));
                if let Some(head) = class_head.filter(|_| suspected >= SECOND_LEVEL) {
                    raise(&mut classes, &head.classify(&grams, None), suspected);
                }
            });
        }
        let (hides, windows) = (looks.attack && hides(text), pieces::count(text.len()));
        Some(Self { attack, hazard, classes, hides, windows })
    }

    /// The pieces, at most two, whose vectors [`Self::judge`] reads.
    pub fn suspects(&self) -> impl Iterator<Item = &str> {
        let other = self.hazard.piece.as_deref().filter(|piece| self.attack.piece.as_deref() != Some(piece));
        self.attack.piece.as_deref().into_iter().chain(other)
    }

    /// What is suspected, with `vector` to tell the vector of a piece; where there is none, by words alone.
    #[must_use]
    pub fn judge<'v>(&self, vector: &dyn Fn(&str) -> Option<&'v [f32]>) -> Suspicion {
        let vector_of = |worst: &Worst| worst.piece.as_deref().and_then(vector);
        let level = |worst: &Worst, head: &str| {
            let by_words = worst.score;
            let by_vector = vector_of(worst).and_then(|vector| shipped(head)?.by_vector(vector));
            let both = by_vector.map(|scores| Scores(vec![1.0 - by_words, by_words]).mean(&scores).of(1));
            both.map_or(by_words, |both| both.max(by_words))
        };
        let attack = level(&self.attack, "jailbreak").max(if self.hides { HIDES } else { 0.0 });
        let hazard = level(&self.hazard, "hazard");
        let mut levels = self.classes.clone();
        let class_head = shipped("hazard_class");
        let vector = vector_of(&self.hazard);
        if let (Some(head), Some(piece), true) = (class_head, &self.hazard.piece, vector.is_some())
            && hazard >= SECOND_LEVEL
        {
            raise(&mut levels, &head.classify(&Grams::of(piece), vector), hazard);
        }
        let labels = class_head.map(Head::labels).unwrap_or_default().iter().map(String::as_str);
        let mut classes: Vec<_> = labels.zip(levels).filter(|(_, level)| *level > 0.0).collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        Suspicion { attack, hazard, classes, windows: self.windows }
    }
}

/// Raises the level of every class that a piece may be of: the likeliest, and those that are likely enough.
fn raise(levels: &mut [f32], scores: &Scores, level: f32) {
    let (best, _) = scores.best();
    for (at, (known, share)) in levels.iter_mut().zip(&scores.0).enumerate() {
        if at == best || *share >= CLASS_LEAST {
            *known = known.max(level);
        }
    }
}
