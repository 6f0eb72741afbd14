//! An endpoint, asked from a thread of its own.

use super::asker::{Asker, tokens_most};
use crate::config::EndpointSettings;
use crate::threads::Size;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tollgate_signals::Labels;

/// Labels, and the tokens that the endpoint says they took; or why there are none.
pub(super) type Answer = Result<(Labels, Option<u64>), Failure>;

/// Why an endpoint gave no labels.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    /// Whether the question may have been billed: it was sent, and nothing that came back says that it was refused.
    pub(super) billed: bool,
}

impl Failure {
    /// Of a question that was not answered, and cost nothing.
    pub(super) fn unasked(why: impl Into<String>) -> Self {
        Self { why: why.into(), billed: false }
    }

    /// Of an answer that is of no use.
    pub(super) fn useless(why: impl Into<String>) -> Self {
        Self { why: why.into(), billed: true }
    }
}

struct Job {
    text: String,
    /// Set once the question is put.
    begun: Arc<AtomicBool>,
    answer: oneshot::Sender<Answer>,
}

/// See the module.
pub(super) struct Remote {
    endpoint: Arc<EndpointSettings>,
    jobs: Option<mpsc::Sender<Job>>,
    timeout: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Remote {
    pub(super) fn start(endpoint: EndpointSettings, size: Size) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(size.queue);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let timeout = Duration::from_millis(size.deadline_ms);
        let endpoint = Arc::new(endpoint);
        let asker = Asker::new(endpoint.clone(), timeout);
        let run = move || runtime.block_on(serve(&asker, waiting, size.threads));
        let thread = std::thread::Builder::new().name("signal-source".into()).spawn(run)?;
        Ok(Self { endpoint, jobs: Some(jobs), timeout, thread: Some(thread) })
    }

    /// Most tokens that a question about a text takes.
    pub(super) fn tokens_most(&self, text: &str) -> u64 {
        tokens_most(&self.endpoint, text)
    }

    pub(super) async fn ask(&self, text: String) -> Answer {
        let (answer, answered) = oneshot::channel();
        let gone = || Failure::unasked("the endpoint is not asked any more");
        let begun = Arc::new(AtomicBool::new(false));
        let job = Job { text, begun: begun.clone(), answer };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job).map_err(|_| Failure::unasked("too many texts wait for the endpoint"))?;
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(answer) => answer.map_err(|_| gone())?,
            Err(_) => {
                let why = format!("the endpoint did not answer within {} ms", self.timeout.as_millis());
                Err(Failure { why, billed: begun.load(Ordering::Acquire) })
            }
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Asks for whatever waits, at most `side_by_side` texts at one time, until nobody can ask any more.
async fn serve(asker: &Asker, waiting: mpsc::Receiver<Job>, side_by_side: usize) {
    let waiting = Arc::new(Mutex::new(waiting));
    let one = async |waiting: Arc<Mutex<mpsc::Receiver<Job>>>| {
        loop {
            let next = waiting.lock().await.recv().await;
            let Some(Job { text, begun, answer }) = next else { return };
            // Who has left is not asked for.
            if !answer.is_closed() {
                begun.store(true, Ordering::Release);
                let _ = answer.send(asker.ask(&text).await);
            }
        }
    };
    let mut all: Vec<_> = (0..side_by_side).map(|_| Some(Box::pin(one(waiting.clone())))).collect();
    std::future::poll_fn(|cx| {
        for slot in &mut all {
            if slot.as_mut().is_some_and(|one| one.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        if all.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
