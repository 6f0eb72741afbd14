//! Governance: rights of roles, classes of data and rules, checked against the fleet and enforced on each request.
//!
//! A *guard* is a set of bounds: models, pools, providers, regions, premises, cost, energy, tools. A caller needs
//! one role that allows what is to be done; a class of data and a rule that bind a request must all be kept.
//! Everything fails closed: a caller without a declared role may do what `others` may and nothing where that is not
//! declared; a place whose region is not stated is in no region; a guard whose signal failed binds.
//!
//! Invariant: [`Clearance`] answers from the guards alone, so that the static findings and the gateway agree.
//!
//! ```
//! use tollgate_policy::{Known, Policy};
//! let text = r#"
//! role "intern" { models ["small-*"]  tool "search"  tool "pay" when "amount" <= 50 }
//! default { models { "small-1" } }
//! "#;
//! let policy = Policy::load("p", text, &Known::any()).unwrap();
//! let clearance = policy.clearance(&["intern".to_owned()], &[]).unwrap();
//! assert!(clearance.call("pay", r#"{"amount": 20}"#).is_ok());
//! let denial = clearance.call("pay", r#"{"amount": 80}"#).unwrap_err();
//! assert_eq!(denial.rule, "role intern");
//! ```

mod admit;
mod arguments;
mod clearance;
mod denial;
mod findings;
mod leaves;
mod mask;
mod overlap;
mod place;
mod strict;
mod words;

pub(crate) use arguments::{ArgTest, Condition, Path};
pub use clearance::{Ask, Clearance, Standing};
pub use denial::{Denial, Topic};
pub(crate) use findings::{Meeting, Meetings, errors, unserved_routes, warnings, without_others};
pub use leaves::Left;
pub use place::{Fleet, Place, Price};

use crate::effects::like;
use crate::text::span::Span;
use serde::Serialize;
use tollgate_core::signal::UnreadSet;

/// What a guard allows of one tool.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ToolRight {
    /// Names that it is about; `*` stands for anything.
    pub pattern: String,
    /// Never allowed.
    pub never: bool,
    /// What must hold of the arguments.
    #[serde(skip)]
    pub(crate) when: Option<Condition>,
    #[serde(skip)]
    pub(crate) span: Span,
}

/// The bounds of a guard; what is absent is not bounded.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Rights {
    /// Patterns of models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Patterns of pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<String>>,
    /// Patterns of providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<String>>,
    /// Patterns of regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<Vec<String>>,
    /// Only on premise.
    pub on_premise: bool,
    /// Most estimated cost of a request, in micro-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_micro: Option<u64>,
    /// Least tokens per joule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_joule: Option<f64>,
    /// Rights to tools, the first that fits a name decides; without any every tool is allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolRight>,
    /// A request that offers a denied tool is refused instead of losing the tool.
    pub block: bool,
    /// Types of personal data that are replaced where the bounds do not allow a place, so that the request may go there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<String>,
    /// What content that is not read as words means.
    #[serde(skip_serializing_if = "OnUnread::is_none")]
    pub unread: OnUnread,
}

impl Rights {
    /// Whether they bound where a request may go, or with what.
    pub(crate) const fn bounds_places(&self) -> bool {
        self.models.is_some()
            || self.pools.is_some()
            || self.providers.is_some()
            || self.regions.is_some()
            || self.on_premise
            || self.cost_micro.is_some()
            || self.tokens_per_joule.is_some()
    }

    /// Whether they bound anything.
    #[must_use]
    pub fn bound(&self) -> bool {
        let rest = Self { unread: OnUnread::default(), block: false, ..self.clone() };
        rest != Self::default() || !self.unread.refuse.is_empty()
    }
}

/// What a class of data or a rule makes of a request with content that is not read as words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct OnUnread {
    /// Kinds that may hold anything: the request counts as one that the guard binds, unless what was read rules it out.
    pub suspect: UnreadSet,
    /// Kinds with which such a request is refused.
    pub refuse: UnreadSet,
}

impl OnUnread {
    /// Everything is suspect, nothing refused.
    pub(crate) const ALL: Self = Self { suspect: UnreadSet::ALL, refuse: UnreadSet::EMPTY };

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    const fn is_none(&self) -> bool {
        self.suspect.is_empty() && self.refuse.is_empty()
    }
}

/// What a guard is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// Callers with a role.
    Role,
    /// Callers with none of the declared roles.
    Others,
    /// A class of data.
    Data,
    /// A rule for all requests, or for those on which its condition holds.
    Rule,
}

/// A set of bounds and whom it binds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Guard {
    /// What it is about.
    pub kind: GuardKind,
    /// Its name; `others` for those without a role.
    pub name: String,
    /// Its bounds.
    pub rights: Rights,
    /// Where its name stands.
    #[serde(skip)]
    pub(crate) span: Span,
    /// The node of its condition; absent when it always binds.
    #[serde(skip)]
    pub(crate) root: Option<u32>,
}

impl Guard {
    /// How denials name it: `role intern`, `others`, `data personal`, `rule cheap`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.kind {
            GuardKind::Role => format!("role {}", self.name),
            GuardKind::Others => "others".to_owned(),
            GuardKind::Data => format!("data {}", self.name),
            GuardKind::Rule => format!("rule {}", self.name),
        }
    }
}

/// All guards of a policy.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Governance {
    /// Roles, in the order written.
    pub roles: Vec<Guard>,
    /// What callers without a declared role may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<Guard>,
    /// Classes of data and rules, in the order written.
    pub rules: Vec<Guard>,
}

impl Governance {
    pub(crate) const fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.others.is_none() && self.rules.is_empty()
    }

    /// Every guard.
    pub fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.roles.iter().chain(&self.others).chain(&self.rules)
    }
}

/// Whether `name` fits one of `patterns`; absent patterns fit everything.
fn fits(patterns: Option<&[String]>, name: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.iter().any(|pattern| like(pattern, name)))
}

/// Types of built-in tools whose calls come back to the caller, so that they are judged before they run. Types that
/// are not listed are taken to be run by the provider. Source: the references of the Responses and Messages APIs.
const RUN_BY_CALLER: [&str; 8] = [
    "bash_*",
    "text_editor_*",
    "computer_2*",
    "memory_*",
    "computer_use_preview*",
    "local_shell",
    "apply_patch",
    "custom",
];

/// Whether calls of a built-in tool of this type come back to the caller instead of being run by the provider.
#[must_use]
pub fn run_by_caller(kind: &str) -> bool {
    RUN_BY_CALLER.iter().any(|pattern| like(pattern, kind))
}
