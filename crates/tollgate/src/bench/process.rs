//! Child processes: this program again, pinned to a core where that is possible, with the CPU time they used.

use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tollgate_core::Clock;

/// Microseconds in a tick of `/proc/PID/stat`: Linux shows 100 ticks a second to programs, whatever it counts in.
const TICK_US: u64 = 10_000;
/// Longest wait for a part to listen.
const START_MS: u64 = 10_000;
/// Between two looks whether a part listens.
const LOOK: Duration = Duration::from_millis(2);

/// One running part; ended when dropped.
pub(super) struct Part {
    child: Child,
    pub(super) addr: SocketAddr,
    /// Seconds until it took a connection.
    pub(super) start_s: f64,
}

impl Part {
    /// Starts this program with `args`, which make it listen on `addr`, and waits until it does.
    pub(super) fn start(clock: &dyn Clock, core: usize, addr: SocketAddr, args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = match can_pin() {
            true => {
                let mut pinned = Command::new("taskset");
                pinned.args(["-c", &core.to_string()]).arg(program);
                pinned
            }
            false => Command::new(program),
        };
        let begun = clock.tick();
        let quiet = command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        let mut part = Self { child: quiet.spawn().context("cannot start a part")?, addr, start_s: 0.0 };
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = part.child.try_wait().context("cannot wait for a part")? {
                bail!("`tollgate {}` ended at once: {status}", args.join(" "));
            }
            if clock.tick().since_ms(begun) > START_MS as f64 {
                bail!("`tollgate {}` does not listen on {addr} after {START_MS} ms", args.join(" "));
            }
            std::thread::park_timeout(LOOK);
        }
        part.start_s = clock.tick().since_ms(begun) / 1e3;
        Ok(part)
    }

    /// CPU time of all its threads so far, in microseconds, to 10 ms.
    pub(super) fn cpu_us(&self) -> Result<u64> {
        cpu_us(self.child.id())
    }

    /// Resident memory, in megabytes.
    pub(super) fn rss_mb(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let kb =
            status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        kb.map(|kb: f64| kb / 1024.0).with_context(|| format!("{path} names no VmRSS"))
    }
}

/// CPU time of all threads of a process so far, in microseconds, to 10 ms.
pub(super) fn cpu_us(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name in parentheses may hold anything; user and system time are fields 14 and 15 (proc(5)).
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ')).into_iter().flatten();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(ticks * TICK_US)
}

impl Drop for Part {
    fn drop(&mut self) {
        // What cannot be ended has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `taskset` is here and there are two cores to tell apart. Found out once, before anything is pinned:
/// afterwards this process sees its own core only.
pub(super) fn can_pin() -> bool {
    static CAN_PIN: OnceLock<bool> = OnceLock::new();
    *CAN_PIN.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut ask = Command::new("taskset");
        let asked = ask.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        cores > 1 && asked.status().is_ok_and(|status| status.success())
    })
}

/// Moves the calling thread, and those that it starts later, to a core.
pub(super) fn pin_here(core: usize) {
    if can_pin() {
        let me = std::process::id().to_string();
        // Where it fails the numbers are noisier, no more.
        let _ = Command::new("taskset")
            .args(["-cp", &core.to_string(), &me])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// An address of this machine that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    listener.local_addr().context("no free port")
}
