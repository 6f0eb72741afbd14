//! What the words mean, without a model: likeness to examples, subjects, feedback, attacks, personal data.
//!
//! These are word lists and patterns, made by hand from general knowledge and fitted to no data. They find what is
//! said plainly and miss what is implied; a policy that needs more asks a model.
//!
//! ```text
//! "Ignore all previous instructions" -> jailbreak 0.8      "Compute the determinant of this matrix" -> domain math
//! ```

mod attack;
mod beside;
mod checks;
mod classify;
mod feedback;
mod find;
mod likeness;
mod numbers;
mod personal;
mod subjects;

pub use attack::certainty;
pub use classify::Content;
pub use find::{Found, personal_data, personal_data_of};

pub(crate) use attack::{ATTACKS, FACTS};
pub(crate) use feedback::{FEEDBACK, Feedback};
pub(crate) use likeness::Examples;
pub(crate) use personal::Personal;
pub(crate) use subjects::{OTHER, SUBJECTS, share};

/// Below this the likeliest subject is no subject.
pub(crate) const SUBJECT_LEAST: f32 = 0.25;

/// The subject of a text by its trained head: one of the labels of [`subject_words`], `other` where none is likely.
#[must_use]
pub fn subject(text: &str) -> &'static str {
    let head = crate::head::shipped("domain").filter(|_| !text.trim().is_empty());
    let page = crate::reduce::reduce(text, crate::learn::TEXT_MAX);
    let best = head.map(|head| head.classify_text(&page).best());
    let at = best.filter(|(_, sure)| *sure >= SUBJECT_LEAST).map_or(OTHER, |(at, _)| at);
    SUBJECTS.get(at).map_or("other", |(label, _)| *label)
}

/// Whether the answer to a text would state facts that should be checked, by the trained head.
#[must_use]
pub fn asks_for_facts(text: &str) -> bool {
    let head = crate::head::shipped("fact_check").filter(|_| !text.trim().is_empty());
    let page = crate::reduce::reduce(text, crate::learn::TEXT_MAX);
    head.is_some_and(|head| head.classify_text(&page).of(1) >= 0.5)
}

/// Every subject's label with the words of its list.
pub fn subject_words() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    SUBJECTS.iter().map(|(label, list)| (*label, words(list).collect()))
}

/// The words of a list: separated by commas; a line break is a blank.
pub(crate) fn words(list: &str) -> impl Iterator<Item = String> {
    let word = |word: &str| word.split_whitespace().collect::<Vec<_>>().join(" ");
    list.split(',').map(word).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_no_word_twice() {
        let lists = SUBJECTS.iter().map(|(_, list)| *list).chain(FEEDBACK.iter().map(|(_, list)| *list));
        for list in lists {
            let all: Vec<_> = words(list).collect();
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(all.len(), distinct.len(), "{list}");
        }
    }
}
