//! One pool in virtual time: a steady, a slow, a failing and a recovering instance, from one seed, as a table.
#![expect(clippy::unwrap_used, reason = "a helper outside a test function fails its test")]

use std::collections::BTreeMap;
use std::fmt::Write;
use tollgate_core::{Seed, Tick};
use tollgate_select::circuit::{Outcome, RequestEffect};
use tollgate_select::deadline::{Clocked, Timeouts};
use tollgate_select::instance::Completion;
use tollgate_select::pool::members::{Ask, MemberSpec, Members, MembersConfig, Ticket};
use tollgate_select::retry::{Attempt, BudgetConfig, Next, RetryBudget, RetryPolicy, Situation, Stage, next};

const NAMES: [&str; 4] = ["steady", "slow", "failing", "recovering"];
const SECONDS: u64 = 24;

/// What the scripted instance does with a request at this second: prefill tokens per second, or how it fails.
fn script(member: usize, second: u64) -> Result<f64, Outcome> {
    match (member, second) {
        (1, _) => Ok(800.0),
        (2, 4..) => Err(Outcome::Transient),
        (3, 0..8) => Err(Outcome::Refused),
        (3, 8..10) => Err(Outcome::RateLimited(Some(1_500))),
        _ => Ok(8_000.0),
    }
}

struct Request {
    ask: Ask,
    tried: Vec<usize>,
    clocked: Clocked,
}

/// What falls due at a moment.
enum Event {
    Arrive,
    Start(Request),
    First(Ticket, Request),
    End(Ticket, Request, Outcome),
}

#[derive(Default, Clone)]
struct Row {
    sent: [u32; 4],
    failed: [u32; 4],
    retried: u32,
    answered: u32,
    lost: u32,
    ttft: Vec<u64>,
}

struct World {
    pool: Members,
    budget: RetryBudget,
    events: BTreeMap<(Tick, u64), Event>,
    busy_until: [Tick; 4],
    serial: u64,
    seed: Seed,
    rows: Vec<Row>,
}

impl World {
    fn new() -> Self {
        let specs = NAMES.map(MemberSpec::named);
        let pool = Members::new(&specs, MembersConfig::default(), Seed(1), Tick(0)).unwrap();
        let budget = RetryBudget::new(BudgetConfig::default(), Tick(0));
        let (events, rows) = (BTreeMap::new(), vec![Row::default(); SECONDS as usize + 60]);
        Self { pool, budget, events, busy_until: [Tick(0); 4], serial: 0, seed: Seed(9), rows }
    }

    fn at(&mut self, when: Tick, event: Event) {
        self.serial += 1;
        self.events.insert((when, self.serial), event);
    }

    fn row(&mut self, now: Tick) -> &mut Row {
        &mut self.rows[(now.0 / 1_000_000_000) as usize]
    }

    fn step(&mut self, now: Tick, event: Event) {
        self.seed = self.seed.next();
        match event {
            Event::Arrive => {
                self.budget.deposit(now);
                let ask = Ask::of_tokens(200 + self.seed.bits() % 1_000);
                let clocked = Clocked::start(Timeouts { total_ms: 20_000, ..Timeouts::default() }, now);
                self.start(Request { ask, tried: vec![], clocked }, now);
            }
            Event::Start(request) => self.start(request, now),
            Event::First(mut ticket, request) => {
                self.pool.first_content(&mut ticket, now);
                let waited = 20_000 - request.clocked.remaining_ms(now);
                self.row(now).ttft.push(waited);
                self.at(now.plus_ms(400), Event::End(ticket, request, Outcome::Success));
            }
            Event::End(ticket, request, outcome) => self.end(ticket, request, outcome, now),
        }
    }

    fn start(&mut self, mut request: Request, now: Tick) {
        let Ok(placed) = self.pool.place(&request.ask, self.seed, now) else {
            self.row(now).lost += 1;
            return;
        };
        let fresh = placed.order.iter().map(|i| usize::from(*i)).find(|i| !request.tried.contains(i));
        let member = fresh.unwrap_or(placed.first());
        request.tried.push(member);
        let ticket = self.pool.dispatch(member, &request.ask, now).unwrap();
        self.row(now).sent[member] += 1;
        match script(member, now.0 / 1_000_000_000) {
            Err(outcome) => self.at(now.plus_ms(5), Event::End(ticket, request, outcome)),
            Ok(per_s) => {
                // First come, first served: one prefill at a time.
                let begin = self.busy_until[member].max(now);
                let first = begin.plus_ms(20 + (request.ask.prompt_tokens as f64 * 1000.0 / per_s) as u64);
                self.busy_until[member] = first;
                self.at(first, Event::First(ticket, request));
            }
        }
    }

    fn end(&mut self, ticket: Ticket, request: Request, outcome: Outcome, now: Tick) {
        let member = ticket.member();
        let good = outcome == Outcome::Success;
        let end = if good { Completion::answered(40) } else { Completion::broken() };
        self.pool.complete(ticket, outcome, end, now).unwrap();
        if good {
            self.row(now).answered += 1;
            return;
        }
        self.row(now).failed[member] += 1;
        let mut attempt = Attempt::new();
        attempt.advance(Stage::Done).unwrap();
        let left =
            (0..4).filter(|i| !request.tried.contains(i) && self.pool.standing(*i, now).available()).count();
        let situation = Situation {
            effect: RequestEffect::Elsewhere,
            attempt,
            attempts: request.tried.len() as u32,
            reached: true,
            known_out: false,
            remaining_ms: request.clocked.remaining_ms(now),
            same_usable: true,
            instances_left: left as u32,
            models_left: 0,
            larger_pools_left: 0,
            retry_after_ms: None,
        };
        let pause = match next(&RetryPolicy::default(), &situation, &mut self.budget, self.seed, now) {
            Next::Elsewhere => 0,
            Next::Same(pause) => pause,
            _ => {
                self.row(now).lost += 1;
                return;
            }
        };
        self.row(now).retried += 1;
        self.at(now.plus_ms(pause), Event::Start(request));
    }
}

fn run() -> String {
    let mut world = World::new();
    (0..SECONDS * 10).for_each(|n| world.at(Tick(0).plus_ms(n * 100), Event::Arrive));
    let mut table =
        String::from("  s |  steady    slow failing recover | retry answer lost ttft p50 | standing\n");
    let mut shown = 0;
    while let Some(((now, _), event)) = world.events.pop_first() {
        while now >= Tick(0).plus_ms((shown + 1) * 1000) && shown < SECONDS {
            show(&mut table, &mut world, shown);
            shown += 1;
        }
        world.step(now, event);
    }
    let total = |of: fn(&Row) -> u32| world.rows.iter().map(of).sum::<u32>();
    let (answered, lost) = (total(|r| r.answered), total(|r| r.lost));
    assert_eq!(u64::from(answered + lost), SECONDS * 10, "no request disappears");
    assert_eq!(world.pool.in_flight(), 0);
    let rate = |i| world.pool.state(i).unwrap().prefill_per_s();
    writeln!(table, "answered {answered}, lost {lost}, retried {}", total(|r| r.retried)).unwrap();
    writeln!(
        table,
        "learned tokens/s: steady {:.0}, slow {:.0}, recovering {:.0}",
        rate(0),
        rate(1),
        rate(3)
    )
    .unwrap();
    table
}

fn show(table: &mut String, world: &mut World, second: u64) {
    let end = Tick(0).plus_ms((second + 1) * 1000);
    let standing: Vec<&str> = (0..4).map(|i| world.pool.standing(i, end).word()).collect();
    let row = &mut world.rows[second as usize];
    row.ttft.sort_unstable();
    let p50 = row.ttft.get(row.ttft.len() / 2).map_or("-".into(), |ms| format!("{ms} ms"));
    let cell = |i: usize| match row.failed[i] {
        0 => format!("{}", row.sent[i]),
        failed => format!("{}/{failed}", row.sent[i]),
    };
    writeln!(
        table,
        "{second:>3} | {:>7} {:>7} {:>7} {:>7} | {:>5} {:>6} {:>4} {p50:>8} | {}",
        cell(0),
        cell(1),
        cell(2),
        cell(3),
        row.retried,
        row.answered,
        row.lost,
        standing.join(" "),
    )
    .unwrap();
}

#[test]
fn a_day_in_the_life_of_a_pool() {
    let table = run();
    assert_eq!(table, run(), "one seed, one history");
    insta::assert_snapshot!(table);
}
