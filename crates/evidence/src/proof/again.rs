//! The verdict that follows from a dossier: given to verifiers to sign, and made again from a dispute bundle.

use super::{Dossier, Pote};
use tollgate_core::Timestamp;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{ControlPlane, Escrow, Event, Replayed, Submission, Verdict};

/// What the verifiers of an escrow are to sign: all of the stage's amount when the predicate holds for what was handed in, and
/// nothing when it does not. There is no other way from evidence to a grant. It is judged as of when it was handed in: whoever
/// gets to it late finds the same.
///
/// # Errors
/// [`PayError::NotProven`] when nothing was handed in, or the dossier is about something else or of another time.
pub fn verdict(escrow: &Escrow, dossier: &Dossier) -> Result<(Pote, Verdict), PayError> {
    let nothing =
        || PayError::NotProven { what: "dossier", reason: "nothing was handed in for the escrow".into() };
    let submission = &escrow.submission.as_ref().ok_or_else(nothing)?.statement;
    let stage = escrow.contract.stages.get(escrow.stage).ok_or_else(nothing)?;
    let at = escrow.submitted.ok_or_else(nothing)?;
    let pote = dossier.judge_submission(&escrow.contract, submission, at)?;
    let granted = if pote.holds { stage.amount } else { escrow.contract.amount(0) };
    let verdict = ControlPlane::verdict(escrow, granted, pote.digest());
    Ok((pote, verdict))
}

/// Judges anew every verdict of a replayed bundle that a dossier is about: the proof that was signed must come out, the grant
/// must follow from it, and the evidence must have been judged as of when it was handed in. Every dossier must be about a
/// verdict. Answers entries of the log with the proofs of their verdicts, in order.
///
/// # Errors
/// [`PayError::NotProven`] with what does not hold.
pub fn judge_again(replayed: &Replayed, dossiers: &[Dossier]) -> Result<Vec<(u64, Pote)>, PayError> {
    let (mut submitted, mut proofs) = (None::<(Timestamp, &Submission)>, Vec::new());
    let mut used = vec![false; dossiers.len()];
    // Time never runs back: what comes with an earlier one happens at that of what was before.
    let mut now = Timestamp(i64::MIN);
    for (entry, at, event) in &replayed.events {
        now = now.max(*at);
        match (event, submitted) {
            (Event::Submit(signed), _) => submitted = Some((now, &signed.statement)),
            (Event::Verdict(signed), Some((from, submission))) => {
                let said = &signed.statement;
                // One package may have been handed in twice, at two times; and one time may have been judged by two policies.
                let mine = |dossier: &Dossier| dossier.package.digest() == submission.evidence;
                let (mut found, mut wrong) = (None, None);
                for (dossier, used) in dossiers.iter().zip(&mut used).filter(|(dossier, _)| mine(dossier)) {
                    let pote = dossier.judge_submission(&replayed.escrow.contract, submission, from);
                    match pote.and_then(|pote| follows(*entry, said, &pote).map(|()| pote)) {
                        Ok(pote) => {
                            *used = true;
                            found = found.or(Some(pote));
                        }
                        Err(error) => wrong = wrong.or(Some(error)),
                    }
                }
                match (found, wrong) {
                    (Some(pote), _) => proofs.push((*entry, pote)),
                    (None, Some(wrong)) => return Err(wrong),
                    (None, None) => {}
                }
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
