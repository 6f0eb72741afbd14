//! Counters and histograms, printed in the Prometheus text format under vLLM's names.

use crate::engine::{Load, Totals};
use crate::text::Finish;
use std::fmt::Write;

/// Upper bounds of the time buckets in seconds.
const BOUNDS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 40.0, 160.0];

/// A histogram of seconds with fixed buckets.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    pub(in crate::server) fn observe(&mut self, seconds: f64) {
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += seconds;
    }

    fn print(&self, out: &mut String, name: &str, help: &str, labels: &str) {
        let _ = writeln!(out, "# HELP vllm:{name} {help}\n# TYPE vllm:{name} histogram");
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            let _ = writeln!(out, "vllm:{name}_bucket{{{labels},le=\"{bound}\"}} {bucket}");
        }
        let _ = writeln!(out, "vllm:{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "vllm:{name}_sum{{{labels}}} {}", self.sum);
        let _ = writeln!(out, "vllm:{name}_count{{{labels}}} {}", self.count);
    }
}

/// Everything that `/metrics` shows.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Stats {
    pub(in crate::server) load: Load,
    pub(in crate::server) totals: Totals,
    pub(in crate::server) ttft: Histogram,
    pub(in crate::server) tpot: Histogram,
    pub(in crate::server) e2e: Histogram,
    pub(in crate::server) queue: Histogram,
    /// Answers completed: stop, length, tool calls.
    finished: [u64; 3],
}

impl Stats {
    /// Counts an answer that was sent to its end.
    pub(in crate::server) fn finish(&mut self, finish: Finish) {
        let [stop, length, calls] = &mut self.finished;
        *match finish {
            Finish::Stop => stop,
            Finish::Length => length,
            Finish::ToolCalls => calls,
        } += 1;
    }

    /// The exposition for one model name.
    pub(in crate::server) fn print(&self, model: &str) -> String {
        let labels = format!("engine=\"0\",model_name=\"{}\"", model.replace(['\\', '"', '\n'], "_"));
        let mut out = String::with_capacity(8192);
        let used = f64::from(self.load.blocks_held) / f64::from(self.load.blocks.max(1));
        let gauges = [
            ("num_requests_running", "Requests in the running batch.", f64::from(self.load.running)),
            ("num_requests_waiting", "Requests in the queue.", f64::from(self.load.waiting)),
            ("kv_cache_usage_perc", "Share of KV blocks in use, 0 to 1.", used),
        ];
        for (name, help, value) in gauges {
            let _ = writeln!(out, "# HELP vllm:{name} {help}\n# TYPE vllm:{name} gauge");
            let _ = writeln!(out, "vllm:{name}{{{labels}}} {value}");
        }
        let totals = self.totals;
        let counters = [
            ("prefix_cache_queries_total", "Prompt tokens looked up.", totals.prompt_tokens),
            ("prefix_cache_hits_total", "Prompt tokens found in the cache.", totals.cached_tokens),
            ("num_preemptions_total", "Preemptions.", totals.preemptions),
            ("prompt_tokens_total", "Prompt tokens.", totals.prompt_tokens),
            ("generation_tokens_total", "Tokens produced.", totals.output_tokens),
        ];
        for (name, help, value) in counters {
            let _ = writeln!(out, "# HELP vllm:{name} {help}\n# TYPE vllm:{name} counter");
            let _ = writeln!(out, "vllm:{name}{{{labels}}} {value}");
        }
        let name = "request_success_total";
        let _ = writeln!(out, "# HELP vllm:{name} Answers sent whole.\n# TYPE vllm:{name} counter");
        for (reason, value) in ["stop", "length", "tool_calls"].iter().zip(self.finished) {
            let _ = writeln!(out, "vllm:{name}{{{labels},finished_reason=\"{reason}\"}} {value}");
        }
        self.ttft.print(&mut out, "time_to_first_token_seconds", "Time to first token.", &labels);
        self.tpot.print(&mut out, "time_per_output_token_seconds", "Time between tokens.", &labels);
        self.e2e.print(&mut out, "e2e_request_latency_seconds", "Arrival to last token.", &labels);
        self.queue.print(&mut out, "request_queue_time_seconds", "Arrival to admission.", &labels);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let mut stats = Stats::default();
        for seconds in [0.0005, 0.03, 0.03, 500.0] {
            stats.ttft.observe(seconds);
        }
        stats.finish(Finish::Length);
        let text = stats.print("m\"1");
        for line in [
            "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m_1\",le=\"0.001\"} 1",
            "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m_1\",le=\"0.04\"} 3",
            "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m_1\",le=\"+Inf\"} 4",
            "vllm:request_success_total{engine=\"0\",model_name=\"m_1\",finished_reason=\"length\"} 1",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
