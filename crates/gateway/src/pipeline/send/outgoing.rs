//! Where a request goes, and headers on their way up and down: what is the caller's goes on, what is ours or a secret does not.

use crate::fleet::{Site, credentials};
use crate::pipeline::members::{self, Carried};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SERVER, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tollgate_core::Fault;
use tollgate_net::headers::strip_hop_by_hop;
use tollgate_net::upstream::Outgoing;
use tollgate_policy::HeaderEdit;
use tollgate_wire::Dialect;

/// How many headers of ours an answer usually has, with its type.
const OWN_HEADERS: usize = 9;
/// Answer headers that end here; the type is set anew for every answer.
const ENDING: &[HeaderName] = &[SET_COOKIE, CONTENT_LENGTH, CONTENT_TYPE, SERVER];
/// x402's headers, of both versions, and the task of a receipt: a payment is between its payer and this gateway.
const PAYMENT: &[&str] = &[
    "payment-required",
    "payment-response",
    "payment-signature",
    "tollgate-task",
    "x-payment",
    "x-payment-response",
];
/// The prefix of our own headers.
pub(crate) const OURS: &str = "x-tollgate-";

/// A request to the path at which a site takes what is asked.
pub(crate) fn envelope(site: &Site, dialect: Dialect, model: &str, stream: bool) -> Result<Outgoing, Fault> {
    if let Some(path) = site.path(dialect) {
        return Ok(Outgoing::to(Method::POST, path));
    }
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let path = site.provider.row.path(dialect).unwrap_or_default();
    let path = path.replace("{model}", model).replace("{stream}", method);
    Outgoing::new(Method::POST, &site.url.path(&path)).map_err(|e| Fault::internal(e.to_string()))
}

/// The headers of one attempt: the caller's, as far as they are carried, with the provider's, the policy's and the key.
/// What is not carried is told in `lost`.
pub(crate) fn headers(
    caller: &HeaderMap,
    site: &Site,
    same_dialect: bool,
    edits: &[HeaderEdit],
    trace: HeaderValue,
    (carried, lost): (Carried, &mut Vec<String>),
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::with_capacity(caller.len() + 4);
    for (name, value) in caller {
        if passes(name, same_dialect) {
            headers.append(name.clone(), value.clone());
        }
    }
    strip_hop_by_hop(&mut headers);
    let gone = members::withhold_headers(&mut headers, carried);
    lost.extend(gone.iter().map(|name| members::told("header", name.as_str(), carried.why())));
    for (name, value) in site.provider.row.quirks.headers {
        if !headers.contains_key(*name) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    for edit in edits {
        match edit {
            HeaderEdit::Set { name, value } => {
                let bad = || Fault::internal(format!("the policy's header {name:?} cannot be sent"));
                let name = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
                headers.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
            }
            HeaderEdit::Remove { name } => drop(headers.remove(name.as_str())),
        }
    }
    for (name, value) in &site.provider.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("traceparent"), trace);
    if let Some((name, value)) = credentials(site) {
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Whether a caller's header goes upstream: no credentials for us, none of our own vocabulary, and nothing that would
/// make the answer unreadable here (compression), misstate the body's length or lie about its way.
pub(crate) fn passes(name: &HeaderName, same_dialect: bool) -> bool {
    let text = name.as_str();
    let withheld = matches!(
        text,
        "authorization"
            | "cookie"
            | "forwarded"
            | "host"
            | "accept-encoding"
            | "content-length"
            | "content-type"
            | "expect"
            | "x-api-key"
            | "api-key"
            | "x-goog-api-key"
            | "openai-organization"
            | "openai-project"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-proto"
            | "x-real-ip"
            | "traceparent"
    );
    let foreign = !same_dialect && (text.starts_with("anthropic-") || text.starts_with("openai-"));
    !(withheld || foreign || is_ours(text))
}

/// Whether a header is between a caller and this gateway, in either direction.
fn is_ours(name: &str) -> bool {
    name.starts_with(OURS) || PAYMENT.contains(&name)
}

/// An upstream's answer headers, less what ends here or was never meant for the caller, with room for ours.
pub(crate) fn clean_answer(mut headers: HeaderMap) -> HeaderMap {
    strip_hop_by_hop(&mut headers);
    let mut kept = HeaderMap::with_capacity(headers.len() + OWN_HEADERS);
    for (name, value) in &headers {
        if !ENDING.contains(name) && !is_ours(name.as_str()) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;
    use crate::fleet::Fleet;
    use tollgate_core::{Seed, Tick};

    fn site_headers(kind: &str, caller: &[(&'static str, &'static str)], edits: &[HeaderEdit]) -> HeaderMap {
        let secret = std::env::temp_dir().join(format!("tollgate-headers-{}-{kind}", std::process::id()));
        std::fs::write(&secret, "provider-key").unwrap();
        let text = format!(
            "providers: [{{name: p, kind: {kind}, key: 'file:{}', headers: {{x-team: core}}}}]\nmodels: [{{name: m, provider: p}}]",
            secret.display()
        );
        let settings = read(&text, "t.yaml".as_ref()).unwrap();
        std::fs::remove_file(&secret).unwrap();
        let fleet = Fleet::build(&settings.pools, &settings.timeouts, None, Seed(1), Tick(0)).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in caller {
            map.append(*name, HeaderValue::from_static(value));
        }
        let (trace, all) = (HeaderValue::from_static("t"), (Carried::All, &mut Vec::new()));
        headers(&map, &fleet.pools[0].sites[0], true, edits, trace, all).unwrap()
    }

    #[test]
    fn our_secrets_and_identity_headers_never_go_up() {
        let caller = [
            ("authorization", "Bearer tg-secret"),
            ("x-api-key", "tg-secret"),
            ("x-tollgate-caller", "boss"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("accept-encoding", "gzip"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-custom", "kept"),
        ];
        let up = site_headers("openai", &caller, &[]);
        assert_eq!(up["authorization"], "Bearer provider-key");
        assert_eq!(
            (&up["x-custom"], &up["x-team"]),
            (&HeaderValue::from_static("kept"), &HeaderValue::from_static("core"))
        );
        let text = format!("{up:?}");
        for gone in ["tg-secret", "boss", "a=b", "1.2.3.4", "gzip", "x-hop"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert!(!text.contains("provider-key"), "the key is marked sensitive");
    }

    #[test]
    fn payments_go_neither_up_nor_come_down() {
        let caller: Vec<_> =
            PAYMENT.iter().map(|name| (*name, "paid")).chain([("x-custom", "kept")]).collect();
        let up = site_headers("openai", &caller, &[]);
        assert!(!format!("{up:?}").contains("paid"), "{up:?}");
        let pairs = caller
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let down = clean_answer(pairs.collect());
        assert_eq!(down.keys().collect::<Vec<_>>(), ["x-custom"]);
    }

    #[test]
    fn quirks_keys_and_policy_edits_are_applied() {
        let edits = [
            HeaderEdit::Set { name: "x-tier".into(), value: "gold".into() },
            HeaderEdit::Remove { name: "x-debug".into() },
        ];
        let up = site_headers("anthropic", &[("x-debug", "1"), ("anthropic-beta", "b")], &edits);
        assert_eq!(
            (&up["x-api-key"], &up["anthropic-version"]),
            (&HeaderValue::from_static("provider-key"), &HeaderValue::from_static("2023-06-01"))
        );
        assert_eq!(
            (&up["x-tier"], &up["anthropic-beta"]),
            (&HeaderValue::from_static("gold"), &HeaderValue::from_static("b"))
        );
        assert!(!up.contains_key("x-debug"));
    }
}
