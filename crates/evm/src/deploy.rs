//! Making our contracts, as deeds: each is made once, by whoever comes first, at the address that follows from its code.

use crate::{Address, Block, Chain, Contract, Deed, EvmError, Node, Request, Standing};
use tollgate_core::Digest;

/// One contract that is to be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    /// Which.
    pub contract: Contract,
    /// Where.
    pub address: Address,
    /// What makes it.
    pub request: Request,
}

impl Deployment {
    /// Its key: code and arguments give the address.
    #[must_use]
    pub fn key(&self) -> String {
        format!("deploy:{}", self.address)
    }

    /// What is asked under its key.
    #[must_use]
    pub fn asked(&self) -> Digest {
        Digest::of(&self.request.data)
    }
}

impl<N: Node> Deed<N> for Deployment {
    fn standing(&mut self, chain: &mut Chain<N>, block: &Block) -> Result<Standing, EvmError> {
        let is_there = !chain.code(self.address, block.at())?.is_empty();
        Ok(if is_there { Standing::Done { proof: self.address.to_string() } } else { Standing::Open })
    }

    fn request(&mut self, _chain: &mut Chain<N>) -> Result<Option<Request>, EvmError> {
        Ok(Some(self.request.clone()))
    }

    fn is_ours_alone(&self) -> bool {
        false
    }
}
