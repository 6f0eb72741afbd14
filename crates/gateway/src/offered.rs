//! What a request offers and may use, and what a mask leaves of it, as governance judges it: the same here, in `policy explain`,
//! in `policy test` and in `policy diff`.

use tollgate_core::signal::Param;
use tollgate_policy::{
    Clearance, Decision, Denial, Effects, ParamEdit, Policy, Standing, SystemEdit, run_by_caller,
};
use tollgate_signals::mask::Masked;
use tollgate_signals::names::Names;
use tollgate_signals::{Ceiling, text_tokens_max};
use tollgate_wire::WireError;
use tollgate_wire::peek::Limits;
use tollgate_wire::view::RequestView;

/// What governance says of the tools on offer.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Offered {
    /// The request is refused for this, at this field.
    pub refused: Option<(Denial, String)>,
    /// Tools that leave the request.
    pub denied: Vec<Denial>,
    /// A tool that the provider runs stays: nobody says what that will cost.
    pub runs_tools: bool,
}

/// Judges the tools that a request offers.
#[must_use]
pub fn offered(clearance: &Clearance, view: &RequestView) -> Offered {
    let mut found = Offered::default();
    let watches = clearance.watches_tools();
    if let Some(field) = unread(view).filter(|_| watches) {
        found.refused = Some((clearance.may_bring_tools(field), field.to_owned()));
        return found;
    }
    for (at, tool) in view.tools.iter().enumerate() {
        if tool.nested && watches {
            let field = format!("tools[{at}]");
            found.refused = Some((clearance.may_bring_tools(&field), field));
            return found;
        }
        let built_in = tool.built_in.map(|kind| view.text(kind));
        match clearance.offer(&view.text(tool.name), built_in.as_deref()) {
            Standing::Denied { denial, block: true } => {
                found.refused = Some((denial, "tools".to_owned()));
                return found;
            }
            Standing::Denied { denial, block: false } => found.denied.push(denial),
            Standing::Allowed | Standing::Conditional => {
                found.runs_tools |= built_in.is_some_and(|kind| !run_by_caller(&kind));
            }
        }
    }
    found
}

/// Why a request cannot be masked.
#[derive(Debug, thiserror::Error)]
pub enum Unmasked {
    /// An edit that cannot be made.
    #[error(transparent)]
    Edit(#[from] WireError),
    /// Names are to be masked, and nobody has looked for them: no encoder, none in time, or a text that is too long.
    #[error("names are to be masked, and no encoder has looked for them")]
    Names,
}

/// Masks a request, where its route (`by_route`: the types) or a binding class of data asks for it; `names` are those of its texts.
/// Where a class does, the clearance goes on with what `again` decides of the masked request.
///
/// # Errors
/// [`Unmasked`].
pub fn masked(
    clearance: Option<&mut Clearance>,
    by_route: &[String],
    (view, limits, names): (&RequestView, &Limits, &Names),
    again: impl FnOnce(&RequestView) -> Decision,
) -> Result<Option<Masked>, Unmasked> {
    let by_class: Vec<&str> = clearance.as_deref().map(Clearance::masking).unwrap_or_default();
    if by_route.is_empty() && by_class.is_empty() {
        return Ok(None);
    }
    let wanted = |kind: &str| by_route.iter().any(|word| word == kind) || by_class.contains(&kind);
    let masked = Masked::of(view, limits, wanted, names)?;
    if !masked.unread.is_empty() {
        return Err(Unmasked::Names);
    }
    let carries = !by_class.is_empty();
    if let Some(clearance) = clearance.filter(|_| carries) {
        clearance.carry(&again(&masked.view));
    }
    Ok(Some(masked))
}

/// What a request uses at most once the policy's edits are made. The prompt is only measured where somebody asks.
#[must_use]
pub fn ceiling(policy: &Policy, view: &RequestView, effects: &Effects) -> Ceiling {
    let mut ceiling = Ceiling::of(view);
    let asked = policy.governance().is_some_and(|g| g.guards().any(|g| g.rights.cost_micro.is_some()));
    if asked {
        ceiling = ceiling.with_prompt(view);
        for edit in &effects.system {
            let (SystemEdit::Append(text) | SystemEdit::Prepend(text) | SystemEdit::Replace(text)) = edit;
            ceiling.prompt_tokens = ceiling.prompt_tokens.saturating_add(text_tokens_max(text));
        }
    }
    for edit in &effects.params {
        match edit {
            ParamEdit::Set { name, value: Param::Number(value) } => ceiling.set(name, *value),
            ParamEdit::Set { .. } => {}
            ParamEdit::Cap { name, at } => ceiling.cap(name, *at),
            ParamEdit::Remove { name } => ceiling.remove(name),
        }
    }
    ceiling
}

/// Fields that bring tools beside `tools`, over all dialects: the older functions of OpenAI's chat and its search, a
/// stored prompt, MCP servers of Anthropic, and what OpenRouter, xAI and Qwen add to chat.
const UNREAD: [&str; 8] = [
    "functions",
    "function_call",
    "web_search_options",
    "mcp_servers",
    "prompt",
    "plugins",
    "search_parameters",
    "enable_search",
];

/// Whether a request brings tools beside `tools`.
#[must_use]
pub fn brings_tools(view: &RequestView) -> bool {
    unread(view).is_some()
}

/// The first such field of a request; a null or `false` stands for an absent one.
fn unread(view: &RequestView) -> Option<&'static str> {
    let set = view.members.iter().filter(|(_, value)| !matches!(view.bytes(*value), b"null" | b"false"));
    let mut names = set.map(|(key, _)| view.text(*key));
    names.find_map(|key| UNREAD.into_iter().find(|name| key.eq_ignore_ascii_case(name)))
}
