//! What a configuration can hold: the default file, the provider table and the schema.

use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use tollgate_gateway::config::{Auth, DEFAULT, DEFAULT_INSTANCES, PROVIDERS, ProviderRow};

/// The JSON Schema (draft 2020-12) of a configuration; a test holds it to the types that read the file.
const SCHEMA: &str = include_str!("schema.json");

/// Print the configuration that `serve` uses without a file
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate config default > tollgate.yaml

Its simulated instances are expected on 127.0.0.1, ports 8101 to 8103; `tollgate sim` starts one.")]
pub(crate) struct DefaultArgs {}

/// List the providers that `kind:` can name
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate config providers --json")]
pub(crate) struct ProvidersArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Print the JSON Schema of a configuration, for editors
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate config schema > tollgate.schema.json")]
pub(crate) struct SchemaArgs {}

/// Prints the default with addresses in place of its placeholders, so that it is a good file as it stands.
pub(super) fn default() -> Result<Ending> {
    let filled = (8101..).zip(DEFAULT_INSTANCES).fold(DEFAULT.to_owned(), |text, (port, name)| {
        text.replace(&format!("{{{name}}}"), &format!("127.0.0.1:{port}"))
    });
    say::text(&filled)?;
    Ok(Ending::Good)
}

pub(super) fn providers(args: &ProvidersArgs) -> Result<Ending> {
    if args.json {
        let row = |row: &ProviderRow| {
            let paths: serde_json::Map<_, _> =
                row.paths.iter().map(|(d, path)| (d.word().into(), json!(path))).collect();
            json!({"kind": row.kind, "base_url": row.base_url, "key": key(row.auth), "paths": paths, "probe": row.probe})
        };
        say::json(&PROVIDERS.iter().map(row).collect::<Vec<_>>())?;
        return Ok(Ending::Good);
    }
    let row = |row: &ProviderRow| {
        let dialects: Vec<_> = row.paths.iter().map(|(dialect, _)| dialect.word()).collect();
        let base = row.base_url.unwrap_or("(yours)");
        vec![row.kind.into(), base.to_owned(), key(row.auth).into(), dialects.join(", ")]
    };
    let rows: Vec<_> = PROVIDERS.iter().map(row).collect();
    say::table(&["kind", "base URL", "key", "dialects"], &rows)?;
    Ok(Ending::Good)
}

const fn key(auth: Auth) -> &'static str {
    match auth {
        Auth::Bearer => "authorization: Bearer",
        Auth::Header(name) => name,
        Auth::None => "none",
    }
}

pub(super) fn schema() -> Result<Ending> {
    say::text(SCHEMA)?;
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
