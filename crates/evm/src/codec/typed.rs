//! Typed data (EIP-712) that is signed here, by payers and by verifiers.

use crate::abi::{Value, encode};
use crate::{Address, Word, keccak};

/// Whom a signature is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The chain.
    pub chain_id: u64,
    /// The contract that checks the signature.
    pub contract: Address,
}

impl Domain<'_> {
    /// The domain's separator.
    #[must_use]
    pub fn separator(&self) -> Word {
        let ty = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
        let (name, version) = (keccak(&[self.name.as_bytes()]), keccak(&[self.version.as_bytes()]));
        hash_struct(ty, &[name.into(), version.into(), number(self.chain_id.into()), self.contract.into()])
    }

    /// What is signed for a struct's hash.
    #[must_use]
    pub fn digest(&self, hash: &Word) -> Word {
        keccak(&[b"\x19\x01", &self.separator().0, &hash.0])
    }
}

fn number(value: u128) -> Value {
    Value::Word(Word::number(value))
}

/// Hash of a struct whose fields are words.
#[must_use]
pub fn hash_struct(ty: &str, fields: &[Value]) -> Word {
    keccak(&[&keccak(&[ty.as_bytes()]).0, &encode(fields)])
}

/// How an authorisation of EIP-3009 may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// By anybody.
    Transfer,
    /// By whom it pays.
    Receive,
}

/// An authorisation of EIP-3009: who pays whom how much, when, once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorization {
    /// Who pays.
    pub from: Address,
    /// Whom.
    pub to: Address,
    /// How much, in minor units.
    pub value: Word,
    /// Seconds since the epoch; it is valid later than this.
    pub valid_after: Word,
    /// And earlier than this.
    pub valid_before: Word,
    /// Its name: the payer uses each once.
    pub nonce: Word,
}

impl Authorization {
    /// What the payer signs.
    #[must_use]
    pub fn digest(&self, domain: &Domain<'_>, by: Use) -> Word {
        let name = match by {
            Use::Transfer => "TransferWithAuthorization",
            Use::Receive => "ReceiveWithAuthorization",
        };
        let ty = format!(
            "{name}(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        domain.digest(&hash_struct(&ty, &self.values()))
    }

    /// Its fields in order.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let times = [self.valid_after, self.valid_before];
        let mut values = vec![self.from.into(), self.to.into(), self.value.into()];
        values.extend(times.map(Value::Word));
        values.push(self.nonce.into());
        values
    }
}
