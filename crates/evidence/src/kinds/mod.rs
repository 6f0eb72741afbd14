//! The kinds of evidence, one module each: what is read, what is refused, and which facts come out.

mod dcap;
mod dsse;
mod eat;
mod evaluators;
mod exchange;
mod execution;
mod nitro;
mod reclaim;
mod sigstore;
mod snp;
mod spdm;
mod tlsn;

pub use evaluators::{Appraisal, Appraisals};
pub use execution::EXECUTION;

use crate::{Check, Claims, Refusal};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of evidence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A report of an AMD SEV-SNP guest.
    AmdSevSnp,
    /// An attestation document of an AWS Nitro enclave.
    AwsNitro,
    /// A statement in a DSSE envelope, signed by keys of the policy.
    Dsse,
    /// An attestation token: a JWT of a service that looked at hardware evidence.
    Eat,
    /// What evaluators found, each under its own signature.
    Evaluators,
    /// A run that is repeated here: a module of WebAssembly and its input.
    Execution,
    /// A signed HTTP message: a response with its request, or a request as Web Bot Auth signs it.
    HttpSignature,
    /// A quote of an Intel SGX enclave or TDX guest.
    IntelDcap,
    /// Measurements of an NVIDIA GPU or switch.
    NvidiaGpu,
    /// A claim about what a web server answered, signed by attestors, in the form of the Reclaim protocol.
    Reclaim,
    /// A bundle of sigstore: a signature with the certificate, the logs' entries and the times that go with it.
    Sigstore,
    /// A presentation of TLSNotary: what a web server answered, as a notary signed it without seeing it.
    TlsNotary,
}

/// The type of a fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactType {
    /// Yes or no.
    Bool,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// Several texts.
    List,
    /// Text that is JSON, into which a predicate can look.
    Json,
}

/// A fact that evidence of a kind can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub of: FactType,
    /// What it says.
    pub says: &'static str,
}

const fn fact(name: &'static str, of: FactType, says: &'static str) -> Fact {
    Fact { name, of, says }
}

impl Kind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::AmdSevSnp,
        Self::AwsNitro,
        Self::Dsse,
        Self::Eat,
        Self::Evaluators,
        Self::HttpSignature,
        Self::IntelDcap,
        Self::NvidiaGpu,
        Self::Reclaim,
        Self::Sigstore,
        Self::TlsNotary,
        Self::Execution,
    ];

    /// Its name, as contracts have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AmdSevSnp => "amd-sev-snp",
            Self::AwsNitro => "aws-nitro",
            Self::Dsse => "dsse",
            Self::Eat => "eat",
            Self::Evaluators => "evaluators",
            Self::Execution => "execution",
            Self::HttpSignature => "http-signature",
            Self::IntelDcap => "intel-dcap",
            Self::NvidiaGpu => "nvidia-gpu",
            Self::Reclaim => "reclaim",
            Self::Sigstore => "sigstore",
            Self::TlsNotary => "tls-notary",
        }
    }

    /// Whether its evidence says when it was made.
    #[must_use]
    pub const fn timed(self) -> bool {
        matches!(
            self,
            Self::AwsNitro
                | Self::Eat
                | Self::Evaluators
                | Self::HttpSignature
                | Self::Reclaim
                | Self::Sigstore
                | Self::TlsNotary
        )
    }

    /// The facts that a predicate can ask for.
    #[must_use]
    pub const fn facts(self) -> &'static [Fact] {
        match self {
            Self::AmdSevSnp => snp::FACTS,
            Self::AwsNitro => nitro::FACTS,
            Self::Dsse => dsse::FACTS,
            Self::Eat => eat::FACTS,
            Self::Evaluators => evaluators::FACTS,
            Self::Execution => execution::FACTS,
            Self::HttpSignature => exchange::FACTS,
            Self::IntelDcap => dcap::FACTS,
            Self::NvidiaGpu => spdm::FACTS,
            Self::Reclaim => reclaim::FACTS,
            Self::Sigstore => sigstore::FACTS,
            Self::TlsNotary => tlsn::FACTS,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let kind = Self::ALL.iter().find(|kind| kind.name() == name);
        kind.copied()
            .ok_or_else(|| Refusal::Unsupported { what: "kind of evidence", is: Refusal::shown(name) })
    }
}

/// By kind.
pub(crate) fn verify(kind: Kind, evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    match kind {
        Kind::AmdSevSnp => snp::verify(evidence, check),
        Kind::AwsNitro => nitro::verify(evidence, check),
        Kind::Dsse => dsse::verify(evidence, check),
        Kind::Eat => eat::verify(evidence, check),
        Kind::Evaluators => evaluators::verify(evidence, check),
        Kind::Execution => execution::verify(evidence, check),
        Kind::HttpSignature => exchange::verify(evidence, check),
        Kind::IntelDcap => dcap::verify(evidence, check),
        Kind::NvidiaGpu => spdm::verify(evidence, check),
        Kind::Reclaim => reclaim::verify(evidence, check),
        Kind::Sigstore => sigstore::verify(evidence, check),
        Kind::TlsNotary => tlsn::verify(evidence, check),
    }
}
