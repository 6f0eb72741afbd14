//! Embeddings of the gateway's own encoder: nothing leaves the process, so no instance, price or place is asked about.
//! All else is as for any other model: key, roles, classes of data and rules must allow it, and it is recorded.

use super::Caller;
use super::answer::Refusal;
use super::govern::Gate;
use super::journey::{Journey, Promise};
use super::settle::{self, Estimate};
use super::tokens::Writes;
use crate::encoder::{EncoderPool, Shed};
use crate::state::Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tollgate_core::{Fault, FaultKind};
use tollgate_store::budget::Usage;
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

/// Texts of one request, as OpenAI bounds them.
const INPUTS_MAX: usize = 2048;

/// A finished answer.
pub(crate) struct Embedded {
    pub(crate) model: String,
    pub(crate) body: Bytes,
    pub(crate) tokens: u64,
}

/// The members that are read; others are the caller's own.
#[derive(Deserialize)]
struct Asked {
    input: Input,
    #[serde(default)]
    encoding_format: Option<String>,
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
    Other(serde::de::IgnoredAny),
}

/// The encoder, where the request asks for it by name.
pub(super) fn encoder<'a>(shared: &'a Shared, view: &RequestView) -> Option<&'a EncoderPool> {
    let encoder = shared.encoder.as_deref().filter(|_| view.dialect == Dialect::OpenaiEmbeddings)?;
    (view.model()? == encoder.model()).then_some(encoder)
}

/// Whether the caller may use the encoder: by its key, and by what governs the request.
pub(super) fn allow(encoder: &EncoderPool, caller: &Caller, gate: &mut Gate) -> Result<(), Fault> {
    let model = encoder.model();
    if !caller.allows_model(model) {
        let message = format!("this key may not use the model {model:?}");
        return Err(Fault::caller(FaultKind::Forbidden, message).at("model"));
    }
    gate.here(model)
}

/// Answers the request, where it is for the encoder.
pub(super) async fn answer(
    shared: &Shared,
    view: &RequestView,
    caller: &Caller,
    prompt_tokens: u64,
    gate: &mut Gate,
    journey: &mut Journey,
) -> Result<Option<Embedded>, Box<Refusal>> {
    let Some(encoder) = encoder(shared, view) else { return Ok(None) };
    let allowed = allow(encoder, caller, gate);
    journey.governed(gate);
    allowed?;
    // It costs no money, and is a request with tokens all the same.
    let most = Estimate { prompt_tokens, output_tokens: 0, writes: Writes::None };
    let usage = Usage { requests: 1, tokens: prompt_tokens, micro: 0 };
    let reservation = settle::reserve_usage(shared, caller, usage, journey.time())?;
    journey.promise(Promise::new(reservation, most, 1));
    journey.ended(true);
    match embed(encoder, view).await {
        Ok(embedded) => Ok(Some(embedded)),
        Err(fault) => {
            journey.settle();
            Err(fault.into())
        }
    }
}

async fn embed(encoder: &EncoderPool, view: &RequestView) -> Result<Embedded, Fault> {
    let model = encoder.model();
    let bad = |message: String, at: &str| Fault::caller(FaultKind::BadRequest, message).at(at);
    let asked: Asked = serde_json::from_slice(&view.body).map_err(|e| bad(e.to_string(), "input"))?;
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
        Input::Other(_) => {
            let message = format!("{model} takes a text or an array of texts, no token numbers");
            return Err(bad(message, "input"));
        }
    };
    if !(1..=INPUTS_MAX).contains(&texts.len()) {
        return Err(bad(format!("{} texts; 1 to {INPUTS_MAX} are taken", texts.len()), "input"));
    }
    let dims = encoder.encoder().card().dims;
    if asked.dimensions.is_some_and(|wanted| wanted != dims) {
        return Err(bad(format!("{model} gives {dims} numbers and cannot be cut"), "dimensions"));
    }
    let packed = match asked.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(bad("float and base64 are known".into(), "encoding_format")),
    };
    let done = encoder.embed(texts).await.map_err(shed)?;
    let data: Vec<_> = done
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = if packed {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let usage = json!({"prompt_tokens": done.tokens, "total_tokens": done.tokens});
    let body = json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string();
    Ok(Embedded { model: model.to_owned(), body: body.into(), tokens: done.tokens })
}

fn shed(shed: Shed) -> Fault {
    let kind = match shed {
        Shed::Full(_) | Shed::Stopped(_) => FaultKind::Unavailable,
        Shed::Late(_) => FaultKind::Timeout,
    };
    Fault::caller(kind, format!("{shed}; try again soon"))
}
