//! The configuration file as its author wrote it: one type per element, unknown fields refused. Every reference keeps
//! the place where it stands, so that a later finding can name line and column.

mod settle;

pub use settle::{Settle, Signer, Webhook};

mod bounds;
mod kept;
mod output;
mod safety;
mod sources;
mod support;
mod x402;

pub use bounds::{Limits, Log, Retry, Timeouts};
pub use kept::{Cache, CacheCategory, CacheShare};
pub use output::Output;
pub use safety::{Safety, SafetyFailure};
pub use sources::{Source, SourceApi};
pub use support::{Inference, Support, SupportAct};
pub use x402::{X402, X402Sale, X402Token};

use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// A word with its place in the file.
pub type Word = Spanned<String>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Address to listen on, `host:port`.
    pub listen: Option<Word>,
    /// Worker threads, each with its own listener and upstream connections; 0 = one per core.
    pub workers: usize,
    /// Folder of the database, or `memory`.
    pub data: Option<Word>,
    /// Policy file, relative to this file; absent = the shipped policy.
    pub policy: Option<Word>,
    /// Who may call.
    pub auth: Auth,
    /// Where models are served.
    pub providers: Vec<Provider>,
    /// What can be asked for.
    pub models: Vec<Model>,
    /// Groups of instances; absent = one pool per provider.
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
    /// Where traces go; absent = nowhere.
    pub otlp: Option<Otlp>,
    /// Receipts of usage, signed for each whole answer; absent = none.
    pub receipts: Option<Receipts>,
    /// Escrows, mandates, agents and their ledger; absent = not served.
    pub settle: Option<Settle>,
    /// A text encoder that runs in the gateway; absent = none.
    pub encoder: Option<Encoder>,
    /// Folder of a risk model, as `tollgate risk train` makes it, for `/v1/risk/score`; absent = not served.
    pub risk: Option<Word>,
    /// Answers that are kept for requests that ask the same; absent = none.
    pub cache: Option<Cache>,
    /// Risk that adds up over the turns of conversations; absent = it is not weighed.
    pub safety: Option<Safety>,
    /// How answers are held while the policy's `output` rules look at them.
    pub output: Output,
    /// Classifiers that the policy's `classifier` signals ask.
    pub signals: Vec<Source>,
    /// Whether answers are supported by what they were to be answered from; absent = they are not judged.
    pub support: Option<Support>,
    /// A facilitator for payments by x402; absent = not served.
    pub x402: Option<X402>,
}

/// Who may call.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `open` (no key needed; loopback only) or `keys`.
    pub mode: AuthMode,
    /// Reference to the secret of the admin API and console; absent = callers from this machine, and nobody where callers need keys or hops are trusted.
    pub admin: Option<Word>,
    /// Peers whose identity headers (`x-tollgate-caller` and its kin) are believed.
    pub trusted_hops: Vec<Word>,
    /// Origins (`https://host[:port]`) whose pages may use an open gateway, and by whose names a proxy on this machine may call it.
    pub origins: Vec<Word>,
}

/// Whether callers need keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// Anyone who reaches the port may call.
    #[default]
    Open,
    /// Every call needs a key.
    Keys,
}

/// A provider: a row of the table with this installation's address and key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name here.
    pub name: Word,
    /// The row of the provider table.
    pub kind: Word,
    /// Its base URL, when the row has none or another is wanted.
    pub base_url: Option<Word>,
    /// Reference to its key.
    pub key: Option<Word>,
    /// More headers for every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Word>,
    /// A PEM file with the authority that signed its certificate, instead of the system's.
    pub ca_file: Option<Word>,
    /// More members of a request that go to it where governance restricts the request.
    #[serde(default)]
    pub carries: Vec<Word>,
    /// The region of its instances, for governance: any name, such as `eu-de`.
    pub region: Option<Word>,
    /// Whether its instances stand on premise, for governance.
    pub on_premise: Option<bool>,
}

/// A model that callers and policies may name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name here.
    pub name: Word,
    /// The provider that serves it, when no pool does.
    pub provider: Option<Word>,
    /// Its name at the provider, when different.
    pub upstream: Option<Word>,
    /// Prompt plus output tokens that it can take.
    pub context_window: Option<u64>,
    /// What it can do; absent = everything.
    pub capabilities: Option<Vec<Word>>,
    /// Its price.
    #[serde(default)]
    pub price: Price,
    /// Its quality from 0 to 1 by your own measure, for comparing policies.
    pub quality: Option<f64>,
    /// Whether it is sold by x402 to callers without a key, at its price; `x402.sale` says how.
    #[serde(default)]
    pub sold: bool,
    /// Other names for it.
    #[serde(default)]
    pub aliases: Vec<Word>,
}

/// Prices in US dollars per million tokens, as decimal text with at most six places.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Prompt tokens.
    pub input: Option<Word>,
    /// Prompt tokens that the provider had cached; absent = like input.
    pub cached_input: Option<Word>,
    /// Prompt tokens that the provider wrote to its cache; absent = 1.25 times input from a provider of kind `anthropic`,
    /// else like input.
    pub cache_write: Option<Word>,
    /// Of these, to be kept for an hour; absent = twice input from a provider of kind `anthropic`, else like `cache_write`.
    pub cache_write_1h: Option<Word>,
    /// Output tokens.
    pub output: Option<Word>,
}

/// A group of instances.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name.
    pub name: Word,
    /// The boundary: most total tokens (prompt + expected output) of a request that belongs here.
    pub max_total_tokens: Option<u64>,
    /// Requests up to this share above the boundary count as borderline (γ ≥ 1).
    #[serde(default = "one")]
    pub gamma: f64,
    /// Spill to a larger pool when the expected wait here exceeds this; absent = never.
    pub spill_over_ms: Option<u64>,
    /// How an instance is chosen.
    #[serde(default)]
    pub placement: Placement,
    /// Under `least_energy`, the expected time to the first token up to which energy decides; absent = 1000.
    pub energy_ttft_ms: Option<u64>,
    /// What one of its instances draws, for `least_energy`: `tollgate fleet plan --pools-out` writes it.
    pub power: Option<Power>,
    /// The region of its instances; absent = the provider's, for governance: any name, such as `eu-de`.
    pub region: Option<Word>,
    /// Whether its instances stand on premise; absent = as the provider says, for governance.
    pub on_premise: Option<bool>,
    /// Output tokens that its instances give per joule, for governance.
    pub tokens_per_joule: Option<f64>,
    /// Its instances.
    pub instances: Vec<Instance>,
}

fn one<T: From<u8>>() -> T {
    1.into()
}

/// How an instance of a pool is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Least expected time to the first token.
    #[default]
    LeastTtft,
    /// By weight.
    Weighted,
    /// The better of two drawn by weight, by expected time to the first token.
    BetterOfTwo,
    /// Where the prompt's prefix was served before, while load stays balanced.
    PrefixAffinity,
    /// Where one more request adds the least power, as long as the first token comes in time.
    LeastEnergy,
}

/// What an instance draws by the requests in flight: `idle_w + (peak_w - idle_w) · n / (n + half)`.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Watts without any.
    pub idle_w: f64,
    /// Watts that are approached with many.
    pub peak_w: f64,
    /// Requests at which it is half way between the two.
    pub half: f64,
}

/// One instance: an address that serves some models.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its name.
    pub name: Word,
    /// Its provider.
    pub provider: Word,
    /// Its own base URL, when it differs from the provider's.
    pub url: Option<Word>,
    /// Models that it serves: name here → name there.
    pub models: BTreeMap<String, Word>,
    /// Share of requests under weighted placement.
    #[serde(default = "one")]
    pub weight: u32,
    /// Its region; absent = the pool's, for governance: any name, such as `eu-de`.
    pub region: Option<Word>,
    /// Whether it stands on premise; absent = as the pool says, for governance.
    pub on_premise: Option<bool>,
    /// Output tokens that it gives per joule; absent = the pool's, for governance.
    pub tokens_per_joule: Option<f64>,
    /// What it draws; absent = as the pool says.
    pub power: Option<Power>,
}

/// A spending limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Its name, for errors and the console.
    pub name: Word,
    /// `global`, `key:NAME` or `tenant:NAME`; `key:*` and `tenant:*` give each one its own.
    pub scope: Word,
    /// `minute`, `hour`, `day`, `month` or `total`.
    pub window: Word,
    /// Most requests in the window.
    pub requests: Option<u64>,
    /// Most tokens in the window.
    pub tokens: Option<u64>,
    /// Most US dollars in the window, as decimal text.
    pub usd: Option<Word>,
    /// What happens when it is spent: `reject`, or the model to use instead.
    pub when_spent: Option<Word>,
}

/// Where traces go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Base URL of an OTLP/HTTP collector, such as `http://127.0.0.1:4318`.
    pub endpoint: Word,
}

/// Receipts of usage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    /// Reference to the provider's key that signs them, as `tollgate pay task keygen provider` makes it.
    pub key: Word,
}

/// A text encoder that runs in the gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    /// Folder of the model, as `tollgate models fetch` makes it.
    pub folder: Word,
    /// The name under which `/v1/embeddings` serves it; absent = the folder's name.
    pub model: Option<Word>,
    /// Compute in 32 bits instead of bytes: slower by a factor of 2 to 4.
    #[serde(default)]
    pub exact: bool,
    /// Threads of its own; absent = 1.
    pub threads: Option<usize>,
    /// Requests that may wait for a thread; absent = 64.
    pub queue: Option<usize>,
    /// Longest time from asking to the vectors; absent = 5000.
    pub deadline_ms: Option<u64>,
    /// Longest time that learned signals wait for a vector; what comes later is decided by words alone. Absent = 200.
    pub signals_ms: Option<u64>,
}
