//! A payment that is asked about: read, and checked as far as it can be without a chain.

use super::wire::{Asked, Requirements, Written, read};
use super::{FacilitatorConfig, Network, Refusal, Token};
use crate::typed::{Authorization, Domain, Use};
use crate::{Address, Signature, Word, recover, unhex};
use tollgate_core::Timestamp;

/// Seconds for which it must stay valid, so that it can be settled.
pub(super) const MARGIN_S: u128 = 6;
/// Longest signature, in bytes: those of contracts that are accounts are longer than 65.
const SIGNATURE_MAX: usize = 4_096;
/// What a signature ends with whose account does not exist yet (EIP-6492).
const UNDEPLOYED: [u8; 32] = [
    0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64,
    0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92,
];

/// A reason, and words for people.
pub(super) type Refused = (Refusal, String);

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The network as the request spelt it.
    pub network: String,
    /// The token.
    pub asset: Address,
    /// Who pays whom what.
    pub authorization: Authorization,
    /// What the payer signed it with.
    pub signature: Vec<u8>,
    /// What was signed.
    pub digest: Word,
    /// As the request spelt it.
    pub amount: String,
}

pub(super) fn no<T>(refusal: Refusal, why: impl Into<String>) -> Result<T, Refused> {
    Err((refusal, why.into()))
}

impl Payment {
    /// Reads a request's body. What it says of its network comes along where it can be read, for the answer.
    ///
    /// # Errors
    /// The first reason why it is not taken.
    pub fn read(body: &[u8], config: &FacilitatorConfig) -> Result<Self, Refused> {
        let asked = read(body)?;
        let requirements = &asked.payment_requirements;
        check_kind(&asked, config)?;
        let bad = |what: &str| (Refusal::Requirements, format!("{what} is not of its form"));
        let asset: Address = requirements.asset.parse().map_err(|_| bad("asset"))?;
        let pay_to: Address = requirements.pay_to.parse().map_err(|_| bad("payTo"))?;
        let amount = Word::decimal(&requirements.amount).ok_or_else(|| bad("amount"))?;
        let token = config.tokens.iter().find(|token| token.address == asset);
        let Some(token) = token else {
            return no(Refusal::Requirements, format!("the asset {asset} is not served here"));
        };
        check_domain(requirements, token)?;
        let exact = &asked.payment_payload.payload;
        let (authorization, signature) = signed(&exact.authorization, &exact.signature)?;
        if authorization.to != pay_to {
            return no(Refusal::Recipient, "the authorisation pays somebody else than payTo");
        }
        if authorization.value != amount {
            return no(Refusal::Value, "the authorisation is for another amount");
        }
        let domain =
            Domain { name: &token.name, version: &token.version, chain_id: config.chain_id, contract: asset };
        let digest = authorization.digest(&domain, Use::Transfer);
        let (network, amount) = (requirements.network.clone(), requirements.amount.clone());
        Ok(Self { network, asset, authorization, signature, digest, amount })
    }

    /// Whether the time is right, with enough of it left.
    ///
    /// # Errors
    /// [`Refusal::ValidAfter`] and [`Refusal::ValidBefore`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Refused> {
        let now = u128::try_from(now.seconds()).unwrap_or_default();
        if self.authorization.valid_after > Word::number(now) {
            return no(Refusal::ValidAfter, "it is not valid yet");
        }
        if self.authorization.valid_before < Word::number(now.saturating_add(MARGIN_S)) {
            return no(Refusal::ValidBefore, "it is not valid any more, or too short for settling it");
        }
        Ok(())
    }

    /// Whether the payer's key signed it. A contract that is an account says so itself when it is simulated.
    ///
    /// # Errors
    /// [`Refusal::Signature`].
    pub fn check_signature(&self, is_contract: bool) -> Result<(), Refused> {
        if is_contract {
            return Ok(());
        }
        is_by(self.authorization.from, &self.digest, &self.signature)
    }
}

/// Whether an account's key signed a digest.
pub(super) fn is_by(from: Address, digest: &Word, signature: &[u8]) -> Result<(), Refused> {
    let signature = Signature::of(signature);
    if signature.and_then(|signature| recover(digest, &signature)) == Some(from) {
        return Ok(());
    }
    no(Refusal::Signature, "it is not the payer's signature of this authorisation in this token's domain")
}

fn check_kind(asked: &Asked, config: &FacilitatorConfig) -> Result<(), Refused> {
    let (requirements, payload) = (&asked.payment_requirements, &asked.payment_payload);
    let (scheme, network) = match (asked.x402_version, &payload.accepted) {
        (2, Some(accepted)) => (Some(&accepted.scheme), Some(&accepted.network)),
        (2, None) => return no(Refusal::Payload, "the payload does not say what was accepted"),
        _ => (payload.scheme.as_ref(), payload.network.as_ref()),
    };
    if requirements.scheme != "exact" || scheme != Some(&requirements.scheme) {
        return no(Refusal::Scheme, "the scheme is not exact, or not the same in both");
    }
    let read = if asked.x402_version == 2 { Network::caip2 } else { Network::named };
    if read(&requirements.network) != Some(Network(config.chain_id)) || network != Some(&requirements.network)
    {
        return no(Refusal::Network, "the network is not served here, or not the same in both");
    }
    // What was accepted is what is wanted now: a payment for a cheaper thing does not buy a dearer one.
    let same = |accepted: &Requirements| {
        accepted.amount == requirements.amount
            && accepted.asset.eq_ignore_ascii_case(&requirements.asset)
            && accepted.pay_to.eq_ignore_ascii_case(&requirements.pay_to)
    };
    match &payload.accepted {
        Some(accepted) if !same(accepted) => {
            no(Refusal::Requirements, "what the payer accepted is not what is required")
        }
        _ => Ok(()),
    }
}

fn check_domain(requirements: &Requirements, token: &Token) -> Result<(), Refused> {
    let (Some(name), Some(version)) = (requirements.extra("name"), requirements.extra("version")) else {
        return no(Refusal::Domain, "extra.name and extra.version name the token's signing domain");
    };
    if name != token.name {
        return no(Refusal::TokenName, format!("the token's name is {:?}", token.name));
    }
    if version != token.version {
        return no(Refusal::TokenVersion, format!("the token's version is {:?}", token.version));
    }
    Ok(())
}

/// Reads what the payer signed, and with what.
pub(super) fn signed(written: &Written, signature: &str) -> Result<(Authorization, Vec<u8>), Refused> {
    let bad = |what: &str| (Refusal::Payload, format!("authorization.{what} is not of its form"));
    let number = |what: &str, text: &str| Word::decimal(text).ok_or_else(|| bad(what));
    let authorization = Authorization {
        from: written.from.parse().map_err(|_| bad("from"))?,
        to: written.to.parse().map_err(|_| bad("to"))?,
        value: number("value", &written.value)?,
        valid_after: number("validAfter", &written.valid_after)?,
        valid_before: number("validBefore", &written.valid_before)?,
        nonce: written.nonce.parse().map_err(|_| bad("nonce"))?,
    };
    let signature = unhex(signature).filter(|signature| (65..=SIGNATURE_MAX).contains(&signature.len()));
    let Some(signature) = signature else {
        return no(Refusal::Signature, "the signature is not 65 or more bytes in hexadecimal digits");
    };
    if signature.ends_with(&UNDEPLOYED) {
        return no(
            Refusal::Signature,
            "the payer's account does not exist yet (EIP-6492), which is not served here",
        );
    }
    Ok((authorization, signature))
}
