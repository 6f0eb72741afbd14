//! Every bound of reading files of others, by name.

/// Largest file, in bytes.
pub(crate) const MAX_BYTES: usize = 8 << 20;
/// Most values in a file, aliases unfolded.
pub(crate) const MAX_NODES: usize = 200_000;
/// Deepest nesting.
pub(crate) const MAX_DEPTH: usize = 64;
/// Longest path to a value, in bytes.
pub(crate) const MAX_PATH: usize = 160;
/// Most findings that are listed; the rest are counted.
pub(crate) const MAX_GAPS: usize = 5_000;
/// Most terms of a condition or sum that is written out.
pub(crate) const MAX_TERMS: usize = 20_000;
/// Longest text that a text signal looks for, in bytes.
pub(crate) const MAX_WORDS: usize = 256;
/// Longest regular expression, in bytes.
pub(crate) const MAX_REGEX: usize = 4096;
