//! A real node behind a bad network.

use crate::world::usdc;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use tollgate_evm::{Address, Node, NodeError, Rpc, Word, abi, hex, unhex};
use tollgate_pay::rail::kit::Fault;

/// The node, and what goes wrong with the next transaction that is sent to it.
pub(crate) struct Network {
    pub(crate) rpc: Rpc,
    pub(crate) armed: Fault,
    /// Transactions that are still on their way.
    delayed: Vec<Value>,
    /// A block as of which it answers until the next transaction comes.
    stale: Option<u64>,
    /// Whether blocks are made behind each transaction.
    pub(crate) ticks: bool,
    /// Every so many requests one gets no answer; whether it arrives takes turns.
    pub(crate) drops: Option<u32>,
    asked: u32,
    /// Transactions that came through.
    pub(crate) sent: u32,
    /// Blocks by which the node that answers is behind.
    pub(crate) behind: u64,
    /// What the node that answers does not have: the answers to this method are nothing.
    pub(crate) lacks: Option<&'static str>,
    /// The next reading of a payment's state is of the newest block, whatever block it asks for.
    pub(crate) torn: bool,
}

/// A network that the test and the rail share.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Rc<RefCell<Network>>);

fn silent() -> NodeError {
    NodeError::Silent("lost".into())
}

impl Network {
    fn send(&mut self, params: Value) -> Result<Value, NodeError> {
        self.sent += 1;
        let answer = self.rpc.request("eth_sendRawTransaction", params);
        self.mine();
        answer
    }

    /// The node makes blocks by itself, a moment after it has a transaction; after these it has, and it lies deep enough.
    fn mine(&mut self) {
        if self.ticks {
            self.rpc.request("anvil_mine", json!(["0x2"])).unwrap();
        }
    }

    /// The request that is lost next is another one of the next call.
    pub(crate) fn skip(&mut self) {
        self.asked += 1;
    }

    fn height(&mut self) -> u64 {
        let height = self.rpc.request("eth_blockNumber", json!([])).unwrap();
        u64::from_str_radix(height.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    fn transaction(&mut self, params: Value) -> Result<Value, NodeError> {
        self.stale = None;
        match std::mem::replace(&mut self.armed, Fault::None) {
            Fault::None => self.send(params),
            Fault::DropRequest | Fault::CrashBefore => Err(silent()),
            Fault::DropAnswer | Fault::CrashAfter => {
                let _ = self.send(params);
                Err(silent())
            }
            Fault::Duplicate => {
                let _ = self.send(params.clone());
                self.send(params)
            }
            Fault::Delay => {
                self.delayed.push(params);
                Err(silent())
            }
            Fault::StaleQuery => {
                self.stale = Some(self.height());
                let _ = self.send(params);
                Err(silent())
            }
        }
    }

    fn read(&mut self, method: &'static str, mut params: Value) -> Result<Value, NodeError> {
        if self.lacks == Some(method) {
            return Ok(Value::Null);
        }
        let state = hex(&abi::call("paymentState(bytes32)", &[])[..4]);
        let asks = |params: &Value| params[0]["data"].as_str().is_some_and(|data| data.starts_with(&state));
        if self.torn && method == "eth_call" && asks(&params) {
            self.torn = false;
            params[1] = json!("latest");
        }
        if method == "eth_blockNumber" && self.behind > 0 {
            return Ok(json!(format!("{:#x}", self.height() - self.behind)));
        }
        if let Some(height) = self.stale {
            if method == "eth_blockNumber" {
                return Ok(json!(format!("{height:#x}")));
            }
            for param in
                params.as_array_mut().into_iter().flatten().filter(|param| **param == json!("latest"))
            {
                *param = json!(format!("{height:#x}"));
            }
        }
        self.rpc.request(method, params)
    }
}

impl Shared {
    pub(crate) fn new(url: &str) -> Self {
        let rpc = Rpc::new(url).unwrap();
        let (delayed, stale, drops) = (Vec::new(), None, None);
        let network = Network {
            rpc,
            armed: Fault::None,
            delayed,
            stale,
            ticks: true,
            drops,
            asked: 0,
            sent: 0,
            behind: 0,
            lacks: None,
            torn: false,
        };
        Self(Rc::new(RefCell::new(network)))
    }

    pub(crate) fn heal(&self) {
        let mut network = self.0.borrow_mut();
        (network.armed, network.stale) = (Fault::None, None);
        while let Some(params) = network.delayed.pop() {
            let _ = network.send(params);
        }
    }

    pub(crate) fn mint(&self, to: Address, amount: u128) {
        let data = abi::call("mint(address,uint256)", &[to.into(), abi::Value::Word(Word::number(amount))]);
        self.does(1, usdc(), &data);
    }

    /// One of the node's own accounts calls a contract; its block is made. The transaction.
    pub(crate) fn does(&self, account: usize, to: Address, data: &[u8]) -> Value {
        let from = self.ask("eth_accounts", json!([]))[account].clone();
        // A bound, so that what a contract refuses is taken by a block too.
        let sent = json!([{"from": from, "to": to, "data": hex(data), "gas": "0x4c4b40"}]);
        self.ask("eth_sendTransaction", sent)
    }

    pub(crate) fn number(&self, to: Address, data: &[u8], word: usize) -> u128 {
        let answer = self.ask("eth_call", json!([{"to": to, "data": hex(data)}, "latest"]));
        let words = abi::words(&unhex(answer.as_str().unwrap()).unwrap()).unwrap();
        words[word].small().unwrap()
    }

    pub(crate) fn tokens(&self, of: Address) -> u128 {
        self.number(usdc(), &abi::call("balanceOf(address)", &[of.into()]), 0)
    }

    /// Past all faults.
    pub(crate) fn ask(&self, method: &'static str, params: Value) -> Value {
        let mut network = self.0.borrow_mut();
        let answer = network.rpc.request(method, params).unwrap();
        if method == "eth_sendTransaction" {
            network.rpc.request("evm_mine", json!([])).unwrap();
        }
        answer
    }
}

impl Node for Shared {
    fn request(&mut self, method: &'static str, params: Value) -> Result<Value, NodeError> {
        let mut network = self.0.borrow_mut();
        network.asked += 1;
        let (asked, drops) = (network.asked, network.drops);
        let lost = drops.is_some_and(|drops| asked.is_multiple_of(drops));
        if lost && drops.is_some_and(|drops| (asked / drops).is_multiple_of(2)) {
            return Err(silent());
        }
        let answer = if method == "eth_sendRawTransaction" {
            network.transaction(params)
        } else {
            network.read(method, params)
        };
        if lost { Err(silent()) } else { answer }
    }
}
