//! Finding agents: by id, name, skill or rail, page by page, in the order of their ids.

use super::{AgentRecord, Document, History, Sealed, VERSIONS_MAX};
use crate::PayError;
use std::collections::BTreeMap;
use std::ops::Bound;
use tollgate_core::Timestamp;

/// Most agents of one directory, unless it is made with another bound.
pub const AGENTS_MAX: usize = 100_000;
/// Most agents on one page.
const PAGE_MAX: usize = 100;

/// What is looked for. All that is given must hold; letter case does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// Part of the id, the name or a skill.
    pub text: Option<String>,
    /// A skill.
    pub skill: Option<String>,
    /// A rail on which an account is proven.
    pub rail: Option<String>,
    /// The last id of the page before.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

impl Query {
    fn matches(&self, record: &AgentRecord) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let within = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let text = self.text.as_deref().is_none_or(|part| {
            within(&record.id, part)
                || within(&record.name, part)
                || record.skills.iter().any(|skill| within(skill, part))
        });
        let skill =
            self.skill.as_deref().is_none_or(|wanted| record.skills.iter().any(|skill| same(skill, wanted)));
        let rail = self
            .rail
            .as_deref()
            .is_none_or(|wanted| record.rails.iter().any(|rail| same(&rail.rail, wanted)));
        text && skill && rail
    }
}

/// All agents that are known, each with its history.
#[derive(Clone, Debug)]
pub struct Directory {
    agents: BTreeMap<String, History>,
    limit: usize,
}

impl Default for Directory {
    fn default() -> Self {
        Self::new(AGENTS_MAX)
    }
}

impl Directory {
    /// A directory without agents, with room for `limit` of them.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { agents: BTreeMap::new(), limit }
    }

    /// What a record that is new must be besides what [`Directory::take`] proves, which believes when it says that it was issued:
    /// there is room for it, and a control key that still counts `now` has signed it. It is asked before a record is kept, and
    /// never of one that was kept.
    ///
    /// # Errors
    /// [`PayError::Full`] at the directory's bound, and at [`VERSIONS_MAX`]; [`PayError::NotProven`].
    pub fn check_new(&self, sealed: &Sealed, now: Timestamp) -> Result<(), PayError> {
        let record = AgentRecord::read(sealed.payload())?;
        let history = self.agents.get(&record.id);
        if history.is_none() && self.agents.len() >= self.limit {
            return Err(PayError::Full { what: "agents", limit: self.limit });
        }
        if history.is_some_and(|history| history.versions().len() >= VERSIONS_MAX) {
            return Err(PayError::Full { what: "versions of a record", limit: VERSIONS_MAX });
        }
        let by = history.and_then(History::current).unwrap_or(&record);
        if AgentRecord::signed_by(sealed, by, now) {
            return Ok(());
        }
        let reason = "no control key that counts now has signed it, whenever it says that it was issued";
        Err(PayError::NotProven { what: "record", reason: reason.into() })
    }

    /// Takes a signed record: the first of an agent or its next version. `document` is the one that a `did:web` id names.
    /// Answers whether it was new. Bounds are not asked ([`Directory::check_new`]): what was kept once is taken for ever.
    ///
    /// # Errors
    /// Those of [`History::begin`] and [`History::extend`].
    pub fn take(
        &mut self,
        sealed: &Sealed,
        document: Option<&Document>,
        now: Timestamp,
    ) -> Result<bool, PayError> {
        let id = AgentRecord::read(sealed.payload())?.id;
        if let Some(history) = self.agents.get_mut(&id) {
            let before = history.versions().len();
            history.extend(sealed, now)?;
            return Ok(history.versions().len() > before);
        }
        self.agents.insert(id, History::begin(sealed, document, now)?);
        Ok(true)
    }

    /// A directory of one agent at most, as it is now and without what was before, to try a record on.
    #[must_use]
    pub fn only(&self, id: &str) -> Self {
        let agents = self.agents.get_key_value(id).map(|(id, history)| (id.clone(), history.tip()));
        Self { agents: agents.into_iter().collect(), limit: self.limit }
    }

    /// The agent of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&History> {
        self.agents.get(id)
    }

    /// A page of agents that match, and the id to go on after, if there are more.
    #[must_use]
    pub fn find(&self, query: &Query) -> (Vec<&AgentRecord>, Option<String>) {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let from = query.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let agents = self.agents.range((from, Bound::Unbounded)).filter_map(|(_, history)| history.current());
        let mut found: Vec<_> =
            agents.filter(|record| query.matches(record)).take(limit.saturating_add(1)).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|record| record.id.clone());
        (found, next)
    }
}
