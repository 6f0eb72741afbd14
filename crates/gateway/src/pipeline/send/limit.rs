//! The limit of the output, which has many names: an edit of it is one of all that a request states, or a caller could
//! pass it by writing another.

use super::shape::number;
use crate::config::provider::Limit;
use tollgate_wire::edit::Edits;
use tollgate_wire::view::RequestView;
use tollgate_wire::{Dialect, WireError};

/// The names over all dialects: OpenAI's three, vLLM's and TGI's own, llama.cpp's and Ollama's.
const NAMES: [&str; 6] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "n_predict",
    "num_predict",
];

/// Whether a parameter is the limit of the output.
pub(crate) fn is(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The name that a request with no limit gets it under; none where its dialect has none as a member.
pub(super) const fn own(dialect: Dialect, spells: Limit) -> Option<&'static str> {
    match (dialect, spells) {
        (Dialect::OpenaiResponses, _) => Some("max_output_tokens"),
        (Dialect::OpenaiChat, Limit::Completion) => Some("max_completion_tokens"),
        (Dialect::OpenaiChat, Limit::Either | Limit::MaxTokens) | (Dialect::Anthropic, _) => {
            Some("max_tokens")
        }
        (Dialect::Gemini | Dialect::OpenaiEmbeddings, _) => None,
    }
}

/// The limits that a request states, each with its value where that is a number from 0; a null states none.
pub(super) fn present(view: &RequestView) -> impl Iterator<Item = (&'static str, Option<f64>)> {
    let stated = |name: &'static str| {
        let value = view.member(name).map(|span| view.bytes(span)).filter(|value| *value != b"null")?;
        Some((name, serde_json::from_slice::<f64>(value).ok().filter(|value| *value >= 0.0)))
    };
    NAMES.into_iter().filter_map(stated)
}

/// The name to add, where what a request states is not what its provider reads.
fn missing(view: &RequestView, spells: Limit) -> Option<&'static str> {
    let own = own(view.dialect, spells)?;
    let read = |name: &str| name == own || spells != Limit::MaxTokens && name.starts_with("max_");
    (!present(view).any(|(name, _)| read(name))).then_some(own)
}

/// Sets the limit.
pub(super) fn set(
    edits: &mut Edits<'_>,
    view: &RequestView,
    spells: Limit,
    value: &str,
) -> Result<(), WireError> {
    for name in present(view).map(|(name, _)| name).chain(missing(view, spells)) {
        edits.set(name, value.to_owned())?;
    }
    Ok(())
}

/// States one limit, under the name that the provider reads, and takes off every other: the last word on what may be used.
pub(super) fn only(edits: &mut Edits<'_>, name: &'static str, most: u64) -> Result<(), WireError> {
    NAMES.into_iter().filter(|other| *other != name).for_each(|other| edits.remove(other));
    edits.set(name, most.to_string())
}

/// Caps the limit: none that is stated is above `most`, and what the provider reads states one.
pub(super) fn cap(
    edits: &mut Edits<'_>,
    view: &RequestView,
    spells: Limit,
    most: f64,
) -> Result<(), WireError> {
    let mut least = most;
    for (name, value) in present(view) {
        match value {
            Some(value) if value <= most => least = least.min(value),
            _ => edits.set(name, number(most).to_string())?,
        }
    }
    missing(view, spells).map_or(Ok(()), |name| edits.set(name, number(least).to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::shape::{Wish, shape};
    use super::*;
    use serde_json::{Value, json};
    use tollgate_core::signal::Param;
    use tollgate_policy::{Effects, ParamEdit};
    use tollgate_wire::peek::{Limits, peek};

    /// The members by which a chat states its limit, as they are sent.
    fn limits(spells: Limit, members: &str, edit: ParamEdit) -> Value {
        let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"a"}}]{members}}}"#);
        let view = peek(Dialect::OpenaiChat, body.into(), &Limits::default()).unwrap();
        let effects = Effects { params: vec![edit], ..Effects::default() };
        let mut wish = Wish {
            model: "auto",
            effort: None,
            meter_stream: false,
            withheld: &[],
            limit: None,
            spells,
            governed: None,
        };
        let mut sent: Value = serde_json::from_slice(&shape(&view, &effects, &mut wish).unwrap()).unwrap();
        let members = sent.as_object_mut().unwrap();
        members.retain(|name, _| name != "model" && name != "messages");
        sent
    }

    #[test]
    fn what_is_promised_is_the_only_limit_whatever_was_stated_and_edited() {
        let body =
            br#"{"model":"auto","messages":[],"n_predict":9,"max_tokens":1,"max_completion_tokens":7}"#;
        let view = peek(Dialect::OpenaiChat, body.to_vec().into(), &Limits::default()).unwrap();
        let remove = ParamEdit::Remove { name: "max_tokens".into() };
        let set = ParamEdit::Set { name: "max_tokens".into(), value: Param::Number(900.0) };
        for (name, other) in
            [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
        {
            for edit in [&remove, &set] {
                let effects = Effects { params: vec![edit.clone()], ..Effects::default() };
                let mut wish = Wish {
                    model: "auto",
                    effort: None,
                    meter_stream: false,
                    withheld: &[],
                    limit: Some((name, 5)),
                    spells: Limit::Either,
                    governed: None,
                };
                let sent: Value =
                    serde_json::from_slice(&shape(&view, &effects, &mut wish).unwrap()).unwrap();
                assert_eq!((&sent[name], sent.get(other), sent.get("n_predict")), (&json!(5), None, None));
            }
        }
    }

    #[test]
    fn a_limit_of_the_output_is_one_in_every_spelling() {
        use Limit::{Completion, Either, MaxTokens};
        let cap = || ParamEdit::Cap { name: "max_tokens".into(), at: 50.0 };
        let both = r#","max_completion_tokens":1,"max_tokens":1000000"#;
        let cases = [
            (Either, both, json!({"max_completion_tokens": 1, "max_tokens": 50})),
            (MaxTokens, both, json!({"max_completion_tokens": 1, "max_tokens": 50})),
            (Completion, both, json!({"max_completion_tokens": 1, "max_tokens": 50})),
            (
                Either,
                r#","max_completion_tokens":null,"max_tokens":90"#,
                json!({"max_completion_tokens": null, "max_tokens": 50}),
            ),
            (
                Either,
                r#","max_tokens":90,"n_predict":-1,"num_predict":9000"#,
                json!({"max_tokens": 50, "n_predict": 50, "num_predict": 50}),
            ),
            (Either, "", json!({"max_tokens": 50})),
            (Completion, "", json!({"max_completion_tokens": 50})),
            // OpenAI refuses both at once, and reads the one that is there.
            (Completion, r#","max_tokens":90"#, json!({"max_tokens": 50})),
            // Who reads `max_tokens` alone would not see the other.
            (
                MaxTokens,
                r#","max_completion_tokens":90"#,
                json!({"max_completion_tokens": 50, "max_tokens": 50}),
            ),
            (
                MaxTokens,
                r#","max_completion_tokens":20"#,
                json!({"max_completion_tokens": 20, "max_tokens": 20}),
            ),
            (
                MaxTokens,
                r#","max_completion_tokens":20,"max_tokens":null"#,
                json!({"max_completion_tokens": 20, "max_tokens": 20}),
            ),
            (Either, r#","max_completion_tokens":90"#, json!({"max_completion_tokens": 50})),
        ];
        for (spells, members, sent) in cases {
            assert_eq!(limits(spells, members, cap()), sent, "{spells:?} {members}");
        }
        let set = || ParamEdit::Set { name: "max_completion_tokens".into(), value: Param::Number(7.0) };
        assert_eq!(limits(Either, both, set()), json!({"max_completion_tokens": 7, "max_tokens": 7}));
        assert_eq!(limits(MaxTokens, "", set()), json!({"max_tokens": 7}));
        assert_eq!(limits(Completion, r#","max_tokens":9"#, set()), json!({"max_tokens": 7}));
        let remove = ParamEdit::Remove { name: "max_tokens".into() };
        assert_eq!(limits(Either, both, remove), json!({}));
    }
}
