//! Prefill and decode on engines of their own, with the keys and values sent from one to the other.
//!
//! A prompt is computed on a prefill engine, which gives the first token; its cache then crosses that engine's link, one
//! after the other at the stated bandwidth; a decode engine goes on from there. Nothing flows back, so all prefills can be
//! simulated before all decodes.

use super::{Engine, EngineSpec, Served};
use crate::Error;
use crate::error::{positive, within};
use crate::workload::Request;

/// Most engines of one side.
pub const MAX_ENGINES: usize = 10_000;
/// Most requests of one simulation, which are kept until they are decoded.
pub const MAX_REQUESTS: usize = 10_000_000;

/// What carries keys and values from a prefill engine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// Bytes a second, of each prefill engine.
    pub bytes_per_s: f64,
    /// Of each transfer, beside its bytes, in seconds.
    pub latency_s: f64,
    /// KV bytes of a token, all GPUs of the instance together.
    pub kv_token_bytes: f64,
}

/// Engines that prefill, engines that decode, and what lies between them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Disaggregated {
    /// How many prefill.
    pub prefill_engines: usize,
    /// One that prefills.
    pub prefill: EngineSpec,
    /// How many decode.
    pub decode_engines: usize,
    /// One that decodes.
    pub decode: EngineSpec,
    /// The link of each prefill engine.
    pub link: Link,
}

/// What a disaggregated fleet did.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Split {
    /// Requests that ended, by index of arrival.
    pub served: Vec<Served>,
    /// Requests that one side refused.
    pub refused: u64,
    /// From the first token to the cache being at the decode engine, in seconds, by request; 0 where none crosses.
    pub transfers_s: Vec<f64>,
    /// The mean of those that cross.
    pub transfer_s: f64,
}

impl Disaggregated {
    /// # Errors
    /// What [`EngineSpec::check`] refuses, or [`Error::Setting`] for a link without bandwidth or no engines.
    pub fn check(&self) -> Result<(), Error> {
        self.prefill.check()?;
        self.decode.check()?;
        positive("link.bytes_per_s", self.link.bytes_per_s)?;
        within("link.latency_s", self.link.latency_s, 0.0, 1e3, "give 0 to 1,000 seconds")?;
        within("link.kv_token_bytes", self.link.kv_token_bytes, 0.0, 1e9, "give 0 to 1e9 bytes")?;
        let most = MAX_ENGINES as f64;
        within("prefill_engines", self.prefill_engines as f64, 1.0, most, "give 1 to 10,000")?;
        Ok(within("decode_engines", self.decode_engines as f64, 1.0, most, "give 1 to 10,000")?)
    }

    /// Serves all `requests`, by rising arrival. A prompt goes to the prefill engine with the fewest prompt tokens left, which is the
    /// one that is free first, as the gateway's placement by expected time does; a cache to the decode engine with the fewest requests.
    ///
    /// # Errors
    /// What [`Self::check`] refuses; [`Error::TooMany`] beyond [`MAX_REQUESTS`].
    pub fn serve(&self, requests: &[Request]) -> Result<Split, Error> {
        self.check()?;
        if requests.len() > MAX_REQUESTS {
            return Err(Error::TooMany { what: "requests", limit: MAX_REQUESTS, fix: "give fewer" });
        }
        let prompts = requests.iter().map(|request| {
            let prompt = Request { output_tokens: 1, ..request.clone() };
            (prompt.arrival_ns as f64 / crate::workload::NS_PER_S, prompt)
        });
        let (mut firsts, refused) =
            spread(self.prefill_engines, self.prefill, prompts, Engine::push_at, |side| side.prompt_tokens)?;
        firsts.sort_by(|a, b| a.served.first_s.total_cmp(&b.served.first_s));
        let mut free_s = vec![0.0f64; self.prefill_engines];
        let (mut crossing, mut transfer_s, mut split) =
            (Vec::new(), 0.0, Split { refused, transfers_s: vec![0.0; requests.len()], ..Split::default() });
        for first in firsts {
            let request = &requests[first.request];
            if request.output_tokens <= 1 {
                split.served.push(Served { index: first.request as u64, ..first.served });
                continue;
            }
            let bytes = f64::from(first.served.prompt_tokens) * self.link.kv_token_bytes;
            let free = &mut free_s[first.engine];
            *free = free.max(first.served.first_s) + bytes / self.link.bytes_per_s;
            let at_s = *free + self.link.latency_s;
            split.transfers_s[first.request] = at_s - first.served.first_s;
            transfer_s += at_s - first.served.first_s;
            crossing.push((at_s, first));
        }
        crossing.sort_by(|a, b| a.0.total_cmp(&b.0));
        split.transfer_s = transfer_s / crossing.len().max(1) as f64;
        let caches = crossing.iter().map(|(at_s, first)| (*at_s, requests[first.request].clone()));
        let (lasts, refused) =
            spread(self.decode_engines, self.decode, caches, Engine::push_prefilled, |side| side.requests)?;
        split.refused += refused;
        split.served.extend(lasts.iter().map(|last| {
            let (_, first) = &crossing[last.request];
            let preemptions = first.served.preemptions + last.served.preemptions;
            let (index, output_tokens) = (first.request as u64, last.served.output_tokens);
            Served { index, output_tokens, preemptions, last_s: last.served.last_s, ..first.served }
        }));
        split.served.sort_by_key(|served| served.index);
        Ok(split)
    }
}

/// A request as it left one side.
struct Left {
    /// Its place among those that came.
    request: usize,
    engine: usize,
    served: Served,
}

/// What an engine has not ended yet.
#[derive(Clone, Copy, Default)]
struct Open {
    requests: u64,
    prompt_tokens: u64,
    /// Prompt tokens that it ever got.
    given: u64,
}

/// Sends requests, by rising time, each to the engine with the least `load`, of equal ones (all idle, say, while links are not) to that which got
/// the least; those who ended, and how many were refused.
fn spread(
    engines: usize,
    spec: EngineSpec,
    requests: impl Iterator<Item = (f64, Request)>,
    push: impl Fn(&mut Engine, &Request, f64),
    load: impl Fn(&Open) -> u64,
) -> Result<(Vec<Left>, u64), Error> {
    let mut engines = (0..engines).map(|_| Engine::new(spec)).collect::<Result<Vec<Engine>, Error>>()?;
    let mut open = vec![Open::default(); engines.len()];
    let mut sent = vec![Vec::new(); engines.len()];
    let mut ended: Vec<Vec<Served>> = vec![Vec::new(); engines.len()];
    for (place, (at_s, request)) in requests.enumerate() {
        for ((engine, ended), open) in engines.iter_mut().zip(&mut ended).zip(&mut open) {
            let known = ended.len();
            engine.run_until(at_s, ended);
            for served in &ended[known..] {
                open.requests -= 1;
                open.prompt_tokens -= u64::from(served.prompt_tokens);
            }
        }
        let least =
            (0..engines.len()).min_by_key(|at| (load(&open[*at]), open[*at].given)).unwrap_or_default();
        let engine = &mut engines[least];
        let refused = engine.refused().len();
        push(engine, &request, at_s);
        sent[least].push(place);
        if engine.refused().len() == refused {
            open[least].requests += 1;
            open[least].given += u64::from(request.prompt_tokens.max(1));
            open[least].prompt_tokens += u64::from(request.prompt_tokens.max(1));
        }
    }
    let (mut left, mut refused) = (Vec::new(), 0);
    for (at, (engine, mut ended)) in engines.iter_mut().zip(ended).enumerate() {
        engine.run_until(f64::INFINITY, &mut ended);
        refused += engine.refused().len() as u64;
        let place = |served: Served| Left { request: sent[at][served.index as usize], engine: at, served };
        left.extend(ended.into_iter().map(place));
    }
    Ok((left, refused))
}
