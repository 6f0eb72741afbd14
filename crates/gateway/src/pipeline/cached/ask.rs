//! What of a request its keys are made of, and which requests are never answered from the cache.

use super::Request;
use crate::config::CacheSettings;
use crate::config::written::CacheShare;
use crate::offered::brings_tools;
use crate::pipeline::outgoing;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use tollgate_cache::guard::{self, Gist};
use tollgate_cache::{Keys, Parts, Scope};
use tollgate_signals::content;
use tollgate_wire::Dialect;
use tollgate_wire::view::{RequestView, Role, TextSpan};

/// Headers of a caller that say nothing of what is asked: how it speaks, for how long, on which way.
const SILENT: &[&str] = &[
    "accept",
    "accept-language",
    "baggage",
    "cache-control",
    "connection",
    "date",
    "dnt",
    "if-none-match",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "via",
    "x-request-id",
    "x-session-id",
];
/// Beginnings of such headers: browsers' and SDKs' words on themselves.
const SILENT_KINDS: &[&str] = &["sec-", "x-stainless-"];

/// A request as the cache is asked for it.
pub(super) struct Asked {
    pub(super) keys: Keys,
    /// The last question and what it says, where a like one would do.
    pub(super) question: Option<(String, Gist)>,
    pub(super) category: &'static str,
    /// Seconds that the answer may be kept; none = it is not.
    pub(super) ttl_s: Option<u64>,
}

/// Why a request is not for the cache.
pub(super) fn passes_by(request: &Request<'_>, settings: &CacheSettings) -> Option<&'static str> {
    let view = request.view;
    let many = || {
        let choices = view.member("n").or_else(|| view.member("best_of"));
        choices.is_some_and(|span| view.bytes(span) != b"1")
    };
    let tools = || {
        let used = |m: &tollgate_wire::view::MessageView| m.role == Role::Tool || !m.tool_calls.is_empty();
        view.tools.iter().any(|tool| tool.built_in.is_some() || tool.nested)
            || view.messages.iter().any(used)
            || brings_tools(view)
    };
    if request.caller.buys.is_some() {
        return Some("sold");
    }
    if matches!(view.dialect, Dialect::OpenaiEmbeddings | Dialect::Gemini) {
        return Some("dialect");
    }
    if settings.share != CacheShare::Everyone && request.caller.id.is_empty() {
        return Some("anonymous");
    }
    if says(request.headers, "no-store") {
        return Some("no-store");
    }
    if request.continued {
        return Some("continued");
    }
    if tools() {
        return Some("tools");
    }
    if many() {
        return Some("choices");
    }
    if request.masked || request.decided.heard.personal() {
        return Some("personal");
    }
    let soon_old = view.last_user().is_some_and(|m| m.text.iter().any(|t| guard::soon_old(&view.text(*t))));
    soon_old.then_some("soon_old")
}

/// Whether the caller wants an answer that was not kept.
pub(super) fn wants_fresh(headers: &HeaderMap) -> bool {
    says(headers, "no-cache")
}

/// Whether `cache-control` has this word (RFC 9111, section 5.2.1).
fn says(headers: &HeaderMap, word: &str) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|said| said.trim().eq_ignore_ascii_case(word))
}

/// Makes the keys of a request.
pub(super) fn asked(request: &Request<'_>, settings: &CacheSettings) -> Asked {
    let view = request.view;
    let text = last_question(view);
    let question = text.map(|text| view.text(text).into_owned());
    let rules = &settings.rules;
    let category = match &question {
        Some(text) if !rules.categories.is_empty() => content::subject(text),
        _ => "other",
    };
    let question =
        question.filter(|text| text.len() <= guard::TEXT_MAX && rules.threshold(category).is_some());
    let span =
        text.filter(|_| question.is_some()).map(|text| text.span.start as usize..text.span.end as usize);
    let names: Vec<_> = view.members.iter().map(|(name, _)| view.text(*name)).collect();
    let values = view.members.iter().map(|(_, value)| value.start as usize..value.end as usize);
    let members = names.iter().map(AsRef::as_ref).zip(values).collect();
    let parts = Parts { body: &view.body, members, question: span };
    Asked {
        keys: Keys::of(&scope(request, settings), &parts),
        question: question.map(|text| {
            let gist = Gist::of(&text);
            (text, gist)
        }),
        category,
        ttl_s: rules.ttl_s(category),
    }
}

/// The one text of the last message, where that is the user's.
fn last_question(view: &RequestView) -> Option<TextSpan> {
    let last = view.messages.last().filter(|m| m.role == Role::User && m.images == 0)?;
    let [text] = last.text[..] else { return None };
    Some(text)
}

/// Everything beside the request that changes an answer, or whose answer it is.
fn scope(request: &Request<'_>, settings: &CacheSettings) -> Scope {
    let (snapshot, caller, view) = (request.snapshot, request.caller, request.view);
    let owner = match settings.share {
        CacheShare::Everyone => String::new(),
        CacheShare::Tenant if !caller.tenant.is_empty() => format!("tenant {}", caller.tenant),
        CacheShare::Tenant | CacheShare::Caller => format!("caller {}", caller.id),
    };
    let tenant = if settings.share == CacheShare::Everyone { "" } else { &*caller.tenant };
    let model = |offer: &crate::pipeline::choose::Offer| {
        let name = snapshot.models.get(offer.model).map_or("", |model| &*model.name);
        format!("{name} {:?}", offer.effort)
    };
    let models: Vec<String> = request.plan.order.iter().map(model).collect();
    let sent = request.headers.iter().filter(|(name, _)| outgoing::passes(name, true));
    let sent = sent.filter(|(name, _)| {
        let name = name.as_str();
        !SILENT.contains(&name) && !SILENT_KINDS.iter().any(|kind| name.starts_with(kind))
    });
    let headers: Vec<String> =
        sent.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
    let encoder = request.shared.encoder.as_ref().map(|pool| pool.encoder().card().digest.to_string());
    Scope::default()
        .part("version", "1")
        .part("owner", owner)
        .part("tenant", tenant)
        .words("roles", caller.roles.iter().map(String::as_str))
        .words("groups", caller.groups.iter().map(String::as_str))
        .words("scopes", caller.scopes.iter().map(String::as_str))
        .part("kind", caller.kind.as_str())
        .part("dialect", view.dialect.word())
        .part("policy", snapshot.policy.digest().to_string())
        .part("route", request.decided.route.name.as_str())
        .part("served", snapshot.served.to_string())
        .words("models", models.iter().map(String::as_str))
        .words("headers", headers.iter().map(String::as_str))
        .part("encoder", encoder.unwrap_or_default())
}
