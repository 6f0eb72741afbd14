//! "Did you mean": the closest known word by edit distance.
//!
//! Invariant: the work is bounded: words longer than 64 bytes are not compared, and the distance matrix is cut at
//! the largest distance that would be suggested.

/// Longest word that is compared.
const MAX_WORD: usize = 64;

/// The candidate nearest to `word`, when near enough to be a likely slip: a third of its length, at least 1.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    let wanted: Vec<char> = word.to_lowercase().chars().collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len().abs_diff(word.len()) > allowed * 4 || candidate.len() > MAX_WORD {
            continue;
        }
        let distance = distance(&wanted, &candidate.to_lowercase());
        if distance <= allowed && best.is_none_or(|held| (distance, candidate) < held) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`: restricted Damerau-Levenshtein distance.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut cost =
                (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_strangers_alone() {
        let words = ["language", "tokens", "tools", "role", "sim-small"];
        for (slip, meant) in [
            ("langauge", Some("language")),
            ("token", Some("tokens")),
            ("roles", Some("role")),
            ("sim-smal", Some("sim-small")),
            ("Tokens", Some("tokens")),
            ("jailbreak", None),
            ("x", None),
        ] {
            assert_eq!(nearest(slip, words), meant, "{slip}");
        }
        assert_eq!(nearest(&"x".repeat(1000), words), None);
    }
}
