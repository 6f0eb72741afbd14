//! `tollgate bench ledger`: how many holds are made and released a second, each step durable before it is answered.

use super::folder::Folder;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tollgate_core::{Amount, Asset, Clock, Tick};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::ledger::{Bound, Command, HoldId, Op, Outcome, Rest};
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::postgres::Scratch;
use tollgate_store::journal::{Journal, JournalConfig};

/// Payers and payees: enough that no pair is hot.
const PAIRS: u64 = 64;
/// Seconds for which the disk's own rate is measured.
const FLOOR_S: f64 = 1.0;
/// Bytes of each write of that measurement: what a batch of some dozens of entries has.
const FLOOR_BYTES: usize = 16_384;
/// Share of the highest rate at which latencies are measured.
const HALF: f64 = 0.5;

/// Measure the ledger: holds made and released a second, durable and logged
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate bench ledger                      about ten seconds, in a folder made here and removed
  tollgate bench ledger --dir /var/tmp --json
  tollgate bench ledger --engine postgres --database postgres://me@127.0.0.1/test

A cycle is two commands of one client: hold, then post. Each is decided, written with its audit-log entry, synced and
only then answered; many clients share a sync. First comes the highest rate, then the latencies at half of it. The disk's
own syncs per second stand beside, because no ledger that tells the truth answers faster than its disk.

On PostgreSQL the ledger is made in a schema of its own and removed; name a --dir on the server's disk, so that its syncs
are the ones that stand beside.")]
pub(crate) struct LedgerArgs {
    /// Seconds of each of the two measurements
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=60))]
    secs: u8,
    /// Clients that hold and release one after the other
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=32_768))]
    clients: u32,
    /// Folder below which the ledger is made; it must be on the disk that is meant
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// What keeps the ledger
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Engine::Folder)]
    engine: Engine,
    /// A database in which a schema may be made, for `--engine postgres`
    #[arg(long, value_name = "URL", default_value = "postgres://%2Fvar%2Frun%2Fpostgresql/postgres")]
    database: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The engines of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Engine {
    /// Files in a folder, written by this process
    Folder,
    /// A PostgreSQL server
    Postgres,
}

impl Engine {
    /// Cycles a second that are expected of it on two cores.
    fn bar(self) -> u32 {
        match self {
            Self::Folder => 25_000,
            Self::Postgres => 6_000,
        }
    }
}

/// What one measurement showed. Times in microseconds, sorted.
struct Shown {
    cycles: u64,
    seconds: f64,
    cpu_us: u64,
    commands_us: Vec<u64>,
    cycles_us: Vec<u64>,
    /// The longest time in which nothing was answered. All cycles that were due in it were late: at a rate, one such time of a
    /// hundredth of the measurement is its p99.
    silence_us: u64,
}

/// Measures and shows.
pub(super) fn run(args: &LedgerArgs) -> Result<Ending> {
    let clock = Arc::new(SystemClock::new());
    let folder = Folder::make(&args.dir, clock.as_ref())?;
    let (syncs_per_s, sync_us) = floor(clock.as_ref(), &folder)?;
    let schema = format!("tollgate_bench_{}", std::process::id());
    let scratch = (args.engine == Engine::Postgres).then(|| Scratch::new(&args.database, &schema));
    let source = match &scratch {
        Some(scratch) => Source::Database(scratch.url()),
        None => Source::Folder(folder.0.join("ledger")),
    };
    let open = || source.open(JournalConfig::default(), Arc::<SystemClock>::clone(&clock));
    let journal = open()?;
    prepare(&journal)?;
    let mut load = Load::new(journal.clone(), Arc::<SystemClock>::clone(&clock), args.clients);
    let full = load.run(f64::from(args.secs), None)?;
    let (rate, before) = (full.cycles as f64 / full.seconds, journal.stats());
    let half = load.run(f64::from(args.secs), Some(rate * HALF))?;
    let (after, made) = (journal.stats(), full.cycles + half.cycles);
    journal.close();
    check(&open()?, made)?;
    let report = json!({
        "cycles_per_s": rate.round(),
        "engine": args.engine.to_possible_value().map(|engine| engine.get_name().to_owned()),
        "bar_cycles_per_s": args.engine.bar(),
        "cpu_us_per_cycle": tenths(full.cpu_us as f64 / full.cycles.max(1) as f64),
        "syncs_per_s": tenths(before.syncs as f64 / full.seconds),
        "bytes_per_cycle": before.bytes / full.cycles.max(1),
        "disk_syncs_per_s": tenths(syncs_per_s),
        "disk_sync_p50_us": at(&sync_us, 0.5),
        "disk_sync_p99_us": at(&sync_us, 0.99),
        "disk_sync_longest_us": at(&sync_us, 1.0),
        "clients": args.clients,
        "half_load": {
            "cycles_per_s": (half.cycles as f64 / half.seconds).round(),
            "command_p50_us": at(&half.commands_us, 0.5),
            "command_p99_us": at(&half.commands_us, 0.99),
            "cycle_p50_us": at(&half.cycles_us, 0.5),
            "cycle_p99_us": at(&half.cycles_us, 0.99),
            "longest_silence_us": half.silence_us,
            "syncs_per_s": tenths((after.syncs - before.syncs) as f64 / half.seconds),
            "bar_p99_us": 15_000,
        },
        "checked": format!("opened again: {made} cycles, debits equal credits, no hold open"),
    });
    show(&report, args.json)?;
    Ok(Ending::Good)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The value below which this share of the sorted values lies.
fn at(sorted: &[u64], share: f64) -> u64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// Writes and syncs one after the other: the rate at which this disk makes anything durable.
fn floor(clock: &dyn Clock, folder: &Folder) -> Result<(f64, Vec<u64>)> {
    let path = folder.0.join("floor");
    let mut file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let (bytes, begun, mut times) = ([7; FLOOR_BYTES], clock.tick(), Vec::new());
    while clock.tick().since_ms(begun) < FLOOR_S * 1e3 {
        let start = clock.tick();
        file.write_all(&bytes).and_then(|()| file.sync_data()).context("cannot write to the disk")?;
        times.push(clock.tick().since_ns(start) / 1_000);
    }
    let rate = times.len() as f64 / (clock.tick().since_ms(begun) / 1e3);
    times.sort_unstable();
    Ok((rate, times))
}

fn usd(micro: i128) -> Amount {
    Amount::new(micro, Asset::usd_micro())
}

/// Opens the accounts and gives every payer more than it can spend.
fn prepare(journal: &Journal) -> Result<()> {
    let open = |id: String, bound| -> Result<Op> {
        Ok(Op::Open { asset: Asset::usd_micro(), bound, id: id.parse()? })
    };
    journal.apply(Command::new("world", vec![open("acct_world".into(), Bound::None)?])?)?;
    for n in 0..PAIRS {
        let ops = vec![
            open(format!("acct_payer{n}"), Bound::DebitsWithinCredits)?,
            open(format!("acct_payee{n}"), Bound::DebitsWithinCredits)?,
            Op::Transfer {
                amount: usd(i128::from(u64::MAX)),
                credit: format!("acct_payer{n}").parse()?,
                debit: "acct_world".parse()?,
            },
        ];
        journal.apply(Command::new(format!("pair-{n}"), ops)?)?;
    }
    Ok(())
}

/// What was promised must be on the disk.
fn check(journal: &Journal, cycles: u64) -> Result<()> {
    let (sound, open, paid) = journal.look(|book| {
        let payees = book.accounts().filter(|(id, _)| id.as_str().starts_with("acct_payee"));
        let paid: u128 = payees.map(|(_, account)| account.posted.credits).sum();
        (book.audit().is_ok(), book.open_holds(), paid)
    })?;
    journal.close();
    ensure!(
        sound && open == 0 && paid == u128::from(cycles),
        "the reopened ledger has {paid} of {cycles} cycles"
    );
    Ok(())
}

/// One answer: which client, and the hold that was made.
type Told = (u32, Result<Option<HoldId>>);

/// Many clients, driven by one thread.
struct Load {
    journal: Journal,
    clock: Arc<dyn Clock>,
    clients: u32,
    /// Number of the next cycle, for keys that are new.
    next: u64,
    tell: Sender<Told>,
    told: Receiver<Told>,
}

/// Where a client is.
#[derive(Clone, Copy)]
struct Client {
    cycle: u64,
    begun: Tick,
    sent: Tick,
}

impl Load {
    fn new(journal: Journal, clock: Arc<dyn Clock>, clients: u32) -> Self {
        let (tell, told) = channel();
        Self { journal, clock, clients, next: 0, tell, told }
    }

    /// Runs cycles for a while: as many as the clients can, or at a rate of cycles a second. The rate is an open loop: a
    /// cycle's time counts from when it was due, not from when a client was free for it.
    fn run(&mut self, secs: f64, rate: Option<f64>) -> Result<Shown> {
        let (begun, cpu) = (self.clock.tick(), cpu_us()?);
        let mut shown = Shown {
            cycles: 0,
            seconds: 0.0,
            cpu_us: 0,
            commands_us: Vec::new(),
            cycles_us: Vec::new(),
            silence_us: 0,
        };
        let mut heard = begun;
        let mut clients: Vec<Option<Client>> = vec![None; self.clients as usize];
        let mut idle: Vec<u32> = (0..self.clients).collect();
        let (mut started, mut running) = (0u64, 0u32);
        loop {
            let now = self.clock.tick();
            let elapsed = now.since_ms(begun) / 1e3;
            let over = elapsed >= secs;
            let due = rate.map_or(u64::MAX, |rate| (elapsed * rate) as u64);
            while !over && started < due {
                let Some(id) = idle.pop() else { break };
                let late = rate.map(|rate| Tick(begun.0 + (started as f64 / rate * 1e9) as u64));
                let client = Client { cycle: self.next, begun: late.unwrap_or(now), sent: now };
                self.hold(id, client.cycle)?;
                if let Some(slot) = clients.get_mut(id as usize) {
                    *slot = Some(client);
                }
                (started, running, self.next) = (started + 1, running + 1, self.next + 1);
            }
            if over && running == 0 {
                break;
            }
            match self.told.recv_timeout(Duration::from_micros(500)) {
                Ok((id, answer)) => {
                    let now = self.clock.tick();
                    shown.silence_us = shown.silence_us.max(now.since_ns(heard) / 1_000);
                    heard = now;
                    if self.answered(&mut clients, id, answer?, &mut shown)? {
                        (running, shown.cycles) = (running - 1, shown.cycles + 1);
                        idle.push(id);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        shown.seconds = self.clock.tick().since_ms(begun) / 1e3;
        shown.cpu_us = cpu_us()?.saturating_sub(cpu);
        shown.commands_us.sort_unstable();
        shown.cycles_us.sort_unstable();
        Ok(shown)
    }

    /// Takes an answer; whether the client's cycle is done.
    fn answered(
        &self,
        clients: &mut [Option<Client>],
        id: u32,
        made: Option<HoldId>,
        shown: &mut Shown,
    ) -> Result<bool> {
        let slot = clients.get_mut(id as usize).and_then(Option::as_mut).context("an answer to nobody")?;
        let now = self.clock.tick();
        shown.commands_us.push(now.since_ns(slot.sent) / 1_000);
        let Some(hold) = made else {
            shown.cycles_us.push(now.since_ns(slot.begun) / 1_000);
            return Ok(true);
        };
        slot.sent = now;
        let post = Op::Post { amount: None, hold, rest: Rest::Release };
        self.send(id, format!("post-{}", slot.cycle), post)?;
        Ok(false)
    }

    fn hold(&self, id: u32, cycle: u64) -> Result<()> {
        let pair = cycle % PAIRS;
        let hold = Op::Hold {
            amount: usd(1),
            credit: format!("acct_payee{pair}").parse()?,
            debit: format!("acct_payer{pair}").parse()?,
            expires: None,
            linked: false,
        };
        self.send(id, format!("hold-{cycle}"), hold)
    }

    fn send(&self, id: u32, key: String, op: Op) -> Result<()> {
        let tell = self.tell.clone();
        self.journal.submit(Command::new(key, vec![op])?, move |answer| {
            let made = answer.map_err(anyhow::Error::from).and_then(|answer| match answer.outcome {
                Outcome::Applied { holds } => Ok(holds.first().copied()),
                Outcome::Refused { why, .. } => Err(why.into()),
            });
            // A measurement that has ended wants no answers.
            let _ = tell.send((id, made));
        })?;
        Ok(())
    }
}

/// CPU time of this process, all threads, in microseconds, to 10 ms.
fn cpu_us() -> Result<u64> {
    super::process::cpu_us(std::process::id())
}

fn show(report: &Value, as_json: bool) -> Result<()> {
    if as_json {
        return say::json(report);
    }
    let half = &report["half_load"];
    let of = |value: &Value| value.to_string();
    let bar = format!(">= {}", report["bar_cycles_per_s"]);
    let row = |name: &str, value: String, bar: &str| vec![name.to_owned(), value, bar.to_owned()];
    let rows = [
        row("cycles (hold + post) per second", of(&report["cycles_per_s"]), &bar),
        row("CPU us per cycle, clients included", of(&report["cpu_us_per_cycle"]), ""),
        row("syncs per second", of(&report["syncs_per_s"]), ""),
        row("the disk's own syncs per second", of(&report["disk_syncs_per_s"]), ""),
        row("at half load: cycles per second", of(&half["cycles_per_s"]), ""),
        row("at half load: one command, p50 us", of(&half["command_p50_us"]), ""),
        row("at half load: one command, p99 us", of(&half["command_p99_us"]), "< 15000"),
        row("at half load: whole cycle, p50 us", of(&half["cycle_p50_us"]), ""),
        row("at half load: whole cycle, p99 us", of(&half["cycle_p99_us"]), ""),
        row("at half load: longest time without an answer, us", of(&half["longest_silence_us"]), ""),
        row("the disk's own longest sync, us", of(&report["disk_sync_longest_us"]), ""),
    ];
    say::table(&["what", "measured", "bar"], &rows)?;
    say::line(report["checked"].as_str().unwrap_or_default())
}
