//! The small answers around `POST /v1/messages`: token counts and the list of models.

use crate::form::Json;

/// A model on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// Since when, in seconds since 1970.
    pub created: u64,
    /// The same instant as RFC 3339 text (nothing here knows calendars).
    pub created_at: String,
    /// Who owns it.
    pub owner: String,
}

/// The answer of `POST /v1/messages/count_tokens`.
#[must_use]
pub fn count_tokens(input_tokens: u64) -> Json {
    Json::object().with("input_tokens", input_tokens)
}

/// The answer of `GET /v1/models` in Anthropic's shape, all on one page.
#[must_use]
pub fn models(list: &[Listed]) -> Json {
    let data: Vec<Json> = list
        .iter()
        .map(|model| {
            Json::object()
                .with("type", "model")
                .with("id", model.id.as_str())
                .with("display_name", model.name.as_str())
                .with("created_at", model.created_at.as_str())
                .with("lifecycle", "active")
        })
        .collect();
    let id = |model: Option<&Listed>| model.map(|m| m.id.clone());
    Json::object()
        .with("data", data)
        .with("has_more", false)
        .with("first_id", id(list.first()))
        .with("last_id", id(list.last()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai_chat;

    #[test]
    fn lists_in_both_shapes() {
        let model = Listed {
            id: "m".to_owned(),
            name: "M".to_owned(),
            created: 1_790_000_000,
            created_at: "2026-09-21T12:53:20Z".to_owned(),
            owner: "tollgate".to_owned(),
        };
        assert_eq!(
            models(std::slice::from_ref(&model)).to_text(),
            r#"{"data":[{"type":"model","id":"m","display_name":"M","created_at":"2026-09-21T12:53:20Z","lifecycle":"active"}],"has_more":false,"first_id":"m","last_id":"m"}"#
        );
        assert_eq!(
            openai_chat::models(&[model]).to_text(),
            r#"{"object":"list","data":[{"id":"m","object":"model","created":1790000000,"owned_by":"tollgate"}]}"#
        );
        assert_eq!(models(&[]).get("first_id"), Some(&Json::Null));
        assert_eq!(count_tokens(7).to_text(), r#"{"input_tokens":7}"#);
    }
}
