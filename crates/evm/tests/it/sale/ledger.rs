//! A chain in memory with one `auth-capture` escrow and one token: as much of JSON-RPC and of the escrow as a seller asks.
//!
//! Signatures are not looked at: whoever sells must have.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_evm::{Address, Payment, PaymentInfo, Word, hex, keccak, unhex};

/// What is known of a payment, in minor units.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) collected: bool,
    pub(crate) capturable: u128,
    pub(crate) captured: u128,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) chain_id: u64,
    pub(crate) escrow: Address,
    pub(crate) head: u64,
    /// Seconds since the epoch of the newest block.
    pub(crate) time: u64,
    /// Whether what is sent is in a block at once.
    pub(crate) automine: bool,
    pub(crate) balances: BTreeMap<Address, u128>,
    pub(crate) payments: BTreeMap<String, Held>,
    /// What had an effect, in order.
    pub(crate) done: Vec<&'static str>,
    nonce: u64,
    pending: BTreeMap<u64, (Word, Vec<u8>)>,
    receipts: BTreeMap<String, (u64, bool)>,
}

/// What a JSON-RPC method answers: a result, or a code and a message.
pub(crate) type Answer = Result<Value, (i64, String)>;

impl Ledger {
    pub(crate) fn new(chain_id: u64, escrow: Address, time: u64) -> Self {
        Self {
            chain_id,
            escrow,
            head: 100,
            time,
            automine: true,
            balances: BTreeMap::new(),
            payments: BTreeMap::new(),
            done: Vec::new(),
            nonce: 0,
            pending: BTreeMap::new(),
            receipts: BTreeMap::new(),
        }
    }

    pub(crate) fn balance(&self, who: Address) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    /// Makes a block of what waits, in the order of its nonces.
    pub(crate) fn mine(&mut self) {
        self.head += 1;
        self.time += 2;
        while let Some((hash, data)) = self.pending.remove(&self.nonce) {
            self.nonce += 1;
            let mut next = self.clone();
            let done = next.execute(&data).is_ok();
            if done {
                *self = next;
            }
            self.receipts.insert(hash.to_string(), (self.head, done));
        }
        self.pending = self.pending.split_off(&self.nonce);
    }

    /// Forgets what waits, as a node that starts anew does.
    pub(crate) fn lose(&mut self) {
        self.pending.clear();
    }

    pub(crate) fn answer(&mut self, method: &str, params: &Value) -> Answer {
        let number = |value: u64| Ok(json!(format!("{value:#x}")));
        match method {
            "eth_chainId" => number(self.chain_id),
            "eth_blockNumber" => number(self.head),
            "eth_getBlockByNumber" | "eth_getBlockByHash" => Ok(json!({
                "hash": keccak(&[&self.head.to_be_bytes()]), "number": format!("{:#x}", self.head),
                "timestamp": format!("{:#x}", self.time), "baseFeePerGas": "0x1",
            })),
            "eth_getTransactionCount" => number(self.nonce),
            "eth_getCode" => Ok(json!("0x")),
            "eth_maxPriorityFeePerGas" => number(1),
            "eth_estimateGas" => {
                let data = params[0]["data"].as_str().and_then(unhex).unwrap();
                self.clone()
                    .execute(&data)
                    .map(|()| json!("0x186a0"))
                    .map_err(|why| (3, format!("execution reverted: {why}")))
            }
            "eth_call" => Ok(json!(hex(&self.state(&params[0]["data"])))),
            "eth_sendRawTransaction" => Ok(self.take(&params[0])),
            "eth_getTransactionReceipt" => Ok(match self.receipts.get(params[0].as_str().unwrap()) {
                None => Value::Null,
                Some((block, done)) => json!({
                    "blockNumber": format!("{block:#x}"), "status": if *done { "0x1" } else { "0x0" }, "gasUsed": "0x1",
                    "logs": [], "contractAddress": null,
                }),
            }),
            other => Err((-32_601, format!("{other} is not served here"))),
        }
    }

    /// The escrow's `paymentState`, in the three words of the audited contracts.
    fn state(&self, data: &Value) -> Vec<u8> {
        let data = data.as_str().and_then(unhex).unwrap();
        let name = Word(data[4..36].try_into().unwrap()).to_string();
        let held = self.payments.get(&name).copied().unwrap_or_default();
        let words = [u128::from(held.collected), held.capturable, held.captured].map(Word::number);
        words.iter().flat_map(|word| word.0).collect()
    }

    fn take(&mut self, raw: &Value) -> Value {
        let raw = raw.as_str().and_then(unhex).unwrap();
        let fields = rlp(&raw[1..]);
        let nonce = fields[1].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let hash = keccak(&[&raw]);
        if nonce >= self.nonce {
            self.pending.insert(nonce, (hash, fields[7].clone()));
        }
        if self.automine {
            self.mine();
        }
        json!(hash)
    }

    fn execute(&mut self, data: &[u8]) -> Result<(), &'static str> {
        if data.is_empty() {
            return Ok(());
        }
        let words: Vec<Word> = data[4..].as_chunks::<32>().0.iter().map(|word| Word(*word)).collect();
        let info = info(&words);
        let name = info.hash(self.chain_id, self.escrow).to_string();
        let held = self.payments.entry(name).or_default();
        let amount = words.get(12).and_then(Word::small).unwrap_or_default();
        let of = |call: Vec<u8>| call[..4] == data[..4];
        let paid = Payment { info: info.clone(), collector: Address::default(), data: Vec::new() };
        if of(paid.authorize()) {
            let payer = self.balances.entry(info.payer).or_default();
            let ok = !held.collected && *payer >= amount && self.time < info.pre_approval_expiry;
            ok.then_some(()).ok_or("it cannot be held")?;
            *payer -= amount;
            (held.collected, held.capturable) = (true, amount);
            self.done.push("hold");
        } else if of(info.capture(0)) {
            let ok = amount > 0 && amount <= held.capturable && self.time < info.authorization_expiry;
            ok.then_some(()).ok_or("it cannot be captured")?;
            held.capturable -= amount;
            held.captured += amount;
            *self.balances.entry(info.receiver).or_default() += amount;
            self.done.push("capture");
        } else if of(info.void()) {
            (held.capturable > 0).then_some(()).ok_or("nothing is held")?;
            *self.balances.entry(info.payer).or_default() += std::mem::take(&mut held.capturable);
            self.done.push("void");
        } else {
            return Err("no such call");
        }
        Ok(())
    }
}

fn info(words: &[Word]) -> PaymentInfo {
    let address = |at: usize| Address(words[at].0[12..].try_into().unwrap());
    let number = |at: usize| words[at].small().unwrap();
    let small = |at: usize| u64::try_from(number(at)).unwrap();
    PaymentInfo {
        operator: address(0),
        payer: address(1),
        receiver: address(2),
        token: address(3),
        max_amount: number(4),
        pre_approval_expiry: small(5),
        authorization_expiry: small(6),
        refund_expiry: small(7),
        min_fee_bps: u16::try_from(number(8)).unwrap(),
        max_fee_bps: u16::try_from(number(9)).unwrap(),
        fee_receiver: address(10),
        salt: words[11],
    }
}

/// The byte strings of a list; a list among them is one of its bytes.
fn rlp(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut fields) = (item(bytes).0, Vec::new());
    while !rest.is_empty() {
        let (field, length) = item(rest);
        fields.push(field.to_vec());
        rest = &rest[length..];
    }
    fields
}

/// What an item holds, and how long it is with its head.
fn item(bytes: &[u8]) -> (&[u8], usize) {
    let first = usize::from(bytes[0]);
    let long = |width: usize| {
        let length = bytes[1..=width].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (&bytes[1 + width..1 + width + length], 1 + width + length)
    };
    match first {
        0..=0x7f => (&bytes[..1], 1),
        0x80..=0xb7 => (&bytes[1..first - 0x7f], first - 0x7f),
        0xb8..=0xbf => long(first - 0xb7),
        0xc0..=0xf7 => (&bytes[1..first - 0xbf], first - 0xbf),
        _ => long(first - 0xf7),
    }
}
