//! What providers document of their wire: written here in the shapes of their references as far as they are known, with the least
//! that shows each of their own members. No answer here was recorded from a provider.

/// One provider.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) base_url: Option<&'static str>,
    pub(crate) path: &'static str,
    pub(crate) stream_path: &'static str,
    /// The header line with its key.
    pub(crate) key: Option<&'static str>,
    /// Headers that it needs besides.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Where it reads the limit of the output.
    pub(crate) limit: &'static str,
    /// Whether a stream's usage has to be asked for.
    pub(crate) asks_for_usage: bool,
    pub(crate) answer: &'static str,
    pub(crate) stream: &'static str,
    /// Of answer and stream: tokens of the prompt, of these cached, and of the output.
    pub(crate) usage: (u64, u64, u64),
    /// Status, body, the kind of fault that it is, and whether the instance stays `ready`.
    pub(crate) errors: &'static [(u16, &'static str, &'static str, &'static str)],
}

const CHAT: &str = "/v1/chat/completions";
const BEARER: Option<&str> = Some("authorization: bearer KEY");

const fn chat(kind: &'static str, base_url: Option<&'static str>) -> Row {
    Row {
        kind,
        base_url,
        path: CHAT,
        stream_path: CHAT,
        key: BEARER,
        headers: &[],
        limit: "/max_tokens",
        asks_for_usage: true,
        answer: "",
        stream: "",
        usage: (12, 0, 2),
        errors: &[],
    }
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        limit: "/max_completion_tokens",
        usage: (12, 8, 2),
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp"}"#,
        stream: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"ab\"}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14,\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                "upstream_denied",
                "out",
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                "upstream_denied",
                "out",
            ),
            (
                400,
                r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.2 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#,
                "bad_request",
                "ready",
            ),
        ],
        ..chat("openai", Some("https://api.openai.com"))
    },
    Row {
        path: "/openai/v1/chat/completions",
        stream_path: "/openai/v1/chat/completions",
        key: Some("api-key: KEY"),
        limit: "/max_completion_tokens",
        answer: r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"finish_reason":"stop","index":0,"logprobs":null,"message":{"annotations":[],"content":"Hello","refusal":null,"role":"assistant"}}],"created":1,"id":"chatcmpl-1","model":"their-model","object":"chat.completion","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"jailbreak":{"detected":false,"filtered":false}}}],"system_fingerprint":"fp","usage":{"completion_tokens":2,"prompt_tokens":12,"total_tokens":14}}"#,
        // The first event has no choice, only what the filter says of the prompt.
        stream: "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\ndata: {\"choices\":[{\"content_filter_results\":{},\"delta\":{\"content\":\"\",\"role\":\"assistant\"},\"finish_reason\":null,\"index\":0}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\",\"usage\":null}\n\ndata: {\"choices\":[{\"content_filter_results\":{},\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null,\"index\":0}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[{\"content_filter_results\":{},\"delta\":{},\"finish_reason\":\"stop\",\"index\":0}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":12,\"total_tokens\":14}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                400,
                r#"{"error":{"message":"The response was filtered due to the prompt triggering the content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#,
                "bad_request",
                "ready",
            ),
            (
                401,
                r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#,
                "upstream_denied",
                "out",
            ),
            (
                404,
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
                "not_found",
                "ready",
            ),
        ],
        ..chat("azure_openai", None)
    },
    Row {
        path: "/openai/v1/chat/completions",
        stream_path: "/openai/v1/chat/completions",
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14},"service_tier":"default"}"#,
        stream: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":12,\"outputTokenCount\":2}}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                429,
                r#"{"message":"Too many requests, please wait before trying again."}"#,
                "limit_reached",
                "out",
            ),
            (
                400,
                r#"{"error":{"code":"validation_error","message":"Input is too long for requested model.","param":null,"type":"invalid_request_error"}}"#,
                "context_too_long",
                "ready",
            ),
        ],
        ..chat("bedrock", Some("https://bedrock-runtime.us-east-1.amazonaws.com"))
    },
    Row {
        path: "/api/v1/chat/completions",
        stream_path: "/api/v1/chat/completions",
        usage: (12, 4, 2),
        answer: r#"{"id":"gen-1","provider":"Some","model":"their-model","object":"chat.completion","created":1,"choices":[{"logprobs":null,"finish_reason":"stop","native_finish_reason":"STOP","index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"reasoning":null}}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"cost":0.00014,"is_byok":false,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"cost_details":{"upstream_inference_cost":null},"completion_tokens_details":{"reasoning_tokens":0}}}"#,
        // Comments keep the connection alive while a provider is looked for.
        stream: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-1\",\"provider\":\"Some\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}]}\n\ndata: {\"id\":\"gen-1\",\"provider\":\"Some\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\",\"logprobs\":null}]}\n\ndata: {\"id\":\"gen-1\",\"provider\":\"Some\",\"model\":\"their-model\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14,\"cost\":0.00014,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                402,
                r#"{"error":{"code":402,"message":"Insufficient credits. Add more and retry the request."}}"#,
                "upstream_denied",
                "out",
            ),
            (
                402,
                r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens. You requested up to 64 tokens."}}"#,
                "upstream_denied",
                "ready",
            ),
            (
                403,
                r#"{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"...","provider_name":"Some","model_slug":"their-model"}}}"#,
                "upstream_denied",
                "ready",
            ),
            (
                200,
                r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"Some"}}}"#,
                "upstream_failed",
                "ready",
            ),
        ],
        ..chat("openrouter", Some("https://openrouter.ai"))
    },
    Row {
        answer: r#"{"id":"cmpl-1","object":"chat.completion","model":"their-model","usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14},"created":1,"choices":[{"index":0,"message":{"content":"Hello","tool_calls":null,"prefix":false,"role":"assistant"},"finish_reason":"stop"}]}"#,
        // The usage comes with the last choice.
        stream: "data: {\"id\":\"cmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"cmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"cmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"total_tokens\":14,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
        errors: &[
            (401, r#"{"message":"Unauthorized","request_id":"r"}"#, "upstream_denied", "out"),
            (
                422,
                r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","n_predict"],"msg":"Extra inputs are not permitted","input":1}]},"type":"invalid_request_error","param":null,"code":null}"#,
                "bad_request",
                "ready",
            ),
            (
                400,
                r#"{"object":"error","message":"Prompt contains 40000 tokens, too large for model with 32768 maximum context length","type":"invalid_request_invalid_args","param":null,"code":"3051"}"#,
                "context_too_long",
                "ready",
            ),
        ],
        ..chat("mistral", Some("https://api.mistral.ai"))
    },
    Row {
        path: "/openai/v1/chat/completions",
        stream_path: "/openai/v1/chat/completions",
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"logprobs":null,"finish_reason":"stop"}],"usage":{"queue_time":0.03,"prompt_tokens":12,"prompt_time":0.001,"completion_tokens":2,"completion_time":0.004,"total_tokens":14,"total_time":0.005},"usage_breakdown":null,"system_fingerprint":"fp","x_groq":{"id":"req_1"},"service_tier":"on_demand"}"#,
        stream: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"x_groq\":{\"id\":\"req_1\"}}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"logprobs\":null,\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"req_1\",\"usage\":{\"queue_time\":0.03,\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14}}}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[],\"usage\":{\"queue_time\":0.03,\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                413,
                r#"{"error":{"message":"Request too large for model `their-model` in organization `o` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}"#,
                "limit_reached",
                "ready",
            ),
            (
                404,
                r#"{"error":{"message":"The model `their-model` does not exist or you do not have access to it.","type":"invalid_request_error","code":"model_not_found"}}"#,
                "not_found",
                "ready",
            ),
        ],
        ..chat("groq", Some("https://api.groq.com"))
    },
    Row {
        usage: (12, 8, 2),
        answer: r#"{"id":"1","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","reasoning_content":"Greet."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":4,"completion_tokens_details":{"reasoning_tokens":1}},"system_fingerprint":"fp"}"#,
        stream: ": keep-alive\n\ndata: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Greet.\"},\"logprobs\":null,\"finish_reason\":null}]}\n\ndata: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\",\"reasoning_content\":null},\"logprobs\":null,\"finish_reason\":null}]}\n\ndata: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning_content\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14,\"prompt_cache_hit_tokens\":8,\"prompt_cache_miss_tokens\":4}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                402,
                r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
                "upstream_denied",
                "out",
            ),
            (
                422,
                r#"{"error":{"message":"Failed to deserialize the JSON body into the target type: messages[0]: missing field `content` at line 1 column 40","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
                "bad_request",
                "ready",
            ),
            (
                503,
                r#"{"error":{"message":"Service is too busy. Please try again later.","type":"service_unavailable_error","param":null,"code":"service_unavailable_error"}}"#,
                "unavailable",
                "ready",
            ),
        ],
        ..chat("deepseek", Some("https://api.deepseek.com"))
    },
    Row {
        answer: r#"{"id":"o1","object":"chat.completion","created":1,"model":"their-model","prompt":[],"choices":[{"finish_reason":"stop","seed":1,"logprobs":null,"index":0,"message":{"role":"assistant","content":"Hello","tool_calls":[]}}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"cached_tokens":0}}"#,
        stream: "data: {\"id\":\"o1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"text\":\"Hello\",\"logprobs\":null,\"finish_reason\":null,\"seed\":null,\"delta\":{\"token_id\":1,\"role\":\"assistant\",\"content\":\"Hello\",\"tool_calls\":null}}],\"model\":\"their-model\",\"usage\":null}\n\ndata: {\"id\":\"o1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"stop\",\"seed\":1,\"delta\":{\"token_id\":2,\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":null}}],\"model\":\"their-model\",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14,\"cached_tokens\":0}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                422,
                r#"{"id":"o1","error":{"message":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4090 `inputs` tokens and 64 `max_new_tokens`","type":"invalid_request_error","param":"max_tokens","code":null}}"#,
                "context_too_long",
                "ready",
            ),
            (
                401,
                r#"{"id":"o1","error":{"message":"Invalid API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                "upstream_denied",
                "out",
            ),
        ],
        ..chat("together", Some("https://api.together.xyz"))
    },
    Row {
        path: "/v1beta/models/their-model:generateContent",
        stream_path: "/v1beta/models/their-model:streamGenerateContent?alt=sse",
        key: Some("x-goog-api-key: KEY"),
        limit: "/generationConfig/maxOutputTokens",
        asks_for_usage: false,
        usage: (12, 8, 5),
        answer: r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","index":0,"avgLogprobs":-0.1}],"usageMetadata":{"promptTokenCount":12,"cachedContentTokenCount":8,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":17,"promptTokensDetails":[{"modality":"TEXT","tokenCount":12}]},"modelVersion":"their-model","responseId":"r"}"#,
        stream: "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":12,\"totalTokenCount\":12},\"modelVersion\":\"their-model\",\"responseId\":\"r\"}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"lo\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":12,\"cachedContentTokenCount\":8,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":3,\"totalTokenCount\":17},\"modelVersion\":\"their-model\",\"responseId\":\"r\"}\r\n\r\n",
        errors: &[
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#,
                "upstream_denied",
                "ready",
            ),
            (
                429,
                r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}"#,
                "limit_reached",
                "out",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}"#,
                "unavailable",
                "ready",
            ),
        ],
        ..chat("gemini", Some("https://generativelanguage.googleapis.com"))
    },
    Row {
        path: "/v1/messages",
        stream_path: "/v1/messages",
        key: Some("x-api-key: KEY"),
        headers: &[("anthropic-version", "2023-06-01")],
        asks_for_usage: false,
        usage: (12, 8, 2),
        answer: r#"{"id":"msg_1","type":"message","role":"assistant","model":"their-model","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":8,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":2,"service_tier":"standard"}}"#,
        stream: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"their-model\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":8,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        errors: &[
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
                "unavailable",
                "ready",
            ),
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_1"}"#,
                "upstream_denied",
                "out",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
                "context_too_long",
                "ready",
            ),
        ],
        ..chat("anthropic", Some("https://api.anthropic.com"))
    },
    Row {
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2,"prompt_tokens_details":null},"prompt_logprobs":null,"kv_transfer_params":null}"#,
        stream: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"prompt_token_ids\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"total_tokens\":14,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages.","type":"BadRequestError","param":"input_tokens","code":400}}"#,
                "context_too_long",
                "ready",
            ),
            (
                404,
                r#"{"error":{"message":"The model `their-model` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
                "not_found",
                "ready",
            ),
        ],
        ..chat("vllm", Some("http://127.0.0.1:8000"))
    },
    Row {
        usage: (12, 4, 2),
        answer: r#"{"id":"a","object":"chat.completion","created":1,"model":"their-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":2}],"usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4},"reasoning_tokens":0},"metadata":{"weight_version":"default"}}"#,
        stream: "data: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":null,\"tool_calls\":null},\"logprobs\":null,\"finish_reason\":null,\"matched_stop\":null}],\"usage\":null}\n\ndata: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":null,\"content\":\"Hello\",\"reasoning_content\":null,\"tool_calls\":null},\"logprobs\":null,\"finish_reason\":null,\"matched_stop\":null}],\"usage\":null}\n\ndata: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":null,\"content\":null,\"reasoning_content\":null,\"tool_calls\":null},\"logprobs\":null,\"finish_reason\":\"stop\",\"matched_stop\":2}],\"usage\":null}\n\ndata: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"total_tokens\":14,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":4},\"reasoning_tokens\":0}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                400,
                r#"{"object":"error","message":"The input (5003 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","param":null,"code":400}"#,
                "context_too_long",
                "ready",
            ),
            (
                503,
                r#"{"object":"error","message":"The request queue is full.","type":"SERVICE_UNAVAILABLE","param":null,"code":503}"#,
                "unavailable",
                "ready",
            ),
        ],
        ..chat("sglang", Some("http://127.0.0.1:30000"))
    },
    Row {
        key: None,
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"their-model","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14}}"#,
        stream: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"their-model\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                404,
                r#"{"error":{"message":"model \"their-model\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
                "not_found",
                "ready",
            ),
            (
                503,
                r#"{"error":{"message":"server busy, please try again.  maximum pending requests exceeded","type":"api_error","param":null,"code":null}}"#,
                "unavailable",
                "ready",
            ),
        ],
        ..chat("ollama", Some("http://127.0.0.1:11434"))
    },
    Row {
        answer: r#"{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Hello"}}],"created":1,"model":"their-model","system_fingerprint":"b1","object":"chat.completion","usage":{"completion_tokens":2,"prompt_tokens":12,"total_tokens":14},"id":"chatcmpl-1","timings":{"cache_n":0,"prompt_n":12,"prompt_ms":30.1,"predicted_n":2,"predicted_ms":50.2}}"#,
        stream: "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"system_fingerprint\":\"b1\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hello\"}}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"system_fingerprint\":\"b1\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{}}],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"system_fingerprint\":\"b1\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[],\"created\":1,\"id\":\"chatcmpl-1\",\"model\":\"their-model\",\"system_fingerprint\":\"b1\",\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":12,\"total_tokens\":14},\"timings\":{\"cache_n\":0,\"prompt_n\":12,\"predicted_n\":2}}\n\ndata: [DONE]\n\n",
        errors: &[
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#,
                "context_too_long",
                "ready",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                "unavailable",
                "ready",
            ),
        ],
        ..chat("llama_cpp", Some("http://127.0.0.1:8080"))
    },
];
