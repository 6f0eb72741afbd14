//! Cost of one placement among 64 instances.

#![expect(clippy::expect_used, reason = "a bench that cannot start must stop")]

use divan::{Bencher, black_box};
use tollgate_core::{Seed, Tick};
use tollgate_select::circuit::Outcome;
use tollgate_select::instance::Completion;
use tollgate_select::place::{InstanceView, PlaceRule, Strategy, key_of, place};
use tollgate_select::pool::members::{Ask, MemberSpec, Members, MembersConfig};
use tollgate_select::prefix::PromptBlocks;

const RULES: [(&str, Strategy, bool); 4] = [
    ("weighted", Strategy::Weighted, false),
    ("least_ttft", Strategy::LeastTtft, false),
    ("two_choices", Strategy::LeastTtft, true),
    ("affinity", Strategy::PrefixAffinity, false),
];

fn rule(name: &str) -> PlaceRule {
    let (_, strategy, two_choices) = RULES.into_iter().find(|r| r.0 == name).expect("known");
    PlaceRule { strategy, two_choices, ..PlaceRule::default() }
}

fn names() -> Vec<String> {
    (0..64).map(|n| format!("instance-{n}")).collect()
}

#[divan::bench(args = RULES.map(|r| r.0))]
fn place_among_64(bencher: Bencher<'_, '_>, name: &str) {
    let view = |(n, name): (usize, &String)| InstanceView {
        wait_ms: (n * 37 % 64) as f64,
        in_flight: (n % 5) as u32,
        ..InstanceView::idle(key_of(name))
    };
    let views: Vec<InstanceView> = names().iter().enumerate().map(view).collect();
    let rule = rule(name);
    let mut seed = Seed(1);
    bencher.bench_local(|| {
        seed = seed.next();
        place(black_box(&views), Some(seed.bits()), &rule, seed)
    });
}

#[divan::bench(args = RULES.map(|r| r.0))]
fn views_and_place_among_64(bencher: Bencher<'_, '_>, name: &str) {
    let specs: Vec<MemberSpec> = names().iter().map(|n| MemberSpec::named(n)).collect();
    let config = MembersConfig { place: rule(name), ..MembersConfig::default() };
    let mut pool = Members::new(&specs, config, Seed(1), Tick(0)).expect("valid");
    let text = [7u8; 8_000];
    let blocks = PromptBlocks::of(1, &[&text]);
    let ask = Ask { prompt_tokens: 2000, prompt_bytes: text.len(), blocks };
    for index in 0..64 {
        let ticket = pool.dispatch(index, &ask, Tick(0)).expect("ready");
        pool.complete(ticket, Outcome::Success, Completion::answered(9), Tick(9_000_000)).expect("own");
    }
    let mut seed = Seed(1);
    bencher.bench_local(|| {
        seed = seed.next();
        black_box(&pool).place(&ask, seed, Tick(10_000_000))
    });
}

#[divan::bench]
fn dispatch_and_complete(bencher: Bencher<'_, '_>) {
    let mut pool =
        Members::new(&[MemberSpec::named("a")], MembersConfig::default(), Seed(1), Tick(0)).expect("valid");
    let ask = Ask::of_tokens(2000);
    let mut now = Tick(0);
    bencher.bench_local(|| {
        now = now.plus_ms(1);
        let mut ticket = pool.dispatch(0, &ask, now).expect("ready");
        pool.first_content(&mut ticket, now);
        pool.complete(ticket, Outcome::Success, Completion::answered(9), now)
    });
}

#[divan::bench]
fn prompt_blocks_of_64_kib(bencher: Bencher<'_, '_>) {
    let text = vec![7u8; 65_536];
    bencher.bench_local(|| PromptBlocks::of(1, &[black_box(&text)]));
}

fn main() {
    divan::main();
}
