//! One libFuzzer program for all targets; the environment variable `TOLLGATE_FUZZ` names the target.
//!
//! `TOLLGATE_FUZZ=peek cargo +nightly fuzz run --features libfuzzer fuzz`
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tollgate_fuzz::{TARGETS, Target};

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TOLLGATE_FUZZ").unwrap_or_else(|_| "peek".into());
    let names: Vec<_> = TARGETS.iter().map(|t| t.name).collect();
    TARGETS
        .iter()
        .find(|t| t.name == name)
        .unwrap_or_else(|| panic!("no target {name:?}; there are {names:?}"))
});

fuzz_target!(|data: &[u8]| {
    (CHOSEN.run)(data);
});
