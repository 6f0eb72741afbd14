//! Finding agents: by id, name, skill or rail, page by page, in the order of their ids.
//!
//! A search goes through the directory in steps ([`Search`]), and looks at a step without it: whoever shares a directory gives it
//! back between two steps, however many agents there are and however few of them match.

use super::{AgentRecord, Document, History, Sealed, VERSIONS_MAX};
use crate::PayError;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use tollgate_core::Timestamp;

/// Most agents of one directory, unless it is made with another bound.
pub const AGENTS_MAX: usize = 100_000;
/// Most agents on one page.
const PAGE_MAX: usize = 100;
/// Agents that a search looks at in one step.
const STEP: usize = 256;

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

/// A search under way: [`Search::next`] takes a step's agents from a directory, [`Search::take`] looks at them.
#[derive(Debug)]
pub struct Search<'q> {
    query: &'q Query,
    /// What is looked for in texts, in lower case.
    text: Option<String>,
    after: Option<String>,
    found: Vec<Arc<AgentRecord>>,
}

impl<'q> Search<'q> {
    /// A search from the query's beginning on.
    #[must_use]
    pub fn new(query: &'q Query) -> Self {
        let text = query.text.as_deref().map(str::to_lowercase);
        Self { query, text, after: query.after.clone(), found: Vec::new() }
    }

    /// The agents of the next step. It is quick: nothing is looked at.
    #[must_use]
    pub fn next(&self, agents: &Directory) -> Vec<Arc<AgentRecord>> {
        let from = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let step = agents.agents.range::<str, _>((from, Bound::Unbounded)).take(STEP);
        step.filter_map(|(_, history)| history.current().cloned()).collect()
    }

    /// Looks at the agents of a step; whether the search goes on.
    pub fn take(&mut self, step: Vec<Arc<AgentRecord>>) -> bool {
        let (limit, whole) = (self.limit(), step.len() == STEP);
        self.after = step.last().map(|record| record.id.clone());
        for record in step {
            if self.found.len() > limit {
                break;
            }
            if self.matches(&record) {
                self.found.push(record);
            }
        }
        // One more than a page says that there is another.
        whole && self.found.len() <= limit
    }

    /// What was found: a page, and the id to go on after, if there are more.
    #[must_use]
    pub fn page(mut self) -> (Vec<Arc<AgentRecord>>, Option<String>) {
        let limit = self.limit();
        let more = self.found.len() > limit;
        self.found.truncate(limit);
        let next = self.found.last().filter(|_| more).map(|record| record.id.clone());
        (self.found, next)
    }

    fn limit(&self) -> usize {
        self.query.limit.clamp(1, PAGE_MAX)
    }

    fn matches(&self, record: &AgentRecord) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let text = self.text.as_deref().is_none_or(|part| {
            let within = |text: &str| text.to_lowercase().contains(part);
            within(&record.id) || within(&record.name) || record.skills.iter().any(|skill| within(skill))
        });
        let Query { skill, rail, .. } = self.query;
        let skill =
            skill.as_deref().is_none_or(|wanted| record.skills.iter().any(|skill| same(skill, wanted)));
        let rail =
            rail.as_deref().is_none_or(|wanted| record.rails.iter().any(|rail| same(&rail.rail, wanted)));
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
        let by = history.and_then(History::current).map_or(&record, |current| &**current);
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

    /// How many agents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// The agent of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&History> {
        self.agents.get(id)
    }

    /// A page of agents that match, and the id to go on after, if there are more.
    #[must_use]
    pub fn find(&self, query: &Query) -> (Vec<Arc<AgentRecord>>, Option<String>) {
        let mut search = Search::new(query);
        while search.take(search.next(self)) {}
        search.page()
    }
}
