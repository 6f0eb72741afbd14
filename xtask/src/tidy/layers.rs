//! Which crate may depend on which: the arrows of `ARCHITECTURE.md`, checked.

use super::Source;

/// Each crate with the crates of ours that it may use outside its tests.
const LAYERS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("wire", &["core"]),
    ("encode", &["core"]),
    ("signals", &["core", "wire", "encode"]),
    ("policy", &["core"]),
    ("select", &["core"]),
    ("fleet", &["core", "select"]),
    ("pay", &["core", "wire"]),
    ("evidence", &["core", "wire", "pay", "rerun"]),
    ("rail", &["net"]),
    ("evm", &["core", "pay", "rail"]),
    ("card", &["core", "net", "pay", "rail"]),
    ("produce", &["core", "wire", "pay"]),
    ("rerun", &[]),
    ("risk", &["core"]),
    ("risk-datafusion", &["risk"]),
    ("cache", &["core"]),
    ("store", &["core", "pay"]),
    ("console", &["core"]),
    ("net", &["core"]),
    ("sim", &["core", "wire"]),
    (
        "gateway",
        &[
            "core", "wire", "encode", "signals", "policy", "select", "fleet", "pay", "rail", "evm", "card",
            "produce", "risk", "cache", "store", "console", "net",
        ],
    ),
    (
        "tollgate",
        &[
            "core", "wire", "encode", "signals", "policy", "select", "fleet", "pay", "evidence", "rail",
            "evm", "card", "produce", "rerun", "risk", "store", "console", "net", "sim", "gateway",
        ],
    ),
];

/// Crates below the gateway that must know neither tokio nor sockets.
const PURE: &[&str] = &[
    "core", "wire", "encode", "signals", "policy", "select", "fleet", "pay", "evidence", "produce", "rerun",
    "risk", "cache", "store", "console",
];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(manifest).collect()
}

fn manifest(source: &Source) -> Vec<String> {
    let name = source.path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"));
    let Some(name) = name.filter(|n| !n.contains('/')) else { return Vec::new() };
    let Some((_, allowed)) = LAYERS.iter().find(|(n, _)| *n == name) else {
        return vec![format!(
            "{}: the crate is not in the table of layers in xtask/src/tidy/layers.rs",
            source.path
        )];
    };
    let mut findings = Vec::new();
    for key in dependencies(&source.text) {
        if let Some(ours) = key.strip_prefix("tollgate-").filter(|ours| !allowed.contains(ours)) {
            findings.push(format!("{}: {name} must not depend on {ours}", source.path));
        }
        if PURE.contains(&name) && ["tokio", "hyper", "rand"].contains(&key) {
            findings.push(format!("{}: {name} is below the gateway and must not use {key}", source.path));
        }
    }
    findings
}

/// Keys of `[dependencies]` (not those of tests).
fn dependencies(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut keys = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some(key) = line.split(['.', '=', ' ']).next().filter(|k| !k.is_empty()) {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_arrow_is_found() {
        let check_one = |name: &str, text: &str| {
            check(&[Source { path: format!("crates/{name}/Cargo.toml"), text: text.into() }]).len()
        };
        assert_eq!(check_one("wire", "[dependencies]\ntollgate-core.workspace = true\n"), 0);
        assert_eq!(check_one("wire", "[dependencies]\ntollgate-policy.workspace = true\n"), 1);
        assert_eq!(check_one("wire", "[dev-dependencies]\ntollgate-policy.workspace = true\n"), 0);
        assert_eq!(check_one("policy", "[dependencies]\ntokio = { workspace = true }\n"), 1);
        assert_eq!(check_one("novel", "[dependencies]\n"), 1);
    }
}
