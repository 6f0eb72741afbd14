//! What a request can use at most, from its bytes alone: the bound that a ceiling of cost rests on.
//!
//! ```text
//! worst cost of a model = ⌈prompt · input price⌉ + ⌈choices · output · output price⌉
//! prompt  = tokens of the body's bytes + 5,000 for each image + 512 where tools are offered, at most the model's window
//! choices = the greater of n and best_of
//! output  = the greatest limit that the request states, plus a budget of thinking that some servers do not count in it
//! ```
//!
//! A byte-level encoding makes no more tokens than bytes. The bound takes two thirds of that and one for a run of small
//! letters or of digits, nothing for a space before a letter, and the whole for every other byte: random letters, the
//! worst of their kind, take less (`o200k_base`; a test tries). Images: the largest figure that a provider documents for one picture of a current model
//! is 4,784 tokens (Anthropic's vision guide). What has no bound is said: sound, films, files and references, an
//! unreadable number.

use tollgate_core::signal::{Unread, UnreadSet};
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

/// Most tokens of one image.
const IMAGE_TOKENS_MAX: u64 = 5_000;
/// Tokens that a provider adds where tools are offered (Anthropic documents up to 346 beside the definitions).
const TOOLS_TOKENS: u64 = 512;
/// Longest nested member that is read for a budget, in bytes.
const MEMBER_MAX: usize = 64 << 10;

/// Members that limit the output, over all dialects.
const LIMITS: [&str; 6] = [
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    // vLLM's and TGI's own, llama.cpp's and Ollama's.
    "max_new_tokens",
    "n_predict",
    "num_predict",
];
/// Members that ask for several answers.
const CHOICES: [&str; 2] = ["n", "best_of"];
/// Budgets of thinking: a member, and the member inside it where it is an object.
const THINKING: [(&str, &str); 4] = [
    ("thinking", "budget_tokens"),
    ("reasoning", "max_tokens"),
    ("thinking_budget", ""),
    ("thinking_token_budget", ""),
];

/// Bounds on what one request uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ceiling {
    /// Most prompt tokens; 0 before [`Self::with_prompt`].
    pub prompt_tokens: u64,
    /// Answers that are made.
    pub choices: u64,
    /// Stated limits of one answer, by the member that states them.
    limits: Vec<(&'static str, u64)>,
    /// A budget of thinking that comes on top.
    thinking: u64,
    /// A member of it that is no number.
    unreadable: Option<String>,
    /// Why there is no bound.
    pub unbounded: Option<String>,
}

impl Ceiling {
    /// The bounds of a request but for its prompt.
    #[must_use]
    pub fn of(view: &RequestView) -> Self {
        let mut found = Self { choices: 1, ..Self::default() };
        for (key, value) in &view.members {
            found.member(view, &view.text(*key), view.bytes(*value));
        }
        if view.dialect == Dialect::Gemini {
            found.limits.extend(view.max_tokens.map(|limit| (LIMITS[2], limit)));
        }
        let endless = [Unread::Audio, Unread::Video, Unread::File, Unread::Reference, Unread::Unknown];
        let endless = view.unread.and(endless.into_iter().collect::<UnreadSet>());
        if !endless.is_empty() {
            found.unbounded = Some(format!("it holds content of unknown size ({endless})"));
        }
        found
    }

    /// The same with the bound on its prompt, which looks at every byte.
    #[must_use]
    pub fn with_prompt(self, view: &RequestView) -> Self {
        Self { prompt_tokens: prompt_tokens_max(view), ..self }
    }

    fn member(&mut self, view: &RequestView, name: &str, value: &[u8]) {
        if value == b"null" {
            return;
        }
        if let Some(limit) = LIMITS.into_iter().find(|limit| *limit == name) {
            let number = self.number(name, value);
            self.limits.push((limit, number));
        } else if CHOICES.contains(&name) {
            self.choices = self.number(name, value).max(self.choices);
        } else if let Some((_, inner)) = THINKING.iter().find(|(member, _)| *member == name) {
            let budget = if value.first() == Some(&b'{') {
                self.inner(name, inner, value)
            } else {
                self.scalar(inner, name, value)
            };
            // Messages count thinking within the limit, and so do Responses.
            match view.dialect {
                Dialect::Anthropic | Dialect::OpenaiResponses => {
                    self.limits.extend((budget > 0).then_some(("thinking", budget)));
                }
                _ => self.thinking = self.thinking.saturating_add(budget),
            }
        } else if matches!(name, "generationConfig" | "generation_config") {
            let count =
                self.inner(name, "candidateCount", value).max(self.inner(name, "candidate_count", value));
            self.choices = self.choices.max(count);
        }
    }

    fn scalar(&mut self, inner: &str, name: &str, value: &[u8]) -> u64 {
        if inner.is_empty() { self.number(name, value) } else { 0 }
    }

    /// A number inside an object; 0 where there is none.
    fn inner(&mut self, name: &str, inner: &str, value: &[u8]) -> u64 {
        let object = (value.len() <= MEMBER_MAX).then(|| serde_json::from_slice::<serde_json::Value>(value));
        match object {
            Some(Ok(object)) => match object.get(inner).filter(|value| !value.is_null()) {
                Some(number) => self.number(name, number.to_string().as_bytes()),
                None => 0,
            },
            _ => self.no_number(name),
        }
    }

    fn number(&mut self, name: &str, value: &[u8]) -> u64 {
        // Nearly every limit is a few digits.
        if (1..=15).contains(&value.len()) && value.iter().all(u8::is_ascii_digit) {
            return value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        }
        match serde_json::from_slice::<f64>(value) {
            // Saturates; below zero is a word for "no limit" at some servers.
            Ok(number) if number >= 0.0 => number.ceil() as u64,
            _ => self.no_number(name),
        }
    }

    fn no_number(&mut self, name: &str) -> u64 {
        self.unbounded = Some(format!("`{name}` is no number that bounds it"));
        self.unreadable = Some(name.to_owned());
        0
    }

    /// The member that should bound it and is no number from 0.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Takes over that a member is set to a value before the request is sent: a limit of the output in all its spellings.
    pub fn set(&mut self, name: &str, value: f64) {
        self.remove(name);
        if let Some(limit) = LIMITS.into_iter().find(|limit| *limit == name) {
            self.limits.push((limit, value.max(0.0).ceil() as u64));
        }
        if CHOICES.contains(&name) {
            self.choices = self.choices.max(value.max(0.0).ceil() as u64);
        }
    }

    /// Takes over that a member is capped before the request is sent: a limit of the output in all its spellings.
    pub fn cap(&mut self, name: &str, most: f64) {
        if LIMITS.contains(&name) {
            let held =
                self.limits.iter().filter(|(limit, _)| LIMITS.contains(limit)).map(|(_, value)| *value);
            self.set(name, most.min(held.max().map_or(f64::MAX, |held| held as f64)));
        }
    }

    /// Takes over that a member is removed before the request is sent: a limit of the output in all its spellings.
    pub fn remove(&mut self, name: &str) {
        if LIMITS.contains(&name) {
            self.limits.retain(|(limit, _)| !LIMITS.contains(limit));
        }
    }

    /// Most tokens of one answer that the request states, thinking included.
    #[must_use]
    pub fn stated(&self) -> Option<u64> {
        let most = self.limits.iter().map(|(_, limit)| *limit).max()?;
        Some(most.saturating_add(self.thinking))
    }

    /// The budget of thinking that comes on top of a limit.
    #[must_use]
    pub const fn thinking(&self) -> u64 {
        self.thinking
    }

    /// Most output tokens of all answers together, where one takes no more than `unstated` if the request states nothing.
    #[must_use]
    pub fn output_tokens(&self, unstated: u64) -> u64 {
        self.stated()
            .unwrap_or_else(|| unstated.saturating_add(self.thinking))
            .saturating_mul(self.choices.max(1))
    }
}

/// Most prompt tokens, from the body's bytes.
fn prompt_tokens_max(view: &RequestView) -> u64 {
    let mut opaque: Vec<_> =
        view.opaque.iter().map(|span| (span.start as usize, span.end as usize)).collect();
    opaque.sort_unstable();
    let (mut from, mut tokens) = (0, 0u64);
    for (start, end) in opaque.into_iter().chain([(view.body.len(), view.body.len())]) {
        tokens = tokens.saturating_add(tokens_of(view.body.get(from..start.max(from)).unwrap_or_default()));
        from = end.max(from);
    }
    let images = view
        .messages
        .iter()
        .map(|message| u64::from(message.images))
        .sum::<u64>()
        .max(view.opaque.len() as u64);
    let tools = if view.tools.is_empty() { 0 } else { TOOLS_TOKENS };
    tokens.saturating_add(images.saturating_mul(IMAGE_TOKENS_MAX)).saturating_add(tools)
}

/// Most tokens of some bytes: a run of small letters or of digits takes two thirds of its length and one, a space before
/// letters none, more spaces together one, every other byte one.
fn tokens_of(bytes: &[u8]) -> u64 {
    let (mut tokens, mut at) = (0, 0);
    while let Some(first) = bytes.get(at) {
        let class: fn(&u8) -> bool = match first {
            b'a'..=b'z' => u8::is_ascii_lowercase,
            b'0'..=b'9' => u8::is_ascii_digit,
            b' ' => |byte| *byte == b' ',
            _ => {
                (tokens, at) = (tokens + 1, at + 1);
                continue;
            }
        };
        let rest = bytes.get(at..).unwrap_or_default();
        let run = rest.iter().position(|byte| !class(byte)).unwrap_or(rest.len());
        at += run;
        tokens += match (first, run) {
            (b' ', 1) if bytes.get(at).is_some_and(u8::is_ascii_alphabetic) => 0,
            (b' ', _) => 1,
            _ => 2 * run / 3 + 1,
        };
    }
    tokens as u64
}

/// Most prompt tokens of a text that is added to a request.
#[must_use]
pub fn text_tokens_max(text: &str) -> u64 {
    tokens_of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tollgate_wire::peek::{Limits, peek};

    fn ceiling(dialect: Dialect, body: &str) -> Ceiling {
        let view = peek(dialect, body.to_owned().into(), &Limits::default()).unwrap();
        Ceiling::of(&view).with_prompt(&view)
    }

    #[test]
    fn the_greatest_of_all_spellings_counts_times_the_answers() {
        let chat = |members: &str| {
            ceiling(Dialect::OpenaiChat, &format!(r#"{{"model":"m","messages":[]{members}}}"#))
        };
        let cases = [
            ("", None, 1, 100),
            (r#","max_tokens":50"#, Some(50), 1, 50),
            (r#","max_completion_tokens":1,"max_tokens":9000"#, Some(9000), 1, 9000),
            (r#","max_tokens":50,"n":4"#, Some(50), 4, 200),
            (r#","max_tokens":50,"n":2,"best_of":8"#, Some(50), 8, 400),
            (r#","n":3"#, None, 3, 300),
            (r#","max_tokens":50,"thinking":{"type":"enabled","budget_tokens":70}"#, Some(120), 1, 120),
            (r#","max_tokens":50,"reasoning":{"effort":"high","max_tokens":9}"#, Some(59), 1, 59),
            (r#","max_tokens":50,"thinking_budget":5"#, Some(55), 1, 55),
            (r#","max_tokens":50,"n":null"#, Some(50), 1, 50),
        ];
        for (members, stated, choices, output) in cases {
            let found = chat(members);
            assert_eq!(
                (found.stated(), found.choices, found.output_tokens(100)),
                (stated, choices, output),
                "{members}"
            );
            assert_eq!(found.unbounded, None, "{members}");
        }
        for members in [r#","n":"4""#, r#","n":-1"#, r#","thinking":{"budget_tokens":"x"}"#] {
            assert!(chat(members).unbounded.is_some(), "{members}");
        }
        let messages =
            r#"{"model":"m","max_tokens":50,"messages":[],"thinking":{"type":"enabled","budget_tokens":70}}"#;
        assert_eq!(ceiling(Dialect::Anthropic, messages).stated(), Some(70), "thinking counts within");
        let responses = r#"{"model":"m","input":"a","max_output_tokens":7}"#;
        assert_eq!(ceiling(Dialect::OpenaiResponses, responses).stated(), Some(7));
        let gemini = r#"{"contents":[],"generationConfig":{"maxOutputTokens":7,"candidateCount":3}}"#;
        assert_eq!(ceiling(Dialect::Gemini, gemini).output_tokens(0), 21);
        let file =
            r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}"#;
        assert!(ceiling(Dialect::OpenaiResponses, file).unbounded.unwrap().contains("file"));
    }

    #[test]
    fn edits_that_come_before_the_request_is_sent_count() {
        let body = r#"{"model":"m","messages":[],"max_tokens":50,"max_completion_tokens":80}"#;
        let mut found = ceiling(Dialect::OpenaiChat, body);
        found.cap("max_completion_tokens", 60.0);
        assert_eq!(found.stated(), Some(60));
        found.cap("max_tokens", 70.0);
        assert_eq!(found.stated(), Some(60));
        found.cap("max_tokens", 40.0);
        assert_eq!(found.stated(), Some(40), "whatever it is called");
        found.set("max_completion_tokens", 5.0);
        assert_eq!(found.stated(), Some(5));
        found.remove("max_tokens");
        assert_eq!(found.stated(), None);
    }

    #[test]
    fn bytes_of_an_image_count_as_an_image() {
        let data = "A".repeat(100_000);
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:,{data}"}}}}]}}]}}"#
        );
        let found = ceiling(Dialect::OpenaiChat, &body);
        assert!((5_000..5_100).contains(&found.prompt_tokens), "{}", found.prompt_tokens);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn no_text_has_more_tokens_than_the_bound(
            text in "[a-z]{0,400}|[a-z0-9]{0,400}|[A-Za-z]{0,300}|[ \\n\\t]{0,200}|[a-z \\n]{0,300}|\\PC{0,200}|[!-~]{0,300}|[0-9]{0,300}"
        ) {
            let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
            let tokens = bpe_openai::o200k_base().count(text.as_str()) as u64;
            let bound = ceiling(Dialect::OpenaiChat, &body).prompt_tokens;
            prop_assert!(tokens <= bound, "{tokens} > {bound}: {text:?}");
            prop_assert!(tokens <= text_tokens_max(&text), "{tokens} > {}: {text:?}", text_tokens_max(&text));
        }
    }
}
