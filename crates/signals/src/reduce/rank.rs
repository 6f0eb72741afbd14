//! Sentences as weighted words, and which of them to take.

use std::collections::{BinaryHeap, HashMap};

/// Words that say nothing of a text's matter, beside those of two letters. Ascending.
const EMPTY: &[&str] = &[
    "about", "all", "and", "any", "are", "but", "can", "could", "for", "from", "had", "has", "have", "her",
    "him", "his", "how", "into", "its", "just", "like", "may", "more", "not", "one", "only", "other", "our",
    "out", "over", "she", "should", "some", "such", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "was", "were", "what", "when", "where", "which", "who", "will", "with",
    "would", "you", "your",
];
/// Steps of the walk; its likeness to its limit is below one part in a hundred by then.
const STEPS: usize = 8;
/// Share of the walk that follows likeness; the rest begins anew (PageRank's damping).
const FOLLOW: f32 = 0.85;
/// What a sentence is taken for: how central it is, where it stands, how rare its words are.
const WEIGHTS: [f32; 3] = [0.35, 0.3, 0.35];

/// The sentences of one text.
pub(super) struct Table {
    /// Word and weight, for each sentence, with length 1.
    rows: Vec<Vec<(u32, f32)>>,
    words: usize,
    /// Mean rarity of each sentence's words.
    rarity: Vec<f32>,
}

fn word_hash(word: &str) -> u64 {
    // FNV-1a of the small letters.
    let small = |hash: u64, c: char| {
        let c = if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) };
        (hash ^ u64::from(c as u32)).wrapping_mul(0x0100_0000_01b3)
    };
    word.chars().fold(0xcbf2_9ce4_8422_2325, small)
}

fn tells(word: &str) -> bool {
    word.len() > 2 && !(word.len() <= 6 && EMPTY.binary_search(&word.to_ascii_lowercase().as_str()).is_ok())
}

impl Table {
    pub(super) fn of<'t>(sentences: impl Iterator<Item = &'t str>) -> Self {
        let mut names: HashMap<u64, u32> = HashMap::new();
        let mut rows: Vec<Vec<(u32, f32)>> = Vec::new();
        let mut found: Vec<u32> = Vec::new();
        for sentence in sentences {
            let words = sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| tells(word));
            let mut row: Vec<u32> = words
                .map(|word| {
                    let next = names.len() as u32;
                    *names.entry(word_hash(word)).or_insert(next)
                })
                .collect();
            found.resize(names.len(), 0);
            row.sort_unstable();
            let row: Vec<(u32, f32)> = row
                .chunk_by(|a, b| a == b)
                .filter_map(|run| Some((*run.first()?, run.len() as f32)))
                .collect();
            for (word, _) in &row {
                if let Some(count) = found.get_mut(*word as usize) {
                    *count += 1;
                }
            }
            rows.push(row);
        }
        let count = rows.len() as f32;
        let idf =
            |word: u32| (1.0 + count / found.get(word as usize).copied().unwrap_or(0).max(1) as f32).ln();
        let mut rarity = Vec::with_capacity(rows.len());
        for row in &mut rows {
            let seen = row.len().max(1) as f32;
            rarity.push(row.iter().map(|(word, _)| idf(*word)).sum::<f32>() / seen);
            row.iter_mut().for_each(|(word, weight)| *weight *= idf(*word));
            let length = row.iter().map(|(_, w)| w * w).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            row.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        Self { rows, words: names.len(), rarity }
    }

    /// What flows from the sentences' values to words and back: the likeness matrix times `values`, unseen.
    fn through(&self, values: &[f32]) -> Vec<f32> {
        let mut words = vec![0.0_f32; self.words];
        for (row, value) in self.rows.iter().zip(values) {
            for (word, weight) in row {
                if let Some(sum) = words.get_mut(*word as usize) {
                    *sum += weight * value;
                }
            }
        }
        let back = |row: &Vec<(u32, f32)>| {
            row.iter().map(|(word, weight)| weight * words.get(*word as usize).copied().unwrap_or(0.0)).sum()
        };
        self.rows.iter().map(back).collect()
    }

    /// TextRank.
    fn central(&self) -> Vec<f32> {
        let count = self.rows.len();
        let degrees = self.through(&vec![1.0; count]);
        let even = 1.0 / count.max(1) as f32;
        let mut ranks = vec![even; count];
        for _ in 0..STEPS {
            let shares: Vec<f32> =
                ranks.iter().zip(&degrees).map(|(r, d)| if *d > 0.0 { r / d } else { 0.0 }).collect();
            let flow = self.through(&shares);
            ranks = flow.iter().map(|flow| (1.0 - FOLLOW) * even + FOLLOW * flow).collect();
        }
        ranks
    }

    /// Sentences to take, ascending: the first and the last, then by score times novelty while they fit.
    pub(super) fn choose(&self, sizes: &[usize], budget: usize) -> Vec<usize> {
        let count = self.rows.len();
        let half = count.max(1) as f32 / 2.0;
        let position = |at: usize| 1.0 - at.min(count - 1 - at) as f32 / half;
        let (central, rarity) = (even(&self.central()), even(&self.rarity));
        let score = |at: usize| {
            let parts = [central.get(at).copied(), Some(position(at)), rarity.get(at).copied()];
            parts.iter().zip(WEIGHTS).map(|(part, weight)| part.unwrap_or(0.0) * weight).sum::<f32>()
        };
        let scores: Vec<f32> = (0..count).map(score).collect();
        let mut chosen = Chosen { covered: vec![false; self.words], left: budget, taken: Vec::new() };
        for at in [0, count.saturating_sub(1)] {
            chosen.take(self, at, sizes);
        }
        // Novelty only falls, so the best by its last known value that still has it is the best of all.
        let mut queue: BinaryHeap<(Value, usize)> =
            scores.iter().enumerate().map(|(at, score)| (Value(*score), at)).collect();
        while let Some((Value(was), at)) = queue.pop() {
            let now = scores.get(at).copied().unwrap_or(0.0) * chosen.novelty(self, at);
            if now < was && queue.peek().is_some_and(|(Value(next), _)| *next > now) {
                queue.push((Value(now), at));
            } else if now > 0.0 {
                chosen.take(self, at, sizes);
            }
        }
        chosen.taken.sort_unstable();
        chosen.taken
    }
}

/// The same with 1 as the largest.
fn even(values: &[f32]) -> Vec<f32> {
    let most = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    values.iter().map(|value| value / most).collect()
}

/// A number that a heap can order.
#[derive(Clone, Copy, PartialEq)]
struct Value(f32);

impl Eq for Value {}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What was taken so far.
struct Chosen {
    covered: Vec<bool>,
    left: usize,
    taken: Vec<usize>,
}

impl Chosen {
    fn take(&mut self, table: &Table, at: usize, sizes: &[usize]) {
        let size = sizes.get(at).copied().unwrap_or(usize::MAX);
        if size > self.left || self.taken.contains(&at) {
            return;
        }
        self.left -= size;
        self.taken.push(at);
        for (word, _) in table.rows.get(at).into_iter().flatten() {
            if let Some(covered) = self.covered.get_mut(*word as usize) {
                *covered = true;
            }
        }
    }

    /// Share of a sentence's weight that no taken sentence has.
    fn novelty(&self, table: &Table, at: usize) -> f32 {
        let row = table.rows.get(at).map(Vec::as_slice).unwrap_or_default();
        let fresh = |word: u32| !self.covered.get(word as usize).copied().unwrap_or(true);
        let all: f32 = row.iter().map(|(_, w)| w * w).sum();
        let new: f32 = row.iter().filter(|(word, _)| fresh(*word)).map(|(_, w)| w * w).sum();
        if all > 0.0 { new / all } else { 0.0 }
    }
}
