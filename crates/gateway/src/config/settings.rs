//! What the configuration means: references resolved, defaults filled in, everything checked.

use super::features::cache::CacheSettings;
use super::features::output::OutputSettings;
use super::features::safety::SafetySettings;
use super::features::sources::SourceSettings;
use super::features::support::SupportSettings;
use super::features::x402::X402Settings;
use super::locality::{BaseUrl, Locality};
use super::provider::ProviderRow;
use super::secret::Secret;
use super::settle::{Receiver, Signers};
use super::written::{AuthMode, Limits, Log, Placement, Power, Retry, Timeouts};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use tollgate_core::Digest;
use tollgate_store::settlement::SettlementConfig;

/// The running configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Worker threads.
    pub workers: usize,
    /// Database file; absent = in memory.
    pub database: Option<PathBuf>,
    /// Policy file; absent = the shipped policy.
    pub policy: Option<PathBuf>,
    /// Files of secrets and authorities.
    pub referred: Vec<Referred>,
    /// Who may call.
    pub auth: AuthSettings,
    /// Models by name, in the file's order.
    pub models: Vec<Arc<Model>>,
    /// Pools, smallest boundary first, those without one last.
    pub pools: Vec<Pool>,
    /// Spending limits.
    pub budgets: Vec<Budget>,
    /// Bounds on what comes in.
    pub limits: Limits,
    /// Deadlines towards upstreams.
    pub timeouts: Timeouts,
    /// When to try again.
    pub retry: Retry,
    /// What is written down.
    pub log: Log,
    /// Collector of traces.
    pub otlp: Option<String>,
    /// The key that signs receipts of usage; absent = there are none.
    pub receipts: Option<tollgate_produce::Key>,
    /// Where settlement is kept; absent = it is not served.
    pub settle: Option<SettlementConfig>,
    /// Whose signatures count on requests of settlement.
    pub signers: Signers,
    /// File of the policy by which evidence is judged; absent = the default.
    pub evidence_policy: Option<PathBuf>,
    /// Whether documents of agents may be fetched from addresses that are not public.
    pub private_hosts: bool,
    /// Who is told what happens to escrows.
    pub receivers: Vec<Receiver>,
    /// The text encoder that runs in the gateway.
    pub encoder: Option<EncoderSettings>,
    /// Folder of the risk model that is served.
    pub risk: Option<PathBuf>,
    /// The cache of answers.
    pub cache: Option<CacheSettings>,
    /// Risk over turns.
    pub safety: Option<SafetySettings>,
    /// How answers are held while rules look at them.
    pub output: OutputSettings,
    /// Classifiers that signals ask; as of the start.
    pub sources: Vec<SourceSettings>,
    /// Answers judged beside what they were to be answered from.
    pub support: Option<SupportSettings>,
    /// The facilitator for payments by x402.
    pub x402: Option<Arc<X402Settings>>,
    /// The models that are sold by x402.
    pub sold: Arc<[String]>,
}

/// The text encoder that runs in the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Folder of the model.
    pub folder: PathBuf,
    /// The name under which it is served.
    pub model: String,
    /// Whether it computes in 32 bits instead of bytes.
    pub exact: bool,
    /// Threads of its own.
    pub threads: usize,
    /// Requests that may wait for a thread.
    pub queue: usize,
    /// Longest time from asking to the vectors.
    pub deadline_ms: u64,
    /// Longest time that learned signals wait for a vector.
    pub signals_ms: u64,
}

impl std::fmt::Display for EncoderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder, model, exact, threads, queue, deadline_ms, signals_ms } = self;
        let folder = folder.display();
        write!(
            f,
            "{{folder: {folder}, model: {model}, exact: {exact}, threads: {threads}, queue: {queue}, deadline_ms: {deadline_ms}, \
             signals_ms: {signals_ms}}}"
        )
    }
}

/// Who may call.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// Whether callers need keys.
    pub mode: AuthMode,
    /// Secret of the admin API and console.
    pub admin: Option<Secret>,
    /// Peers whose identity headers are believed.
    pub trusted_hops: Vec<Network>,
    /// Origins whose pages may use an open gateway, and by whose names it may be called through a proxy on this machine.
    pub origins: Vec<String>,
}

impl AuthSettings {
    /// Whether callers differ in what they may: by their keys, or by what a trusted hop says of them.
    #[must_use]
    pub fn tells_callers_apart(&self) -> bool {
        self.mode == AuthMode::Keys || !self.trusted_hops.is_empty()
    }
}

/// An address block, `address/bits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// First address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub bits: u8,
}

impl Network {
    /// Reads `address` or `address/bits`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, bits.parse().ok()?),
            None => {
                let address: IpAddr = text.parse().ok()?;
                (address, if address.is_ipv4() { 32 } else { 128 })
            }
        };
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, bits })
    }

    /// Whether `peer` lies in this block. IPv4-mapped IPv6 peers count as IPv4.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                same(u128::from(a.to_bits()) << 96, u128::from(b.to_bits()) << 96, self.bits)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), self.bits),
            _ => false,
        }
    }
}

fn same(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits)) == 0
}

/// Prices in micro-dollars per million tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Price {
    /// Prompt tokens.
    pub input_micro: u64,
    /// Prompt tokens that the provider had cached.
    pub cached_input_micro: u64,
    /// Prompt tokens that the provider wrote to its cache.
    pub cache_write_micro: u64,
    /// Of these, to be kept for an hour.
    pub cache_write_1h_micro: u64,
    /// Output tokens.
    pub output_micro: u64,
}

/// A model that callers and policies may name.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name here.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Prompt plus output tokens that it can take.
    pub context_window: Option<u64>,
    /// What it can do; absent = everything.
    pub capabilities: Option<Vec<String>>,
    /// Its price.
    pub price: Price,
    /// Whether prices of both input and output are declared; without, a bound on cost denies the model.
    pub priced: bool,
    /// Its declared quality, 0 to 1.
    pub quality: Option<f64>,
    /// Whether it is sold to callers without a key.
    pub sold: bool,
}

/// A provider with this installation's address and key.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name here.
    pub name: String,
    /// Its row of the table.
    pub row: &'static ProviderRow,
    /// Its base URL, when it has one of its own.
    pub base_url: Option<BaseUrl>,
    /// Its key.
    pub key: Option<Secret>,
    /// More headers for every request.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Authority file for TLS.
    pub ca_file: Option<Authority>,
    /// More members of a request that go to it where governance restricts the request.
    pub carries: Vec<String>,
    /// Where its instances stand, unless pool or instance say otherwise.
    pub locality: Locality,
}

/// A file of authorities, as it was when it was read: a renewed one is another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Authority {
    /// The file.
    pub path: PathBuf,
    /// What stood in it.
    pub digest: Digest,
}

/// A file that the configuration refers to, with the time at which it was last written before it was read.
pub type Referred = (PathBuf, Option<SystemTime>);

/// A group of instances.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The boundary in total tokens.
    pub max_total_tokens: Option<u64>,
    /// Borderline factor γ.
    pub gamma: f64,
    /// Wait above which requests spill to a larger pool.
    pub spill_over_ms: Option<u64>,
    /// How an instance is chosen.
    pub placement: Placement,
    /// The expected time to the first token up to which energy decides.
    pub energy_ttft_ms: Option<u64>,
    /// Its instances.
    pub instances: Vec<Instance>,
}

/// One instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name, unique over all pools.
    pub name: String,
    /// Its provider.
    pub provider: Arc<Provider>,
    /// Where it listens.
    pub url: BaseUrl,
    /// Models that it serves: name here → name there.
    pub models: BTreeMap<String, String>,
    /// Weight under weighted placement.
    pub weight: u32,
    /// What it draws.
    pub power: Option<Power>,
    /// Where it stands and what it burns.
    pub locality: Locality,
}

/// Whom a budget binds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BudgetScope {
    /// Everybody together.
    Global,
    /// One key by name, or each key its own with `*`.
    Key(String),
    /// One tenant by name, or each tenant its own with `*`.
    Tenant(String),
}

impl std::fmt::Display for BudgetScope {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Key(name) => write!(f, "key:{name}"),
            Self::Tenant(name) => write!(f, "tenant:{name}"),
        }
    }
}

/// A spending limit.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// Whom it binds.
    pub scope: BudgetScope,
    /// Its window, one of [`super::WINDOWS`].
    pub window: String,
    /// Most requests.
    pub requests: Option<u64>,
    /// Most tokens.
    pub tokens: Option<u64>,
    /// Most micro-dollars.
    pub micro: Option<u64>,
    /// The model to use instead once it is spent; absent = reject.
    pub degrade_to: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let cases = [
            ("127.0.0.1", "127.0.0.1", true),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::1", "::1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("fd00::/8", "10.0.0.1", false),
        ];
        for (block, peer, expected) in cases {
            assert_eq!(
                Network::parse(block).unwrap().contains(peer.parse().unwrap()),
                expected,
                "{block} {peer}"
            );
        }
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn base_urls_are_read_or_refused() {
        let cases = [
            ("http://127.0.0.1:8000", Some("http://127.0.0.1:8000")),
            ("https://api.example.com/v1/", Some("https://api.example.com:443")),
            ("https://example.com/openai", Some("https://example.com:443/openai")),
            ("http://[::1]:9/x", Some("http://[::1]:9/x")),
            ("ftp://x", None),
            ("http://user:pw@x", None),
            ("example.com", None),
            ("http://x/?a=1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(BaseUrl::parse(text).map(|u| u.to_string()).as_deref(), expected, "{text}");
        }
    }
}
