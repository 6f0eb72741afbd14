//! `tollgate policy explain`: where one request would go, with every condition and what it read.

use super::models::{After, Asked, Chosen, Models, chosen};
use super::source::Source;
use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::Effects;
use tollgate_signals::{Input, Reading};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Explain where a request would go, with every condition and what it read
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy explain 'Prove step by step that it halts'
  tollgate policy explain my.tollgate 'Prove step by step that it halts'
  tollgate policy explain my.tollgate --request request.json --dialect anthropic --json
  tollgate policy explain --config tollgate.yaml --role analyst 'Pay the invoice'

An argument that stands alone, without --text or --request, is the text.

The caller is anonymous but for its roles, with a full budget, and no traffic was seen before: an
answer is expected to have 400 tokens, or the limit that the request states where that is less.
A running gateway explains with what it knows: POST /v1/route. Exits with 1 when the policy
refuses the request.")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    source: Source,
    /// What the user says
    #[arg(value_name = "TEXT", conflicts_with_all = ["text", "request"])]
    said: Option<String>,
    /// What the user says, where TEXT would be a file's name
    #[arg(long, conflicts_with = "request")]
    text: Option<String>,
    /// The body of a request; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// A role of the caller; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The request's dialect
    #[arg(long, default_value = "openai_chat", value_parser = crate::wire::dialect)]
    dialect: Dialect,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs) -> Result<Ending> {
    place::one_from_stdin([args.source.file.as_deref(), args.request.as_deref()])?;
    let (source, asked) = args.meant()?;
    let text = source.read()?;
    let (policy, signals) = text.compile()?;
    let view = match asked {
        Request::Said(words) => said(words)?,
        Request::Body(path) => peek(args.dialect, Bytes::from(place::read(path)?), &Limits::default())
            .with_context(|| format!("{} is no {} request", path.display(), args.dialect.word()))?,
    };
    let clock = SystemClock::new();
    let mut input = Input::untaught(&view);
    input.caller.roles = &args.roles;
    let mut reading = Reading::new(&signals, &input, &clock);
    reading.show_evidence(true);
    let decision = policy.decide(&mut reading, true);
    let models = text.known.fleet.clone().map(Models::of_fleet);
    let asked = view.model().map(|model| model.into_owned());
    let asked = Asked::of(&view, &args.roles, asked.as_deref());
    let again = |view: &RequestView| {
        let mut input = Input::untaught(view);
        input.caller.roles = &args.roles;
        policy.decide(&mut Reading::new(&signals, &input, &clock), false)
    };
    let choose = || chosen(&policy, &decision, models.as_ref(), &asked, After::Again(&again));
    let governed = policy.governance().map(|_| choose());
    let cleared = policy.cleared(&args.roles, &decision);
    let masks = cleared.as_ref().map(|clearance| clearance.masking()).unwrap_or_default();
    let refused = governed.as_ref().and_then(|governed| governed.refused.as_ref());
    let ending = Ending::of(decision.route().is_some() && refused.is_none());
    if args.json {
        let mut explained = decision.explain_json();
        if let (Some(map), Some(governed)) = (explained.as_object_mut(), &governed) {
            map.insert("governance".into(), json!(governed));
            map.insert("masks".into(), json!(masks));
            map.insert("places_known".into(), json!(models.is_some()));
        }
        say::json(&explained)?;
        return Ok(ending);
    }
    say::text(&decision.explain())?;
    if let Some(governed) = &governed {
        governance(governed, models.is_some())?;
    }
    if !masks.is_empty() {
        say::line(&format!("masked where its bounds hold it back: {}", masks.join(", ")))?;
    }
    let unmasked = governed.iter().flat_map(|governed| &governed.unmasked);
    for class in unmasked {
        say::line(&format!("  {class} holds all the same: what is masked still carries it"))?;
    }
    match decision.effects().filter(|_| refused.is_none()) {
        Some(effects) => say::line(&format!("it does: {}", does(effects)))?,
        None => say::line("it does: nothing, the request is refused")?,
    }
    Ok(ending)
}

fn is_named_policy(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "tollgate")
}

/// What the policy's governance says of it.
fn governance(governed: &Chosen, places: bool) -> Result<()> {
    let by = if governed.governed.is_empty() { "nothing".to_owned() } else { governed.governed.join(", ") };
    say::line(&format!("governed by: {by}"))?;
    governed.denied.iter().try_for_each(|why| say::line(&format!("  {why}")))?;
    match (&governed.refused, &governed.model) {
        (Some(why), _) => say::line(&format!("refused: {why}")),
        (None, Some(model)) if places => say::line(&format!("may be served by {model}")),
        (None, Some(model)) => say::line(&format!(
            "may be served by {model} where a place is allowed: places not known, give --config FILE"
        )),
        (None, None) => Ok(()),
    }
}

/// What is explained.
enum Request<'a> {
    Said(&'a str),
    Body(&'a Path),
}

impl ExplainArgs {
    /// The policy and the request that are meant: one argument alone is the text.
    fn meant(&self) -> Result<(Source, Request<'_>)> {
        let whole = self.source.clone();
        let said = [&self.text, &self.said].into_iter().flatten().next();
        if let Some(found) =
            said.map(|said| Request::Said(said)).or(self.request.as_deref().map(Request::Body))
        {
            return Ok((whole, found));
        }
        match self.source.file.as_deref() {
            // A policy that is not there is more likely than a text that looks like one.
            Some(file) if file.as_os_str() == "-" || file.is_file() || is_named_policy(file) => {
                let name = file.display();
                bail!(
                    "{name} is the policy, and no request is given: add TEXT or --request FILE; to explain that very text, \
                     write --text {name}"
                )
            }
            Some(text) => match text.to_str() {
                Some(text) => Ok((Source { file: None, ..whole }, Request::Said(text))),
                None => bail!("the text is not UTF-8"),
            },
            None => bail!("no request is given: write TEXT (or --text TEXT), or --request FILE"),
        }
    }
}

/// A request in which a user says `text`.
pub(super) fn said(text: &str) -> Result<RequestView> {
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string();
    Ok(peek(Dialect::OpenaiChat, body.into(), &Limits::default())?)
}

/// What a route does, in words.
fn does(effects: &Effects) -> String {
    if let Some(answer) = &effects.answer {
        return format!("answer {} itself", answer.status);
    }
    let mut words = Vec::new();
    for candidate in &effects.models {
        let effort = candidate
            .effort
            .map_or_else(String::new, |e| format!(" with effort {}", json!(e).as_str().unwrap_or_default()));
        words.push(format!("model {} (weight {}){effort}", candidate.model, candidate.weight));
    }
    words.extend(effects.pool.as_ref().map(|pool| format!("pool {pool}")));
    if !effects.mask.is_empty() {
        words.push(format!("{} masked", effects.mask.join(", ")));
    }
    let edits = effects.system.len() + effects.headers.len() + effects.params.len() + effects.tools.len();
    if edits > 0 {
        words.push(format!("{edits} edits of the request"));
    }
    words.join(", ")
}
