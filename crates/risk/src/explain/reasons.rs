//! Features in words: what raised a user's risk, as a notice to that user must say it.
//!
//! The reasons are those of the logistic regression, whose logit is a sum: each feature's part is its weight times how far
//! the user is from the middle of the users that were learned from. Parts that say the same are added up. At most four
//! are given, and only what raised the risk (the practice under Regulation B, 12 CFR 1002.9).

use crate::model::Model;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most reasons given.
pub const REASONS_MAX: usize = 4;
/// Least part of a logit that is a reason.
const PART_MIN: f64 = 0.02;

/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// By how much it raised the logit.
    pub raised: f64,
}

/// Up to four reasons for a row of features.
#[must_use]
pub fn reasons(model: &Model, names: &[String], row: &[f32]) -> Vec<Reason> {
    let logistic = &model.fitted.logistic;
    let mut scaled = vec![0.0; logistic.scaler.width()];
    logistic.scaler.apply(row, &mut scaled);
    let mut parts: BTreeMap<String, f64> = BTreeMap::new();
    for ((name, x), weight) in names.iter().zip(&scaled).zip(&logistic.weights) {
        *parts.entry(words(name)).or_default() += f64::from(*x) * weight;
    }
    let mut found: Vec<Reason> = parts
        .into_iter()
        .filter(|(_, raised)| *raised >= PART_MIN)
        .map(|(text, raised)| Reason { text, raised })
        .collect();
    found.sort_by(|a, b| b.raised.total_cmp(&a.raised).then(a.text.cmp(&b.text)));
    found.truncate(REASONS_MAX);
    found
}

/// What a feature says.
fn words(name: &str) -> String {
    let (head, rest) = name.split_once(':').unwrap_or((name, ""));
    match head {
        "fold" if rest.contains("drift") || rest.contains("compared") => {
            "amounts at your regular merchants changed".into()
        }
        "fold"
            if rest.contains("lost")
                || rest.contains("stopped")
                || rest.contains("new")
                || rest.contains("moved") =>
        {
            "payments moved from your regular merchants to others".into()
        }
        "fold" => "how your payments spread over merchants".into(),
        "trend" | "slice" => "how your spending changed over time".into(),
        "word" => {
            let word = rest.rsplit_once(' ').map_or(rest, |(word, _)| word);
            let word = word.strip_suffix(" deviation by").unwrap_or(word);
            format!("payments at merchants described as \"{word}\"")
        }
        "category" => {
            let category = rest.rsplit_once(' ').map_or(rest, |(category, _)| category);
            format!("payments in the category \"{category}\"")
        }
        "number" => {
            let number = rest.split(' ').next().unwrap_or(rest);
            format!("the level and course of the {number}")
        }
        "calendar" => "when and how regularly you pay".into(),
        "profile" => format!("the value of {rest}"),
        _ => "number and size of your payments".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_say_the_same_share_a_text() {
        assert_eq!(words("fold:drift, thirds"), words("fold:drift largest, halves"));
        assert_eq!(words("word:outlet shift"), words("word:outlet deviation by time"));
        assert!(words("category:food|out share").contains("food|out"));
    }
}
