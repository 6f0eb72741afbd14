//! Histories laid out for a network: made once where all are in memory, else part by part as they are asked for.

use super::super::Network;
use super::super::inputs::Histories;
use super::step::shuffled;
use crate::error::Result;
use crate::feature::Lookup;
use crate::shelf::{Shelf, Shelved, divided};
use tollgate_core::Seed;

/// Where a network's histories come from.
pub(super) enum Source<'a> {
    /// All of them.
    One(Box<Histories<'a>>),
    /// Read when they are asked for.
    Many(&'a mut Shelved, &'a Lookup, Box<Network>),
}

impl<'a> Source<'a> {
    pub(super) fn new(shelf: &'a mut Shelf<'_>, lookup: &'a Lookup, network: &Network) -> Self {
        match shelf {
            Shelf::Whole(data) => {
                let (shape, scales) = (&network.shape, &network.scales);
                Self::One(Box::new(Histories::new(data, lookup, shape, scales, network.caps)))
            }
            Shelf::Folder(folder) => Self::Many(folder, lookup, Box::new(network.clone())),
        }
    }

    fn parts(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(folder, ..) => folder.parts(),
        }
    }

    /// The parts in an order drawn from a seed.
    pub(super) fn order(&self, seed: Seed) -> impl Iterator<Item = usize> + use<> {
        let parts: Vec<u32> = (0..self.parts() as u32).collect();
        shuffled(&parts, seed.derive("parts")).into_iter().map(|part| part as usize)
    }

    /// Users by part.
    pub(super) fn divided(&self, users: &[u32]) -> Vec<Vec<u32>> {
        divided(users, self.parts())
    }

    /// Lends a part's histories.
    pub(super) fn with(&mut self, part: usize, f: &mut dyn FnMut(&Histories<'_>)) -> Result<()> {
        match self {
            Self::One(histories) => f(histories),
            Self::Many(folder, lookup, network) => {
                let data = folder.turn(part)?;
                f(&Histories::new(data, lookup, &network.shape, &network.scales, network.caps));
            }
        }
        Ok(())
    }

    /// Logits of users, in their order.
    pub(super) fn gathered(
        &mut self,
        users: &[u32],
        f: &mut dyn FnMut(&Histories<'_>, &[u32]) -> Vec<f64>,
    ) -> Result<Vec<f64>> {
        if let Self::One(histories) = self {
            return Ok(f(histories, users));
        }
        let parts = self.parts();
        let mut out = vec![0.0; users.len()];
        for (part, own) in self.divided(users).iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            let places = (0..users.len()).filter(|place| users[*place] as usize % parts == part);
            self.with(part, &mut |from| {
                places.clone().zip(f(from, own)).for_each(|(place, x)| out[place] = x);
            })?;
        }
        Ok(out)
    }
}
