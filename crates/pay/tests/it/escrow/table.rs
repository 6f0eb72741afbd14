//! The state machine as one table: every phase with every event, before and after the deadlines.

use super::scene::{HOUR, Scene};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{
    Act, Event, EventKind, Objection, Phase, RailState, Refusal, ReleaseOrder, Ruling, SETTLING_US, Side,
    Signed, Verdict,
};
use tollgate_pay::rail::Outcome;

/// What follows, for each legal pair; everything else is refused. Two stages, of which the first is worked on.
const LEGAL: [(Phase, EventKind, Phase); 34] = [
    (Phase::Proposed, EventKind::Authorize, Phase::Authorized),
    (Phase::Authorized, EventKind::Lock, Phase::Locking),
    (Phase::Locking, EventKind::Done, Phase::Locked),
    (Phase::Locking, EventKind::Failed, Phase::Authorized),
    (Phase::Locking, EventKind::Unknown, Phase::Locking),
    (Phase::Locked, EventKind::Submit, Phase::Submitted),
    (Phase::Submitted, EventKind::Submit, Phase::Submitted),
    (Phase::Submitted, EventKind::Take, Phase::Verifying),
    (Phase::Verifying, EventKind::Pass, Phase::Releasable),
    (Phase::Verifying, EventKind::Refuse, Phase::Refusable),
    (Phase::Releasable, EventKind::Release, Phase::Releasing),
    (Phase::Releasable, EventKind::Dispute, Phase::Disputed),
    (Phase::Refusable, EventKind::Refund, Phase::Refunding),
    (Phase::Refusable, EventKind::Dispute, Phase::Disputed),
    (Phase::Releasing, EventKind::Done, Phase::PartlyReleased),
    (Phase::Releasing, EventKind::Failed, Phase::Releasable),
    (Phase::Releasing, EventKind::Unknown, Phase::Releasing),
    (Phase::PartlyReleased, EventKind::Submit, Phase::Submitted),
    (Phase::Refunding, EventKind::Done, Phase::Refunded),
    (Phase::Refunding, EventKind::Failed, Phase::Refusable),
    (Phase::Refunding, EventKind::Unknown, Phase::Refunding),
    (Phase::Disputed, EventKind::Counter, Phase::Disputed),
    (Phase::Disputed, EventKind::RulePay, Phase::Releasable),
    (Phase::Disputed, EventKind::RuleRefund, Phase::Refusable),
    // From here on only after the deadlines.
    (Phase::Proposed, EventKind::Expire, Phase::Expired),
    (Phase::Authorized, EventKind::Expire, Phase::Expired),
    (Phase::Locked, EventKind::Reclaim, Phase::Refunding),
    (Phase::Submitted, EventKind::Reclaim, Phase::Refunding),
    (Phase::Verifying, EventKind::Reclaim, Phase::Refunding),
    (Phase::Releasable, EventKind::Reclaim, Phase::Refunding),
    (Phase::Refusable, EventKind::Reclaim, Phase::Refunding),
    (Phase::PartlyReleased, EventKind::Reclaim, Phase::Refunding),
    (Phase::Disputed, EventKind::Reclaim, Phase::Refunding),
    // A refund order only gives back what the payer may take anyway: it has no end.
    (Phase::Refusable, EventKind::Refund, Phase::Refunding),
];
/// Rows of the table that hold before the deadlines, but for dispute and order, which are at either end of the window.
const EARLY: usize = 24;

fn scene(phase: Phase) -> Scene {
    let two_stages = |contract: &mut tollgate_pay::escrow::TaskContract| {
        let mut second = contract.stages[0].clone();
        contract.stages[0].amount = contract.amount(4_000);
        second.amount = contract.amount(6_000);
        second.submit_by = Timestamp(5 * HOUR);
        contract.refund_after = Timestamp(9 * HOUR);
        contract.stages.push(second);
    };
    Scene::at(phase, two_stages)
}

/// The event, signed and right in all but perhaps its place.
fn event(scene: &Scene, kind: EventKind) -> Event {
    let (escrow, id) = (scene.escrow(), scene.id);
    let version = escrow.version;
    let key = escrow.rail.open().map_or_else(|| "none".into(), |call| call.key.clone());
    let rail = |outcome| Event::Rail { call: key.clone(), outcome };
    let granted = |minor| scene.amount(minor);
    match kind {
        EventKind::Propose => scene.propose(),
        EventKind::Authorize => scene.authorize(),
        EventKind::Lock => Event::Lock,
        EventKind::Done => rail(Outcome::Done { proof: "7/hold_0".into() }),
        EventKind::Failed => rail(Outcome::Failed { reason: "no funds".into() }),
        EventKind::Unknown => rail(Outcome::Unknown),
        EventKind::Submit => scene.submit(),
        EventKind::Take => Event::Take,
        EventKind::Pass | EventKind::Refuse => {
            let minor = if kind == EventKind::Pass { scene.stage_amount() } else { 0 };
            let said = Verdict { contract: id, granted: granted(minor), pote: Digest::of(b"pote"), version };
            Event::Verdict(Signed::new(said.clone(), scene.verdict_marks(&said)))
        }
        EventKind::Release | EventKind::Refund => {
            let act = if kind == EventKind::Release { Act::Release } else { Act::Refund };
            if escrow.grant.as_ref().and_then(|grant| grant.entry).is_some() {
                let (order, proof) = scene.release_order();
                return scene.signed_order(ReleaseOrder { act, ..order }, proof);
            }
            let order = ReleaseOrder {
                act,
                amount: granted(1),
                contract: id,
                destination: escrow.contract.payee.account.clone(),
                expires: Timestamp(99 * HOUR),
                index: 0,
                leaf: Digest::of(b""),
                rail: "ledger".into(),
                version,
            };
            scene.signed_order(order, String::new())
        }
        EventKind::Dispute | EventKind::Counter => {
            let by = if escrow.phase == Phase::Refusable { Side::Payee } else { Side::Payer };
            let said: Signed<Objection> = scene.objection(by);
            if kind == EventKind::Dispute { Event::Dispute(said) } else { Event::Counter(said) }
        }
        EventKind::RulePay | EventKind::RuleRefund => {
            let minor = if kind == EventKind::RulePay { scene.stage_amount() } else { 0 };
            let said = Ruling { contract: id, granted: granted(minor), reasons: Digest::of(b"why"), version };
            let marks = scene.cast.evaluators[..2].iter().map(|evaluator| evaluator.sign(&said)).collect();
            Event::Rule(Signed::new(said, marks))
        }
        EventKind::Reclaim => Event::Reclaim,
        EventKind::Expire => Event::Expire,
    }
}

/// What the pure function says at a moment.
fn step(scene: &Scene, kind: EventKind, now: Timestamp) -> Result<Phase, Refusal> {
    let escrow = scene.escrow();
    let next = tollgate_pay::escrow::step(&scene.cast.plane(), &escrow, &event(scene, kind), now)?;
    assert_eq!(next.version, escrow.version + 1, "{} {kind}", escrow.phase);
    assert_eq!(next.contract, escrow.contract);
    assert!(next.time >= escrow.time);
    Ok(next.phase)
}

#[test]
fn every_event_in_every_phase() {
    let mut legal = 0;
    for phase in Phase::ALL {
        let scene = scene(phase);
        for kind in EventKind::ALL {
            // Early is now, with the window still open; then when the window is over; late is when everything is past.
            let grant = scene.escrow().grant;
            let open = grant.map_or(scene.now(), |grant| grant.from.max(scene.now()));
            let moments = [scene.now(), open, scene.contract.refund_after];
            for (n, now) in moments.into_iter().enumerate() {
                let (early, late) = (n == 0, n == 2);
                let rows = LEGAL.iter().enumerate().filter(|(_, (p, k, _))| (*p, *k) == (phase, kind));
                let row = rows.clone().find(|(at, (_, k, _))| match k {
                    // The rail may answer whenever it does.
                    EventKind::Done | EventKind::Failed | EventKind::Unknown => true,
                    EventKind::Release => n == 1,
                    EventKind::Refund => !early,
                    EventKind::Dispute => early,
                    _ => (*at >= EARLY) == late,
                });
                let said = step(&scene, kind, now);
                match (row, said) {
                    (Some((_, (.., wanted))), Ok(next)) => {
                        assert_eq!(next, *wanted, "{phase}, {kind} at {now}");
                        legal += 1;
                    }
                    (None, Err(_)) => {}
                    (row, said) => panic!("{phase}, {kind} at {now}: {said:?}, the table says {row:?}"),
                }
            }
        }
    }
    assert!(legal > 40, "{legal}");
}

#[test]
fn nothing_but_the_rail_moves_an_escrow_whose_call_is_open() {
    for phase in [Phase::Locking, Phase::Releasing, Phase::Refunding] {
        let scene = scene(phase);
        for kind in EventKind::ALL {
            let rail = matches!(kind, EventKind::Done | EventKind::Failed | EventKind::Unknown);
            let said = step(&scene, kind, Timestamp(99 * HOUR));
            let blocked = matches!(said, Err(Refusal::Blocked { .. }));
            assert_eq!(blocked, !rail, "{phase}, {kind}: {said:?}");
        }
        // Unknown blocks like pending, and is said once.
        let plane = scene.cast.plane();
        let unknown = event(&scene, EventKind::Unknown);
        let next = tollgate_pay::escrow::step(&plane, &scene.escrow(), &unknown, scene.now()).unwrap();
        assert!(matches!(next.rail, RailState::Unknown(_)));
        let again = tollgate_pay::escrow::step(&plane, &next, &unknown, scene.now());
        assert!(matches!(again, Err(Refusal::Illegal { .. })), "{again:?}");
        for event in [Event::Reclaim, Event::Lock, Event::Take] {
            let said = tollgate_pay::escrow::step(&plane, &next, &event, Timestamp(99 * HOUR));
            assert!(matches!(said, Err(Refusal::Blocked { .. })), "{phase}: {said:?}");
        }
    }
}

#[test]
fn a_deadline_divides_time_at_its_moment() {
    let at = |phase, kind, now: i64| step(&Scene::at(phase, |_| {}), kind, Timestamp(now)).is_ok();
    let due = HOUR;
    for (phase, kind) in [
        (Phase::Proposed, EventKind::Authorize),
        (Phase::Authorized, EventKind::Lock),
        (Phase::Locked, EventKind::Submit),
        (Phase::Submitted, EventKind::Submit),
    ] {
        assert!(at(phase, kind, due - 1) && !at(phase, kind, due), "{phase}, {kind}");
    }
    assert!(
        !at(Phase::Authorized, EventKind::Expire, due - 1) && at(Phase::Authorized, EventKind::Expire, due)
    );
    let refund = 4 * HOUR;
    assert!(
        at(Phase::Submitted, EventKind::Take, refund - 1) && !at(Phase::Submitted, EventKind::Take, refund)
    );
    // A verdict must leave its whole window, as long for a ruling, and ten minutes to execute it before the payer may reclaim.
    let last = refund - 2 * HOUR - SETTLING_US;
    assert!(at(Phase::Verifying, EventKind::Pass, last - 1) && !at(Phase::Verifying, EventKind::Pass, last));
    for (kind, early) in [(EventKind::Dispute, true), (EventKind::Release, false)] {
        let from = Scene::at(Phase::Releasable, |_| {}).escrow().grant.unwrap().from.0;
        assert_eq!(at(Phase::Releasable, kind, from - 1), early, "{kind} before the window's end");
        assert_eq!(at(Phase::Releasable, kind, from), !early, "{kind} at the window's end");
    }
    let last = refund - SETTLING_US;
    for kind in [EventKind::RulePay, EventKind::Counter] {
        assert!(at(Phase::Disputed, kind, last - 1) && !at(Phase::Disputed, kind, last), "{kind}");
    }
    // Of reclaim and release exactly one can happen at any moment.
    for now in [refund - 1, refund, refund + 1] {
        let mut scene = Scene::at(Phase::Releasable, |_| {});
        scene.set(now);
        let order = scene.order();
        let release =
            tollgate_pay::escrow::step(&scene.cast.plane(), &scene.escrow(), &order, Timestamp(now));
        let reclaim =
            tollgate_pay::escrow::step(&scene.cast.plane(), &scene.escrow(), &Event::Reclaim, Timestamp(now));
        assert_eq!((release.is_ok(), reclaim.is_ok()), (now < refund, now >= refund), "{now}");
        scene.set(0);
        // A clock that runs back does not bring a deadline back.
        let told = scene.act(Event::Reclaim);
        assert!(told.is_err());
    }
}

/// The verdict comes as late as it may, the payer objects as late as it may, the evaluators take as long as the window, and the
/// order still comes in time: whoever objects last has no veto.
#[test]
fn a_late_objection_is_ruled_on_and_executed() {
    let mut scene = Scene::at(Phase::Verifying, |_| {});
    let refund = scene.contract.refund_after.0;
    scene.set(refund - 2 * HOUR - SETTLING_US - 1);
    scene.good(scene.verdict(10_000));
    scene.set(refund - HOUR - SETTLING_US - 2);
    scene.good(scene.object(Side::Payer));
    scene.set(refund - SETTLING_US - 1);
    scene.good(scene.rule(10_000));
    scene.set(refund - 1);
    assert!(scene.act(Event::Reclaim).is_err());
    scene.good(scene.order());
    scene.settle();
    assert_eq!(scene.escrow().phase, Phase::Released);
}
