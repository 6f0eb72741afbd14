//! Embeddings: the request, and its answer in floats or base64.

use super::error::ApiError;
use crate::text::{TokenCount, base64, count, embed};
use serde::Serialize;
use serde_json::Value;

/// Most inputs of one request.
pub(crate) const INPUTS_MAX: usize = 2048;
/// Most components of a vector.
pub(crate) const DIMENSIONS_MAX: u64 = 4096;

/// A checked embeddings request.
#[derive(Debug)]
pub(crate) struct EmbedAsk {
    pub(crate) model: String,
    inputs: Vec<String>,
    base64: bool,
    dimensions: Option<usize>,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Row>,
    model: &'a str,
    usage: EmbedUsage,
}

#[derive(Serialize)]
struct EmbedUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

#[derive(Serialize)]
struct Row {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

fn wrong(field: &str, message: &str) -> ApiError {
    ApiError { param: Some(field.to_owned()), ..ApiError::new(400, format!("{field} {message}")) }
}

impl EmbedAsk {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| wrong("body", "is not JSON"))?;
        let model = value.get("model").and_then(Value::as_str).filter(|m| !m.is_empty());
        let model = model.ok_or_else(|| wrong("model", "must be a non-empty string"))?.to_owned();
        let dimensions = match value.get("dimensions").filter(|d| !d.is_null()).map(Value::as_u64) {
            None => None,
            Some(Some(n @ 1..=DIMENSIONS_MAX)) => usize::try_from(n).ok(),
            Some(_) => return Err(wrong("dimensions", "must be a number from 1 to 4096")),
        };
        let base64 = match value.get("encoding_format").filter(|f| !f.is_null()).map(Value::as_str) {
            None | Some(Some("float")) => false,
            Some(Some("base64")) => true,
            Some(_) => return Err(wrong("encoding_format", "must be float or base64")),
        };
        Ok(Self { model, inputs: inputs(value.get("input"))?, base64, dimensions })
    }

    /// The answer under `model`, with `dimensions` components unless the request names a number.
    pub(crate) fn answer(&self, model: &str, dimensions: u32, by: TokenCount) -> String {
        let dimensions = self.dimensions.unwrap_or(dimensions as usize);
        let row = |(index, text): (usize, &String)| {
            let vector = embed(text, dimensions);
            let embedding =
                if self.base64 { Vector::Base64(base64(&vector)) } else { Vector::Floats(vector) };
            Row { object: "embedding", index, embedding }
        };
        let data = self.inputs.iter().enumerate().map(row).collect();
        let tokens = self.inputs.iter().map(|text| u64::from(count(text, by))).sum();
        let usage = EmbedUsage { prompt_tokens: tokens, total_tokens: tokens };
        // Strings and finite numbers always serialise.
        serde_json::to_string(&List { object: "list", data, model, usage }).unwrap_or_default()
    }
}

/// A text, an array of texts, or tokens, which stand for themselves as text.
fn inputs(value: Option<&Value>) -> Result<Vec<String>, ApiError> {
    let wanted = "must be a text, an array of texts or an array of tokens";
    let list = match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(tokens @ Value::Array(items)) if items.iter().all(Value::is_u64) => vec![tokens.to_string()],
        Some(Value::Array(lists)) if lists.iter().all(Value::is_array) => {
            lists.iter().map(Value::to_string).collect()
        }
        _ => return Err(wrong("input", wanted)),
    };
    if list.is_empty() || list.len() > INPUTS_MAX {
        return Err(wrong("input", "must hold 1 to 2048 inputs"));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_both_encodings() {
        let ask = |extra: &str| EmbedAsk::parse(format!(r#"{{"model":"e"{extra}}}"#).as_bytes());
        let floats = ask(r#","input":"hi","dimensions":4"#).unwrap().answer("e", 256, TokenCount::Pieces);
        insta::assert_snapshot!("floats", floats);
        let both = ask(r#","input":["a","b"],"encoding_format":"base64","dimensions":1"#).unwrap();
        insta::assert_snapshot!("base64", both.answer("e", 256, TokenCount::Pieces));
    }

    #[test]
    fn errors_name_the_field() {
        let cases = [
            ("{", "body"),
            (r#"{"input":"a"}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":[]}"#, "input"),
            (r#"{"model":"m","input":["a",1]}"#, "input"),
            (r#"{"model":"m","input":"a","dimensions":0}"#, "dimensions"),
            (r#"{"model":"m","input":"a","encoding_format":"x"}"#, "encoding_format"),
        ];
        for (body, field) in cases {
            assert_eq!(EmbedAsk::parse(body.as_bytes()).unwrap_err().param.as_deref(), Some(field), "{body}");
        }
    }
}
