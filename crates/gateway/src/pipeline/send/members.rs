//! What of a governed request goes to a provider: members and headers that are known to change nothing governed.
//!
//! A proxy upstream may read its own members and headers out of a request and send it elsewhere, to another model, with
//! another tool or at another price. Such names cannot be listed to the end, so where governance restricts a request the
//! list is of what may go: the dialect's own members, those of the provider's row and those that the configuration adds.
//! The rest is taken out and told as lost. Invariant: without governance nothing is taken out.

use super::closed::is_closed;
use crate::config::Provider;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_wire::Dialect;
use tollgate_wire::members::is_own;
use tollgate_wire::view::RequestView;

/// Headers that a governed request may carry up. `anthropic-beta` and `openai-beta` only unlock members.
const HEADERS: &[&str] = &[
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "http-referer",
    "idempotency-key",
    "openai-beta",
    "tracestate",
    "user-agent",
    "x-client-request-id",
    "x-request-id",
    "x-session-id",
    "x-title",
];
/// Headers of SDKs that only describe the client.
const HEADERS_START: &str = "x-stainless-";
/// Headers of a buyer that go up.
const SOLD: &[&str] = &["accept", "anthropic-version"];
/// Starts of the headers by which the APIs themselves unlock features, or choose whose account is used.
const VENDORS: &[&str] = &["anthropic-", "openai-"];

/// The first header of a buyer that would unlock something at the provider: such a request is refused, for it would be answered
/// as another one.
pub(crate) fn unlocks(headers: &HeaderMap) -> Option<&str> {
    let names = headers.keys().map(HeaderName::as_str);
    let vendor = |name: &str| VENDORS.iter().any(|start| name.starts_with(start));
    names.into_iter().find(|name| vendor(name) && !SOLD.contains(name))
}

/// Which of the caller's headers go up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carried {
    /// All but those that are ours.
    All,
    /// Those that are known to describe the client alone: something governs the request.
    Known,
    /// Those that an answer needs: the caller buys it, and is nobody.
    Sold,
    /// Those in which nobody can say anything: the request is masked, or the policy knows classes of data, which do not read
    /// headers.
    Closed,
}

/// Names of the members that do not go to this provider, each once.
pub(crate) fn withheld(view: &RequestView, provider: &Provider) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (key, _) in &view.members {
        let name = view.text(*key);
        let goes = is_own(view.dialect, &name)
            || provider.row.carries.contains(&&*name)
            || provider.carries.iter().any(|held| **held == *name);
        if !goes && !names.iter().any(|held| **held == *name) {
            names.push(name.into_owned());
        }
    }
    names
}

/// Takes the headers out that do not go; their names.
pub(crate) fn withhold_headers(headers: &mut HeaderMap, carried: Carried) -> Vec<HeaderName> {
    let goes = |(name, value): (&HeaderName, &HeaderValue)| match carried {
        Carried::All => true,
        Carried::Known => HEADERS.contains(&name.as_str()) || name.as_str().starts_with(HEADERS_START),
        Carried::Sold => SOLD.contains(&name.as_str()),
        Carried::Closed => is_closed(name.as_str(), value.as_bytes()),
    };
    let mut gone: Vec<HeaderName> =
        headers.iter().filter(|header| !goes(*header)).map(|(name, _)| name.clone()).collect();
    gone.dedup();
    gone.iter().for_each(|name| while headers.remove(name).is_some() {});
    gone
}

/// Starts of Anthropic's flags that change neither the window, its price, nor what the provider runs by itself.
const FLAGS: &[&str] = &[
    "computer-use-",
    "fine-grained-tool-streaming-",
    "prompt-caching-",
    "structured-outputs-",
    "token-efficient-tools-",
];

/// Takes out the flags that may cost more than the declared window and prices say, for where a ceiling of cost binds; those
/// that are gone.
pub(crate) fn withhold_flags(headers: &mut HeaderMap) -> Vec<String> {
    let name = HeaderName::from_static("anthropic-beta");
    let all: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
    let flags = all.iter().flat_map(|value| value.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let kept = |flag: &&[u8]| FLAGS.iter().any(|start| flag.starts_with(start.as_bytes()));
    let (stay, gone): (Vec<&[u8]>, Vec<&[u8]>) = flags.filter(|flag| !flag.is_empty()).partition(kept);
    if !gone.is_empty() {
        headers.remove(&name);
        if let Some(value) = HeaderValue::from_bytes(&stay.join(&b","[..])).ok().filter(|_| !stay.is_empty())
        {
            headers.insert(name, value);
        }
    }
    gone.into_iter().map(|flag| String::from_utf8_lossy(flag).chars().take(64).collect()).collect()
}

impl Carried {
    /// Why a header stays here.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::All | Self::Known => ROUTES,
            Self::Sold => "of a buyer only what the answer needs goes to the provider",
            Self::Closed => "what is said in headers is not read, and data has classes here or is masked",
        }
    }
}

/// Why a flag stays here.
pub(crate) const PRICED: &str =
    "a ceiling of cost binds, and what the flag does to window and price is not known";
/// Why a member stays here.
pub(crate) const ROUTES: &str = "governance restricts this request, and the provider may route by it";

/// Why a background answer is an ordinary one here.
pub(crate) const AT_ONCE: &str = "answers come at once here; it can be read again as any other";

/// The member by which a request of the Responses dialect asks to be answered later: the provider would answer that it has
/// begun, and keep under a name that nobody here knows what it does then, and bills.
pub(crate) fn later(view: &RequestView) -> Option<&'static str> {
    const LATER: &str = "background";
    let asked = view.dialect == Dialect::OpenaiResponses
        && view.member(LATER).is_some_and(|span| view.bytes(span) == b"true");
    asked.then_some(LATER)
}

/// How something that stays is told.
pub(crate) fn told(what: &str, name: &str, why: &str) -> String {
    /// Most characters of a name that are told: the caller chose it.
    const SHOWN: usize = 64;
    let name: String = name.chars().take(SHOWN).collect();
    format!("{what} {name} withheld: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_route_stay_here() {
        let mut headers = HeaderMap::new();
        for name in ["accept", "x-stainless-os", "x-portkey-config", "helicone-target-url", "x-litellm-tags"]
        {
            headers.append(name, HeaderValue::from_static("a"));
            headers.append(name, HeaderValue::from_static("b"));
        }
        let mut gone: Vec<_> =
            withhold_headers(&mut headers, Carried::Known).iter().map(ToString::to_string).collect();
        gone.sort();
        assert_eq!(gone, ["helicone-target-url", "x-litellm-tags", "x-portkey-config"]);
        assert_eq!(headers.len(), 4);
    }

    #[test]
    fn nothing_is_said_in_headers_where_data_has_classes() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "text/event-stream, application/json;q=0.9"),
            ("anthropic-beta", "files-api-2025-04-14,ada@example.org"),
            ("user-agent", "OpenAI/Python 2.0"),
            ("x-title", "Ada"),
            ("x-stainless-os", "Linux"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        withhold_headers(&mut headers, Carried::Closed);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["accept"]);
    }
}
