//! The circuit: scenarios by hand, then invariants under random histories.

#![expect(clippy::expect_used, clippy::panic, reason = "a helper outside a test function fails its test")]

use proptest::prelude::*;
use tollgate_core::{Seed, Tick};
use tollgate_select::circuit::{Circuit, CircuitConfig, Gate, Outcome, Pass};
use tollgate_select::retry::Backoff;

fn at(ms: u64) -> Tick {
    Tick(0).plus_ms(ms)
}

fn config() -> CircuitConfig {
    let exact = |ms| Backoff { base_ms: ms, cap_ms: 8 * ms };
    CircuitConfig {
        failures: 3,
        refusals: 2,
        open: exact(1_000),
        hard: exact(30_000),
        probes: 2,
        probes_to_close: 2,
        probe_patience_ms: 60_000,
        cool: exact(500),
        cool_cap_ms: 5_000,
    }
}

fn send(circuit: &mut Circuit, outcome: Outcome, now: Tick) {
    let pass = circuit.admit(now).expect("admitted");
    circuit.report(pass, outcome, now);
}

fn end_of(gate: Gate) -> Tick {
    match gate {
        Gate::Failing(t) | Gate::Refusing(t) | Gate::Cooling(t) => t,
        Gate::Open | Gate::Probe => panic!("not shut: {gate:?}"),
    }
}

#[test]
fn opens_after_failures_in_a_row_only() {
    let mut circuit = Circuit::new(config(), Seed(1));
    for _ in 0..10 {
        send(&mut circuit, Outcome::Transient, at(0));
        send(&mut circuit, Outcome::Transient, at(0));
        send(&mut circuit, Outcome::Success, at(0));
    }
    send(&mut circuit, Outcome::Transient, at(0));
    send(&mut circuit, Outcome::Blameless, at(0));
    send(&mut circuit, Outcome::Transient, at(0));
    assert_eq!(circuit.gate(at(0)), Gate::Open);
    send(&mut circuit, Outcome::Transient, at(0));
    assert!(matches!(circuit.gate(at(0)), Gate::Failing(until) if until >= at(500) && until <= at(1_000)));
    assert!(circuit.admit(at(499)).is_none());
}

#[test]
fn a_doubtful_refusal_counts_once_for_each_caller() {
    let mut circuit = Circuit::new(config(), Seed(1));
    for _ in 0..1_000 {
        send(&mut circuit, Outcome::Doubted(1), at(0));
        send(&mut circuit, Outcome::Doubted(2), at(0));
    }
    assert_eq!(circuit.gate(at(0)), Gate::Open, "two callers alone shut nobody out");
    send(&mut circuit, Outcome::Success, at(0));
    send(&mut circuit, Outcome::Doubted(3), at(0));
    assert_eq!(circuit.gate(at(0)), Gate::Open, "one that was answered speaks for the instance");
    send(&mut circuit, Outcome::Doubted(4), at(0));
    send(&mut circuit, Outcome::Doubted(5), at(0));
    assert!(matches!(circuit.gate(at(0)), Gate::Failing(_)), "everybody is refused: open, and not for long");
    // With one failure that opens, one caller alone does not.
    let mut circuit = Circuit::new(CircuitConfig { failures: 1, ..config() }, Seed(1));
    send(&mut circuit, Outcome::Doubted(1), at(0));
    assert_eq!(circuit.gate(at(0)), Gate::Open);
}

#[test]
fn refusals_and_hard_faults_open_sooner() {
    let mut circuit = Circuit::new(config(), Seed(1));
    send(&mut circuit, Outcome::Refused, at(0));
    assert_eq!(circuit.gate(at(0)), Gate::Open);
    send(&mut circuit, Outcome::Refused, at(0));
    assert!(matches!(circuit.gate(at(0)), Gate::Failing(_)));
    let mut circuit = Circuit::new(config(), Seed(1));
    send(&mut circuit, Outcome::HardDown, at(0));
    assert!(matches!(circuit.gate(at(0)), Gate::Refusing(until) if until >= at(15_000)));
}

#[test]
fn half_open_probes_close_it_or_double_the_pause() {
    let mut circuit = Circuit::new(config(), Seed(1));
    let mut now = at(0);
    (0..3).for_each(|_| send(&mut circuit, Outcome::Transient, at(0)));
    for opening in 0..5u32 {
        let full = 1_000u64 << opening.min(3);
        let until = end_of(circuit.gate(now));
        assert!(until >= now.plus_ms(full / 2) && until <= now.plus_ms(full), "opening {opening}");
        now = until;
        assert_eq!(circuit.gate(now), Gate::Probe);
        let (first, second) = (circuit.admit(now).expect("probe"), circuit.admit(now).expect("probe"));
        assert!(circuit.admit(now).is_none(), "two probes are out");
        circuit.report(first, Outcome::Transient, now);
        circuit.report(second, Outcome::Success, now); // Late: it opened again before.
        assert!(matches!(circuit.gate(now), Gate::Failing(_)));
    }
    now = end_of(circuit.gate(now));
    send(&mut circuit, Outcome::Success, now);
    assert_eq!(circuit.gate(now), Gate::Probe);
    send(&mut circuit, Outcome::Blameless, now);
    send(&mut circuit, Outcome::ContextTooLong, now); // It answered: that it could say so speaks for it.
    assert_eq!(circuit.gate(now), Gate::Open);
    (0..3).for_each(|_| send(&mut circuit, Outcome::Transient, now));
    assert!(end_of(circuit.gate(now)) <= now.plus_ms(1_000), "the pause starts small again");
}

#[test]
fn lost_probes_are_written_off() {
    let mut circuit = Circuit::new(config(), Seed(1));
    send(&mut circuit, Outcome::HardDown, at(0));
    let now = end_of(circuit.gate(at(0)));
    let lost = [circuit.admit(now), circuit.admit(now)];
    assert_eq!(circuit.gate(now), Gate::Failing(now.plus_ms(60_000)));
    let later = now.plus_ms(60_000);
    let fresh = circuit.admit(later).expect("probe");
    for pass in lost {
        circuit.report(pass.expect("admitted"), Outcome::Success, later);
    }
    assert_eq!(circuit.gate(later), Gate::Probe, "written-off probes close nothing");
    circuit.report(fresh, Outcome::Success, later);
    send(&mut circuit, Outcome::Success, later);
    assert_eq!(circuit.gate(later), Gate::Open);
}

#[test]
fn a_rate_limit_pauses_and_never_counts() {
    let mut circuit = Circuit::new(config(), Seed(1));
    send(&mut circuit, Outcome::RateLimited(Some(700)), at(0));
    assert_eq!(circuit.gate(at(0)), Gate::Cooling(at(700)));
    assert_eq!(circuit.gate(at(700)), Gate::Open);
    send(&mut circuit, Outcome::RateLimited(Some(1 << 40)), at(700));
    assert_eq!(circuit.gate(at(700)), Gate::Cooling(at(5_700)), "capped");
    let mut now = at(5_700);
    for _ in 0..50 {
        send(&mut circuit, Outcome::RateLimited(None), now);
        now = end_of(circuit.gate(now));
    }
    assert_eq!(circuit.gate(now), Gate::Open);
    assert!(CircuitConfig { probes: 0, ..config() }.check().is_err());
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Success),
        1 => Just(Outcome::Blameless),
        1 => Just(Outcome::ContextTooLong),
        4 => Just(Outcome::Transient),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::HardDown),
        2 => (0u64..4).prop_map(Outcome::Doubted),
        1 => prop::option::of(0u64..10_000).prop_map(Outcome::RateLimited),
    ]
}

proptest! {
    /// Whatever happens in whatever order: a shut gate admits nobody, probes out are bounded, every shut gate ends within
    /// the longest pause, and blameless outcomes never shut one.
    #[test]
    fn invariants(
        steps in prop::collection::vec((0u64..3_000, prop::option::of((0usize..6, outcome()))), 0..200),
        seed: u64,
    ) {
        let mut circuit = Circuit::new(config(), Seed(seed));
        let mut out: Vec<Pass> = vec![];
        let mut now = at(0);
        let longest = 8 * 30_000;
        for (step, event) in steps {
            now = now.plus_ms(step);
            match event {
                None => {
                    let gate = circuit.gate(now);
                    let pass = circuit.admit(now);
                    let open = matches!(gate, Gate::Open | Gate::Probe);
                    prop_assert_eq!(pass.is_some(), open);
                    out.extend(pass);
                }
                Some((which, outcome)) if which < out.len() => {
                    let (before, pass) = (circuit.gate(now), out.remove(which));
                    circuit.report(pass, outcome, now);
                    let shut = !matches!(circuit.gate(now), Gate::Open | Gate::Probe);
                    if shut && matches!(before, Gate::Open) {
                        let may = matches!(outcome, Outcome::RateLimited(_) | Outcome::Doubted(_));
                        prop_assert!(outcome.verdict() == Some(false) || may);
                    }
                }
                Some(_) => {}
            }
            if let gate @ (Gate::Failing(_) | Gate::Refusing(_) | Gate::Cooling(_)) = circuit.gate(now) {
                prop_assert!(end_of(gate) > now && end_of(gate) <= now.plus_ms(longest));
            }
        }
        // Left alone with successes it always closes.
        drop(out);
        for _ in 0..8 {
            now = now.plus_ms(longest);
            if let Some(pass) = circuit.admit(now) {
                circuit.report(pass, Outcome::Success, now);
            }
        }
        prop_assert_eq!(circuit.gate(now), Gate::Open);
    }
}
