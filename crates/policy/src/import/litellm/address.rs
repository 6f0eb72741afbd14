//! Where a deployment stands and who pays there: its address, its region, its key.
//!
//! An address that the file does not say is never guessed when the file says a region: data that must stay in one place would leave it.

use super::super::gaps::Gaps;
use super::super::yaml::Node;

/// Credentials that have no place here; their values are never shown.
const CREDENTIALS: &[&str] = &[
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_profile_name",
    "aws_role_name",
    "aws_session_name",
    "aws_web_identity_token",
    "azure_ad_token",
    "tenant_id",
    "client_id",
    "client_secret",
    "vertex_credentials",
];
/// Kinds that answer without a key where nobody asks for one.
const KEYLESS: &[&str] = &["ollama", "vllm", "openai_compatible"];

/// The address and the region of a deployment.
pub(super) struct Address {
    pub(super) base_url: Option<String>,
    pub(super) region: Option<String>,
}

impl Address {
    /// Reads it; `None`, with a gap that says why, where requests would go to another place than the file says.
    pub(super) fn read(params: &Node, kind: &str, gaps: &mut Gaps) -> Option<Self> {
        let mut base_url = None;
        for key in ["api_base", "base_url", "aws_bedrock_runtime_endpoint"] {
            if let (Some(node), None) = (params.get(key), &base_url) {
                base_url = Some(said(node, gaps)?);
            }
        }
        let mut region = None;
        for key in ["aws_region_name", "vertex_location", "region_name"] {
            if let (Some(node), None) = (params.get(key), &region) {
                region = Some(said(node, gaps)?);
            }
        }
        match (kind, &base_url, &region) {
            ("bedrock", None, Some(name)) => {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                if name.is_empty() || !name.chars().all(plain) {
                    gaps.wrong(params.get("aws_region_name")?, "not a region; the deployment is left out");
                    return None;
                }
                let china = if name.starts_with("cn-") { ".cn" } else { "" };
                base_url = Some(format!("https://bedrock-runtime.{name}.amazonaws.com{china}"));
            }
            ("bedrock", None, None) => gaps.stands_in(
                params.get("model")?,
                "it has no aws_region_name: requests go to us-east-1; for another region write `base_url` and `region`",
            ),
            ("azure_openai", None, _) => {
                gaps.wrong(params.get("model")?, "it has no api_base; the deployment is left out");
                return None;
            }
            _ => {}
        }
        Some(Self { base_url, region })
    }
}

/// A text that stands in the file itself and not in the environment.
fn said(node: &Node, gaps: &mut Gaps) -> Option<String> {
    match node.text() {
        Some(text) if !text.starts_with("os.environ/") => Some(text.to_owned()),
        _ => {
            gaps.wrong(
                node,
                "the file does not say it, so requests could go elsewhere: write it here; the deployment is left out",
            );
            None
        }
    }
}

/// The reference to a deployment's key; a gap where there is none.
pub(super) fn key(params: &Node, kind: &str, gaps: &mut Gaps) -> Option<String> {
    for credential in CREDENTIALS {
        if let Some(node) = params.get(credential) {
            gaps.secret(node, "only API keys are sent: write `key: env:NAME` at the provider");
        }
    }
    let Some(key) = params.get("api_key") else {
        if let (false, Some(model)) = (KEYLESS.contains(&kind), params.get("model")) {
            gaps.missing(
                model,
                "it has no api_key: write `key: env:NAME` at the provider, or it is refused there",
            );
        }
        return None;
    };
    let reference = key.text().and_then(|text| text.strip_prefix("os.environ/"));
    if reference.is_none() {
        gaps.secret(
            key,
            "keys are not copied: put it into an environment variable and write `key: env:NAME`",
        );
    }
    reference.map(|name| format!("env:{name}"))
}
