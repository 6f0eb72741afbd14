//! Transactions of type 2 (EIP-1559), signed.

use crate::rlp::Item;
use crate::{Address, Key, Word, keccak};

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// The chain that it is for.
    pub chain_id: u64,
    /// How many the sender sent before.
    pub nonce: u64,
    /// Most that goes to whoever includes it, in wei per gas.
    pub tip: u128,
    /// Most that is paid in all, in wei per gas.
    pub max_fee: u128,
    /// Most gas that it takes.
    pub gas: u64,
    /// Whom it calls; nobody when it creates a contract.
    pub to: Option<Address>,
    /// In wei.
    pub value: u128,
    /// What it says.
    pub data: Vec<u8>,
}

/// As it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// Its bytes.
    pub raw: Vec<u8>,
    /// What it is called.
    pub hash: Word,
}

impl Transaction {
    fn fields(&self) -> Vec<Item> {
        let to = self.to.map_or_else(Vec::new, |to| to.0.to_vec());
        vec![
            Item::number(self.chain_id.into()),
            Item::number(self.nonce.into()),
            Item::number(self.tip),
            Item::number(self.max_fee),
            Item::number(self.gas.into()),
            Item::Bytes(to),
            Item::number(self.value),
            Item::Bytes(self.data.clone()),
            Item::List(Vec::new()),
        ]
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &Key) -> Signed {
        let mut fields = self.fields();
        let signature = key.sign(&keccak(&[&[2], &Item::List(fields.clone()).encode()]));
        let (both, last) = signature.0.split_at(64);
        let trimmed =
            |bytes: &[u8]| Item::Bytes(bytes.iter().copied().skip_while(|byte| *byte == 0).collect());
        let (r, s) = both.split_at(32);
        fields.push(Item::number(last.first().map_or(0, |v| u128::from(v.saturating_sub(27)))));
        fields.extend([trimmed(r), trimmed(s)]);
        let mut raw = vec![2];
        raw.extend(Item::List(fields).encode());
        let hash = keccak(&[&raw]);
        Signed { raw, hash }
    }
}
