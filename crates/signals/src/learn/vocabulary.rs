//! Which grams are kept: those whose presence tells most about the label.
//!
//! Score: the likelihood ratio `G² = 2 Σ O ln(O / E)` over labels, present and absent (Dunning 1993). Of `n` texts of
//! which `d` have the gram its rarity is `1 + ln(n / d)`.

use super::Example;
use crate::head::{BUCKETS, GramSide, Grams, LABELS_MAX};

/// Kept grams, ascending, with the stored step of their rarity.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) keys: Vec<u32>,
    pub(super) rarity: Vec<u8>,
}

/// `O ln(O / E)`, 0 where nothing was observed.
fn term(observed: f64, expected: f64) -> f64 {
    if observed > 0.0 { observed * (observed / expected).ln() } else { 0.0 }
}

/// Texts with a gram, by label.
fn score(with: &[u32], all: &[u32], total: f64) -> f64 {
    let present = f64::from(with.iter().sum::<u32>());
    let sums = with.iter().zip(all).map(|(with, all)| {
        let (with, all) = (f64::from(*with), f64::from(*all));
        term(with, present * all / total) + term(all - with, (total - present) * all / total)
    });
    2.0 * sums.sum::<f64>()
}

impl Vocabulary {
    /// Chooses at most `most` of the grams that at least `least` texts have.
    pub(super) fn choose(rows: &[(&Example, &Grams)], labels: usize, least: usize, most: usize) -> Self {
        // A gram is 24 bits and a label six: one word for both, and sorting brings a gram's texts together.
        let mut seen = Vec::new();
        let mut all = vec![0_u32; labels];
        let mut own = Vec::new();
        for (example, grams) in rows {
            own.clear();
            own.extend_from_slice(grams.hashes());
            own.sort_unstable();
            own.dedup();
            seen.extend(own.iter().map(|gram| gram << 6 | example.label as u32 & 63));
            if let Some(count) = all.get_mut(example.label) {
                *count += 1;
            }
        }
        const { assert!(BUCKETS <= 1 << 24 && LABELS_MAX <= 1 << 6) };
        seen.sort_unstable();
        let total = rows.len() as f64;
        let mut found: Vec<(f64, u32, usize)> = Vec::new();
        let mut with = vec![0_u32; labels];
        for same in seen.chunk_by(|a, b| a >> 6 == b >> 6) {
            if same.len() < least || same.len() == rows.len() {
                continue;
            }
            with.fill(0);
            for word in same {
                if let Some(count) = with.get_mut((word & 63) as usize) {
                    *count += 1;
                }
            }
            if let Some(first) = same.first() {
                found.push((score(&with, &all, total), first >> 6, same.len()));
            }
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(most);
        found.sort_unstable_by_key(|(_, gram, _)| *gram);
        let rarity = |count: usize| GramSide::rarity_step((1.0 + (total / count as f64).ln()) as f32);
        Self {
            keys: found.iter().map(|(_, gram, _)| *gram).collect(),
            rarity: found.iter().map(|(_, _, count)| rarity(*count)).collect(),
        }
    }

    /// A text's values over the kept grams, scaled to length one: what [`GramSide`] reads at run time.
    pub(super) fn row(&self, grams: &Grams) -> Vec<(u32, f32)> {
        let mut own = grams.hashes().to_vec();
        own.sort_unstable();
        let mut row: Vec<(u32, f32)> = own
            .chunk_by(|a, b| a == b)
            .filter_map(|same| {
                let at = self.keys.binary_search(same.first()?).ok()?;
                Some((at as u32, GramSide::value(same.len(), *self.rarity.get(at)?)))
            })
            .collect();
        let norm = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|(_, value)| *value /= norm);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_labels_apart_is_kept_before_what_is_frequent() {
        let texts: Vec<Example> =
            (0..20).map(|i| Example::new(["the cat", "the dog"][i % 2], i % 2)).collect();
        let grams: Vec<Grams> = texts.iter().map(|t| Grams::of(&t.text)).collect();
        let rows: Vec<_> = texts.iter().zip(&grams).collect();
        let kept = Vocabulary::choose(&rows, 2, 2, 4);
        assert_eq!(kept.keys.len(), 4);
        let the = Grams::of("the");
        assert!(the.hashes().iter().all(|gram| kept.keys.binary_search(gram).is_err()));
        // Perfectly told apart: G² = 2 n ln 2.
        assert!((score(&[10, 0], &[10, 10], 20.0) - 40.0 * 2.0_f64.ln()).abs() < 1e-9);
        assert!(score(&[5, 5], &[10, 10], 20.0).abs() < 1e-9);
        let norm: f32 = kept.row(&grams[0]).iter().map(|(_, v)| v * v).sum();
        assert!((norm - 1.0).abs() < 1e-5);
    }
}
