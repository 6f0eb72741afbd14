//! A pool's instances as one: admission, prefixes, probes, and what the pool refuses.
#![expect(clippy::unwrap_used, reason = "a helper outside a test function fails its test")]

use tollgate_core::{Seed, Tick};
use tollgate_select::Error;
use tollgate_select::circuit::Outcome;
use tollgate_select::health::ProbeConfig;
use tollgate_select::instance::Completion;
use tollgate_select::place::{PlaceReason, PlaceRule, Standing, Strategy};
use tollgate_select::pool::members::{Ask, MAX_MEMBERS, MemberSpec, Members, MembersConfig};
use tollgate_select::prefix::PromptBlocks;

fn at(ms: u64) -> Tick {
    Tick(0).plus_ms(ms)
}

fn pool(n: usize, config: MembersConfig) -> Members {
    let specs: Vec<MemberSpec> = (0..n).map(|i| MemberSpec::named(&format!("i{i}"))).collect();
    Members::new(&specs, config, Seed(1), Tick(0)).unwrap()
}

fn send(pool: &mut Members, index: usize, outcome: Outcome, now: Tick) -> Result<(), Error> {
    let ticket = pool.dispatch(index, &Ask::of_tokens(100), now)?;
    let end = if outcome == Outcome::Success { Completion::answered(10) } else { Completion::broken() };
    pool.complete(ticket, outcome, end, now.plus_ms(100)).map(|_| ())
}

#[test]
fn a_shut_instance_is_refused_until_all_are_shut() {
    let mut pool = pool(2, MembersConfig::default());
    send(&mut pool, 0, Outcome::HardDown, at(0)).unwrap();
    assert!(matches!(pool.standing(0, at(100)), Standing::Refusing(_)));
    for _ in 0..2 {
        send(&mut pool, 1, Outcome::Refused, at(100)).unwrap();
    }
    assert!(matches!(pool.standing(1, at(200)), Standing::Open(_)));
    assert_eq!(pool.wait_ms(at(200)), None);
    let placed = pool.place(&Ask::of_tokens(1), Seed(1), at(200)).unwrap();
    assert_eq!((placed.order.to_vec(), placed.reason), (vec![1], PlaceReason::Panic));
    send(&mut pool, 1, Outcome::Success, at(200)).unwrap();
    assert_eq!(send(&mut pool, 0, Outcome::Success, at(200)), Err(Error::NotAdmitted { index: 0 }));
    assert_eq!(
        send(&mut pool, 7, Outcome::Success, at(200)),
        Err(Error::UnknownInstance { index: 7, instances: 2 })
    );
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn an_open_instance_is_refused_while_another_can_serve() {
    let mut pool = pool(2, MembersConfig::default());
    (0..2).for_each(|_| send(&mut pool, 0, Outcome::Refused, at(0)).unwrap());
    assert_eq!(send(&mut pool, 0, Outcome::Success, at(100)), Err(Error::NotAdmitted { index: 0 }));
    assert_eq!(pool.place(&Ask::of_tokens(1), Seed(1), at(100)).unwrap().order.to_vec(), [1]);
}

#[test]
fn answers_and_times_of_the_last_minutes_are_told() {
    let mut pool = pool(2, MembersConfig::default());
    for outcome in [Outcome::Success, Outcome::Success, Outcome::Blameless, Outcome::Transient] {
        let mut ticket = pool.dispatch(0, &Ask::of_tokens(100), at(1_000)).unwrap();
        pool.first_content(&mut ticket, at(1_040));
        let end = if outcome == Outcome::Success { Completion::answered(10) } else { Completion::broken() };
        pool.complete(ticket, outcome, end, at(1_100)).unwrap();
    }
    assert_eq!(
        (pool.answers(0, at(2_000)), pool.answers(1, at(2_000)), pool.answers(9, at(0))),
        ((2, 1), (0, 0), (0, 0))
    );
    assert_eq!(pool.state(0).unwrap().recent_ttft_ms(at(2_000)).last(), Some(&Some(40.0)));
    assert_eq!(pool.answers(0, at(400_000)), (0, 0), "forgotten");
}

#[test]
fn callers_faults_and_long_prompts_change_no_standing() {
    let mut pool = pool(2, MembersConfig::default());
    for n in 0..200 {
        let outcome = if n % 2 == 0 { Outcome::Blameless } else { Outcome::ContextTooLong };
        send(&mut pool, 0, outcome, at(n)).unwrap();
        assert_eq!(pool.standing(0, at(n + 100)), Standing::Ready);
    }
}

#[test]
fn prompts_that_begin_alike_stay_together_and_are_expected_sooner() {
    let place = PlaceRule { strategy: Strategy::PrefixAffinity, ..PlaceRule::default() };
    let mut pool = pool(8, MembersConfig { place, ..MembersConfig::default() });
    let mut conversation = vec![b'x'; 4_000];
    let mut homes = vec![];
    for turn in 0..6u64 {
        let blocks = PromptBlocks::of(1, &[&conversation]);
        let ask =
            Ask { prompt_tokens: conversation.len() as u64 / 4, prompt_bytes: conversation.len(), blocks };
        let now = at(turn * 60_000);
        let placed = pool.place(&ask, Seed(turn), now).unwrap();
        let views = pool.views(&ask, now);
        let (home, other) = (placed.first(), (placed.first() + 1) % 8);
        assert_eq!(views[home].prefill_ms < views[other].prefill_ms, turn > 0, "turn {turn}");
        homes.push((home, placed.reason));
        let ticket = pool.dispatch(home, &ask, now).unwrap();
        pool.complete(ticket, Outcome::Blameless, Completion::broken(), now).unwrap();
        conversation.extend(vec![b'a' + turn as u8; 700]);
    }
    assert!(homes.iter().all(|h| *h == (homes[0].0, PlaceReason::Affinity)), "{homes:?}");
    (0..2).for_each(|_| send(&mut pool, homes[0].0, Outcome::Refused, at(400_000)).unwrap());
    let blocks = PromptBlocks::of(1, &[&conversation]);
    let ask = Ask { prompt_tokens: 1_000, prompt_bytes: conversation.len(), blocks };
    let views = pool.views(&ask, at(400_100));
    assert_eq!(
        views[homes[0].0].prefill_ms,
        views[(homes[0].0 + 1) % 8].prefill_ms,
        "its cache went with it"
    );
}

#[test]
fn active_probes_take_down_and_bring_back() {
    let probe = ProbeConfig { interval_ms: 1_000, timeout_ms: 100, fall: 2, rise: 1 };
    let mut pool = pool(2, MembersConfig { probe: Some(probe), ..MembersConfig::default() });
    let round = |pool: &mut Members, good: bool| {
        let mut seen = [false; 2];
        while seen != [true, true] {
            let now = pool.next_probe().unwrap();
            for index in pool.probes_due(now) {
                seen[index] = true;
                pool.probed(index, good || index == 1, now);
            }
        }
        pool.standing(0, pool.next_probe().unwrap())
    };
    round(&mut pool, false);
    round(&mut pool, false);
    assert_eq!(round(&mut pool, false), Standing::Down);
    assert_eq!(pool.place(&Ask::of_tokens(1), Seed(1), at(9_000)).unwrap().order.to_vec(), [1]);
    round(&mut pool, true);
    assert_eq!(round(&mut pool, true), Standing::Ready);
}

#[test]
fn the_declaration_is_checked() {
    let refuse =
        |specs: &[MemberSpec], config| Members::new(specs, config, Seed(1), Tick(0)).unwrap_err().to_string();
    let one = MemberSpec::named("a");
    let config = MembersConfig::default();
    assert!(refuse(&[], config).starts_with("instances: 0 is out of range"));
    assert!(refuse(&vec![one.clone(); MAX_MEMBERS + 1], config).starts_with("instances: 65536"));
    let heavy = MemberSpec { weight: f64::NAN, ..one.clone() };
    assert!(refuse(&[heavy], config).starts_with("instance.weight: NaN"));
    let wide = MembersConfig { place: PlaceRule { keep: 17, ..config.place }, ..config };
    let idle = ProbeConfig { interval_ms: 0, ..ProbeConfig::default() };
    assert!(
        refuse(std::slice::from_ref(&one), MembersConfig { probe: Some(idle), ..config })
            .starts_with("probe.interval_ms: 0")
    );
    assert!(refuse(&[one], wide).starts_with("place.keep: 17"));
}
