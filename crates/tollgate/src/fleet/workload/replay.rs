//! The recorded requests themselves.

use super::{Loaded, WorkloadArgs};
use anyhow::{Result, bail};
use tollgate_fleet::workload::Request;

/// Most requests that are kept to be replayed.
const REPLAY_MAX: usize = 4_000_000;

impl WorkloadArgs {
    /// Every request of every trace by arrival, files on one clock, classes as in `loaded`, time stretched to the rates
    /// that were asked for.
    pub(in crate::fleet) fn recorded(&self, loaded: &Loaded) -> Result<Vec<Request>> {
        if self.trace.is_empty() {
            bail!("only a --trace can be replayed: a distribution has no arrivals");
        }
        let start_ns = loaded.found.iter().map(|found| found.start_ns).min().unwrap_or(0);
        let mut all = Vec::new();
        let mut first_class = 0;
        for (path, found) in self.trace.iter().zip(&loaded.found) {
            let late_ns = u64::try_from(found.start_ns - start_ns).unwrap_or(0);
            for request in self.reader(path)? {
                let mut request = request?;
                let at_ns = request.arrival_ns.saturating_add(late_ns);
                request.arrival_ns = (at_ns as f64 * found.stretch) as u64;
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
