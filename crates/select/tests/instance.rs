//! In-flight accounting and learned rates of an instance.

#![expect(clippy::unwrap_used, reason = "a helper outside a test function fails its test")]

use proptest::prelude::*;
use tollgate_core::{Seed, Tick};
use tollgate_select::Error;
use tollgate_select::instance::{Completion, Dispatched, InFlight, InstanceConfig, InstanceState, Power};

fn at(ms: u64) -> Tick {
    Tick(0).plus_ms(ms)
}

/// Serves requests one by one in a planted way and lets the state learn.
fn serve(state: &mut InstanceState, rate_per_s: f64, overhead_ms: f64, tpot_ms: f64, noise: f64) {
    let mut seed = Seed(11);
    let mut now = Tick(0);
    for _ in 0..400 {
        seed = seed.next();
        let prompt = 100 + seed.bits() % 8_000;
        let output = 20 + seed.bits() / 7 % 200;
        let wobble = 1.0 + noise * (2.0 * seed.derive("noise").unit() - 1.0);
        let first = (overhead_ms + prompt as f64 * 1000.0 / rate_per_s) * wobble;
        let mut token = state.dispatch(prompt, 0, now);
        let seen = Tick(now.0 + (first * 1e6) as u64);
        state.first_content(&mut token, seen);
        now = Tick(seen.0 + ((output - 1) as f64 * tpot_ms * 1e6) as u64);
        state.complete(token, Completion::answered(output), now).unwrap();
    }
}

#[test]
fn recovers_planted_rates() {
    for (rate, overhead, tpot, noise) in [(20_000.0, 15.0, 8.0, 0.0), (900.0, 120.0, 40.0, 0.1)] {
        let mut state = InstanceState::new(1, InstanceConfig::default());
        serve(&mut state, rate, overhead, tpot, noise);
        assert!((state.prefill_per_s() / rate - 1.0).abs() < 0.05, "{} of {rate}", state.prefill_per_s());
        assert!((state.tpot_ms() / tpot - 1.0).abs() < 0.001, "{} of {tpot}", state.tpot_ms());
        let expected = overhead + 4_000.0 * 1000.0 / rate;
        assert!(
            (state.expect(4_000, at(1 << 40)).ttft_ms() / expected - 1.0).abs() < 0.05,
            "{:?}",
            state.expect(4_000, at(1 << 40))
        );
        assert!(state.service_ms(0.5).unwrap() > 0.0 && state.ttft_ms(0.9) >= state.ttft_ms(0.1));
    }
}

/// First come, first served with a queue: the rate is found although most requests wait behind others.
#[test]
fn recovers_the_rate_under_load() {
    for rate in [800.0, 8_000.0] {
        let mut state = InstanceState::new(1, InstanceConfig::default());
        let (mut seed, mut now, mut busy) = (Seed(3), 0.0f64, 0.0f64);
        let tick = |ms: f64| Tick((ms * 1e6) as u64);
        let mut queue = std::collections::VecDeque::new();
        for _ in 0..600 {
            seed = seed.next();
            let prompt = 200 + seed.bits() % 1_000;
            // Utilisation 0.85, exponential gaps.
            now += -(1.0 - seed.derive("gap").unit()).ln() * 700.0 / rate * 1000.0 / 0.85;
            while queue.front().is_some_and(|(_, done)| *done <= now) {
                let (mut token, done): (Dispatched, f64) = queue.pop_front().unwrap();
                state.first_content(&mut token, tick(done));
                state.complete(token, Completion::answered(1), tick(done)).unwrap();
            }
            busy = busy.max(now) + 20.0 + prompt as f64 * 1000.0 / rate;
            queue.push_back((state.dispatch(prompt, 0, tick(now)), busy));
        }
        assert!((state.prefill_per_s() / rate - 1.0).abs() < 0.3, "{} of {rate}", state.prefill_per_s());
    }
}

#[test]
fn backlog_and_slots_make_one_wait() {
    let config =
        InstanceConfig { prefill_per_s: 1_000.0, overhead_ms: 10.0, slots: Some(2), ..Default::default() };
    let mut state = InstanceState::new(1, config);
    assert_eq!(state.expect(500, at(0)).ttft_ms(), 510.0);
    let mut first = state.dispatch(300, 100, at(0));
    assert_eq!(state.expect(500, at(0)).wait_ms, 200.0);
    assert_eq!(state.expect(500, at(150)).wait_ms, 50.0, "most of it is done by then");
    assert_eq!(state.expect(500, at(400)).wait_ms, 0.0);
    state.first_content(&mut first, at(210));
    state.first_content(&mut first, at(999));
    assert_eq!((state.expect(500, at(210)).wait_ms, first.first_content_at()), (0.0, Some(at(210))));
    state.complete(first, Completion::answered(1), at(1_000)).unwrap();
    let held = [state.dispatch(0, 0, at(2_000)), state.dispatch(0, 0, at(2_000))];
    let wait = state.expect(0, at(2_000)).wait_ms;
    assert!((wait / 500.0 - 1.0).abs() < 0.05, "one of two slots of 1 s each frees in half a second: {wait}");
    for token in held {
        state.complete(token, Completion::broken(), at(2_001)).unwrap();
    }
    assert_eq!(state.in_flight(), InFlight::default());
}

#[test]
fn unstreamed_answers_teach_once_a_tpot_is_known() {
    let mut state = InstanceState::new(1, InstanceConfig::default());
    let mut streamed = state.dispatch(1_000, 0, at(0));
    state.first_content(&mut streamed, at(150));
    state.complete(streamed, Completion::answered(11), at(250)).unwrap();
    for step in 1..20u64 {
        let whole = state.dispatch(step * 500, 0, at(step * 10_000));
        let total = 50 + step * 50 + 10 * 10;
        let timing = state.complete(whole, Completion::answered(11), at(step * 10_000 + total)).unwrap();
        assert_eq!(timing.ttft_ms, None);
    }
    assert!((state.prefill_per_s() / 10_000.0 - 1.0).abs() < 0.01, "{}", state.prefill_per_s());
}

#[test]
fn a_token_belongs_to_its_instance() {
    let mut ours = InstanceState::new(1, InstanceConfig::default());
    let mut other = InstanceState::new(2, InstanceConfig::default());
    let mut token = ours.dispatch(5, 0, at(0));
    other.first_content(&mut token, at(1));
    assert_eq!(token.first_content_at(), None);
    let Err(Error::ForeignDispatch { token, .. }) = other.complete(token, Completion::broken(), at(1)) else {
        panic!("accepted a foreign token");
    };
    assert_eq!(ours.in_flight().requests, 1);
    ours.complete(*token, Completion::broken(), at(1)).unwrap();
    assert_eq!(ours.in_flight(), InFlight::default());
}

#[test]
fn odd_traffic_never_breaks_the_expectation() {
    let mut state = InstanceState::new(1, InstanceConfig::default());
    // TTFT that falls with the prompt, zero times, time going backwards.
    for step in 0..50u64 {
        let mut token = state.dispatch(step * 1000, 0, at(1_000));
        state.first_content(&mut token, at(1_000 + 50 - step));
        state
            .complete(token, Completion::answered(u64::MAX), at(if step % 2 == 0 { 0 } else { 1_000 }))
            .unwrap();
        let expected = state.expect(u64::MAX, at(1_000));
        assert!(expected.wait_ms >= 0.0 && expected.prefill_ms >= 0.0 && expected.ttft_ms().is_finite());
    }
    assert!(InstanceConfig { prefill_per_s: f64::NAN, ..Default::default() }.check().is_err());
    assert!(InstanceConfig { slots: Some(0), ..Default::default() }.check().is_err());
    let power = Power { idle_w: 300.0, peak_w: 700.0, half: 16.0 };
    assert!(InstanceConfig { power: Some(power), ..Default::default() }.check().is_ok());
    let upside_down = Power { peak_w: 200.0, ..power };
    assert!(InstanceConfig { power: Some(upside_down), ..Default::default() }.check().is_err());
    assert_eq!((power.watts(0), power.watts(16)), (300.0, 500.0));
    assert!(power.marginal_w(0) > power.marginal_w(1) && power.marginal_w(64) > 0.0);
}

proptest! {
    /// In flight is the sum over outstanding tokens at every step, and nothing at the end.
    #[test]
    fn in_flight_is_what_is_outstanding(
        steps in prop::collection::vec((0u8..3, 0usize..8, 0u64..u64::MAX, 0u64..10_000), 0..120),
    ) {
        let mut state = InstanceState::new(1, InstanceConfig::default());
        let mut out: Vec<(Dispatched, u64, u64)> = vec![];
        for (n, (kind, which, prompt, cached)) in steps.into_iter().enumerate() {
            let now = at(n as u64);
            match kind {
                0 => {
                    let held = prompt.min(u64::from(u32::MAX));
                    out.push((state.dispatch(prompt, cached, now), held, held.saturating_sub(cached)));
                }
                1 => if let Some((token, _, backlog)) = out.get_mut(which) {
                    state.first_content(token, now);
                    *backlog = 0;
                },
                _ => if which < out.len() {
                    state.complete(out.remove(which).0, Completion::answered(prompt), now).unwrap();
                },
            }
            let sum = InFlight {
                requests: out.len() as u32,
                prompt_tokens: out.iter().map(|o| o.1).sum(),
                backlog_tokens: out.iter().map(|o| o.2).sum(),
            };
            prop_assert_eq!(state.in_flight(), sum);
        }
        for (token, _, _) in out {
            state.complete(token, Completion::broken(), at(999)).unwrap();
        }
        prop_assert_eq!(state.in_flight(), InFlight::default());
    }
}
