//! ServeGen's client models (arXiv 2505.09999): each client has a rate, a burstiness and lengths for every window.
//!
//! A client's arrivals are a file of lines `start, rate, cv, family, parameter, parameter`; its lengths a JSON object
//! from a window's start to histograms written as text, `"{45: 0.0097, 46: …}"`. Both are often packed together
//! (`chunk-N-trace.csv`, `chunk-N-dataset.json` of one archive).

use super::{
    archive,
    lines::{Line, Lines},
    report::{Reason, Report, shown},
};
use crate::{
    Error,
    workload::{
        Arrivals, Cell, Class, Client, Gaps, JointLengths, MAX_CLIENTS, MAX_WINDOWS, NS_PER_S, Part,
        RateWindow, Slo, Workload,
    },
};
use std::{collections::BTreeMap, io::Read};

/// How long a window is, in seconds.
pub const WINDOW_S: u64 = 600;
/// The largest length file that is read.
pub const MAX_LENGTH_BYTES: u64 = 64 << 20;
/// How many parts of equal weight a histogram is reduced to.
const PARTS: usize = 32;

/// All clients of one model.
#[derive(Debug, Default)]
pub struct Clients {
    /// By number: arrivals, and lengths where the file was there and held any.
    pub clients: BTreeMap<u32, (Option<Client>, Option<JointLengths>)>,
    /// How the windows were read.
    pub report: Report,
    /// Members that were neither arrivals nor lengths.
    pub other_members: u64,
    /// Windows of lengths.
    pub length_windows: u64,
}

impl Clients {
    /// The arrivals of all clients that ever send anything.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Client> {
        let active = |client: &&Client| client.windows.iter().any(|w| w.rate_per_s > 0.0);
        self.clients.values().filter_map(|(client, _)| client.as_ref()).filter(active).cloned().collect()
    }

    /// How many clients send something and have no lengths.
    #[must_use]
    pub fn without_lengths(&self) -> usize {
        self.clients.values().filter(|(client, lengths)| client.is_some() && lengths.is_none()).count()
    }

    /// All of it as a workload of one class, called `all`: every client's arrivals, and the lengths of all.
    ///
    /// # Errors
    /// [`Error::Empty`] where no client sends anything, or none has lengths.
    pub fn workload(&self, name: &str) -> Result<Workload, Error> {
        let clients = self.arrivals();
        if clients.is_empty() {
            return Err(Error::Empty {
                what: "the archive's arrivals",
                fix: "give one with chunk-N-trace.csv files",
            });
        }
        if self.clients.values().all(|(_, lengths)| lengths.is_none()) {
            let fix = "give an archive with chunk-N-dataset.json files: this one has arrivals alone";
            return Err(Error::Empty { what: "the list of lengths in the archive", fix });
        }
        let class = Class { name: "all".into(), slo: Slo::ttft(1.0) };
        let part =
            Part { class, arrivals: Arrivals::Clients(clients), lengths: self.lengths()?, cached: 0.0 };
        Ok(Workload { name: name.into(), parts: vec![part] })
    }

    /// The lengths of all clients together, each weighed by its mean rate (by 1 where its arrivals are unknown).
    ///
    /// # Errors
    /// [`Error::Empty`] where no client has any.
    pub fn lengths(&self) -> Result<JointLengths, Error> {
        let mut cells = Vec::new();
        let mut longest = 0;
        for (client, lengths) in self.clients.values() {
            let Some(lengths) = lengths else { continue };
            let weight = client.as_ref().map_or(1.0, Client::mean_rate_per_s);
            longest = longest.max(lengths.max_total_tokens());
            cells.extend(lengths.cells().iter().map(|cell| Cell { weight: cell.weight * weight, ..*cell }));
        }
        JointLengths::of_cells(cells, longest)
    }
}

/// Reads the archive of one model (tar, compressed or not).
///
/// # Errors
/// [`Error::Read`], [`Error::TooMany`], and [`Error::Format`] where a length file is not what it should be.
pub fn read(place: &str, bytes: impl Read) -> Result<Clients, Error> {
    let mut all = Clients::default();
    archive::members(place, bytes, |name, content| {
        let number = |suffix: &str| {
            let file = name.rsplit('/').next()?;
            file.strip_prefix("chunk-")?.strip_suffix(suffix)?.parse::<u32>().ok()
        };
        if let Some(n) = number("-trace.csv") {
            let client = windows(name, content, &mut all.report)?;
            all.clients.entry(n).or_default().0 = client;
        } else if let Some(n) = number("-dataset.json") {
            let (count, lengths) = lengths(name, content)?;
            all.length_windows += count;
            all.clients.entry(n).or_default().1 = lengths;
        } else {
            all.other_members += 1;
        }
        if all.clients.len() > MAX_CLIENTS {
            return Err(Error::TooMany { what: "clients", limit: MAX_CLIENTS, fix: "split the archive" });
        }
        Ok(())
    })?;
    Ok(all)
}

/// The windows of one client; `None` where no line was good.
///
/// # Errors
/// [`Error::Read`], [`Error::TooMany`].
pub fn windows(place: &str, content: impl Read, report: &mut Report) -> Result<Option<Client>, Error> {
    let mut lines = Lines::new(place, content);
    let mut windows: Vec<RateWindow> = Vec::new();
    while let Some(line) = lines.next()? {
        report.rows += 1;
        let parsed = match line {
            Line::TooLong => Err(Reason::TooLong),
            Line::Text(text) => window(text),
        };
        let rising = |w: &RateWindow| windows.last().is_none_or(|last| last.start_ns < w.start_ns);
        match parsed {
            Ok(window) if rising(&window) => windows.push(window),
            Ok(window) => {
                report.refuse(Reason::Time {
                    field: "start".into(),
                    value: (window.start_ns / 1_000_000_000).to_string(),
                });
            }
            Err(reason) => report.refuse(reason),
        }
        if windows.len() > MAX_WINDOWS {
            return Err(Error::TooMany { what: "windows", limit: MAX_WINDOWS, fix: "give longer windows" });
        }
    }
    let Some(last) = windows.last() else { return Ok(None) };
    let end_ns = last.start_ns + WINDOW_S * NS_PER_S as u64;
    if windows[0].start_ns > 0 {
        windows.insert(0, RateWindow { start_ns: 0, rate_per_s: 0.0, gaps: Gaps::Exponential });
    }
    Ok(Some(Client { windows, end_ns, repeats: true }))
}

fn window(line: &[u8]) -> Result<RateWindow, Reason> {
    let line = std::str::from_utf8(line).map_err(|_| Reason::Encoding)?;
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let &[start, rate, cv, family, shape, _scale] = fields.as_slice() else {
        return Err(Reason::Columns { found: fields.len(), wanted: 6 });
    };
    let number = |field: &str, text: &str, low: f64| {
        let value = text.parse::<f64>().ok().filter(|v| v.is_finite() && *v >= low);
        value.ok_or_else(|| Reason::Number { field: field.into(), value: shown(text) })
    };
    let rate_per_s = number("rate", rate, 0.0)?;
    let cv2 = number("cv", cv, 0.0)?.powi(2).clamp(1e-4, 1e4);
    let gaps = match family {
        "" | "Poisson" | "Exponential" => Gaps::Exponential,
        "Gamma" => Gaps::Gamma { cv2 },
        "Weibull" => Gaps::Weibull { shape: number("shape", shape, 0.0)?.clamp(0.1, 100.0) },
        other => return Err(Reason::Number { field: "family".into(), value: shown(other) }),
    };
    Ok(RateWindow { start_ns: (number("start", start, 0.0)? * NS_PER_S) as u64, rate_per_s, gaps })
}

/// How many windows of lengths one client has, and all of them together; `None` where all are empty.
///
/// Input and output are recorded apart, so they are joined as if independent.
///
/// # Errors
/// [`Error::Read`], [`Error::Format`].
pub fn lengths(place: &str, content: impl Read) -> Result<(u64, Option<JointLengths>), Error> {
    type Windows = BTreeMap<String, BTreeMap<String, serde_json::Value>>;
    let wrong = |problem: String| Error::Format {
        place: place.to_owned(),
        problem,
        fix: "give windows of histograms, as {\"0\": {\"input_tokens\": \"{45: 1.0}\", …}}".into(),
    };
    let mut bytes = Vec::new();
    let read = content.take(MAX_LENGTH_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| Error::Read { place: place.to_owned(), source })?;
    let windows: Windows = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let (mut inputs, mut outputs) = (BTreeMap::new(), BTreeMap::new());
    for fields in windows.values() {
        // A multimodal prompt is its parts together; they are recorded apart, so their means are added.
        let (mut prompt, mut shift) = (Histogram::new(), 0.0);
        for (field, text) in fields {
            let Some(text) = text.as_str() else { continue };
            let histogram = || histogram(text).ok_or_else(|| wrong(format!("`{field}` is not a histogram")));
            match field.as_str() {
                "input_tokens" | "text_tokens" => add(&mut prompt, &histogram()?, 0),
                "output_tokens" => add(&mut outputs, &histogram()?, 0),
                "image_tokens" | "audio_tokens" | "video_tokens" => shift += mean(&histogram()?),
                _ => {}
            }
        }
        add(&mut inputs, &prompt, shift as u32);
    }
    let (inputs, outputs) = (parts(&inputs), parts(&outputs));
    let mut cells = Vec::with_capacity(inputs.len() * outputs.len());
    for &(prompt_tokens, a) in &inputs {
        cells.extend(outputs.iter().map(|&(output_tokens, b)| Cell {
            prompt_tokens,
            output_tokens,
            weight: a * b,
        }));
    }
    let longest = cells.iter().map(|cell| cell.total_tokens() as u32).max().unwrap_or(0);
    Ok((windows.len() as u64, JointLengths::of_cells(cells, longest).ok()))
}

type Histogram = BTreeMap<u32, f64>;

/// `{45: 0.0097, 46: 0.0117}`; `None` where it is something else.
fn histogram(text: &str) -> Option<Histogram> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    if inside.is_empty() {
        return Some(Histogram::new());
    }
    let pair = |pair: &str| {
        let (value, weight) = pair.split_once(':')?;
        let value = value.trim().parse::<f64>().ok().filter(|v| (0.0..1e9).contains(v))?;
        Some((value as u32, weight.trim().parse::<f64>().ok().filter(|w| *w >= 0.0)?))
    };
    let pairs: Option<Vec<(u32, f64)>> = inside.split(',').map(pair).collect();
    let mut histogram = Histogram::new();
    pairs?.into_iter().for_each(|(value, weight)| *histogram.entry(value).or_default() += weight);
    Some(histogram)
}

/// Adds a histogram whose values are each `shift` larger.
fn add(all: &mut Histogram, more: &Histogram, shift: u32) {
    more.iter().for_each(|(&value, &weight)| *all.entry(value + shift).or_default() += weight);
}

fn mean(histogram: &Histogram) -> f64 {
    let weight: f64 = histogram.values().sum();
    let sum: f64 = histogram.iter().map(|(&value, &w)| f64::from(value) * w).sum();
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// At most [`PARTS`] values, each the mean of an equal share of the weight.
fn parts(histogram: &Histogram) -> Vec<(f64, f64)> {
    let total: f64 = histogram.values().sum();
    let mut parts: Vec<(f64, f64)> = Vec::new();
    let (mut weight, mut sum) = (0.0, 0.0);
    for (&value, &w) in histogram {
        weight += w;
        sum += f64::from(value) * w;
        if weight >= total / PARTS as f64 && weight > 0.0 {
            parts.push((sum / weight, weight));
            (weight, sum) = (0.0, 0.0);
        }
    }
    if weight > 0.0 {
        parts.push((sum / weight, weight));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_rate_and_family_and_bad_lines_are_told() {
        let text = "600,2.5,0.5,Gamma,4.0,0.1\n1200,1.0,1.2,Weibull,0.8,1.0\n1200,1,1,Gamma,1,1\nx,1,1,Gamma,1,1\n1800,0,0,,0,0\n";
        let mut report = Report::default();
        let client = windows("c", text.as_bytes(), &mut report).unwrap().unwrap();
        assert_eq!((report.rows, report.bad), (5, 2));
        assert_eq!(client.windows.len(), 4);
        assert_eq!(client.windows[1].gaps, Gaps::Gamma { cv2: 0.25 });
        assert_eq!(client.windows[2].gaps, Gaps::Weibull { shape: 0.8 });
        assert_eq!(client.end_ns, 2_400_000_000_000);
    }

    #[test]
    fn lengths_keep_their_means() {
        let text = r#"{"0": {"input_tokens": "{10: 0.5, 30: 0.5}", "output_tokens": "{7: 1.0}", "reason_ratio": "{0.5: 1.0}"}, "600": {}}"#;
        let (windows, joint) = lengths("c", text.as_bytes()).unwrap();
        let joint = joint.unwrap();
        assert_eq!(
            (windows, joint.mean_prompt(), joint.mean_output(), joint.max_total_tokens()),
            (2, 20.0, 7.0, 37)
        );
        assert!(lengths("c", r#"{"0": {"input_tokens": "10"}}"#.as_bytes()).is_err());
    }

    #[test]
    fn parts_are_bounded_and_exact_in_the_mean() {
        let histogram: Histogram = (0..5000).map(|i| (i * 3, f64::from(i % 7))).collect();
        let parts = parts(&histogram);
        assert!(parts.len() <= PARTS + 1);
        let total: f64 = parts.iter().map(|p| p.1).sum();
        let of_parts = parts.iter().map(|(v, w)| v * w).sum::<f64>() / total;
        assert!((of_parts - mean(&histogram)).abs() < 1e-9 * of_parts);
    }
}
