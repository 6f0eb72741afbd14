//! Bounds, deadlines, retries and the log.

use serde::Deserialize;

/// Bounds on what comes in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body_bytes: usize,
    /// Most bytes of all request bodies that are in memory at once, over all workers; a body beyond it is refused with 503.
    pub bodies_bytes: usize,
    /// Largest header block, in bytes.
    pub header_bytes: usize,
    /// Most headers.
    pub headers: usize,
    /// Most connections at once, over all workers.
    pub connections: usize,
    /// Most requests in flight at once, over all workers.
    pub in_flight: usize,
    /// Deepest nesting of a JSON body.
    pub json_depth: usize,
    /// Longest time for a request's head.
    pub header_ms: u64,
    /// Longest time for a request's body.
    pub body_ms: u64,
    /// Longest idle time of a kept-alive connection.
    pub idle_ms: u64,
    /// Largest answer that is translated or stored, in bytes.
    pub answer_bytes: usize,
    /// Longest wait for running streams at shutdown.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            bodies_bytes: 512 << 20,
            header_bytes: 32 << 10,
            headers: 100,
            connections: 20_000,
            in_flight: 10_000,
            json_depth: 128,
            header_ms: 10_000,
            body_ms: 60_000,
            idle_ms: 75_000,
            answer_bytes: 64 << 20,
            drain_ms: 30_000,
        }
    }
}

/// Deadlines towards upstreams.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect_ms: u64,
    /// From dispatch to the first content of a stream, without the connecting; a whole answer has `total_ms`.
    pub first_content_ms: u64,
    /// Between two pieces of a stream.
    pub idle_ms: u64,
    /// From the first dispatch to the end.
    pub total_ms: u64,
    /// Between two probes of an instance that is out.
    pub probe_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 3_000,
            first_content_ms: 60_000,
            idle_ms: 60_000,
            total_ms: 600_000,
            probe_ms: 2_000,
        }
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Most attempts for one request, the first included.
    pub attempts: u32,
    /// Retries allowed per hundred requests.
    pub budget_percent: u32,
    /// Retries allowed each second in any case.
    pub floor_per_second: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, budget_percent: 20, floor_per_second: 2 }
    }
}

/// What is written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Lines as JSON.
    pub json: bool,
    /// Whether pieces of prompts, and errors that quote them, may stand in decisions and logs. Off by default.
    pub content: bool,
    /// Decisions kept.
    pub decisions: u64,
    /// Decisions for good answers written per second; of more, an even sample is kept. Of failures as many are written of each caller as leave room for those of others.
    pub decisions_per_second: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            json: false,
            content: false,
            decisions: 100_000,
            decisions_per_second: 1_000,
        }
    }
}
