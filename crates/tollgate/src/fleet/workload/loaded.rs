//! A workload as it was read: cut, shown, and told to programs.

use super::{Found, Loaded};
use crate::say;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use tollgate_fleet::plan::Stream;
use tollgate_fleet::workload::{Archetype, Arrivals, Cell, Slo, USUAL_BOUNDARY};

impl Loaded {
    /// Requests per second.
    pub(in crate::fleet) fn rate(&self) -> f64 {
        self.streams.iter().map(|stream| stream.rate_per_s).sum()
    }

    /// The rates that are asked for over those recorded, by class.
    pub(in crate::fleet) fn growth(&self) -> Vec<f64> {
        self.found.iter().flat_map(|found| std::iter::repeat_n(found.growth, found.classes)).collect()
    }

    /// The longest request.
    pub(in crate::fleet) fn longest(&self) -> u32 {
        self.streams.iter().map(|stream| stream.lengths.max_total_tokens()).max().unwrap_or(1)
    }

    /// Cuts off what is longer than `context`; says how much.
    pub(in crate::fleet) fn drop_longer(&mut self, context: u32) -> Result<()> {
        for (stream, part) in self.streams.iter_mut().zip(&mut self.workload.parts) {
            if stream.lengths.max_total_tokens() <= context {
                continue;
            }
            let Some((share, kept)) = stream.lengths.between(0, context) else {
                bail!(
                    "all requests of {} are longer than {context} tokens: raise --context",
                    stream.class.name
                );
            };
            say::remark(&format!(
                "{}: {:.3} % of its requests are left out",
                stream.class.name,
                (1.0 - share) * 100.0
            ));
            stream.rate_per_s *= share;
            stream.lengths = kept.clone();
            if let Arrivals::Steady { rate_per_s, .. } = &mut part.arrivals {
                *rate_per_s *= share;
            }
            part.lengths = kept;
        }
        if let Some((_, kept)) = self.cdf.between(0, context) {
            self.cdf = kept;
        }
        Ok(())
    }

    /// The shape of all lengths together.
    pub(in crate::fleet) fn archetype(&self, boundary: Option<u32>) -> Archetype {
        Archetype::of(&self.cdf, boundary.unwrap_or(USUAL_BOUNDARY))
    }

    /// The classes as rows of a table, under [`CLASS_HEAD`].
    pub(in crate::fleet) fn rows(&self) -> Vec<Vec<String>> {
        let row = |stream: &Stream| {
            let lengths = &stream.lengths;
            vec![
                stream.class.name.clone(),
                format!("{:.2}", stream.rate_per_s),
                format!("{:.2}", stream.arrival_cv2),
                format!("{:.0}", lengths.mean_prompt()),
                format!("{:.0}", lengths.mean_output()),
                lengths.max_total_tokens().to_string(),
                promised(&stream.class.slo),
            ]
        };
        self.streams.iter().map(row).collect()
    }

    /// The same for programs.
    pub(in crate::fleet) fn json(&self) -> Value {
        let class = |stream: &Stream| {
            json!({
                "class": stream.class, "rate_per_s": stream.rate_per_s, "arrival_cv2": stream.arrival_cv2,
                "mean_prompt_tokens": stream.lengths.mean_prompt(), "mean_output_tokens": stream.lengths.mean_output(),
                "mean_total_tokens": stream.lengths.mean_of(Cell::total_tokens),
                "max_total_tokens": stream.lengths.max_total_tokens(),
            })
        };
        let file = |found: &Found| {
            json!({
                "name": found.name, "layout": found.layout, "requests": found.requests, "bad_rows": found.bad_rows,
                "bad_samples": found.bad, "span_s": found.span_s, "gaps_cv2": found.gaps_cv2,
                "sessions": found.sessions.map(|s| s.0), "turns_per_session": found.sessions.map(|s| s.1),
                "prefix_hits": found.prefix_hits,
            })
        };
        json!({
            "archetype": self.archetype(None),
            "classes": self.streams.iter().map(class).collect::<Vec<_>>(),
            "files": self.found.iter().map(file).collect::<Vec<_>>(),
        })
    }
}

/// A number for a sentence: three digits that matter.
pub(in crate::fleet) fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The head of a table of classes.
pub(in crate::fleet) const CLASS_HEAD: [&str; 7] =
    ["class", "req/s", "gap CV²", "mean in", "mean out", "longest", "promised"];

fn promised(slo: &Slo) -> String {
    let one = |name: &str, limit: Option<f64>| limit.map(|ms| format!("{name} {ms} ms"));
    let all = [one("TTFT", slo.ttft_ms), one("TPOT", slo.tpot_ms), one("E2E", slo.e2e_ms)];
    format!("P{} {}", slo.percentile * 100.0, all.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
