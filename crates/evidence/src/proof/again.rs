//! The verdict that follows from a dossier: given to verifiers to sign, and made again from a dispute bundle.

use super::{Dossier, Pote};
use tollgate_core::Timestamp;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{ControlPlane, Escrow, Event, Replayed, Submission, Verdict};

/// What the verifiers of an escrow are to sign: all of the stage's amount when the predicate holds for what was handed in, and
/// nothing when it does not. There is no other way from evidence to a grant.
///
/// # Errors
/// [`PayError::NotProven`] when nothing was handed in, or the dossier is about something else.
pub fn verdict(escrow: &Escrow, dossier: &Dossier) -> Result<(Pote, Verdict), PayError> {
    let nothing =
        || PayError::NotProven { what: "dossier", reason: "nothing was handed in for the escrow".into() };
    let submission = &escrow.submission.as_ref().ok_or_else(nothing)?.statement;
    let stage = escrow.contract.stages.get(escrow.stage).ok_or_else(nothing)?;
    let pote = dossier.judge_submission(&escrow.contract, submission)?;
    let granted = if pote.holds { stage.amount } else { escrow.contract.amount(0) };
    let verdict = ControlPlane::verdict(escrow, granted, pote.digest());
    Ok((pote, verdict))
}

/// Judges anew every verdict of a replayed bundle that a dossier is about: the proof that was signed must come out, the grant
/// must follow from it, and the time of the check must lie between submission and verdict. Every dossier must be about a
/// verdict. Answers entries of the log with the proofs of their verdicts, in order.
///
/// # Errors
/// [`PayError::NotProven`] with what does not hold.
pub fn judge_again(replayed: &Replayed, dossiers: &[Dossier]) -> Result<Vec<(u64, Pote)>, PayError> {
    let (mut submitted, mut proofs) = (None::<(Timestamp, &Submission)>, Vec::new());
    let mut used = vec![false; dossiers.len()];
    for (entry, at, event) in &replayed.events {
        match (event, submitted) {
            (Event::Submit(signed), _) => submitted = Some((*at, &signed.statement)),
            (Event::Verdict(signed), Some((from, submission))) => {
                let package = submission.evidence;
                let mine =
                    dossiers.iter().zip(&mut used).find(|(dossier, _)| dossier.package.digest() == package);
                let Some((dossier, used)) = mine else { continue };
                *used = true;
                if dossier.at < from || dossier.at > *at {
                    let reason = format!(
                        "it was checked at {}, not between submission ({from}) and verdict ({at})",
                        dossier.at
                    );
                    return Err(PayError::NotProven { what: "dossier", reason });
                }
                let pote = dossier.judge_submission(&replayed.escrow.contract, submission)?;
                follows(*entry, &signed.statement, &pote)?;
                proofs.push((*entry, pote));
            }
            _ => {}
        }
    }
    match dossiers.iter().zip(&used).find(|(_, used)| !**used) {
        Some((dossier, _)) => {
            let reason = format!("no verdict is about the package {}", dossier.package.digest());
            Err(PayError::NotProven { what: "dossier", reason })
        }
        None => Ok(proofs),
    }
}

/// The verdict names this proof, and grants something if and only if the predicate holds.
fn follows(entry: u64, verdict: &Verdict, pote: &Pote) -> Result<(), PayError> {
    let wrong = |reason: String| Err(PayError::NotProven { what: "verdict", reason });
    let is = pote.digest();
    if verdict.pote != is {
        return wrong(format!("entry {entry} names the proof {}, judging again gives {is}", verdict.pote));
    }
    let granted = verdict.granted.minor() > 0;
    if granted != pote.holds {
        let holds = if pote.holds { "holds" } else { "does not hold" };
        return wrong(format!("entry {entry} grants {}, and the predicate {holds}", verdict.granted));
    }
    Ok(())
}
