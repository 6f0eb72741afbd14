//! What is left to do per request for one signal.

use crate::content::{Examples, Feedback, Personal};
use crate::lexical::{Bm25, FuzzyWord};
use crate::measure::Share;
use crate::text::{Scope, TextKey};

/// How one signal is computed.
#[derive(Debug)]
pub(crate) enum Plan {
    /// A fact of the request; the kind says which.
    Fact,
    Keyword(Box<KeywordPlan>),
    Feature(Box<FeaturePlan>),
    Ratio {
        scope: Scope,
        share: Share,
    },
    Event(Box<EventPlan>),
    Metadata {
        key: Box<str>,
        is: Vec<Box<str>>,
    },
    Reask {
        threshold: f64,
        lookback: usize,
        /// All the turns looked back to must be alike.
        streak: bool,
    },
    Messages(Counted),
    Similar {
        scope: Scope,
        examples: Box<Examples>,
        threshold: f64,
    },
    /// Bits of the wanted subjects; by a head or by word lists.
    Domain {
        wanted: u32,
        threshold: f64,
        head: bool,
    },
    /// A head that tells yes from no of the last user turn.
    Told(Told),
    /// Expressions of which one is enough.
    Facts(Vec<u32>),
    Feedback(Feedback),
    Jailbreak {
        scope: Scope,
        patterns: Vec<u32>,
        threshold: f64,
        head: bool,
    },
    /// Classes of which the likeliest must be one; none for any.
    Hazard {
        scope: Scope,
        classes: Vec<Box<str>>,
        threshold: f64,
    },
    /// A classifier that the gateway asks, and the labels of which one must be likely enough.
    Asked {
        source: Box<str>,
        scope: Scope,
        is: Vec<Box<str>>,
        threshold: f64,
    },
    Personal {
        scope: Scope,
        forms: Vec<(Personal, u32)>,
        /// Types that an encoder has to look for.
        named: Vec<&'static str>,
    },
}

impl Plan {
    /// Whether an encoder is asked for names.
    pub(crate) const fn reads_names(&self) -> bool {
        matches!(self, Self::Personal { named, .. } if !named.is_empty())
    }

    /// Whether a head is asked that may read an encoder's vectors.
    pub(crate) const fn reads_vectors(&self) -> bool {
        matches!(
            self,
            Self::Told(_)
                | Self::Domain { head: true, .. }
                | Self::Jailbreak { head: true, .. }
                | Self::Hazard { .. }
        )
    }
}

/// What a head tells of the last user turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    FactCheck,
    Reasoning,
    /// Told as a number.
    Difficulty,
}

impl Told {
    /// The head that tells it.
    pub(crate) const fn head(self) -> &'static str {
        match self {
            Self::FactCheck => "fact_check",
            Self::Reasoning => "reasoning",
            Self::Difficulty => "difficulty",
        }
    }
}

/// Whose messages are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counted {
    User,
    Assistant,
    System,
    Tool,
    NonUser,
}

impl Counted {
    /// The words of the catalogue.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("user", Self::User),
        ("assistant", Self::Assistant),
        ("system", Self::System),
        ("tool", Self::Tool),
        ("non_user", Self::NonUser),
    ];
}

/// One keyword of a rule, as written and as found.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) text: Box<str>,
    pub(crate) found: Found,
}

/// Where a term's result stands.
#[derive(Debug)]
pub(crate) enum Found {
    /// Id in the lexicon of the rule's text.
    Literal(u32),
    /// The same, and where that finds nothing the id in the lexicon of the text's loose reading.
    Loose(u32, u32),
    /// Id in the regex bank of the rule's scope.
    Regex(u32),
    /// Searched by itself.
    Fuzzy(Box<FuzzyWord>),
    /// Phrase of the rule's own BM25 table.
    Bm25(u32),
    /// Index among the n-gram indexes, and id in it.
    Gram(u32, u32),
}

/// A keyword rule.
#[derive(Debug)]
pub(crate) struct KeywordPlan {
    pub(crate) key: TextKey,
    pub(crate) any: Vec<Term>,
    pub(crate) all: Vec<Term>,
    pub(crate) none: Vec<Term>,
    /// Whether it cannot hold in a text without any literal of the policy.
    pub(crate) literal: bool,
    pub(crate) threshold: f64,
    pub(crate) bm25: Option<Bm25>,
}

/// What a feature measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Measure {
    Exists,
    Count,
    Density,
    Sequence,
}

impl Measure {
    /// The words of the catalogue.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("exists", Self::Exists),
        ("count", Self::Count),
        ("density", Self::Density),
        ("sequence", Self::Sequence),
    ];
}

/// A feature of a text.
#[derive(Debug)]
pub(crate) struct FeaturePlan {
    pub(crate) key: TextKey,
    pub(crate) measure: Measure,
    pub(crate) words: Vec<Term>,
    pub(crate) regexes: Vec<Term>,
    /// The lexicon's sequence, when words are looked for in order.
    pub(crate) sequence: Option<u32>,
}

/// Criteria of an event; each non-empty list is one.
#[derive(Debug)]
pub(crate) struct EventPlan {
    pub(crate) scope: Scope,
    /// Words of any letter case: types, severities, urgency.
    pub(crate) words: Vec<Vec<Term>>,
    /// Codes, letter case counts.
    pub(crate) codes: Vec<Term>,
}
