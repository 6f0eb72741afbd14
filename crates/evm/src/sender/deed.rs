//! What can be done once, and how it stands.

use crate::{Address, Block, Chain, EvmError, Node};

/// How a deed stands in a block's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Its effect is there.
    Done {
        /// What proves it.
        proof: String,
    },
    /// It cannot happen any more, in this block's state or in any that follows.
    Impossible {
        /// Why.
        reason: String,
    },
    /// It may still happen.
    Open,
}

/// How a deed whose outcome is not known stands at the newest block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnderWay {
    /// Nothing was sent for it.
    Unsent,
    /// It was sent, again just now, and no block has it.
    Sent,
    /// A block has it.
    Taken {
        /// Which.
        block: u64,
        /// Whether it did what it said.
        done: bool,
    },
    /// Another transaction has its nonce.
    Replaced,
}

/// A call that does a deed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The contract.
    pub to: Address,
    /// What it is told.
    pub data: Vec<u8>,
}

/// Something that can be done once.
pub trait Deed<N: Node> {
    /// How it stands as of a block: all that is asked is asked as of [`Block::at`], so that no two nodes answer for two chains.
    ///
    /// # Errors
    /// When the node does not say.
    fn standing(&mut self, chain: &mut Chain<N>, block: &Block) -> Result<Standing, EvmError>;
    /// What does it; `None` while something that must be signed is missing.
    ///
    /// # Errors
    /// When what was signed cannot be read.
    fn request(&mut self, chain: &mut Chain<N>) -> Result<Option<Request>, EvmError>;
    /// Whether a refusal by the contract now is a "no" for good, given that nothing was sent: nobody else can do the deed.
    fn is_ours_alone(&self) -> bool;
    /// Whether it is sent once only: what a contract refused on the chain, though not when it was asked before, is paid for once.
    fn is_tried_once(&self) -> bool {
        false
    }
    /// Seconds since the epoch from which the deed can happen no more, where that is so: what it came to is forgotten some time
    /// later.
    fn expires(&self) -> Option<u64> {
        None
    }
}

/// Bounds and depths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderConfig {
    /// The chain's number (EIP-155).
    pub chain_id: u64,
    /// Blocks, from the one that has an effect to the newest, that make it final.
    pub confirmations: u64,
    /// Blocks after which a transaction that is not taken is sent again at a higher fee.
    pub patience: u64,
    /// Most wei per gas.
    pub max_fee_wei: u128,
    /// Most gas that a transaction may use.
    pub max_gas: u64,
}
