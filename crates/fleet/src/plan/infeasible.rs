//! Which objective cannot be met, and what could be.

use super::problem::Problem;
use super::search::Search;
use crate::Error;

/// One objective of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Objective {
    Ttft,
    Tpot,
    EndToEnd,
}

const OBJECTIVES: [Objective; 3] = [Objective::Ttft, Objective::Tpot, Objective::EndToEnd];
/// Times that a factor is halved between what fails and what holds: to a thousandth.
const HALVINGS: u32 = 10;
/// The largest factor that is tried.
const FACTOR_MAX: f64 = 1e6;

impl Objective {
    fn of(self, problem: &mut Problem, stream: usize) -> &mut Option<f64> {
        let slo = &mut problem.streams[stream].class.slo;
        match self {
            Self::Ttft => &mut slo.ttft_ms,
            Self::Tpot => &mut slo.tpot_ms,
            Self::EndToEnd => &mut slo.e2e_ms,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft_ms",
            Self::Tpot => "tpot_ms",
            Self::EndToEnd => "e2e_ms",
        }
    }
}

/// The error for a problem without a fleet: the objective that stands alone in the way with the nearest value that can
/// be met, or the factor by which all would have to give, or what is missing besides objectives.
pub(super) fn explain(problem: &Problem) -> Error {
    let mut copy = problem.clone();
    let present: Vec<(usize, Objective, f64)> = (0..problem.streams.len())
        .flat_map(|stream| OBJECTIVES.map(|objective| (stream, objective)))
        .filter_map(|(stream, objective)| objective.of(&mut copy, stream).map(|ms| (stream, objective, ms)))
        .collect();
    let feasible = |changes: &[(usize, Objective, f64)], factor: f64| {
        let mut relaxed = problem.clone();
        for &(stream, objective, ms) in changes {
            *objective.of(&mut relaxed, stream) = Some(ms * factor);
        }
        Search::new(&relaxed).is_ok_and(|mut search| search.best().is_some())
    };
    if !feasible(&present, FACTOR_MAX) {
        return without_objectives(problem);
    }
    for one in &present {
        if feasible(&[*one], FACTOR_MAX) {
            let (stream, objective, ms) = *one;
            let nearest = ms * nearest(|factor| feasible(&[*one], factor));
            let class = &problem.streams[stream].class;
            return Error::Infeasible {
                why: format!(
                    "{}.{} of {ms} ms at the {} quantile cannot be met with these profiles and boundaries; \
                     the nearest that can is {nearest:.1} ms",
                    class.name,
                    objective.name(),
                    class.slo.percentile,
                ),
            };
        }
    }
    let factor = nearest(|factor| feasible(&present, factor));
    let all: Vec<String> = present
        .iter()
        .map(|&(s, o, ms)| format!("{}.{} {ms} ms", problem.streams[s].class.name, o.name()))
        .collect();
    Error::Infeasible {
        why: format!(
            "several objectives cannot be met together ({}); with each of them {factor:.3} times as long there is a fleet",
            all.join(", ")
        ),
    }
}

/// The smallest factor that holds, within a thousandth: doubled until it holds, then halved between.
fn nearest(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (1.0, 2.0);
    while !holds(high) && high < FACTOR_MAX {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

/// What stands in the way when no objective does.
fn without_objectives(problem: &Problem) -> Error {
    let context = problem.space.context;
    let most = problem.profiles.iter().map(|p| p.kv_tokens).max().unwrap_or(0);
    let why = if most < u64::from(context) {
        format!(
            "no profile's KV cache holds one request of {context} tokens: the largest holds {most}; \
             lower space.context or take more memory (a higher tensor-parallel degree)"
        )
    } else {
        format!(
            "more than {} instances of every profile would be needed, which is as many as a pool may have: lower the rate, \
             or give larger GPUs or degrees",
            problem.limits.instances
        )
    };
    Error::Infeasible { why }
}
