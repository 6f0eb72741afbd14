//! What a denial says: about what, of which guard, and why.

use serde::Serialize;

/// What a denial is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The caller has no right at all.
    Caller,
    /// Content that is not read.
    Unread,
    /// The model.
    Model,
    /// The pool.
    Pool,
    /// The provider.
    Provider,
    /// The region.
    Region,
    /// On premise or not.
    Premise,
    /// The estimated cost.
    Cost,
    /// The tokens per joule.
    Energy,
    /// The tool.
    Tool,
    /// The arguments of a call.
    Arguments,
}

impl Topic {
    /// Its word, for labels.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Unread => "unread",
            Self::Model => "model",
            Self::Pool => "pool",
            Self::Provider => "provider",
            Self::Region => "region",
            Self::Premise => "premise",
            Self::Cost => "cost",
            Self::Energy => "energy",
            Self::Tool => "tool",
            Self::Arguments => "arguments",
        }
    }
}

/// A no, with the guard that said it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Denial {
    /// The guard, as [`Guard::label`](super::Guard::label) names it; several roles are joined by a comma.
    pub rule: String,
    /// What it is about.
    pub topic: Topic,
    /// The model, instance or tool that was denied.
    pub subject: String,
    /// Why, in words that the caller may read.
    pub why: String,
    /// Whether subject and reason are words of the policy and the fleet alone, and quote nobody.
    #[serde(skip)]
    pub(crate) own: bool,
}

impl Denial {
    /// Whether it quotes words of the request: the name of a tool that no statement has.
    #[must_use]
    pub const fn quotes(&self) -> bool {
        !self.own
    }

    /// The same as it may be noted where pieces of requests may not be.
    #[must_use]
    pub fn discreet(&self) -> Self {
        if self.own {
            return self.clone();
        }
        let with = if self.topic == Topic::Arguments { " with these arguments" } else { "" };
        let why = format!("a tool that no statement names is not allowed{with}");
        Self { subject: String::new(), why, own: true, ..self.clone() }
    }

    /// Of two denials the one that is worth telling: that of the place which came further in the order of what is asked.
    #[must_use]
    pub fn furthest(held: Option<Self>, found: Self) -> Self {
        held.filter(|held| held.topic > found.topic).unwrap_or(found)
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the policy's {:?} denies this: {}", self.rule, self.why)
    }
}
