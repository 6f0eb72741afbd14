//! What the simulator says: deterministic text that names the model and the instance that answered.

use super::{instance, pieces, requested_calls};
use crate::ask::{Ask, Format};
use serde_json::json;
use tollgate_core::{Digest, Seed};

/// Most characters of the question that are repeated in the answer.
const ECHO_MAX: usize = 400;
/// Words of the filler text.
const WORDS: [&str; 32] = [
    "queue", "batch", "token", "block", "prefix", "cache", "prompt", "answer", "model", "router", "signal",
    "pool", "request", "stream", "budget", "policy", "ledger", "gateway", "latency", "window", "context",
    "worker", "replica", "engine", "decode", "prefill", "schedule", "measure", "replay", "record", "settle",
    "verify",
];

/// One token of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Of the reasoning.
    Reasoning(String),
    /// Of the visible text.
    Text(String),
    /// A tool call begins.
    CallOpen {
        /// Its position among the calls.
        index: u32,
        /// Its id.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a tool call's arguments.
    CallArguments {
        /// Position of the call.
        index: u32,
        /// The next part of the JSON text.
        text: String,
    },
}

/// Why an answer ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// It is complete, or a stop sequence was reached.
    Stop,
    /// The token limit was reached.
    Length,
    /// It calls tools.
    ToolCalls,
}

impl Finish {
    /// The word of the chat dialect.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// Who answers, and how.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The instance's name.
    pub instance: &'a str,
    /// Whether it thinks aloud first.
    pub reasoning: bool,
    /// Least length of an ordinary answer in tokens.
    pub least_tokens: u32,
    /// Exact length in tokens, if somebody asked for one.
    pub exact_tokens: Option<u32>,
    /// The seed of the simulator.
    pub seed: Seed,
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Its tokens in order, at least one.
    pub pieces: Vec<Piece>,
    /// Why it ends.
    pub finish: Finish,
}

impl Answer {
    /// Tokens of reasoning.
    #[must_use]
    pub fn reasoning_tokens(&self) -> u32 {
        let n = self.pieces.iter().filter(|p| matches!(p, Piece::Reasoning(_))).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }

    /// Tokens in all.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)
    }
}

/// The answer to `ask`: equal requests, styles and seeds give equal answers.
#[must_use]
pub fn answer(ask: &Ask, style: &Style<'_>) -> Answer {
    let seed = Seed(style.seed.0 ^ ask.seed ^ ask.digest.short());
    let mut out = Vec::new();
    if style.reasoning && ask.thinks() {
        let question = ask.question();
        let thought = format!(
            "The question has {} characters. I am {}, a simulated model, so I repeat it.",
            question.chars().count(),
            style.model
        );
        out.extend(pieces(&thought).into_iter().map(|p| Piece::Reasoning(p.to_owned())));
    }
    let calls = requested_calls(ask);
    let mut finish = if calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
    for (index, (name, arguments)) in (0_u32..).zip(calls) {
        let id = call_id(ask, style, index);
        out.push(Piece::CallOpen { index, id, name });
        let parts = pieces(&arguments).into_iter();
        out.extend(parts.map(|p| Piece::CallArguments { index, text: p.to_owned() }));
    }
    if finish == Finish::Stop {
        let text = cut_at_stop(&words(ask, style, seed, out.len()), &ask.stop);
        out.extend(pieces(&text).into_iter().map(|p| Piece::Text(p.to_owned())));
        if let Some(exact) = style.exact_tokens {
            out.truncate(exact.max(1) as usize);
        }
    }
    if out.is_empty() {
        // A stop sequence at the very start: the token that held it was still produced.
        out.push(Piece::Text(String::new()));
    }
    if let Some(most) = ask.max_tokens
        && out.len() > most as usize
    {
        out.truncate(most.max(1) as usize);
        finish = Finish::Length;
    } else if ask.ignore_eos && finish == Finish::Stop {
        finish = Finish::Length;
    }
    Answer { pieces: out, finish }
}

fn call_id(ask: &Ask, style: &Style<'_>, index: u32) -> String {
    let of = [
        ask.digest.0.as_slice(),
        style.instance.as_bytes(),
        &style.seed.0.to_le_bytes(),
        &index.to_le_bytes(),
    ];
    let hex = Digest::of_parts(of).to_string();
    format!("call_{}", hex.get(..24).unwrap_or_default())
}

/// The visible text before stop sequences and limits; `spent` tokens were already used.
fn words(ask: &Ask, style: &Style<'_>, seed: Seed, spent: usize) -> String {
    let question: String = ask.question().chars().take(ECHO_MAX).collect();
    let text = match &ask.format {
        Format::JsonSchema(schema) => return instance(schema).to_string(),
        Format::JsonObject => return json!({"model": style.model, "question": question}).to_string(),
        Format::Text => match ask.last_tool_result() {
            Some(result) => {
                let result: String = result.chars().take(ECHO_MAX).collect();
                format!("{} here ({}). The tool answered: {result}", style.model, style.instance)
            }
            None => format!("{} here ({}). You asked: {question}", style.model, style.instance),
        },
    };
    let forced = style.exact_tokens.or_else(|| ask.max_tokens.filter(|_| ask.ignore_eos));
    let least = forced.or(ask.min_tokens).unwrap_or(style.least_tokens) as usize;
    expanded(text, seed, least.saturating_sub(spent))
}

/// `text` followed by filler sentences until it has at least `least` tokens.
fn expanded(mut text: String, mut seed: Seed, least: usize) -> String {
    loop {
        let have = pieces(&text).len();
        if have >= least {
            return text;
        }
        // A sentence has 10 to 18 tokens, so this rarely runs more than twice.
        for _ in 0..(least - have).div_ceil(18) {
            text.push('\n');
            for i in 0..8 + seed.bits() % 9 {
                seed = seed.next();
                let word = WORDS.get((seed.bits() % WORDS.len() as u64) as usize).copied().unwrap_or("token");
                text.push_str(if i == 0 { "" } else { " " });
                text.push_str(word);
            }
            text.push('.');
            seed = seed.next();
        }
    }
}

fn cut_at_stop(text: &str, stops: &[String]) -> String {
    let at = stops.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s.as_str())).min();
    text.get(..at.unwrap_or(text.len())).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const STYLE: Style<'_> = Style {
        model: "sim-small",
        instance: "a",
        reasoning: false,
        least_tokens: 0,
        exact_tokens: None,
        seed: Seed(1),
    };

    fn ask(extra: Value) -> Ask {
        let mut body =
            json!({"model": "m", "messages": [{"role": "user", "content": "Why is the sky blue?"}]});
        if let (Value::Object(body), Value::Object(extra)) = (&mut body, extra) {
            body.extend(extra);
        }
        Ask::parse(body.to_string().as_bytes()).unwrap()
    }

    fn text(answer: &Answer) -> String {
        let part = |p: &Piece| if let Piece::Text(t) = p { t.clone() } else { String::new() };
        answer.pieces.iter().map(part).collect()
    }

    #[test]
    fn names_the_model_and_the_instance() {
        let said = answer(&ask(json!({})), &STYLE);
        assert_eq!(text(&said), "sim-small here (a). You asked: Why is the sky blue?");
        assert_eq!(said.finish, Finish::Stop);
    }

    #[test]
    fn limits_and_stops() {
        let cut = answer(&ask(json!({"max_tokens": 3})), &STYLE);
        assert_eq!((cut.tokens(), cut.finish), (3, Finish::Length));
        let stopped = answer(&ask(json!({"stop": ["asked", "You"]})), &STYLE);
        assert_eq!((text(&stopped).as_str(), stopped.finish), ("sim-small here (a). ", Finish::Stop));
        let at_once = answer(&ask(json!({"stop": "sim"})), &STYLE);
        assert_eq!((at_once.tokens(), text(&at_once).as_str()), (1, ""));
        let forced = answer(&ask(json!({"max_tokens": 300, "ignore_eos": true})), &STYLE);
        assert_eq!((forced.tokens(), forced.finish), (300, Finish::Length));
        let exact = answer(&ask(json!({})), &Style { exact_tokens: Some(200), ..STYLE });
        assert_eq!((exact.tokens(), exact.finish), (200, Finish::Stop));
        let least = answer(&ask(json!({"min_tokens": 90})), &STYLE);
        assert!((90..120).contains(&least.tokens()));
    }

    #[test]
    fn follows_a_schema() {
        let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema":
            {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}}});
        let said = answer(&ask(json!({"response_format": format})), &STYLE);
        assert_eq!(text(&said), "{\"ok\":false}");
    }

    #[test]
    fn reasoning_comes_first_and_can_be_switched_off() {
        let style = Style { reasoning: true, ..STYLE };
        let said = answer(&ask(json!({})), &style);
        assert!(said.reasoning_tokens() > 0);
        let first_text = said.pieces.iter().position(|p| matches!(p, Piece::Text(_)));
        assert_eq!(first_text, Some(said.reasoning_tokens() as usize));
        assert_eq!(answer(&ask(json!({"reasoning_effort": "none"})), &style).reasoning_tokens(), 0);
    }

    proptest! {
        #[test]
        fn exact_lengths_are_exact(n in 1_u32..2000, reasoning: bool) {
            let style = Style { exact_tokens: Some(n), reasoning, ..STYLE };
            prop_assert_eq!(answer(&ask(json!({})), &style).tokens(), n);
        }
    }
}
