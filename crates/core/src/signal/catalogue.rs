//! The table of signal kinds: word, family, value type, nominal cost and parameters.

use super::ValueType;
use serde::{Deserialize, Serialize};

/// The family a kind belongs to (the table of the router design).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// From the request's shape.
    Structural,
    /// From its words.
    Lexical,
    /// From who sends it.
    Identity,
    /// From what its words mean, by word lists, patterns and likeness.
    Content,
    /// From what trained heads make of its words.
    Learned,
}

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// Free text.
    Text,
    /// One of a fixed list of words.
    Word(&'static [&'static str]),
    /// A list of texts.
    List,
}

/// One parameter of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ParamInfo {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub param_type: ParamType,
    /// Whether it must be given.
    pub required: bool,
    /// What it means, with its default.
    pub help: &'static str,
}

/// What the catalogue says of a kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Info {
    /// The word that names it in a policy.
    pub word: &'static str,
    /// Its family.
    pub family: Family,
    /// The type of its value.
    pub value: ValueType,
    /// Nominal cost of reading it: nanoseconds, and nanoseconds per KiB of text. Only the order matters.
    pub cost_ns: (u32, u32),
    /// Its parameters; empty for facts.
    pub params: &'static [ParamInfo],
    /// One line for `--help`, the console and hover text.
    pub help: &'static str,
}

const fn param(name: &'static str, param_type: ParamType, required: bool, help: &'static str) -> ParamInfo {
    ParamInfo { name, param_type, required, help }
}

/// Which part of the conversation a text signal reads.
const SCOPE: ParamInfo = param(
    "scope",
    ParamType::Word(&["last_user", "users", "system", "all", "sent"]),
    false,
    "text that is read: last_user (default), users, system, all (every turn with reasoning, calls of tools and their \
     results) or sent (the whole request as it is sent, definitions of tools and parameters included)",
);
const CASE: ParamInfo = param("case", ParamType::Flag, false, "true: letter case counts (default false)");

const KEYWORD: &[ParamInfo] = &[
    param("any", ParamType::List, false, "matches when at least one of these is found"),
    param("all", ParamType::List, false, "matches when every one of these is found"),
    param("none", ParamType::List, false, "matches when none of these is found"),
    param(
        "method",
        ParamType::Word(&["literal", "regex", "fuzzy", "bm25", "ngram"]),
        false,
        "literal words (default), regex, fuzzy (edit distance), bm25 or ngram (character n-grams)",
    ),
    param("distance", ParamType::Number, false, "fuzzy: largest edit distance, 1 to 3 (default 1)"),
    param(
        "threshold",
        ParamType::Number,
        false,
        "bm25: lowest score (default 0.1); ngram: lowest similarity (default 0.4)",
    ),
    param("arity", ParamType::Number, false, "ngram: characters per gram, 2 to 5 (default 3)"),
    SCOPE,
    CASE,
];

const FEATURE: &[ParamInfo] = &[
    param(
        "measure",
        ParamType::Word(&["exists", "count", "density", "sequence"]),
        true,
        "exists, count, density (per 100 words; a CJK character is a word) or sequence (in this order)",
    ),
    param("words", ParamType::List, false, "words or phrases to look for"),
    param("regex", ParamType::List, false, "regular expressions to look for"),
    SCOPE,
    CASE,
];

const METADATA: &[ParamInfo] = &[
    param(
        "key",
        ParamType::Text,
        true,
        "the key of the request's metadata; not trusted: the caller writes it",
    ),
    param(
        "is",
        ParamType::List,
        false,
        "matches when the value is one of these; without it, when the key exists",
    ),
];

const EVENT: &[ParamInfo] = &[
    param("types", ParamType::List, false, "event words, matched on word boundaries"),
    param("severities", ParamType::List, false, "critical, high, medium or low"),
    param("codes", ParamType::List, false, "action codes, matched exactly on word boundaries"),
    param("temporal", ParamType::Flag, false, "true: words of urgency and deadlines count"),
    SCOPE,
];

const REASK: &[ParamInfo] = &[
    param(
        "threshold",
        ParamType::Number,
        false,
        "lowest similarity of words and character 3-grams (default 0.6)",
    ),
    param("lookback", ParamType::Number, false, "how many earlier user turns are compared (default 1)"),
    param(
        "streak",
        ParamType::Number,
        false,
        "how many user turns before must all be alike, in a row; the least alike counts, and lookback is not read",
    ),
];

const MESSAGES: &[ParamInfo] = &[param(
    "role",
    ParamType::Word(&["user", "assistant", "system", "tool", "non_user"]),
    true,
    "whose messages are counted; system includes developer",
)];

const SIMILAR: &[ParamInfo] = &[
    param("to", ParamType::List, true, "examples"),
    param(
        "threshold",
        ParamType::Number,
        false,
        "lowest likeness, from 0 (nothing in common) to 1 (default 0.5)",
    ),
    param("mean", ParamType::Flag, false, "true: the mean over all examples instead of the best"),
    SCOPE,
];

const DOMAIN: &[ParamInfo] = &[
    param(
        "is",
        ParamType::List,
        true,
        "matches when the subject is one of these: biology, business, chemistry, computer science, economics, engineering, \
         health, history, law, math, other, philosophy, physics, psychology",
    ),
    param("threshold", ParamType::Number, false, "lowest certainty (default 0.3)"),
    param(
        "method",
        ParamType::Word(&["words", "head"]),
        false,
        "word lists (default), or a trained head that learned from examinations; of what it is unsure the subject is `other`",
    ),
];

const HAZARD: &[ParamInfo] = &[
    param(
        "is",
        ParamType::List,
        false,
        "matches when what is suspected may be one of these (default any): cse (sexual exploitation of children), dfm \
         (defamation), hte (hate), ipv (intellectual property), iwp (indiscriminate weapons), ncr (non-violent crimes), prv \
         (privacy), spc (specialised advice), src (sex crimes), ssh (suicide and self-harm), sxc_prn (sexual content), vcr \
         (violent crimes)",
    ),
    param("threshold", ParamType::Number, false, "lowest suspicion (default 0.8)"),
    SCOPE,
];

const FEEDBACK: &[ParamInfo] = &[param(
    "is",
    ParamType::Word(&["wrong_answer", "need_clarification", "want_different", "satisfied"]),
    true,
    "what the user says of the answer before; nothing where there is none",
)];

const JAILBREAK: &[ParamInfo] = &[
    param("threshold", ParamType::Number, false, "lowest certainty (default 0.7); one pattern makes 0.8"),
    param(
        "method",
        ParamType::Word(&["both", "patterns", "head"]),
        false,
        "patterns and a trained head, whichever is surer (default both), or one of them",
    ),
    SCOPE,
];

const PII: &[ParamInfo] = &[
    param(
        "types",
        ParamType::List,
        false,
        "which count: email, phone, credit_card, ssn, iban, ip_address, url (default all but url); with an encoder person, location, organization, date, age, title, group",
    ),
    SCOPE,
];

const CLASSIFIER: &[ParamInfo] = &[
    param("source", ParamType::Text, true, "a classifier of the configuration's `signals`, by name"),
    param("is", ParamType::List, true, "matches when one of these labels is likely enough"),
    param("threshold", ParamType::Number, false, "lowest probability (default 0.5)"),
    SCOPE,
];

const RATIO: &[ParamInfo] = &[
    param(
        "of",
        ParamType::Word(&["code", "cjk", "digits", "upper", "punctuation", "unique_words"]),
        true,
        "what is measured, as a share of the text in [0, 1]",
    ),
    SCOPE,
];

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal $family:ident $value:ident ($fixed:literal, $per_kib:literal) $params:expr, $help:literal;)*) => {
        /// A kind of signal.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $(#[doc = $help] $name,)*
        }

        impl Kind {
            /// Every kind, in the catalogue's order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the catalogue says of this kind.
            #[must_use]
            pub const fn info(self) -> Info {
                match self {
                    $(Self::$name => Info {
                        word: $word,
                        family: Family::$family,
                        value: ValueType::$value,
                        cost_ns: ($fixed, $per_kib),
                        params: $params,
                        help: $help,
                    },)*
                }
            }

            /// The kind that `word` names.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    Dialect "dialect" Structural Text (5, 0) &[], "wire dialect of the request: openai_chat, openai_responses, anthropic, openai_embeddings";
    Model "model" Structural Text (10, 0) &[], "model name that the caller asked for";
    Stream "stream" Structural Flag (1, 0) &[], "the caller asked for a stream";
    RequestKind "kind" Structural Text (10, 0) &[], "chat, agent, computer_use or batch, from the request's shape";
    Bytes "bytes" Structural Number (1, 0) &[], "bytes of the request body";
    Turns "turns" Structural Number (2, 0) &[], "user turns in the conversation";
    Depth "depth" Structural Number (2, 0) &[], "messages in the conversation";
    Tools "tools" Structural Number (2, 0) &[], "tools offered to the model";
    ToolNames "tool_names" Structural Set (100, 0) &[], "names of the offered tools";
    ToolBytes "tool_bytes" Structural Number (2, 0) &[], "bytes of the tool definitions";
    ToolLoop "tool_loop" Structural Flag (5, 0) &[], "the last message is a tool result: the model is in the middle of using tools";
    ToolFailures "tool_failures" Structural Number (100, 20) &[], "tool results so far that report an error";
    Images "images" Structural Number (2, 0) &[], "images in the request";
    Unread "unread" Structural Set (2, 0) &[], "kinds of content that are sent and not read as words: image, audio, video, file, tokens, sealed, reference, unknown";
    HasSystem "has_system" Structural Flag (2, 0) &[], "there is a system prompt";
    SystemFingerprint "system_fingerprint" Structural Text (100, 300) &[], "first 16 hex digits of the digest of the system prompt";
    MaxTokens "max_tokens" Structural Number (2, 0) &[], "output limit that the caller set, 0 when none";
    Tokens "tokens" Structural Number (10, 0) &[], "estimated prompt tokens: bytes / a ratio that follows observed usage";
    ContextTokens "context_tokens" Structural Number (40, 0) &[], "room that the request takes in a window, counted generously: `tokens`, or more where definitions, calls and results of tools, images and the output limit make it more";
    ExactTokens "exact_tokens" Structural Number (1000, 40000) &[], "exact prompt tokens by byte-pair encoding (o200k_base)";
    OutputTokens "output_tokens" Structural Number (50, 0) &[], "expected output tokens: P75 of finished answers to such prompts";
    CachedTokens "cached_tokens" Structural Number (50, 0) &[], "prompt tokens that the previous turn had too, while `warm`: expected in the prefix cache";
    TotalTokens "total_tokens" Structural Number (60, 0) &[], "tokens + output_tokens";
    Shape "shape" Structural Text (60, 0) &[], "prefill_heavy or decode_heavy, by expected tokens";
    Warm "warm" Structural Flag (50, 0) &[], "an earlier turn of this conversation was served in the last 5 minutes";
    Session "session" Structural Text (100, 0) &[], "session id: header, previous response, metadata, or a digest of caller and first user message";
    TextBytes "text_bytes" Structural Number (50, 10) &[], "bytes of the last user turn";
    ToolCalls "tool_calls" Structural Number (20, 0) &[], "tool calls of the model so far";
    ToolCycles "tool_cycles" Structural Number (20, 0) &[], "messages of the model that called tools and got a result";
    Language "language" Structural Text (2000, 3000) &[], "ISO 639-1 code of the last user turn, und when unsure";
    Keyword "keyword" Lexical Flag (200, 1000) KEYWORD, "words, phrases or patterns in the text";
    Feature "feature" Structural Number (200, 1000) FEATURE, "existence, count, density or ordered sequence of words or patterns";
    Ratio "ratio" Structural Number (200, 1000) RATIO, "share of the text that is code, CJK, digits, capitals, punctuation or distinct words";
    Event "event" Lexical Flag (200, 1500) EVENT, "event words, severities, action codes and urgency";
    Metadata "metadata" Structural Flag (200, 0) METADATA, "a key of the request's metadata";
    Reask "reask" Structural Flag (1000, 6000) REASK, "the last user turn repeats an earlier one";
    Messages "messages" Structural Number (20, 0) MESSAGES, "messages of a role";
    Similar "similar" Content Flag (2000, 8000) SIMILAR, "likeness of words and character 3-grams to examples";
    Domain "domain" Content Flag (400, 1000) DOMAIN, "subject of the last user turn, by word lists or a trained head";
    FactSeeking "fact_seeking" Content Flag (300, 1500) &[], "the last user turn asks for facts or for sources, by patterns";
    Feedback "feedback" Content Flag (300, 1000) FEEDBACK, "what the user says of the answer before, by word lists";
    Jailbreak "jailbreak" Learned Flag (20000, 40000) JAILBREAK, "attempts to turn the model against its instructions, by patterns and a trained head over the whole text";
    Hazard "hazard" Learned Flag (20000, 40000) HAZARD, "a request that touches a hazard class of MLCommons AILuminate, by trained heads of two levels over the whole text";
    FactCheck "fact_check" Learned Flag (15000, 20000) &[], "the answer would state facts that should be checked, by a trained head";
    NeedsReasoning "needs_reasoning" Learned Flag (15000, 20000) &[], "the task takes several steps of reasoning, by a trained head";
    Difficulty "difficulty" Learned Number (15000, 20000) &[], "share of measured models that fail at such a task, in [0, 1], by a trained head";
    Classifier "classifier" Learned Flag (1000000, 1000000) CLASSIFIER, "what a classifier of your own says: a model's folder, or an endpoint";
    Pii "pii" Content Flag (300, 2000) PII, "personal data that has a form: addresses and numbers";
    Caller "caller" Identity Text (5, 0) &[], "id of the caller's key, empty when anonymous";
    Role "role" Identity Set (20, 0) &[], "roles of the caller";
    Group "group" Identity Set (20, 0) &[], "groups of the caller";
    Tenant "tenant" Identity Text (10, 0) &[], "tenant of the caller";
    Scope "scope" Identity Set (20, 0) &[], "scopes granted to the caller's key";
    BudgetLeft "budget_left" Identity Number (30, 0) &[], "share of the tightest budget that is left, in [0, 1]; 1 when none is set";
    SessionRisk "session_risk" Identity Number (5, 0) &[], "risk of the conversation over its turns, in [0, 1]; 0 without `safety:`";
    CallerRisk "caller_risk" Identity Number (5, 0) &[], "risk of the caller over its conversations, in [0, 1]; 0 without `safety:` or a caller";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_unique_and_parse_back() {
        let words: BTreeSet<_> = Kind::ALL.iter().map(|k| k.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.word()), Some(*kind));
            assert!(!kind.info().help.is_empty());
        }
        assert_eq!(Kind::parse("token"), None);
    }

    #[test]
    fn parameters_are_unique_within_a_kind() {
        for kind in Kind::ALL {
            let names: BTreeSet<_> = kind.info().params.iter().map(|p| p.name).collect();
            assert_eq!(names.len(), kind.info().params.len(), "{kind:?}");
        }
    }
}
