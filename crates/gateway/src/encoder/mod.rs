//! The text encoder that runs in the gateway: a model on threads of its own, behind a bounded queue.
//!
//! An embedding costs milliseconds of a core, so it never runs on a thread that serves sockets. What finds the queue full
//! or comes too late is shed at once, with a word that says so; nothing waits without a bound. Work whose asker has gone
//! is not begun.

use crate::config::EncoderSettings;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tollgate_core::{Clock, Tick};
use tollgate_encode::{EncodeError, Options, Precision, TextEncoder, load};

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

/// Why a text has no vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    /// As many requests wait as may.
    #[error("too many texts wait for the encoder")]
    Full,
    /// The deadline passed first.
    #[error("the encoder did not come to it in time")]
    Late,
    /// The encoder has stopped.
    #[error("the encoder has stopped")]
    Stopped,
}

/// Vectors of texts.
#[derive(Debug, PartialEq)]
pub struct Vectors {
    /// One a text, of length 1.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were read.
    pub tokens: u64,
}

/// See the module.
pub struct EncoderPool {
    encoder: Arc<dyn TextEncoder>,
    queue: Arc<Queue>,
    deadline_ms: u64,
    clock: Arc<dyn Clock>,
    threads: Vec<JoinHandle<()>>,
}

struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    stopped: bool,
}

struct Job {
    texts: Vec<String>,
    until: Tick,
    answer: oneshot::Sender<Result<Vectors, Shed>>,
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
        tracing::info!(model = settings.model, kernel = encoder.card().kernel, "the encoder is loaded");
        Self::over(encoder, settings, clock)
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
        let queue =
            Arc::new(Queue { waiting: Mutex::default(), changed: Condvar::new(), most: settings.queue });
        let deadline_ms = settings.deadline_ms;
        let mut pool = Self { encoder, queue, deadline_ms, clock, threads: Vec::new() };
        for index in 0..settings.threads {
            let (encoder, queue, clock) = (pool.encoder.clone(), pool.queue.clone(), pool.clock.clone());
            let thread = std::thread::Builder::new().name(format!("encoder-{index}"));
            let thread = thread.spawn(move || queue.work(&*encoder, &*clock));
            pool.threads.push(thread.map_err(EncoderError::Thread)?);
        }
        Ok(pool)
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

    /// The vectors of `texts`, in order.
    ///
    /// # Errors
    /// [`Shed`] when the queue is full or the deadline passes.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vectors, Shed> {
        let (answer, answered) = oneshot::channel();
        let until = self.clock.tick().plus_ms(self.deadline_ms);
        {
            let mut waiting = self.queue.waiting.lock();
            if waiting.stopped {
                return Err(Shed::Stopped);
            }
            if waiting.jobs.len() >= self.queue.most {
                // Who left makes room.
                waiting.jobs.retain(|job| !job.answer.is_closed());
            }
            if waiting.jobs.len() >= self.queue.most {
                return Err(Shed::Full);
            }
            waiting.jobs.push_back(Job { texts, until, answer });
        }
        self.queue.changed.notify_one();
        match tokio::time::timeout(Duration::from_millis(self.deadline_ms), answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Shed::Stopped),
            Err(_) => Err(Shed::Late),
        }
    }
}

impl Drop for EncoderPool {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        waiting.stopped = true;
        waiting.jobs.clear();
        drop(waiting);
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// Works until the pool is dropped.
    fn work(&self, encoder: &dyn TextEncoder, clock: &dyn Clock) {
        while let Some(job) = self.next() {
            let done = vectors(encoder, &job, clock);
            // Nobody may be there any more.
            let _ = job.answer.send(done);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.stopped {
                return None;
            }
            match waiting.jobs.pop_front() {
                Some(job) if job.answer.is_closed() => {}
                Some(job) => return Some(job),
                None => self.changed.wait(&mut waiting),
            }
        }
    }
}

/// The vectors of a job, unless its deadline passes or its asker leaves between two texts.
fn vectors(encoder: &dyn TextEncoder, job: &Job, clock: &dyn Clock) -> Result<Vectors, Shed> {
    let mut done = Vectors { vectors: Vec::with_capacity(job.texts.len()), tokens: 0 };
    let most = encoder.card().max_tokens;
    for text in &job.texts {
        if job.answer.is_closed() || clock.tick() > job.until {
            return Err(Shed::Late);
        }
        done.tokens += encoder.count_tokens(text).min(most) as u64;
        done.vectors.push(encoder.embed(text));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let settings =
            EncoderSettings { folder, model, exact: false, threads: 1, queue, deadline_ms: 60_000 };
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
            assert_eq!(pool.embed(vec!["x".into()]).await, Err(Shed::Full));
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
            assert_eq!(fourth.await.unwrap(), Err(Shed::Late));
        });
    }
}
