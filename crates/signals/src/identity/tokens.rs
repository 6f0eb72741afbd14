//! Bytes per token, learned from observed usage.
//!
//! A token estimate is bytes / r. Each category (the gateway's choice: a model, a domain, a language) starts at
//! r = 4 and follows the usage that upstreams report by an exponential moving average, bounded to [1.5, 8].

use std::collections::BTreeMap;

/// r before anything was observed.
const START: f64 = crate::input::DEFAULT_BYTES_PER_TOKEN;
/// Bounds of r.
const LOW: f64 = 1.5;
const HIGH: f64 = 8.0;
/// Weight of one observation; the last 20 or so make the average.
const WEIGHT: f64 = 0.05;
/// Prompts below so many tokens say more about the template than about the text.
const TOKENS_MIN: u64 = 32;
/// Most categories; further ones share one average.
const CATEGORIES_MAX: usize = 256;

/// Bytes per token by category.
#[derive(Clone, Debug, Default)]
pub struct TokenRatio {
    by_category: BTreeMap<String, f64>,
    overall: Option<f64>,
}

fn follow(slot: &mut f64, seen: f64) {
    *slot = (*slot + WEIGHT * (seen - *slot)).clamp(LOW, HIGH);
}

impl TokenRatio {
    /// Nothing observed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns from one answered request: `bytes` of prompt were `tokens` prompt tokens by the upstream's count.
    /// Prompts under 32 tokens are left out.
    pub fn observe(&mut self, category: &str, bytes: u64, tokens: u64) {
        if tokens < TOKENS_MIN || bytes == 0 {
            return;
        }
        let seen = (bytes as f64 / tokens as f64).clamp(LOW, HIGH);
        follow(self.overall.get_or_insert(START), seen);
        if let Some(slot) = self.by_category.get_mut(category) {
            follow(slot, seen);
        } else if self.by_category.len() < CATEGORIES_MAX {
            let mut start = START;
            follow(&mut start, seen);
            self.by_category.insert(category.to_owned(), start);
        }
    }

    /// Bytes per token for a category: its own average, else that of all traffic, else 4. In [1.5, 8].
    #[must_use]
    pub fn bytes_per_token(&self, category: &str) -> f64 {
        self.by_category.get(category).copied().or(self.overall).unwrap_or(START)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn starts_at_four_and_follows_usage() {
        let mut ratio = TokenRatio::new();
        assert_eq!(ratio.bytes_per_token("chat"), 4.0);
        for _ in 0..200 {
            ratio.observe("code", 3000, 1000);
            ratio.observe("chat", 5, 1);
        }
        assert!((ratio.bytes_per_token("code") - 3.0).abs() < 0.01);
        assert!((ratio.bytes_per_token("new") - 3.0).abs() < 0.01, "a new category starts from all traffic");
    }

    #[test]
    fn categories_are_bounded() {
        let mut ratio = TokenRatio::new();
        (0..2 * CATEGORIES_MAX).for_each(|i| ratio.observe(&format!("c{i}"), 1000, 100));
        assert_eq!(ratio.by_category.len(), CATEGORIES_MAX);
        assert!(ratio.bytes_per_token("c511") > 4.0, "it shares the overall average");
    }

    proptest! {
        #[test]
        fn stays_in_bounds(seen in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..50)) {
            let mut ratio = TokenRatio::new();
            for (bytes, tokens) in seen {
                ratio.observe("a", bytes, tokens);
                prop_assert!((LOW..=HIGH).contains(&ratio.bytes_per_token("a")));
            }
        }
    }
}
