//! Who may use how much of what in which window.

use super::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Requests.
    Requests,
    /// Prompt and completion tokens.
    Tokens,
    /// Money in millionths of the configured currency.
    Micro,
}

impl Meter {
    /// Every meter.
    pub const ALL: &'static [Self] = &[Self::Requests, Self::Tokens, Self::Micro];

    /// The word that names it in configuration and storage.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Micro => "micro",
        }
    }

    /// The meter that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.word() == word)
    }
}

/// An amount of each meter: an estimate or what was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Requests, 1 as a rule.
    pub requests: u64,
    /// Prompt and completion tokens.
    pub tokens: u64,
    /// Money in millionths.
    pub micro: u64,
}

impl Usage {
    /// The amount of one meter.
    #[must_use]
    pub const fn of(&self, meter: Meter) -> u64 {
        match meter {
            Meter::Requests => self.requests,
            Meter::Tokens => self.tokens,
            Meter::Micro => self.micro,
        }
    }
}

/// Whose usage one counter counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// One key, by id.
    Key(Arc<str>),
    /// One tenant, by name.
    Tenant(Arc<str>),
    /// Everybody together.
    Global,
}

impl Subject {
    /// Word of the kind and the id, as stored.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Key(id) => ("key", id),
            Self::Tenant(id) => ("tenant", id),
            Self::Global => ("global", ""),
        }
    }

    /// The subject of a stored kind and id.
    #[must_use]
    pub fn from_parts(kind: &str, id: &str) -> Option<Self> {
        match kind {
            "key" => Some(Self::Key(id.into())),
            "tenant" => Some(Self::Tenant(id.into())),
            "global" => Some(Self::Global),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::Global => f.write_str("all callers"),
        }
    }
}

/// One limit of one subject, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub subject: Subject,
    /// Of what.
    pub meter: Meter,
    /// In which window.
    pub window: Window,
}

impl Line {
    /// Whether it is this one.
    pub(super) fn is(&self, subject: &Subject, meter: Meter, window: Window) -> bool {
        (&self.subject, self.meter, self.window) == (subject, meter, window)
    }
}

/// Who pays for a request. The global budget always applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payer {
    /// The key's id.
    pub key: Option<Arc<str>>,
    /// The tenant's name.
    pub tenant: Option<Arc<str>>,
}

impl Payer {
    /// The subjects that count this payer's usage.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject> {
        let key = self.key.clone().map(Subject::Key);
        let tenant = self.tenant.clone().map(Subject::Tenant);
        key.into_iter().chain(tenant).chain([Subject::Global])
    }
}

/// To whom a limit applies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To every key by itself, unless a limit of that meter and window names the key.
    EachKey,
    /// To every tenant by itself, unless a limit of that meter and window names the tenant.
    EachTenant,
    /// To one key, by id.
    Key(Arc<str>),
    /// To one tenant, by name.
    Tenant(Arc<str>),
    /// To everybody together.
    Global,
}

/// One limit. Where two have the same target, meter and window, the later one counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// To whom it applies.
    pub target: Target,
    /// What it counts.
    pub meter: Meter,
    /// When it starts again.
    pub window: Window,
    /// How much may be used.
    pub limit: u64,
}

type Lines = BTreeMap<(Meter, Window), u64>;

/// All limits, grouped for look-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    by_target: BTreeMap<Target, Lines>,
}

impl Limits {
    /// Groups `limits`.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        let mut by_target: BTreeMap<Target, Lines> = BTreeMap::new();
        for Limit { target, meter, window, limit } in limits {
            by_target.entry(target).or_default().insert((meter, window), limit);
        }
        Self { by_target }
    }

    /// The limits of one subject: its own, then those of its kind that it does not replace.
    pub(super) fn of(&self, subject: &Subject) -> impl Iterator<Item = ((Meter, Window), u64)> {
        let (own, each) = match subject {
            Subject::Key(id) => (Target::Key(Arc::clone(id)), Some(Target::EachKey)),
            Subject::Tenant(id) => (Target::Tenant(Arc::clone(id)), Some(Target::EachTenant)),
            Subject::Global => (Target::Global, None),
        };
        let own = self.by_target.get(&own);
        let each = each.and_then(|target| self.by_target.get(&target));
        let replaced = move |line: &(Meter, Window)| own.is_some_and(|lines| lines.contains_key(line));
        let rest = each.into_iter().flatten().filter(move |(line, _)| !replaced(line));
        own.into_iter().flatten().chain(rest).map(|(line, limit)| (*line, *limit))
    }
}
