//! Chat completions and embeddings: check, misbehave on demand, run the job, answer.

use super::State;
use super::body::SimBody;
use super::dialect::Spoken;
use super::driver::Ticket;
use super::route::{Failure, Outcome, Received, json, typed};
use super::source::{Prepared, Source};
use super::stream::EventStream;
use crate::api::chat::Head;
use crate::api::embeddings::EmbedAsk;
use crate::api::error::ApiError;
use crate::ask::Ask;
use crate::config::ModelRow;
use crate::engine::Job;
use crate::fault::{Faults, split_model};
use crate::text::{Answer, Style, answer, chain};
use http::{HeaderValue, Response, header};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::Digest;

pub(super) async fn complete(state: &Arc<State>, received: Received, spoken: &Spoken) -> Outcome {
    let ask = Ask::parse(&spoken.to_chat(&received.body)?).map_err(ApiError::from)?;
    let (model, faults) = admit(state, &received, &ask.model)?;
    before_answer(faults).await?;
    let source = source(state, &ask, &model, faults).await?;
    let mut head = head(state, &ask, model.name);
    // Every other dialect tells the usage in its stream unasked.
    head.usage |= !spoken.is_chat();
    let options = spoken.options(&received.body, state.config.created);
    let mut response = if ask.stream {
        let outlet = spoken.stream(options)?;
        let stream = EventStream::new(state.clone(), received.seq, head, source, faults);
        let stream = Box::new(stream.spoken(spoken.dialect, outlet));
        let mut response = typed(200, "text/event-stream", SimBody::Idle(Some(stream)));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    } else {
        let body = spoken.whole(whole(state, received.seq, &head, source, faults).await?, &options)?;
        spoiled(body, faults)
    };
    if faults.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    }
    Ok(response)
}

/// `POST /v1/messages/count_tokens`: the tokens of the prompt, without an answer.
pub(super) fn count_tokens(state: &State, received: &Received) -> Outcome {
    let spoken = Spoken::of("/v1/messages").ok_or(Failure::Closed)?;
    let ask = Ask::parse(&spoken.to_chat(&received.body)?).map_err(ApiError::from)?;
    admit(state, received, &ask.model)?;
    let (_, tokens) = ask.prompt(state.config.tokens);
    Ok(json(200, format!("{{\"input_tokens\":{tokens}}}")))
}

pub(super) async fn embed(state: &Arc<State>, received: Received) -> Outcome {
    let ask = EmbedAsk::parse(&received.body)?;
    let (model, faults) = admit(state, &received, &ask.model)?;
    before_answer(faults).await?;
    let body = ask.answer(&model.name, state.config.dimensions, state.config.tokens);
    state.journal.lock().update(received.seq, |entry| entry.tokens = Some(0));
    Ok(spoiled(body.into_bytes(), faults))
}

/// Finds the model, gathers the faults, notes both.
fn admit(state: &State, received: &Received, asked: &str) -> Result<(ModelRow, Faults), ApiError> {
    let (name, suffix) = split_model(asked).map_err(|e| ApiError::new(400, e.to_string()))?;
    state.journal.lock().update(received.seq, |entry| entry.model = Some(asked.to_owned()));
    let faults = received.header_faults()?.or(suffix).or(state.rules.lock().apply(name));
    let row = state.config.models.iter().find(|row| row.name == name).cloned();
    let row = row.or_else(|| state.config.any_model.then(|| ModelRow::named(name)));
    match row {
        Some(row) => Ok((row, faults)),
        None => {
            let message = format!("The model `{name}` does not exist.");
            Err(ApiError { param: Some("model".into()), ..ApiError::new(404, message) })
        }
    }
}

/// The faults that come before the headers.
async fn before_answer(faults: Faults) -> Result<(), Failure> {
    if let Some(ms) = faults.hang_ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    if faults.close {
        return Err(Failure::Closed);
    }
    match faults.status {
        Some((status, after)) => Err(ApiError::on_demand(status, after).into()),
        None => Ok(()),
    }
}

/// Who answers: the model file, if there is one and the request is for plain text, else the engine.
async fn source(state: &State, ask: &Ask, model: &ModelRow, faults: Faults) -> Result<Source, ApiError> {
    #[cfg(feature = "gguf")]
    if let Some(runner) = super::live::runner(state, ask) {
        return super::live::Live::start(runner, ask, faults.tokens).await.map(Source::Live);
    }
    let style = Style {
        model: &model.name,
        instance: &state.config.instance,
        reasoning: model.reasoning,
        least_tokens: state.config.least_tokens,
        exact_tokens: faults.tokens,
        seed: state.config.seed,
    };
    let said = answer(ask, &style);
    submit(state, ask, model, faults, said).await
}

/// Checks the context window and gives the job to the engine.
async fn submit(
    state: &State,
    ask: &Ask,
    model: &ModelRow,
    faults: Faults,
    said: Answer,
) -> Result<Source, ApiError> {
    let engine = &state.config.engine;
    let (tokens, prompt_tokens) = ask.prompt(state.config.tokens);
    let output = ask.max_tokens.unwrap_or(0).max(said.tokens());
    let window = model.context.unwrap_or(engine.max_model_len);
    if faults.context || u64::from(prompt_tokens) + u64::from(output) > u64::from(window) {
        return Err(ApiError::context(window, prompt_tokens, output));
    }
    // The text of the answer extends the chain, so that the next turn of this conversation finds it cached.
    let spoken = said.pieces.iter().filter_map(|piece| match piece {
        crate::text::Piece::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let all = tokens.iter().map(String::as_str).chain(spoken);
    let mut hashes = chain(all, engine.block_tokens);
    hashes.truncate(((prompt_tokens + said.tokens()) / engine.block_tokens) as usize);
    let job = Job { prompt_tokens, output_tokens: said.tokens(), chain: hashes };
    match Ticket::submit(&state.commands, job).await {
        Some(Ok(ticket)) => Ok(Source::Prepared(Prepared::new(said, ticket, prompt_tokens))),
        Some(Err(refusal)) => Err(ApiError::refused(refusal, prompt_tokens, output)),
        None => Err(ApiError::new(503, "the simulator is stopping")),
    }
}

fn head(state: &State, ask: &Ask, model: String) -> Head {
    let config = &state.config;
    let seed = config.seed.0.to_le_bytes();
    let id = Digest::of_parts([ask.digest.0.as_slice(), config.instance.as_bytes(), &seed]).to_string();
    Head {
        id: format!("chatcmpl-{}", id.get(..24).unwrap_or_default()),
        model,
        created: config.created,
        fingerprint: format!("sim-{}", config.instance),
        usage: ask.include_usage,
    }
}

/// The whole chat answer, when its last token is there.
async fn whole(
    state: &State,
    seq: u64,
    head: &Head,
    source: Source,
    faults: Faults,
) -> Result<String, ApiError> {
    if let Some(ms) = faults.slow_ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let Some((pieces, finish, usage)) = source.whole().await else {
        return Err(ApiError::new(503, "the simulator is stopping"));
    };
    if faults.error_event.is_some() {
        return Err(ApiError::on_demand(500, None));
    }
    state.answered(seq, finish, usage.completion);
    Ok(head.whole(&pieces, finish, usage))
}

/// A JSON body, or what the faults make of it.
fn spoiled(body: Vec<u8>, faults: Faults) -> Response<SimBody> {
    let half = body.get(..body.len() / 2).unwrap_or_default().to_vec();
    if faults.cut.is_some() {
        let mut response = json(200, Vec::new());
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = SimBody::Torn(Some(half.into()), false);
        return response;
    }
    json(200, if faults.bad_json || faults.bad_sse { half } else { body })
}
