//! The contracts that schedules draw from: what is signed in them is signed once, not once for each schedule.

use super::{Cast, Rng};
use crate::PayError;
use crate::escrow::{Event, Signed, TaskContract};
use std::sync::OnceLock;
use tollgate_core::{Digest, Seed};

/// How many different contracts there are.
const STOCK: usize = 2048;

/// Signed terms with what authorizes them.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) id: Digest,
    pub(super) signed: Signed<TaskContract>,
    pub(super) authorizes: Event,
}

/// Each contract follows from its number alone, and is made when it is drawn first.
#[derive(Debug)]
pub(super) struct Stock(Vec<OnceLock<Terms>>);

impl Stock {
    pub(super) fn new() -> Self {
        Self((0..STOCK).map(|_| OnceLock::new()).collect())
    }

    /// One of the contracts.
    pub(super) fn draw<'a>(&'a self, cast: &Cast, rng: &mut Rng) -> Result<&'a Terms, PayError> {
        let number = rng.below(u64::try_from(STOCK).unwrap_or(1));
        let place = usize::try_from(number).ok().and_then(|place| self.0.get(place));
        let place = place.ok_or_else(|| PayError::bad("contract", &number.to_string(), "one in stock"))?;
        if let Some(terms) = place.get() {
            return Ok(terms);
        }
        let contract = cast.any_contract(&mut Rng(Seed(number).derive("contract in stock")));
        let authorizes = cast.authorize(&contract)?;
        let (id, signed) = (contract.digest(), cast.signed(contract));
        Ok(place.get_or_init(|| Terms { id, signed, authorizes }))
    }
}
