//! Mask: personal data is replaced in a request before it goes up, where the route or a class of data asks for it.
//!
//! What goes to the model as words is masked: prompts, turns, results and arguments of tools, reasoning, citations, and
//! `user` and the values of `metadata` beside them. One piece of data gets one mask throughout the request, `[EMAIL_1]`, so
//! that an answer can still tell two apart. Definitions of tools and names are left as they are. Where a class of data asks,
//! the policy is asked once more, of what is left.

use crate::pipeline::authenticate::Caller;
use crate::pipeline::decide::{Known, input, recognise};
use crate::pipeline::govern::Gate;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use http::HeaderMap;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use tollgate_core::Fault;
use tollgate_signals::Reading;
use tollgate_signals::content::personal_data_of;
use tollgate_wire::edit::Edits;
use tollgate_wire::json::{DEPTH_MAX, Kind, Scanner, quote};
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::{RequestView, Span, TextSpan};

/// A request with masks.
pub(crate) struct Masked {
    view: RequestView,
    /// Whether it goes up masked wherever it goes.
    always: bool,
    /// How many pieces of each type were masked.
    counts: BTreeMap<&'static str, usize>,
}

impl Masked {
    /// The request as it goes up: masked, where the route says so or the place needs it.
    pub(crate) fn view(&self, place_needs_it: bool) -> Option<&RequestView> {
        (self.always || place_needs_it).then_some(&self.view)
    }

    /// What was masked, in words.
    pub(crate) fn told(&self) -> Option<String> {
        let parts: Vec<String> = self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        (!parts.is_empty()).then(|| format!("personal data masked: {}", parts.join(", ")))
    }
}

/// Masks a request, where its route (`by_route`: the types) or a binding class of data asks for it.
pub(crate) fn masked(
    shared: &Shared,
    snapshot: &Snapshot,
    (view, headers): (&RequestView, &HeaderMap),
    caller: &Caller,
    (known, by_route): (&Known, &[String]),
    gate: &mut Gate,
) -> Result<Option<Masked>, Fault> {
    let by_class: Vec<String> = gate.masking();
    if by_route.is_empty() && by_class.is_empty() {
        return Ok(None);
    }
    let wanted = |kind: &str| by_route.iter().chain(&by_class).any(|word| word == kind);
    let mut masks = Masks::default();
    let mut edits = Edits::new(view);
    masks.all(view, &mut edits, &wanted).map_err(|e| e.fault())?;
    let always = !by_route.is_empty();
    let view = if edits.is_empty() {
        view.clone()
    } else {
        let depth = u8::try_from(snapshot.settings.limits.json_depth).unwrap_or(u8::MAX);
        let body = edits.apply().map_err(|e| e.fault())?;
        peek(view.dialect, body, &Limits { depth, ..Limits::default() }).map_err(|e| e.fault())?
    };
    if !by_class.is_empty() {
        let input = input(&view, headers, caller, known);
        let mut reading = Reading::new(&snapshot.signals, &input, &*shared.clock);
        recognise(shared, &mut reading, &view, known);
        gate.carry(&snapshot.policy.decide(&mut reading, false));
    }
    Ok(Some(Masked { view, always, counts: masks.counts }))
}

/// Masks that were given so far.
#[derive(Default)]
struct Masks {
    given: HashMap<(&'static str, String), String>,
    numbers: BTreeMap<&'static str, usize>,
    counts: BTreeMap<&'static str, usize>,
}

/// Strings and numbers of a JSON value.
#[derive(Default)]
struct Pieces {
    texts: Vec<TextSpan>,
    numbers: Vec<Span>,
}

impl Masks {
    /// Masks everything that goes to the model as words.
    fn all(
        &mut self,
        view: &RequestView,
        edits: &mut Edits<'_>,
        wanted: &impl Fn(&str) -> bool,
    ) -> Result<(), tollgate_wire::WireError> {
        let mut pieces = Pieces::default();
        let said = view.system.iter().chain(view.messages.iter().flat_map(|message| message.text.iter()));
        let beside = view.aside.iter().chain(&view.arguments).chain(&view.user);
        for text in said.chain(beside) {
            let quoted =
                text.span.start.checked_sub(1).and_then(|at| view.body.get(at as usize)) == Some(&b'"');
            match quoted {
                true => pieces.texts.push(*text),
                false => pieces.gather(view, text.span),
            }
        }
        view.metadata.into_iter().for_each(|span| pieces.gather(view, span));
        // One place may be seen under two names (`user` and the metadata that it came from).
        pieces.texts.sort_by_key(|text| text.span.start);
        pieces.texts.dedup_by_key(|text| text.span.start);
        for text in pieces.texts {
            let whole = view.text(text);
            let found = self.of(&whole, wanted);
            edits.mask_all(text, found.iter().map(|(range, mask)| (range.clone(), mask.as_str())))?;
        }
        for span in pieces.numbers {
            let digits = String::from_utf8_lossy(view.bytes(span)).into_owned();
            if let [(range, mask)] = self.of(&digits, wanted).as_slice()
                && range.len() == digits.len()
            {
                edits.replace(span, quote(mask))?;
            }
        }
        Ok(())
    }

    /// The masks of a text, in its order.
    fn of(&mut self, text: &str, wanted: &impl Fn(&str) -> bool) -> Vec<(Range<usize>, String)> {
        let mut masks = Vec::new();
        for piece in personal_data_of(text, wanted) {
            let range = piece.start..piece.end;
            let mask = self.mask(piece.kind, text.get(range.clone()).unwrap_or_default());
            let mask = if is_bare(text, &range) { format!("\"{mask}\"") } else { mask };
            masks.push((range, mask));
        }
        masks
    }

    fn mask(&mut self, kind: &'static str, value: &str) -> String {
        *self.counts.entry(kind).or_default() += 1;
        let numbers = &mut self.numbers;
        let given = self.given.entry((kind, value.to_owned())).or_insert_with(|| {
            let number = numbers.entry(kind).or_default();
            *number += 1;
            format!("[{}_{number}]", kind.to_uppercase())
        });
        given.clone()
    }
}

impl Pieces {
    /// Collects from a JSON value that was checked already; keys are names and stay.
    fn gather(&mut self, view: &RequestView, span: Span) {
        if let Ok(mut scanner) = Scanner::new(view.bytes(span), DEPTH_MAX) {
            // Checked when the request was read: what cannot be read twice cannot be.
            let _ = self.value(&mut scanner, span.start);
        }
    }

    fn value(&mut self, scanner: &mut Scanner<'_>, base: u32) -> Result<(), tollgate_wire::json::Flaw> {
        let moved = |span: Span| Span { start: span.start + base, end: span.end + base };
        match scanner.kind()? {
            Kind::Object => {
                scanner.enter_object()?;
                while scanner.next_key()?.is_some() {
                    self.value(scanner, base)?;
                }
            }
            Kind::Array => {
                scanner.enter_array()?;
                while scanner.next_element()? {
                    self.value(scanner, base)?;
                }
            }
            Kind::String => {
                let text = scanner.string()?;
                self.texts.push(TextSpan { span: moved(text.span), ..text });
            }
            Kind::Number => self.numbers.push(moved(scanner.skip()?)),
            Kind::Bool | Kind::Null => drop(scanner.skip()?),
        }
        Ok(())
    }
}

/// Whether what stands at `range` is a number of JSON inside the text (arguments of a call): its mask is a string there.
fn is_bare(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|before| before.trim_end().chars().next_back());
    let after = text.get(range.end..).and_then(|after| after.trim_start().chars().next());
    let key =
        text.get(..range.start).is_some_and(|before| before.trim_end().trim_end_matches(':').ends_with('"'));
    matches!((before, after), (Some(':'), Some(',' | '}'))) && key
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::{Value, json};
    use tollgate_wire::Dialect;

    fn sent(dialect: Dialect, body: &Value) -> Value {
        let body = Bytes::from(body.to_string());
        let view = peek(dialect, body, &Limits::default()).unwrap();
        let mut edits = Edits::new(&view);
        Masks::default().all(&view, &mut edits, &|kind| kind != "url").unwrap();
        serde_json::from_slice(&edits.apply().unwrap()).unwrap()
    }

    #[test]
    fn everything_that_is_said_is_masked_and_json_stays_json() {
        let arguments =
            r#"{"to": "ada@example.org", "call": 14155550132, "note": "tel. +44 20 7946 0958\n"}"#;
        let body = json!({
            "model": "m", "user": "bob@example.org", "seed": 14155550132_u64,
            "metadata": {"who": "ada@example.org"},
            "tools": [{"type": "function", "function": {"name": "f", "description": "mail ada@example.org"}}],
            "messages": [
                {"role": "system", "content": "Write to ada@example.org"},
                {"role": "user", "content": [{"type": "text", "text": "I am \"ada@example.org\", ünd\nnot bob@example.org"}]},
                {"role": "assistant", "content": null, "tool_calls":
                    [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "c", "content": "card 4111 1111 1111 1111"},
            ],
        });
        let sent = sent(Dialect::OpenaiChat, &body);
        assert_eq!(sent["messages"][0]["content"], "Write to [EMAIL_1]");
        assert_eq!(sent["messages"][1]["content"][0]["text"], "I am \"[EMAIL_1]\", ünd\nnot [EMAIL_2]");
        assert_eq!(sent["messages"][3]["content"], "card [CREDIT_CARD_1]");
        assert_eq!((&sent["user"], &sent["metadata"]["who"]), (&json!("[EMAIL_2]"), &json!("[EMAIL_1]")));
        let call = &sent["messages"][2]["tool_calls"][0]["function"]["arguments"];
        let call: Value = serde_json::from_str(call.as_str().unwrap()).unwrap();
        assert_eq!(call, json!({"to": "[EMAIL_1]", "call": "[PHONE_1]", "note": "tel. [PHONE_2]\n"}));
        // Parameters and definitions stay.
        assert_eq!((&sent["seed"], &sent["tools"]), (&body["seed"], &body["tools"]));
    }

    #[test]
    fn decoys_links_and_letters_without_spaces_hide_nothing() {
        let decoys = "2024-01-01 ".repeat(1_500);
        let text = format!(
            "ada@example.org {decoys} were the days. In the evening call +44 20 7946 0958, https://example.org/u?mail=bob@example.org 邮箱是eve@example.org谢谢"
        );
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let sent = sent(Dialect::OpenaiChat, &body);
        let text = sent["messages"][0]["content"].as_str().unwrap();
        assert!(
            text.contains("call [PHONE_1]") && text.ends_with("u?mail=[EMAIL_2] 邮箱是[EMAIL_3]谢谢"),
            "{text}"
        );
    }

    #[test]
    fn objects_of_arguments_and_many_pieces_are_masked_whole() {
        let many: String = (0..2_500).map(|n| format!("user{n}@example.org ")).collect();
        let body = json!({"model": "m", "max_tokens": 9, "system": "Be kind to ada@example.org", "messages": [
            {"role": "user", "content": many},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f",
                "input": {"call": 14155550132_u64, "cc": ["ada@example.org"], "n": 7}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ada@example.org"}]},
        ]});
        let sent = sent(Dialect::Anthropic, &body);
        let text = sent["messages"][0]["content"].as_str().unwrap();
        // The 2,500 come before it in the body.
        let ada = "[EMAIL_2501]";
        assert!(!text.contains('@') && text.matches("[EMAIL_").count() == 2_500, "{text}");
        assert_eq!(
            sent["messages"][1]["content"][0]["input"],
            json!({"call": "[PHONE_1]", "cc": [ada], "n": 7})
        );
        assert_eq!(sent["messages"][2]["content"][0]["content"], ada);
        assert_eq!(sent["system"], format!("Be kind to {ada}"));
    }
}
