//! Which part of the data a text is held out in.

use super::Example;
use tollgate_core::{Digest, Seed};

/// The fold of a group, by a digest: it does not depend on what else there is.
#[must_use]
pub fn fold_of(group: &str, seed: Seed, folds: usize) -> usize {
    let digest = Digest::of_parts([&seed.0.to_le_bytes()[..], group.as_bytes()]).short();
    (digest % folds.max(1) as u64) as usize
}

/// The group of an example: its own, or its text in small letters with single blanks, so that repeats stay together.
pub(super) fn group(example: &Example) -> String {
    if !example.group.is_empty() {
        return example.group.clone();
    }
    crate::text::fold(&example.text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_share_a_fold_and_folds_are_even() {
        assert_eq!(group(&Example::new("A  b\n", 0)), group(&Example::new("a B", 1)));
        let mut counts = [0; 5];
        for at in 0..1000 {
            counts[fold_of(&format!("group {at}"), Seed(3), 5)] += 1;
        }
        assert!(counts.iter().all(|count| (150..250).contains(count)), "{counts:?}");
        assert_ne!(
            (0..20).map(|at| fold_of(&at.to_string(), Seed(1), 5)).collect::<Vec<_>>(),
            (0..20).map(|at| fold_of(&at.to_string(), Seed(2), 5)).collect::<Vec<_>>(),
        );
    }
}
