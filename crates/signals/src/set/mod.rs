//! A policy's signals, compiled: checked parameters, one automaton per text, one regex bank per scope.
//!
//! A set is immutable and shared by all requests; it holds no state of any of them. Compilation reports every error
//! of every signal.
//!
//! ```text
//! [SignalSpec] ──compile──> SignalSet { plan per signal, lexicons, regex banks, n-gram indexes }
//! ```

mod compile;
mod content;
mod params;
mod plan;

pub(crate) use plan::{Counted, EventPlan, FeaturePlan, Found, KeywordPlan, Measure, Plan, Term, Told};

use crate::SpecError;
use crate::lexical::{GramIndex, Lexicon, RegexBank};
use crate::safety::Looks;
use crate::text::{Scope, TextKey};
use tollgate_core::signal::{Kind, SignalSpec};

/// Compiled signals of one policy.
#[derive(Debug)]
pub struct SignalSet {
    pub(crate) signals: Vec<Compiled>,
    /// By [`TextKey::index`].
    pub(crate) lexicons: [Option<Lexicon>; TextKey::COUNT],
    /// Phrases for the loose reading of a text, by [`TextKey::index`].
    pub(crate) loose: [Option<Lexicon>; TextKey::COUNT],
    /// By scope.
    pub(crate) banks: [Option<RegexBank>; Scope::COUNT],
    pub(crate) grams: Vec<(TextKey, GramIndex)>,
    /// Literals of each subject, and of each kind of feedback, in the last user turn.
    pub(crate) subjects: Vec<Vec<u32>>,
    pub(crate) feedback: Vec<Vec<u32>>,
    /// Which safety heads are asked, by scope.
    pub(crate) looks: [Looks; Scope::COUNT],
}

/// One compiled signal.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) plan: Plan,
    /// Whether reading it takes long enough to be told from reading the clock twice.
    pub(crate) timed: bool,
}

impl SignalSet {
    /// Compiles a policy's signals; positions in `specs` are the indexes of
    /// [`SignalSource::read`](tollgate_core::signal::SignalSource::read).
    ///
    /// # Errors
    /// All errors of all signals: unknown, missing or ill-typed parameters, values out of range, patterns that are
    /// empty, too long, too many or that do not compile within the size bounds.
    pub fn compile(specs: &[SignalSpec]) -> Result<Self, Vec<SpecError>> {
        compile::compile(specs)
    }

    /// How many signals there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.signals.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }

    /// The name of the signal at `index`.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.signals.get(index).map(|s| &*s.name)
    }

    /// The kind of the signal at `index`.
    #[must_use]
    pub fn kind(&self, index: usize) -> Option<Kind> {
        self.signals.get(index).map(|s| s.kind)
    }
}
