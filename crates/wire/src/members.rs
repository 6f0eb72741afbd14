//! Members of a request that a dialect itself defines, and that change nothing but the answer.
//!
//! Left out are those of its own that choose model, place or price, or that bring tools beside `tools`: a list of what may pass
//! can hold none of them. Source: the references of the four APIs.

use crate::Dialect;

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

/// For callers who pay for each answer and whom nobody knows: what a dialect needs for text, and nothing that its APIs and the
/// servers behind them may read as another model, place, price, tool or account. Not `user`, `metadata` and `prompt_cache_key`, by
/// which proxies route, nor `prediction`, whose tokens are billed beside the answer's.
const CHAT_TEXT: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "min_p",
    "model",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "verbosity",
];
const RESPONSES_TEXT: &[&str] = &[
    "input",
    "instructions",
    "max_output_tokens",
    "model",
    "parallel_tool_calls",
    "reasoning",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
];
const MESSAGES_TEXT: &[&str] = &[
    "max_tokens",
    "messages",
    "model",
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
const EMBEDDINGS_TEXT: &[&str] = &["dimensions", "encoding_format", "input", "model"];
/// What may stand inside such a member that is an object; others hold words and schemas of the caller's alone.
const INSIDE: &[(&str, &[&str])] = &[
    ("reasoning", &["effort", "summary"]),
    ("stream_options", &["include_obfuscation", "include_usage"]),
    ("text", &["format", "verbosity"]),
    ("thinking", &["budget_tokens", "display", "type"]),
];

const fn text(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat => CHAT_TEXT,
        Dialect::OpenaiResponses => RESPONSES_TEXT,
        Dialect::Anthropic => MESSAGES_TEXT,
        Dialect::OpenaiEmbeddings => EMBEDDINGS_TEXT,
        // Nobody is served in it.
        Dialect::Gemini => &[],
    }
}

/// Whether a member of this name is one that a dialect needs for text, and chooses neither model, place, price nor tools of the
/// provider's.
#[must_use]
pub fn is_text(dialect: Dialect, name: &str) -> bool {
    text(dialect).contains(&name)
}

/// What may stand inside a member that [`is_text`] lets pass; none where that is not held to a list.
#[must_use]
pub fn inside(name: &str) -> Option<&'static [&'static str]> {
    INSIDE.iter().find(|(member, _)| *member == name).map(|(_, inner)| *inner)
}

const fn own(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat => CHAT,
        Dialect::OpenaiResponses => RESPONSES,
        Dialect::Anthropic => MESSAGES,
        Dialect::OpenaiEmbeddings => EMBEDDINGS,
        Dialect::Gemini => GEMINI,
    }
}

/// Whether the dialect itself has a member of this name that changes nothing but the answer.
#[must_use]
pub fn is_own(dialect: Dialect, name: &str) -> bool {
    own(dialect).contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_hold_nothing_twice() {
        for list in Dialect::ALL.iter().flat_map(|dialect| [own(*dialect), text(*dialect)]) {
            assert!(list.is_sorted() && list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
        }
    }
}
