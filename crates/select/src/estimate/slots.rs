//! A ring of slots over the last stretch of time: what statistics that forget as a whole stand on.

use tollgate_core::Tick;

/// `N` slots of equal length; the oldest is dropped as a whole. What comes late counts in the newest.
#[derive(Clone, Debug)]
pub(super) struct Slots<T, const N: usize> {
    slot_ns: u64,
    slots: [T; N],
    newest: u64,
}

impl<T: Copy + Default, const N: usize> Slots<T, N> {
    /// Empty slots that cover `ms` milliseconds (at least one each).
    pub(super) fn new(ms: u64) -> Self {
        let slot_ns = (ms.saturating_mul(1_000_000) / N as u64).max(1_000_000);
        Self { slot_ns, slots: [T::default(); N], newest: 0 }
    }

    /// Changes the slot of `now`.
    pub(super) fn update(&mut self, now: Tick, change: impl FnOnce(&mut T)) {
        let slot = now.0 / self.slot_ns;
        let gone = slot.saturating_sub(self.newest).min(N as u64);
        for step in 0..gone {
            if let Some(old) = self.slots.get_mut(Self::place(slot - step)) {
                *old = T::default();
            }
        }
        self.newest = self.newest.max(slot);
        if let Some(newest) = self.slots.get_mut(Self::place(self.newest)) {
            change(newest);
        }
    }

    /// The slots of the stretch that ends at `now`, newest first; fresh ones where nothing happened.
    pub(super) fn back_from(&self, now: Tick) -> impl Iterator<Item = T> + '_ {
        let slot = (now.0 / self.slot_ns).max(self.newest);
        (0..N as u64).map(move |back| {
            let kept = |at: &u64| *at <= self.newest && self.newest - at < N as u64;
            let at = slot.checked_sub(back).filter(kept);
            at.and_then(|at| self.slots.get(Self::place(at))).copied().unwrap_or_default()
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots = [T::default(); N];
    }

    const fn place(slot: u64) -> usize {
        (slot % N as u64) as usize
    }
}
