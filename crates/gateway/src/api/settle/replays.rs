//! Nonces of signed requests, for as long as their signatures count: the same request a second time is refused.

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::Digest;

/// Most nonces that are remembered; beyond it signed writes have to wait.
pub(crate) const NONCES_MAX: usize = 100_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    nonces: BTreeSet<Digest>,
    /// By the second from which on the signature no longer counts.
    until: BTreeMap<i64, Vec<Digest>>,
}

/// What is found of a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// It is new, and remembered from now on.
    New,
    /// It was used.
    Used,
    /// It is new, and there is no room to remember it.
    Full,
}

impl Replays {
    /// Remembers a nonce until a second.
    pub(super) fn first(&self, nonce: Digest, until: i64, now: i64) -> Found {
        let mut seen = self.0.lock();
        let live = seen.until.split_off(&now.saturating_add(1));
        let over = std::mem::replace(&mut seen.until, live);
        for nonce in over.values().flatten() {
            seen.nonces.remove(nonce);
        }
        if seen.nonces.contains(&nonce) {
            return Found::Used;
        }
        if seen.nonces.len() >= NONCES_MAX {
            return Found::Full;
        }
        seen.nonces.insert(nonce);
        seen.until.entry(until).or_default().push(nonce);
        Found::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_while_its_signature_does() {
        let (replays, nonce) = (Replays::default(), |n: usize| Digest::of(&n.to_le_bytes()));
        assert_eq!(replays.first(nonce(0), 100, 50), Found::New);
        assert_eq!(replays.first(nonce(0), 100, 99), Found::Used);
        // At its end the signature itself is refused.
        assert_eq!(replays.first(nonce(0), 200, 100), Found::New);
        for n in 1..NONCES_MAX {
            assert_eq!(replays.first(nonce(n), 200, 100), Found::New);
        }
        assert_eq!(replays.first(nonce(NONCES_MAX), 300, 199), Found::Full);
        assert_eq!(replays.first(nonce(1), 300, 199), Found::Used);
        assert_eq!(replays.first(nonce(NONCES_MAX), 300, 200), Found::New);
    }
}
