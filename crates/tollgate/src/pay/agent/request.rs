//! Signing a request, in place of a key that is sent along.

use super::sign::secret;
use crate::ending::Ending;
use crate::pay::Printed;
use crate::place;
use anyhow::{Context, Result, bail};
use clap::Args;
use http::Uri;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tollgate_core::{Clock, Digest};
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_wire::httpsig::{Component, Draft, Fields, Message, Request, content_digest};

/// Sign an HTTP request (RFC 9421); prints its headers, as `curl -H @FILE` reads them
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay agent request POST http://127.0.0.1:8080/v1/settle/escrows --body task.json --key ada.key > signed
  curl http://127.0.0.1:8080/v1/settle/escrows -H @signed --data-binary @task.json

Signed are method, authority, path and query; of a POST also the digest of the body and the idempotency key. The signature counts
for five minutes and once: sign every attempt anew, with the same idempotency key for the same request.")]
pub(crate) struct RequestArgs {
    /// GET or POST
    #[arg(value_parser = ["GET", "POST"])]
    method: String,
    /// The whole URL
    url: Uri,
    /// File of the secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What names the key: `AGENT#KID` for an agent's [default: the key as did:key]
    #[arg(long, value_name = "ID")]
    keyid: Option<String>,
    /// File of the body, `-` for standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// What makes a second request the same [default: 256 random bits]
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn run(args: &RequestArgs) -> Result<Ending> {
    let (Some(authority), Some(scheme)) = (args.url.authority(), args.url.scheme_str()) else {
        bail!("{}: not a whole URL", args.url)
    };
    let secret = secret(&args.key)?;
    let random = || -> Result<String> {
        let bytes: [u8; 32] = entropy().context("the system gave no entropy")?;
        Ok(Digest(bytes).to_string())
    };
    let body = args.body.as_deref().map(place::read_text).transpose()?.unwrap_or_default();
    let idempotency = args.idempotency_key.clone().map_or_else(random, Ok)?;
    let writes = args.method == "POST";
    let mut headers = Vec::new();
    if writes {
        headers.push(("content-digest", content_digest(body.as_bytes())));
        headers.push(("idempotency-key", idempotency));
    }
    let lines: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let fields: Fields<'_> = &lines;
    let (path, query, authority) = (args.url.path(), args.url.query(), authority.as_str());
    let request = Request { method: &args.method, scheme, authority, path, query, fields };
    let derived = ["@method", "@authority", "@path", "@query"].into_iter();
    let components = derived.chain(headers.iter().map(|(name, _)| *name)).map(Component::named).collect();
    let keyid = args.keyid.clone().unwrap_or_else(|| secret.public().did());
    let draft = Draft::new("sig1", components)
        .time("created", SystemClock::new().now().0.div_euclid(1_000_000))
        .text("nonce", &random()?)
        .text("keyid", &keyid)
        .text("alg", secret.public().http_algorithm());
    let (input, signature) = secret.sign_http(&draft, &Message::Request(request))?;
    headers.push(("signature-input", input));
    headers.push(("signature", signature));
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let named: BTreeMap<_, _> = headers.into_iter().collect();
    args.printed.show(&json!({"headers": named}), &lines.join("\n"))?;
    Ok(Ending::Good)
}
