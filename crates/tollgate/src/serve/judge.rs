//! What judges evidence for the gateway, which itself knows none.

use tollgate_evidence::Policy;
use tollgate_evidence::predicate::Predicate;
use tollgate_evidence::proof::{Dossier, Package, verdict};
use tollgate_gateway::judge::{Case, Judge, Judgement};
use tollgate_pay::PayError;
use tollgate_pay::escrow::Escrow;

/// The verifiers of `tollgate-evidence`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifiers;

impl Judge for Verifiers {
    fn dossier(&self, escrow: &Escrow, case: &Case<'_>) -> Result<Vec<u8>, PayError> {
        let package = Package::parse(case.package)?;
        let predicate = Predicate::parse(case.predicate)?;
        let policy = case.policy.map_or_else(|| Ok(Policy::default()), Policy::parse)?;
        let reason = || "nothing was handed in for the escrow".to_owned();
        let submission = escrow.submission.as_ref();
        let handed_in = submission.map(|signed| signed.statement.output).zip(escrow.submitted);
        let (output, at) =
            handed_in.ok_or_else(|| PayError::NotProven { what: "dossier", reason: reason() })?;
        Ok(Dossier::new(at, output, package, policy, predicate).canonical())
    }

    fn judge(&self, escrow: &Escrow, dossier: &[u8]) -> Result<Judgement, PayError> {
        let (pote, verdict) = verdict(escrow, &Dossier::parse(dossier)?)?;
        let text = String::from_utf8_lossy(&pote.canonical()).into_owned();
        Ok(Judgement { holds: pote.holds, pote: text, verdict })
    }
}
