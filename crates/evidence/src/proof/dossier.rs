//! The judgement, and all that it was made of.

use super::{Exhibit, Package};
use crate::predicate::{Given, Predicate, Reason};
use crate::{Bind, Check, Claims, Kind, Policy, PublicKey, Signer, verify};
use serde::{Deserialize, Serialize};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Submission, TaskContract, digest, read};
use tollgate_pay::json::plain;

/// The verifier's name and version, as verdicts have it.
const VERIFIER: &str = concat!("tollgate-evidence/", env!("CARGO_PKG_VERSION"));

/// Largest dossier, in bytes: a package, and policy and predicate beside it.
const DOSSIER_BYTES_MAX: usize = 5 << 20;

/// The version of the dossier's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum DossierForm {
    #[serde(rename = "tollgate/dossier/v1")]
    V1,
}

/// All that a verdict was made of, beside the contract. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// As of when the evidence is judged: the time at which the log has that it was handed in.
    pub at: Timestamp,
    /// SHA-256 of what was delivered.
    pub output: Digest,
    /// What was handed in.
    pub package: Package,
    /// Whom and what the verifier trusted.
    pub policy: Policy,
    /// What was to be shown.
    pub predicate: Predicate,
    r#type: DossierForm,
}

/// The version of the proof's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum PoteForm {
    #[serde(rename = "tollgate/pote/v1")]
    V1,
}

/// What became of one piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibited {
    /// What it says, if it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// SHA-256 of each file of collateral.
    pub collateral: Vec<Digest>,
    /// SHA-256 of the evidence.
    pub evidence: Digest,
    /// Its kind.
    pub kind: Kind,
    /// Why not, if it was refused: the reason's name and its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Reason>,
}

/// Proof of Task Execution, or of the reasons against it. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pote {
    /// As of when the evidence was judged.
    pub at: Timestamp,
    /// Digest of the contract, which names the escrow.
    pub contract: Digest,
    /// What became of each piece of evidence.
    pub exhibits: Vec<Exhibited>,
    /// Whether the predicate holds.
    pub holds: bool,
    /// SHA-256 of what was delivered.
    pub output: Digest,
    /// Digest of the package that the submission names.
    pub package: Digest,
    /// Digest of the policy.
    pub policy: Digest,
    /// Digest of the predicate.
    pub predicate: Digest,
    /// Why it does not hold.
    pub reasons: Vec<Reason>,
    r#type: PoteForm,
    /// Who judged: name and version.
    pub verifier: String,
}

impl Pote {
    /// The canonical form: the file's text.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        plain(self)
    }

    /// What verifiers sign in their verdict.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.canonical())
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        read("proof of task execution", text)
    }
}

impl Dossier {
    /// What a verifier is to judge by.
    #[must_use]
    pub const fn new(
        at: Timestamp,
        output: Digest,
        package: Package,
        policy: Policy,
        predicate: Predicate,
    ) -> Self {
        Self { at, output, package, policy, predicate, r#type: DossierForm::V1 }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text, and for a package beyond its bounds.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        if text.len() > DOSSIER_BYTES_MAX {
            let (field, value) = ("dossier", text.len().to_string());
            return Err(PayError::Bad { field, value, wanted: "at most 5 MiB" });
        }
        let dossier: Self = read("dossier", text)?;
        dossier.package.check()?;
        Ok(dossier)
    }

    /// The canonical form: the file's text.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        plain(self)
    }

    /// Judges. The predicate and, where the contract names one, the policy must be the contract's own; parties and evaluators
    /// of the contract may sign envelopes as `payee`, `payer` and `evaluator`, whatever the policy says.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when the dossier is not about this contract: that is no verdict about the work.
    pub fn judge(&self, contract: &TaskContract) -> Result<Pote, PayError> {
        let foreign = |reason: String| PayError::NotProven { what: "dossier", reason };
        self.predicate.check_for(contract).map_err(|fault| foreign(format!("predicate: {fault}")))?;
        let policy = digest(self.policy.canonical().as_bytes());
        if let Some(wanted) = contract.evidence.policy.filter(|wanted| *wanted != policy) {
            return Err(foreign(format!("its policy is {policy}, the contract names {wanted}")));
        }
        let trust = with_parties(&self.policy, contract);
        let bind = Bind::of(contract, &self.output);
        let judge = |exhibit: &Exhibit| self.exhibit(exhibit, contract, &trust, &bind);
        let exhibits: Vec<Exhibited> = self.package.exhibits.iter().map(judge).collect();
        let claims: Vec<Claims> = exhibits.iter().filter_map(|exhibit| exhibit.claims.clone()).collect();
        let given = Given { at: self.at.seconds(), claims: &claims, output: &self.output };
        let judged = self.predicate.judge(&given);
        Ok(Pote {
            at: self.at,
            contract: contract.digest(),
            exhibits,
            holds: judged.holds,
            output: self.output,
            package: self.package.digest(),
            policy,
            predicate: self.predicate.digest(),
            reasons: judged.reasons,
            r#type: PoteForm::V1,
            verifier: VERIFIER.into(),
        })
    }

    /// As [`Dossier::judge`], for what the payee signed and handed in at this time: package, output and time must be its own.
    ///
    /// # Errors
    /// Those of [`Dossier::judge`]; [`PayError::NotProven`] for another package, output, contract or time.
    pub fn judge_submission(
        &self,
        contract: &TaskContract,
        submission: &Submission,
        at: Timestamp,
    ) -> Result<Pote, PayError> {
        let same = [
            ("contract", contract.digest(), submission.contract),
            ("package", self.package.digest(), submission.evidence),
            ("output", self.output, submission.output),
        ];
        if let Some((what, is, wanted)) = same.into_iter().find(|(_, is, wanted)| is != wanted) {
            let reason = format!("its {what} is {is}, the submission's is {wanted}");
            return Err(PayError::NotProven { what: "dossier", reason });
        }
        if self.at != at {
            let reason = format!("it judges as of {}, and the package was handed in at {at}", self.at);
            return Err(PayError::NotProven { what: "dossier", reason });
        }
        self.judge(contract)
    }

    fn exhibit(&self, exhibit: &Exhibit, contract: &TaskContract, trust: &Policy, bind: &Bind) -> Exhibited {
        let accepted = contract.evidence.kinds.iter().any(|name| name == exhibit.kind.name());
        // Who says yes in one file and no in another would be heard for the half that suits.
        let spoken = self.package.exhibits.iter().filter(|other| other.kind == Kind::Evaluators).count();
        let verdict = if exhibit.kind == Kind::Evaluators && spoken > 1 {
            let is = spoken.to_string();
            Err(crate::Refusal::Mismatch { what: "number of files with appraisals", is, wanted: "1".into() })
        } else if accepted {
            exhibit.collateral().and_then(|collateral| {
                let check = Check { at: self.at, policy: trust, collateral: &collateral, bind: Some(bind) };
                verify(exhibit.kind, &exhibit.evidence.0, &check)
            })
        } else {
            let is = exhibit.kind.to_string();
            Err(crate::Refusal::Status {
                what: "kind of evidence",
                is,
                accepted: contract.evidence.kinds.join(", "),
            })
        };
        let (claims, refusal) = match verdict {
            Ok(claims) => (Some(claims), None),
            Err(refusal) => (None, Some(Reason { place: refusal.code().into(), says: refusal.to_string() })),
        };
        Exhibited {
            claims,
            collateral: exhibit.collateral.iter().map(|blob| digest(&blob.0)).collect(),
            evidence: digest(&exhibit.evidence.0),
            kind: exhibit.kind,
            refusal,
        }
    }
}

/// The policy, with those whom the contract itself names as signers of envelopes. Others lose these roles.
fn with_parties(policy: &Policy, contract: &TaskContract) -> Policy {
    let party = |role: &str, name: String, key: &tollgate_pay::escrow::PublicKey| Signer {
        issuer: None,
        key: PublicKey::Ed25519(key.as_bytes().to_vec()),
        kinds: if role == "evaluator" { vec![Kind::Dsse, Kind::Evaluators] } else { vec![Kind::Dsse] },
        name,
        role: role.into(),
    };
    let mut with = policy.clone();
    with.signers.retain(|signer| !["payee", "payer", "evaluator"].contains(&signer.role.as_str()));
    with.signers.push(party("payee", "payee".into(), &contract.payee.key));
    with.signers.push(party("payer", "payer".into(), &contract.payer));
    // Where the contract names evaluators, nobody else's word counts as one.
    if !contract.evaluators.keys.is_empty() {
        with.signers.iter_mut().for_each(|signer| signer.kinds.retain(|kind| *kind != Kind::Evaluators));
    }
    let evaluators = contract.evaluators.keys.iter();
    with.signers.extend(evaluators.map(|key| party("evaluator", format!("evaluator {key}"), key)));
    with
}
