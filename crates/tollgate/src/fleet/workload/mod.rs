//! The workload of a command: files to classes of requests, with what was found in them.

mod loaded;
mod promise;
mod recording;
mod replay;

pub(super) use loaded::{CLASS_HEAD, short};
pub(super) use replay::Clock;

use super::files::{cdf_bytes, layout, stem};
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use promise::{for_class, promise};
use recording::Recording;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tollgate_fleet::plan::Stream;
use tollgate_fleet::trace::{Layout, Profile};
use tollgate_fleet::workload::{Arrivals, Cdf, Class, Gaps, JointLengths, Part, Slo, Workload};

/// Most requests of a trace whose lengths are kept one by one.
const TOTALS_MAX: usize = 50_000_000;
/// Squared coefficients of variation of gaps that are planned with.
const BURSTINESS: RangeInclusive<f64> = 1e-4..=1e4;
/// Most files of one workload.
const FILES_MAX: usize = 16;

/// What arrives
#[derive(Args, Debug, Clone)]
pub(super) struct WorkloadArgs {
    /// Lengths: a JSON list of [tokens, share of requests with at most as many]; several files are several classes
    #[arg(long, value_name = "FILE")]
    pub(super) cdf: Vec<PathBuf>,
    /// Recorded requests: CSV or JSON lines, plain, gzip or zstd (Azure, Mooncake, Vidur, Splitwise, BurstGPT, vLLM
    /// bench, semantic-router, `tollgate decisions export`, or arrival_s,prompt_tokens,output_tokens), or an archive of
    /// ServeGen's clients, of which a day is drawn; several files are several classes
    #[arg(long, value_name = "FILE", conflicts_with = "cdf")]
    pub(super) trace: Vec<PathBuf>,
    /// Fields of a trace of one's own: TIME:UNIT,PROMPT,OUTPUT with the unit s, ms or text
    #[arg(long, value_name = "FIELDS", requires = "trace", value_parser = layout)]
    fields: Option<Layout>,
    /// Requests per second of all classes together, or one for each file [default: as a trace recorded]
    #[arg(long, value_name = "R")]
    pub(super) rate: Vec<f64>,
    /// The share of output in all tokens, where only totals are known
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    output_share: f64,
    /// How unevenly requests of --cdf come: the variance of their gaps over its mean squared; 1 is independent arrivals
    /// [default: 1; of a trace, as recorded]
    #[arg(long, value_name = "CV2", requires = "cdf")]
    burstiness: Option<f64>,
    /// Time to the first token that is promised, in milliseconds; one for all, or one for each file
    #[arg(long, value_name = "T", default_value = "500")]
    pub(super) slo_ttft_ms: Vec<f64>,
    /// Time per output token that is promised, in milliseconds
    #[arg(long, value_name = "T")]
    pub(super) slo_tpot_ms: Vec<f64>,
    /// Arrival to last token that is promised, in milliseconds
    #[arg(long, value_name = "T")]
    slo_e2e_ms: Vec<f64>,
    /// What one class is promised instead, in milliseconds: CLASS:ttft=T,tpot=T,e2e=T, each of them or some
    #[arg(long, value_name = "PROMISE", value_parser = promise)]
    class_slo: Vec<(String, Slo)>,
    /// The share of requests that the promises are for
    #[arg(long, value_name = "SHARE", default_value_t = 0.99)]
    percentile: f64,
    /// The share of prompt tokens that a prefix cache holds already
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    cached: f64,
    /// Leave out requests longer than the context instead of stopping
    #[arg(long)]
    pub(super) drop_longer: bool,
}

/// A workload with what was found in its files.
pub(super) struct Loaded {
    /// Classes with rates and lengths, for the planner.
    pub(super) streams: Vec<Stream>,
    /// Total tokens of all classes together, by rate.
    pub(super) cdf: Cdf,
    /// The same as requests that can be drawn.
    pub(super) workload: Workload,
    /// What the files hold, for people and programs.
    pub(super) found: Vec<Found>,
}

/// What one file holds.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) requests: Option<u64>,
    pub(super) bad: Vec<String>,
    pub(super) bad_rows: u64,
    pub(super) layout: Option<&'static str>,
    pub(super) span_s: f64,
    pub(super) gaps_cv2: f64,
    pub(super) sessions: Option<(usize, f64)>,
    pub(super) prefix_hits: Option<f64>,
    pub(super) rate_over_time: (f64, Vec<f64>),
    /// How many of the classes are its own.
    pub(super) classes: usize,
    /// Requests per second as recorded.
    pub(super) recorded_rate: Option<f64>,
    /// When its first row was, in nanoseconds by its own clock.
    pub(super) start_ns: i128,
    /// The rate that is asked for over the recorded one.
    pub(super) growth: f64,
}

/// A file before rates and promises are given out.
struct Source {
    found: Found,
    /// By class: name, share, lengths.
    classes: Vec<(String, f64, JointLengths)>,
    cdf: Cdf,
}

/// What `CLASS=X` is not.
#[derive(Debug, thiserror::Error)]
#[error("write CLASS=X, as agent=1.5")]
pub(super) struct NoClassTimes;

/// Reads `CLASS=X`.
pub(super) fn class_times(text: &str) -> Result<(String, f64), NoClassTimes> {
    let (class, times) = text.split_once('=').ok_or(NoClassTimes)?;
    let times = times.parse::<f64>().ok().filter(|x| *x > 0.0 && x.is_finite()).ok_or(NoClassTimes)?;
    Ok((class.into(), times))
}

impl WorkloadArgs {
    /// Reads the files.
    pub(super) fn load(&self) -> Result<Loaded> {
        let files = if self.trace.is_empty() { &self.cdf } else { &self.trace };
        if files.is_empty() {
            bail!("say what arrives: give --cdf FILE or --trace FILE");
        }
        if files.len() > FILES_MAX {
            bail!("{} files are too many: give at most {FILES_MAX}", files.len());
        }
        let read =
            |path: &PathBuf| if self.trace.is_empty() { self.read_cdf(path) } else { self.read_trace(path) };
        let sources = files.iter().map(read).collect::<Result<Vec<_>>>()?;
        let rates = self.rates(&sources)?;
        let (mut streams, mut parts) = (Vec::new(), Vec::new());
        for (file, (source, &rate)) in sources.iter().zip(&rates).enumerate() {
            let slo = self.slo(file, sources.len())?;
            for (name, share, lengths) in &source.classes {
                let class = Class { name: name.clone(), slo: for_class(slo, name, &self.class_slo) };
                class.slo.check()?;
                let cv2 = source.found.gaps_cv2;
                let stream = Stream::new(class.clone(), lengths.clone(), rate * share);
                streams.push(Stream { arrival_cv2: cv2, cached: self.cached, ..stream });
                let gaps = if (cv2 - 1.0).abs() < 0.05 { Gaps::Exponential } else { Gaps::Gamma { cv2 } };
                let arrivals = Arrivals::Steady { rate_per_s: rate * share, gaps };
                parts.push(Part { class, arrivals, lengths: lengths.clone(), cached: self.cached });
            }
        }
        promise::known(&self.class_slo, streams.iter().map(|stream| stream.class.name.as_str()))?;
        let cdf = together(&sources, &rates)?;
        let grown = |(source, rate): (Source, &f64)| {
            let growth = source.found.recorded_rate.map_or(1.0, |recorded| rate / recorded);
            Found { growth, ..source.found }
        };
        let found: Vec<Found> = sources.into_iter().zip(&rates).map(grown).collect();
        let name = found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(" + ");
        Ok(Loaded { streams, cdf, workload: Workload { name, parts }, found })
    }

    fn rates(&self, sources: &[Source]) -> Result<Vec<f64>> {
        let recorded: Option<Vec<f64>> = sources.iter().map(|source| source.found.recorded_rate).collect();
        match self.rate.as_slice() {
            [] => recorded.context("say how many requests arrive: --rate R"),
            [all] => {
                let weights = recorded.unwrap_or_else(|| vec![1.0; sources.len()]);
                let sum: f64 = weights.iter().sum();
                Ok(weights.iter().map(|weight| all * weight / sum).collect())
            }
            each if each.len() == sources.len() => Ok(each.to_vec()),
            each => {
                bail!("{} rates for {} files: give one for all, or one for each", each.len(), sources.len())
            }
        }
    }

    fn slo(&self, file: usize, files: usize) -> Result<Slo> {
        let of = |option: &str, values: &[f64]| match values {
            [] => Ok(None),
            [all] => Ok(Some(*all)),
            each if each.len() == files => Ok(each.get(file).copied()),
            each => {
                bail!("{option}: {} values for {files} files: give one for all, or one for each", each.len())
            }
        };
        let slo = Slo {
            ttft_ms: of("--slo-ttft-ms", &self.slo_ttft_ms)?,
            tpot_ms: of("--slo-tpot-ms", &self.slo_tpot_ms)?,
            e2e_ms: of("--slo-e2e-ms", &self.slo_e2e_ms)?,
            percentile: self.percentile,
        };
        slo.check()?;
        Ok(slo)
    }

    fn read_cdf(&self, path: &Path) -> Result<Source> {
        let cdf =
            Cdf::from_json(&cdf_bytes(path)?).with_context(|| format!("cannot use {}", path.display()))?;
        let lengths = JointLengths::of_totals(&cdf, self.output_share)?;
        let gaps_cv2 = self.burstiness.unwrap_or(1.0);
        if !BURSTINESS.contains(&gaps_cv2) {
            bail!("--burstiness {gaps_cv2}: give {} to {}", BURSTINESS.start(), BURSTINESS.end());
        }
        let name = stem(path);
        let found = Found {
            name: name.clone(),
            requests: None,
            bad: Vec::new(),
            bad_rows: 0,
            layout: None,
            span_s: 0.0,
            gaps_cv2,
            sessions: None,
            prefix_hits: None,
            rate_over_time: (0.0, Vec::new()),
            classes: 1,
            recorded_rate: None,
            start_ns: 0,
            growth: 1.0,
        };
        Ok(Source { found, classes: vec![(name, 1.0, lengths)], cdf })
    }

    /// Total tokens of every request of a trace, as they come.
    pub(super) fn totals(&self, path: &Path) -> Result<Vec<u32>> {
        let mut totals = Vec::new();
        for request in Recording::open(path, self.fields.as_ref())?.by_ref() {
            let request = request?;
            totals.push(request.prompt_tokens.saturating_add(request.output_tokens));
            if totals.len() > TOTALS_MAX {
                bail!("{} has more than {TOTALS_MAX} requests: give a part of it", path.display());
            }
        }
        Ok(totals)
    }

    fn read_trace(&self, path: &Path) -> Result<Source> {
        let place = path.display().to_string();
        let mut recording = Recording::open(path, self.fields.as_ref())?;
        let profile = Profile::of(recording.by_ref())?;
        let report = recording.report();
        if report.bad > 0 {
            say::remark(&format!("{place}: {} of {} rows cannot be used:", report.bad, report.rows));
            report.samples.iter().for_each(|row| say::remark(&format!("  {row}")));
        }
        if report.before_first > 0 {
            let rows = report.before_first;
            say::remark(&format!("{place}: {rows} rows came before the first and count as arriving with it"));
        }
        let rate = profile.rate_per_s().unwrap_or(1.0);
        let slo = Slo::ttft(1.0);
        let split = profile
            .workload(&place, rate, recording.classes(), &[slo])
            .with_context(|| format!("{place} holds no request"))?;
        let stem = stem(path);
        let class = |part: Part| {
            let name = if part.class.name == "all" { stem.clone() } else { part.class.name };
            (name, part.arrivals.mean_rate_per_s() / rate, part.lengths)
        };
        let found = Found {
            name: stem.clone(),
            requests: Some(profile.requests()),
            bad: report.samples.iter().map(ToString::to_string).collect(),
            bad_rows: report.bad,
            layout: Some(recording.layout()),
            span_s: profile.span_s(),
            gaps_cv2: profile.gaps_cv2().unwrap_or(1.0).clamp(*BURSTINESS.start(), *BURSTINESS.end()),
            sessions: profile.sessions(),
            prefix_hits: profile.prefix_hits().map(|(share, _)| share),
            rate_over_time: profile.rate_over_time(),
            classes: split.parts.len(),
            recorded_rate: profile.rate_per_s(),
            start_ns: recording.start_ns(),
            growth: 1.0,
        };
        let classes = split.parts.into_iter().map(class).collect();
        Ok(Source { found, classes, cdf: profile.totals().cdf()? })
    }
}

/// One distribution of totals from several, by their rates.
fn together(sources: &[Source], rates: &[f64]) -> Result<Cdf> {
    let all: f64 = rates.iter().sum();
    let mut tokens: Vec<u32> = sources.iter().flat_map(|s| s.cdf.knots().iter().map(|&(t, _)| t)).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let share = |t: u32| -> f64 {
        sources.iter().zip(rates).map(|(source, rate)| source.cdf.at(f64::from(t)) * rate / all).sum()
    };
    let mut knots: Vec<(u32, f64)> = tokens.iter().map(|&t| (t, share(t).min(1.0))).collect();
    if let Some(last) = knots.last_mut() {
        last.1 = 1.0;
    }
    Ok(Cdf::new(knots)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_fleet::trace::TimeUnit;

    #[test]
    fn classes_have_multiples() {
        assert_eq!(class_times("agent=1.5").unwrap(), ("agent".to_owned(), 1.5));
        assert!(class_times("agent").is_err() && class_times("agent=-1").is_err());
    }

    #[test]
    fn fields_of_ones_own() {
        assert_eq!(
            layout("ts:ms,in,out").unwrap(),
            Layout::own(Some(("ts", TimeUnit::Milliseconds)), "in", "out")
        );
        assert!(layout("ts,in,out").is_err() && layout("ts:h,in,out").is_err() && layout("a").is_err());
    }
}
