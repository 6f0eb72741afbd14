//! Names of OpenTelemetry's GenAI semantic conventions, in one place: they are still in development, so a rename is one
//! edit here. Version followed: 1.38.0 (`gen_ai.provider.name` replaced `gen_ai.system` in 1.37).

/// The schema that the names belong to.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.38.0";
/// `chat` or `embeddings`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// The provider as the client sees it.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Prompt tokens.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Completion tokens.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The conversation.
pub const CONVERSATION: &str = "gen_ai.conversation.id";
/// What went wrong, as a word.
pub const ERROR_TYPE: &str = "error.type";
/// HTTP status that the caller got.
pub const STATUS_CODE: &str = "http.response.status_code";
