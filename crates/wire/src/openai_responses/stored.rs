//! Stored answers: continuing them, listing what went into them, deleting them.
//!
//! ```
//! use tollgate_wire::form::Json;
//! use tollgate_wire::openai_responses::stored;
//! let prior = stored::Stored { input: vec![stored::user("hi")], output: vec![] };
//! let body = br#"{"model":"m","previous_response_id":"resp_1","input":"go on"}"#;
//! let items = stored::expand(&prior, body).unwrap();
//! assert_eq!(items.len(), 2);
//! ```

use crate::error::WireError;
use crate::form::{Fields, Json, syntax, wrong};

/// Most items of one page of a list.
pub const PAGE_MAX: usize = 100;

/// What is kept of an answer so that it can be continued.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stored {
    /// The items that went in, those of the answers before it included.
    pub input: Vec<Json>,
    /// The items that came out.
    pub output: Vec<Json>,
}

/// The message item of a plain user text.
#[must_use]
pub fn user(text: &str) -> Json {
    let part = Json::object().with("type", "input_text").with("text", text);
    Json::object().with("type", "message").with("role", "user").with("content", vec![part])
}

/// The items of a request's own `input`.
///
/// # Errors
/// When the body is not a JSON object or its `input` is neither a string nor an array.
pub fn input_items(body: &[u8]) -> Result<Vec<Json>, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    match fields.take("input") {
        None => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(vec![user(&text)]),
        Some(Json::Array(items)) => Ok(items),
        Some(other) => Err(wrong("input", &other, "a string or an array of items")),
    }
}

/// All items that a request with `previous_response_id` means: what went into the stored answer, what came out, and
/// the request's own. The stored answer's `instructions` do not carry over, as the API has it.
///
/// # Errors
/// As for [`input_items`].
pub fn expand(prior: &Stored, body: &[u8]) -> Result<Vec<Json>, WireError> {
    let own = input_items(body)?;
    Ok(prior.input.iter().chain(&prior.output).cloned().chain(own).collect())
}

/// The request with its `input` replaced by all items and without `previous_response_id`: what goes to an upstream
/// that stores nothing.
///
/// # Errors
/// As for [`input_items`].
pub fn expanded_request(prior: &Stored, body: &[u8]) -> Result<Json, WireError> {
    let items = expand(prior, body)?;
    let mut json = Json::parse(body).map_err(|e| syntax(&e))?;
    if let Json::Object(members) = &mut json {
        members.retain(|(key, _)| key != "previous_response_id" && key != "input");
    }
    json.set("input", Json::Array(items));
    Ok(json)
}

/// Input items with the ids under which they are listed: their own, else one made of the answer's id and the place.
#[must_use]
pub fn with_ids(items: &[Json], response_id: &str) -> Vec<Json> {
    let stem = response_id.strip_prefix("resp_").unwrap_or(response_id);
    items
        .iter()
        .enumerate()
        .map(|(n, item)| {
            let kind = item.get("type").and_then(Json::as_str).unwrap_or("message");
            let prefix = match kind {
                "function_call" => "fc",
                "function_call_output" => "fco",
                "reasoning" => "rs",
                _ => "msg",
            };
            let mut listed = item.clone();
            listed.set("type", kind);
            if item.get("id").and_then(Json::as_str).is_none_or(str::is_empty) {
                listed.set("id", format!("{prefix}_{stem}_in{n}"));
            }
            if matches!(kind, "message" | "function_call" | "function_call_output")
                && item.get("status").is_none()
            {
                listed.set("status", "completed");
            }
            if let ("message", Some(text)) = (kind, item.get("content").and_then(Json::as_str)) {
                let own = item.get("role").and_then(Json::as_str) == Some("assistant");
                let part = Json::object()
                    .with("type", if own { "output_text" } else { "input_text" })
                    .with("text", text);
                listed.set("content", vec![part.maybe("annotations", own.then(Vec::<Json>::new))]);
            }
            listed
        })
        .collect()
}

/// One page of `GET /v1/responses/{id}/input_items`: at most `limit` items after the item `after`, newest first
/// unless `ascending`.
#[must_use]
pub fn input_item_list(
    items: &[Json],
    response_id: &str,
    ascending: bool,
    after: Option<&str>,
    limit: usize,
) -> Json {
    let mut listed = with_ids(items, response_id);
    if !ascending {
        listed.reverse();
    }
    let id = |item: &Json| item.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let skip =
        after.and_then(|after| listed.iter().position(|item| id(item) == after)).map_or(0, |at| at + 1);
    let rest = listed.get(skip..).unwrap_or_default();
    let limit = limit.clamp(1, PAGE_MAX);
    let page: Vec<Json> = rest.iter().take(limit).cloned().collect();
    Json::object()
        .with("object", "list")
        .with("first_id", page.first().map(id).unwrap_or_default())
        .with("last_id", page.last().map(id).unwrap_or_default())
        .with("has_more", rest.len() > page.len())
        .with("data", page)
}

/// The answer of `DELETE /v1/responses/{id}`.
#[must_use]
pub fn deleted(response_id: &str) -> Json {
    Json::object().with("id", response_id).with("object", "response").with("deleted", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continued_answer_repeats_what_went_in_and_came_out() {
        let prior = Stored { input: vec![user("a")], output: vec![Json::object().with("id", "msg_1")] };
        let body =
            br#"{"model":"m","input":[{"role":"user","content":"b"}],"previous_response_id":"resp_1","x":1}"#;
        let request = expanded_request(&prior, body).unwrap();
        assert_eq!(request.get("previous_response_id"), None);
        assert_eq!(request.get("x").and_then(Json::as_u64), Some(1));
        let texts: Vec<String> = request.get("input").unwrap().items().iter().map(Json::to_text).collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[2], r#"{"role":"user","content":"b"}"#);
        assert!(expand(&prior, br#"{"input":7}"#).unwrap_err().to_string().starts_with("input: found 7"));
    }

    #[test]
    fn pages_meet_without_gap_and_the_limit_is_reached() {
        let items: Vec<Json> = (0..250).map(|n| user(&n.to_string())).collect();
        let (mut after, mut seen) = (None::<String>, 0);
        loop {
            let page = input_item_list(&items, "resp_9", true, after.as_deref(), 1000);
            seen += page.get("data").unwrap().items().len();
            assert!(page.get("data").unwrap().items().len() <= PAGE_MAX);
            after = page.get("last_id").and_then(Json::as_str).map(str::to_owned);
            if page.get("has_more") == Some(&Json::Bool(false)) {
                break;
            }
        }
        assert_eq!((seen, after.as_deref()), (250, Some("msg_9_in249")));
    }

    #[test]
    fn a_listed_item_has_id_status_and_parts() {
        let item = Json::parse(br#"{"role":"user","content":"hi"}"#).unwrap();
        assert_eq!(
            with_ids(&[item], "resp_9")[0].to_text(),
            r#"{"role":"user","content":[{"type":"input_text","text":"hi"}],"type":"message","id":"msg_9_in0","status":"completed"}"#
        );
        assert_eq!(deleted("resp_9").to_text(), r#"{"id":"resp_9","object":"response","deleted":true}"#);
    }
}
