//! The cache of answers: what was written, checked.

use crate::config::check::Findings;
use crate::config::written::{CacheShare, File};
use tollgate_cache::{Bounds, Category, Rules};

/// Least cosine that may be asked for: below it sentence vectors say little.
const SIMILAR_MIN: f64 = 0.8;
/// Longest time that an answer is kept: a month.
const TTL_MAX_S: u64 = 31 * 86_400;

/// The cache of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheSettings {
    /// How much is kept; as of the start.
    pub bounds: Bounds,
    /// How long, and how close is close.
    pub rules: Rules,
    /// Who may get an answer that another one asked for.
    pub share: CacheShare,
    /// How long a request waits for an equal one.
    pub wait_ms: u64,
    /// Whether a restart keeps the answers; as of the start.
    pub persist: bool,
}

impl CacheSettings {
    /// What a reload cannot change, as a reader of warnings needs it.
    #[must_use]
    pub fn started(&self) -> String {
        let Bounds { entries, bytes, answer_bytes } = self.bounds;
        let persist = self.persist;
        format!("{{entries: {entries}, bytes: {bytes}, answer_bytes: {answer_bytes}, persist: {persist}}}")
    }
}

pub(in crate::config) fn read(file: &File, findings: &mut Findings) -> Option<CacheSettings> {
    let cache = file.cache.as_ref()?;
    let sizes = [
        ("entries", cache.entries, 1, 10_000_000),
        ("bytes", cache.bytes, 1 << 20, 1 << 40),
        ("answer_bytes", cache.answer_bytes, 1 << 10, 16 << 20),
    ];
    for (field, value, least, most) in sizes {
        if !(least..=most).contains(&value) {
            let (message, fix) = (format!("{value} is out of range"), format!("use {least} to {most}"));
            findings.whole(&format!("cache.{field}"), message, &fix);
        }
    }
    ttl(cache.ttl_s, 1, "cache.ttl_s", findings);
    if cache.wait_ms > 600_000 {
        findings.whole("cache.wait_ms", format!("{} is out of range", cache.wait_ms), "use 0 to 600000");
    }
    if cache.similar.is_some() && file.encoder.is_none() {
        let message = "questions are compared by vectors, and there is no encoder".to_owned();
        findings.whole("cache.similar", message, "configure `encoder`, or leave `cache.similar` out");
    }
    similar(cache.similar, 1.0, "cache.similar", findings);
    let known: Vec<&str> = tollgate_signals::content::subject_words().map(|(label, _)| label).collect();
    let mut categories = Vec::new();
    for (at, category) in cache.categories.iter().enumerate() {
        let (name, place) = (&category.domain.value, format!("cache.categories[{at}]"));
        if !known.contains(&name.as_str()) {
            let (field, fix) = (format!("{place}.domain"), format!("use one of {}", known.join(", ")));
            findings.at(&category.domain, &field, format!("{name:?} is no subject"), &fix);
        }
        if let Some(ttl_s) = category.ttl_s {
            ttl(ttl_s, 0, &format!("{place}.ttl_s"), findings);
        }
        similar(category.similar, 2.0, &format!("{place}.similar"), findings);
        let threshold = category.similar.map(|least| least as f32);
        categories.push((name.clone(), Category { ttl_s: category.ttl_s, threshold }));
    }
    let threshold = cache.similar.map(|least| least as f32);
    let (entries, bytes, answer_bytes) = (cache.entries, cache.bytes, cache.answer_bytes);
    Some(CacheSettings {
        bounds: Bounds { entries, bytes, answer_bytes },
        rules: Rules { ttl_s: cache.ttl_s, threshold, categories },
        share: cache.share,
        wait_ms: cache.wait_ms,
        persist: cache.persist,
    })
}

fn ttl(seconds: u64, least: u64, field: &str, findings: &mut Findings) {
    if !(least..=TTL_MAX_S).contains(&seconds) {
        let fix = format!("use {least} to {TTL_MAX_S} seconds");
        findings.whole(field, format!("{seconds} is out of range"), &fix);
    }
}

fn similar(least: Option<f64>, most: f64, field: &str, findings: &mut Findings) {
    if let Some(least) = least.filter(|least| !(SIMILAR_MIN..=most).contains(least)) {
        findings.whole(field, format!("{least} is out of range"), &format!("use {SIMILAR_MIN} to {most}"));
    }
}
