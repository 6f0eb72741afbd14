//! Which columns or keys of a trace hold what, as data.

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Comma-separated values with a header line.
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

/// What a time means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Seconds, from anywhere.
    Seconds,
    /// Milliseconds, from anywhere.
    Milliseconds,
    /// A date with a time of day: RFC 3339, or without offset (taken as UTC).
    Text,
}

/// Where a trace keeps what a request needs. A name is exact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// As reports name it.
    pub name: &'static str,
    /// The field of the arrival with its unit; `None` where only lengths are recorded (all arrive at 0).
    pub time: Option<(String, TimeUnit)>,
    /// The field of the prompt tokens.
    pub prompt: String,
    /// The field of the output tokens.
    pub output: String,
    /// The field of the conversation.
    pub session: Option<String>,
    /// The field that tells classes apart.
    pub class: Option<String>,
    /// The field of the prefix blocks.
    pub prefix: Option<String>,
}

/// A known layout: name, time, prompt, output, session, class, prefix.
type Known = (
    &'static str,
    Option<(&'static str, TimeUnit)>,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// The layouts that are known. The first whose needed fields are all there is taken.
pub const LAYOUTS: &[Known] = &[
    ("azure", Some(("TIMESTAMP", TimeUnit::Text)), "ContextTokens", "GeneratedTokens", None, None, None),
    (
        "mooncake",
        Some(("timestamp", TimeUnit::Milliseconds)),
        "input_length",
        "output_length",
        None,
        None,
        Some("hash_ids"),
    ),
    (
        "vidur",
        Some(("arrived_at", TimeUnit::Seconds)),
        "num_prefill_tokens",
        "num_decode_tokens",
        None,
        None,
        None,
    ),
    (
        "splitwise",
        Some(("timestamp", TimeUnit::Seconds)),
        "num_prefill_tokens",
        "num_decode_tokens",
        None,
        None,
        None,
    ),
    ("lengths", None, "num_prefill_tokens", "num_decode_tokens", None, None, None),
    ("vllm-bench", Some(("arrival_time", TimeUnit::Seconds)), "input_toks", "output_toks", None, None, None),
    (
        "burstgpt",
        Some(("Timestamp", TimeUnit::Seconds)),
        "Request tokens",
        "Response tokens",
        None,
        Some("Log Type"),
        None,
    ),
    (
        "semantic-router",
        Some(("timestamp", TimeUnit::Seconds)),
        "prompt_tokens",
        "generated_tokens",
        None,
        Some("category"),
        None,
    ),
    (
        "tollgate",
        Some(("time", TimeUnit::Text)),
        "prompt_tokens",
        "completion_tokens",
        Some("session"),
        Some("route"),
        None,
    ),
    (
        "requests",
        Some(("arrival_s", TimeUnit::Seconds)),
        "prompt_tokens",
        "output_tokens",
        Some("session"),
        Some("class"),
        None,
    ),
];

impl Layout {
    /// A layout of one's own: time (with its unit), prompt, output.
    #[must_use]
    pub fn own(time: Option<(&str, TimeUnit)>, prompt: &str, output: &str) -> Self {
        Self {
            name: "own",
            time: time.map(|(field, unit)| (field.into(), unit)),
            prompt: prompt.into(),
            output: output.into(),
            session: None,
            class: None,
            prefix: None,
        }
    }

    /// The known layout whose needed fields are all among `fields`.
    #[must_use]
    pub fn detect(fields: &[&str]) -> Option<Self> {
        let has = |field: &str| fields.contains(&field);
        let fits = |(_, time, prompt, output, ..): &&Known| {
            has(prompt) && has(output) && time.is_none_or(|(field, _)| has(field))
        };
        let &(name, time, prompt, output, session, class, prefix) = LAYOUTS.iter().find(fits)?;
        Some(Self {
            name,
            session: session.map(Into::into),
            class: class.map(Into::into),
            prefix: prefix.map(Into::into),
            ..Self::own(time, prompt, output)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_layout_is_found_by_its_own_fields() {
        for &(name, time, prompt, output, ..) in LAYOUTS {
            let mut fields = vec![prompt, output, "other"];
            fields.extend(time.map(|(field, _)| field));
            assert_eq!(Layout::detect(&fields).unwrap().name, name);
        }
        assert_eq!(Layout::detect(&["prompt"]), None);
    }
}
