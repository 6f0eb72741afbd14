//! The form into a messages request.

use super::parts::{write_block, write_content};
use crate::Dialect::Anthropic;
use crate::form::{Effort, Format, Json, Options, Part, Report, Request, Role, Tool, ToolChoice, end_turn};
use serde_json::Number;

/// Least thinking budget that the API takes.
const BUDGET_MIN: u64 = 1024;

/// Writes the body of `POST /v1/messages`; what cannot cross goes into `report`.
pub fn write_request(request: &Request, options: &Options, report: &mut Report) -> Json {
    let model = options.model.as_ref().or(request.model.as_ref());
    let mut body = Json::object().maybe("model", model.map(String::as_str));
    let limit = request.sampling.max_tokens.unwrap_or_else(|| {
        report.approximated(
            "sampling.max_tokens",
            "absent",
            format!("the messages dialect demands a limit: {}", options.max_tokens),
        );
        options.max_tokens
    });
    body.set("max_tokens", limit);
    let mut system: Vec<Part> = request.system.clone();
    for (n, message) in request.messages.iter().enumerate().filter(|(_, m)| m.role == Role::System) {
        report.approximated(
            format!("messages[{n}]"),
            "system message",
            "moved to the front: the system prompt stands alone",
        );
        report.approximated("system", "array", "system messages of the conversation are added at its end");
        system.extend(message.parts.iter().cloned());
    }
    if !system.is_empty() {
        body.set("system", write_content(&system, "system", report));
    }
    body.set("messages", write_messages(request, report));
    write_tools(request, &mut body, report);
    write_thinking(request, options, limit, &mut body, report);
    write_sampling(request, &mut body, report);
    write_rest(request, &mut body, report);
    if options.stream.unwrap_or(request.stream) {
        body.set("stream", true);
    }
    request.extra.put(Anthropic, "extra", &mut body, report);
    body
}

fn write_messages(request: &Request, report: &mut Report) -> Json {
    let mut out: Vec<Json> = Vec::with_capacity(request.messages.len());
    let mut gathered: Vec<Json> = Vec::new();
    for (n, message) in request.messages.iter().enumerate() {
        let path = format!("messages[{n}]");
        let at = format!("{path}.parts");
        if message.name.is_some() {
            report.dropped(format!("{path}.name"), "string", "the messages dialect names no speakers");
        }
        let mut extra = Json::object();
        message.extra.put(Anthropic, &format!("{path}.extra"), &mut extra, report);
        let blocks = |report: &mut Report| -> Vec<Json> {
            let parts = message.parts.iter().enumerate();
            parts.filter_map(|(n, part)| write_block(part, &format!("{at}[{n}]"), report)).collect()
        };
        match message.role {
            Role::System => continue,
            Role::Tool => gathered.extend(blocks(report)),
            Role::User if !gathered.is_empty() => {
                gathered.extend(blocks(report));
                end_turn("content", &mut gathered, &mut out);
            }
            Role::User | Role::Assistant => {
                end_turn("content", &mut gathered, &mut out);
                let role = if message.role == Role::User { "user" } else { "assistant" };
                let content = write_content(&message.parts, &at, report);
                if matches!(&content, Json::Array(blocks) if blocks.is_empty()) {
                    report.dropped(path, "message", "nothing is left in it");
                    continue;
                }
                out.push(Json::object().with("role", role).with("content", content));
            }
        }
    }
    end_turn("content", &mut gathered, &mut out);
    Json::Array(out)
}

fn write_tools(request: &Request, body: &mut Json, report: &mut Report) {
    let mut tools = Vec::new();
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, description, schema, strict, cache, extra } => {
                let empty = || Json::object().with("type", "object").with("properties", Json::object());
                let mut json = Json::object()
                    .with("name", name.as_str())
                    .maybe("description", description.as_deref())
                    .with("input_schema", schema.clone().unwrap_or_else(empty))
                    .maybe("strict", *strict)
                    .maybe("cache_control", cache.clone());
                extra.put(Anthropic, &format!("tools[{n}].function.extra"), &mut json, report);
                tools.push(json);
            }
            Tool::BuiltIn { dialect: Anthropic, value } => tools.push(value.clone()),
            Tool::BuiltIn { .. } => report.foreign_tool(n),
        }
    }
    if tools.is_empty() {
        if request.tool_choice.is_some() {
            report.dropped("tool_choice", "choice", "no tool is left to choose");
        }
        if request.parallel_tool_calls.is_some() {
            report.dropped("parallel_tool_calls", "boolean", "no tool is left to call");
        }
        return;
    }
    body.set("tools", Json::Array(tools));
    let tagged = |kind: &str| Json::object().with("type", kind);
    let choice = match &request.tool_choice {
        None => request.parallel_tool_calls.map(|_| tagged("auto")),
        Some(ToolChoice::Auto) => Some(tagged("auto")),
        Some(ToolChoice::None) => Some(tagged("none")),
        Some(ToolChoice::Required) => Some(tagged("any")),
        Some(ToolChoice::Named(name)) => Some(tagged("tool").with("name", name.as_str())),
        Some(ToolChoice::Other { dialect: Anthropic, value }) => Some(value.clone()),
        Some(ToolChoice::Other { .. }) => {
            report.dropped("tool_choice", "choice", "the messages dialect has no such choice");
            request.parallel_tool_calls.map(|_| tagged("auto"))
        }
    };
    let Some(mut choice) = choice else { return };
    if let Some(parallel) = request.parallel_tool_calls {
        if request.tool_choice == Some(ToolChoice::None) {
            report.dropped("parallel_tool_calls", "boolean", "no tool may be called");
        } else {
            choice.set("disable_parallel_tool_use", !parallel);
            if request.tool_choice.is_none() {
                report.approximated(
                    "tool_choice",
                    "absent",
                    "parallel calls are a member of the choice, hence auto",
                );
            }
        }
    }
    body.set("tool_choice", choice);
}

fn write_thinking(request: &Request, options: &Options, limit: u64, body: &mut Json, report: &mut Report) {
    let Some(thinking) = &request.thinking else { return write_format(request, None, body, report) };
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if thinking.off() {
        body.set("thinking", Json::object().with("type", "disabled"));
        return write_format(request, None, body, report);
    }
    if forced && body.get("tools").is_some() {
        report.dropped("thinking", "object", "the messages dialect cannot think when a tool call is forced");
        return write_format(request, None, body, report);
    }
    let display =
        thinking.summary.as_deref().map(|word| if word == "none" { "omitted" } else { "summarized" });
    let tokens = if options.thinking_budgets { thinking.budget_or_near() } else { thinking.budget };
    let mut effort = thinking.effort.filter(|_| tokens.is_none() || !options.thinking_budgets);
    match tokens {
        Some(tokens) if limit > BUDGET_MIN => {
            let budget = tokens.clamp(BUDGET_MIN, limit - 1);
            if Some(budget) != thinking.budget {
                report.approximated(
                    "thinking",
                    "object",
                    format!("the budget is {budget} tokens, within the output limit"),
                );
            }
            body.set(
                "thinking",
                Json::object()
                    .with("type", "enabled")
                    .with("budget_tokens", budget)
                    .maybe("display", display),
            );
        }
        Some(_) => {
            report.dropped(
                "thinking",
                "object",
                "the output limit leaves no room for the least budget, 1024",
            );
        }
        None => {
            body.set("thinking", Json::object().with("type", "adaptive").maybe("display", display));
            if !thinking.adaptive {
                report.approximated("thinking.adaptive", "absent", "effort works with adaptive thinking");
            }
        }
    }
    if effort == Some(Effort::Minimal) {
        report.approximated("thinking.effort", "string", "the least effort is low");
        effort = Some(Effort::Low);
    }
    write_format(request, effort, body, report);
}

/// Writes `output_config`.
fn write_format(request: &Request, effort: Option<Effort>, body: &mut Json, report: &mut Report) {
    let mut output = Json::object().maybe("effort", effort.map(Effort::word));
    match &request.format {
        None => {}
        Some(Format::Text) => report.dropped("format", "object", "text is the messages dialect's default"),
        Some(Format::JsonObject) => {
            report.dropped("format", "object", "the messages dialect holds text to a schema only");
        }
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            output.set("format", Json::object().with("type", "json_schema").with("schema", schema.clone()));
            for (key, there) in [
                ("name", name.is_some()),
                ("description", description.is_some()),
                ("strict", strict.is_some()),
            ] {
                if there {
                    report.dropped(
                        format!("format.json_schema.{key}"),
                        "member",
                        "the messages dialect takes the schema only",
                    );
                }
            }
        }
    }
    if output != Json::object() {
        body.set("output_config", output);
    }
}

fn write_sampling(request: &Request, body: &mut Json, report: &mut Report) {
    let sampling = &request.sampling;
    let thinks = matches!(
        body.get("thinking").and_then(|t| t.get("type")).and_then(Json::as_str),
        Some("enabled" | "adaptive")
    );
    let mut put = |key: &str, number: Option<&Number>, max: f64, report: &mut Report| {
        let Some(number) = number else { return };
        let path = format!("sampling.{key}");
        if thinks && key != "top_p" && number.as_f64() != Some(1.0) {
            report.dropped(path, "number", "the messages dialect does not sample freely while it thinks");
        } else if number.as_f64().is_some_and(|value| value > max) {
            report.approximated(
                path,
                "number",
                format!("cut to {max}, the most that the messages dialect takes"),
            );
            body.set(key, max as u64);
        } else {
            body.set(key, number.clone());
        }
    };
    put("temperature", sampling.temperature.as_ref(), 1.0, report);
    put("top_p", sampling.top_p.as_ref(), 1.0, report);
    put("top_k", sampling.top_k.as_ref(), f64::MAX, report);
    if !sampling.stop.is_empty() {
        body.set("stop_sequences", sampling.stop.clone());
    }
    let absent = [
        ("seed", sampling.seed.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("logprobs", sampling.logprobs.is_some()),
        ("top_logprobs", sampling.top_logprobs.is_some()),
        ("n", sampling.n.is_some_and(|n| n > 1)),
    ];
    for (key, _) in absent.into_iter().filter(|(_, there)| *there) {
        report.dropped(format!("sampling.{key}"), "member", "the messages dialect has no such parameter");
    }
}

fn write_rest(request: &Request, body: &mut Json, report: &mut Report) {
    if let Some(user) = &request.user {
        body.set("metadata", Json::object().with("user_id", user.as_str()));
    }
    if request.metadata.is_some() {
        report.dropped("metadata", "object", "the messages dialect keeps the user's id only");
    }
    match request.service_tier.as_deref() {
        Some(tier @ ("auto" | "standard_only")) => body.set("service_tier", tier),
        Some(_) => report.dropped("service_tier", "string", "the messages dialect has no such tier"),
        None => {}
    }
    if request.store.is_some() {
        report.dropped("store", "boolean", "the messages dialect stores no answers");
    }
    if request.previous_response_id.is_some() {
        report.dropped("previous_response_id", "string", "the messages dialect stores no answers");
    }
}
