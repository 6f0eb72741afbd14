//! Telling receivers what happened: the outboxes of a settlement.

use super::keep::{Keep, Lead};
use super::outbox::{Due, Happened, HookConfig, Outbox, Standing};
use super::{Settlement, SettlementError};
use crate::journal::JournalError;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use tollgate_pay::escrow::Record;
use tollgate_pay::ledger::{Entry, Outcome};

/// One event that is to be delivered now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// What happened.
    pub happened: Happened,
    /// The number of this attempt, from 1.
    pub attempt: u32,
}

/// What became of a delivery: taken, or why not.
pub type Reported = (u64, Result<(), String>);

/// The outboxes, and the last events that not all of them have looked at. Whoever records an event touches only the events. A server
/// that does not tell has neither.
pub(super) struct Hooks {
    configs: Vec<HookConfig>,
    pub(super) keep: Mutex<Keep>,
    boxes: Mutex<BTreeMap<String, Outbox>>,
    recent: Mutex<Recent>,
    /// Most events in memory; an outbox that is further behind reads the log.
    recent_max: usize,
}

/// See [`Hooks`].
#[derive(Debug, Default)]
struct Recent {
    /// This server has read how far receivers are.
    read: bool,
    events: VecDeque<Happened>,
    /// From this entry on all events are here, but for those that all outboxes have looked at; none without outboxes.
    since: Option<u64>,
}

impl Hooks {
    /// The outboxes of these receivers. A new one is told what happens from entry `next` on, and is kept at once.
    pub(super) fn open(
        mut keep: Keep,
        configs: &[HookConfig],
        next: u64,
        recent_max: usize,
    ) -> Result<Self, JournalError> {
        for config in configs {
            keep.begin(&config.name, &Outbox::new(config.clone(), next).bytes())?;
        }
        let (keep, configs) = (Mutex::new(keep), configs.to_vec());
        Ok(Self { configs, keep, boxes: Mutex::default(), recent: Mutex::default(), recent_max })
    }

    /// All receivers as they are kept.
    fn read(&self, keep: &mut Keep) -> Result<BTreeMap<String, Outbox>, JournalError> {
        let mut boxes = BTreeMap::new();
        for config in &self.configs {
            if let Some(kept) = keep.read(&config.name)? {
                boxes.insert(config.name.clone(), Outbox::read(config.clone(), &kept)?);
            }
        }
        Ok(boxes)
    }

    /// Takes what happened, in the order of the log.
    pub(super) fn happened(&self, happened: Happened) {
        let mut recent = self.recent.lock();
        let Some(since) = recent.since.filter(|since| happened.seq >= *since) else { return };
        recent.events.push_back(happened);
        if recent.events.len() > self.recent_max {
            let gone = recent.events.pop_front();
            recent.since = gone.map(|gone| gone.seq.saturating_add(1)).max(Some(since));
        }
    }

    /// Lets every outbox look at what happened, as far as it has room.
    fn look(&self, boxes: &mut BTreeMap<String, Outbox>) {
        let mut recent = self.recent.lock();
        let since = recent.since.unwrap_or_default();
        let events = &mut recent.events;
        for outbox in boxes.values_mut().filter(|outbox| outbox.next() >= since) {
            let start = events.partition_point(|event| event.seq < outbox.next());
            for event in events.iter().skip(start) {
                if !outbox.hear(event) {
                    break;
                }
            }
        }
        let all = boxes.values().map(Outbox::next).min().unwrap_or(u64::MAX);
        while events.front().is_some_and(|event| event.seq < all) {
            events.pop_front();
        }
    }
}

impl Settlement {
    /// Lets every outbox look at what happened; one that is behind what is in memory, once it has room again, at the log.
    fn look(&self, boxes: &mut BTreeMap<String, Outbox>) -> Result<(), SettlementError> {
        self.hooks.look(boxes);
        let since = self.hooks.recent.lock().since.unwrap_or_default();
        for outbox in boxes.values_mut().filter(|outbox| outbox.next() < since && outbox.wants_more()) {
            let mut has_room = true;
            self.source.entries(outbox.next(), |seq, bytes| {
                if has_room && seq < since {
                    let happened = Happened::read(seq, bytes)?;
                    has_room = happened.is_none_or(|happened| outbox.hear(&happened));
                }
                Ok(())
            })?;
            if has_room {
                outbox.skip_to(since);
            }
        }
        Ok(())
    }

    /// Whether this server tells receivers. One that begins to reads how far they are.
    fn tells(&self) -> Result<bool, SettlementError> {
        let hooks = &self.hooks;
        let mut keep = hooks.keep.lock();
        let lead = keep.lead()?;
        if matches!(lead, Lead::Other) {
            hooks.boxes.lock().clear();
            *hooks.recent.lock() = Recent::default();
            return Ok(false);
        }
        if matches!(lead, Lead::New) || !hooks.recent.lock().read {
            self.begin_to_tell(&mut keep)?;
        }
        let Lead::Still(asked) = lead else { return Ok(true) };
        let mut boxes = hooks.boxes.lock();
        for (name, outbox) in boxes.iter_mut() {
            let mut heard = 0;
            for (_, seq) in asked.iter().filter(|(of, _)| of == name) {
                outbox.again(*seq);
                heard += 1;
            }
            if heard > 0 {
                keep.write(name, &outbox.bytes(), heard)?;
            }
        }
        Ok(true)
    }

    fn begin_to_tell(&self, keep: &mut Keep) -> Result<(), SettlementError> {
        let hooks = &self.hooks;
        // What comes after what is known now is told by whoever records or reads it, which needs `inner`; what came before is read
        // from the log.
        let inner = self.known();
        *hooks.recent.lock() = Recent::default();
        let boxes = hooks.read(keep)?;
        let since = (!boxes.is_empty()).then(|| inner.ledger.seen());
        *hooks.boxes.lock() = boxes;
        *hooks.recent.lock() = Recent { read: true, events: VecDeque::new(), since };
        Ok(())
    }

    /// What is to be delivered to a receiver now; nothing where another server tells receivers. Each is under way until it is
    /// [`Settlement::delivered`].
    ///
    /// # Errors
    /// [`SettlementError::Journal`] when the outbox cannot be kept.
    pub fn deliveries(&self, hook: &str) -> Result<Vec<Delivery>, SettlementError> {
        if !self.tells()? {
            return Ok(Vec::new());
        }
        drop(self.known());
        let due = {
            let mut boxes = self.hooks.boxes.lock();
            self.look(&mut boxes)?;
            boxes.get_mut(hook).map(|outbox| outbox.due(self.now())).unwrap_or_default()
        };
        let (mut deliveries, mut unread) = (Vec::new(), Vec::new());
        for Due { seq, attempt, happened } in due {
            match happened.map_or_else(|| self.recorded(seq), |happened| Ok(Some(happened))) {
                Ok(Some(happened)) => deliveries.push(Delivery { happened, attempt }),
                // Nothing that a receiver is told of.
                Ok(None) => unread.push((seq, Ok(()))),
                Err(error) => unread.push((seq, Err(format!("the log cannot be read: {error}")))),
            }
        }
        if !unread.is_empty() {
            self.delivered(hook, &unread)?;
        }
        Ok(deliveries)
    }

    /// The event that an entry of the log records.
    fn recorded(&self, seq: u64) -> Result<Option<Happened>, SettlementError> {
        let entry = self.entry(seq)?;
        let record = entry.map(|entry| Record::of(&entry.command)).transpose()?.flatten();
        Ok(record.map(|record| Happened::of(&record, seq)))
    }

    /// Keeps what became of deliveries; answers the entries that are given up.
    ///
    /// # Errors
    /// [`SettlementError::Journal`] when it cannot be kept: after a restart they are delivered again.
    pub fn delivered(&self, hook: &str, reported: &[Reported]) -> Result<Vec<u64>, SettlementError> {
        let mut keep = self.hooks.keep.lock();
        let (mut boxes, now) = (self.hooks.boxes.lock(), self.now());
        let Some(outbox) = boxes.get_mut(hook) else { return Ok(Vec::new()) };
        let mut given_up = Vec::new();
        for (seq, what) in reported {
            match what {
                Ok(()) => outbox.taken(*seq),
                Err(why) => given_up.extend(outbox.failed(*seq, why, now).then_some(*seq)),
            }
        }
        keep.write(hook, &outbox.bytes(), 0)?;
        Ok(given_up)
    }

    /// Takes up again what a receiver never took, one entry or all; `None` when there is no such receiver. Where another server tells
    /// receivers, it does so when it looks next.
    ///
    /// # Errors
    /// [`SettlementError::Journal`] when it cannot be kept.
    pub fn deliver_again(&self, hook: &str, only: Option<u64>) -> Result<Option<usize>, SettlementError> {
        let tells = self.tells()?;
        let mut keep = self.hooks.keep.lock();
        if tells {
            let mut boxes = self.hooks.boxes.lock();
            let Some(outbox) = boxes.get_mut(hook) else { return Ok(None) };
            let count = outbox.again(only);
            keep.write(hook, &outbox.bytes(), 0)?;
            return Ok(Some(count));
        }
        let Some(mut outbox) = self.hooks.read(&mut keep)?.remove(hook) else { return Ok(None) };
        let count = outbox.again(only);
        if count > 0 && !keep.ask(hook, only)? {
            return Ok(Some(0));
        }
        Ok(Some(count))
    }

    /// How every receiver stands.
    ///
    /// # Errors
    /// [`SettlementError::Journal`] when it cannot be read.
    pub fn hooks(&self) -> Result<Vec<Standing>, SettlementError> {
        if !self.tells()? {
            let boxes = self.hooks.read(&mut self.hooks.keep.lock())?;
            return Ok(boxes.values().map(Outbox::standing).collect());
        }
        let mut boxes = self.hooks.boxes.lock();
        // How far it is stays to be seen where the log cannot be read.
        let _ = self.look(&mut boxes);
        Ok(boxes.values().map(Outbox::standing).collect())
    }

    /// Names of the receivers.
    #[must_use]
    pub fn receivers(&self) -> Vec<String> {
        self.hooks.configs.iter().map(|config| config.name.clone()).collect()
    }
}

impl Happened {
    /// What an entry's bytes say that happened to an escrow, if they do.
    fn read(seq: u64, bytes: &[u8]) -> Result<Option<Self>, JournalError> {
        let damaged = |error: serde_json::Error| JournalError::Damaged {
            file: "the ledger".into(),
            at: seq,
            what: error.to_string(),
        };
        let entry: Entry = serde_json::from_slice(bytes).map_err(damaged)?;
        let record = Record::of(&entry.command)?.filter(|_| matches!(entry.outcome, Outcome::Applied { .. }));
        Ok(record.map(|record| Self::of(&record, seq)))
    }

    /// What a record of the log says.
    pub(super) fn of(record: &Record, seq: u64) -> Self {
        let Record { at, escrow, phase, version, .. } = *record;
        Self { seq, escrow, at, what: record.event.kind(), phase, version }
    }
}
