//! Escrows that are locked together: all or none is held, by one command of the ledger, and each goes its own way from there.
//!
//! One event says it of all of them: which they are, at which versions, and what each is funded from. All wait for one call, which
//! holds the sources of all in the order of the group; what the ledger says of it is what it says to each. An escrow knows which of
//! the holds are its own, so it is released or given back without the others.

use super::super::{Escrow, Event, Refusal, Source, TaskContract};
use super::{Desk, Landed, Record};
use crate::PayError;
use crate::ledger::Outcome;
use crate::rail::{Ask, Call, LEDGER_RAIL};
use serde::{Deserialize, Serialize};
use tollgate_core::Digest;

/// Most escrows of one group.
pub const GROUP_MAX: usize = 8;
/// Most sources of all of them together: the ledger's answer names a hold for each.
pub const GROUP_SOURCES_MAX: usize = 24;

/// One of the escrows that are locked together. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The escrow.
    pub escrow: Digest,
    /// Where its price comes from, as its terms say.
    pub funding: Vec<Source>,
    /// Its version.
    pub version: u64,
}

impl Member {
    /// An escrow as it is now.
    pub(in crate::escrow) fn of(escrow: &Escrow) -> Self {
        Self { escrow: escrow.id, funding: escrow.contract.funding.clone(), version: escrow.version }
    }

    /// Key of the call that holds the funds of all, under the name of the first of them.
    pub(in crate::escrow) fn call(&self) -> String {
        format!("escrow:{}:{}:call", self.escrow, self.version.saturating_add(1))
    }
}

/// With which others an escrow was locked last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Together {
    /// Key of the call that held the funds of all.
    pub call: String,
    /// All of them, itself included, in order.
    pub escrows: Vec<Digest>,
    /// How many holds of the others stand before its own.
    pub skip: usize,
}

/// The call that all members wait for, and an escrow's place in it.
///
/// # Errors
/// [`Refusal::Bad`] for a group that is none, [`Refusal::Mismatch`] when it says something else of the escrow than is.
pub(in crate::escrow) fn join(escrow: &Escrow, members: &[Member]) -> Result<(Call, Together), Refusal> {
    let sources = members.iter().fold(0, |sum: usize, member| sum.saturating_add(member.funding.len()));
    let sorted = members.windows(2).all(|two| matches!(two, [one, other] if one.escrow < other.escrow));
    if !(2..=GROUP_MAX).contains(&members.len()) || sources > GROUP_SOURCES_MAX || !sorted {
        let wanted = "2 to 8 escrows in the order of their ids, each once, of 24 sources together";
        return Err(PayError::bad("group", &members.len().to_string(), wanted).into());
    }
    let TaskContract { rail, .. } = &*escrow.contract;
    if rail != LEDGER_RAIL {
        return Err(Refusal::mismatch("rail", rail, &LEDGER_RAIL));
    }
    let mine = Member::of(escrow);
    let place = members.iter().position(|member| *member == mine);
    let place = place.ok_or_else(|| {
        let said = members.iter().find(|member| member.escrow == escrow.id);
        let said = said.map_or_else(|| "not of the group".to_owned(), |said| said.version.to_string());
        Refusal::mismatch("version", &said, &escrow.version)
    })?;
    let lead = members.first().unwrap_or(&mine);
    let (before, _) = members.split_at_checked(place).unwrap_or_default();
    let key = lead.call();
    let funding = members.iter().flat_map(|member| member.funding.clone()).collect();
    let together = Together {
        call: key.clone(),
        escrows: members.iter().map(|member| member.escrow).collect(),
        skip: before.iter().fold(0, |sum: usize, member| sum.saturating_add(member.funding.len())),
    };
    Ok((Call { key, escrow: lead.escrow, ask: Ask::Hold { funding } }, together))
}

/// What of the held funds of all is an escrow's own: the entry's number, then its holds.
///
/// # Errors
/// [`Refusal::Mismatch`] when there are fewer holds than sources.
pub(in crate::escrow) fn share(proof: &str, together: &Together, escrow: &Escrow) -> Result<String, Refusal> {
    let (entry, holds) = proof.split_once('/').unwrap_or((proof, ""));
    let wanted = escrow.contract.funding.len();
    let mine: Vec<&str> = holds.split('/').skip(together.skip).take(wanted).collect();
    if mine.len() < wanted || mine.contains(&"") {
        return Err(Refusal::mismatch("held funds", &proof, &"a hold for each source of the group"));
    }
    Ok(format!("{entry}/{}", mine.join("/")))
}

impl Desk {
    /// The group of these escrows as they are now, in order.
    ///
    /// # Errors
    /// [`Refusal::Missing`].
    pub(crate) fn group(&self, ids: &[Digest]) -> Result<Vec<Member>, Refusal> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        let member = |id: Digest| self.escrow(&id).map(Member::of).ok_or(Refusal::Missing(id));
        ids.into_iter().map(member).collect()
    }

    /// What a record says of other escrows than the one that it names, as far as they are known here; in a whole log all are.
    pub(super) fn others(&self, record: &Record) -> Result<Vec<Escrow>, Refusal> {
        let Event::LockTogether(members) = &record.event else { return Ok(Vec::new()) };
        let is_shown = |member: &&Member| self.only.is_none_or(|only| only == member.escrow);
        let others = members.iter().filter(|member| member.escrow != record.escrow).filter(is_shown);
        others.map(|member| self.next(member.escrow, &record.event, record.at, record.r#type)).collect()
    }

    /// Checks that all can be locked, not only the one under whose name it is recorded.
    pub(super) fn check_others(&self, record: &Record) -> Result<(), Refusal> {
        if let Event::LockTogether(members) = &record.event
            && members.first().is_none_or(|lead| lead.escrow != record.escrow)
        {
            let wanted = "recorded under the first of the group";
            return Err(PayError::bad("group", &record.escrow.to_string(), wanted).into());
        }
        self.others(record).map(drop)
    }

    /// Notes which call an escrow waits for now.
    pub(super) fn wait_for(&mut self, next: &Escrow) {
        let before = self.escrows.get(&next.id).and_then(|escrow| escrow.rail.open());
        let (before, now) = (before.map(|call| call.key.clone()), next.rail.open().map(|call| &call.key));
        if before.as_ref() == now {
            return;
        }
        if let Some(key) = before
            && let Some(waiting) = self.waits.get_mut(&key)
        {
            waiting.remove(&next.id);
            if waiting.is_empty() {
                self.waits.remove(&key);
            }
        }
        if let Some(key) = now {
            self.waits.entry(key.clone()).or_default().insert(next.id);
        }
    }

    /// Notes what the ledger did with a call that escrows wait for.
    pub(in crate::escrow) fn land(&mut self, key: &str, outcome: &Outcome, seq: u64) {
        let applied = matches!(outcome, Outcome::Applied { .. });
        for id in self.waits.get(key).into_iter().flatten() {
            self.landed.insert(*id, Landed { key: key.into(), seq, applied });
        }
    }
}
