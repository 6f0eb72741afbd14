//! A chain with USDC and our contracts, parties with keys, and contracts between them.

use crate::node::Shared;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tollgate_core::id::AccountId;
use tollgate_core::{Asset, Digest, Timestamp};
use tollgate_evm::typed::{Domain, Use};
use tollgate_evm::{
    Address, Addresses, At, Chain, EvmError, EvmRail, FolderJournal, Key, OrderAsk, Papers, Payment, Quorum,
    RailConfig, Sender, SenderConfig, SignedOrder, Word, abi, keccak,
};
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::Rail as _;
use tollgate_pay::simulate::Cast;

pub(crate) const CHAIN_ID: u64 = 84_532;
const HOUR_US: i64 = 3_600_000_000;

/// USDC where Base Sepolia has it.
pub(crate) fn usdc() -> Address {
    "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse().unwrap()
}

/// Tests make blocks and unmake them, so one of them at a time has the chain.
static CHAIN: Mutex<()> = Mutex::new(());

/// The node that tests/evm/run.sh starts; without it the test says so.
pub(crate) fn node() -> Option<(Shared, MutexGuard<'static, ()>)> {
    let url = std::env::var_os("TOLLGATE_EVM_NODE").and_then(|url| url.into_string().ok());
    if url.is_none() {
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: no node in TOLLGATE_EVM_NODE: tests/evm/run.sh starts one");
    }
    url.map(|url| (Shared::new(&url), CHAIN.lock().unwrap_or_else(PoisonError::into_inner)))
}

pub(crate) fn key(seed: &str) -> Key {
    Key::new(&keccak(&[seed.as_bytes()]).0).unwrap()
}

pub(crate) fn account(address: Address) -> AccountId {
    format!("acct_{}", address.to_string().to_lowercase()).parse().unwrap()
}

/// What the parties signed; verifiers sign what is asked for.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) payments: BTreeMap<Digest, Payment>,
    verifiers: Vec<Key>,
    config: RailConfig,
    pub(crate) expires: u64,
}

impl Papers for Signed {
    fn payment(&mut self, escrow: &Digest) -> Result<Option<Payment>, EvmError> {
        Ok(self.payments.get(escrow).cloned())
    }

    fn orders(&mut self, ask: &OrderAsk) -> Result<Vec<SignedOrder>, EvmError> {
        let mut order = ask.order.clone();
        (order.pote, order.expires) = (keccak(&[b"proof"]), self.expires);
        let operator = self.payments[&ask.escrow].info.operator;
        let digest = order.digest(self.config.chain_id, operator);
        let signatures = self.verifiers.iter().map(|key| key.sign(&digest).to_string()).collect();
        Ok(vec![SignedOrder { order, signatures }])
    }
}

/// A sender's bounds.
pub(crate) const fn bounds(confirmations: u64) -> SenderConfig {
    let (patience, max_fee_wei, max_gas) = (50, 1_000_000_000_000, 10_000_000);
    SenderConfig { chain_id: CHAIN_ID, confirmations, patience, max_fee_wei, max_gas }
}

pub(crate) type Rail = EvmRail<Shared, FolderJournal, Signed>;

/// See the module.
pub(crate) struct World {
    pub(crate) node: Shared,
    pub(crate) config: RailConfig,
    pub(crate) sender: SenderConfig,
    pub(crate) submitter: Key,
    pub(crate) papers: Signed,
    pub(crate) folder: PathBuf,
    pub(crate) payer: Key,
    pub(crate) rail: Option<Rail>,
    contracts: Vec<TaskContract>,
    name: String,
}

impl World {
    /// A world whose parties have names of their own, so that worlds share a chain without meeting.
    pub(crate) fn new(node: &Shared, who: &str, name: &str, confirmations: u64) -> Self {
        // The chain may be one on which these tests ran before.
        let head = node.ask("eth_blockNumber", json!([]));
        let name = &format!("{name}-{}-{}", std::process::id(), head.as_str().unwrap());
        let (submitter, payer) = (key(&format!("submitter {who}")), key(&format!("payer {who} {name}")));
        // One that is no verifier signs too.
        let verifiers: Vec<Key> = (0..4).map(|n| key(&format!("verifier {who} {n}"))).collect();
        let named: Vec<Address> = verifiers[..3].iter().map(Key::address).collect();
        let addresses = Addresses::new(submitter.address(), 2, &named).unwrap();
        node.ask("anvil_setBalance", json!([submitter.address(), "0x56bc75e2d63100000"]));
        let mut chain = Chain::new(node.clone());
        for tollgate_evm::Deployment { address: at, request, .. } in addresses.deployments() {
            if chain.code(at, At::Latest).unwrap().is_empty() {
                let from = node.ask("eth_accounts", json!([]))[0].clone();
                let deploy =
                    json!([{"from": from, "to": request.to, "data": tollgate_evm::hex(&request.data)}]);
                node.ask("eth_sendTransaction", deploy);
                assert!(
                    !chain.code(at, At::Latest).unwrap().is_empty(),
                    "the deployer made it where it was computed to be"
                );
            }
        }
        let asset = Asset::new("USDC", 6).unwrap();
        let (escrow, operator) = (addresses.escrow, addresses.operator);
        let tokens = vec![(asset, usdc())];
        let quorum = Quorum { operator, verifiers: named, needed: 2 };
        let config = RailConfig {
            chain_id: CHAIN_ID,
            escrow,
            collectors: vec![addresses.eip3009],
            quorum,
            former: Vec::new(),
            tokens,
        };
        let sender = bounds(confirmations);
        let expires = chain.block(At::Latest).unwrap().time + 1_000_000;
        let papers = Signed { payments: BTreeMap::new(), verifiers, config: config.clone(), expires };
        let folder = std::env::temp_dir().join(format!("tollgate-evm-{}-{who}-{name}", std::process::id()));
        let name = format!("{who} {name}");
        let node = node.clone();
        let mut world = Self {
            node,
            config,
            sender,
            submitter,
            papers,
            folder,
            payer,
            rail: None,
            contracts: Vec::new(),
            name,
        };
        world.start();
        world
    }

    /// The rail's process, with what it has on disk.
    pub(crate) fn start(&mut self) {
        self.rail = None;
        let journal = FolderJournal::open(&self.folder).unwrap();
        let sender = Sender::new(Chain::new(self.node.clone()), journal, self.submitter.clone(), self.sender);
        let mut rail = EvmRail::new(sender, self.papers.clone(), self.config.clone());
        self.contracts.iter().for_each(|contract| rail.about(contract));
        self.rail = Some(rail);
    }

    pub(crate) fn chain(&self) -> Chain<Shared> {
        Chain::new(self.node.clone())
    }

    pub(crate) fn mint(&self, to: Address, amount: u128) {
        self.node.mint(to, amount);
    }

    pub(crate) fn tokens(&self, of: Address) -> u128 {
        self.node.tokens(of)
    }

    /// What is held for this world's payments.
    pub(crate) fn held(&self) -> u128 {
        let hashes = self.papers.payments.values().map(|p| p.info.hash(CHAIN_ID, self.config.escrow));
        let state = |hash: Word| abi::call("paymentState(bytes32)", &[hash.into()]);
        hashes.map(|hash| self.node.number(self.config.escrow, &state(hash), 2)).sum()
    }

    pub(crate) fn party(&self, role: &str) -> Address {
        key(&format!("{role} {}", self.name)).address()
    }

    /// A contract for a price in stages, with a fee; its payment is signed by the payer.
    pub(crate) fn contract(&mut self, stages: &[i128]) -> TaskContract {
        let mut contract = Cast::new().unwrap().contract();
        let asset = self.config.tokens[0].0;
        let amount = |minor| tollgate_core::Amount::new(minor, asset);
        let now = i64::try_from(self.chain().block(At::Latest).unwrap().time).unwrap() * 1_000_000;
        contract.rail = "evm".into();
        contract.price = amount(stages.iter().sum());
        contract.fees.truncate(1);
        contract.fees[0].account = account(self.party("fees"));
        contract.funding[0].account = account(self.payer.address());
        contract.funding[0].amount = contract.price;
        contract.payee.account = account(self.party("payee"));
        contract.nonce = Digest::of(self.name.as_bytes());
        let stage = contract.stages[0].clone();
        contract.stages.clear();
        for (n, minor) in (1..).zip(stages) {
            let mut stage = stage.clone();
            (stage.amount, stage.submit_by) = (amount(*minor), Timestamp(now + 4 * n * HOUR_US));
            contract.stages.push(stage);
        }
        contract.refund_after = Timestamp(now + 48 * HOUR_US);
        contract.check().unwrap();
        let info = self.config.info(&contract).unwrap();
        let addresses = Addresses::new(self.submitter.address(), 2, &self.config.quorum.verifiers).unwrap();
        let domain = Domain { name: "USDC", version: "2", chain_id: CHAIN_ID, contract: usdc() };
        let authorization = info.authorization(CHAIN_ID, self.config.escrow, addresses.eip3009);
        let data = self.payer.sign(&authorization.digest(&domain, Use::Receive)).0.to_vec();
        let payment = Payment { info, collector: addresses.eip3009, data };
        self.papers.payments.insert(contract.digest(), payment);
        self.contracts.push(contract.clone());
        self.start();
        contract
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
