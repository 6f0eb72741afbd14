//! Signatures and keys that were found good, remembered while a simulation plays.
//!
//! A signature over a message holds under a key or does not, for ever, and bytes are a key or are not. A simulation replays the
//! same log many times, and most of its time would go into finding out again. Outside of [`Remembering`] nothing is remembered
//! and every signature is verified; inside, one that was made here or found good, byte for byte, is not verified a second time.
//! One that was not is verified, however often it comes.

use ed25519_dalek::VerifyingKey;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use tollgate_core::Digest;

/// Most signatures that are remembered by one thread; beyond it all are forgotten.
const GOOD_MAX: usize = 16_384;
/// Most keys that are remembered by one thread; beyond it all are forgotten.
const KEYS_MAX: usize = 256;

#[derive(Default)]
struct Good {
    remembers: bool,
    found: HashSet<Digest>,
    keys: BTreeMap<[u8; 32], VerifyingKey>,
}

thread_local! {
    static GOOD: RefCell<Good> = RefCell::default();
}

/// While this lives, its thread remembers.
pub(crate) struct Remembering(());

impl Remembering {
    pub(crate) fn begin() -> Self {
        GOOD.with_borrow_mut(|good| good.remembers = true);
        Self(())
    }
}

impl Drop for Remembering {
    fn drop(&mut self) {
        GOOD.with_borrow_mut(|good| good.remembers = false);
    }
}

fn name(key: &[u8], message: &[u8], signature: &[u8]) -> Digest {
    Digest::of_parts([key, message, signature])
}

fn remembers() -> bool {
    GOOD.with_borrow(|good| good.remembers)
}

/// Whoever has the secret key made this signature.
pub(crate) fn made(key: &[u8], message: &[u8], signature: &[u8]) {
    if remembers() {
        remember(name(key, message, signature));
    }
}

fn remember(name: Digest) {
    GOOD.with_borrow_mut(|good| {
        if good.found.len() >= GOOD_MAX {
            good.found.clear();
        }
        good.found.insert(name);
    });
}

/// Whether a signature holds, as `verify` says or once said.
pub(crate) fn holds(key: &[u8], message: &[u8], signature: &[u8], verify: impl FnOnce() -> bool) -> bool {
    if !remembers() {
        return verify();
    }
    let name = name(key, message, signature);
    if GOOD.with_borrow(|good| good.found.contains(&name)) {
        return true;
    }
    let held = verify();
    if held {
        remember(name);
    }
    held
}

/// The key of these bytes, as `read` says or once said: the one rule by which a signer of statements is a key.
pub(crate) fn key(bytes: &[u8; 32], read: impl FnOnce() -> Option<VerifyingKey>) -> Option<VerifyingKey> {
    if !remembers() {
        return read();
    }
    if let Some(key) = GOOD.with_borrow(|good| good.keys.get(bytes).copied()) {
        return Some(key);
    }
    let key = read()?;
    GOOD.with_borrow_mut(|good| {
        if good.keys.len() >= KEYS_MAX {
            good.keys.clear();
        }
        good.keys.insert(*bytes, key);
    });
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_good_byte_for_byte_is_remembered_and_only_meanwhile() {
        let asked = |message: &[u8], says: bool| {
            let mut verified = false;
            let held = holds(b"key", message, b"signature", || {
                verified = true;
                says
            });
            (held, verified)
        };
        assert_eq!(asked(b"m", true), (true, true));
        assert_eq!(asked(b"m", true), (true, true), "nothing is remembered by default");
        let remembering = Remembering::begin();
        assert_eq!(asked(b"m", true), (true, true));
        assert_eq!(asked(b"m", false), (true, false), "it was found good");
        assert_eq!(asked(b"n", false), (false, true));
        assert_eq!(asked(b"n", false), (false, true), "what does not hold is verified again");
        drop(remembering);
        assert_eq!(asked(b"m", false), (false, true));
    }

    #[test]
    fn what_was_made_here_counts_as_good_for_its_own_bytes_only() {
        made(b"key", b"before", b"signature");
        let remembering = Remembering::begin();
        assert!(!holds(b"key", b"before", b"signature", || false), "nobody remembered then");
        made(b"key", b"m", b"signature");
        assert!(holds(b"key", b"m", b"signature", || false));
        for (key, message, signature) in [
            ("kez", "m", "signature"),
            ("key", "n", "signature"),
            ("key", "m", "signaturf"),
            ("keym", "", "signature"),
        ] {
            assert!(!holds(key.as_bytes(), message.as_bytes(), signature.as_bytes(), || false));
        }
        drop(remembering);
        assert!(!holds(b"key", b"m", b"signature", || false));
    }

    #[test]
    fn bytes_that_are_no_key_are_looked_at_each_time() {
        let remembering = Remembering::begin();
        let good = VerifyingKey::default();
        assert_eq!(key(&[1; 32], || None), None);
        assert_eq!(key(&[1; 32], || Some(good)), Some(good));
        assert_eq!(key(&[1; 32], || None), Some(good));
        assert_eq!(key(&[2; 32], || None), None);
        drop(remembering);
        assert_eq!(key(&[1; 32], || None), None);
    }
}
