//! Who is the operator.

use super::basic::basic_password;
use crate::pipeline::presented;
use crate::worker::Worker;
use http::request::Parts;
use std::net::IpAddr;
use tollgate_core::{Fault, FaultKind};

/// The operator proves itself by the admin secret (as a bearer token, or as the password of HTTP Basic, which a browser
/// asks for), or by coming from this machine when no secret is set and nothing tells callers apart. Where callers need
/// keys, or hops are trusted, others come through proxies, and what a proxy on this machine passes on comes from this
/// machine too: then a secret is wanted. A page of another site that the operator's browser
/// shows must not act in its name, so foreign origins are refused in either case.
pub(super) fn operator(worker: &Worker, parts: &Parts, peer: IpAddr) -> Result<(), Fault> {
    let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
    let host = text("host").unwrap_or_default();
    let foreign_origin = text("origin").is_some_and(|o| o.split_once("://").is_none_or(|(_, at)| at != host));
    let changes = !matches!(parts.method, http::Method::GET | http::Method::HEAD);
    if foreign_origin || (changes && text("sec-fetch-site") == Some("cross-site")) {
        return Err(Fault::caller(FaultKind::Forbidden, "another site must not use this path"));
    }
    let snapshot = worker.shared().snapshot.load();
    if let Some(secret) = &snapshot.settings.auth.admin {
        let basic = basic_password(&parts.headers);
        let given = basic.as_deref().or_else(|| presented(&parts.headers)).unwrap_or_default();
        // Digests are compared, so the time says nothing about the secret.
        let same = tollgate_core::Digest::of(given.as_bytes())
            == tollgate_core::Digest::of(secret.expose().as_bytes());
        let message =
            "the admin secret is wanted: `authorization: Bearer SECRET`, or HTTP Basic with it as password";
        return if same { Ok(()) } else { Err(Fault::caller(FaultKind::Unauthenticated, message)) };
    }
    if snapshot.settings.auth.tells_callers_apart() {
        let message = "callers are told apart here, so the operator's paths want a secret: set `auth.admin` to `env:NAME` or \
                       `file:/path`, and send it as `authorization: Bearer SECRET`";
        return Err(Fault::caller(FaultKind::Forbidden, message));
    }
    // A proxy on this machine passes on what others ask.
    let by_proxy = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    if !peer.is_loopback() || by_proxy.iter().any(|name| parts.headers.contains_key(*name)) {
        let message = "without an admin secret this path answers only to this machine; set `auth.admin`";
        return Err(Fault::caller(FaultKind::Forbidden, message));
    }
    // A name that resolves to this machine only by a trick (DNS rebinding) is another site's.
    if !is_loopback_name(host) {
        return Err(Fault::caller(FaultKind::Forbidden, "another site must not use this path"));
    }
    Ok(())
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for good in ["localhost", "127.0.0.1:80", "[::1]:8080", "LOCALHOST:1"] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io"] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
