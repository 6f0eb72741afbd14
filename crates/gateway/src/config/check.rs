//! From the written file to settings: every reference followed, every problem collected.

use super::features;
use super::models::{self, Catalogue};
use super::pools;
use super::secret::{Secret, SecretError, SecretRef};
use super::settings::{AuthSettings, EncoderSettings, Network, Referred, Settings};
use super::settle;
use super::written::{AuthMode, File, Limits, Retry, Timeouts, Word};
use super::{Problem, WINDOWS};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the gateway listens unless told otherwise.
pub(super) const LISTEN: &str = "127.0.0.1:8080";
/// Most problems reported at once.
const PROBLEMS_MAX: usize = 50;
/// Most worker threads.
const WORKERS_MAX: usize = 256;

/// Collects problems while a file is checked.
pub(super) struct Findings {
    base: PathBuf,
    problems: Vec<Problem>,
    referred: Vec<Referred>,
    /// Secrets that are not here, where that is no problem.
    missing: Option<Vec<Problem>>,
}

impl Findings {
    /// Notes a problem at a word's place.
    pub(super) fn at(&mut self, word: &Word, field: &str, message: String, fix: &str) {
        self.note(word.referenced.line(), word.referenced.column(), field, message, fix);
    }

    /// Notes a problem without a place of its own.
    pub(super) fn whole(&mut self, field: &str, message: String, fix: &str) {
        self.note(0, 0, field, message, fix);
    }

    fn note(&mut self, line: u64, column: u64, field: &str, message: String, fix: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, column, field: field.into(), message, fix: fix.into() });
        }
    }

    /// A path, relative to the configuration file.
    pub(super) fn path(&self, word: &Word) -> PathBuf {
        self.base.join(&word.value)
    }

    /// Notes a file that is about to be read: what is written from now on is another.
    pub(super) fn refers(&mut self, path: &Path) {
        self.referred.push((path.to_owned(), last_written(path)));
    }

    /// A secret by reference.
    pub(super) fn secret(&mut self, word: Option<&Word>, field: &str) -> Option<Secret> {
        let word = word?;
        let reference = SecretRef::parse(&word.value);
        if let Ok(SecretRef::File(path)) = &reference {
            self.refers(path);
        }
        match reference.and_then(|reference| reference.resolve()) {
            Ok(secret) => Some(secret),
            Err(error @ (SecretError::NoVariable(_) | SecretError::NoFile { .. }))
                if self.missing.is_some() =>
            {
                let (line, column) = (word.referenced.line(), word.referenced.column());
                let (message, fix) = (error.to_string(), "the gateway needs it to start".to_owned());
                let missing = self.missing.get_or_insert_default();
                missing.push(Problem { line, column, field: field.to_owned(), message, fix });
                None
            }
            Err(error) => {
                self.at(word, field, error.to_string(), "");
                None
            }
        }
    }
}

/// When a file was last written; `None` where there is none.
pub(crate) fn last_written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// Checks a written file; with `lacking` a secret that is not here is put there and is no problem.
pub(super) fn check(
    file: &File,
    path: &Path,
    lacking: Option<&mut Vec<Problem>>,
) -> Result<Settings, Vec<Problem>> {
    let base = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let missing = lacking.is_some().then(Vec::new);
    let mut findings = Findings { base, problems: Vec::new(), referred: Vec::new(), missing };
    let settings = settings(file, &mut findings);
    if let Some(lacking) = lacking {
        lacking.extend(findings.missing.take().into_iter().flatten());
    }
    match settings {
        Some(settings) if findings.problems.is_empty() => {
            Ok(Settings { referred: findings.referred, ..settings })
        }
        _ => Err(findings.problems),
    }
}

fn settings(file: &File, findings: &mut Findings) -> Option<Settings> {
    let listen = listen(file, findings);
    check_limits(&file.limits, findings);
    check_deadlines(&file.timeouts, &file.retry, findings);
    if file.workers > WORKERS_MAX {
        findings.whole(
            "workers",
            format!("{} is too many", file.workers),
            "use at most 256, or 0 for one per core",
        );
    }
    if !["error", "warn", "info", "debug", "trace"].contains(&file.log.level.as_str()) {
        findings.whole(
            "log.level",
            format!("{:?} is not a level", file.log.level),
            "use error, warn, info, debug or trace",
        );
    }
    let mut catalogue = Catalogue::read(file, findings);
    let pools = pools::read(file, &catalogue, findings);
    models::price_writes(file, &mut catalogue.models, &pools);
    let budgets = pools::budgets(file, &catalogue, findings);
    let safety = features::safety::read(file, &catalogue, findings);
    let output = features::output::read(file, &catalogue, findings);
    let support = features::support::read(file, &catalogue, findings);
    let auth = auth(file, findings);
    let settled = settle::read(file, findings);
    let x402 = features::x402::read(file, findings);
    let sold = features::x402::sold(file, &catalogue.models, findings);
    Some(Settings {
        listen: listen?,
        workers: file.workers,
        database: database(file, findings),
        policy: file.policy.as_ref().map(|word| findings.path(word)),
        referred: Vec::new(),
        auth,
        models: catalogue.models,
        pools,
        budgets,
        limits: file.limits.clone(),
        timeouts: file.timeouts,
        retry: file.retry,
        log: file.log.clone(),
        receipts: receipts(file, findings),
        settle: settled.start,
        signers: settled.signers,
        evidence_policy: settled.evidence_policy,
        private_hosts: settled.private_hosts,
        receivers: settled.receivers,
        encoder: encoder(file, findings),
        risk: file.risk.as_ref().map(|word| findings.path(word)),
        cache: features::cache::read(file, findings),
        safety,
        output,
        support,
        x402,
        sold,
        sources: features::sources::read(file, findings),
        otlp: file.otlp.as_ref().and_then(|otlp| {
            models::base_url(&otlp.endpoint, "otlp.endpoint", findings).map(|_| otlp.endpoint.value.clone())
        }),
    })
}

fn listen(file: &File, findings: &mut Findings) -> Option<SocketAddr> {
    let Some(word) = &file.listen else { return LISTEN.parse().ok() };
    let address = word.value.parse().ok();
    if address.is_none() {
        let message = format!("{:?} is not an address", word.value);
        findings.at(word, "listen", message, "write host:port, such as 127.0.0.1:8080 or [::1]:8080");
    }
    address
}

/// Threads of the encoder and requests that wait for it, at most.
const ENCODER_MAX: (usize, usize) = (64, 4096);

fn encoder(file: &File, findings: &mut Findings) -> Option<EncoderSettings> {
    let encoder = file.encoder.as_ref()?;
    let folder = findings.path(&encoder.folder);
    let (threads, queue) = (encoder.threads.unwrap_or(1), encoder.queue.unwrap_or(64));
    let ranges = [("threads", threads, ENCODER_MAX.0), ("queue", queue, ENCODER_MAX.1)];
    for (field, value, most) in ranges {
        if !(1..=most).contains(&value) {
            let (field, fix) = (format!("encoder.{field}"), format!("use 1 to {most}"));
            findings.whole(&field, format!("{value} is out of range"), &fix);
        }
    }
    let named = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let model = encoder.model.as_ref().map(|word| word.value.clone()).or(named);
    let model = model.filter(|name| !name.is_empty());
    if model.is_none() {
        findings.at(&encoder.folder, "encoder.folder", "names no folder".into(), "set `encoder.model` too");
    }
    let deadline_ms = encoder.deadline_ms.unwrap_or(5_000);
    let signals_ms = encoder.signals_ms.unwrap_or(200);
    let exact = encoder.exact;
    Some(EncoderSettings { folder, model: model?, exact, threads, queue, deadline_ms, signals_ms })
}

fn database(file: &File, findings: &Findings) -> Option<PathBuf> {
    match &file.data {
        Some(word) if word.value == "memory" => None,
        Some(word) => Some(findings.path(word).join("tollgate.db")),
        None => Some(findings.base.join("tollgate-data").join("tollgate.db")),
    }
}

/// Whether a text is an origin as browsers write it (RFC 6454, section 6.2).
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_:[]".contains(c);
        !host.is_empty() && host.chars().all(plain)
    })
}

fn auth(file: &File, findings: &mut Findings) -> AuthSettings {
    let mut trusted_hops = Vec::new();
    for (i, word) in file.auth.trusted_hops.iter().enumerate() {
        match Network::parse(&word.value) {
            Some(network) => trusted_hops.push(network),
            None => {
                let message = format!("{:?} is not an address block", word.value);
                findings.at(
                    word,
                    &format!("auth.trusted_hops[{i}]"),
                    message,
                    "write an address or address/bits",
                );
            }
        }
    }
    let mut origins = Vec::new();
    for (i, word) in file.auth.origins.iter().enumerate() {
        if is_origin(&word.value) {
            origins.push(word.value.clone());
        } else {
            let message = format!("{:?} is not an origin", word.value);
            let fix = "write it as browsers do: `https://host` or `http://host:port`, in small letters, without a path";
            findings.at(word, &format!("auth.origins[{i}]"), message, fix);
        }
    }
    let admin = findings.secret(file.auth.admin.as_ref(), "auth.admin");
    AuthSettings { mode: file.auth.mode, admin, trusted_hops, origins }
}

fn check_limits(limits: &Limits, findings: &mut Findings) {
    // A body of the size that is allowed must find room.
    let room = limits.body_bytes.min(1 << 30);
    let rows: [(&str, usize, usize, usize); 7] = [
        ("limits.body_bytes", limits.body_bytes, 1 << 10, 1 << 30),
        ("limits.bodies_bytes", limits.bodies_bytes, room, 1 << 40),
        ("limits.header_bytes", limits.header_bytes, 8 << 10, 1 << 20),
        ("limits.headers", limits.headers, 10, 1000),
        ("limits.connections", limits.connections, 1, 1 << 20),
        ("limits.in_flight", limits.in_flight, 1, 1 << 20),
        ("limits.json_depth", limits.json_depth, 8, 128),
    ];
    for (field, value, least, most) in rows {
        if !(least..=most).contains(&value) {
            findings.whole(field, format!("{value} is out of range"), &format!("use {least} to {most}"));
        }
    }
}

fn check_deadlines(timeouts: &Timeouts, retry: &Retry, findings: &mut Findings) {
    let rows = [
        ("timeouts.connect_ms", timeouts.connect_ms),
        ("timeouts.first_content_ms", timeouts.first_content_ms),
        ("timeouts.idle_ms", timeouts.idle_ms),
        ("timeouts.total_ms", timeouts.total_ms),
        ("timeouts.probe_ms", timeouts.probe_ms),
    ];
    for (field, value) in rows {
        if !(1..=86_400_000).contains(&value) {
            findings.whole(field, format!("{value} is out of range"), "use 1 ms to one day");
        }
    }
    if !(1..=10).contains(&retry.attempts) {
        findings.whole("retry.attempts", format!("{} is out of range", retry.attempts), "use 1 to 10");
    }
    if retry.budget_percent > 100 {
        findings.whole(
            "retry.budget_percent",
            format!("{} is out of range", retry.budget_percent),
            "use 0 to 100",
        );
    }
}

/// Whether `window` is one that budgets know.
pub(super) fn is_window(window: &str) -> bool {
    WINDOWS.contains(&window)
}

/// Why these settings must not be served at their address, unless forced: a public bind needs keys.
#[must_use]
pub fn public_without_keys(settings: &Settings) -> Option<String> {
    let public = !settings.listen.ip().to_canonical().is_loopback();
    (public && settings.auth.mode == AuthMode::Open).then(|| {
        format!(
            "listening on {} without keys would let anyone who reaches it spend your money; set `auth: {{mode: keys}}`, \
             listen on a loopback address, or pass --force-open",
            settings.listen
        )
    })
}

/// The key of receipts, by reference.
fn receipts(file: &File, findings: &mut Findings) -> Option<tollgate_produce::Key> {
    const FIELD: &str = "receipts.key";
    let word = &file.receipts.as_ref()?.key;
    let secret = findings.secret(Some(word), FIELD)?;
    let key = tollgate_produce::Key::from_text(secret.expose());
    if let Err(error) = &key {
        findings.at(word, FIELD, error.to_string(), "make one with `tollgate pay task keygen provider`");
    }
    key.ok()
}
