//! The recorded requests themselves.

use super::{Loaded, Recording, WorkloadArgs};
use anyhow::{Result, bail};
use tollgate_fleet::workload::Request;

/// Most requests that are kept to be replayed.
const REPLAY_MAX: usize = 4_000_000;

/// What `--rate` does to a recording.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::fleet) enum Clock {
    /// Nothing: times are as they were recorded.
    Recorded,
    /// Time runs faster or slower, so that the rates are those that were asked for.
    Stretched,
}

impl WorkloadArgs {
    /// Every request of every trace by arrival, files on one clock, classes as in `loaded`.
    pub(in crate::fleet) fn recorded(&self, loaded: &Loaded, clock: Clock) -> Result<Vec<Request>> {
        if self.trace.is_empty() {
            bail!("this needs a recording, --trace FILE: a distribution has no arrivals");
        }
        let start_ns = loaded.found.iter().map(|found| found.start_ns).min().unwrap_or(0);
        let mut all = Vec::new();
        let mut first_class = 0;
        for (path, found) in self.trace.iter().zip(&loaded.found) {
            let late_ns = u64::try_from(found.start_ns - start_ns).unwrap_or(0);
            let stretch = if clock == Clock::Stretched { 1.0 / found.growth } else { 1.0 };
            for request in Recording::open(path, self.fields.as_ref())? {
                let mut request = request?;
                let at_ns = request.arrival_ns.saturating_add(late_ns);
                request.arrival_ns = (at_ns as f64 * stretch) as u64;
                request.class += first_class;
                all.push(request);
                if all.len() > REPLAY_MAX {
                    bail!(
                        "there are more than {REPLAY_MAX} requests to replay: give a part of {}",
                        path.display()
                    );
                }
            }
            first_class += u16::try_from(found.classes)?;
        }
        all.sort_by_key(|request| request.arrival_ns);
        Ok(all)
    }
}
