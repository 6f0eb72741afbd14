//! What must hold, whatever happened.

use super::{Cast, Machine, broken};
use crate::escrow::{Desk, Phase, RailState};

/// After each step: debits equal credits, nothing rests on the clearing account, no escrow paid more than its price or
/// other than it says, none was funded twice.
pub(super) fn step(machine: &Machine, desk: &Desk, cast: &Cast) -> Result<(), String> {
    machine.book.audit().map_err(|error| broken("the books do not add up", &error))?;
    let resting = machine.book.account(&cast.clears).and_then(crate::ledger::Account::balance);
    if resting.is_some_and(|minor| minor != 0) {
        return Err(format!("{resting:?} minor units rest on the clearing account"));
    }
    for escrow in desk.escrows() {
        let moved = machine.moved.get(&escrow.id).copied().unwrap_or_default();
        let (price, said) = (escrow.contract.price.minor(), escrow.released.minor());
        if moved.paid > price {
            return Err(format!("{} paid {} of {price}", escrow.id, moved.paid));
        }
        let settled = matches!(escrow.rail, RailState::None | RailState::Final);
        if settled && moved.paid != said {
            return Err(format!("{} says {said} is released, the ledger paid {}", escrow.id, moved.paid));
        }
        if moved.locks > 1 {
            return Err(format!("{} was funded {} times", escrow.id, moved.locks));
        }
        let stages = u32::try_from(escrow.contract.stages.len()).unwrap_or(u32::MAX);
        if moved.releases > stages {
            return Err(format!("{} released {} times in {stages} stages", escrow.id, moved.releases));
        }
    }
    Ok(())
}

/// What is written gives the same escrows again, and the ledger counts of mandates what the escrows say.
pub(super) fn log(machine: &mut Machine, desk: &Desk, cast: &Cast, anew: bool) -> Result<(), String> {
    let same = if anew {
        machine.desk_anew(cast).map(|again| again.escrows().eq(desk.escrows()))
    } else {
        machine.desk(cast).map(|again| again.escrows().eq(desk.escrows()))
    };
    if !same.map_err(|error| broken("the log does not replay", &error))? {
        return Err("the log gives other escrows than the office has".into());
    }
    mandates(machine, desk, cast)
}

/// Of each mandate: one escrow at a time is paid under it, and what is counted is what was authorized and not rejected.
fn mandates(machine: &Machine, desk: &Desk, cast: &Cast) -> Result<(), String> {
    for (name, budget) in cast.mandates() {
        let under = desk.escrows().filter(|escrow| escrow.contract.mandate == Some(name));
        let (mut live, mut counted, mut payments) = (0u32, 0i128, 0u64);
        for escrow in under {
            let Some(admitted) = escrow.admission else { continue };
            live = live.saturating_add(u32::from(admitted.live));
            if admitted.live || escrow.released.minor() > 0 {
                counted = counted.saturating_add(escrow.contract.price.minor());
                payments = payments.saturating_add(1);
            }
        }
        let (said, spent, ..) = machine.book.mandate(name).unwrap_or((0, None, None, false));
        let spent = spent.map_or(0, |amount| amount.minor());
        if live > 1 || spent > budget || (said, spent) != (payments, counted) {
            return Err(format!(
                "mandate {name}: {live} live, {spent} of {budget} spent in {said} payments, the escrows say {counted} in {payments}"
            ));
        }
    }
    Ok(())
}

/// When all is over: every escrow is final, nothing is held, and everybody has what the log says.
pub(super) fn end(machine: &Machine, desk: &Desk, cast: &Cast, funds: [i128; 2]) -> Result<(), String> {
    step(machine, desk, cast)?;
    if let Some(stuck) = desk.escrows().find(|escrow| !escrow.phase.is_final()) {
        return Err(format!("{} is stuck: {}, {:?}", stuck.id, stuck.phase, stuck.rail));
    }
    if machine.book.open_holds() > 0 {
        return Err(format!("{} holds are open when all is over", machine.book.open_holds()));
    }
    let balance = |n: usize| -> i128 {
        let account = cast.accounts().get(n).and_then(|id| machine.book.account(id));
        account.and_then(crate::ledger::Account::balance).unwrap_or(0)
    };
    if let Some(live) = desk.escrows().find(|escrow| escrow.admission.is_some_and(|admitted| admitted.live)) {
        return Err(format!("{} is over, its mandate's payment is not", live.id));
    }
    let released = desk.escrows().fold(0i128, |sum, escrow| sum.saturating_add(escrow.released.minor()));
    let given = funds.iter().fold(0i128, |sum, minor| sum.saturating_add(*minor));
    let (payer, others) = (sum([1, 2].map(balance)), sum([3, 4, 5].map(balance)));
    if others != released || payer != given.saturating_sub(released) {
        return Err(format!(
            "{released} was released of {given}; the payer has {payer}, the others {others}"
        ));
    }
    let unpaid = desk.escrows().find(|escrow| escrow.phase == Phase::Expired && escrow.released.minor() > 0);
    unpaid.map_or(Ok(()), |escrow| Err(format!("{} expired and was paid", escrow.id)))
}

fn sum<const N: usize>(of: [i128; N]) -> i128 {
    of.iter().fold(0, |sum, minor| sum.saturating_add(*minor))
}
