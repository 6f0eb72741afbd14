//! Walkers through the descriptions of arrivals; each holds a bounded state and draws from its own stream.

use super::{Arrivals, Client, MAX_CLIENTS, MAX_PHASES, Phase, RateWindow};
use crate::{
    Error,
    error::{positive, within},
    rng::Stream,
    workload::NS_PER_S,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    sync::Arc,
};
use tollgate_core::Seed;

/// Times of arrival, in nanoseconds since the start.
#[derive(Debug)]
pub struct ArrivalStream {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Merged(Merged),
    Modulated(Modulated),
    Replay { times: Arc<[u64]>, next: usize },
}

impl ArrivalStream {
    pub(super) fn new(arrivals: &Arrivals, seed: Seed) -> Result<Self, Error> {
        let kind = match arrivals {
            Arrivals::Replay(times) => Kind::Replay { times: Arc::clone(times), next: 0 },
            Arrivals::Modulated(phases) => Kind::Modulated(Modulated::new(phases, seed)?),
            Arrivals::Steady { rate_per_s, gaps } => {
                positive("arrivals.rate_per_s", *rate_per_s)?;
                let window = RateWindow { start_ns: 0, rate_per_s: *rate_per_s, gaps: *gaps };
                let client = Client { windows: vec![window], end_ns: u64::MAX, repeats: false };
                Kind::Merged(Merged::new(&[client], seed)?)
            }
            Arrivals::Clients(clients) => Kind::Merged(Merged::new(clients, seed)?),
        };
        Ok(Self { kind })
    }
}

impl Iterator for ArrivalStream {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match &mut self.kind {
            Kind::Merged(merged) => merged.next(),
            Kind::Modulated(modulated) => Some(modulated.next()),
            Kind::Replay { times, next } => {
                let time = times.get(*next).copied();
                *next += 1;
                time
            }
        }
    }
}

/// Clients side by side: a heap of their next arrivals.
#[derive(Debug)]
struct Merged {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Merged {
    fn new(clients: &[Client], seed: Seed) -> Result<Self, Error> {
        if clients.len() > MAX_CLIENTS {
            return Err(Error::TooMany {
                what: "clients",
                limit: MAX_CLIENTS,
                fix: "merge the smallest clients",
            });
        }
        clients.iter().try_for_each(Client::check)?;
        let own = |(index, client): (usize, &Client)| Source::new(client.clone(), seed, index);
        let mut sources: Vec<Source> = clients.iter().enumerate().map(own).collect();
        let first = |(index, source): (usize, &mut Source)| Some(Reverse((source.advance()?, index)));
        let next = sources.iter_mut().enumerate().filter_map(first).collect();
        Ok(Self { sources, next })
    }

    fn next(&mut self) -> Option<u64> {
        let mut top = self.next.peek_mut()?;
        let Reverse((time, index)) = *top;
        match self.sources[index].advance() {
            Some(following) => *top = Reverse((following, index)),
            None => drop(PeekMut::pop(top)),
        }
        Some(time)
    }
}

/// One client on its way through its windows.
#[derive(Debug)]
struct Source {
    client: Client,
    window: usize,
    /// Start of the current round of windows.
    round_ns: u64,
    /// Where it stands, in nanoseconds since the start.
    at_ns: f64,
    gaps: Stream,
}

impl Source {
    fn new(client: Client, seed: Seed, index: usize) -> Self {
        let gaps = Stream::new(seed.derive("arrivals"), &index.to_string());
        Self { client, window: 0, round_ns: 0, at_ns: 0.0, gaps }
    }

    fn advance(&mut self) -> Option<u64> {
        let mut left = self.client.windows[self.window].gaps.draw(&mut self.gaps);
        let mut silent = 0;
        loop {
            let window = self.client.windows[self.window];
            let end =
                self.client.windows.get(self.window + 1).map_or(self.client.end_ns, |next| next.start_ns);
            let end_ns = self.round_ns.saturating_add(end) as f64;
            let reaches = self.at_ns + left * NS_PER_S / window.rate_per_s;
            if reaches < end_ns {
                self.at_ns = reaches;
                return Some(reaches as u64);
            }
            left -= ((end_ns - self.at_ns) * window.rate_per_s / NS_PER_S).min(left);
            self.at_ns = end_ns;
            silent = if window.rate_per_s > 0.0 { 0 } else { silent + 1 };
            self.window += 1;
            if self.window == self.client.windows.len() {
                if !self.client.repeats || silent > self.client.windows.len() {
                    self.window -= 1;
                    return None;
                }
                self.window = 0;
                self.round_ns = self.round_ns.checked_add(self.client.end_ns)?;
            }
        }
    }
}

/// A modulated Poisson process on its way through its phases.
#[derive(Debug)]
struct Modulated {
    phases: Vec<Phase>,
    phase: usize,
    at_ns: f64,
    until_ns: f64,
    draws: Stream,
}

impl Modulated {
    fn new(phases: &[Phase], seed: Seed) -> Result<Self, Error> {
        if phases.len() > MAX_PHASES {
            return Err(Error::TooMany { what: "phases", limit: MAX_PHASES, fix: "give fewer phases" });
        }
        for phase in phases {
            positive("arrivals.mean_stay_s", phase.mean_stay_s)?;
            within("arrivals.rate_per_s", phase.rate_per_s, 0.0, 1e9, "give arrivals per second")?;
        }
        if !phases.iter().any(|p| p.rate_per_s > 0.0) {
            return Err(Error::Empty {
                what: "the modulated process",
                fix: "give a phase with a rate above 0",
            });
        }
        let mut draws = Stream::new(seed, "modulated arrivals");
        let until_ns = draws.exponential() * phases[0].mean_stay_s * NS_PER_S;
        Ok(Self { phases: phases.to_vec(), phase: 0, at_ns: 0.0, until_ns, draws })
    }

    fn next(&mut self) -> u64 {
        loop {
            // Exponential gaps have no memory: a change of phase draws afresh.
            let reaches =
                self.at_ns + self.draws.exponential() * NS_PER_S / self.phases[self.phase].rate_per_s;
            if reaches < self.until_ns {
                self.at_ns = reaches;
                return reaches as u64;
            }
            self.at_ns = self.until_ns;
            self.phase = (self.phase + 1) % self.phases.len();
            self.until_ns += self.draws.exponential() * self.phases[self.phase].mean_stay_s * NS_PER_S;
        }
    }
}
