//! Settlement, as the configuration's author wrote it.

use super::Word;
use serde::Deserialize;

/// Escrows, mandates, agents and their ledger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Folder of the ledger, its log and the log's key, as `tollgate pay escrow --data` has it.
    pub data: Word,
    /// The account through which the ledger rail clears; absent = `acct_clearing`.
    pub clearing: Option<Word>,
    /// Reference to the URL of a PostgreSQL database that has the ledger, for many servers; absent = in the folder.
    pub ledger: Option<Word>,
    /// Rails of the folder beside its own ledger, which escrows may name: `evm` and `card`, each as `evm/rail.json` or `card/rail.json` says.
    #[serde(default)]
    pub rails: Vec<Word>,
    /// File of the policy by which evidence is judged, as `tollgate pay evidence policy` prints it; absent = that one.
    pub evidence_policy: Option<Word>,
    /// Keys that may sign requests (RFC 9421), with their roles.
    #[serde(default)]
    pub signers: Vec<Signer>,
    /// Names by which clients reach this server: `HOST`, `HOST:PORT` or `HOST:*`. A signed request for another one is refused; they are
    /// required where requests may be signed.
    #[serde(default)]
    pub authorities: Vec<Word>,
    /// Role of every registered agent, whose `httpsig` keys may sign requests; absent = none.
    pub agents: Option<Word>,
    /// Whether documents of `did:web` ids may be fetched from addresses that are not of the internet at large, and from `localhost` by
    /// plain HTTP; absent = no.
    #[serde(default)]
    pub private_hosts: bool,
    /// Who is told what happens to escrows.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
    /// Most escrows, for ever; absent = 1000000.
    pub escrows_max: Option<u64>,
    /// Most agents, for ever; absent = 100000.
    pub agents_max: Option<u64>,
    /// Most accounts of the ledger, for ever; absent = 1000000.
    pub accounts_max: Option<u64>,
    /// Most open holds at one time; absent = 1000000.
    pub holds_max: Option<u64>,
    /// Most idempotency keys of the ledger at one time, each remembered for a day; absent = 4000000.
    pub keys_max: Option<u64>,
    /// Most names of mandates and of payments under them at one time; absent = 4000000.
    pub names_max: Option<u64>,
    /// Most escrows that one caller may propose, for ever; the operator's roles have no such bound; absent = 250000.
    pub caller_escrows_max: Option<u64>,
    /// Most agents that one caller may bring, for ever; absent = 25000.
    pub caller_agents_max: Option<u64>,
    /// Most requests of one caller that change something, at one server in one day; absent = 1000000.
    pub caller_writes_max: Option<u64>,
}

/// A key that may sign requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The key, as `did:key:…` of Ed25519 or P-256.
    pub key: Word,
    /// Roles of its owner: `settle.read`, `settle.write` or `settle.operate`.
    pub roles: Vec<Word>,
}

/// A receiver that is told what happens to escrows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name, under which it is remembered how far it was told.
    pub name: Word,
    /// Where events are posted to: `https`, or `http` on this machine.
    pub url: Word,
    /// Reference to the secret that signs them: `whsec_` and the base64 of 24 to 64 bytes.
    pub secret: Word,
    /// Phases of which it is told; absent = all events.
    #[serde(default)]
    pub phases: Vec<Word>,
    /// How often one event is tried before it is given up; absent = 16, over some five hours.
    pub attempts: Option<u64>,
    /// Wait after the first try that failed, in milliseconds, doubled each time up to an hour; absent = 1000.
    pub first_wait_ms: Option<u64>,
}
