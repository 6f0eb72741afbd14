//! Our contracts: where they are, what names a payment, and what verifiers sign.
//!
//! They are made through the deterministic deployer that chains share (its address is the same everywhere), with a salt of
//! nothing, so a contract's address follows from its code and arguments: everybody can compute it, and a second
//! deployment does nothing. The code is compiled from `contracts/src` (`contracts/build.mjs --check`).

use crate::abi::{Value, call, encode};
use crate::typed::{Authorization, Domain, hash_struct};
use crate::{Address, Deployment, EvmError, Request, Signature, Word, keccak, unhex};
use serde::{Deserialize, Serialize};

/// The deployer: calldata is a salt and the creation code; it answers with the address.
const DEPLOYER: Address = Address([
    0x4e, 0x59, 0xb4, 0x48, 0x47, 0xb3, 0x79, 0x57, 0x85, 0x88, 0x92, 0x0c, 0xa7, 0x8f, 0xbf, 0x26, 0xc0,
    0xb4, 0x95, 0x6c,
]);
/// What the contracts were compiled to.
pub const CODE: &str = include_str!("../contracts/artifacts.json");

const INFO_TYPE: &str = "PaymentInfo(address operator,address payer,address receiver,address token,uint120 maxAmount,uint48 preApprovalExpiry,uint48 authorizationExpiry,uint48 refundExpiry,uint16 minFeeBps,uint16 maxFeeBps,address feeReceiver,uint256 salt)";
/// The struct in a function's signature.
const INFO: &str =
    "(address,address,address,address,uint120,uint48,uint48,uint48,uint16,uint16,address,uint256)";
const ORDER_TYPE: &str = "Order(bytes32 payment,bytes32 pote,bytes32 key,uint256 paidBefore,uint256 amount,uint256 fee,bool last,uint48 expires)";
const ORDER: &str = "(bytes32,bytes32,bytes32,uint256,uint256,uint256,bool,uint48)";

/// One of our contracts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contract {
    /// Holds payments.
    Escrow,
    /// Collects by EIP-3009.
    Eip3009,
    /// Collects by EIP-2612.
    Permit,
    /// Collects refunds.
    Refund,
    /// Releases by orders of a quorum.
    Operator,
}

impl Contract {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 5] = [Self::Escrow, Self::Eip3009, Self::Permit, Self::Refund, Self::Operator];

    /// Its name in the sources.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Escrow => "CaptureEscrow",
            Self::Eip3009 => "Eip3009Collector",
            Self::Permit => "PermitCollector",
            Self::Refund => "RefundCollector",
            Self::Operator => "PoteOperator",
        }
    }

    /// Creation code with its arguments.
    fn creation(self, arguments: &[Value]) -> Result<Vec<u8>, EvmError> {
        #[derive(Deserialize)]
        struct Artifacts {
            code: std::collections::BTreeMap<String, String>,
        }
        let bad = || EvmError::bad("artifact", self.name(), "in the artifacts of this build");
        let artifacts: Artifacts = serde_json::from_str(CODE).map_err(|_| bad())?;
        let code = artifacts.code.get(self.name()).and_then(|code| unhex(&format!("0x{code}")));
        let mut code = code.ok_or_else(bad)?;
        code.extend(encode(arguments));
        Ok(code)
    }
}

/// Where the contracts are, and what makes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// Holds payments.
    pub escrow: Address,
    /// Collects by EIP-3009.
    pub eip3009: Address,
    /// Collects by EIP-2612.
    pub permit: Address,
    /// Collects refunds.
    pub refund: Address,
    /// Releases by orders of this quorum.
    pub operator: Address,
    creations: Vec<(Contract, Address, Vec<u8>)>,
}

impl Addresses {
    /// The contracts of a submitter and a quorum: `needed` of `verifiers` sign each order.
    ///
    /// # Errors
    /// [`EvmError::Bad`] for a quorum that cannot be: nobody, more than 16, somebody twice.
    pub fn new(submitter: Address, needed: u8, verifiers: &[Address]) -> Result<Self, EvmError> {
        let mut sorted = verifiers.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != verifiers.len()
            || sorted.len() > 16
            || !(1..=sorted.len()).contains(&needed.into())
        {
            let shown = format!("{needed} of {}", verifiers.len());
            return Err(EvmError::bad(
                "quorum",
                &shown,
                "at least one of at most 16 verifiers, each named once",
            ));
        }
        let mut creations = Vec::new();
        let mut make = |contract: Contract, arguments: &[Value]| {
            let code = contract.creation(arguments)?;
            let address = create2(&code);
            creations.push((contract, address, code));
            Ok::<_, EvmError>(address)
        };
        let escrow = make(Contract::Escrow, &[])?;
        let eip3009 = make(Contract::Eip3009, &[escrow.into()])?;
        let permit = make(Contract::Permit, &[escrow.into()])?;
        let refund = make(Contract::Refund, &[escrow.into()])?;
        let verifiers = Value::Array(sorted.into_iter().map(Value::from).collect());
        let needed = Value::Word(Word::number(needed.into()));
        let operator =
            make(Contract::Operator, &[escrow.into(), refund.into(), submitter.into(), needed, verifiers])?;
        Ok(Self { escrow, eip3009, permit, refund, operator, creations })
    }

    /// What makes each contract, with where it will be.
    pub fn deployments(&self) -> impl Iterator<Item = Deployment> + '_ {
        self.creations.iter().map(|(contract, address, code)| {
            let mut data = vec![0; 32];
            data.extend(code);
            Deployment { contract: *contract, address: *address, request: Request { to: DEPLOYER, data } }
        })
    }
}

/// Where the deployer makes what this code creates (EIP-1014).
fn create2(code: &[u8]) -> Address {
    let hash = keccak(&[&[0xff], &DEPLOYER.0, &[0; 32], &keccak(&[code]).0]);
    let mut bytes = [0; 20];
    for (byte, from) in bytes.iter_mut().zip(hash.0.iter().skip(12)) {
        *byte = *from;
    }
    Address(bytes)
}

/// The terms of a payment. Seconds are since the epoch, amounts in the token's minor units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentInfo {
    /// Who captures and voids.
    pub operator: Address,
    /// Who pays.
    pub payer: Address,
    /// Who is paid.
    pub receiver: Address,
    /// In what.
    pub token: Address,
    /// At most; below 2^120.
    pub max_amount: u128,
    /// Until when it may be held.
    pub pre_approval_expiry: u64,
    /// Until when it may be captured; from then on the payer gets back what is held.
    pub authorization_expiry: u64,
    /// Until when what was captured may be refunded.
    pub refund_expiry: u64,
    /// Least fee, in hundredths of a percent, rounded down.
    pub min_fee_bps: u16,
    /// Most fee.
    pub max_fee_bps: u16,
    /// Who gets the fee.
    pub fee_receiver: Address,
    /// What tells it from every other: for an escrow, its contract's digest.
    pub salt: Word,
}

impl PaymentInfo {
    fn values(&self) -> Vec<Value> {
        let number = |value: u128| Value::Word(Word::number(value));
        vec![
            self.operator.into(),
            self.payer.into(),
            self.receiver.into(),
            self.token.into(),
            number(self.max_amount),
            number(self.pre_approval_expiry.into()),
            number(self.authorization_expiry.into()),
            number(self.refund_expiry.into()),
            number(self.min_fee_bps.into()),
            number(self.max_fee_bps.into()),
            self.fee_receiver.into(),
            self.salt.into(),
        ]
    }

    /// What names the payment on a chain, in an escrow.
    #[must_use]
    pub fn hash(&self, chain_id: u64, escrow: Address) -> Word {
        let terms = hash_struct(INFO_TYPE, &self.values());
        keccak(&[&encode(&[Value::Word(Word::number(chain_id.into())), escrow.into(), terms.into()])])
    }

    /// What the payer signs so that the EIP-3009 collector brings the payment: its nonce is the hash without the payer.
    #[must_use]
    pub fn authorization(&self, chain_id: u64, escrow: Address, collector: Address) -> Authorization {
        let anybody = Self { payer: Address::default(), ..self.clone() };
        Authorization {
            from: self.payer,
            to: collector,
            value: Word::number(self.max_amount),
            valid_after: Word::default(),
            valid_before: Word::number(self.pre_approval_expiry.into()),
            nonce: anybody.hash(chain_id, escrow),
        }
    }

    /// The call of a key that is the payment's operator that pays out a part of what is held, without a fee.
    #[must_use]
    pub fn capture(&self, amount: u128) -> Vec<u8> {
        let number = |value| Value::Word(Word::number(value));
        call(
            &format!("capture({INFO},uint256,uint256,address)"),
            &[Value::Tuple(self.values()), number(amount), number(0), Address::default().into()],
        )
    }

    /// The operator's call that gives back all that is held.
    #[must_use]
    pub fn void(&self) -> Vec<u8> {
        call(&format!("void({INFO})"), &[Value::Tuple(self.values())])
    }

    /// The call that gives back what is held once the time to capture is over.
    #[must_use]
    pub fn reclaim(&self) -> Vec<u8> {
        call(&format!("reclaim({INFO})"), &[Value::Tuple(self.values())])
    }
}

/// A payment that its payer signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// Its terms.
    pub info: PaymentInfo,
    /// What brings it.
    pub collector: Address,
    /// What the collector is shown: a signature, or a permit with one.
    #[serde(with = "as_hex")]
    pub data: Vec<u8>,
}

impl Payment {
    /// The call that holds all of it: of its operator where that is a contract of ours, and of the escrow where it is a key.
    #[must_use]
    pub fn authorize(&self) -> Vec<u8> {
        let info = &self.info;
        let amount = Value::Word(Word::number(info.max_amount));
        let data = Value::Bytes(self.data.clone());
        call(
            &format!("authorize({INFO},uint256,address,bytes)"),
            &[Value::Tuple(info.values()), amount, self.collector.into(), data],
        )
    }
}

mod as_hex {
    use crate::{hex, unhex};
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ptr_arg, reason = "serde gives the field itself")]
    pub(super) fn serialize<S: Serializer>(bytes: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).ok_or_else(|| serde::de::Error::custom("not 0x and hexadecimal digits"))
    }
}

/// An order to pay from a payment, or to give back what is left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The payment.
    pub payment: Word,
    /// Digest of the proof of task execution that it follows from.
    pub pote: Word,
    /// Hash of the call's idempotency key.
    pub key: Word,
    /// What was paid before.
    pub paid_before: u128,
    /// What is paid now, fee included.
    pub amount: u128,
    /// The fee.
    pub fee: u128,
    /// Whether what is left goes back.
    pub last: bool,
    /// Seconds since the epoch from which it is void.
    pub expires: u64,
}

impl Order {
    fn values(&self) -> Vec<Value> {
        let number = |value: u128| Value::Word(Word::number(value));
        vec![
            self.payment.into(),
            self.pote.into(),
            self.key.into(),
            number(self.paid_before),
            number(self.amount),
            number(self.fee),
            self.last.into(),
            number(self.expires.into()),
        ]
    }

    /// What verifiers sign.
    #[must_use]
    pub fn digest(&self, chain_id: u64, operator: Address) -> Word {
        let domain = Domain { name: "Tollgate PoTE", version: "1", chain_id, contract: operator };
        domain.digest(&hash_struct(ORDER_TYPE, &self.values()))
    }

    /// The operator's call that executes it. Signatures stand in the order of their signers' addresses.
    #[must_use]
    pub fn execute(&self, info: &PaymentInfo, signatures: &[Signature]) -> Vec<u8> {
        let signatures = signatures.iter().map(|signature| Value::Bytes(signature.0.to_vec())).collect();
        call(
            &format!("execute({INFO},{ORDER},bytes[])"),
            &[Value::Tuple(info.values()), Value::Tuple(self.values()), Value::Array(signatures)],
        )
    }
}
