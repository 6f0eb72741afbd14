//! Targets for fuzzing: one function per parser that reads bytes from outside, and what must hold of it beyond "it
//! does not panic".
//!
//! A target takes any bytes. Where it needs a choice (a dialect, a pair of dialects, where a stream is cut) the first
//! bytes make it, so that a fuzzer can search over choices too. The same functions run under libFuzzer
//! (`fuzz_targets/fuzz.rs`) and, without any tool, under `cargo test` (`tests/smoke.rs`): over the corpus, over every
//! crash that was ever found (`regressions/TARGET/*`), and over random changes of both from a fixed seed.

mod agents;
mod conversations;
mod evidence;
mod fleets;
mod messages;
mod money;
mod streams;
mod tables;
mod texts;

/// A target: a name, what it does with bytes, and which seeds of `crates/wire/corpus` suit it.
pub struct Target {
    /// Its name, and that of its folder of regressions.
    pub name: &'static str,
    /// Panics when something that must hold does not; says whether the bytes got past the reader.
    pub run: fn(&[u8]) -> bool,
    /// The kind of corpus file: `requests`, `responses`, `streams`, or a kind that [`seeds`] has.
    pub seeds: &'static str,
    /// Bytes in front of a corpus file that make the choices.
    pub choices: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "json", run: texts::json, seeds: "requests", choices: 0 },
    Target { name: "peek", run: conversations::peek, seeds: "requests", choices: 1 },
    Target {
        name: "translate_request",
        run: conversations::translate_request,
        seeds: "requests",
        choices: 1,
    },
    Target {
        name: "translate_response",
        run: conversations::translate_response,
        seeds: "responses",
        choices: 1,
    },
    Target { name: "translate_stream", run: streams::translate_stream, seeds: "streams", choices: 2 },
    Target { name: "sse", run: streams::sse, seeds: "streams", choices: 1 },
    Target { name: "meter", run: streams::meter, seeds: "streams", choices: 2 },
    Target { name: "classify", run: texts::classify, seeds: "errors", choices: 1 },
    Target { name: "policy_compile", run: texts::policy_compile, seeds: "policies", choices: 0 },
    Target { name: "policy_analyse", run: texts::policy_analyse, seeds: "policies", choices: 0 },
    Target { name: "policy_import", run: texts::policy_import, seeds: "imports", choices: 1 },
    Target { name: "head", run: texts::head, seeds: "heads", choices: 0 },
    Target { name: "config", run: texts::config, seeds: "configs", choices: 0 },
    Target { name: "signed_json", run: money::signed_json, seeds: "signed", choices: 0 },
    Target { name: "mandate", run: money::mandate, seeds: "mandates", choices: 0 },
    Target { name: "receipt", run: money::receipt, seeds: "receipts", choices: 0 },
    Target { name: "entry", run: money::entry, seeds: "entries", choices: 0 },
    Target { name: "record", run: agents::record, seeds: "records", choices: 0 },
    Target { name: "did", run: agents::did, seeds: "dids", choices: 0 },
    Target { name: "card", run: agents::card, seeds: "cards", choices: 0 },
    Target { name: "statement", run: money::statement, seeds: "statements", choices: 0 },
    Target { name: "x402", run: money::x402, seeds: "x402", choices: 0 },
    Target { name: "card_event", run: money::card_event, seeds: "card_events", choices: 0 },
    Target { name: "csv", run: tables::csv, seeds: "tables", choices: 0 },
    Target { name: "parquet", run: tables::parquet, seeds: "parquets", choices: 0 },
    Target { name: "tensors", run: tables::tensors, seeds: "tensors", choices: 0 },
    Target { name: "folded_block", run: tables::block, seeds: "blocks", choices: 0 },
    Target { name: "message_signature", run: messages::signature, seeds: "messages", choices: 0 },
    Target { name: "fleet_trace", run: fleets::trace, seeds: "traces", choices: 0 },
    Target { name: "fleet_clients", run: fleets::clients, seeds: "clients", choices: 0 },
    Target { name: "fleet_lengths", run: fleets::lengths, seeds: "lengths", choices: 0 },
    Target { name: "fleet_model_config", run: fleets::model_config, seeds: "model_configs", choices: 0 },
    Target { name: "fleet_catalogue", run: fleets::catalogue, seeds: "catalogues", choices: 1 },
    Target { name: "evidence", run: evidence::evidence, seeds: "evidence", choices: 1 },
    Target { name: "predicate", run: evidence::predicate, seeds: "predicates", choices: 0 },
];

/// Seeds that are not in the corpus of the wire crate, by kind.
const SEEDS: &[(&str, &str)] = &[
    (
        "errors",
        r#"{"error":{"message":"maximum context length is 8192 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
    ),
    ("errors", r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
    (
        "errors",
        r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37s"}]}}]"#,
    ),
    ("errors", "<html><body>502 Bad Gateway</body></html>"),
    ("policies", tollgate_policy::SHIPPED),
    ("policies", include_str!("../../docs/examples/governance.tollgate")),
    (
        "policies",
        "policy \"p\"\nsignal s = keyword any [\"a\"]\nroute r tier 1 priority 2 { when s and not (tokens > 1_000 or role has \"x\") models { \"m\" weight 3 effort low } param cap max_tokens 5 }\ndefault { models { \"m\" } }\ntests { \"a\" -> r }\n",
    ),
    // A header of 0x141 bytes, two grams, and a vector side of one dimension.
    (
        "heads",
        "tollgate-head 1\nA\u{1}\0\0{\"card\":{\"name\":\"h\",\"seed\":1,\"data\":\"\",\"rows\":2,\"sources\":[\"s\"]},\"labels\":[\"no\",\"yes\"],\"grams\":{\"count\":2,\"surface\":false,\"temperature\":1.0,\"bias\":[0.0,0.1],\"steps\":[0.01,0.01]},\"vector\":{\"encoder\":\"e\",\"dims\":1,\"temperature\":1.0,\"bias\":[0.0,0.0],\"steps\":[0.1,0.1]}}                                                        \u{1}\u{2}  abcdxy",
    ),
    ("imports", IMPORT_VLLM_SR),
    (
        "imports",
        "!\nmodel_list:\n  - {model_name: a, litellm_params: {model: openai/x, rpm: 9, input_cost_per_token: 1e-06}}\n  - {model_name: b, litellm_params: {model: azure/y, api_base: 'https://y'}}\nlitellm_settings: {fallbacks: [{a: [b]}], max_budget: 5, budget_duration: 1d}\nrouter_settings: {model_group_alias: {c: a}, routing_strategy: least-busy}\n",
    ),
    (
        "imports",
        "\"\n[{model: a/b, models: [c/d], provider: {order: [anthropic], ignore: [groq], max_price: {request: 0.5}}}]\n",
    ),
    ("configs", tollgate_gateway::config::DEFAULT),
    ("signed", r#"{"b":[1,-2,{"\u00e9":"\ud83d\ude00\n"}],"a":{"x":null,"y":true},"1":9007199254740991}"#),
    ("mandates", include_str!("../../docs/examples/mandate-chain.txt")),
    ("receipts", include_str!("../seeds/receipt.txt")),
    ("x402", include_str!("../seeds/x402.json")),
    ("x402", include_str!("../seeds/x402-v1.json")),
    ("card_events", include_str!("../seeds/card-event.txt")),
    ("card_events", include_str!("../seeds/card-intent.txt")),
    (
        "tables",
        "user,ts,merchant,amount\n1,2026-01-02,\"a, \"\"b\"\"\",2.50\r\n\n2,,c\n-3,1e9,\"two\nlines\",007\n",
    ),
    ("parquets", include_str!("../seeds/events-zstd.hex")),
    ("parquets", include_str!("../seeds/events-snappy.hex")),
    ("parquets", include_str!("../seeds/events-none.hex")),
    (
        "tensors",
        "\u{38}\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}\0\0\0\0",
    ),
    ("blocks", FOLDED_BLOCK),
    ("records", include_str!("../seeds/record.json")),
    (
        "dids",
        r##"{"id":"did:web:shop.example","verificationMethod":[{"id":"#k","controller":"did:web:shop.example","publicKeyMultibase":"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}],"assertionMethod":["#k"]}"##,
    ),
    (
        "cards",
        r#"{"type":"https://eips.ethereum.org/EIPS/eip-8004#registration-v1","name":"a","services":[{"name":"A2A","endpoint":"https://a"}],"registrations":[{"agentId":1,"agentRegistry":"eip155:1:0x8004a169fb4a3325136eb29fa0ceb6d2e539a432"}],"price":1.5e-7,"signatures":[{"protected":"eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ","signature":"AA"}]}"#,
    ),
    ("statements", include_str!("../seeds/task.json")),
    ("statements", include_str!("../seeds/order.json")),
    (
        "statements",
        r#"{"authorize":{"mandate":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}}"#,
    ),
    ("statements", r#"{"rail":{"call":"escrow:1:2:call","outcome":{"done":{"proof":"17/hold_3"}}}}"#),
    (
        "statements",
        r#"{"rail":{"call":"escrow:1:2:call","outcome":{"failed":{"reason":"operation 0: account acct_ada has 1 minor units available, 999 are wanted by this hold"}}}}"#,
    ),
    (
        "entries",
        r#"{"command":{"key":"k-1","ops":[{"open":{"asset":{"code":"USD","exponent":2},"bound":"none","id":"acct_a"}},{"hold":{"amount":{"asset":{"code":"USD","exponent":2},"minor":"5"},"credit":"acct_a","debit":"acct_b","expires":9,"linked":true}},{"post":{"hold":"hold_3","rest":"keep"}},"sweep"]},"expired":["hold_1"],"outcome":{"refused":{"op":1,"why":{"overdrawn":{"account":"acct_b","available":"4","wanted":"5"}}}},"seq":7,"time":8}"#,
    ),
    (
        "predicates",
        r#"{"require":{"all":[{"evidence":{"kind":"aws-nitro","where":[{"equals":{"fact":"pcr0","value":"aa"}},{"age":{"most_s":60}}]}},{"at_least":{"count":1,"of":[{"evidence":{"kind":"dsse","where":[{"range":{"at":"/a/0/b~1c","fact":"payload","from":-1,"to":2}},{"one_of":{"fact":"payload_type","values":["x","y"]}}]}},{"any":[{"evidence":{"kind":"reclaim","where":[{"contains":{"fact":"matches","value":"v"}},{"anchor":{"one_of":["a"]}},{"output":{"fact":"host"}}]}}]}]}}]},"type":"tollgate/predicate/v1"}"#,
    ),
    (
        "predicates",
        r#"{"require":{"evidence":{"kind":"reclaim","where":[{"contains":{"fact":"matches","value":"the order of the ninth of November was delivered to the door and signed for by a neighbour, as the carrier's page says to anybody who asks it"}},{"anchor":{"one_of":["0x244897572368eadf65bfbc5aec98d8e5443a9072","an attestor of another house, with a name that is as long as a name may well be"]}}]}},"type":"tollgate/predicate/v1"}"#,
    ),
    (
        "predicates",
        r#"{"exhibits":[{"collateral":["AAEC"],"evidence":"hEShAQ==","kind":"aws-nitro"}],"type":"tollgate/evidence-package/v1"}"#,
    ),
    (
        "messages",
        "POST\nexample.com\n/foo?param=Value&Pet=dog\ndate: Tue, 20 Apr 2021 02:07:55 GMT\nx-dict: a=1, b=(c d);e\ncontent-digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\nsignature-input: s1=(\"@method\" \"@authority\" \"@target-uri\" \"date\" \"@query-param\";name=\"Pet\" \"x-dict\";key=\"b\");created=1618884473;expires=1618884533;nonce=\"n\";keyid=\"k\", s2=(\"x-dict\";bs \"content-digest\";sf);alg=\"ed25519\";tag=\"t\"\nsignature: s1=:AAEC:, s2=:AA==:\n",
    ),
    (
        "messages",
        "GET\nexample.com\n/\nsignature-input: r=(\"@status\" \"@path\";req);created=1\nsignature: r=:AA==:\n",
    ),
    (
        "configs",
        "listen: 127.0.0.1:1\nauth: {mode: keys, trusted_hops: [10.0.0.0/8]}\nproviders: [{name: p, kind: openai}]\nmodels: [{name: m, provider: p, price: {input: \"0.1\"}}]\nbudgets: [{name: b, scope: 'key:*', window: day, usd: \"1.5\", when_spent: m}]\n",
    ),
];

/// Files that fleets are planned from.
const FLEETS: [(&str, &str); 11] = [
    (
        "traces",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n2023-11-16 18:15:51.2,0,0\n",
    ),
    (
        "traces",
        "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1, 2]}\n{\"timestamp\": 3000, \"input_length\": 7322, \"output_length\": 490, \"hash_ids\": [0, 14]}\n",
    ),
    (
        "traces",
        "arrival_s,prompt_tokens,output_tokens,class,session\n0.5,100,20,chat,a\n0.25,\"1,000\",7,\"the \"\"agent\"\"\",b\n1e300,1,1,x,\n",
    ),
    ("clients", "0,1.5,1.2,Gamma,0.7,0.9\n600,0.0,0,,,\n1200,2.25,0.8,Weibull,1.3,0.4\n"),
    ("lengths", "[[256, 0.22], [512, 0.45], [1024, 0.68], [16384, 1.0]]"),
    ("lengths", "{\"cdf\": [[1, 0.5], [4294967295, 1]]}"),
    (
        "model_configs",
        r#"{"model_type":"llama","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"vocab_size":128256,"max_position_embeddings":131072,"tie_word_embeddings":false,"torch_dtype":"bfloat16"}"#,
    ),
    (
        "model_configs",
        r#"{"model_type":"deepseek_v3","hidden_size":7168,"intermediate_size":18432,"moe_intermediate_size":2048,"num_hidden_layers":61,"first_k_dense_replace":3,"num_attention_heads":128,"num_key_value_heads":128,"kv_lora_rank":512,"q_lora_rank":1536,"qk_nope_head_dim":128,"qk_rope_head_dim":64,"v_head_dim":128,"n_routed_experts":256,"n_shared_experts":1,"num_experts_per_tok":8,"vocab_size":129280,"max_position_embeddings":163840,"tie_word_embeddings":false,"quantization_config":{"quant_method":"fp8"}}"#,
    ),
    ("catalogues", concat!("\0", include_str!("../../crates/fleet/src/catalogue/gpus.yaml"))),
    ("catalogues", concat!("\u{1}", include_str!("../../crates/fleet/src/catalogue/models.yaml"))),
    (
        "catalogues",
        "\0sources: { own: \"made up\" }\nrows:\n  mine:\n    source: own\n    figures: { memory_bytes: 85899345920, bandwidth_bytes_per_s: 3.35e12, flops_fp16_per_s: 9.89e14, link_bytes_per_s: 4.5e11, network_bytes_per_s: 5e10, pcie_bytes_per_s: 6.4e10, idle_power_w: 70, tdp_power_w: 700, host_power_w: 0, per_host: 8, price_micro_per_hour: 0 }\n",
    ),
];

/// Seeds of a kind that are not in the corpus of the wire crate.
pub fn seeds(kind: &str) -> impl Iterator<Item = &'static str> {
    SEEDS.iter().chain(&FLEETS).filter(move |seed| seed.0 == kind).map(|seed| seed.1)
}

/// A file of another router with every kind of signal and projection; the mark in front makes the choice.
/// A folded block of one user with one payment, without its checksum.
const FOLDED_BLOCK: &str = concat!(
    "TGFOLD1\n",
    "\u{1}\0\0\0\0\0\0\0\u{1}\0\0\0\0\0\0\0\u{1}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "\u{7}\0\0\0\0\0\0\0\u{1}\0\0\0\u{9}\0\0\0\0\0\0\0\0\0\0\0\u{1}\0\0\0",
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "\u{5}\0\0\0\0\0\0\0\u{6}\0\0\0\0\0\0\0",
);
const IMPORT_VLLM_SR: &str = include_str!("import_vllm_sr.yaml");

/// The pieces of `data` when it is cut at the places that `choice` and the bytes themselves give.
fn pieces(data: &[u8], choice: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let (mut rest, mut state) = (data, u32::from(choice).wrapping_add(1));
    while !rest.is_empty() {
        // A multiplicative congruence: many small pieces, some large.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = match state >> 30 {
            0 => 1,
            1 => 1 + (state >> 8) as usize % 7,
            2 => 1 + (state >> 8) as usize % 61,
            _ => 1 + (state >> 8) as usize % 1021,
        };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
