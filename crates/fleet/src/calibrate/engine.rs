//! The token-step engine fitted to recorded runs.
//!
//! A recorded run gives each request's lengths and times. The engine is run on the same arrivals, and the coefficients of its
//! iteration are moved until its times agree with those of one half of the requests; the other half says how good the fit is.

use super::minimise;
use crate::Error;
use crate::sim::engine::{Engine, EngineSpec, EngineTime, Served};
use crate::trace::ServedRequest;
use crate::workload::Request;
use std::borrow::Cow;

/// A recorded run and what is known of the engine that made it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The requests, by arrival.
    pub requests: Vec<ServedRequest>,
    /// The engine's settings; its times are what is sought.
    pub spec: EngineSpec,
    /// Engines side by side (data parallel), each with `spec`; a request goes to the least loaded.
    pub engines: usize,
}

/// Which requests a fit sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Half {
    /// Those at even places; the odd ones are held out.
    Even,
    /// Those that came first; the later ones are held out.
    Early,
}

impl Half {
    /// Whether the fit sees the request at this place of so many.
    #[must_use]
    pub const fn sees(self, place: usize, of: usize) -> bool {
        match self {
            Self::Even => place.is_multiple_of(2),
            Self::Early => place < of / 2,
        }
    }
}

/// Mean times of some requests, in seconds, from the scheduler's first sight of each.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Means {
    /// Time to first token.
    pub ttft_s: f64,
    /// Time per output token after the first.
    pub tpot_s: f64,
    /// To the last token.
    pub e2e_s: f64,
}

/// A fit with what it says of the half that it did not see.
#[derive(Clone, Debug)]
pub struct EngineFit {
    /// The coefficients.
    pub time: EngineTime,
    /// Held-out requests as recorded.
    pub recorded: Means,
    /// The same as simulated.
    pub simulated: Means,
    /// Requests held out.
    pub held_out: usize,
}

impl EngineFit {
    /// Relative errors of the held-out means: TTFT, TPOT, end to end.
    #[must_use]
    pub fn errors(&self) -> [f64; 3] {
        let (r, s) = (&self.recorded, &self.simulated);
        [s.ttft_s / r.ttft_s - 1.0, s.tpot_s / r.tpot_s - 1.0, s.e2e_s / r.e2e_s - 1.0]
    }
}

/// One request's times, in seconds from when the scheduler saw it.
type Times = [f64; 3];

fn times(prompt_s: f64, tokens: u32, total_s: f64) -> Times {
    let tpot = if tokens > 1 { (total_s - prompt_s) / f64::from(tokens - 1) } else { 0.0 };
    [prompt_s, tpot, total_s]
}

impl Recorded {
    fn recorded_times(&self) -> Vec<Times> {
        let of = |r: &ServedRequest| {
            times(r.first_token_s - r.queued_s, r.output_tokens, r.last_token_s - r.queued_s)
        };
        self.requests.iter().map(of).collect()
    }

    /// The same with its requests by arrival: files are often in the order of endings.
    fn by_arrival(&self) -> Cow<'_, Self> {
        if self.requests.is_sorted_by(|a, b| a.arrival_s <= b.arrival_s) {
            return Cow::Borrowed(self);
        }
        let mut sorted = self.clone();
        sorted.requests.sort_by(|a, b| a.arrival_s.total_cmp(&b.arrival_s));
        Cow::Owned(sorted)
    }

    /// The engine on the recorded arrivals, which must be in order; requests that it refuses have no times.
    ///
    /// # Errors
    /// What [`EngineSpec::check`] refuses.
    pub fn simulate(&self, time: EngineTime) -> Result<Vec<Option<Served>>, Error> {
        let spec = EngineSpec { time, ..self.spec };
        let mut engines =
            (0..self.engines.max(1)).map(|_| Engine::new(spec)).collect::<Result<Vec<Engine>, Error>>()?;
        let mut ended = vec![Vec::new(); engines.len()];
        let mut sent = vec![Vec::new(); engines.len()];
        let start_s = self.requests.first().map_or(0.0, |first| first.arrival_s);
        for (place, recorded) in self.requests.iter().enumerate() {
            let at_s = recorded.arrival_s - start_s;
            for (engine, ended) in engines.iter_mut().zip(&mut ended) {
                engine.run_until(at_s, ended);
            }
            // As vLLM's balancer: those that wait count four times.
            let load = |at: &usize| engines[*at].in_flight() + 3 * engines[*at].waiting();
            let fewest = (0..engines.len()).min_by_key(load).unwrap_or(0);
            let request = Request {
                prompt_tokens: recorded.prompt_tokens,
                output_tokens: recorded.output_tokens,
                ..Request::default()
            };
            engines[fewest].push_at(&request, at_s);
            sent[fewest].push(place);
        }
        let mut served = vec![None; self.requests.len()];
        for (at, engine) in engines.iter_mut().enumerate() {
            engine.run_until(f64::INFINITY, &mut ended[at]);
            for one in &ended[at] {
                served[sent[at][one.index as usize]] = Some(*one);
            }
        }
        Ok(served)
    }

    /// Mean absolute differences between recorded and simulated times, each over its mean, of the requests that `half` sees.
    fn distance(&self, recorded: &[Times], time: EngineTime, half: Half) -> f64 {
        let Ok(served) = self.simulate(time) else { return f64::INFINITY };
        let (mut off, mut sums) = ([0.0; 3], [0.0; 3]);
        for (place, (recorded, served)) in recorded.iter().zip(&served).enumerate() {
            if !half.sees(place, self.requests.len()) {
                continue;
            }
            let Some(served) = served else { return f64::INFINITY };
            let simulated = served_times(served);
            for metric in 0..3 {
                off[metric] += (simulated[metric] - recorded[metric]).abs();
                sums[metric] += recorded[metric];
            }
        }
        (0..3).map(|metric| off[metric] / sums[metric].max(1e-12)).sum()
    }

    /// Fits the iteration's coefficients to the requests that `half` sees, whatever their order in the file.
    ///
    /// # Errors
    /// [`Error::Empty`] for fewer than 8 requests or where none is held out; [`Error::Format`] where no coefficients serve all
    /// of them; what [`EngineSpec::check`] refuses.
    pub fn fit(&self, half: Half) -> Result<EngineFit, Error> {
        if self.requests.len() < 8 {
            return Err(Error::Empty { what: "the recorded run", fix: "give at least 8 requests" });
        }
        EngineSpec { time: time_of(&START.map(f64::ln)), ..self.spec }.check()?;
        let run = self.by_arrival();
        let recorded = run.recorded_times();
        let mut distance = |at: &[f64]| run.distance(&recorded, time_of(at), half);
        let found = minimise(&START.map(f64::ln), 0.5, EVALUATIONS, &mut distance);
        // A second simplex from where the first one got stuck.
        let best = minimise(&found.at, 0.2, EVALUATIONS, &mut distance);
        if !best.value.is_finite() {
            return Err(Error::Format {
                place: "the recorded run".into(),
                problem:
                    "the engine refuses a request of it whatever its coefficients, or a time is not a number"
                        .into(),
                fix: "give the KV cache and the context that the run had, and times in seconds".into(),
            });
        }
        run.judge(time_of(&best.at), half)
    }

    /// What `time` says of the requests that `half` does not see.
    ///
    /// # Errors
    /// [`Error::Empty`] where none is held out; what [`EngineSpec::check`] refuses.
    pub fn judge(&self, time: EngineTime, half: Half) -> Result<EngineFit, Error> {
        let (mut recorded, mut simulated, mut held_out) = ([0.0; 3], [0.0; 3], 0);
        let count = self.requests.len();
        let run = self.by_arrival();
        for (place, (times, served)) in run.recorded_times().iter().zip(run.simulate(time)?).enumerate() {
            let Some(served) = served.filter(|_| !half.sees(place, count)) else { continue };
            let found = served_times(&served);
            for metric in 0..3 {
                recorded[metric] += times[metric];
                simulated[metric] += found[metric];
            }
            held_out += 1;
        }
        if held_out == 0 {
            return Err(Error::Empty {
                what: "the half of the recorded run that judges the fit",
                fix: "give requests that the engine can serve",
            });
        }
        let means = |sums: [f64; 3]| {
            let [ttft_s, tpot_s, e2e_s] = sums.map(|sum| sum / f64::from(held_out));
            Means { ttft_s, tpot_s, e2e_s }
        };
        let (recorded, simulated) = (means(recorded), means(simulated));
        Ok(EngineFit { time, recorded, simulated, held_out: held_out as usize })
    }
}

fn served_times(served: &Served) -> Times {
    times(served.first_s - served.queued_s, served.output_tokens, served.last_s - served.queued_s)
}

/// Evaluations of one simplex.
const EVALUATIONS: usize = 200;

/// Where fits start: base, per sequence, per context token, per token computed, free tokens, per pair.
const START: [f64; 6] = [0.02, 5e-5, 1e-7, 6e-5, 250.0, 2e-9];

fn time_of(at: &[f64]) -> EngineTime {
    let get = |place: usize| at.get(place).copied().unwrap_or(0.0).clamp(-50.0, 20.0).exp();
    EngineTime {
        base_s: get(0),
        per_sequence_s: get(1),
        per_context_token_s: get(2),
        per_token_s: get(3),
        free_tokens: get(4),
        per_pair_s: get(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that the engine itself made, 24 requests a quarter of a second apart.
    fn run(kv_blocks: u64) -> Recorded {
        let requests = (0..24_u32).map(|n| {
            let arrival_s = f64::from(n) * 0.25;
            ServedRequest {
                prompt_tokens: 200 + n * 37 % 900,
                output_tokens: 20 + n * 11 % 50,
                arrival_s,
                queued_s: arrival_s,
                scheduled_s: arrival_s,
                first_token_s: 0.0,
                last_token_s: 0.0,
            }
        });
        let mut run = Recorded {
            requests: requests.collect(),
            spec: EngineSpec::new(EngineTime::default(), kv_blocks),
            engines: 1,
        };
        let time = time_of(&START.map(f64::ln));
        let served = run.simulate(time).unwrap();
        for (recorded, served) in run.requests.iter_mut().zip(served) {
            if let Some(served) = served {
                recorded.first_token_s = recorded.queued_s + served.first_s - served.queued_s;
                recorded.last_token_s = recorded.queued_s + served.last_s - served.queued_s;
            }
        }
        run
    }

    #[test]
    fn the_order_of_the_file_changes_nothing() {
        let run = run(10_000);
        let mut shuffled = run.clone();
        shuffled.requests.sort_by(|a, b| b.last_token_s.total_cmp(&a.last_token_s));
        let (fit, same) = (run.fit(Half::Early).unwrap(), shuffled.fit(Half::Early).unwrap());
        assert_eq!((fit.time, fit.recorded, fit.held_out), (same.time, same.recorded, 12));
        assert!(fit.errors().iter().all(|error| error.abs() < 0.05), "{:?}", fit.errors());
    }

    #[test]
    fn a_run_that_the_engine_cannot_serve_is_no_fit() {
        let said = run(2).fit(Half::Even).unwrap_err().to_string();
        assert!(said.contains("refuses a request"), "{said}");
        assert!(run(2).judge(time_of(&START.map(f64::ln)), Half::Even).is_err());
    }
}
