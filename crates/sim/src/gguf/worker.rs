//! The thread that owns the model.

use super::model::{CONTEXT_MAX, Choice, Model};
use crate::SimError;
use crate::text::Finish;
use std::path::Path;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for the model; one more is refused.
pub(crate) const WAITING_MAX: usize = 64;
/// Pieces of one answer that may wait for its reader; the model pauses beyond it.
const PIECES_MAX: usize = 64;

/// One request to the model.
#[derive(Debug)]
pub(crate) struct Work {
    /// Role and text of each message.
    pub(crate) turns: Vec<(String, String)>,
    pub(crate) choice: Choice,
}

/// What comes back for one request: first `Started` or `TooLong`, then pieces, then `End`.
#[derive(Debug)]
pub(crate) enum Item {
    Started { prompt_tokens: u32 },
    TooLong { prompt_tokens: u32 },
    Text(String),
    End { finish: Finish, tokens: u32 },
}

type Order = (Work, mpsc::Sender<Item>);

/// A handle to the thread; the thread ends when the last handle is gone.
#[derive(Clone, Debug)]
pub(crate) struct Runner(mpsc::Sender<Order>);

impl Runner {
    /// Loads the model in a thread of its own.
    pub(crate) async fn start(path: &Path) -> Result<Self, SimError> {
        let (orders, incoming) = mpsc::channel(WAITING_MAX);
        let (loaded, ready) = oneshot::channel();
        let owned = path.to_owned();
        let work = move || {
            let model = match Model::load(&owned) {
                Ok(model) => model,
                Err(e) => return drop(loaded.send(Err(e))),
            };
            if loaded.send(Ok(())).is_ok() {
                serve(model, incoming);
            }
        };
        let spawned = std::thread::Builder::new().name("gguf".into()).spawn(work);
        spawned.map_err(|source| SimError::Io { doing: "starting the model's thread", source })?;
        ready.await.map_err(|_| SimError::model(path, &"loading it failed"))??;
        Ok(Self(orders))
    }

    /// Queues a request; none when too many wait.
    pub(crate) fn submit(&self, work: Work) -> Option<mpsc::Receiver<Item>> {
        let (items, receiver) = mpsc::channel(PIECES_MAX);
        self.0.try_send((work, items)).ok().map(|()| receiver)
    }
}

fn serve(mut model: Model, mut incoming: mpsc::Receiver<Order>) {
    while let Some((work, items)) = incoming.blocking_recv() {
        if items.is_closed() {
            continue;
        }
        if let Err(e) = answer(&mut model, work, &items) {
            // The dropped channel tells the reader that the answer broke.
            tracing::warn!(error = %e, "the model failed");
        }
    }
}

fn answer(model: &mut Model, work: Work, items: &mpsc::Sender<Item>) -> Result<(), SimError> {
    let prompt = model.prompt(&work.turns)?;
    let prompt_tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let room = CONTEXT_MAX.saturating_sub(prompt_tokens);
    if room == 0 {
        let _ = items.blocking_send(Item::TooLong { prompt_tokens });
        return Ok(());
    }
    if items.blocking_send(Item::Started { prompt_tokens }).is_err() {
        return Ok(());
    }
    let choice = Choice { max_tokens: work.choice.max_tokens.clamp(1, room), ..work.choice };
    let tell = |text: String| items.blocking_send(Item::Text(text)).is_ok();
    let (finish, tokens) = model.answer(&prompt, &choice, tell)?;
    let _ = items.blocking_send(Item::End { finish, tokens });
    Ok(())
}
