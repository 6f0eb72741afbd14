//! JSON Schemas of these paths. Statements are checked for their one spelling, which no schema says.

use crate::api::routes::Route;
use serde_json::{Value, json};

fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of a route's body.
pub(in crate::api) fn request(route: Route) -> Option<&'static str> {
    Some(match route {
        Route::SettleCommand => "LedgerCommand",
        Route::SettleOwner => "OwnerRequest",
        Route::SettleRegister => "AgentOffer",
        Route::SettlePropose => "SignedTerms",
        Route::SettleEvent => "EscrowEvent",
        Route::SettleLocks => "SeveralEscrows",
        Route::SettleEvidence => "HandedEvidence",
        Route::SettleRevoke => "Nothing",
        Route::SettlePapers => "SignedPaper",
        Route::SettleHookAgain => "HookAgain",
        _ => return None,
    })
}

/// Media type and schema of a route's answer.
pub(in crate::api) fn response(route: Route) -> Option<(&'static str, Value)> {
    const JSON: &str = "application/json";
    Some(match route {
        Route::SettleAccounts => (JSON, page("accounts", "Account")),
        Route::SettleAccount => (JSON, named("Account")),
        Route::SettleOwner | Route::SettleCommand | Route::SettleRevoke => (JSON, named("Applied")),
        Route::SettleMandates => (JSON, page("mandates", "MandateCount")),
        Route::SettleMandate => (JSON, named("MandateCount")),
        Route::SettleAgents => (JSON, page("agents", "Agent")),
        Route::SettleAgent => (JSON, named("Agent")),
        Route::SettleChallenge => {
            (JSON, json!({"type": "object", "required": ["agent", "rail", "account", "nonce", "expires"]}))
        }
        Route::SettleRegister => (JSON, json!({"type": "object", "required": ["digest", "new"]})),
        Route::SettleEscrows => (JSON, page("escrows", "Escrow")),
        Route::SettleEscrow => (JSON, named("Escrow")),
        Route::SettlePropose | Route::SettleEvent => (JSON, named("Recorded")),
        Route::SettleLocks => (JSON, json!({"type": "object", "required": ["again", "recorded"]})),
        Route::SettleDiscovery => {
            (JSON, json!({"type": "object", "required": ["type", "log", "rails", "endpoints"]}))
        }
        Route::SettleOrder => (JSON, named("EscrowEvent")),
        Route::SettleEvidence => (JSON, named("Judged")),
        Route::SettleDossier => (
            JSON,
            json!({"type": "object", "required": ["at", "output", "package", "policy", "predicate", "type"]}),
        ),
        Route::SettleBundle => (JSON, json!({"type": "object", "required": ["entries", "escrow", "type"]})),
        Route::SettleEntries => (JSON, json!({"type": "object", "required": ["entries", "size"]})),
        Route::SettleCheckpoint | Route::SettleReceipt => ("text/plain", json!({"type": "string"})),
        Route::SettleHooks => (
            JSON,
            json!({"type": "object", "required": ["webhooks"], "properties": {
            "webhooks": {"type": "array", "items": named("Webhook")}}}),
        ),
        Route::SettleHookAgain => (JSON, json!({"type": "object", "required": ["again"]})),
        Route::SettlePapers => (JSON, json!({"type": "object", "required": ["escrow", "digest", "filed"]})),
        _ => return None,
    })
}

fn page(list: &str, of: &str) -> Value {
    json!({"type": "object", "required": [list, "next"], "properties": {list: {"type": "array", "items": named(of)}}})
}

/// The query parameters of a route.
pub(in crate::api) fn query(route: Route) -> Vec<(&'static str, Value)> {
    let number = |least: u64, most: u64| json!({"type": "integer", "minimum": least, "maximum": most});
    let text = json!({"type": "string"});
    match route {
        Route::SettleAccounts => vec![("from", number(0, 1 << 40)), ("limit", number(1, 1000))],
        Route::SettleAgents => vec![
            ("text", text.clone()),
            ("skill", text.clone()),
            ("rail", text.clone()),
            ("after", text),
            ("limit", number(1, 100)),
        ],
        Route::SettleChallenge => vec![("rail", text.clone()), ("account", text)],
        Route::SettleEscrows => {
            vec![("phase", text), ("after", digest()), ("limit", number(1, 1000))]
        }
        Route::SettleMandates => vec![("after", digest()), ("limit", number(1, 1000))],
        Route::SettleDossier => vec![("version", number(0, 1 << 52))],
        Route::SettleOrder => vec![("expires_s", number(1, 86_400))],
        Route::SettleEntries => vec![("from", number(0, 1 << 52)), ("limit", number(1, 100))],
        _ => Vec::new(),
    }
}

fn digest() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

/// The named schemas.
pub(in crate::api) fn components() -> Value {
    let text = json!({"type": "string"});
    let count = json!({"type": "integer", "minimum": 0});
    let amount = json!({"type": "object", "required": ["asset", "minor"], "properties": {
        "asset": {"type": "object", "required": ["code", "exponent"], "properties": {"code": text, "exponent": count}},
        "minor": {"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}}});
    let signed = json!({"type": "object", "required": ["signatures", "statement"], "properties": {
        "signatures": {"type": "array", "maxItems": 32, "items": {"type": "object", "required": ["key", "signature"]}},
        "statement": {"type": "object"}}});
    json!({
        "Problem": {"type": "object", "required": ["type", "title", "status", "detail"], "properties": {
            "type": {"enum": super::problem::types().collect::<Vec<_>>()}, "title": text, "status": {"type": "integer"}, "detail": text}},
        "Amount": amount,
        "Nothing": {"type": "object", "maxProperties": 0},
        "LedgerCommand": {"type": "object", "required": ["ops"], "additionalProperties": false, "properties": {
            "ops": {"type": "array", "minItems": 1, "maxItems": 64, "items": {}}}},
        "OwnerRequest": {"type": "object", "required": ["keys"], "additionalProperties": false, "properties": {
            "keys": {"type": "array", "maxItems": 8, "items": {"type": "string", "description": "did:key of Ed25519 or P-256"}}}},
        "AgentOffer": {"type": "object", "required": ["record"], "additionalProperties": false, "properties": {
            "record": {"type": "object", "required": ["payload", "signatures"]}, "document": text}},
        "SignedTerms": {"type": "object", "required": ["propose"], "properties": {"propose": signed}},
        "EscrowEvent": {"anyOf": [
            {"enum": ["lock", "take", "reclaim", "expire"]},
            {"type": "object", "minProperties": 1, "maxProperties": 1,
                "description": "authorize, submit, verdict, order, dispute, counter or rule with its statement"}]},
        "SeveralEscrows": {"type": "object", "required": ["escrows"], "additionalProperties": false, "properties": {
            "escrows": {"type": "array", "minItems": 2, "maxItems": 8, "items": digest()}}},
        "HandedEvidence": {"type": "object", "required": ["package", "predicate"], "additionalProperties": false,
            "properties": {"package": {"type": "object", "required": ["exhibits", "type"]},
                "predicate": {"type": "object", "required": ["require", "type"]}}},
        "Judged": {"type": "object", "required": ["escrow", "version", "holds", "reasons", "digest", "pote", "dossier", "draft"],
            "properties": {"escrow": digest(), "version": count, "holds": {"type": "boolean"}, "digest": digest(),
                "dossier": digest(), "pote": {"type": "object"}, "draft": named("EscrowEvent"),
                "reasons": {"type": "array", "items": {"type": "object", "required": ["place", "says"]}}}},
        "Recorded": {"type": "object", "required": ["escrow", "phase", "again", "recorded"], "properties": {
            "escrow": digest(), "phase": text, "again": {"type": "boolean"},
            "recorded": {"type": "array", "items": {"type": "object", "required": ["entry", "phase", "version"]}}}},
        "Escrow": {"type": "object", "required": ["escrow", "phase", "rail", "version", "price", "released"], "properties": {
            "escrow": digest(), "phase": text, "version": count, "price": named("Amount"), "released": named("Amount"),
            "timeline": {"type": "array", "items": {"type": "object", "required": ["entry", "at", "what", "phase"]}}}},
        "Account": {"type": "object", "required": ["id", "asset", "balance", "available"]},
        "Applied": {"type": "object", "required": ["entry", "holds"], "properties": {"entry": count}},
        "MandateCount": {"type": "object", "required": ["mandate", "payments", "revoked"]},
        "SignedPaper": {"oneOf": [
            {"type": "object", "required": ["payment"], "additionalProperties": false, "properties": {"payment": {
                "type": "object", "additionalProperties": false, "properties": {"signature": text}}}},
            {"type": "object", "required": ["order"], "additionalProperties": false, "properties": {"order": {
                "type": "object", "required": ["expires"], "additionalProperties": false,
                "properties": {"expires": count, "pote": text, "signature": text}}}}]},
        "HookAgain": {"type": "object", "additionalProperties": false, "properties": {"entry": count}},
        "Webhook": {"type": "object", "required": ["name", "next", "waiting", "given_up", "dead"], "properties": {
            "name": text, "next": count, "waiting": count, "given_up": count,
            "dead": {"type": "array", "items": {"type": "object", "required": ["entry", "escrow", "attempts", "why", "at"]}}}},
        "Agent": {"type": "object", "required": ["id", "name", "version", "keys"]},
    })
}
