//! Verdicts of evaluators: who looked at an output and whether it passed. How many must have passed is the predicate's to say
//! (`count` of `passed_by`).
//!
//! Each statement names the task's binding, so there is none that serves for another output. An evaluator who says both yes and
//! no is refused with all that was handed in: nobody can pick the half that suits. A statement made after the check, or too long
//! before it, does not count.

use super::{Fact, FactType, Kind, fact};
use crate::read::text::hex;
use crate::{Check, Claims, PublicKey, Refusal};
use serde::{Deserialize, Serialize};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Evaluator, Signed, Statement, read};

const WHAT: &str = "appraisals";
/// Most statements.
const APPRAISALS_MAX: usize = 16;

pub(super) const FACTS: &[Fact] = &[
    fact("failed_by", FactType::List, "evaluators who found that it does not do"),
    fact("output", FactType::Text, "the output that was looked at"),
    fact("passed_by", FactType::List, "evaluators who found that it does"),
    fact("reasons", FactType::List, "digests of the evaluators' reasons"),
];

/// What one evaluator found. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appraisal {
    /// When it looked.
    pub at: Timestamp,
    /// The task's binding for the output ([`crate::Bind`]), as hexadecimal digits.
    pub bind: String,
    /// The output.
    pub output: Digest,
    /// Whether it does.
    pub passed: bool,
    /// Digest of the reasons, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Digest>,
}

impl Statement for Appraisal {
    type By = Evaluator;
    const DOMAIN: &'static str = "tollgate/appraisal/v1";
}

/// What evaluators found, each under its own signature: the evidence.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appraisals {
    /// At most 16.
    pub appraisals: Vec<Signed<Appraisal>>,
}

/// The evaluator's name in the policy, if the statement's one signature holds.
fn signer<'a>(signed: &Signed<Appraisal>, check: &Check<'a>) -> Result<&'a str, Refusal> {
    let [mark] = signed.signatures.as_slice() else {
        return Err(Refusal::Mismatch {
            what: "number of signatures",
            is: signed.signatures.len().to_string(),
            wanted: "1".into(),
        });
    };
    let key = PublicKey::Ed25519(mark.key.as_bytes().to_vec());
    let known = check.policy.signers_of(Kind::Evaluators).find(|signer| signer.key == key);
    let known = known.ok_or_else(|| Refusal::Untrusted { what: "evaluator", is: mark.key.to_string() })?;
    signed.check("evaluator", &mark.key).map_err(|_| Refusal::Signature { what: "appraisal" })?;
    Ok(&known.name)
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let unreadable =
        |_| Refusal::Malformed { what: WHAT, at: 0, reason: "it is not signed appraisals as strict JSON" };
    let Appraisals { appraisals } = read(WHAT, evidence).map_err(unreadable)?;
    if appraisals.len() > APPRAISALS_MAX {
        let (is, most) = (appraisals.len(), APPRAISALS_MAX);
        return Err(Refusal::TooLarge { what: WHAT, is, unit: "statements", most });
    }
    let first = appraisals.first().ok_or(Refusal::Missing { what: "an appraisal" })?;
    let (output, mut made) = (first.statement.output, i64::MAX);
    let (mut names, mut passed, mut failed, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for signed in &appraisals {
        let (name, said) = (signer(signed, check)?.to_owned(), &signed.statement);
        if names.contains(&name) {
            let is = format!("{} more than once", Refusal::shown(&name));
            return Err(Refusal::Mismatch { what: "word of an evaluator", is, wanted: "given once".into() });
        }
        if said.output != output {
            let (is, wanted) = (said.output.to_string(), output.to_string());
            return Err(Refusal::Mismatch { what: "output of an appraisal", is, wanted });
        }
        if let Some(bind) = check.bind {
            bind.spelled("bind", Some(&said.bind))?;
        }
        if said.at > check.at {
            let at = said.at.seconds();
            return Err(Refusal::Time { what: "appraisal", from: at, until: i64::MAX, at: check.seconds() });
        }
        made = made.min(said.at.seconds());
        reasons.extend(said.reasons.map(|digest| digest.to_string()));
        if said.passed { &mut passed } else { &mut failed }.push(name.clone());
        names.push(name);
    }
    for list in [&mut names, &mut passed, &mut failed, &mut reasons] {
        list.sort();
    }
    let mut claims = Claims::new(Kind::Evaluators, names.join(", "))
        .with("failed_by", failed)
        .with("output", hex(&output.0))
        .with("passed_by", passed)
        .with("reasons", reasons);
    claims.produced_at = Some(made);
    Ok(claims)
}
