//! Agents: new records, and what is known of whom.

use super::{Settlement, SettlementError};
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_core::id::AccountId;
use tollgate_pay::escrow::OfficeError;
use tollgate_pay::json::Json;
use tollgate_pay::rail::LEDGER_RAIL;
use tollgate_pay::registry::{
    Accepted, AgentRecord, History, PublicKey, Purpose, Query, RailAccount, Sealed, Search,
};

impl Settlement {
    /// Verifies a record of an agent and keeps it; the entry that has it, or `None` when it was known. Proofs that it brings of
    /// accounts answer challenges that were given out here ([`Settlement::challenge`]), which are used up.
    ///
    /// # Errors
    /// [`SettlementError::Office`] with what is wrong with it.
    pub fn register(
        &self,
        sealed: &Sealed,
        document: Option<String>,
    ) -> Result<Option<u64>, SettlementError> {
        self.register_by(sealed, document, None)
    }

    /// As [`Self::register`], for a caller whose agents are bounded.
    ///
    /// # Errors
    /// Also [`SettlementError::Caller`].
    pub fn register_by(
        &self,
        sealed: &Sealed,
        document: Option<String>,
        by: Option<Digest>,
    ) -> Result<Option<u64>, SettlementError> {
        let accepted = Accepted::new(sealed, document, self.clock.now())?.asked_by(by);
        let command = accepted.command()?;
        let mut inner = self.inner.lock();
        self.read_on(&mut inner)?;
        // It is verified before it is written, and counts when it is.
        let id = sealed.payload().get("id").and_then(Json::text).unwrap_or_default();
        if !accepted.offer(&mut inner.heard.agents.only(id))? {
            return Ok(None);
        }
        inner.heard.agents.check_new(sealed, self.clock.now())?;
        self.may_bring(&inner, id, by)?;
        let before = inner.heard.agents.get(id).and_then(History::current).map(Arc::clone);
        let record = AgentRecord::read(sealed.payload())?;
        self.use_challenges(&record, before.as_ref().map_or(&[], |before| &before.rails))?;
        // What others registered meanwhile may be the very same, or what this does not continue.
        let told = self.in_order(&mut inner, |inner| {
            if !accepted.offer(&mut inner.heard.agents.only(id)).map_err(OfficeError::Ledger)? {
                return Ok(None);
            }
            inner.heard.agents.check_new(sealed, self.clock.now()).map_err(OfficeError::Ledger)?;
            inner.office.tell(&command).map(Some)
        })?;
        let Some((seq, _)) = told else { return Ok(None) };
        inner.heard.register(&accepted)?;
        Ok(Some(seq))
    }

    /// Looks at the agent of this id: its current record and the digests of all versions.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<Vec<(Arc<AgentRecord>, Digest)>> {
        self.known().heard.agents.get(id).map(|history| history.versions().to_vec())
    }

    /// The version of an agent's current record, when there is one.
    #[must_use]
    pub fn agent_version(&self, id: &str) -> Option<u64> {
        Some(self.known().heard.agents.get(id)?.current()?.version)
    }

    /// The key that an agent's current record has under this id for this purpose, if it counts now.
    #[must_use]
    pub fn agent_key(&self, id: &str, kid: &str, purpose: Purpose) -> Option<PublicKey> {
        let now = self.clock.now();
        self.known().heard.agents.get(id)?.current()?.key(kid, purpose, now)
    }

    /// Whether the account of an agent's record is the agent's by what is known here: on the ledger's own rail, the key that signed
    /// for it is one that the log says speaks for it now. An account that is the address of its key is whose key signed for it. Of
    /// others nothing is known.
    #[must_use]
    pub fn controls(&self, account: &RailAccount) -> bool {
        let Some(key) = &account.key else { return true };
        let Ok(id) = account.account.parse::<AccountId>() else { return false };
        let inner = self.known();
        let owner = inner.office.desk().owner(&id).filter(|_| account.rail == LEDGER_RAIL);
        owner.is_some_and(|owner| owner.keys().contains(key))
    }

    /// A page of agents, and the id to go on after. Others go on between the steps of a long search.
    #[must_use]
    pub fn agents(&self, query: &Query) -> (Vec<Arc<AgentRecord>>, Option<String>) {
        let mut search = Search::new(query);
        let mut step = search.next(&self.known().heard.agents);
        while search.take(step) {
            step = search.next(&self.inner.lock().heard.agents);
        }
        search.page()
    }
}
