//! Lines per file, files per module.

use super::Source;
use std::collections::{BTreeMap, BTreeSet};

/// Most lines of a Rust file.
const FILE_LINES_MAX: usize = 400;
/// Most Rust files in a module's folder.
const MODULE_FILES_MAX: usize = 12;

pub(super) fn check(sources: &[Source], exceptions: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut allowed = parse(exceptions, &mut findings);
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        let lines = source.text.lines().count();
        over(&source.path, lines, FILE_LINES_MAX, "lines", &mut allowed, &mut findings);
        let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder).or_default() += 1;
    }
    for (folder, files) in folders {
        over(folder, files, MODULE_FILES_MAX, "files", &mut allowed, &mut findings);
    }
    for path in allowed.keys() {
        findings.push(format!("xtask/exceptions.txt: {path} needs no exception; remove its line"));
    }
    findings
}

fn over(
    path: &str,
    size: usize,
    budget: usize,
    unit: &str,
    allowed: &mut BTreeMap<String, usize>,
    findings: &mut Vec<String>,
) {
    if size <= budget {
        return;
    }
    match allowed.remove(path) {
        Some(most) if size > most => {
            findings.push(format!("{path}: {size} {unit}, its exception allows {most}; split it"));
        }
        Some(most) if size + 20 < most => {
            findings.push(format!("{path}: {size} {unit}; lower its exception from {most} to {size}"));
        }
        Some(_) => {}
        None => findings.push(format!("{path}: {size} {unit}, the budget is {budget}; split it")),
    }
}

/// Lines of `PATH SIZE REASON…`; `#` starts a comment.
fn parse(text: &str, findings: &mut Vec<String>) -> BTreeMap<String, usize> {
    let mut allowed = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next().and_then(|w| w.parse().ok()), words.next()) {
            (Some(path), Some(size), Some(_)) if seen.insert(path.to_owned()) => {
                allowed.insert(path.into(), size);
            }
            _ => findings
                .push(format!("xtask/exceptions.txt: {line:?} is not `PATH SIZE REASON`, or is there twice")),
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, lines: usize) -> Source {
        Source { path: path.into(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn an_oversized_file_is_found_and_an_exception_only_shrinks() {
        let big = [source("crates/a/src/b.rs", 450)];
        assert_eq!(check(&big, "").len(), 1);
        assert!(check(&big, "crates/a/src/b.rs 450 a table").is_empty());
        assert_eq!(check(&big, "crates/a/src/b.rs 440 a table").len(), 1, "it grew");
        assert_eq!(check(&big, "crates/a/src/b.rs 600 a table").len(), 1, "looser than needed");
        assert_eq!(
            check(&[source("crates/a/src/b.rs", 9)], "crates/a/src/b.rs 450 a table").len(),
            1,
            "not needed"
        );
        assert_eq!(check(&[], "crates/a/src/b.rs 450").len(), 1, "no reason");
    }

    #[test]
    fn a_crowded_module_is_found() {
        let files: Vec<_> = (0..13).map(|i| source(&format!("crates/a/src/m/f{i}.rs"), 1)).collect();
        assert_eq!(check(&files, "").len(), 1);
    }
}
