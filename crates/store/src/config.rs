//! Where the data lies and how much of it there may be.

use std::path::PathBuf;

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file; SQLite keeps `-wal` and `-shm` beside it.
    File(PathBuf),
    /// In this process's memory, gone when the store is dropped.
    Memory,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Loss of power: every group of writes is followed by an fsync.
    Power,
    /// Death of the process, not of the machine: no fsync until a checkpoint.
    Process,
}

/// Bounds and timings of a [`crate::Store`]; every field is a limit that a test reaches.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Connections for readers; a further reader waits.
    pub readers: usize,
    /// Decision records and other unacknowledged rows that may wait; more are dropped and counted.
    pub queue_max: usize,
    /// Decision records of good answers written per second; beyond it they are left out evenly and counted. What went
    /// wrong is always recorded. One record costs some 30 µs of CPU, so this bounds what the log may cost.
    pub decisions_per_s: u32,
    /// Acknowledged writes that may wait; more are refused with [`crate::StoreError::Busy`].
    pub jobs_max: usize,
    /// How long records gather before a group is committed, in milliseconds. Acknowledged writes do not wait.
    pub group_ms: u64,
    /// How long a caller waits for its acknowledgement, in milliseconds.
    pub ack_ms: u64,
    /// Decisions kept; the oldest go first.
    pub decisions_max: u64,
    /// Age of the oldest decision and feedback kept, in seconds, applied by [`crate::Store::sweep`].
    pub decisions_age_s: u64,
    /// Largest JSON text kept per decision field, in bytes; a larger one is left out and counted.
    pub detail_bytes_max: usize,
    /// Virtual keys.
    pub keys_max: usize,
    /// Stored responses; the oldest go first.
    pub responses_max: usize,
    /// Bytes of all stored responses; the oldest go first.
    pub responses_bytes_max: u64,
    /// Bytes of one stored response.
    pub response_bytes_max: usize,
    /// Sessions remembered; the least recently used go first.
    pub sessions_max: usize,
    /// Feedback rows kept; the oldest go first.
    pub feedback_max: u64,
    /// Keys and tenants with budget counters at one time.
    pub budget_subjects_max: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Power,
            readers: 4,
            queue_max: 16_384,
            decisions_per_s: 1_000,
            jobs_max: 1024,
            group_ms: 50,
            ack_ms: 10_000,
            decisions_max: 1_000_000,
            decisions_age_s: 30 * 86_400,
            detail_bytes_max: 64 * 1024,
            keys_max: 100_000,
            responses_max: 100_000,
            responses_bytes_max: 1 << 30,
            response_bytes_max: 8 << 20,
            sessions_max: 100_000,
            feedback_max: 1_000_000,
            budget_subjects_max: 100_000,
        }
    }
}
