//! What comes and goes: the bodies of `/verify`, `/settle` and `/supported`.
//!
//! Members that are not known are ignored, as the specification's extensions need; those that are read must have their form.

use super::{Network, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest body of a request, in bytes.
pub const BODY_MAX: usize = 64 << 10;

/// The body of a request, of either version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    pub(super) x402_version: u64,
    pub(super) payment_payload: Payload,
    pub(super) payment_requirements: Requirements,
}

/// What the payer sent. Version 1 has scheme and network here, version 2 in what was accepted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) x402_version: u64,
    pub(super) scheme: Option<String>,
    pub(super) network: Option<String>,
    pub(super) accepted: Option<Requirements>,
    pub(super) payload: Exact,
}

/// What the seller wants.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Requirements {
    pub(super) scheme: String,
    pub(super) network: String,
    pub(super) asset: String,
    #[serde(alias = "maxAmountRequired")]
    pub(super) amount: String,
    pub(super) pay_to: String,
    pub(super) max_timeout_seconds: u64,
    #[serde(default)]
    pub(super) extra: Option<BTreeMap<String, Value>>,
}

impl Requirements {
    pub(super) fn extra(&self, name: &str) -> Option<&str> {
        self.extra.as_ref()?.get(name)?.as_str()
    }
}

/// The payload of `exact` by EIP-3009.
#[derive(Debug, Deserialize)]
pub(super) struct Exact {
    pub(super) signature: String,
    pub(super) authorization: Written,
}

/// An authorisation, numbers in decimals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) value: String,
    pub(super) valid_after: String,
    pub(super) valid_before: String,
    pub(super) nonce: String,
}

/// The answer to `/verify`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyAnswer {
    /// Whether it can be settled.
    pub is_valid: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_message: Option<String>,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
}

/// The answer to `/settle`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// Whether the money moved.
    pub success: bool,
    /// Why not, or not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The transaction; empty when there is none.
    pub transaction: String,
    /// The network as the request spelt it.
    pub network: String,
    /// What moved, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
}

/// The answer to `/supported`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Supported {
    /// What is settled here.
    pub kinds: Vec<Kind>,
    /// Extensions; none.
    pub extensions: Vec<String>,
    /// Who sends transactions.
    pub signers: BTreeMap<String, Vec<String>>,
}

/// A version, a scheme and a network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    x402_version: u64,
    scheme: &'static str,
    network: String,
}

impl Supported {
    /// What a sender settles on a network, in both versions where version 1 has a name for it.
    #[must_use]
    pub fn new(network: Network, signer: String) -> Self {
        let mut kinds = vec![Kind { x402_version: 2, scheme: "exact", network: network.to_string() }];
        kinds.extend(network.name().map(|name| Kind {
            x402_version: 1,
            scheme: "exact",
            network: name.into(),
        }));
        Self { kinds, extensions: Vec::new(), signers: BTreeMap::from([("eip155:*".into(), vec![signer])]) }
    }
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Asked, (Refusal, String)> {
    // The version first: what it is not may look any way.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        x402_version: u64,
    }
    let version: Version =
        serde_json::from_slice(body).map_err(|error| (Refusal::Payload, error.to_string()))?;
    if !(1..=2).contains(&version.x402_version) {
        return Err((Refusal::Version, format!("version {} is neither 1 nor 2", version.x402_version)));
    }
    let asked: Asked = serde_json::from_slice(body).map_err(|error| (Refusal::Payload, error.to_string()))?;
    if asked.payment_payload.x402_version != asked.x402_version {
        return Err((Refusal::Version, "the payment's version is another than the request's".into()));
    }
    Ok(asked)
}
