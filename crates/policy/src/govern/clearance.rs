//! What one request may do: the caller's roles and the guards that bind it.

use super::admit::admits;
use super::strict::{self, Value};
use super::{Denial, Governance, Guard, Place, ToolRight, Topic, run_by_caller};
use crate::decide::Suspected;
use crate::effects::like;
use smallvec::SmallVec;
use std::sync::Arc;
use tollgate_core::signal::UnreadSet;

/// Longest text of arguments that is read, in bytes; longer ones are denied where a condition is on them.
const ARGUMENTS_MAX: usize = 1 << 20;

/// What is asked of a place: the model with the estimated cost of the request there.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The model.
    pub model: &'a str,
    /// What the request can cost at most, in micro-dollars; absent where that has no bound: a ceiling denies that.
    pub cost_micro: Option<u64>,
    /// Why it has no bound; without a reason the model has no price.
    pub unbounded: Option<&'a str>,
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
    pub(super) governance: Arc<Governance>,
    /// The declared roles that the caller has; positions in the governance.
    roles: SmallVec<[u32; 4]>,
    /// The rules that bind; positions in the governance.
    pub(super) rules: SmallVec<[u32; 4]>,
    /// Those of them that bind because of content that was not read.
    suspected: Suspected,
    /// Those of them whose class of data a masked request still carries; positions in the governance.
    pub(super) carried: SmallVec<[u32; 4]>,
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
        let (rules, suspected) = (SmallVec::from_slice(rules), Suspected::default());
        Self { governance, roles, rules, suspected, carried: SmallVec::new() }
    }

    pub(crate) fn suspecting(self, suspected: Suspected) -> Self {
        Self { suspected, ..self }
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
    pub(super) fn all_of(&self) -> impl Iterator<Item = &Guard> {
        self.rules.iter().filter_map(|at| self.governance.rules.get(*at as usize))
    }

    /// Whether anything is bounded at all: a caller whose only role allows everything, under no rule, is free.
    #[must_use]
    pub fn restricts(&self) -> bool {
        let free = !self.by_role() || self.one_of().any(|guard| !guard.rights.bound());
        !free || self.all_of().any(|guard| guard.rights.bound())
    }

    /// The ceiling of cost, in micro-dollars: the least of the rules', and the greatest that one of the roles gives. Where
    /// `calls` may be made, which any one of the roles may turn out to allow alone, the least that one gives.
    #[must_use]
    pub fn cost_most(&self, calls: bool) -> Option<u64> {
        let mut roles = self.one_of().map(|guard| guard.rights.cost_micro).peekable();
        let role = match (calls, roles.peek()) {
            (true, _) => roles.flatten().min(),
            (false, Some(_)) => roles.try_fold(0, |most, cost| Some(most.max(cost?))),
            (false, None) => None,
        };
        self.all_of().filter_map(|guard| guard.rights.cost_micro).chain(role).min()
    }

    /// The kinds of content that were not read and for which some guard binds.
    #[must_use]
    pub fn unread(&self) -> UnreadSet {
        if self.suspected.rules.is_empty() { UnreadSet::EMPTY } else { self.suspected.unread }
    }

    /// Why a guard binds a request that does not say what it is about, after the reason of its denial.
    pub(super) fn because(&self, guard: &Guard, denial: Denial) -> Denial {
        let mut rules = self.suspected.rules.iter().filter_map(|at| self.governance.rules.get(*at as usize));
        if !rules.any(|rule| std::ptr::eq(rule, guard)) {
            return denial;
        }
        let (why, kinds, name) = (denial.why, self.suspected.unread, &guard.name);
        let why = format!("{why}; content that is not read ({kinds}) counts as {name}");
        Denial { why, ..denial }
    }

    /// Names of the guards that bind, roles first.
    #[must_use]
    pub fn binding(&self) -> Vec<String> {
        self.one_of().chain(self.all_of()).map(Guard::label).collect()
    }

    /// Whether the request may be made at all: its content, and the caller's right. Where roles are declared, one of them or `others`.
    ///
    /// # Errors
    /// The denial.
    pub fn caller(&self) -> Result<(), Denial> {
        for at in &self.suspected.rules {
            let Some(guard) = self.governance.rules.get(*at as usize) else { continue };
            let refused = guard.rights.unread.refuse.and(self.suspected.unread);
            if !refused.is_empty() {
                let why =
                    format!("content that is not read ({refused}) is refused where it may be {}", guard.name);
                let subject = refused.to_string();
                return Err(Denial { rule: guard.label(), topic: Topic::Unread, subject, why, own: true });
            }
        }
        if !self.by_role() || self.one_of().next().is_some() {
            return Ok(());
        }
        let why = "the caller has none of the roles that the policy declares".to_owned();
        Err(Denial { rule: "others".into(), topic: Topic::Caller, subject: String::new(), why, own: true })
    }

    /// Whether `ask` may go to `place`: one role allows all of it, and every rule does.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn place(&self, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
        self.caller()?;
        for guard in self.all_of() {
            self.masked(guard)?;
            admits(guard, ask, place)
                .or_else(|denial| if self.repairs(guard) { Ok(()) } else { Err(denial) })
                .map_err(|denial| self.because(guard, denial))?;
        }
        self.any_role(|guard| admits(guard, ask, place))
    }

    /// The least that one of the roles says no to, or nothing when one allows.
    pub(super) fn any_role(&self, mut ask: impl FnMut(&Guard) -> Result<(), Denial>) -> Result<(), Denial> {
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
        self.standing(name, says)
    }

    /// Whether a tool of this name and, for one that is built in, this type may be offered: both must be allowed. What
    /// the provider runs itself is never seen before it runs, so a condition on its arguments allows nothing.
    #[must_use]
    pub fn offer(&self, name: &str, built_in: Option<&str>) -> Standing {
        let Some(kind) = built_in else { return self.tool(name) };
        let read = if run_by_caller(kind) { says } else { says_unseen };
        match (self.standing(name, read), self.standing(kind, read)) {
            (no @ Standing::Denied { .. }, _) | (_, no @ Standing::Denied { .. }) => no,
            (Standing::Conditional, _) | (_, Standing::Conditional) => Standing::Conditional,
            _ => Standing::Allowed,
        }
    }

    /// The denial of a field, by a name of ours, that offers tools in a way that is not read.
    #[must_use]
    pub fn may_bring_tools(&self, field: &str) -> Denial {
        let speaks = self.one_of().chain(self.all_of()).filter(|guard| !guard.rights.tools.is_empty());
        let labels: Vec<String> = speaks.map(Guard::label).collect();
        let why = format!("`{field}` may bring tools that cannot be judged; offer them in `tools` instead");
        Denial { rule: labels.join(", "), topic: Topic::Tool, subject: field.to_owned(), why, own: true }
    }

    fn standing(&self, name: &str, says: impl Fn(&Guard, &str) -> Says) -> Standing {
        if let Err(denial) = self.caller() {
            return Standing::Denied { denial, block: true };
        }
        let no = |guard: &&Guard| says(guard, name) == Says::No;
        let rules: Vec<&Guard> = self.all_of().filter(no).collect();
        let roles: Vec<&Guard> = self.one_of().filter(no).collect();
        let roles_deny = !roles.is_empty() && roles.len() == self.one_of().count();
        let mut deciding = rules.into_iter().chain(roles.into_iter().filter(|_| roles_deny)).peekable();
        if let Some(first) = deciding.peek() {
            let denial = no_tool(first, name);
            return Standing::Denied { denial, block: deciding.any(|guard| guard.rights.block) };
        }
        let by_role = self.one_of().map(|guard| says(guard, name)).max();
        let all = self.all_of().map(|guard| says(guard, name)).chain(by_role);
        if all.min() == Some(Says::Sometimes) { Standing::Conditional } else { Standing::Allowed }
    }

    /// Goes on with the roles that allow this place, so that one role allows all of the request. Leaves everything as
    /// it is where none does: that was to be refused.
    pub fn at(&mut self, ask: &Ask<'_>, place: &Place) {
        self.narrow(|guard| admits(guard, ask, place).is_ok());
    }

    /// Whether an offered tool stays, as for [`Self::offer`]; goes on with the roles that allow it.
    pub fn keep(&mut self, name: &str, built_in: Option<&str>) -> bool {
        if matches!(self.offer(name, built_in), Standing::Denied { .. }) {
            return false;
        }
        let unseen = built_in.is_some_and(|kind| !run_by_caller(kind));
        let read = if unseen { says_unseen } else { says };
        self.narrow(|guard| {
            read(guard, name) > Says::No && built_in.is_none_or(|kind| read(guard, kind) > Says::No)
        })
    }

    /// Judges a call as [`Self::call`] does and goes on with the roles that allow it.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn take(&mut self, name: &str, arguments: &str) -> Result<(), Denial> {
        self.call(name, arguments)?;
        let mut read = None;
        self.narrow(|guard| allows(guard, name, arguments, &mut read).is_ok());
        Ok(())
    }

    /// Keeps the roles for which `stays` holds; says whether any did, and keeps all where none did. A caller without a
    /// role has only `others`, which is one guard.
    fn narrow(&mut self, mut stays: impl FnMut(&Guard) -> bool) -> bool {
        let of = |at: &u32| self.governance.roles.get(*at as usize);
        let left: SmallVec<[u32; 4]> =
            self.roles.iter().filter(|at| of(at).is_some_and(&mut stays)).copied().collect();
        if self.roles.is_empty() {
            return true;
        }
        let any = !left.is_empty();
        if any {
            self.roles = left;
        }
        any
    }

    /// Whether a call of a tool may reach the caller; `arguments` is JSON text.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn call(&self, name: &str, arguments: &str) -> Result<(), Denial> {
        self.caller()?;
        let mut read = None;
        for guard in self.all_of() {
            allows(guard, name, arguments, &mut read)?;
        }
        self.any_role(|guard| allows(guard, name, arguments, &mut read))
    }
}

/// Arguments as they were read: once, and only where a condition asks.
type Arguments = Option<Result<Value, String>>;

/// Whether one guard allows a call.
fn allows(guard: &Guard, name: &str, arguments: &str, read: &mut Arguments) -> Result<(), Denial> {
    let Some(right) = first_right(guard, name) else {
        return if guard.rights.tools.is_empty() { Ok(()) } else { Err(no_tool(guard, name)) };
    };
    if never(right, name) {
        return Err(no_tool(guard, name));
    }
    let Some(condition) = &right.when else { return Ok(()) };
    let why = match read.get_or_insert_with(|| value(arguments)) {
        Ok(value) if condition.holds(value) => return Ok(()),
        Ok(_) => format!("tool {} is not allowed with these arguments", told(name)),
        Err(error) => format!("the arguments of tool {} cannot be read: {error}", told(name)),
    };
    Err(of_tool(guard, Topic::Arguments, name, why))
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

/// The first right of a guard that fits a tool. A right that narrows (`never`, `when`) fits names too that only look
/// otherwise, so that no later statement allows `Shell` where `shell` is denied.
fn first_right<'g>(guard: &'g Guard, tool: &str) -> Option<&'g ToolRight> {
    let alike = |right: &ToolRight| {
        (right.never || right.when.is_some()) && like(&plain(&right.pattern), &plain(tool))
    };
    guard.rights.tools.iter().find(|right| like(&right.pattern, tool) || alike(right))
}

/// Whether a right that fits a name denies it whatever the arguments: what is allowed is allowed by its own name alone.
fn never(right: &ToolRight, tool: &str) -> bool {
    right.never || !like(&right.pattern, tool)
}

/// A name as a careless reader takes it: small letters, wide ones narrow, without what does not show.
fn plain(name: &str) -> String {
    let shows = |c: &char| {
        let joins = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
        !(joins || c.is_control() || c.is_whitespace())
    };
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{17f}' => 's',
        c => c,
    };
    name.chars().filter(shows).map(narrow).flat_map(char::to_lowercase).collect()
}

fn says(guard: &Guard, tool: &str) -> Says {
    match first_right(guard, tool) {
        Some(right) if never(right, tool) => Says::No,
        Some(right) if right.when.is_some() => Says::Sometimes,
        Some(_) => Says::Yes,
        None if guard.rights.tools.is_empty() => Says::Yes,
        None => Says::No,
    }
}

/// The same for a tool whose arguments nobody sees before it runs.
fn says_unseen(guard: &Guard, tool: &str) -> Says {
    match says(guard, tool) {
        Says::Sometimes => Says::No,
        says => says,
    }
}

fn no_tool(guard: &Guard, tool: &str) -> Denial {
    of_tool(guard, Topic::Tool, tool, format!("tool {} is not allowed", told(tool)))
}

/// A denial of a tool, whose name may be anything unless a statement of the policy has it letter by letter.
fn of_tool(guard: &Guard, topic: Topic, tool: &str, why: String) -> Denial {
    let own = guard.rights.tools.iter().any(|right| right.pattern == tool);
    Denial { rule: guard.label(), topic, subject: told(tool), why, own }
}
