//! Trained heads in place of the word lists that the importer writes: what that would change.

use super::{recipes, run};
use std::path::PathBuf;

/// A head that could stand in for a classifier.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    /// The head of subjects, for `domain`.
    Domain,
    /// The head of facts to check, for `fact_seeking`.
    FactCheck,
}

/// Equal decisions by recipe with the head of subjects, with that of facts, and with both. What the report says; held
/// against a run by the test below.
pub(crate) const MEASURED: &[(&str, [usize; 3])] = &[
    ("accuracy", [13, 13, 13]),
    ("balance", [41, 36, 34]),
    ("feedback", [22, 21, 20]),
    ("knowledge", [15, 15, 15]),
    ("multi-objective", [119, 115, 115]),
];

impl Head {
    /// The policy with this head instead of the word list.
    pub(crate) fn instead(self, policy: &str) -> String {
        match self {
            Self::FactCheck => policy.replace("fact_seeking", "fact_check"),
            Self::Domain => {
                let line = |line: &str| match line.contains("= domain is [") {
                    true => line.replacen(']', "] method head", 1),
                    false => line.to_owned(),
                };
                policy.lines().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

#[test]
fn heads_in_place_of_word_lists_are_measured() {
    let Some(recipes) = recipes() else { return };
    let equal = |path: &PathBuf, heads: &[Head]| run(path, heads).equal;
    for path in &recipes {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = [&[Head::Domain][..], &[Head::FactCheck], &[Head::Domain, Head::FactCheck]]
            .map(|heads| equal(path, heads));
        println!("{name}: {found:?}");
        let said = MEASURED.iter().find(|(known, _)| *known == name);
        assert!(said.is_none_or(|(_, said)| *said == found), "{name}: {found:?}");
    }
}
