//! Every bound of the language, by name.
//!
//! A policy is written by people, but it also arrives over the admin interface, so each size that the compiler or
//! the evaluator walks has a bound here and a test that reaches it.

/// Largest policy text, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of parentheses, `not` and unary minus.
pub const MAX_DEPTH: usize = 64;
/// Most routes in one policy.
pub const MAX_ROUTES: usize = 4096;
/// Most declared signals, and most declared scores, bands and groups.
pub const MAX_SIGNALS: usize = 8192;
/// Most leaves (signal tests) in one `when` expression.
pub const MAX_LEAVES: usize = 2048;
/// Most texts in one list.
pub const MAX_LIST: usize = 4096;
/// Most candidate models of one route.
pub const MAX_MODELS: usize = 32;
/// Most members of one exclusive group.
pub const MAX_MEMBERS: usize = 64;
/// Longest label and longest note, in bytes.
pub const MAX_LABEL: usize = 512;
/// Most notes of one route.
pub const MAX_NOTES: usize = 32;
/// Most test cases in one policy.
pub const MAX_TESTS: usize = 4096;
/// Most signals that rules on answers ask.
pub const MAX_OUTPUTS: usize = 64;
/// Most roles, classes of data and rules in one policy.
pub const MAX_GUARDS: usize = 256;
/// Most steps in the path of an argument.
pub const MAX_PATH: usize = 16;
/// Most statements about tools in one guard that are compared with each other.
pub const MAX_COMPARED: usize = 512;
/// Most combinations of a model and a kind of place against which governance is checked.
pub const MAX_CELLS: usize = 16_384;
/// Words of 64 cells that checking governance against a fleet may look at, a tenth of a second or so.
pub const MAX_GOVERNANCE_WORDS: u64 = 1 << 27;
/// Most sets of guards without a place of which it is asked whether a request is ever bound by all.
pub const MAX_CORES: usize = 2_048;
/// Most diagnostics that are kept; the rest are only counted.
pub const MAX_DIAGNOSTICS: usize = 64;
/// Longest chain of scores, bands and groups that refer to each other.
pub const MAX_DERIVED_HEIGHT: u32 = 16;
/// Most terms that one score, band or group may expand to.
pub const MAX_DERIVED_TERMS: u32 = 16_384;
/// Largest number that may be written, and largest magnitude of a weight.
pub const MAX_NUMBER: f64 = 1e12;
/// Most routes that a trace reports on.
pub const MAX_TRACE_ROUTES: usize = 256;
/// Steps of search and evaluation that all questions of one analysis may take together. A step is about a microsecond; the
/// one that is being taken when they are gone is finished.
pub const MAX_ANALYSIS_STEPS: u64 = 2_100_000;
