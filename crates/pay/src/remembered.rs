//! Signatures that were found good, remembered while a simulation plays.
//!
//! A signature over a message holds under a key or does not, for ever. A simulation replays the same log many times, and most of
//! its time would go into finding out again. Outside of [`Remembering`] nothing is remembered and every signature is verified;
//! inside, one that was found good, byte for byte, is not verified a second time. One that was not is verified again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use tollgate_core::Digest;

/// Most signatures that are remembered by one thread; beyond it all are forgotten.
const GOOD_MAX: usize = 16_384;

#[derive(Default)]
struct Good {
    remembers: bool,
    found: BTreeSet<Digest>,
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

/// Whether a signature holds, as `verify` says or once said.
pub(crate) fn holds(key: &[u8], message: &[u8], signature: &[u8], verify: impl FnOnce() -> bool) -> bool {
    if !GOOD.with_borrow(|good| good.remembers) {
        return verify();
    }
    let name = Digest::of_parts([key, message, signature]);
    if GOOD.with_borrow(|good| good.found.contains(&name)) {
        return true;
    }
    let held = verify();
    if held {
        GOOD.with_borrow_mut(|good| {
            if good.found.len() >= GOOD_MAX {
                good.found.clear();
            }
            good.found.insert(name);
        });
    }
    held
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
}
