//! How a chain spells things: words and addresses, keys and hashes, calls, typed data, transactions.

pub mod abi;
mod key;
pub mod rlp;
pub mod transaction;
pub mod typed;
mod word;

pub use key::{Key, Signature, keccak, recover};
pub use word::{Address, Word, hex, unhex};
