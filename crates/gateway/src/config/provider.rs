//! Providers as data: base URL, authentication, paths and quirks; dialects are code, providers are rows.
//!
//! A new compatible provider needs no code: `kind: openai_compatible` with a `base_url`. A row of its own only
//! saves typing.

use tollgate_wire::Dialect;

/// How a provider wants its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// The key alone in this header.
    Header(&'static str),
    /// No key.
    None,
}

/// By which member a provider's chat requests limit their output. Sources: the providers' references of their chat
/// completions; `max_completion_tokens` is OpenAI's later name of `max_tokens`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Both are read, or it is not known: `max_tokens` is written where a request has neither.
    Either,
    /// Both are read, never both at once, and newer models take `max_completion_tokens` alone.
    Completion,
    /// `max_tokens` alone is read.
    MaxTokens,
}

/// What deviates from the dialect's own description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quirks {
    /// It understands `stream_options.include_usage`, so that streams can be metered exactly.
    pub stream_usage: bool,
    /// Headers that every request needs.
    pub headers: &'static [(&'static str, &'static str)],
    /// The member of a chat request by which the output is limited.
    pub limit: Limit,
    /// What writing to its prompt cache costs, where it is billed apart from the input.
    pub cache_writes: Option<CacheWrites>,
}

/// What writing to a prompt cache costs, in percent of the price of input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheWrites {
    /// Entries of the usual life.
    pub percent: u64,
    /// Entries of an hour.
    pub hour_percent: u64,
}

/// Anthropic's: entries of five minutes and of an hour. Source: its guide to prompt caching, section on prices.
const MESSAGES_WRITES: CacheWrites = CacheWrites { percent: 125, hour_percent: 200 };

/// One row of the provider table.
#[derive(Clone, Copy, Debug)]
pub struct ProviderRow {
    /// The word for `kind:` in the configuration.
    pub kind: &'static str,
    /// Its usual base URL, without the paths below; absent when every installation has its own.
    pub base_url: Option<&'static str>,
    /// How it wants its key.
    pub auth: Auth,
    /// Dialects it speaks, preferred first, each with its path below the base URL. `{model}` stands for the
    /// upstream's model name and `{stream}` for Gemini's method.
    pub paths: &'static [(Dialect, &'static str)],
    /// Path of an inexpensive request that shows it is alive.
    pub probe: &'static str,
    /// Its quirks.
    pub quirks: Quirks,
    /// Members of a request, beside those of the dialect, that may go to it where governance restricts the request: they
    /// choose no other model, provider or region, bring no tools and change no price.
    pub carries: &'static [&'static str],
}

/// OpenAI's own `metadata` is only stored; proxies route by it.
const STORED: &[&str] = &["metadata"];
/// What engines add to sampling and templates. Not `kv_transfer_params` and `lora_path`: they name another place or model.
const ENGINE: &[&str] = &[
    "metadata",
    "add_generation_prompt",
    "add_special_tokens",
    "bad_words",
    "cache_prompt",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "ebnf",
    "echo",
    "format",
    "grammar",
    "guided_choice",
    "guided_decoding_backend",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "include_reasoning",
    "include_stop_str_in_output",
    "json_schema",
    "length_penalty",
    "min_tokens",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "mm_processor_kwargs",
    "prompt_logprobs",
    "regex",
    "return_tokens_as_token_ids",
    "separate_reasoning",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop_token_ids",
    "stream_reasoning",
    "structured_outputs",
    "think",
    "thinking_token_budget",
    "truncate_prompt_tokens",
    "typical_p",
];

const CHAT: (Dialect, &str) = (Dialect::OpenaiChat, "/v1/chat/completions");
const RESPONSES: (Dialect, &str) = (Dialect::OpenaiResponses, "/v1/responses");
const EMBEDDINGS: (Dialect, &str) = (Dialect::OpenaiEmbeddings, "/v1/embeddings");
const MESSAGES: (Dialect, &str) = (Dialect::Anthropic, "/v1/messages");
const CHAT_EMBED: &[(Dialect, &str)] = &[CHAT, EMBEDDINGS];
const PLAIN: Quirks = Quirks { stream_usage: true, headers: &[], limit: Limit::Either, cache_writes: None };

const OLD_LIMIT: Quirks = Quirks { limit: Limit::MaxTokens, ..PLAIN };
const NEW_LIMIT: Quirks = Quirks { limit: Limit::Completion, ..PLAIN };

const fn compatible(kind: &'static str, base_url: Option<&'static str>) -> ProviderRow {
    ProviderRow {
        kind,
        base_url,
        auth: Auth::Bearer,
        paths: CHAT_EMBED,
        probe: "/v1/models",
        quirks: PLAIN,
        carries: &[],
    }
}

/// The table. Base URLs are those that the providers document for their public endpoints.
pub const PROVIDERS: &[ProviderRow] = &[
    compatible("openai_compatible", None),
    ProviderRow {
        kind: "tollgate_sim",
        base_url: None,
        auth: Auth::None,
        paths: &[CHAT, RESPONSES, MESSAGES, (Dialect::Gemini, "/v1beta/models/{model}:{stream}"), EMBEDDINGS],
        probe: "/health",
        quirks: PLAIN,
        carries: ENGINE,
    },
    ProviderRow {
        probe: "/health",
        paths: &[CHAT, RESPONSES, EMBEDDINGS],
        carries: ENGINE,
        ..compatible("vllm", Some("http://127.0.0.1:8000"))
    },
    ProviderRow { probe: "/health", carries: ENGINE, ..compatible("sglang", Some("http://127.0.0.1:30000")) },
    ProviderRow {
        auth: Auth::None,
        probe: "/api/version",
        carries: ENGINE,
        quirks: OLD_LIMIT,
        ..compatible("ollama", Some("http://127.0.0.1:11434"))
    },
    ProviderRow {
        probe: "/health",
        carries: ENGINE,
        quirks: OLD_LIMIT,
        ..compatible("llama_cpp", Some("http://127.0.0.1:8080"))
    },
    ProviderRow {
        paths: &[CHAT, RESPONSES, EMBEDDINGS],
        carries: STORED,
        quirks: NEW_LIMIT,
        ..compatible("openai", Some("https://api.openai.com"))
    },
    // For models that their provider serves on no other path.
    ProviderRow {
        paths: &[RESPONSES],
        carries: STORED,
        ..compatible("openai_responses", Some("https://api.openai.com"))
    },
    ProviderRow {
        kind: "anthropic",
        base_url: Some("https://api.anthropic.com"),
        auth: Auth::Header("x-api-key"),
        paths: &[MESSAGES],
        probe: "/v1/models",
        quirks: Quirks {
            stream_usage: false,
            headers: &[("anthropic-version", "2023-06-01")],
            limit: Limit::Either,
            cache_writes: Some(MESSAGES_WRITES),
        },
        carries: STORED,
    },
    ProviderRow {
        kind: "gemini",
        base_url: Some("https://generativelanguage.googleapis.com"),
        auth: Auth::Header("x-goog-api-key"),
        paths: &[(Dialect::Gemini, "/v1beta/models/{model}:{stream}")],
        probe: "/v1beta/models",
        quirks: Quirks { stream_usage: false, ..PLAIN },
        carries: &[],
    },
    ProviderRow {
        auth: Auth::Header("api-key"),
        paths: &[
            (Dialect::OpenaiChat, "/openai/v1/chat/completions"),
            (Dialect::OpenaiResponses, "/openai/v1/responses"),
            (Dialect::OpenaiEmbeddings, "/openai/v1/embeddings"),
        ],
        probe: "/openai/v1/models",
        carries: STORED,
        quirks: NEW_LIMIT,
        ..compatible("azure_openai", None)
    },
    ProviderRow {
        paths: &[(Dialect::OpenaiChat, "/openai/v1/chat/completions")],
        probe: "/",
        ..compatible("bedrock", Some("https://bedrock-runtime.us-east-1.amazonaws.com"))
    },
    ProviderRow {
        paths: &[(Dialect::OpenaiChat, "/api/v1/chat/completions")],
        probe: "/api/v1/models",
        // Not `models`, `provider`, `route`, `preset`, `plugins` and `transforms`: they route, or change what is sent.
        carries: &["include_reasoning", "top_a", "usage"],
        ..compatible("openrouter", Some("https://openrouter.ai"))
    },
    // A proxy that routes by what the request says (`fallbacks`, `model_list`, `api_base`, `metadata`, `tags`).
    compatible("litellm", Some("http://127.0.0.1:4000")),
    ProviderRow {
        carries: &["prompt_mode", "random_seed", "safe_prompt"],
        quirks: OLD_LIMIT,
        ..compatible("mistral", Some("https://api.mistral.ai"))
    },
    ProviderRow {
        paths: &[(Dialect::OpenaiChat, "/openai/v1/chat/completions")],
        probe: "/openai/v1/models",
        carries: &["include_reasoning", "reasoning_format"],
        ..compatible("groq", Some("https://api.groq.com"))
    },
    ProviderRow {
        paths: &[CHAT],
        quirks: OLD_LIMIT,
        ..compatible("deepseek", Some("https://api.deepseek.com"))
    },
    ProviderRow { quirks: OLD_LIMIT, ..compatible("together", Some("https://api.together.xyz")) },
];

impl ProviderRow {
    /// The row of `kind`.
    #[must_use]
    pub fn find(kind: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|row| row.kind == kind)
    }

    /// The path for `dialect`, when the provider speaks it.
    #[must_use]
    pub fn path(&self, dialect: Dialect) -> Option<&'static str> {
        self.paths.iter().find(|(d, _)| *d == dialect).map(|(_, path)| *path)
    }

    /// The dialect to speak for a request that came in as `inbound`: the same when it can be, else the preferred.
    /// Embeddings translate into nothing.
    #[must_use]
    pub fn dialect_for(&self, inbound: Dialect) -> Option<Dialect> {
        if self.path(inbound).is_some() {
            return Some(inbound);
        }
        if inbound == Dialect::OpenaiEmbeddings {
            return None;
        }
        self.paths.iter().map(|(d, _)| *d).find(|d| *d != Dialect::OpenaiEmbeddings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_provider_of_the_promise_has_a_row() {
        let kinds: BTreeSet<_> = PROVIDERS.iter().map(|p| p.kind).collect();
        assert_eq!(kinds.len(), PROVIDERS.len(), "kinds are unique");
        let promised = "vllm sglang ollama llama_cpp openai anthropic gemini azure_openai bedrock openrouter mistral \
                        groq deepseek together openai_compatible";
        for kind in promised.split_whitespace() {
            assert!(kinds.contains(kind), "{kind}");
        }
        for row in PROVIDERS {
            assert!(row.paths.iter().all(|(_, path)| path.starts_with('/')), "{}", row.kind);
        }
    }

    #[test]
    fn each_provider_is_asked_where_and_with_the_key_where_it_wants_them() {
        let plain = "/v1/chat/completions";
        let (bearer, gemini) = (Auth::Bearer, "/v1beta/models/{model}:{stream}");
        let expected = [
            ("openai", plain, bearer),
            ("azure_openai", "/openai/v1/chat/completions", Auth::Header("api-key")),
            ("bedrock", "/openai/v1/chat/completions", bearer),
            ("openrouter", "/api/v1/chat/completions", bearer),
            ("groq", "/openai/v1/chat/completions", bearer),
            ("anthropic", "/v1/messages", Auth::Header("x-api-key")),
            ("gemini", gemini, Auth::Header("x-goog-api-key")),
            ("openai_responses", "/v1/responses", bearer),
            ("ollama", plain, Auth::None),
            ("tollgate_sim", plain, Auth::None),
        ];
        for row in PROVIDERS {
            let found = expected.iter().find(|(kind, ..)| *kind == row.kind);
            let (_, path, auth) = found.copied().unwrap_or((row.kind, plain, bearer));
            let dialect = row.dialect_for(Dialect::OpenaiChat).unwrap();
            assert_eq!((row.path(dialect), row.auth), (Some(path), auth), "{}", row.kind);
        }
    }

    #[test]
    fn the_same_dialect_is_kept_when_it_can_be() {
        let dialect = |kind, inbound| ProviderRow::find(kind).unwrap().dialect_for(inbound);
        assert_eq!(dialect("openai", Dialect::OpenaiResponses), Some(Dialect::OpenaiResponses));
        assert_eq!(dialect("deepseek", Dialect::OpenaiResponses), Some(Dialect::OpenaiChat));
        assert_eq!(dialect("openai_responses", Dialect::OpenaiChat), Some(Dialect::OpenaiResponses));
        assert_eq!(dialect("anthropic", Dialect::OpenaiChat), Some(Dialect::Anthropic));
        assert_eq!(dialect("anthropic", Dialect::OpenaiEmbeddings), None);
    }
}
