//! What of a governed request goes to a provider: members and headers that are known to change nothing governed.
//!
//! A proxy upstream may read its own members and headers out of a request and send it elsewhere, to another model, with
//! another tool or at another price. Such names cannot be listed to the end, so where governance restricts a request the
//! list is of what may go: the dialect's own members, those of the provider's row and those that the configuration adds.
//! The rest is taken out and told as lost. Invariant: without governance nothing is taken out.

use crate::config::Provider;
use http::{HeaderMap, HeaderName};
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

/// Members of OpenAI's chat API and sampling parameters that servers commonly add. Not `service_tier`, which changes the
/// price, nor `web_search_options`, which sends words to a search.
const CHAT: &[&str] = &[
    "audio",
    "best_of",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "min_p",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "safety_identifier",
    "seed",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];
/// Members of the Responses API. Not `service_tier`, nor `background`: its answer is fetched past this gateway.
const RESPONSES: &[&str] = &[
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
/// Members of the Messages API. Not `service_tier`, `speed` and `inference_geo`, which change price and region, nor
/// `mcp_servers` and `container`, which bring tools.
const MESSAGES: &[&str] = &[
    "cache_control",
    "context_management",
    "max_tokens",
    "messages",
    "model",
    "output_config",
    "output_format",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
const EMBEDDINGS: &[&str] = &["dimensions", "encoding_format", "input", "model", "user"];
const GEMINI: &[&str] = &[
    "contents",
    "generationConfig",
    "generation_config",
    "safetySettings",
    "safety_settings",
    "systemInstruction",
    "system_instruction",
    "toolConfig",
    "tool_config",
    "tools",
];

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

const fn own(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat => CHAT,
        Dialect::OpenaiResponses => RESPONSES,
        Dialect::Anthropic => MESSAGES,
        Dialect::OpenaiEmbeddings => EMBEDDINGS,
        Dialect::Gemini => GEMINI,
    }
}

/// Names of the members that do not go to this provider, each once.
pub(crate) fn withheld(view: &RequestView, provider: &Provider) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (key, _) in &view.members {
        let name = view.text(*key);
        let goes = own(view.dialect).contains(&&*name)
            || provider.row.carries.contains(&&*name)
            || provider.carries.iter().any(|held| **held == *name);
        if !goes && !names.iter().any(|held| **held == *name) {
            names.push(name.into_owned());
        }
    }
    names
}

/// Takes the headers out that are not known to change nothing; their names.
pub(crate) fn withhold_headers(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let goes = |name: &str| HEADERS.contains(&name) || name.starts_with(HEADERS_START);
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !goes(name.as_str())).cloned().collect();
    gone.iter().for_each(|name| while headers.remove(name).is_some() {});
    gone
}

/// How a member that stays here is told.
pub(crate) fn told(what: &str, name: &str) -> String {
    /// Most characters of a name that are told: the caller chose it.
    const SHOWN: usize = 64;
    let name: String = name.chars().take(SHOWN).collect();
    format!("{what} {name} withheld: governance restricts this request, and the provider may route by it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_hold_nothing_twice() {
        for list in [CHAT, RESPONSES, MESSAGES, EMBEDDINGS, GEMINI, HEADERS] {
            assert!(list.is_sorted() && list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
        }
    }

    #[test]
    fn headers_that_route_stay_here() {
        let mut headers = HeaderMap::new();
        for name in ["accept", "x-stainless-os", "x-portkey-config", "helicone-target-url", "x-litellm-tags"]
        {
            headers.append(name, http::HeaderValue::from_static("a"));
            headers.append(name, http::HeaderValue::from_static("b"));
        }
        let mut gone: Vec<_> = withhold_headers(&mut headers).iter().map(ToString::to_string).collect();
        gone.sort();
        assert_eq!(gone, ["helicone-target-url", "x-litellm-tags", "x-portkey-config"]);
        assert_eq!(headers.len(), 4);
    }
}
