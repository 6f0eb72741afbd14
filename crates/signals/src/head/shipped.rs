//! The heads that come with the program. Each is read when it is first asked for.

use super::{Head, Probe};
use std::sync::LazyLock;

macro_rules! heads {
    ($($name:literal)*) => {
        /// Names of the shipped heads.
        pub const SHIPPED: &[&str] = &[$($name,)*];

        static HEADS: [LazyLock<Option<Head>>; SHIPPED.len()] = [
            $(LazyLock::new(|| Head::from_bytes(include_bytes!(concat!("../../heads/", $name, ".head"))).ok()),)*
        ];
    };
}

heads! { "domain" "jailbreak" "hazard" "hazard_class" "fact_check" "reasoning" "difficulty" "support" "names" }

/// The shipped head of this name.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static Head> {
    let at = SHIPPED.iter().position(|known| *known == name)?;
    HEADS.get(at)?.as_ref()
}

/// Whether a shipped head reads the vectors of the encoder that gives this vector for [`PROBE`](super::PROBE).
#[must_use]
pub fn reads_vectors_of(probe: &[f32]) -> bool {
    let probe = Probe::of(probe);
    SHIPPED.iter().filter_map(|name| shipped(name)?.vector()).any(|side| side.probe().agrees(&probe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_head_reads_and_is_named_as_its_file() {
        for name in SHIPPED {
            let head = shipped(name).unwrap_or_else(|| panic!("{name} does not read"));
            assert_eq!(head.card().name, *name);
            assert_eq!(Head::from_bytes(&head.to_bytes().unwrap()).as_ref(), Ok(head));
        }
    }
}
