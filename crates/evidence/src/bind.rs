//! What makes evidence of one task useless for another.

use crate::Refusal;
use crate::read::text;
use std::fmt;
use tollgate_core::Digest;
use tollgate_pay::escrow::TaskContract;

/// 64 bytes that evidence must carry: see [`TaskContract::bind`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind(pub [u8; 64]);

impl Bind {
    /// What evidence for this output of this task must carry.
    #[must_use]
    pub fn of(contract: &TaskContract, output: &Digest) -> Self {
        Self(contract.bind(output))
    }

    /// Refuses unless these bytes are all 64.
    pub(crate) fn is(&self, place: &'static str, found: &[u8]) -> Result<(), Refusal> {
        if found == self.0 { Ok(()) } else { Err(unbound(place, found.iter().all(|byte| *byte == 0))) }
    }

    /// Refuses unless these bytes are the first 32: for kinds that have no room for more.
    pub(crate) fn starts(&self, place: &'static str, found: &[u8; 32]) -> Result<(), Refusal> {
        if self.0.starts_with(found) { Ok(()) } else { Err(unbound(place, *found == [0; 32])) }
    }

    /// Refuses unless this text is the 64 bytes as 128 lower-case hexadecimal digits.
    pub(crate) fn spelled(&self, place: &'static str, found: Option<&str>) -> Result<(), Refusal> {
        if found == Some(self.to_string().as_str()) { Ok(()) } else { Err(unbound(place, found.is_none())) }
    }
}

/// Nothing, or something else, stands where the binding should.
pub(crate) const fn unbound(place: &'static str, empty: bool) -> Refusal {
    Refusal::Unbound { place, found: if empty { "is empty" } else { "holds other bytes" } }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::hex(&self.0))
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bind({self})")
    }
}

impl std::str::FromStr for Bind {
    type Err = Refusal;

    fn from_str(digits: &str) -> Result<Self, Refusal> {
        text::unhex_array("binding", digits).map(Self)
    }
}
