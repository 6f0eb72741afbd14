//! The form into a chat request.

use super::parts::{write_content, write_reasoning};
use crate::Dialect::{self, OpenaiChat};
use crate::form::{
    Body, Effort, Format, Json, Message, Options, Part, Report, Request, Role, Thought, Tool, ToolChoice,
};
use crate::openai_chat::response::tier;

/// Writes the body of `POST /v1/chat/completions`; what cannot cross goes into `report`.
pub fn write_request(request: &Request, options: &Options, report: &mut Report) -> Json {
    let model = options.model.as_ref().or(request.model.as_ref());
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        let parts: Vec<&Part> = request.system.iter().collect();
        let content = write_content(&parts, "system", report);
        messages.push(Json::object().with("role", "system").with("content", content));
    }
    for (n, message) in request.messages.iter().enumerate() {
        write_message(message, &format!("messages[{n}]"), options, report, &mut messages);
    }
    let mut body =
        Json::object().maybe("model", model.map(String::as_str)).with("messages", Json::Array(messages));
    write_tools(request, &mut body, report);
    write_sampling(request, options, &mut body, report);
    write_thinking(request, &mut body, report);
    if let Some(format) = &request.format {
        body.set("response_format", write_format(format));
    }
    let stream = options.stream.unwrap_or(request.stream);
    if stream {
        body.set("stream", true);
        body.set("stream_options", Json::object().with("include_usage", true));
    }
    let mut body = body
        .maybe("metadata", request.metadata.clone())
        .maybe("user", request.user.as_deref())
        .maybe("service_tier", tier(request.service_tier.as_deref(), report))
        .maybe("store", request.store);
    if request.previous_response_id.is_some() {
        report.dropped("previous_response_id", "string", "the chat dialect stores no answers");
    }
    request.extra.put(OpenaiChat, "extra", &mut body, report);
    body
}

fn write_sampling(request: &Request, options: &Options, body: &mut Json, report: &mut Report) {
    let sampling = &request.sampling;
    let limit = if options.legacy_max_tokens { "max_tokens" } else { "max_completion_tokens" };
    let numbers = [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
        ("seed", &sampling.seed),
        ("presence_penalty", &sampling.presence_penalty),
        ("frequency_penalty", &sampling.frequency_penalty),
    ];
    for (key, number) in numbers.into_iter().filter_map(|(key, n)| n.clone().map(|n| (key, n))) {
        body.set(key, number);
    }
    for (key, count) in [(limit, sampling.max_tokens), ("top_logprobs", sampling.top_logprobs)] {
        if let Some(count) = count {
            body.set(key, count);
        }
    }
    if let Some(logprobs) = sampling.logprobs {
        body.set("logprobs", logprobs);
    }
    if !sampling.stop.is_empty() {
        body.set("stop", sampling.stop.clone());
    }
    if sampling.top_k.is_some() {
        report.dropped("sampling.top_k", "number", "the chat dialect has no top_k");
    }
    if sampling.n.is_some_and(|n| n > 1) {
        report.dropped("sampling.n", "number", "a translated request asks for one answer");
    }
}

fn write_thinking(request: &Request, body: &mut Json, report: &mut Report) {
    let Some(thinking) = &request.thinking else { return };
    match thinking.effort_or_near() {
        Some(effort) => body.set("reasoning_effort", effort.word()),
        None => report.dropped(
            "thinking",
            "object",
            "the chat dialect has no adaptive reasoning; its default stands",
        ),
    }
    if let Some(budget) = thinking.budget.filter(|_| thinking.effort.is_none()) {
        let word = Effort::near(budget).word();
        report.approximated("thinking", "object", format!("{budget} tokens became the effort {word:?}"));
    } else if thinking.adaptive && thinking.effort.is_some() {
        report.dropped("thinking.adaptive", "boolean", "the chat dialect has effort words only");
    }
    if thinking.summary.is_some() {
        report.dropped("thinking.summary", "string", "the chat dialect cannot ask for summaries");
    }
}

fn write_message(message: &Message, path: &str, options: &Options, report: &mut Report, out: &mut Vec<Json>) {
    let at = format!("{path}.parts");
    let mut json = match message.role {
        Role::System | Role::User => {
            let role = if message.role == Role::System { "system" } else { "user" };
            let parts: Vec<&Part> = message.parts.iter().collect();
            Json::object().with("role", role).with("content", write_content(&parts, &at, report))
        }
        Role::Assistant => write_assistant(&message.parts, &at, options, report),
        Role::Tool => {
            for (n, part) in message.parts.iter().enumerate() {
                if let Some(json) = write_result(part, &format!("{at}[{n}]"), report) {
                    out.push(json);
                }
            }
            return;
        }
    };
    if let Some(name) = &message.name {
        json.set("name", name.as_str());
    }
    message.extra.put(OpenaiChat, &format!("{path}.extra"), &mut json, report);
    out.push(json);
}

fn write_result(part: &Part, path: &str, report: &mut Report) -> Option<Json> {
    let Body::ToolResult { id, parts, error, .. } = &part.body else {
        report.dropped(path, part.kind(), "a tool message holds tool results only");
        return None;
    };
    if *error {
        report.dropped(
            format!("{path}.body.tool_result.error"),
            "boolean",
            "the chat dialect cannot mark a failed tool",
        );
    }
    if part.cache.is_some() {
        report.dropped(format!("{path}.cache"), "object", "the chat dialect caches by itself");
    }
    let at = format!("{path}.body.tool_result.parts");
    for (n, inner) in parts.iter().enumerate().filter(|(_, inner)| inner.as_text().is_none()) {
        report.dropped(format!("{at}[{n}]"), inner.kind(), "a chat tool message holds text only");
    }
    let texts: Vec<&Part> = parts.iter().filter(|inner| inner.as_text().is_some()).collect();
    let content = if texts.is_empty() { Json::from("") } else { write_content(&texts, &at, report) };
    let mut json =
        Json::object().with("role", "tool").with("tool_call_id", id.as_str()).with("content", content);
    part.extra.put(OpenaiChat, &format!("{path}.extra"), &mut json, report);
    Some(json)
}

fn write_assistant(parts: &[Part], path: &str, options: &Options, report: &mut Report) -> Json {
    let (mut texts, mut calls, mut refusal) = (Vec::new(), Vec::new(), None);
    let mut thoughts: Vec<&Thought> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let at = format!("{path}[{n}]");
        if part.cache.is_some() && part.as_text().is_none() {
            report.dropped(format!("{at}.cache"), "object", "the chat dialect caches by itself");
        }
        match &part.body {
            Body::Text { .. } => {
                if !calls.is_empty() {
                    report.approximated(at, "text", "chat text stands before tool calls");
                }
                texts.push(part);
            }
            Body::Refusal(text) => refusal = Some(text.as_str()),
            Body::ToolCall { id, name, arguments, signature } => {
                let mut call = write_call(id, name, arguments, signature.as_deref());
                part.extra.put(OpenaiChat, &format!("{at}.extra"), &mut call, report);
                calls.push(call);
            }
            Body::Reasoning(_) if !options.send_reasoning => {
                report.dropped(at, "reasoning", "this chat server takes no reasoning back");
            }
            Body::Reasoning(thought) => thoughts.push(thought),
            Body::Other { dialect: OpenaiChat, value } => calls.push(value.clone()),
            _ => report.dropped(at, part.kind(), "a chat assistant message has no such part"),
        }
    }
    let content = if texts.is_empty() { Json::Null } else { write_content(&texts, path, report) };
    let mut json =
        Json::object().with("role", "assistant").with("content", content).maybe("refusal", refusal);
    write_reasoning(&thoughts, &mut json);
    if !calls.is_empty() {
        json.set("tool_calls", Json::Array(calls));
    }
    json
}

/// Writes a tool call.
pub(super) fn write_call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> Json {
    let function = Json::object()
        .with("name", name)
        .with("arguments", if arguments.is_empty() { "{}" } else { arguments });
    Json::object().with("id", id).with("type", "function").with("function", function).maybe(
        "extra_content",
        signature.map(|s| Json::object().with("google", Json::object().with("thought_signature", s))),
    )
}

fn write_tools(request: &Request, body: &mut Json, report: &mut Report) {
    let mut tools = Vec::new();
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, description, schema, strict, cache, extra } => {
                let mut function = Json::object()
                    .with("name", name.as_str())
                    .maybe("description", description.as_deref())
                    .maybe("parameters", schema.clone())
                    .maybe("strict", *strict);
                extra.put(OpenaiChat, &format!("tools[{n}].function.extra"), &mut function, report);
                if cache.is_some() {
                    report.dropped(
                        format!("tools[{n}].function.cache"),
                        "object",
                        "the chat dialect caches by itself",
                    );
                }
                tools.push(Json::object().with("type", "function").with("function", function));
            }
            Tool::BuiltIn { dialect: OpenaiChat, value } => tools.push(value.clone()),
            Tool::BuiltIn { .. } => report.foreign_tool(n),
        }
    }
    if tools.is_empty() {
        if request.tool_choice.is_some() && !request.tools.is_empty() {
            report.dropped("tool_choice", "choice", "no tool is left to choose");
        }
        return;
    }
    body.set("tools", Json::Array(tools));
    write_choice(request, OpenaiChat, body, report, |name| {
        Json::object().with("type", "function").with("function", Json::object().with("name", name))
    });
}

/// Which tools may be called, as both of OpenAI's dialects say it but for how one is named.
pub(crate) fn write_choice(
    request: &Request,
    dialect: Dialect,
    body: &mut Json,
    report: &mut Report,
    named: impl Fn(&str) -> Json,
) {
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(Json::from("auto")),
        Some(ToolChoice::None) => Some(Json::from("none")),
        Some(ToolChoice::Required) => Some(Json::from("required")),
        Some(ToolChoice::Named(name)) => Some(named(name)),
        Some(ToolChoice::Other { dialect: theirs, value }) if *theirs == dialect => Some(value.clone()),
        Some(ToolChoice::Other { .. }) => {
            report.dropped("tool_choice", "choice", "the target dialect has no such choice");
            None
        }
    };
    if let Some(choice) = choice {
        body.set("tool_choice", choice);
    }
    if let Some(parallel) = request.parallel_tool_calls {
        body.set("parallel_tool_calls", parallel);
    }
}

fn write_format(format: &Format) -> Json {
    match format {
        Format::Text => Json::object().with("type", "text"),
        Format::JsonObject => Json::object().with("type", "json_object"),
        Format::JsonSchema { name, description, schema, strict } => {
            let named =
                named_schema(Json::object(), name.as_deref(), description.as_deref(), schema, *strict);
            Json::object().with("type", "json_schema").with("json_schema", named)
        }
    }
}

/// The members of a schema of answers, which the chat dialect nests and the Responses dialect does not.
pub(crate) fn named_schema(
    into: Json,
    name: Option<&str>,
    description: Option<&str>,
    schema: &Json,
    strict: Option<bool>,
) -> Json {
    into.with("name", name.unwrap_or("response"))
        .maybe("description", description)
        .with("schema", schema.clone())
        .maybe("strict", strict)
}
