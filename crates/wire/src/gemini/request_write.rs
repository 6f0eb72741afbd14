//! The form into a Gemini request.

use super::parts_write::write_part;
use crate::Dialect::Gemini;
use crate::form::{Effort, Format, Json, Options, Part, Report, Request, Role, Tool, ToolChoice, end_turn};
use std::collections::BTreeMap;

/// Writes the body of `generateContent`; what cannot cross goes into `report`. Model and stream stand in
/// [`super::path`].
pub fn write_request(request: &Request, options: &Options, report: &mut Report) -> Json {
    let names = request.call_names();
    let mut system: Vec<(String, &Part)> =
        request.system.iter().enumerate().map(|(n, part)| (format!("system[{n}]"), part)).collect();
    for (n, message) in request.messages.iter().enumerate().filter(|(_, m)| m.role == Role::System) {
        report.approximated(
            format!("messages[{n}]"),
            "system message",
            "moved to the front: the system prompt stands alone",
        );
        report.approximated("system", "array", "system messages of the conversation are added at its end");
        system.extend(
            message.parts.iter().enumerate().map(|(k, part)| (format!("messages[{n}].parts[{k}]"), part)),
        );
    }
    let system: Vec<Json> = system
        .iter()
        .filter_map(|(path, part)| write_part(part, path, |id| names.get(id).copied(), report))
        .collect();
    let mut body = Json::object();
    if !system.is_empty() {
        body.set("systemInstruction", Json::object().with("parts", system));
    }
    body.set("contents", write_contents(request, &names, report));
    write_tools(request, &mut body, report);
    let config = write_config(request, options, report);
    if config != Json::object() {
        body.set("generationConfig", config);
    }
    write_rest(request, report);
    request.extra.join(Gemini, &mut body, report);
    body
}

fn write_contents(request: &Request, names: &BTreeMap<&str, &str>, report: &mut Report) -> Json {
    let mut out: Vec<Json> = Vec::with_capacity(request.messages.len());
    let mut results: Vec<Json> = Vec::new();
    for (n, message) in request.messages.iter().enumerate().filter(|(_, m)| m.role != Role::System) {
        let path = format!("messages[{n}]");
        if message.name.is_some() {
            report.dropped(format!("{path}.name"), "string", "the gemini dialect names no speakers");
        }
        let parts = message.parts.iter().enumerate();
        let parts: Vec<Json> = parts
            .filter_map(|(k, part)| {
                write_part(part, &format!("{path}.parts[{k}]"), |id| names.get(id).copied(), report)
            })
            .collect();
        if message.role == Role::Tool {
            message.extra.put(Gemini, &format!("{path}.extra"), &mut Json::object(), report);
            results.extend(parts);
            continue;
        }
        end_turn("parts", &mut results, &mut out);
        if parts.is_empty() {
            report.dropped(path, "message", "nothing is left in it");
            continue;
        }
        let role = if message.role == Role::Assistant { "model" } else { "user" };
        let mut content = Json::object().with("role", role).with("parts", parts);
        message.extra.put(Gemini, &format!("{path}.extra"), &mut content, report);
        out.push(content);
    }
    end_turn("parts", &mut results, &mut out);
    Json::Array(out)
}

fn write_tools(request: &Request, body: &mut Json, report: &mut Report) {
    let (mut functions, mut tools) = (Vec::new(), Vec::new());
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, description, schema, strict, cache, extra } => {
                let mut json = Json::object()
                    .with("name", name.as_str())
                    .maybe("description", description.as_deref())
                    .maybe("parametersJsonSchema", schema.clone());
                extra.put(Gemini, &format!("tools[{n}].function.extra"), &mut json, report);
                if strict.is_some() {
                    report.dropped(
                        format!("tools[{n}].function.strict"),
                        "boolean",
                        "the gemini dialect sets strictness by mode",
                    );
                }
                if cache.is_some() {
                    report.dropped(
                        format!("tools[{n}].function.cache"),
                        "object",
                        "the gemini dialect caches by itself",
                    );
                }
                functions.push(json);
            }
            Tool::BuiltIn { dialect: Gemini, value } => tools.push(value.clone()),
            Tool::BuiltIn { .. } => report.foreign_tool(n),
        }
    }
    if !functions.is_empty() {
        tools.insert(0, Json::object().with("functionDeclarations", functions));
    }
    if request.parallel_tool_calls.is_some() {
        report.dropped("parallel_tool_calls", "boolean", "the gemini dialect always allows parallel calls");
    }
    if tools.is_empty() {
        if request.tool_choice.is_some() {
            report.dropped("tool_choice", "choice", "no tool is left to choose");
        }
        return;
    }
    body.set("tools", Json::Array(tools));
    let mode = |mode: &str| Json::object().with("mode", mode);
    let choice = match &request.tool_choice {
        None => return,
        Some(ToolChoice::Auto) => mode("AUTO"),
        Some(ToolChoice::None) => mode("NONE"),
        Some(ToolChoice::Required) => mode("ANY"),
        Some(ToolChoice::Named(name)) => mode("ANY").with("allowedFunctionNames", vec![name.as_str()]),
        Some(ToolChoice::Other { dialect: Gemini, value }) => value.clone(),
        Some(ToolChoice::Other { .. }) => {
            return report.dropped("tool_choice", "choice", "the gemini dialect has no such choice");
        }
    };
    body.set("toolConfig", Json::object().with("functionCallingConfig", choice));
}

fn write_config(request: &Request, options: &Options, report: &mut Report) -> Json {
    let sampling = &request.sampling;
    let mut config = Json::object()
        .maybe("temperature", sampling.temperature.clone())
        .maybe("topP", sampling.top_p.clone())
        .maybe("topK", sampling.top_k.clone())
        .maybe("stopSequences", (!sampling.stop.is_empty()).then(|| sampling.stop.clone()))
        .maybe("seed", sampling.seed.clone())
        .maybe("presencePenalty", sampling.presence_penalty.clone())
        .maybe("frequencyPenalty", sampling.frequency_penalty.clone())
        .maybe("maxOutputTokens", sampling.max_tokens)
        .maybe("responseLogprobs", sampling.logprobs)
        .maybe("logprobs", sampling.top_logprobs);
    if sampling.n.is_some_and(|n| n > 1) {
        report.dropped("sampling.n", "number", "a translated request asks for one answer");
    }
    match &request.format {
        None => {}
        Some(Format::Text) => config.set("responseMimeType", "text/plain"),
        Some(Format::JsonObject) => config.set("responseMimeType", "application/json"),
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            config.set("responseMimeType", "application/json");
            config.set("responseJsonSchema", schema.clone());
            for (key, there) in [
                ("name", name.is_some()),
                ("description", description.is_some()),
                ("strict", strict.is_some()),
            ] {
                if there {
                    report.dropped(
                        format!("format.json_schema.{key}"),
                        "member",
                        "the gemini dialect takes the schema only",
                    );
                }
            }
        }
    }
    if let Some(thinking) = write_thinking(request, options, report) {
        config.set("thinkingConfig", thinking);
    }
    config
}

fn write_thinking(request: &Request, options: &Options, report: &mut Report) -> Option<Json> {
    let thinking = request.thinking.as_ref()?;
    let mut json = Json::object();
    let budget = if options.thinking_budgets { thinking.budget_or_near() } else { thinking.budget };
    match (thinking.effort, budget) {
        (Some(Effort::None), _) => {
            json.set("thinkingBudget", 0_u64);
            if thinking.budget.is_none() {
                report.approximated("thinking", "object", "no effort became a budget of 0");
            }
        }
        (_, Some(budget)) => {
            json.set("thinkingBudget", budget);
            if thinking.effort.is_some() {
                report.approximated("thinking", "object", format!("written as a budget of {budget} tokens"));
            }
        }
        (Some(effort), None) => {
            let word = if effort == Effort::Max { Effort::Xhigh } else { effort }.word();
            if effort == Effort::Max {
                report.approximated("thinking.effort", "string", "the most effort is xhigh");
            }
            json.set("thinkingLevel", word.to_ascii_uppercase());
            if thinking.adaptive {
                report.dropped(
                    "thinking.adaptive",
                    "boolean",
                    "a level and a free budget exclude each other",
                );
            }
        }
        (None, None) if thinking.adaptive => json.set("thinkingBudget", -1_i64),
        (None, None) => {}
    }
    if let Some(summary) = &thinking.summary {
        json.set("includeThoughts", summary != "none");
        if !["auto", "none"].contains(&summary.as_str()) {
            report.approximated(
                "thinking.summary",
                "string",
                "the gemini dialect shows thoughts or does not",
            );
        }
    }
    Some(json)
}

fn write_rest(request: &Request, report: &mut Report) {
    let absent = [
        ("metadata", request.metadata.is_some()),
        ("user", request.user.is_some()),
        ("service_tier", request.service_tier.is_some()),
        ("store", request.store.is_some()),
        ("previous_response_id", request.previous_response_id.is_some()),
    ];
    for (key, _) in absent.into_iter().filter(|(_, there)| *there) {
        report.dropped(key, "member", "the gemini dialect has no such field");
    }
}
