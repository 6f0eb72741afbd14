//! Who sends the request: a key, a trusted hop's word, or nobody.
//!
//! Identity headers (`x-tollgate-caller`, `-roles`, `-groups`, `-tenant`, `-scopes`) and `x-tollgate-kind` count only from a peer that the
//! configuration trusts; from anyone else they are ignored, and they are never sent upstream.

use crate::config::settings::AuthSettings;
use crate::config::written::AuthMode;
use http::HeaderMap;
use std::net::IpAddr;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_store::budget::Payer;
use tollgate_store::{KeyRefusal, KeyRing, VirtualKey};

/// Most words in one identity header.
const WORDS_MAX: usize = 64;

/// A caller, as far as it proved who it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The key, when one was given.
    pub(crate) key: Option<Arc<VirtualKey>>,
    /// Id for logs, budgets and stored objects: the key's, a trusted hop's word, or empty.
    pub(crate) id: Arc<str>,
    /// Roles.
    pub(crate) roles: Vec<String>,
    /// Groups.
    pub(crate) groups: Vec<String>,
    /// Tenant, empty when none.
    pub(crate) tenant: Arc<str>,
    /// Scopes.
    pub(crate) scopes: Vec<String>,
    /// The kind of work, where a trusted hop states it.
    pub(crate) kind: String,
    /// The models of which a caller without a key buys, where models are sold.
    pub(crate) buys: Option<Arc<[String]>>,
}

impl Caller {
    /// Whether this caller may ask for `model`.
    pub(crate) fn allows_model(&self, model: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.allows_model(model)) && self.buys_model(model)
    }

    /// Whether `model` is sold, where this caller is a buyer.
    pub(crate) fn buys_model(&self, model: &str) -> bool {
        self.buys.as_ref().is_none_or(|sold| sold.iter().any(|name| name == model))
    }

    /// Whose budgets pay.
    pub(crate) fn payer(&self) -> Payer {
        let some = |text: &Arc<str>| (!text.is_empty()).then(|| text.clone());
        Payer { key: some(&self.id), tenant: some(&self.tenant) }
    }

    /// As the signals crate wants it.
    pub(crate) fn facts(&self) -> tollgate_signals::Caller<'_> {
        tollgate_signals::Caller {
            key_id: &self.id,
            roles: &self.roles,
            groups: &self.groups,
            tenant: &self.tenant,
            scopes: &self.scopes,
        }
    }
}

/// The header in which a trusted hop states the kind of work.
const KIND_HEADER: &str = "x-tollgate-kind";

/// Finds out who sends the request.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    peer: IpAddr,
    settings: &AuthSettings,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Caller, Fault> {
    let trusted = settings.trusted_hops.iter().any(|hop| hop.contains(peer));
    let mut caller = identify(headers, trusted, settings.mode, keys, now)?;
    if !trusted && settings.mode == AuthMode::Open {
        no_foreign_page(headers, peer, &settings.origins)?;
    }
    if trusted {
        text(headers, KIND_HEADER).clone_into(&mut caller.kind);
    }
    Ok(caller)
}

/// A gateway that asks for no key answers programs, and no page of another site that a browser on this machine shows: such a
/// page can send requests to it without being asked, and a site whose name it lets point here (DNS rebinding) can read the
/// answers too. Programs send none of these headers, and call this machine by its address or as `localhost`.
fn no_foreign_page(headers: &HeaderMap, peer: IpAddr, origins: &[String]) -> Result<(), Fault> {
    let refuse = |field: &'static str, why: String| {
        let message =
            format!("{why}; name the origin in `auth.origins`, or ask for keys with `auth: {{mode: keys}}`");
        Err(Fault::caller(FaultKind::Forbidden, message).at(field))
    };
    let host = text(headers, "host");
    match headers.get(http::header::ORIGIN) {
        Some(origin) => {
            let origin = origin.to_str().unwrap_or_default();
            let own = origin.split_once("://").is_some_and(|(_, at)| at == host);
            if !own && !origins.iter().any(|known| known == origin) {
                return refuse("origin", "a page of another site must not use an open gateway".into());
            }
        }
        None if matches!(text(headers, "sec-fetch-site"), "cross-site" | "same-site") => {
            return refuse("sec-fetch-site", "a page of another site must not use an open gateway".into());
        }
        None => {}
    }
    let known = |origin: &String| origin.split_once("://").is_some_and(|(_, at)| at == host);
    if peer.is_loopback() && !host.is_empty() && !is_here(host) && !origins.iter().any(known) {
        return refuse(
            "host",
            "an open gateway is called by an address or as localhost on its own machine".into(),
        );
    }
    Ok(())
}

/// Whether a host is an address or `localhost`: what no site can let point elsewhere.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn identify(
    headers: &HeaderMap,
    trusted: bool,
    mode: AuthMode,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Caller, Fault> {
    if let Some(secret) = presented(headers) {
        match keys.find(secret, now) {
            Ok(key) => return Ok(of_key(key)),
            // Clients send some key always; where none is needed, an unknown one means nobody.
            Err(KeyRefusal::Unknown) if mode == AuthMode::Open => {}
            // No more than that: which of unknown, revoked and expired it is helps only somebody who guesses.
            Err(_) => return Err(Fault::caller(FaultKind::Unauthenticated, "the key is not accepted")),
        }
    }
    if trusted && headers.contains_key("x-tollgate-caller") {
        return of_hop(headers);
    }
    match mode {
        AuthMode::Open => Ok(Caller::default()),
        AuthMode::Keys => {
            let message = "no key was given; send `authorization: Bearer KEY` or `x-api-key: KEY`";
            Err(Fault::caller(FaultKind::Unauthenticated, message))
        }
    }
}

/// The secret that the caller shows, wherever its dialect puts it.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer =
        bearer.and_then(|v| v.get(..7).filter(|p| p.eq_ignore_ascii_case("bearer ")).and(v.get(7..)));
    let named =
        || ["x-api-key", "api-key", "x-goog-api-key"].iter().find_map(|n| headers.get(*n)?.to_str().ok());
    bearer.or_else(named).map(str::trim).filter(|secret| !secret.is_empty())
}

fn of_key(key: Arc<VirtualKey>) -> Caller {
    let spec = &key.spec;
    Caller {
        id: key.id.as_str().into(),
        roles: spec.roles.clone(),
        groups: spec.groups.clone(),
        tenant: spec.tenant.as_deref().unwrap_or_default().into(),
        scopes: spec.scopes.clone(),
        key: Some(key),
        kind: String::new(),
        buys: None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Headers in which a trusted hop states who the caller is.
const IDENTITY: [&str; 5] =
    ["x-tollgate-caller", "x-tollgate-roles", "x-tollgate-groups", "x-tollgate-tenant", "x-tollgate-scopes"];

fn of_hop(headers: &HeaderMap) -> Result<Caller, Fault> {
    // A hop that adds to what a caller wrote, instead of setting it, lets every caller name its own roles.
    if let Some(name) = IDENTITY.iter().find(|name| headers.get_all(**name).iter().nth(1).is_some()) {
        let message = format!("{name} is given twice: the trusted hop must set it, not add one");
        return Err(Fault::caller(FaultKind::Unauthenticated, message));
    }
    let words = |name: &str| {
        let words = text(headers, name).split(',').map(str::trim).filter(|w| !w.is_empty());
        words.take(WORDS_MAX).map(str::to_owned).collect()
    };
    Ok(Caller {
        key: None,
        id: text(headers, "x-tollgate-caller").into(),
        roles: words("x-tollgate-roles"),
        groups: words("x-tollgate-groups"),
        tenant: text(headers, "x-tollgate-tenant").into(),
        scopes: words("x-tollgate-scopes"),
        kind: String::new(),
        buys: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Network;
    use http::HeaderValue;
    use tollgate_store::{KeySpec, Location, Secret, Store, StoreConfig};

    fn settings(mode: AuthMode, hops: &[&str]) -> AuthSettings {
        let trusted_hops = hops.iter().map(|h| Network::parse(h).unwrap()).collect();
        AuthSettings { mode, admin: None, trusted_hops, origins: Vec::new() }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (http::HeaderName::from_static(n), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    #[test]
    fn identity_headers_count_only_from_a_trusted_hop() {
        let spoofed = headers(&[
            ("x-tollgate-caller", "boss"),
            ("x-tollgate-roles", "admin, staff"),
            ("x-tollgate-kind", "batch"),
        ]);
        let ring = KeyRing::default();
        let ask = |peer: &str, mode, hops: &[&str]| {
            authenticate(&spoofed, peer.parse().unwrap(), &settings(mode, hops), &ring, Timestamp(0))
        };
        let trusted = ask("10.1.2.3", AuthMode::Keys, &["10.0.0.0/8"]).unwrap();
        assert_eq!((&*trusted.id, trusted.roles.len(), &*trusted.kind), ("boss", 2, "batch"));
        let stranger = ask("11.0.0.1", AuthMode::Open, &["10.0.0.0/8"]).unwrap();
        assert!(stranger.id.is_empty() && stranger.roles.is_empty() && stranger.kind.is_empty());
        assert!(ask("11.0.0.1", AuthMode::Keys, &["10.0.0.0/8"]).is_err());
    }

    #[test]
    fn an_identity_header_that_comes_twice_is_refused() {
        let mut twice = headers(&[("x-tollgate-caller", "a"), ("x-tollgate-roles", "boss")]);
        twice.append("x-tollgate-roles", HeaderValue::from_static("visitor"));
        let hop = settings(AuthMode::Open, &["10.0.0.0/8"]);
        let refused = authenticate(&twice, [10, 0, 0, 1].into(), &hop, &KeyRing::default(), Timestamp(0));
        assert!(refused.unwrap_err().message.contains("x-tollgate-roles is given twice"));
        let stranger = authenticate(&twice, [11, 0, 0, 1].into(), &hop, &KeyRing::default(), Timestamp(0));
        assert!(stranger.unwrap().roles.is_empty(), "of a stranger they do not count at all");
    }

    #[test]
    fn keys_are_found_wherever_a_dialect_puts_them() {
        let store = Store::open(&Location::Memory, StoreConfig::default()).unwrap();
        let secret = Secret::from_bytes(&[7; 32]);
        let spec = KeySpec { roles: vec!["r".into()], models: vec!["sim-*".into()], ..KeySpec::named("k") };
        let key =
            store.create_key(tollgate_core::id::KeyId::from_bits(1), spec, &secret, Timestamp(0)).unwrap();
        let ring = store.keys();
        let bearer = format!("bearer {}", secret.reveal());
        for pairs in [[("authorization", bearer.as_str())], [("x-api-key", secret.reveal())]] {
            let strict = settings(AuthMode::Keys, &[]);
            let caller =
                authenticate(&headers(&pairs), [127, 0, 0, 1].into(), &strict, &ring, Timestamp(1)).unwrap();
            assert_eq!(
                (&*caller.id, caller.roles.as_slice()),
                (key.id.as_str(), ["r".to_owned()].as_slice())
            );
            assert!(caller.allows_model("sim-small") && !caller.allows_model("gpt"));
        }
        let wrong = headers(&[("authorization", "Bearer tg-nope")]);
        let ask =
            |mode| authenticate(&wrong, [127, 0, 0, 1].into(), &settings(mode, &[]), &ring, Timestamp(1));
        assert_eq!(ask(AuthMode::Keys).unwrap_err().kind, FaultKind::Unauthenticated);
        assert!(ask(AuthMode::Open).unwrap().key.is_none(), "an SDK always sends some key");
    }
}
