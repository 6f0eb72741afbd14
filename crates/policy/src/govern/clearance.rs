//! What one request may do: the caller's roles and the guards that bind it.

use super::strict::{self, Value};
use super::{Governance, Guard, Place, ToolRight, fits};
use crate::effects::like;
use serde::Serialize;
use smallvec::SmallVec;
use std::sync::Arc;

/// Longest text of arguments that is read, in bytes; longer ones are denied where a condition is on them.
const ARGUMENTS_MAX: usize = 1 << 20;

/// What a denial is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The caller has no right at all.
    Caller,
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
    /// The guard, as [`Guard::label`] names it; several roles are joined by a comma.
    pub rule: String,
    /// What it is about.
    pub topic: Topic,
    /// The model, instance or tool that was denied.
    pub subject: String,
    /// Why, in words that the caller may read.
    pub why: String,
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the policy's {:?} denies this: {}", self.rule, self.why)
    }
}

/// What is asked of a place: the model with the estimated cost of the request there.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The model.
    pub model: &'a str,
    /// Estimated cost in micro-dollars.
    pub cost_micro: u64,
}

/// Whether a tool may be offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// With any arguments.
    Allowed,
    /// With some arguments.
    Conditional,
    /// Never; `block` asks to refuse the request instead of taking the tool away.
    Denied {
        /// Why.
        denial: Denial,
        /// Refuse the request.
        block: bool,
    },
}

/// The guards of one request.
#[derive(Clone, PartialEq, Debug)]
pub struct Clearance {
    governance: Arc<Governance>,
    /// The declared roles that the caller has; positions in the governance.
    roles: SmallVec<[u32; 4]>,
    /// The rules that bind; positions in the governance.
    rules: SmallVec<[u32; 4]>,
}

/// What one guard says of a tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    No,
    Sometimes,
    Yes,
}

impl Clearance {
    pub(crate) fn new(governance: Arc<Governance>, roles: &[String], rules: &[u32]) -> Self {
        let declared = governance.roles.iter().enumerate();
        let held = declared.filter(|(_, guard)| roles.contains(&guard.name));
        let roles = held.filter_map(|(at, _)| u32::try_from(at).ok()).collect();
        Self { governance, roles, rules: SmallVec::from_slice(rules) }
    }

    /// The guards of which one must allow: the caller's roles, or those of `others`.
    fn one_of(&self) -> impl Iterator<Item = &Guard> {
        let others = self.governance.others.iter().filter(|_| self.roles.is_empty());
        self.roles.iter().filter_map(|at| self.governance.roles.get(*at as usize)).chain(others)
    }

    /// Whether roles are declared at all, so that a caller needs one.
    fn by_role(&self) -> bool {
        !self.governance.roles.is_empty() || self.governance.others.is_some()
    }

    /// The guards that must all be kept.
    fn all_of(&self) -> impl Iterator<Item = &Guard> {
        self.rules.iter().filter_map(|at| self.governance.rules.get(*at as usize))
    }

    /// Names of the guards that bind, roles first.
    #[must_use]
    pub fn binding(&self) -> Vec<String> {
        self.one_of().chain(self.all_of()).map(Guard::label).collect()
    }

    /// Whether the caller has any right: where roles are declared, one of them or `others`.
    ///
    /// # Errors
    /// The denial.
    pub fn caller(&self) -> Result<(), Denial> {
        if !self.by_role() || self.one_of().next().is_some() {
            return Ok(());
        }
        let why = "the caller has none of the roles that the policy declares".to_owned();
        Err(Denial { rule: "others".into(), topic: Topic::Caller, subject: String::new(), why })
    }

    /// Whether `ask` may go to `place`: one role allows all of it, and every rule does.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn place(&self, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
        self.caller()?;
        for guard in self.all_of() {
            admits(guard, ask, place)?;
        }
        self.any_role(|guard| admits(guard, ask, place))
    }

    /// The least that one of the roles says no to, or nothing when one allows.
    fn any_role(&self, mut ask: impl FnMut(&Guard) -> Result<(), Denial>) -> Result<(), Denial> {
        let mut no: Option<Denial> = None;
        for guard in self.one_of() {
            match (ask(guard), &mut no) {
                (Ok(()), _) => return Ok(()),
                (Err(denial), None) => no = Some(denial),
                (Err(denial), Some(first)) => first.rule = format!("{}, {}", first.rule, denial.rule),
            }
        }
        no.map_or(Ok(()), Err)
    }

    /// Whether any guard speaks of tools at all.
    #[must_use]
    pub fn watches_tools(&self) -> bool {
        self.caller().is_err()
            || self.one_of().chain(self.all_of()).any(|guard| !guard.rights.tools.is_empty())
    }

    /// Whether a tool of this name may be offered to the model.
    #[must_use]
    pub fn tool(&self, name: &str) -> Standing {
        let by_rules = self.all_of().map(|guard| (says(guard, name), guard)).min_by_key(|(says, _)| *says);
        let by_role = self.one_of().map(|guard| (says(guard, name), guard)).max_by_key(|(says, _)| *says);
        if let Err(denial) = self.caller() {
            return Standing::Denied { denial, block: true };
        }
        let denied =
            |guard: &Guard| Standing::Denied { denial: no_tool(guard, name), block: guard.rights.block };
        match (by_rules, by_role) {
            (Some((Says::No, guard)), _) | (_, Some((Says::No, guard))) => denied(guard),
            (Some((Says::Sometimes, _)), _) | (_, Some((Says::Sometimes, _))) => Standing::Conditional,
            _ => Standing::Allowed,
        }
    }

    /// Whether a call of a tool may reach the caller; `arguments` is JSON text.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn call(&self, name: &str, arguments: &str) -> Result<(), Denial> {
        self.caller()?;
        // Read once, and only where a condition asks.
        let mut read: Option<Result<Value, String>> = None;
        let mut allows = |guard: &Guard| {
            let Some(right) = first_right(guard, name) else {
                return if guard.rights.tools.is_empty() { Ok(()) } else { Err(no_tool(guard, name)) };
            };
            let Some(condition) = right.when.as_ref().filter(|_| !right.never) else {
                return if right.never { Err(no_tool(guard, name)) } else { Ok(()) };
            };
            let arguments = read.get_or_insert_with(|| value(arguments));
            let why = match arguments {
                Ok(value) if condition.holds(value) => return Ok(()),
                Ok(_) => format!("tool {} is not allowed with these arguments", told(name)),
                Err(error) => format!("the arguments of tool {} cannot be read: {error}", told(name)),
            };
            Err(Denial { rule: guard.label(), topic: Topic::Arguments, subject: told(name), why })
        };
        for guard in self.all_of() {
            allows(guard)?;
        }
        self.any_role(allows)
    }
}

fn value(arguments: &str) -> Result<Value, String> {
    if arguments.len() > ARGUMENTS_MAX {
        return Err(format!("they are longer than {ARGUMENTS_MAX} bytes"));
    }
    strict::parse(arguments).map_err(|error| error.to_string())
}

/// At most so many characters of a tool's name are told: callers and models choose it.
const NAME_SHOWN: usize = 128;

/// A tool's name as it is told.
fn told(tool: &str) -> String {
    tool.chars().take(NAME_SHOWN).collect()
}

/// The first right of a guard that fits a tool.
fn first_right<'g>(guard: &'g Guard, tool: &str) -> Option<&'g ToolRight> {
    guard.rights.tools.iter().find(|right| like(&right.pattern, tool))
}

fn says(guard: &Guard, tool: &str) -> Says {
    match first_right(guard, tool) {
        Some(right) if right.never => Says::No,
        Some(right) if right.when.is_some() => Says::Sometimes,
        Some(_) => Says::Yes,
        None if guard.rights.tools.is_empty() => Says::Yes,
        None => Says::No,
    }
}

fn no_tool(guard: &Guard, tool: &str) -> Denial {
    let why = format!("tool {} is not allowed", told(tool));
    Denial { rule: guard.label(), topic: Topic::Tool, subject: told(tool), why }
}

/// Whether one guard admits a model at a place.
pub(super) fn admits(guard: &Guard, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
    let rights = &guard.rights;
    let deny = |topic, subject: &str, why: String| {
        Err(Denial { rule: guard.label(), topic, subject: subject.to_owned(), why })
    };
    if !fits(rights.models.as_deref(), ask.model) {
        return deny(Topic::Model, ask.model, format!("model {} is not allowed", ask.model));
    }
    if let Some(most) = rights.cost_micro.filter(|most| ask.cost_micro > *most) {
        let why = format!(
            "the estimated cost with model {} is {} micro-dollars, more than {most}",
            ask.model, ask.cost_micro
        );
        return deny(Topic::Cost, ask.model, why);
    }
    let at = place.instance.as_str();
    if !fits(rights.pools.as_deref(), &place.pool) {
        return deny(Topic::Pool, at, format!("pool {} is not allowed", place.pool));
    }
    if !fits(rights.providers.as_deref(), &place.provider) {
        return deny(Topic::Provider, at, format!("provider {} is not allowed", place.provider));
    }
    if rights.on_premise && !place.on_premise {
        return deny(Topic::Premise, at, format!("{at} of pool {} is not on premise", place.pool));
    }
    if rights.regions.is_some() {
        match &place.region {
            None => return deny(Topic::Region, at, format!("the region of {at} is not declared")),
            Some(region) if !fits(rights.regions.as_deref(), region) => {
                return deny(Topic::Region, at, format!("{at} stands in region {region}"));
            }
            Some(_) => {}
        }
    }
    match (rights.tokens_per_joule, place.tokens_per_joule) {
        (Some(least), Some(found)) if found < least => {
            deny(Topic::Energy, at, format!("{at} gives {found} tokens per joule, less than {least}"))
        }
        (Some(_), None) => deny(Topic::Energy, at, format!("the tokens per joule of {at} are not declared")),
        _ => Ok(()),
    }
}
