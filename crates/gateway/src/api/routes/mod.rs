//! The route table: every path that is served, as data. Matching and the OpenAPI document both come from it.

mod access;

pub use access::{Access, Right};

use http::Method;

/// What a route does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is described by its row's summary")]
pub enum Route {
    Chat,
    Responses,
    Messages,
    Embeddings,
    CountTokens,
    ResponseGet,
    ResponseDelete,
    ResponseItems,
    Models,
    Model,
    Explain,
    Evaluate,
    Classify,
    Feedback,
    RiskScore,
    X402Verify,
    X402Settle,
    X402Supported,
    Health,
    Ready,
    Metrics,
    OpenApi,
    KeysList,
    KeysCreate,
    KeyRevoke,
    KeyRotate,
    Cache,
    CacheForget,
    Budgets,
    Decisions,
    Decision,
    Replay,
    Summary,
    Live,
    Pools,
    Support,
    FleetAdvice,
    PolicyGet,
    PolicyPut,
    PolicyCheck,
    Reload,
    SettleAccounts,
    SettleAccount,
    SettleOwner,
    SettleCommand,
    SettleMandates,
    SettleMandate,
    SettleRevoke,
    SettleAgents,
    SettleAgent,
    SettleChallenge,
    SettleRegister,
    SettleEscrows,
    SettleEscrow,
    SettlePropose,
    SettleEvent,
    SettleLocks,
    SettleOrder,
    SettleBundle,
    SettleEvidence,
    SettleDossier,
    SettlePapers,
    SettleCardEvent,
    SettleCheckpoint,
    SettleEntries,
    SettleReceipt,
    SettleHooks,
    SettleHookAgain,
    SettleDiscovery,
    ConsoleHome,
    ConsoleRequest,
    ConsolePools,
    ConsolePolicy,
    ConsoleBudgets,
    ConsoleEscrows,
    ConsoleEscrow,
    ConsoleAgents,
    ConsoleMandates,
    ConsoleLog,
    ConsoleAsset,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// HTTP method.
    pub method: &'static str,
    /// Path; a segment in braces stands for any one segment.
    pub path: &'static str,
    /// What it does.
    pub route: Route,
    /// Who may.
    pub access: Access,
    /// One line for the OpenAPI document.
    pub summary: &'static str,
}

const fn row(
    method: &'static str,
    path: &'static str,
    route: Route,
    access: Access,
    summary: &'static str,
) -> Row {
    Row { method, path, route, access, summary }
}

use Access::{Admin, Caller, Public};

const READ: Access = Access::Settle(Right::Read);
const WRITE: Access = Access::Settle(Right::Write);
const OPERATE: Access = Access::Settle(Right::Operate);

/// The table; the busiest rows first.
pub const ROUTES: &[Row] = &[
    row(
        "POST",
        "/v1/chat/completions",
        Route::Chat,
        Caller,
        "Answer a conversation (OpenAI chat completions)",
    ),
    row("POST", "/v1/responses", Route::Responses, Caller, "Answer a conversation (OpenAI responses)"),
    row("POST", "/v1/messages", Route::Messages, Caller, "Answer a conversation (Anthropic messages)"),
    row("POST", "/v1/embeddings", Route::Embeddings, Caller, "Embed texts (OpenAI embeddings)"),
    row(
        "POST",
        "/v1/messages/count_tokens",
        Route::CountTokens,
        Caller,
        "Count the input tokens of a conversation",
    ),
    row("GET", "/v1/responses/{id}", Route::ResponseGet, Caller, "A stored response"),
    row("DELETE", "/v1/responses/{id}", Route::ResponseDelete, Caller, "Delete a stored response"),
    row(
        "GET",
        "/v1/responses/{id}/input_items",
        Route::ResponseItems,
        Caller,
        "The input items of a stored response",
    ),
    row("GET", "/v1/models", Route::Models, Caller, "The models that the caller may use"),
    row("GET", "/v1/models/{id}", Route::Model, Caller, "One model"),
    row("POST", "/v1/route", Route::Explain, Caller, "Where a request would go and why, without sending it"),
    row(
        "POST",
        "/api/v1/eval",
        Route::Evaluate,
        Caller,
        "What matched and which route wins, in the shape of the vLLM Semantic Router's evaluation",
    ),
    row(
        "POST",
        "/api/v1/classify/{task}",
        Route::Classify,
        Caller,
        "Subject, personal data, attacks, facts or feedback of a text, in the vLLM Semantic Router's shapes",
    ),
    row("POST", "/v1/feedback", Route::Feedback, Caller, "Say how good an answer was"),
    row(
        "POST",
        "/v1/risk/score",
        Route::RiskScore,
        Caller,
        "The probability of a default from a user's payments, with reasons",
    ),
    row("POST", "/x402/verify", Route::X402Verify, Caller, "Whether a payment by x402 can be settled"),
    row("POST", "/x402/settle", Route::X402Settle, Caller, "Settle a payment by x402, once"),
    row("GET", "/x402/supported", Route::X402Supported, Public, "What payments by x402 are settled"),
    row("GET", "/healthz", Route::Health, Public, "Whether the process runs"),
    row("GET", "/readyz", Route::Ready, Public, "Whether an instance can take requests"),
    row("GET", "/metrics", Route::Metrics, Admin, "Prometheus metrics"),
    row("GET", "/.well-known/tollgate-settlement", Route::SettleDiscovery, Public, "What is settled here"),
    row("GET", "/openapi.json", Route::OpenApi, Public, "This document"),
    row("GET", "/api/v1/keys", Route::KeysList, Admin, "The virtual keys, without their secrets"),
    row("POST", "/api/v1/keys", Route::KeysCreate, Admin, "Create a virtual key; its secret is shown once"),
    row("DELETE", "/api/v1/keys/{id}", Route::KeyRevoke, Admin, "Revoke a virtual key"),
    row("POST", "/api/v1/keys/{id}/rotate", Route::KeyRotate, Admin, "Give a virtual key a new secret"),
    row("GET", "/v1/cache", Route::Cache, Admin, "What the cache of answers holds"),
    row(
        "DELETE",
        "/v1/cache",
        Route::CacheForget,
        Admin,
        "Forget kept answers: all, or those that are named",
    ),
    row("GET", "/api/v1/budgets", Route::Budgets, Admin, "Budgets: limit, settled, reserved, reset"),
    row("GET", "/api/v1/decisions", Route::Decisions, Admin, "The decision log, newest first"),
    row(
        "GET",
        "/api/v1/decisions/{id}",
        Route::Decision,
        Admin,
        "One decision with phases, signals and reasons",
    ),
    row(
        "POST",
        "/api/v1/decisions/{id}/replay",
        Route::Replay,
        Admin,
        "Decide again from the record and compare",
    ),
    row("GET", "/api/v1/summary", Route::Summary, Admin, "Counts, tokens, cost and latency over a window"),
    row("GET", "/api/v1/live", Route::Live, Admin, "Decisions as they are made (server-sent events)"),
    row("GET", "/api/v1/pools", Route::Pools, Admin, "Pools and instances with their state"),
    row(
        "GET",
        "/api/v1/support",
        Route::Support,
        Admin,
        "How often the answers of each model are supported by their context, by subject, with intervals",
    ),
    row(
        "GET",
        "/api/v1/fleet/advice",
        Route::FleetAdvice,
        Admin,
        "The boundary and γ that the last requests want, and what pools will be asked for next",
    ),
    row("GET", "/api/v1/policy", Route::PolicyGet, Admin, "The policy in force"),
    row("PUT", "/api/v1/policy", Route::PolicyPut, Admin, "Check, test and put a policy in force"),
    row(
        "POST",
        "/api/v1/policy/check",
        Route::PolicyCheck,
        Admin,
        "Diagnostics and test results of a policy",
    ),
    row("POST", "/api/v1/reload", Route::Reload, Admin, "Read the configuration and policy files again"),
    row("GET", "/v1/settle/accounts", Route::SettleAccounts, READ, "Accounts and what they have"),
    row("GET", "/v1/settle/accounts/{id}", Route::SettleAccount, READ, "One account and who speaks for it"),
    row("POST", "/v1/settle/accounts/{id}/owner", Route::SettleOwner, OPERATE, "Say whose an account is"),
    row("POST", "/v1/settle/commands", Route::SettleCommand, OPERATE, "Have the ledger decide a command"),
    row("GET", "/v1/settle/mandates", Route::SettleMandates, READ, "Mandates under which escrows are paid"),
    row("GET", "/v1/settle/mandates/{id}", Route::SettleMandate, READ, "What was counted under a mandate"),
    row("POST", "/v1/settle/mandates/{id}/revoke", Route::SettleRevoke, OPERATE, "Revoke a mandate"),
    row("GET", "/v1/settle/agents", Route::SettleAgents, READ, "Find agents by text, skill or rail"),
    row("POST", "/v1/settle/agents", Route::SettleRegister, WRITE, "Verify a signed record and keep it"),
    row("GET", "/v1/settle/agents/{id}", Route::SettleAgent, READ, "One agent with all its versions"),
    row(
        "GET",
        "/v1/settle/agents/{id}/challenge",
        Route::SettleChallenge,
        WRITE,
        "A challenge for a proof that an agent controls an account",
    ),
    row("GET", "/v1/settle/escrows", Route::SettleEscrows, READ, "Escrows, in any or in one phase"),
    row("POST", "/v1/settle/escrows", Route::SettlePropose, WRITE, "Make the escrow of signed terms"),
    row("GET", "/v1/settle/escrows/{id}", Route::SettleEscrow, READ, "One escrow: terms, state, timeline"),
    row(
        "POST",
        "/v1/settle/escrows/{id}/events",
        Route::SettleEvent,
        WRITE,
        "Record what happens to an escrow",
    ),
    row("GET", "/v1/settle/escrows/{id}/order", Route::SettleOrder, READ, "The order for verifiers to sign"),
    row("POST", "/v1/settle/locks", Route::SettleLocks, WRITE, "Lock several escrows, all or none"),
    row("GET", "/v1/settle/escrows/{id}/bundle", Route::SettleBundle, READ, "All of it, to replay offline"),
    row("POST", "/v1/settle/escrows/{id}/evidence", Route::SettleEvidence, WRITE, "Judge what was handed in"),
    row("GET", "/v1/settle/escrows/{id}/evidence", Route::SettleDossier, READ, "What it was judged by"),
    row(
        "POST",
        "/v1/settle/escrows/{id}/papers",
        Route::SettlePapers,
        WRITE,
        "File what payer or verifiers signed for the chain, or say what they are to sign",
    ),
    row("POST", "/v1/settle/card/events", Route::SettleCardEvent, Public, "A webhook of the API for cards"),
    row(
        "GET",
        "/v1/settle/log/checkpoint",
        Route::SettleCheckpoint,
        READ,
        "The signed checkpoint of the log",
    ),
    row("GET", "/v1/settle/log/entries", Route::SettleEntries, READ, "Entries of the log"),
    row("GET", "/v1/settle/log/entries/{id}/receipt", Route::SettleReceipt, READ, "The proof of an entry"),
    row("GET", "/v1/settle/webhooks", Route::SettleHooks, READ, "How far each webhook's receiver was told"),
    row(
        "POST",
        "/v1/settle/webhooks/{id}/again",
        Route::SettleHookAgain,
        OPERATE,
        "Deliver what was given up again",
    ),
    row("GET", "/console", Route::ConsoleHome, Admin, "Console: live requests"),
    row("GET", "/console/requests/{id}", Route::ConsoleRequest, Admin, "Console: one request's path"),
    row("GET", "/console/pools", Route::ConsolePools, Admin, "Console: pools and instances"),
    row("GET", "/console/policy", Route::ConsolePolicy, Admin, "Console: policy editor"),
    row("GET", "/console/budgets", Route::ConsoleBudgets, Admin, "Console: keys and budgets"),
    row("GET", "/console/escrows", Route::ConsoleEscrows, Admin, "Console: escrows"),
    row("GET", "/console/escrows/{id}", Route::ConsoleEscrow, Admin, "Console: one escrow's timeline"),
    row("GET", "/console/agents", Route::ConsoleAgents, Admin, "Console: agents and their keys"),
    row("GET", "/console/mandates", Route::ConsoleMandates, Admin, "Console: mandates and what was spent"),
    row("GET", "/console/log", Route::ConsoleLog, Admin, "Console: the log, entry by entry"),
    row("GET", "/console/assets/{name}", Route::ConsoleAsset, Public, "Console: styles and scripts"),
];

/// What a request line matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matched<'p> {
    /// A route, with the segment that stood for its parameter.
    Route(Route, Access, Option<&'p str>),
    /// The path is served, but not with this method; these are.
    Methods(&'static [&'static str]),
    /// Nothing is served there.
    Nothing,
}

/// Finds the route of a request. A trailing slash is ignored; a `HEAD` counts as `GET`.
#[must_use]
pub fn find<'p>(method: &Method, path: &'p str) -> Matched<'p> {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut methods: u8 = 0;
    for row in ROUTES {
        let Some(parameter) = matches(row.path, path) else { continue };
        if row.method == method {
            return Matched::Route(row.route, row.access, parameter);
        }
        methods |= METHODS.iter().position(|m| *m == row.method).map_or(0, |bit| 1 << bit);
    }
    match methods {
        0 => Matched::Nothing,
        bits => Matched::Methods(ALLOWED[usize::from(bits & 15)]),
    }
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
/// The methods of each set of bits, so that a refusal needs no allocation.
const ALLOWED: [&[&str]; 16] = [
    &[],
    &["GET"],
    &["POST"],
    &["GET", "POST"],
    &["PUT"],
    &["GET", "PUT"],
    &["POST", "PUT"],
    &["GET", "POST", "PUT"],
    &["DELETE"],
    &["GET", "DELETE"],
    &["POST", "DELETE"],
    &["GET", "POST", "DELETE"],
    &["PUT", "DELETE"],
    &["GET", "PUT", "DELETE"],
    &["POST", "PUT", "DELETE"],
    &METHODS,
];

/// `Some(parameter)` when `path` fits `pattern`.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return (pattern == path).then_some(None);
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let middle = path.strip_prefix(before)?.strip_suffix(after)?;
    // Names of models may hold slashes.
    (!middle.is_empty() && (before == "/v1/models/" || !middle.contains('/'))).then_some(Some(middle))
}

#[cfg(test)]
mod tests;
