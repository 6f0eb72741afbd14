//! An endpoint, asked from a thread of its own.

use super::asker::Asker;
use crate::config::EndpointSettings;
use crate::threads::Size;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tollgate_signals::Labels;

/// Labels, and the tokens that they took; or why there are none.
pub(super) type Answer = Result<(Labels, u64), String>;

struct Job {
    text: String,
    answer: oneshot::Sender<Answer>,
}

/// See the module.
pub(super) struct Remote {
    jobs: Option<mpsc::Sender<Job>>,
    timeout: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Remote {
    pub(super) fn start(endpoint: EndpointSettings, size: Size) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(size.queue);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let timeout = Duration::from_millis(size.deadline_ms);
        let run = move || runtime.block_on(serve(&Asker::new(endpoint, timeout), waiting, size.threads));
        let thread = std::thread::Builder::new().name("signal-source".into()).spawn(run)?;
        Ok(Self { jobs: Some(jobs), timeout, thread: Some(thread) })
    }

    pub(super) async fn ask(&self, text: String) -> Answer {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or("the endpoint is not asked any more")?;
        jobs.try_send(Job { text, answer }).map_err(|_| "too many texts wait for the endpoint")?;
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the endpoint is not asked any more".into()),
            Err(_) => Err(format!("the endpoint did not answer within {} ms", self.timeout.as_millis())),
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
            let Some(Job { text, answer }) = next else { return };
            // Who has left is not asked for.
            if !answer.is_closed() {
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
