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
        for list in Dialect::ALL.iter().map(|dialect| own(*dialect)) {
            assert!(list.is_sorted() && list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
        }
    }
}
