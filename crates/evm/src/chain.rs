//! A chain as its node tells it: typed answers, and nothing that is not of its method's form.

use crate::{Address, EvmError, Node, NodeError, Word, hex, unhex};
use serde_json::{Value, json};

/// As of when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// The newest block that the node has.
    Latest,
    /// A block by its number: another one after a reorganisation.
    Block(u64),
    /// A block by its hash: that one, or a refusal by a node that does not have it (EIP-1898).
    Hash(Word),
}

impl At {
    fn param(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Block(number) => json!(format!("{number:#x}")),
            Self::Hash(hash) => json!({"blockHash": hash, "requireCanonical": true}),
        }
    }
}

/// A block's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Its hash.
    pub hash: Word,
    /// Its number.
    pub number: u64,
    /// Seconds since the epoch.
    pub time: u64,
    /// What its transactions pay at least, in wei per gas.
    pub base_fee: u128,
}

impl Block {
    /// As of this block and no other of its number, whichever node is asked.
    #[must_use]
    pub const fn at(&self) -> At {
        At::Hash(self.hash)
    }
}

/// What a call answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply<T> {
    /// A result.
    Ok(T),
    /// The contract refused, with the node's words for it.
    Reverted(String),
}

/// What became of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The block that has it.
    pub block: u64,
    /// Whether it did what it said.
    pub done: bool,
    /// The contract that it created.
    pub created: Option<Address>,
    /// What it cost, in gas.
    pub gas_used: u64,
    /// What contracts said meanwhile.
    pub logs: Vec<Log>,
}

/// What a contract said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// The event and its indexed fields.
    pub topics: Vec<Word>,
    /// Its other fields.
    pub data: Vec<u8>,
    /// The transaction.
    pub transaction: Word,
    /// The block.
    pub block: u64,
}

/// What a transaction pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fees {
    /// To whoever includes it, in wei per gas.
    pub tip: u128,
    /// At most, in wei per gas.
    pub max_fee: u128,
}

/// See the module.
#[derive(Debug)]
pub struct Chain<N> {
    node: N,
}

impl<N: Node> Chain<N> {
    /// The chain behind a node.
    pub const fn new(node: N) -> Self {
        Self { node }
    }

    /// The node.
    pub const fn node(&mut self) -> &mut N {
        &mut self.node
    }

    fn ask<T>(
        &mut self,
        method: &'static str,
        params: Value,
        wanted: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, EvmError> {
        let answer = self.node.request(method, params)?;
        read(&answer).ok_or(EvmError::Answer { method, wanted })
    }

    /// Which chain it is (EIP-155).
    ///
    /// # Errors
    /// As all questions: [`EvmError::Node`], and [`EvmError::Answer`] for an answer of another form.
    pub fn id(&mut self) -> Result<u64, EvmError> {
        self.ask("eth_chainId", json!([]), "a number", |value| small(Some(value)))
    }

    /// The newest block's number.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn head(&mut self) -> Result<u64, EvmError> {
        self.ask("eth_blockNumber", json!([]), "a number", |value| small(Some(value)))
    }

    /// A block's head.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn block(&mut self, at: At) -> Result<Block, EvmError> {
        let (method, named) = match at {
            At::Hash(hash) => ("eth_getBlockByHash", json!(hash)),
            At::Latest | At::Block(_) => ("eth_getBlockByNumber", at.param()),
        };
        self.ask(method, json!([named, false]), "a block", |block| {
            Some(Block {
                hash: block.get("hash")?.as_str()?.parse().ok()?,
                number: small(block.get("number"))?,
                time: small(block.get("timestamp"))?,
                base_fee: number(block.get("baseFeePerGas")).unwrap_or_default(),
            })
        })
    }

    /// How many transactions an account sent.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn nonce(&mut self, who: Address, at: At) -> Result<u64, EvmError> {
        let params = json!([who, at.param()]);
        self.ask("eth_getTransactionCount", params, "a number", |value| small(Some(value)))
    }

    /// What an account has of the chain's own coin, in wei.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn balance(&mut self, who: Address) -> Result<u128, EvmError> {
        self.ask("eth_getBalance", json!([who, "latest"]), "a number", |value| number(Some(value)))
    }

    /// Code of a contract.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn code(&mut self, who: Address, at: At) -> Result<Vec<u8>, EvmError> {
        self.ask("eth_getCode", json!([who, at.param()]), "bytes", bytes)
    }

    /// What a contract answers to a call that changes nothing and may take so much gas; without a bound, what the node allows.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn call(
        &mut self,
        to: Address,
        data: &[u8],
        gas: Option<u64>,
        at: At,
    ) -> Result<Reply<Vec<u8>>, EvmError> {
        let mut call = json!({"to": to, "data": hex(data)});
        if let (Some(gas), Some(fields)) = (gas, call.as_object_mut()) {
            fields.insert("gas".into(), json!(format!("{gas:#x}")));
        }
        reply(self.ask("eth_call", json!([call, at.param()]), "bytes", bytes))
    }

    /// The words that a contract answers; a refusal is an error here.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn words(&mut self, to: Address, data: &[u8], at: At) -> Result<Vec<Word>, EvmError> {
        let wanted = "whole words: is this the contract that the configuration means?";
        match self.call(to, data, None, at)? {
            Reply::Ok(answer) => {
                let words = crate::abi::words(&answer).filter(|words| !words.is_empty());
                words.ok_or(EvmError::Answer { method: "eth_call", wanted })
            }
            Reply::Reverted(_) => Err(EvmError::Answer { method: "eth_call", wanted }),
        }
    }

    /// Gas that a transaction would take now, or why its contract would refuse it or take more than `most`.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn gas(
        &mut self,
        from: Address,
        to: Address,
        data: &[u8],
        most: u64,
    ) -> Result<Reply<u64>, EvmError> {
        let call = json!({"from": from, "to": to, "data": hex(data), "gas": format!("{most:#x}")});
        let asked =
            self.ask("eth_estimateGas", json!([call, "latest"]), "a number", |value| small(Some(value)));
        Ok(match reply(asked)? {
            Reply::Ok(gas) if gas > most => {
                Reply::Reverted(format!("it takes {gas} gas, at most {most} may be used"))
            }
            reply => reply,
        })
    }

    /// What the chain asks for now: twice the base fee, so that it may rise for a while, and a tip.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn fees(&mut self) -> Result<Fees, EvmError> {
        let tip = self.ask("eth_maxPriorityFeePerGas", json!([]), "a number", |value| number(Some(value)))?;
        let base = self.block(At::Latest)?.base_fee;
        Ok(Fees { tip, max_fee: base.saturating_mul(2).saturating_add(tip) })
    }

    /// Sends a signed transaction. What the node says to it proves nothing either way.
    ///
    /// # Errors
    /// [`NodeError`], also for one that it has already.
    pub fn send(&mut self, raw: &[u8]) -> Result<(), NodeError> {
        self.node.request("eth_sendRawTransaction", json!([hex(raw)])).map(drop)
    }

    /// What became of a transaction; `None` when no block has it.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn receipt(&mut self, hash: Word) -> Result<Option<Receipt>, EvmError> {
        self.ask("eth_getTransactionReceipt", json!([hash]), "a receipt", |value| {
            if value.is_null() {
                return Some(None);
            }
            Some(Some(Receipt {
                block: small(value.get("blockNumber"))?,
                done: small(value.get("status"))? == 1,
                created: value.get("contractAddress").and_then(|text| text.as_str()?.parse().ok()),
                gas_used: small(value.get("gasUsed"))?,
                logs: value.get("logs")?.as_array()?.iter().map(log).collect::<Option<_>>()?,
            }))
        })
    }

    /// What a contract said from a block to another, both included; a topic that is not named is any.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn logs(
        &mut self,
        of: Address,
        topics: &[Option<Word>],
        from: u64,
        to: u64,
    ) -> Result<Vec<Log>, EvmError> {
        let (from, to) = (At::Block(from).param(), At::Block(to).param());
        let filter = json!({"address": of, "topics": topics, "fromBlock": from, "toBlock": to});
        self.ask("eth_getLogs", json!([filter]), "a list of logs", |value| {
            value.as_array()?.iter().map(log).collect()
        })
    }
}

fn log(value: &Value) -> Option<Log> {
    let text = |field: &str| value.get(field)?.as_str();
    Some(Log {
        address: text("address")?.parse().ok()?,
        topics: value
            .get("topics")?
            .as_array()?
            .iter()
            .map(|topic| topic.as_str()?.parse().ok())
            .collect::<Option<_>>()?,
        data: unhex(text("data")?)?,
        transaction: text("transactionHash")?.parse().ok()?,
        block: small(value.get("blockNumber"))?,
    })
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    unhex(value.as_str()?)
}

fn number(value: Option<&Value>) -> Option<u128> {
    u128::from_str_radix(value?.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn small(value: Option<&Value>) -> Option<u64> {
    number(value)?.try_into().ok()
}

/// Words of nodes for a contract that refused, or that had too little gas.
const REFUSALS: &[&str] = &["revert", "out of gas", "gas required exceeds"];

/// Nodes say that a contract refused by code 3 (EIP-1474's execution error), or by words.
fn reply<T>(answer: Result<T, EvmError>) -> Result<Reply<T>, EvmError> {
    let refused = |message: &str| {
        let message = message.to_ascii_lowercase();
        REFUSALS.iter().any(|word| message.contains(word))
    };
    match answer {
        Ok(result) => Ok(Reply::Ok(result)),
        Err(EvmError::Node(NodeError::Refused { code, message })) if code == 3 || refused(&message) => {
            Ok(Reply::Reverted(message))
        }
        Err(error) => Err(error),
    }
}
