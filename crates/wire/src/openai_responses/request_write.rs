//! The form into a Responses request.

use super::items_write::write_items;
use crate::Dialect::OpenaiResponses;
use crate::form::{Effort, Format, Json, Options, Part, Report, Request, Tool};
use crate::openai_chat::request_write::{named_schema, write_choice};
use crate::openai_chat::response::tier;

/// Writes the body of `POST /v1/responses`; what cannot cross goes into `report`.
///
/// Requests of dialects that store nothing are written with `store: false`.
pub fn write_request(request: &Request, options: &Options, report: &mut Report) -> Json {
    let model = options.model.as_ref().or(request.model.as_ref());
    let mut body = Json::object().maybe("model", model.map(String::as_str));
    if let Some(text) = instructions(&request.system, report) {
        body.set("instructions", text);
    }
    body.set("input", Json::Array(write_items(&request.messages, report)));
    write_tools(request, &mut body, report);
    write_sampling(request, &mut body, report);
    if let Some(format) = &request.format {
        body.set("text", Json::object().with("format", write_format(format)));
    }
    write_reasoning(request, &mut body, report);
    let mut body = body
        .maybe("metadata", request.metadata.clone())
        .maybe("safety_identifier", request.user.as_deref())
        .maybe("service_tier", tier(request.service_tier.as_deref(), report))
        .maybe("previous_response_id", request.previous_response_id.as_deref())
        .maybe("store", request.store);
    if request.store.is_none() && request.extra.dialect != Some(OpenaiResponses) {
        body.set("store", false);
    }
    if options.stream.unwrap_or(request.stream) {
        body.set("stream", true);
    }
    // `text` and `reasoning` may hold members beyond those that the form knows.
    request.extra.join(OpenaiResponses, &mut body, report);
    body
}

/// The system prompt as one text.
fn instructions(system: &[Part], report: &mut Report) -> Option<String> {
    let mut texts: Vec<&str> = Vec::new();
    for (n, part) in system.iter().enumerate() {
        let path = format!("system[{n}]");
        if part.cache.is_some() {
            report.dropped(format!("{path}.cache"), "object", "the responses dialect caches by itself");
        }
        part.extra.put(OpenaiResponses, &format!("{path}.extra"), &mut Json::object(), report);
        match part.as_text() {
            Some(text) => texts.push(text),
            None => report.dropped(path, part.kind(), "instructions are text"),
        }
    }
    if texts.len() > 1 {
        report.approximated(
            "system",
            "array",
            "instructions are one text: the parts are joined by blank lines",
        );
    }
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn write_sampling(request: &Request, body: &mut Json, report: &mut Report) {
    let sampling = &request.sampling;
    for (key, number) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
        if let Some(number) = number {
            body.set(key, number.clone());
        }
    }
    for (key, count) in [("max_output_tokens", sampling.max_tokens), ("top_logprobs", sampling.top_logprobs)]
    {
        if let Some(count) = count {
            body.set(key, count);
        }
    }
    if sampling.logprobs == Some(true) {
        body.set("include", vec!["message.output_text.logprobs"]);
        report.approximated("sampling.logprobs", "boolean", "asked for through \"include\"");
    } else if sampling.logprobs.is_some() {
        report.dropped("sampling.logprobs", "boolean", "that is this dialect's default");
    }
    let absent = [
        ("top_k", sampling.top_k.is_some()),
        ("stop", !sampling.stop.is_empty()),
        ("seed", sampling.seed.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("n", sampling.n.is_some_and(|n| n > 1)),
    ];
    for (key, _) in absent.into_iter().filter(|(_, there)| *there) {
        report.dropped(format!("sampling.{key}"), "member", "the responses dialect has no such parameter");
    }
}

fn write_reasoning(request: &Request, body: &mut Json, report: &mut Report) {
    let Some(thinking) = &request.thinking else { return };
    let effort = thinking.effort_or_near();
    if let Some(budget) = thinking.budget.filter(|_| thinking.effort.is_none()) {
        let word = Effort::near(budget).word();
        report.approximated("thinking", "object", format!("{budget} tokens became the effort {word:?}"));
    } else if thinking.adaptive {
        report.dropped("thinking.adaptive", "boolean", "the responses dialect has effort words only");
    }
    let summary = thinking.summary.as_deref().filter(|word| *word != "none");
    if summary.is_none() && thinking.summary.is_some() {
        report.dropped("thinking.summary", "string", "no summary is this dialect's default");
    }
    let json = Json::object().maybe("effort", effort.map(Effort::word)).maybe("summary", summary);
    if json != Json::object() {
        body.set("reasoning", json);
    }
}

fn write_tools(request: &Request, body: &mut Json, report: &mut Report) {
    let mut tools = Vec::new();
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, description, schema, strict, cache, extra } => {
                // Absent means strict here and lax in the other dialects.
                let lax = extra.dialect != Some(OpenaiResponses) && strict.is_none();
                let mut json = Json::object()
                    .with("type", "function")
                    .with("name", name.as_str())
                    .maybe("description", description.as_deref())
                    .with("parameters", schema.clone())
                    .maybe("strict", if lax { Some(false) } else { *strict });
                if lax {
                    report.approximated(
                        format!("tools[{n}].function.strict"),
                        "absent",
                        "written as false: absent is strict here",
                    );
                }
                if cache.is_some() {
                    report.dropped(
                        format!("tools[{n}].function.cache"),
                        "object",
                        "the responses dialect caches by itself",
                    );
                }
                extra.put(OpenaiResponses, &format!("tools[{n}].function.extra"), &mut json, report);
                tools.push(json);
            }
            Tool::BuiltIn { dialect: OpenaiResponses, value } => tools.push(value.clone()),
            Tool::BuiltIn { .. } => report.foreign_tool(n),
        }
    }
    if tools.is_empty() && !request.tools.is_empty() && request.tool_choice.is_some() {
        report.dropped("tool_choice", "choice", "no tool is left to choose");
        return;
    }
    if !tools.is_empty() {
        body.set("tools", Json::Array(tools));
    }
    write_choice(request, OpenaiResponses, body, report, |name| {
        Json::object().with("type", "function").with("name", name)
    });
}

fn write_format(format: &Format) -> Json {
    match format {
        Format::Text => Json::object().with("type", "text"),
        Format::JsonObject => Json::object().with("type", "json_object"),
        Format::JsonSchema { name, description, schema, strict } => {
            let json = Json::object().with("type", "json_schema");
            named_schema(json, name.as_deref(), description.as_deref(), schema, *strict)
        }
    }
}
