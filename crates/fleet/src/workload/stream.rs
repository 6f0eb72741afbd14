//! A workload, and the endless stream of requests drawn from it.

use super::{ArrivalStream, Arrivals, Class, JointLengths, Prefix, Request};
use crate::{Error, rng::Stream};
use tollgate_core::Seed;

/// Requests of one class: when, how long, and what they are promised.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its name and promise.
    pub class: Class,
    /// When its requests arrive.
    pub arrivals: Arrivals,
    /// How long they are.
    pub lengths: JointLengths,
    /// The share of their prompt tokens that a prefix cache holds already, in [0, 1).
    pub cached: f64,
}

/// What arrives: the classes side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    /// As reports name it.
    pub name: String,
    /// Its classes; a request's `class` is the index here.
    pub parts: Vec<Part>,
}

impl Workload {
    /// Mean arrivals per second, all classes together.
    #[must_use]
    pub fn mean_rate_per_s(&self) -> f64 {
        self.parts.iter().map(|part| part.arrivals.mean_rate_per_s()).sum()
    }

    /// Requests by rising arrival, each drawn from `seed`; endless where the arrivals are.
    ///
    /// Every class draws from streams of its own, so that changing one leaves the others as they were.
    ///
    /// # Errors
    /// What [`Arrivals::stream`] refuses; [`Error::Empty`] where there is no class.
    pub fn requests(&self, seed: Seed) -> Result<Requests<'_>, Error> {
        if self.parts.is_empty() {
            return Err(Error::Empty { what: "the workload", fix: "give at least one class of requests" });
        }
        let source = |(index, part): (usize, &Part)| -> Result<Source, Error> {
            let own = seed.derive("class").derive(&index.to_string());
            let mut arrivals = part.arrivals.stream(own)?;
            let next_ns = arrivals.next();
            Ok(Source { arrivals, next_ns, lengths: Stream::new(own, "lengths") })
        };
        let sources = self.parts.iter().enumerate().map(source).collect::<Result<_, _>>()?;
        Ok(Requests { workload: self, sources })
    }
}

/// Requests of a [`Workload`], by rising arrival.
#[derive(Debug)]
pub struct Requests<'a> {
    workload: &'a Workload,
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    arrivals: ArrivalStream,
    next_ns: Option<u64>,
    lengths: Stream,
}

impl Iterator for Requests<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let soonest = |(_, source): &(usize, &mut Source)| source.next_ns.unwrap_or(u64::MAX);
        let (class, source) = self.sources.iter_mut().enumerate().min_by_key(soonest)?;
        let arrival_ns = source.next_ns?;
        source.next_ns = source.arrivals.next();
        let part = &self.workload.parts[class];
        let (prompt_tokens, output_tokens) = part.lengths.draw(&mut source.lengths);
        Some(Request {
            arrival_ns,
            prompt_tokens,
            output_tokens,
            class: class as u16,
            session: 0,
            prefix: Prefix::default(),
            cached_tokens: (f64::from(prompt_tokens) * part.cached + 0.5) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cdf, Slo};
    use super::*;

    fn part(name: &str, rate_per_s: f64, longest: u32) -> Part {
        let cdf = Cdf::new(vec![(longest, 1.0)]).unwrap();
        Part {
            class: Class { name: name.into(), slo: Slo::ttft(500.0) },
            arrivals: Arrivals::poisson(rate_per_s),
            lengths: JointLengths::of_totals(&cdf, 0.2).unwrap(),
            cached: 0.0,
        }
    }

    #[test]
    fn the_cached_share_is_drawn_with_every_request() {
        let parts = vec![part("chat", 30.0, 2000), Part { cached: 0.5, ..part("agent", 10.0, 60_000) }];
        let workload = Workload { name: "both".into(), parts };
        for request in workload.requests(Seed(4)).unwrap().take(1000) {
            let half = f64::from(request.prompt_tokens) / 2.0;
            let expected = if request.class == 0 { 0.0 } else { half };
            assert!((f64::from(request.cached_tokens) - expected).abs() <= 0.5, "{request:?}");
        }
    }

    #[test]
    fn classes_arrive_side_by_side_and_do_not_disturb_each_other() {
        let both = Workload {
            name: "both".into(),
            parts: vec![part("chat", 30.0, 2000), part("agent", 10.0, 60_000)],
        };
        let alone = Workload { name: "chat".into(), parts: vec![part("chat", 30.0, 2000)] };
        let requests: Vec<Request> = both.requests(Seed(4)).unwrap().take(40_000).collect();
        assert!(requests.is_sorted_by_key(|r| r.arrival_ns));
        let chats: Vec<&Request> = requests.iter().filter(|r| r.class == 0).collect();
        assert!((29_000..31_000).contains(&chats.len()), "{}", chats.len());
        let same = alone.requests(Seed(4)).unwrap().zip(chats).all(|(a, b)| a == *b);
        assert!(same);
        assert_eq!(both.mean_rate_per_s(), 40.0);
    }
}
