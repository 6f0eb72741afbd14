//! Headers in which nobody can say anything: each value is one of a list.
//!
//! A pattern would not do: `born-1990-01-01` has the form of a flag, and 1990-01-01 that of a version.

/// Media types of answers.
const TYPES: &[&str] = &["*/*", "application/*", "application/json", "text/*", "text/event-stream"];
/// Versions of Anthropic's API.
const VERSIONS: &[&str] = &["2023-01-01", "2023-06-01"];
/// Flags of Anthropic's API that it documents.
const ANTHROPIC: &[&str] = &[
    "advanced-tool-use-2025-11-20",
    "claude-code-20250219",
    "code-execution-2025-05-22",
    "code-execution-2025-08-25",
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "effort-2025-11-24",
    "extended-cache-ttl-2025-04-11",
    "files-api-2025-04-14",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "max-tokens-3-5-sonnet-2024-07-15",
    "mcp-client-2025-04-04",
    "mcp-client-2025-11-20",
    "message-batches-2024-09-24",
    "model-context-window-exceeded-2025-08-26",
    "output-128k-2025-02-19",
    "pdfs-2024-09-25",
    "prompt-caching-2024-07-31",
    "skills-2025-10-02",
    "structured-outputs-2025-11-13",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
    "web-fetch-2025-09-10",
];
/// Flags of OpenAI's API that it documents.
const OPENAI: &[&str] = &["assistants=v1", "assistants=v2", "realtime=v1"];

/// Whether a header's value says nothing in the caller's own words.
pub(super) fn is_closed(name: &str, value: &[u8]) -> bool {
    let all = |known: &[&str]| {
        value
            .split(|b| *b == b',')
            .all(|word| known.iter().any(|known| known.as_bytes() == word.trim_ascii()))
    };
    match name {
        "accept" => value.split(|b| *b == b',').all(is_type),
        "anthropic-version" => all(VERSIONS),
        "anthropic-beta" => all(ANTHROPIC),
        "openai-beta" => all(OPENAI),
        _ => false,
    }
}

/// Whether a word is a media type of an answer, with one digit of weight at most (RFC 9110, section 12.5.1).
fn is_type(word: &[u8]) -> bool {
    let mut parts = word.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let known = parts.next().is_some_and(|word| TYPES.iter().any(|known| known.as_bytes() == word));
    let weight = parts.next().is_none_or(|weight| {
        matches!(weight, b"q=0" | b"q=1" | b"q=1.0")
            || matches!(weight, [b'q', b'=', b'0', b'.', b'0'..=b'9'])
    });
    known && weight && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_closed;

    #[test]
    fn what_is_on_no_list_stays() {
        for (name, value, goes) in [
            ("accept", "text/event-stream, application/json;q=0.9", true),
            ("accept", "*/*", true),
            ("accept", "Ada Lovelace +49 170 1234567", false),
            ("accept", "application/json;q=0.1990", false),
            ("accept", "application/json;name=ada", false),
            ("anthropic-beta", "files-api-2025-04-14,pdfs-2024-09-25", true),
            ("anthropic-beta", "born-1990-01-01", false),
            ("anthropic-beta", "files-api-2025-04-14, ada", false),
            ("anthropic-version", "2023-06-01", true),
            ("anthropic-version", "1990-01-01", false),
            ("openai-beta", "assistants=v2", true),
            ("openai-beta", "ada=v2", false),
            ("x-title", "*/*", false),
        ] {
            assert_eq!(is_closed(name, value.as_bytes()), goes, "{name}: {value}");
        }
    }
}
