//! Settlement: its folder, whose signatures count on requests, and who is told what happens.

use super::check::Findings;
use super::written::{self, File, Word};
use crate::api::routes::Right;
use crate::rails::NAMES;
use crate::webhooks::HookKey;
use std::net::IpAddr;
use std::path::PathBuf;
use tollgate_pay::escrow::Phase;
use tollgate_pay::registry::PublicKey;
use tollgate_store::journal::audit::Source;
use tollgate_store::settlement::{Bounds, HookConfig, SettlementConfig};

/// Most receivers, and most keys that may sign.
const LIST_MAX: usize = 64;
/// Largest bound of what is kept in memory.
const BOUND_MAX: usize = 1_000_000_000;
/// Most tries of one event, and the longest first wait.
const ATTEMPTS_MAX: u64 = 100;
const FIRST_WAIT_MAX_MS: u64 = 3_600_000;

/// Whose signatures count on requests.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    /// Keys with the roles of their owners.
    pub keys: Vec<Signer>,
    /// Role of every registered agent.
    pub agents: Option<String>,
    /// Whom a request must be signed for.
    pub authorities: Vec<String>,
}

impl Signers {
    /// Whether this is one of the server's own names. A request that was signed for another server is not meant here, whoever
    /// sends it on.
    #[must_use]
    pub fn is_own(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let bare =
            authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443")).unwrap_or(&authority);
        self.authorities.iter().any(|own| match own.strip_suffix(":*") {
            Some(host) => host_of(bare) == host,
            None => own == bare,
        })
    }
}

/// An authority without its port.
fn host_of(authority: &str) -> &str {
    let port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    authority.rsplit_once(':').filter(port).map_or(authority, |(host, _)| host)
}

/// A key that may sign requests.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key.
    pub key: PublicKey,
    /// Its thumbprint (RFC 7638), by which a request may name it.
    pub thumbprint: String,
    /// Roles of its owner.
    pub roles: Vec<String>,
}

/// Where a receiver is, and what signs for it.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// Where events are posted to.
    pub url: String,
    /// What signs them.
    pub key: HookKey,
}

/// What the configuration says of settlement, all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    pub(super) start: Option<SettlementConfig>,
    pub(super) signers: Signers,
    pub(super) receivers: Vec<Receiver>,
    pub(super) evidence_policy: Option<PathBuf>,
    pub(super) private_hosts: bool,
}

pub(super) fn read(file: &File, findings: &mut Findings) -> Settled {
    let Some(settle) = &file.settle else { return Settled::default() };
    let signers = signers(settle, findings);
    let (mut hooks, mut receivers) = (Vec::new(), Vec::new());
    for (i, written) in settle.webhooks.iter().enumerate() {
        let field = format!("settle.webhooks[{i}]");
        if i >= LIST_MAX || hooks.iter().any(|hook: &HookConfig| hook.name == written.name.value) {
            let fix = "name each receiver once, and at most 64";
            findings.at(&written.name, &field, format!("{:?} is one too many", written.name.value), fix);
            continue;
        }
        hooks.extend(hook(written, &field, findings));
        receivers.extend(receiver(written, &field, findings));
    }
    let named = settle.clearing.as_ref().map_or(SettlementConfig::CLEARING, |word| word.value.as_str());
    let clearing = named.parse().ok();
    if let (None, Some(word)) = (&clearing, &settle.clearing) {
        let message = format!("{named:?} is not an account");
        findings.at(word, "settle.clearing", message, "write acct_ and a name");
    }
    let ledger = ledger(settle, findings);
    let (bounds, rails) = (bounds(settle, findings), rails(settle, findings));
    let data = findings.path(&settle.data);
    let start = clearing.map(|clearing| SettlementConfig {
        clearing,
        ledger,
        hooks,
        bounds,
        rails,
        ..SettlementConfig::new(data)
    });
    let evidence_policy = settle.evidence_policy.as_ref().map(|word| findings.path(word));
    Settled { start, signers, receivers, evidence_policy, private_hosts: settle.private_hosts }
}

/// The rails beside our own ledger.
fn rails(settle: &written::Settle, findings: &mut Findings) -> Vec<String> {
    let mut rails: Vec<String> = Vec::new();
    for word in &settle.rails {
        if NAMES.contains(&word.value.as_str()) && !rails.contains(&word.value) {
            rails.push(word.value.clone());
        } else {
            let message = format!("{:?} is no rail, or named twice", word.value);
            findings.at(word, "settle.rails", message, &format!("use {}, each once", NAMES.join(" and ")));
        }
    }
    rails
}

/// What the settlement may grow to.
fn bounds(settle: &written::Settle, findings: &mut Findings) -> Bounds {
    let mut bounds = Bounds::default();
    let (ledger, caller) = (&mut bounds.ledger, &mut bounds.caller);
    let mut writes = usize::try_from(caller.writes).unwrap_or(BOUND_MAX);
    for (name, written, bound) in [
        ("escrows_max", settle.escrows_max, &mut bounds.escrows),
        ("agents_max", settle.agents_max, &mut bounds.agents),
        ("accounts_max", settle.accounts_max, &mut ledger.accounts_max),
        ("holds_max", settle.holds_max, &mut ledger.holds_max),
        ("keys_max", settle.keys_max, &mut ledger.keys_max),
        ("names_max", settle.names_max, &mut ledger.marks_max),
        ("caller_escrows_max", settle.caller_escrows_max, &mut caller.escrows),
        ("caller_agents_max", settle.caller_agents_max, &mut caller.agents),
        ("caller_writes_max", settle.caller_writes_max, &mut writes),
    ] {
        match written.map(|most| usize::try_from(most).ok().filter(|most| (1..=BOUND_MAX).contains(most))) {
            None => {}
            Some(Some(most)) => *bound = most,
            Some(None) => {
                let fix = format!("use 1 to {BOUND_MAX}");
                findings.at(&settle.data, &format!("settle.{name}"), "it is out of range".into(), &fix);
            }
        }
    }
    bounds.caller.writes = writes as u64;
    bounds
}

/// The database of the ledger. Its URL may have a password, so it is given by reference.
fn ledger(settle: &written::Settle, findings: &mut Findings) -> Option<Source> {
    const FIELD: &str = "settle.ledger";
    let word = settle.ledger.as_ref()?;
    let url = findings.secret(Some(word), FIELD)?;
    let source = Source::from(url.expose());
    if matches!(source, Source::Folder(_)) {
        findings.at(
            word,
            FIELD,
            "it refers to no database".into(),
            "let it refer to a URL that begins with postgres:",
        );
    }
    Some(source)
}

fn role(word: &Word, field: &str, findings: &mut Findings) -> Option<String> {
    let known = Right::ALL.map(Right::role);
    if known.contains(&word.value.as_str()) {
        return Some(word.value.clone());
    }
    findings.at(
        word,
        field,
        format!("{:?} is no role of settlement", word.value),
        &format!("use {}", known.join(", ")),
    );
    None
}

fn signers(settle: &written::Settle, findings: &mut Findings) -> Signers {
    let agents = settle.agents.as_ref().and_then(|word| role(word, "settle.agents", findings));
    let mut keys: Vec<Signer> = Vec::new();
    for (i, written) in settle.signers.iter().enumerate() {
        let field = format!("settle.signers[{i}]");
        let key = PublicKey::from_did(&written.key.value).ok();
        let fresh = key.as_ref().filter(|key| i < LIST_MAX && !keys.iter().any(|known| known.key == **key));
        let Some(key) = fresh.cloned() else {
            let message = format!("{:?} is no key, or one too many", written.key.value);
            let fix = "write did:key:… of an Ed25519 or P-256 key, each once, and at most 64";
            findings.at(&written.key, &field, message, fix);
            continue;
        };
        let roles =
            written.roles.iter().filter_map(|word| role(word, &format!("{field}.roles"), findings)).collect();
        keys.push(Signer { thumbprint: key.thumbprint(), key, roles });
    }
    let authorities: Vec<String> = settle.authorities.iter().filter_map(|word| own(word, findings)).collect();
    let may_sign = settle.agents.as_ref().or_else(|| settle.signers.first().map(|signer| &signer.key));
    if let (Some(word), true) = (may_sign, settle.authorities.is_empty()) {
        let message = "requests may be signed, and nothing says for whom: one that was signed for another server would count here";
        let fix =
            "list the names by which clients reach this server, such as pay.example.com or 127.0.0.1:8080";
        findings.at(word, "settle.authorities", message.into(), fix);
    }
    Signers { keys, agents, authorities }
}

/// One of the server's own names.
fn own(word: &Word, findings: &mut Findings) -> Option<String> {
    let name = word.value.to_ascii_lowercase();
    let probe = name.strip_suffix(":*").unwrap_or(&name);
    let parsed = probe.parse::<http::uri::Authority>().ok();
    if parsed.is_some_and(|authority| authority.as_str() == probe && !probe.contains('@')) {
        let bare = name.strip_suffix(":80").or_else(|| name.strip_suffix(":443"));
        return Some(bare.unwrap_or(&name).to_owned());
    }
    let message = format!("{:?} is no name of a server", word.value);
    findings.at(word, "settle.authorities", message, "write HOST, HOST:PORT or HOST:*");
    None
}

fn hook(written: &written::Webhook, field: &str, findings: &mut Findings) -> Option<HookConfig> {
    let name = &written.name.value;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(legal) {
        let message = format!("{name:?} cannot be a file's name");
        findings.at(&written.name, &format!("{field}.name"), message, "use 1 to 64 letters, digits, - and _");
        return None;
    }
    let mut hook = HookConfig::new(name);
    for word in &written.phases {
        match Phase::ALL.into_iter().find(|phase| phase.word() == word.value) {
            Some(phase) => hook.phases.push(phase),
            None => {
                let known = Phase::ALL.map(Phase::word).join(", ");
                let message = format!("{:?} is no phase of an escrow", word.value);
                findings.at(word, &format!("{field}.phases"), message, &format!("use some of {known}"));
            }
        }
    }
    for (name, value, most) in [
        ("attempts", written.attempts, ATTEMPTS_MAX),
        ("first_wait_ms", written.first_wait_ms, FIRST_WAIT_MAX_MS),
    ] {
        if let Some(value) = value.filter(|value| !(1..=most).contains(value)) {
            let (message, fix) = (format!("{value} is out of range"), format!("use 1 to {most}"));
            findings.at(&written.name, &format!("{field}.{name}"), message, &fix);
        }
    }
    if let Some(attempts) = written.attempts {
        hook.attempts = u32::try_from(attempts).unwrap_or(hook.attempts);
    }
    if let Some(ms) = written.first_wait_ms {
        hook.first_wait_us = i64::try_from(ms.saturating_mul(1_000)).unwrap_or(hook.first_wait_us);
    }
    Some(hook)
}

fn receiver(written: &written::Webhook, field: &str, findings: &mut Findings) -> Option<Receiver> {
    let url = &written.url.value;
    if !may_be_told(url) {
        let fix = "write https://host/path, or http:// on this machine, without a user or a fragment";
        findings.at(&written.url, &format!("{field}.url"), format!("{url:?} is not a receiver"), fix);
        return None;
    }
    let secret = findings.secret(Some(&written.secret), &format!("{field}.secret"))?;
    let Some(key) = HookKey::parse(secret.expose()) else {
        let message = "the secret is not of the form that receivers know".into();
        let fix = "use whsec_ and the base64 of 24 to 64 random bytes";
        findings.at(&written.secret, &format!("{field}.secret"), message, fix);
        return None;
    };
    Some(Receiver { name: written.name.value.clone(), url: url.clone(), key })
}

/// Over TLS, or without leaving this machine: what is told is signed, not hidden.
pub(crate) fn may_be_told(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here =
        host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let plain =
        uri.authority().is_some_and(|authority| !authority.as_str().contains('@')) && !url.contains('#');
    plain && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_knows_its_own_names() {
        let authorities = ["pay.example.com", "127.0.0.1:8080", "[::1]:*", "localhost:*"];
        let signers = Signers { authorities: authorities.map(str::to_owned).into(), ..Signers::default() };
        for own in
            ["pay.example.com", "PAY.example.com:443", "127.0.0.1:8080", "[::1]", "[::1]:9", "localhost:1"]
        {
            assert!(signers.is_own(own), "{own}");
        }
        for other in
            ["", "staging.example.com", "pay.example.com:8443", "127.0.0.1", "127.0.0.1:8081", "[::2]:9"]
        {
            assert!(!signers.is_own(other), "{other}");
        }
    }

    #[test]
    fn what_is_told_goes_over_tls_or_stays_here() {
        for good in
            ["https://a.example/hook?x=1", "http://127.0.0.1:1/h", "http://[::1]/", "http://localhost:9"]
        {
            assert!(may_be_told(good), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example/",
            "http://10.0.0.1/",
            "ftp://a.example/",
            "https://u@a.example/",
        ] {
            assert!(!may_be_told(bad), "{bad}");
        }
    }
}
