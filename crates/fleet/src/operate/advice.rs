//! One look at the requests of a window: which boundary and γ they want, and what that saves against what is set.
//!
//! A gateway that is asked has no loop to keep: whoever asks decides what to do with the answer, and how often to ask.

use super::{Costs, Horizon, Planner, Setting, Window, minutes_ahead};
use crate::Error;
use crate::catalogue::{Gpu, Model};
use crate::plan::{Expected, Problem, Space, Stream};
use crate::service::{Profile, Serving};
use crate::workload::{Class, NS_PER_S, Request, Slo};
use serde::Serialize;

/// Degrees of tensor parallelism that are tried.
const DEGREES: [u32; 4] = [1, 2, 4, 8];
/// Boundaries that are tried, in tokens: 2⁹ to 2¹⁷ and their halves between.
const BOUNDARIES: std::ops::Range<u32> = 18..35;

/// With fewer gaps than these, arrivals count as Poisson.
const GAPS_MIN: usize = 30;
/// Bounds of the burstiness that a plan takes.
const CV2: std::ops::RangeInclusive<f64> = 1e-4..=1e4;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// GPUs to choose from.
    pub gpus: Vec<&'a Gpu>,
    /// The model's shape.
    pub model: &'a Model,
    /// What is promised.
    pub slo: Slo,
    /// What is set now; none where all requests share one pool.
    pub now: Option<Setting>,
    /// Values of γ to choose from; 1 alone where nothing compresses prompts.
    pub gammas: Vec<f64>,
    /// How far back requests count, in seconds.
    pub window_s: f64,
}

/// A setting with what its fleet costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costed {
    /// Most tokens of the short pool; none where one pool serves all.
    pub boundary: Option<u32>,
    /// Requests up to γ times that may be compressed below it.
    pub gamma: f64,
    /// Its cheapest fleet, US dollars an hour; none where no fleet keeps the promise.
    pub usd_per_hour: Option<f64>,
}

/// What the window says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// Requests in it.
    pub requests: u64,
    /// Their rate.
    pub rate_per_s: f64,
    /// Squared coefficient of variation of the gaps between them; 1 is Poisson.
    pub gaps_cv2: f64,
    /// Share of their prompt tokens that a prefix cache held.
    pub cached: f64,
    /// The longest, in tokens.
    pub longest: u32,
    /// What is set.
    pub now: Costed,
    /// What would be cheapest; none where no fleet keeps the promise.
    pub best: Option<Costed>,
    /// What that saves, as a share of what is set; none where either has no fleet.
    pub saving: Option<f64>,
    /// What the pools that are set (or one) will be asked for in 5, 10 and 15 minutes, by archetype: the class of a request.
    pub ahead: Vec<Horizon>,
}

/// Plans for the requests of the window that ends at `now_ns`.
///
/// # Errors
/// [`Error::Empty`] without a request or a GPU; what [`Profile::derive`] refuses where no GPU can hold the model and the longest
/// request.
pub fn advise(requests: &[Request], now_ns: u64, asked: &Asked<'_>) -> Result<Advice, Error> {
    let mut window = Window::new(asked.window_s)?;
    requests.iter().for_each(|request| window.observe(request));
    window.advance(now_ns);
    let (lengths, rate_per_s) = (window.lengths()?, window.rate_per_s(now_ns));
    let longest = lengths.max_total_tokens();
    let from_ns = now_ns.saturating_sub((asked.window_s * NS_PER_S) as u64);
    let (gaps_cv2, cached) = seen(requests.iter().filter(|request| request.arrival_ns >= from_ns));
    let class = Class { name: "all".into(), slo: asked.slo };
    let stream = Stream { arrival_cv2: gaps_cv2, cached, ..Stream::new(class, lengths.clone(), rate_per_s) };
    let problem = problem(asked, stream)?;
    let one_pool = Planner::new(Problem { space: Space::one_pool(longest), ..problem.clone() });
    let planner = Planner::new(problem);
    let parted = |setting: &Setting| setting.boundary < longest;
    let costed = |setting: Option<Setting>, usd_per_hour| Costed {
        boundary: setting.map(|s| s.boundary),
        gamma: setting.map_or(1.0, |s| s.gamma),
        usd_per_hour,
    };
    let set = asked.now.filter(parted);
    let now = costed(
        set,
        match set {
            Some(setting) => planner.cost(&lengths, rate_per_s, setting),
            None => one_pool.best(&lengths, rate_per_s).map(|(_, usd)| usd),
        },
    );
    let best = planner.best(&lengths, rate_per_s);
    let best = best.map(|(setting, usd)| costed(Some(setting).filter(parted), Some(usd)));
    let saving = now.usd_per_hour.zip(best.and_then(|best| best.usd_per_hour));
    Ok(Advice {
        requests: window.requests(),
        rate_per_s,
        gaps_cv2,
        cached,
        longest,
        now,
        best,
        saving: saving.filter(|(now, _)| *now > 0.0).map(|(now, best)| 1.0 - best / now),
        ahead: minutes_ahead(requests, now_ns, set.map(|s| s.boundary))?,
    })
}

/// The burstiness of requests by rising arrival, and the cached share of their prompts.
fn seen<'a>(requests: impl Iterator<Item = &'a Request>) -> (f64, f64) {
    let (mut last, mut gaps, mut sum, mut squares) = (None, 0, 0.0, 0.0);
    let (mut held, mut prompts) = (0.0, 0.0);
    for request in requests {
        if let Some(before) = last.replace(request.arrival_ns) {
            let gap = request.arrival_ns.saturating_sub(before) as f64 / NS_PER_S;
            (gaps, sum, squares) = (gaps + 1, sum + gap, squares + gap * gap);
        }
        held += f64::from(request.cached_tokens.min(request.prompt_tokens));
        prompts += f64::from(request.prompt_tokens);
    }
    let mean = sum / gaps.max(1) as f64;
    let cv2 = if gaps < GAPS_MIN || mean <= 0.0 { 1.0 } else { squares / gaps as f64 / (mean * mean) - 1.0 };
    let cached = if prompts > 0.0 { (held / prompts).min(0.999) } else { 0.0 };
    (cv2.clamp(*CV2.start(), *CV2.end()), cached)
}

fn problem(asked: &Asked<'_>, stream: Stream) -> Result<Problem, Error> {
    let longest = stream.lengths.max_total_tokens();
    let streams = vec![stream];
    let expected = Expected::of(&streams);
    let (mut profiles, mut last) = (Vec::new(), None);
    for gpu in &asked.gpus {
        for tensor_parallel in DEGREES {
            let serving = Serving {
                tensor_parallel,
                prompt: expected.prompt,
                context: expected.held,
                ..Serving::default()
            };
            match Profile::derive(gpu, asked.model, &serving) {
                Ok(profile) if profile.kv_tokens >= u64::from(longest) => profiles.push(profile),
                Ok(profile) => {
                    let (name, held) = (profile.name, profile.kv_tokens);
                    let why =
                        format!("{name} holds {held} tokens, fewer than the longest request of {longest}");
                    last = Some(Error::Infeasible { why });
                }
                Err(error) => last = Some(error),
            }
        }
    }
    if profiles.is_empty() {
        return Err(last.unwrap_or(Error::Empty { what: "the GPUs", fix: "give at least one" }));
    }
    let at = |step: u32| if step.is_multiple_of(2) { 1 << (step / 2) } else { 3 << (step / 2 - 1) };
    let own = asked.now.map(|setting| setting.boundary);
    let mut boundaries: Vec<u32> = BOUNDARIES.map(at).chain(own).filter(|b| *b < longest).collect();
    boundaries.sort_unstable();
    boundaries.dedup();
    let space = Space { boundaries, gammas: asked.gammas.clone(), ..Space::two_pools(longest, longest) };
    Ok(Problem::new(streams, profiles, space))
}

/// The requests of a log: when, prompt and output tokens.
impl Request {
    /// A request of a log; a time before the epoch counts as the epoch.
    #[must_use]
    pub fn logged(micros: i64, prompt_tokens: u64, output_tokens: u64) -> Self {
        let tokens = |count: u64| u32::try_from(count).unwrap_or(u32::MAX / 2);
        Self {
            arrival_ns: (u64::try_from(micros).unwrap_or(0) as f64 * (NS_PER_S / 1e6)) as u64,
            prompt_tokens: tokens(prompt_tokens),
            output_tokens: tokens(output_tokens),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn log(documents: bool) -> Vec<Request> {
        let row = |n: u64| {
            let long = documents && n.is_multiple_of(10);
            let (prompt, output) =
                if long { (20_000 + n * 53 % 9_000, 100) } else { (100 + n * 37 % 300, 400) };
            Request::logged(n as i64 * 8_000, prompt, output)
        };
        (0..30_000).map(row).collect()
    }

    #[test]
    fn what_is_set_is_judged_by_the_best_and_the_best_by_itself() {
        let shipped = Catalogue::shipped().unwrap();
        let mut asked = Asked {
            gpus: vec![shipped.gpu("a100").unwrap(), shipped.gpu("h100").unwrap()],
            model: shipped.model("llama-3.1-8b").unwrap(),
            slo: Slo::ttft(1500.0),
            now: Some(Setting { boundary: 320, gamma: 1.0 }),
            gammas: vec![1.0],
            window_s: 240.0,
        };
        let now_ns = 240 * 1_000_000_000;
        // A short pool that is too short: half of the chats share the long one, and both are rounded up.
        let mixed = advise(&log(true), now_ns, &asked).unwrap();
        assert!(mixed.gaps_cv2 < 0.01 && mixed.cached == 0.0, "even arrivals: {mixed:?}");
        assert!((mixed.rate_per_s - 125.0).abs() < 5.0 && mixed.longest > 28_000, "{mixed:?}");
        assert_eq!(mixed.now.boundary, Some(320));
        assert!(mixed.ahead.len() == 3 && mixed.ahead.iter().all(|at| at.pools.len() == 2), "{mixed:?}");
        assert!(mixed.saving.is_some_and(|saving| (0.0..0.5).contains(&saving)), "{mixed:?}");
        // Set to what was advised, there is nothing left to save.
        let best = mixed.best.unwrap();
        asked.now = best.boundary.map(|boundary| Setting { boundary, gamma: best.gamma });
        let again = advise(&log(true), now_ns, &asked).unwrap();
        assert_eq!((again.now, again.saving), (best, Some(0.0)), "{again:?}");
        // Bursts of twenty take more instances, and a cache that holds most of each prompt fewer.
        let burst =
            |at: usize, r: &Request| Request { arrival_ns: (at / 20) as u64 * 160_000_000, ..r.clone() };
        let bursts: Vec<Request> = log(true).iter().enumerate().map(|(at, r)| burst(at, r)).collect();
        let bursty = advise(&bursts, now_ns, &asked).unwrap();
        assert!((15.0..25.0).contains(&bursty.gaps_cv2), "{bursty:?}");
        assert!(bursty.best.unwrap().usd_per_hour >= best.usd_per_hour, "{bursty:?} {best:?}");
        let held = |r: &Request| Request { cached_tokens: r.prompt_tokens / 10 * 9, ..r.clone() };
        let cached = advise(&log(true).iter().map(held).collect::<Vec<_>>(), now_ns, &asked).unwrap();
        assert!(cached.cached > 0.88 && cached.best.unwrap().usd_per_hour < best.usd_per_hour, "{cached:?}");
        // A promise that nobody keeps has no best, and what is set has no price.
        asked.slo = Slo::ttft(1.0);
        let hopeless = advise(&log(true), now_ns, &asked).unwrap();
        assert_eq!((hopeless.now.usd_per_hour, hopeless.best, hopeless.saving), (None, None, None));
        asked.slo = Slo::ttft(1500.0);
        asked.now = None;
        let chats = advise(&log(false), now_ns, &asked).unwrap();
        assert_eq!(chats.saving.map(|saving| saving < 0.01), Some(true), "{chats:?}");
        assert!(advise(&[], now_ns, &asked).is_err());
        asked.gpus.clear();
        assert!(advise(&log(false), now_ns, &asked).unwrap_err().to_string().contains("GPUs"));
    }
}
