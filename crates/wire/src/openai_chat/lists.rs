//! The list of models in OpenAI's shape.

use crate::anthropic::Listed;
use crate::form::Json;

/// One model as `GET /v1/models/{id}` gives it.
#[must_use]
pub fn model(model: &Listed) -> Json {
    Json::object()
        .with("id", model.id.as_str())
        .with("object", "model")
        .with("created", model.created)
        .with("owned_by", model.owner.as_str())
}

/// The answer of `GET /v1/models`.
#[must_use]
pub fn models(list: &[Listed]) -> Json {
    Json::object().with("object", "list").with("data", list.iter().map(model).collect::<Vec<_>>())
}
