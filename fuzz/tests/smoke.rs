//! Every target over its seeds, its regressions, and random changes of them: the same on every machine.
//!
//! `FUZZ_ROUNDS` changes per seed (16 by default) and `FUZZ_SEED` the seed of the changes. A failure writes the bytes to
//! `regressions/TARGET/`, where they stay as a case.

mod changes;

use changes::{Dice, changed};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tollgate_core::Seed;
use tollgate_fuzz::{TARGETS, Target};

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire/corpus");
    let mut seeds: Vec<Vec<u8>> =
        tollgate_fuzz::seeds(target.seeds).map(|text| text.as_bytes().to_vec()).collect();
    for (at, dialect) in ["openai_chat", "openai_responses", "anthropic", "gemini"].into_iter().enumerate() {
        for path in files(&corpus.join(dialect).join(target.seeds)) {
            let mut seed = vec![at as u8; target.choices];
            seed.extend(fs::read(path).unwrap());
            seeds.push(seed);
        }
    }
    // Seeds that are no text have a folder of their own; their first bytes make the choices.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.seeds);
    seeds.extend(files(&folder).into_iter().map(|path| fs::read(path).unwrap()));
    assert!(!seeds.is_empty(), "{} has seeds", target.name);
    seeds
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn regressions(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(target.name)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Runs one input and says whether it got past the reader; keeps it when the target fails.
fn run(target: &Target, data: &[u8]) -> Option<bool> {
    let done = catch_unwind(AssertUnwindSafe(|| (target.run)(data))).ok();
    if done.is_none() {
        let folder = regressions(target);
        fs::create_dir_all(&folder).unwrap();
        let name = tollgate_core::Digest::of(data).to_string();
        let path = folder.join(&name[..16]);
        fs::write(&path, data).unwrap();
        eprintln!("{} fails on {}", target.name, path.display());
    }
    done
}

fn all(name: &str) {
    let target = TARGETS.iter().find(|t| t.name == name).unwrap();
    let seeds = seeds(target);
    let known = files(&regressions(target)).into_iter().map(|path| fs::read(path).unwrap());
    let mut failed = known.chain(seeds.iter().cloned()).filter(|data| run(target, data).is_none()).count();
    let (mut ran, mut passed) = (0, 0);
    let mut dice = Dice(Seed(number("FUZZ_SEED", 1)).derive(name));
    for _ in 0..number("FUZZ_ROUNDS", 16) {
        for seed in &seeds {
            let other = &seeds[dice.below(seeds.len())];
            let outcome = run(target, &changed(seed, other, target.choices, &mut dice));
            failed += usize::from(outcome.is_none());
            passed += usize::from(outcome == Some(true));
            ran += 1;
        }
        if failed > 5 {
            break;
        }
    }
    println!("{name}: {passed} of {ran} changed inputs got past the reader");
    assert!(passed * 20 >= ran, "{name}: only {passed} of {ran} inputs reach what is to be tested");
    assert_eq!(failed, 0, "{name}: the inputs lie in {}", regressions(target).display());
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { all(stringify!($name)); })*

        #[test]
        fn every_target_has_its_test() {
            let tested = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|t| t.name).eq(tested));
        }
    };
}

targets! {
    json peek translate_request translate_response translate_stream sse meter classify policy_compile policy_analyse
    policy_import head config
    signed_json mandate receipt entry
    record did card
    statement x402 card_event
    csv parquet tensors folded_block
    message_signature
    fleet_trace fleet_clients fleet_lengths fleet_model_config fleet_catalogue
    evidence predicate
}
