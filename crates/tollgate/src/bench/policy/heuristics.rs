//! Rows of what reads the words of a prompt: keyword sets, a hundred rules of several kinds, the signals of recipes.

use super::{Bench, PROMPT, policy, shapes};
use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use tollgate_core::Clock;
use tollgate_core::signal::SignalSource as _;
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::Policy;
use tollgate_policy::import::{Source, import};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Largest prompt that counts in the figures of the recipes, in bytes.
const PROBE_MAX: usize = 150 << 10;
/// Times that one probe is read; the least counts.
const PROBE_RUNS: usize = 7;
/// What the incumbent takes over such probes, in microseconds: the median, and nine of ten.
const PROBE_TIMES: (f64, f64) = (500.0, 20_000.0);

fn chat(body: &Value) -> Result<RequestView> {
    peek(Dialect::OpenaiChat, Bytes::from(body.to_string()), &Limits::default()).context("the prompt")
}

fn prompt(words: &str, bytes: usize) -> Result<RequestView> {
    let text = words.repeat(bytes / words.len() + 1);
    chat(&json!({"model": "auto", "messages": [{"role": "user", "content": text}]}))
}

fn compiled(policy: &Policy) -> Result<SignalSet> {
    SignalSet::compile(policy.specs()).map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

impl Bench {
    /// The time of reading every signal of a policy.
    fn reading(
        &mut self,
        what: &str,
        (incumbent, bar): (Option<f64>, Option<f64>),
        text: &str,
        view: &RequestView,
    ) -> Result<()> {
        let set = compiled(&policy(text)?)?;
        let (input, clock) = (Input::new(view), SystemClock::new());
        self.row(what, incumbent, bar, || {
            let mut reading = Reading::new(&set, &input, &clock);
            black_box((0..set.len()).filter(|at| reading.read(*at).matched).count());
        });
        Ok(())
    }

    /// Keyword sets and a hundred rules, up to ten megabytes.
    pub(super) fn words(&mut self) -> Result<()> {
        // Every word is a hit, at which the incumbent walks back to the beginning.
        for (size, name, incumbent) in [(8 << 10, "8 KiB", 3_800.0), (256 << 10, "256 KiB", 3_150_000.0)] {
            let view = prompt("first then because must ", size)?;
            let what = format!("a keyword set's density over {name} full of hits");
            self.reading(&what, (Some(incumbent), None), &shapes::keyword_set(), &view)?;
        }
        let rules = shapes::mixed();
        let prose = "the quick brown fox then jumps over a lazy dog because it must, and asks for nothing in particular ";
        let what = |size: &str| {
            format!("100 rules (60 keywords, 25 features, 15 expressions) over a prompt of {size}")
        };
        self.reading(&what("1 MiB"), (None, Some(10_000.0)), &rules, &prompt(prose, PROMPT)?)?;
        let one = self.last_us();
        self.reading(&what("10 MiB"), (None, Some(100_000.0)), &rules, &prompt(prose, 10 * PROMPT)?)?;
        self.note(format!("{:.1} times that of 1 MiB", self.last_us() / one.max(1e-3)));
        Ok(())
    }

    /// Every signal of the recipes of a folder, imported, on each of their probes.
    pub(super) fn probes(&mut self, folder: &Path) -> Result<()> {
        let mut times = Vec::new();
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
        for entry in entries {
            let recipe = entry?.path();
            let requests = recipe.join("requests.jsonl.gz");
            if requests.is_file() {
                let text = std::fs::read_to_string(recipe.join("config.yaml"))?;
                let imported = import(Source::VllmSr, &text)?;
                let set = compiled(&policy(&imported.policy)?)?;
                let file = File::open(&requests)
                    .with_context(|| format!("failed to open {}", requests.display()))?;
                for line in BufReader::new(GzDecoder::new(file)).lines() {
                    let probe: Value = serde_json::from_str(&line?)?;
                    times.extend(self.probe(&set, &probe["payload"])?);
                }
            }
        }
        anyhow::ensure!(!times.is_empty(), "{} has no recipe with requests.jsonl.gz", folder.display());
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        let (median, most) = PROBE_TIMES;
        for (name, us, incumbent) in [("median", at(50), median), ("nine of ten", at(90), most)] {
            let what = format!(
                "every signal of its recipe on each of {} probes of at most 150 KiB: {name}",
                times.len()
            );
            self.push(what, us, Some(incumbent));
        }
        Ok(())
    }

    /// The least time of one probe in microseconds; none where it is too large to count.
    fn probe(&self, set: &SignalSet, payload: &Value) -> Result<Option<f64>> {
        let mut body = payload.clone();
        let members = body.as_object_mut().context("a payload is an object")?;
        members.remove("options");
        if let Some(text) = members.remove("text").filter(|_| !members.contains_key("messages")) {
            members.insert("messages".into(), json!([{"role": "user", "content": text}]));
        }
        let model = members.entry("model").or_insert(json!("auto"));
        if model.as_str().is_none_or(str::is_empty) {
            *model = json!("auto");
        }
        let view = chat(&body)?;
        if view.body.len() > PROBE_MAX {
            return Ok(None);
        }
        let input = Input::new(&view);
        let mut least = u64::MAX;
        for _ in 0..PROBE_RUNS {
            let start = self.clock.tick();
            let mut reading = Reading::new(set, &input, &self.clock);
            black_box((0..set.len()).filter(|at| reading.read(*at).matched).count());
            least = least.min(self.clock.tick().since_ns(start));
        }
        Ok(Some(least as f64 / 1e3))
    }
}
