//! The text encoder that runs in the gateway: a model on [threads of its own](crate::threads), since an embedding costs
//! milliseconds of a core.

use crate::config::EncoderSettings;
pub use crate::threads::Shed;
use crate::threads::{Size, Threads};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::Clock;
use tollgate_encode::{EncodeError, Options, Precision, TextEncoder, load};
use tollgate_signals::content::Found;
use tollgate_signals::head::{PROBE, reads_vectors_of};
use tollgate_signals::names::{States, Tagger};

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] EncodeError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(std::io::Error),
}

/// Vectors of texts.
#[derive(Debug, PartialEq)]
pub struct Vectors {
    /// One a text, of length 1.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were read.
    pub tokens: u64,
}

/// What the threads are asked for, of texts.
enum Ask {
    Vectors(Vec<String>),
    Names(Vec<String>),
}

/// What they found.
enum Done {
    Vectors(Vectors),
    /// None for a text that could not be looked through.
    Names(Vec<Option<Vec<Found>>>),
}

/// What errors call it.
const WHAT: &str = "the encoder";

/// See the module.
pub struct EncoderPool {
    encoder: Arc<dyn TextEncoder>,
    threads: Threads<Ask, Done>,
    /// Whether heads read this encoder's vectors.
    signals: bool,
    /// How long waits who can do without a vector.
    patience: Duration,
}

impl EncoderPool {
    /// Loads the model and starts its threads.
    ///
    /// # Errors
    /// [`EncoderError`]; nothing is left running then.
    pub fn start(settings: &EncoderSettings, clock: Arc<dyn Clock>) -> Result<Self, EncoderError> {
        let precision = if settings.exact { Precision::F32 } else { Precision::Int8 };
        let options = Options { name: Some(settings.model.clone()), precision, ..Options::default() };
        let encoder = load(&settings.folder, &options)?;
        let pool = Self::over(encoder, settings, clock)?;
        let (kernel, signals) = (&pool.encoder.card().kernel, pool.signals);
        tracing::info!(model = settings.model, kernel, signals, "the encoder is loaded");
        Ok(pool)
    }

    /// The same over an encoder that is there.
    ///
    /// # Errors
    /// [`EncoderError::Thread`].
    pub fn over(
        encoder: Arc<dyn TextEncoder>,
        settings: &EncoderSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EncoderError> {
        let EncoderSettings { threads, queue, deadline_ms, signals_ms, .. } = *settings;
        let probe = encoder.embed(PROBE);
        let read = reads_vectors_of(&probe);
        let tagger = Tagger::shipped().filter(|tagger| tagger.reads(&probe));
        let work = {
            let encoder = encoder.clone();
            move |ask: &Ask, wanted: &dyn Fn() -> bool| match ask {
                Ask::Vectors(texts) => vectors(&*encoder, texts, wanted).map(Done::Vectors),
                Ask::Names(texts) => names((&*encoder, tagger), texts, wanted).map(Done::Names),
            }
        };
        let threads = Threads::start(WHAT, Size { threads, queue, deadline_ms }, clock, work);
        let (threads, patience) = (threads.map_err(EncoderError::Thread)?, Duration::from_millis(signals_ms));
        Ok(Self { encoder, threads, signals: read, patience })
    }

    /// The name under which it is served.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.encoder.card().name
    }

    /// The model itself, for whoever has a thread to spare.
    #[must_use]
    pub fn encoder(&self) -> &Arc<dyn TextEncoder> {
        &self.encoder
    }

    /// Whether learned signals read its vectors.
    #[must_use]
    pub const fn serves_signals(&self) -> bool {
        self.signals
    }

    /// The vectors of texts for learned signals: none of those that do not come in time.
    pub(crate) async fn vectors(&self, texts: Vec<String>) -> Vec<Option<Vec<f32>>> {
        if !self.signals {
            return Vec::new();
        }
        self.soon(texts).await.into_iter().map(Some).collect()
    }

    /// The vectors of texts for who can do without: none of them where they do not come in time.
    pub(crate) async fn soon(&self, texts: Vec<String>) -> Vec<Vec<f32>> {
        match tokio::time::timeout(self.patience, self.embed(texts)).await {
            Ok(Ok(found)) => found.vectors,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    /// The vectors of `texts`, in order.
    ///
    /// # Errors
    /// [`Shed`] when the queue is full or the deadline passes.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vectors, Shed> {
        match self.threads.ask(Ask::Vectors(texts)).await? {
            Done::Vectors(vectors) => Ok(vectors),
            Done::Names(_) => Err(Shed::Stopped(WHAT)),
        }
    }

    /// The names in `texts`, in order; none of those that could not be looked through, of all of them where they do not come by the
    /// deadline, which is that of the encoder: no words stand in for names.
    pub(crate) async fn names(&self, texts: Vec<String>) -> Vec<Option<Vec<Found>>> {
        match self.threads.ask(Ask::Names(texts)).await {
            Ok(Done::Names(found)) => found,
            Ok(Done::Vectors(_)) | Err(_) => Vec::new(),
        }
    }
}

/// The names in texts, unless they are no longer wanted between two pieces of one.
fn names(
    (encoder, tagger): (&dyn TextEncoder, Option<Tagger<'_>>),
    texts: &[String],
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<Option<Vec<Found>>>> {
    let mut states = |piece: &str| {
        let states = wanted().then(|| encoder.token_states(piece).ok()).flatten()?;
        Some(States { spans: states.spans, states: states.states })
    };
    let found = texts.iter().map(|text| tagger?.find(text, &mut states)).collect();
    wanted().then_some(found)
}

/// The vectors of texts, unless they are no longer wanted between two of them.
fn vectors(encoder: &dyn TextEncoder, texts: &[String], wanted: &dyn Fn() -> bool) -> Option<Vectors> {
    let mut done = Vectors { vectors: Vec::with_capacity(texts.len()), tokens: 0 };
    let most = encoder.card().max_tokens;
    for text in texts {
        if !wanted() {
            return None;
        }
        done.tokens += encoder.count_tokens(text).min(most) as u64;
        done.vectors.push(encoder.embed(text));
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::mpsc;
    use tollgate_core::{Digest, ManualClock, Timestamp};
    use tollgate_encode::{Card, TokenStates, Window, Windows};

    /// Says when it begins and waits to be let go.
    struct Held(Card, Mutex<mpsc::Receiver<()>>, Mutex<mpsc::Sender<()>>);

    impl TextEncoder for Held {
        fn card(&self) -> &Card {
            &self.0
        }
        fn embed(&self, text: &str) -> Vec<f32> {
            if text == PROBE {
                return vec![0.0];
            }
            self.2.lock().send(()).unwrap();
            self.1.lock().recv().unwrap();
            vec![text.len() as f32]
        }
        fn embed_windows(&self, _: &str, _: Windows) -> Vec<Window> {
            Vec::new()
        }
        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }
        fn token_states(&self, _: &str) -> Result<TokenStates, EncodeError> {
            Err(EncodeError::Unsupported { place: "test".into(), problem: "none".into() })
        }
    }

    fn pool(queue: usize) -> (EncoderPool, mpsc::Sender<()>, mpsc::Receiver<()>, Arc<ManualClock>) {
        let (go, gone) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let kernel = "test".into();
        let card = Card { name: "held".into(), digest: Digest::of(b""), dims: 1, max_tokens: 5, kernel };
        let held = Arc::new(Held(card, Mutex::new(gone), Mutex::new(begin)));
        let folder = std::path::PathBuf::new();
        let model = String::new();
        let (deadline_ms, signals_ms) = (60_000, 60_000);
        let settings =
            EncoderSettings { folder, model, exact: false, threads: 1, queue, deadline_ms, signals_ms };
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (EncoderPool::over(held, &settings, clock.clone()).unwrap(), go, begun, clock)
    }

    fn ask(pool: &Arc<EncoderPool>, text: &str) -> tokio::task::JoinHandle<Result<Vectors, Shed>> {
        let (pool, texts) = (pool.clone(), vec![text.to_owned()]);
        tokio::task::spawn_local(async move { pool.embed(texts).await })
    }

    #[test]
    fn a_full_queue_sheds_at_once_and_who_left_makes_room() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let (pool, go, begun, clock) = pool(1);
            let pool = Arc::new(pool);
            let first = ask(&pool, "123456789");
            tokio::task::yield_now().await;
            begun.recv().unwrap();
            let second = ask(&pool, "12");
            tokio::task::yield_now().await;
            assert_eq!(pool.embed(vec!["x".into()]).await, Err(Shed::Full(WHAT)));
            // Who can do without is not computed for elsewhere.
            assert!(pool.soon(vec!["x".into()]).await.is_empty());
            second.abort();
            tokio::task::yield_now().await;
            let third = ask(&pool, "123");
            tokio::task::yield_now().await;
            go.send(()).unwrap();
            assert_eq!(first.await.unwrap(), Ok(Vectors { vectors: vec![vec![9.0]], tokens: 5 }));
            begun.recv().unwrap();
            // What waits too long is not begun.
            let fourth = ask(&pool, "1234");
            tokio::task::yield_now().await;
            clock.advance_ms(60_001);
            go.send(()).unwrap();
            assert_eq!(third.await.unwrap().unwrap().tokens, 3);
            assert_eq!(fourth.await.unwrap(), Err(Shed::Late(WHAT)));
        });
    }
}
