//! Shape: the policy's edits, spliced into the caller's own bytes.
//!
//! Without edits the original bytes go on as they are. A parameter is named as OpenAI's chat dialect names it; where
//! another dialect spells it differently, its spelling is used.

use super::limit;
use crate::config::provider::Limit;
use crate::fleet::Site;
use crate::pipeline::Context;
use crate::snapshot::ModelEntry;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::signal::Param;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::{Clearance, Effects, Effort, HeaderEdit, ParamEdit, Route, SystemEdit, ToolFilter};
use tollgate_wire::edit::{self, Edits};
use tollgate_wire::view::RequestView;
use tollgate_wire::{Dialect, WireError};

/// Tokens of thinking for each effort, where a dialect wants a number.
const THINKING_TOKENS: [(Effort, u64); 4] =
    [(Effort::Minimal, 1_024), (Effort::Low, 2_048), (Effort::Medium, 8_192), (Effort::High, 24_576)];

/// Anthropic's least.
const THINKING_TOKENS_MIN: u64 = 1_024;

/// What one attempt sends, beside the policy's effects.
pub(crate) struct Wish<'a> {
    /// The model's name at the provider.
    pub(crate) model: &'a str,
    /// Reasoning effort of the chosen candidate.
    pub(crate) effort: Option<Effort>,
    /// Whether the stream must end with usage that the caller did not ask for.
    pub(crate) meter_stream: bool,
    /// Members of the request that do not go up.
    pub(crate) withheld: &'a [String],
    /// The output limit that keeps the ceiling of cost, where the request states none, or that is paid for.
    pub(crate) limit: Option<(&'static str, u64)>,
    /// Where the provider reads the limit of a chat.
    pub(crate) spells: Limit,
    /// What governs the request's tools at its place, where anything does; goes on with the roles that allow them.
    pub(crate) governed: Option<&'a mut Clearance>,
}

/// The request's bytes with every edit made.
pub(crate) fn shape(view: &RequestView, effects: &Effects, wish: &mut Wish<'_>) -> Result<Bytes, Fault> {
    let body = edited(view, effects, wish).map_err(|e| e.fault())?;
    Ok(body)
}

impl Context<'_> {
    /// The member that limits the output, with its value, where a ceiling of cost or a budget needs it, or it is
    /// what a buyer pays for: that is written whatever the buyer wrote, or it could state one that nobody reads.
    pub(crate) fn limit(
        &self,
        model: &ModelEntry,
        site: &Site,
        effects: &Effects,
    ) -> Option<(&'static str, u64)> {
        let name = limit::own(self.view.dialect, site.provider.row.quirks.limit)?;
        let keep = |clearance: &mut Clearance| {
            let mut stays = false;
            for tool in &self.view.tools {
                let built_in = tool.built_in.map(|kind| self.view.text(kind));
                stays |= keeps(effects, Some(clearance), &self.view.text(tool.name), built_in.as_deref());
            }
            stays
        };
        let by_cost = self.gate.limit(&self.snapshot, model, &self.stake(), site.index, keep);
        let paid = self.demand.ceiling.stated().filter(|_| self.caller.buys.is_some());
        let most = [by_cost, self.demand.held, paid].into_iter().flatten().min()?;
        Some((name, most))
    }
}

/// Whether an offered tool stays, by the route's filters and by right, which it narrows.
fn keeps(effects: &Effects, governed: Option<&mut Clearance>, name: &str, built_in: Option<&str>) -> bool {
    effects.tools.iter().all(|filter| filter.allows(name))
        && governed.is_none_or(|governed| governed.keep(name, built_in))
}

/// What the route changes in the request, put into words when the record is written.
#[derive(Clone, Default)]
pub(crate) struct Edited(Option<Arc<Route>>);

impl Edited {
    pub(crate) const fn by(route: Arc<Route>) -> Self {
        Self(Some(route))
    }

    /// The edits in words for the caller; none where the route has none.
    pub(crate) fn told(&self) -> Vec<String> {
        let effects = self.0.as_ref().map(|route| &route.effects);
        effects.filter(|effects| any(effects)).map(told).unwrap_or_default()
    }
}

impl Serialize for Edited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lines = self.0.as_ref().map(|route| describe(&route.effects, None));
        lines.unwrap_or_default().serialize(serializer)
    }
}

/// What would be edited, in words, for explanations.
pub(crate) fn describe(effects: &Effects, effort: Option<Effort>) -> Vec<String> {
    let mut lines = Vec::new();
    for system in &effects.system {
        lines.push(match system {
            SystemEdit::Append(text) => format!("system prompt: {} bytes appended", text.len()),
            SystemEdit::Prepend(text) => format!("system prompt: {} bytes put in front", text.len()),
            SystemEdit::Replace(text) => format!("system prompt: replaced by {} bytes", text.len()),
        });
    }
    if !effects.mask.is_empty() {
        lines.push(format!("personal data: {} masked", effects.mask.join(", ")));
    }
    lines.extend(effects.headers.iter().map(|edit| match edit {
        HeaderEdit::Set { name, value } => format!("header {name}: set to {value}"),
        HeaderEdit::Remove { name } => format!("header {name}: removed"),
    }));
    lines.extend(effects.params.iter().map(|edit| match edit {
        ParamEdit::Set { name, value } => format!("parameter {name}: set to {}", json_of(value)),
        ParamEdit::Cap { name, at } => format!("parameter {name}: at most {}", number(*at)),
        ParamEdit::Remove { name } => format!("parameter {name}: removed"),
    }));
    lines.extend(effects.tools.iter().map(|filter| match filter {
        ToolFilter::Keep(names) => format!("tools: only {}", names.join(", ")),
        ToolFilter::Drop(names) => format!("tools: without {}", names.join(", ")),
    }));
    lines.extend(effort.map(|e| format!("reasoning effort: {}", json!(e).as_str().unwrap_or_default())));
    lines
}

/// [`describe`] for the caller: the values of headers are between the policy and the upstream.
fn told(effects: &Effects) -> Vec<String> {
    let mut lines = describe(&Effects { headers: Vec::new(), ..effects.clone() }, None);
    lines.extend(effects.headers.iter().map(|edit| match edit {
        HeaderEdit::Set { name, .. } => format!("header {name}: set"),
        HeaderEdit::Remove { name } => format!("header {name}: removed"),
    }));
    lines
}

/// Whether there is anything to tell.
fn any(effects: &Effects) -> bool {
    !(effects.system.is_empty()
        && effects.params.is_empty()
        && effects.tools.is_empty()
        && effects.mask.is_empty()
        && effects.headers.is_empty())
}

fn edited(view: &RequestView, effects: &Effects, wish: &mut Wish<'_>) -> Result<Bytes, WireError> {
    let mut edits = Edits::new(view);
    if view.dialect != Dialect::Gemini && view.model().as_deref() != Some(wish.model) {
        edits.model(wish.model)?;
    }
    wish.withheld.iter().for_each(|name| edits.remove(name));
    if wish.meter_stream {
        edits.include_usage()?;
    }
    for system in &effects.system {
        match system {
            SystemEdit::Append(text) => edits.system(edit::SystemEdit::Append, text)?,
            SystemEdit::Prepend(text) => edits.system(edit::SystemEdit::Prepend, text)?,
            SystemEdit::Replace(text) => edits.system(edit::SystemEdit::Replace, text)?,
        }
    }
    if (wish.governed.is_some() || !effects.tools.is_empty()) && !view.tools.is_empty() {
        edits.keep_offers(|name, built_in| keeps(effects, wish.governed.as_deref_mut(), name, built_in))?;
    }
    for param in &effects.params {
        parameter(&mut edits, view, param, wish.spells)?;
    }
    if let Some(effort) = wish.effort {
        reasoning(&mut edits, view, effort)?;
    }
    if let Some((name, most)) = wish.limit {
        limit::only(&mut edits, name, most)?;
    }
    if edits.is_empty() { Ok(view.body.clone()) } else { edits.apply() }
}

fn parameter(
    edits: &mut Edits<'_>,
    view: &RequestView,
    edit: &ParamEdit,
    spells: Limit,
) -> Result<(), WireError> {
    match edit {
        ParamEdit::Set { name, value } if limit::is(name) => {
            limit::set(edits, view, spells, &json_of(value).to_string())
        }
        ParamEdit::Remove { name } if limit::is(name) => {
            limit::present(view).for_each(|(name, _)| edits.remove(name));
            Ok(())
        }
        ParamEdit::Cap { name, at } if limit::is(name) => limit::cap(edits, view, spells, *at),
        ParamEdit::Set { name, value } => edits.set(spelling(view, name), json_of(value).to_string()),
        ParamEdit::Remove { name } => {
            edits.remove(spelling(view, name));
            Ok(())
        }
        ParamEdit::Cap { name, at } => {
            let name = spelling(view, name);
            match view.member(name).and_then(|s| serde_json::from_slice::<f64>(view.bytes(s)).ok()) {
                Some(value) if value <= *at => Ok(()),
                _ => edits.set(name, number(*at).to_string()),
            }
        }
    }
}

/// The dialect's own name for a parameter that is no limit of the output.
fn spelling<'n>(view: &RequestView, name: &'n str) -> &'n str {
    match (view.dialect, name) {
        (Dialect::Anthropic, "stop") => "stop_sequences",
        _ => name,
    }
}

fn reasoning(edits: &mut Edits<'_>, view: &RequestView, effort: Effort) -> Result<(), WireError> {
    let word = json!(effort);
    match view.dialect {
        Dialect::OpenaiChat => edits.set("reasoning_effort", word.to_string()),
        Dialect::OpenaiResponses => edits.set("reasoning", json!({"effort": word}).to_string()),
        Dialect::Anthropic => {
            let tokens = THINKING_TOKENS.iter().find(|(e, _)| *e == effort).map(|(_, tokens)| *tokens);
            // Thinking counts against max_tokens, and a quarter of that at least is left for the answer.
            let most = view.max_tokens.unwrap_or(0);
            let tokens = tokens.map(|tokens| tokens.min(most - most.div_ceil(4)));
            match tokens.filter(|tokens| *tokens >= THINKING_TOKENS_MIN) {
                Some(tokens) => {
                    edits.set("thinking", json!({"type": "enabled", "budget_tokens": tokens}).to_string())
                }
                None => edits.set("thinking", json!({"type": "disabled"}).to_string()),
            }
        }
        Dialect::Gemini | Dialect::OpenaiEmbeddings => Ok(()),
    }
}

fn json_of(param: &Param) -> Value {
    match param {
        Param::Flag(flag) => json!(flag),
        Param::Number(value) => number(*value),
        Param::Text(text) => json!(text),
        Param::List(items) => json!(items),
    }
}

/// A whole number prints as one: `max_tokens: 4096.0` is refused by strict readers.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// A fault for edits that the policy asks for and the dialect cannot carry.
pub(crate) fn fixed_answer_fault(status: u16, text: &str) -> Fault {
    let kind = match status {
        401 => FaultKind::Unauthenticated,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        413 => FaultKind::TooLarge,
        429 => FaultKind::LimitReached,
        503 => FaultKind::Unavailable,
        _ => FaultKind::BadRequest,
    };
    Fault::caller(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_wire::peek::{Limits, peek};

    fn shaped(dialect: Dialect, body: &str, effects: &Effects, effort: Option<Effort>) -> Value {
        let view = peek(dialect, Bytes::copy_from_slice(body.as_bytes()), &Limits::default()).unwrap();
        let mut wish = Wish {
            model: "up",
            effort,
            meter_stream: false,
            withheld: &[],
            limit: None,
            spells: Limit::Either,
            governed: None,
        };
        serde_json::from_slice(&shape(&view, effects, &mut wish).unwrap()).unwrap()
    }

    #[test]
    fn without_edits_the_original_bytes_go_on() {
        let body = Bytes::from_static(
            br#"{ "model" : "up", "messages":[{"role":"user","content":"a"}] , "x":1.50}"#,
        );
        let view = peek(Dialect::OpenaiChat, body.clone(), &Limits::default()).unwrap();
        let mut wish = Wish {
            model: "up",
            effort: None,
            meter_stream: false,
            withheld: &[],
            limit: None,
            spells: Limit::Either,
            governed: None,
        };
        let shaped = shape(&view, &Effects::default(), &mut wish).unwrap();
        assert_eq!(shaped.as_ptr(), body.as_ptr(), "not even copied");
    }

    #[test]
    fn every_edit_lands_in_the_dialects_own_spelling() {
        let effects = Effects {
            system: vec![SystemEdit::Append("Be brief.".into())],
            params: vec![
                ParamEdit::Cap { name: "max_tokens".into(), at: 50.0 },
                ParamEdit::Set { name: "temperature".into(), value: Param::Number(0.5) },
                ParamEdit::Remove { name: "seed".into() },
            ],
            tools: vec![ToolFilter::Drop(vec!["shell".into()])],
            headers: vec![HeaderEdit::Remove { name: "x".into() }],
            ..Effects::default()
        };
        let chat = r#"{"model":"auto","seed":1,"max_completion_tokens":90,"messages":[{"role":"user","content":"a"}],
            "tools":[{"type":"function","function":{"name":"shell"}},{"type":"function","function":{"name":"read"}}]}"#;
        let chat = shaped(Dialect::OpenaiChat, chat, &effects, Some(Effort::High));
        assert_eq!((&chat["model"], &chat["max_completion_tokens"]), (&json!("up"), &json!(50)));
        assert_eq!((&chat["reasoning_effort"], &chat["temperature"]), (&json!("high"), &json!(0.5)));
        assert_eq!(chat["messages"][0]["content"], "Be brief.");
        assert_eq!(chat["tools"].as_array().unwrap().len(), 1);
        assert!(chat.get("seed").is_none());
        let responses = r#"{"model":"auto","input":"a","instructions":"Hi."}"#;
        let responses = shaped(Dialect::OpenaiResponses, responses, &effects, Some(Effort::Low));
        assert_eq!(
            (&responses["max_output_tokens"], &responses["reasoning"]["effort"]),
            (&json!(50), &json!("low"))
        );
        assert_eq!(responses["instructions"], "Hi.\n\nBe brief.");
        let anthropic = r#"{"model":"auto","max_tokens":4000,"messages":[{"role":"user","content":"a"}]}"#;
        let low = shaped(Dialect::Anthropic, anthropic, &Effects::default(), Some(Effort::Low));
        assert_eq!(low["thinking"], json!({"type": "enabled", "budget_tokens": 2048}));
        let high = shaped(Dialect::Anthropic, anthropic, &Effects::default(), Some(Effort::High));
        assert_eq!(high["thinking"], json!({"type": "enabled", "budget_tokens": 3000}), "as much as fits");
        let short = anthropic.replace("4000", "1300");
        let none = shaped(Dialect::Anthropic, &short, &Effects::default(), Some(Effort::High));
        assert_eq!(none["thinking"], json!({"type": "disabled"}), "less than the least would be left");
        assert!(!describe(&effects, Some(Effort::High)).is_empty());
    }
}
