//! Prompt tokens: an estimate from byte counts alone, and the exact count on demand.
//!
//! The estimate reads no text. It adds up the bytes of text spans (as they would be decoded: an escaped `\u4e2d`
//! counts its 3 bytes of UTF-8), divides by the learned ratio, and adds what surrounds them.

use tollgate_wire::view::{MessageView, RequestView, Role, TextSpan};

/// Tokens that a chat template spends on one message (role and separators).
const MESSAGE_TOKENS: f64 = 4.0;
/// Tokens of one image: a 1024 × 1024 picture in the tile scheme of OpenAI's vision guide, 85 + 4 · 170.
const IMAGE_TOKENS: f64 = 765.0;
/// What [`context_floor`] takes for an image, and for what surrounds a call, its result or a definition.
const CONTEXT_IMAGE_TOKENS: usize = 8_192;
const CONTEXT_TOOL_TOKENS: usize = 8;
/// Longest prompt that is counted exactly, in bytes; about 0.1 s.
const EXACT_BYTES_MAX: usize = 4 << 20;

/// Bytes of `raw`, the inside of a JSON string, once decoded. Walks from backslash to backslash.
fn decoded_len(raw: &[u8]) -> usize {
    let (mut saved, mut from) = (0, 0);
    while let Some(at) = raw.get(from..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let at = from + at;
        let escape = raw.get(at + 1..).unwrap_or_default();
        if escape.first() == Some(&b'u') {
            let digit = |n: usize| escape.get(n).and_then(|b| char::from(*b).to_digit(16)).unwrap_or(0);
            let decoded = match digit(1) << 12 | digit(2) << 8 | digit(3) << 4 | digit(4) {
                0..0x80 => 1,
                // One half of a surrogate pair stands for half of a 4-byte character.
                0x80..0x800 | 0xd800..0xe000 => 2,
                _ => 3,
            };
            saved += 6 - decoded;
            from = at + 6;
        } else {
            saved += 1;
            from = at + 2;
        }
    }
    raw.len().saturating_sub(saved)
}

fn spans(view: &RequestView) -> impl Iterator<Item = &TextSpan> {
    view.system.iter().chain(view.messages.iter().flat_map(|m| m.text.iter()))
}

/// Bytes of texts, decoded.
fn bytes_of<'a>(view: &RequestView, texts: impl Iterator<Item = &'a TextSpan>) -> usize {
    texts.map(|t| if t.escaped { decoded_len(view.bytes(t.span)) } else { t.span.len() }).sum()
}

/// Bytes of all text, decoded.
fn text_bytes(view: &RequestView) -> usize {
    bytes_of(view, spans(view))
}

/// What surrounds the text of messages.
fn around_of(messages: &[MessageView]) -> f64 {
    let images: f64 = messages.iter().map(|m| f64::from(m.images)).sum();
    MESSAGE_TOKENS * messages.len() as f64 + IMAGE_TOKENS * images
}

fn around(view: &RequestView) -> f64 {
    MESSAGE_TOKENS * f64::from(u8::from(!view.system.is_empty())) + around_of(&view.messages)
}

fn believable(bytes_per_token: f64) -> f64 {
    if bytes_per_token.is_finite() { bytes_per_token.clamp(1.0, 16.0) } else { 4.0 }
}

/// Bytes from which tokens are estimated: all text, decoded, and the tool definitions. Feed these to
/// [`crate::TokenRatio`].
#[must_use]
pub fn prompt_bytes(view: &RequestView) -> usize {
    text_bytes(view) + view.tools_span.map_or(0, tollgate_wire::view::Span::len)
}

/// Estimated prompt tokens: [`prompt_bytes`] / `bytes_per_token`, plus templates and images.
#[must_use]
pub fn prompt_tokens(view: &RequestView, bytes_per_token: f64) -> f64 {
    prompt_tokens_of(view, prompt_bytes(view), bytes_per_token)
}

/// [`prompt_tokens`] where [`prompt_bytes`] are known already.
#[must_use]
pub fn prompt_tokens_of(view: &RequestView, prompt_bytes: usize, bytes_per_token: f64) -> f64 {
    (prompt_bytes as f64 / believable(bytes_per_token) + around(view)).ceil()
}

/// Least room that a request takes in a window, counted as the vLLM Semantic Router admits requests: texts with their
/// roles / 4, a token for every byte of what is structured (definitions, arguments and results of tools, `tool_choice`,
/// `response_format`), 8,192 for an image, 4 around a message, 8 around a call, its result and a definition, and the
/// output limit. Names of messages and ids of calls are left out.
pub(crate) fn context_floor(view: &RequestView) -> f64 {
    let len = |span: tollgate_wire::view::Span| span.len();
    let role = |role: Role| match role {
        Role::System => "system".len(),
        Role::User | Role::Tool => "user".len(),
        Role::Assistant => "assistant".len(),
    };
    let separate = usize::from(!view.system.is_empty());
    let (results, said): (Vec<&MessageView>, Vec<&MessageView>) =
        view.messages.iter().partition(|m| m.role == Role::Tool);
    let calls = view.messages.iter().map(|m| m.tool_calls.len()).sum::<usize>();
    let texts = bytes_of(view, view.system.iter().chain(said.iter().flat_map(|m| m.text.iter())))
        + separate * role(Role::System)
        + view.messages.iter().map(|m| role(m.role)).sum::<usize>()
        + bytes_of(view, view.messages.iter().flat_map(|m| m.tool_calls.iter()))
        + calls * "function".len();
    // With their quotes.
    let quoted = |text: &TextSpan| len(text.span) + 2;
    let structured = view.tools.iter().map(|tool| len(tool.span)).sum::<usize>()
        + view.arguments.iter().map(quoted).sum::<usize>()
        + results.iter().flat_map(|m| m.text.iter()).map(quoted).sum::<usize>()
        + ["tool_choice", "response_format"]
            .iter()
            .filter_map(|key| view.member(key))
            .map(len)
            .sum::<usize>();
    let images = view.messages.iter().map(|m| usize::from(m.images)).sum::<usize>();
    let around = MESSAGE_TOKENS as usize * (view.messages.len() + separate)
        + CONTEXT_TOOL_TOKENS * (calls + results.len() + view.tools.len());
    let prompt = texts.div_ceil(4) + structured + CONTEXT_IMAGE_TOKENS * images + around;
    prompt as f64 + view.max_tokens.unwrap_or(0) as f64
}

/// Of `prompt_tokens`, those that the previous turn's prompt had already: all but the model's last answer and what
/// follows it. 0 where the model has not spoken yet.
#[must_use]
pub fn repeated_tokens(view: &RequestView, prompt_tokens: f64, bytes_per_token: f64) -> f64 {
    let spoke = |m: &MessageView| m.role == Role::Assistant;
    let Some(last) = view.messages.iter().rposition(spoke) else { return 0.0 };
    // One answer may be several messages: its text and each of its calls.
    let before = view.messages.get(..last).unwrap_or_default();
    let from = before.iter().rposition(|m| !spoke(m)).map_or(0, |at| at + 1);
    let fresh = view.messages.get(from..).unwrap_or_default();
    let bytes = bytes_of(view, fresh.iter().flat_map(|m| m.text.iter()));
    (prompt_tokens - bytes as f64 / believable(bytes_per_token) - around_of(fresh)).floor().max(0.0)
}

/// Prompt tokens by the o200k_base encoding, templates and images as in [`prompt_tokens`]; `None` above 4 MiB.
pub(crate) fn exact_tokens(view: &RequestView) -> Option<f64> {
    let tools = view.tools_span.map(|span| view.bytes(span)).unwrap_or_default();
    if text_bytes(view) + tools.len() > EXACT_BYTES_MAX {
        return None;
    }
    let tokenizer = bpe_openai::o200k_base();
    let texts: usize = spans(view).map(|t| tokenizer.count(view.text(*t).as_ref())).sum();
    let tools = tokenizer.count(String::from_utf8_lossy(tools).as_ref());
    Some((texts + tools) as f64 + around(view))
}

/// Builds the tokenizer's tables, so that no request waits for them.
pub(crate) fn warm_exact_tokens() {
    bpe_openai::o200k_base().count("a");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a real decoder, with every character escaped or not.
        #[test]
        fn decoded_length_equals_decoding(text in "\\PC{0,20}[\\n\"\\\\\u{0}-\u{10}]{0,5}", escape in any::<bool>()) {
            let mut json = serde_json::to_string(&text).unwrap();
            if escape {
                json = json.chars().map(|c| {
                    if c.is_ascii() { return c.to_string(); }
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect()
                }).collect();
            }
            let inside = &json[1..json.len() - 1];
            prop_assert_eq!(decoded_len(inside.as_bytes()), text.len());
        }

        #[test]
        fn any_bytes_are_safe(raw in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(decoded_len(&raw) <= raw.len());
        }
    }
}
