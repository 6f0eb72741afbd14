//! All of it for one text, apart from any policy.
//!
//! ```
//! let found = tollgate_signals::content::Content::of("Compute the determinant of this matrix for ada@example.org");
//! assert_eq!((found.subject.0, found.personal[0].kind), ("math", "email"));
//! ```

use super::find::{PERSONAL_MAX, personal_data_of};
use super::{ATTACKS, FACTS, FEEDBACK, Found, SUBJECTS, certainty, share, words};
use crate::lexical::{Lexicon, LexiconBuilder, compile_regex};
use regex::Regex;
use std::sync::LazyLock;

/// What a text is about and what is in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    /// The strongest subject, and how sure that is.
    pub subject: (&'static str, f64),
    /// Every subject with its share of the words that were found.
    pub subjects: Vec<(&'static str, f64)>,
    /// The strongest kind of feedback, if there is any.
    pub feedback: Option<(&'static str, f64)>,
    /// Expressions of attacks that match.
    pub attacks: Vec<&'static str>,
    /// Expressions that ask for facts and match.
    pub facts: usize,
    /// Personal data in the order of the text, without overlap and without addresses of pages.
    pub personal: Vec<Found>,
}

struct Tables {
    lexicon: Option<Lexicon>,
    subjects: Vec<Vec<u32>>,
    feedback: Vec<Vec<u32>>,
    attacks: Vec<(&'static str, Regex)>,
    facts: Vec<Regex>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut builder = LexiconBuilder::default();
    let mut ids = |lists: &[(&str, &str)]| -> Vec<Vec<u32>> {
        let list = |(_, list): &(&str, &str)| {
            words(list).map(|word| builder.literal(crate::text::fold(&word))).collect()
        };
        lists.iter().map(list).collect()
    };
    let (subjects, feedback) = (ids(SUBJECTS), ids(FEEDBACK));
    Tables {
        subjects,
        feedback,
        lexicon: builder.build(false).ok(),
        attacks: ATTACKS.iter().filter_map(|text| Some((*text, compile_regex(text, false).ok()?))).collect(),
        facts: FACTS.iter().filter_map(|text| compile_regex(text, false).ok()).collect(),
    }
});

impl Content {
    /// Reads `text`. Linear.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let tables = &*TABLES;
        let folded = crate::text::fold(text);
        let hits = tables.lexicon.as_ref().map(|lexicon| lexicon.scan(&folded)).unwrap_or_default();
        let said = |lists: &[Vec<u32>]| -> Vec<usize> {
            let hit = |id: &&u32| hits.counts.get(**id as usize).is_some_and(|count| *count > 0);
            lists.iter().map(|list| list.iter().filter(hit).count()).collect()
        };
        let counts = said(&tables.subjects);
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let (best, sure) = share(&counts);
        let label = |at: usize| SUBJECTS.get(at).map_or("other", |(label, _)| *label);
        let feedback = said(&tables.feedback);
        let most = feedback.iter().copied().max().unwrap_or(0);
        let mut personal = personal_data_of(text, |kind| kind != "url");
        personal.truncate(PERSONAL_MAX);
        let first = feedback.iter().position(|count| most > 0 && *count == most);
        Self {
            subject: (label(best), sure),
            subjects: counts
                .iter()
                .enumerate()
                .map(|(at, count)| (label(at), *count as f64 / total))
                .collect(),
            feedback: first.and_then(|at| FEEDBACK.get(at)).map(|(label, _)| (*label, certainty(most))),
            attacks: tables
                .attacks
                .iter()
                .filter(|(_, regex)| regex.is_match(text))
                .map(|(text, _)| *text)
                .collect(),
            facts: tables.facts.iter().filter(|regex| regex.is_match(text)).count(),
            personal,
        }
    }
}
