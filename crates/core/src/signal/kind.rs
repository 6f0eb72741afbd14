//! What follows from a kind beside its row in the catalogue.
//!
//! ```
//! use tollgate_core::signal::{Kind, OnFailure};
//! assert_eq!(Kind::Jailbreak.on_failure(), OnFailure::Reject);
//! assert_eq!(Kind::Domain.on_failure(), OnFailure::NoMatch);
//! ```

use super::{Kind, OnFailure};

impl Kind {
    /// The word that names this kind in a policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.info().word
    }

    /// Whether what it says depends on words of the request, so that content which is not read may change it.
    #[must_use]
    pub const fn reads_words(self) -> bool {
        matches!(
            self,
            Self::Language
                | Self::Keyword
                | Self::Feature
                | Self::Ratio
                | Self::Event
                | Self::Reask
                | Self::Similar
                | Self::Domain
                | Self::FactSeeking
                | Self::Feedback
                | Self::Jailbreak
                | Self::Hazard
                | Self::FactCheck
                | Self::NeedsReasoning
                | Self::Difficulty
                | Self::Classifier
                | Self::Pii
        )
    }

    /// Whether it guards against harm: what fails then counts against the request.
    #[must_use]
    pub const fn is_safety(self) -> bool {
        matches!(self, Self::Jailbreak | Self::Hazard | Self::Pii)
    }

    /// What a policy does when a signal of this kind fails and it does not say.
    #[must_use]
    pub const fn on_failure(self) -> OnFailure {
        if self.is_safety() { OnFailure::Reject } else { OnFailure::NoMatch }
    }

    /// Whether this kind is a fact, that is, has no parameters and needs no declaration.
    #[must_use]
    pub const fn is_fact(self) -> bool {
        self.info().params.is_empty()
    }
}
