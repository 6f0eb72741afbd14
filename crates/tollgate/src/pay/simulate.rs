//! `tollgate pay simulate`: seeded schedules of escrows in a world that crashes.

use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use tollgate_core::Clock as _;
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::simulate::{Broken, Cast, Count, Tally, schedule};

/// Play escrows in a world that crashes, repeats, delays and turns clocks, and check that no money is lost or paid twice
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay simulate                                 ten thousand schedules
  tollgate pay simulate --schedules 1000000 --seed 7    a night's work
  tollgate pay simulate --schedules 1 --seed 4711       one that failed, again

Checked after each step: debits equal credits, nothing rests on the clearing account, no escrow pays more than it says or
twice. At the end: all escrows are final without the verifiers' help, the ledger counted of mandates what the escrows say, and
the log alone gives the same escrows. A failure names its seed, which plays the same again.")]
pub(crate) struct SimulateArgs {
    /// How many schedules
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    schedules: u64,
    /// Seed of the first; each further one has the next
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Plays every `threads`-th schedule from number `from` on.
fn part(args: &SimulateArgs, from: u64) -> Result<Result<Tally, Box<Broken>>> {
    let (cast, mut sum) = (Cast::new()?, Tally::default());
    let mut n = from;
    while n < args.schedules {
        match schedule(&cast, args.seed.wrapping_add(n)) {
            Ok(tally) => sum.add(&tally),
            Err(broken) => return Ok(Err(broken)),
        }
        n = n.saturating_add(args.threads);
    }
    Ok(Ok(sum))
}

/// Does it.
pub(super) fn run(args: &SimulateArgs) -> Result<Ending> {
    let clock = SystemClock::new();
    let start = clock.tick();
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.threads).map(|from| scope.spawn(move || part(args, from))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a thread died")?)
            .collect::<Result<Vec<_>>>()
    })?;
    let mut sum = Tally::default();
    for part in parts {
        match part {
            Ok(tally) => sum.add(&tally),
            Err(broken) => return failed(args, &broken),
        }
    }
    let seconds = clock.tick().since_ms(start) / 1e3;
    if args.json {
        let mut shown =
            json!({"holds": true, "seed": args.seed, "crashes": sum.crashes(), "seconds": seconds});
        for what in Count::ALL {
            shown[what.name()] = sum.get(*what).into();
        }
        say::json(&shown)?;
        return Ok(Ending::Good);
    }
    say::line(&format!("{} schedules in {seconds:.1} s: every invariant held", sum.get(Count::Schedules)))?;
    for what in Count::ALL.iter().filter(|what| **what != Count::Schedules) {
        say::line(&format!("{:>14}  {}", sum.get(*what), what.name().replace('_', " ")))?;
    }
    Ok(Ending::Good)
}

fn failed(args: &SimulateArgs, broken: &Broken) -> Result<Ending> {
    if args.json {
        let Broken { seed, step, what, trace } = broken;
        say::json(&json!({"holds": false, "seed": seed, "step": step, "what": what, "trace": trace}))?;
        return Ok(Ending::Refused);
    }
    broken.trace.iter().try_for_each(|line| say::line(line))?;
    say::line(&broken.to_string())?;
    say::line(&format!("again: tollgate pay simulate --schedules 1 --seed {}", broken.seed))?;
    Ok(Ending::Refused)
}
