//! Work that takes milliseconds of a core: on threads of its own, behind a bounded queue.
//!
//! Such work never runs on a thread that serves sockets. What finds the queue full or comes too late is shed at once, with a word
//! that says so; nothing waits without a bound. Work whose asker has gone is not begun.

pub(crate) mod large;

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tollgate_core::{Clock, Tick};

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    /// As many wait as may.
    #[error("too many texts wait for {0}")]
    Full(&'static str),
    /// The deadline passed first.
    #[error("{0} did not come to it in time")]
    Late(&'static str),
    /// The threads have stopped.
    #[error("{0} has stopped")]
    Stopped(&'static str),
}

/// How many threads there are, how many may wait for them, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Threads.
    pub threads: usize,
    /// What may wait.
    pub queue: usize,
    /// Longest time from asking to the answer.
    pub deadline_ms: u64,
}

/// See the module.
pub struct Threads<A, B> {
    what: &'static str,
    queue: Arc<Queue<A, B>>,
    size: Size,
    clock: Arc<dyn Clock>,
    threads: Vec<JoinHandle<()>>,
}

struct Queue<A, B> {
    waiting: Mutex<Waiting<A, B>>,
    changed: Condvar,
}

struct Waiting<A, B> {
    jobs: VecDeque<Job<A, B>>,
    stopped: bool,
}

struct Job<A, B> {
    ask: A,
    until: Tick,
    answer: oneshot::Sender<Result<B, Shed>>,
}

impl<A: Send + 'static, B: Send + 'static> Threads<A, B> {
    /// Starts the threads. `work` is given what is asked and a way to see whether the answer is still wanted; it gives none
    /// where it was not. Errors call the threads `what`, such as `the encoder`.
    ///
    /// # Errors
    /// What the system says where it gives no thread; none is left running then.
    pub fn start(
        what: &'static str,
        size: Size,
        clock: Arc<dyn Clock>,
        work: impl Fn(&A, &dyn Fn() -> bool) -> Option<B> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), stopped: false });
        let queue = Arc::new(Queue { waiting, changed: Condvar::new() });
        let mut pool = Self { what, queue, size, clock, threads: Vec::new() };
        let work = Arc::new(work);
        for index in 0..size.threads {
            let (queue, clock, work) = (pool.queue.clone(), pool.clock.clone(), work.clone());
            let name = format!("{}-{index}", what.rsplit(' ').next().unwrap_or(what));
            let run = move || {
                while let Some(job) = queue.next() {
                    let wanted = || !job.answer.is_closed() && clock.tick() <= job.until;
                    let done = if wanted() { work(&job.ask, &wanted) } else { None };
                    // Nobody may be there any more.
                    let _ = job.answer.send(done.ok_or(Shed::Late(what)));
                }
            };
            pool.threads.push(std::thread::Builder::new().name(name).spawn(run)?);
        }
        Ok(pool)
    }

    /// Has one thing done.
    ///
    /// # Errors
    /// [`Shed`] when the queue is full or the deadline passes.
    pub async fn ask(&self, ask: A) -> Result<B, Shed> {
        let (answer, answered) = oneshot::channel();
        let until = self.clock.tick().plus_ms(self.size.deadline_ms);
        {
            let mut waiting = self.queue.waiting.lock();
            if waiting.stopped {
                return Err(Shed::Stopped(self.what));
            }
            if waiting.jobs.len() >= self.size.queue {
                // Who left makes room.
                waiting.jobs.retain(|job| !job.answer.is_closed());
            }
            if waiting.jobs.len() >= self.size.queue {
                return Err(Shed::Full(self.what));
            }
            waiting.jobs.push_back(Job { ask, until, answer });
        }
        self.queue.changed.notify_one();
        match tokio::time::timeout(Duration::from_millis(self.size.deadline_ms), answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Shed::Stopped(self.what)),
            Err(_) => Err(Shed::Late(self.what)),
        }
    }
}

impl<A, B> Drop for Threads<A, B> {
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

impl<A, B> Queue<A, B> {
    /// The next job; none once there will be no more.
    fn next(&self) -> Option<Job<A, B>> {
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
