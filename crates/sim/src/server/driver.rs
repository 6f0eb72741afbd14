//! The task that owns the engine and lets its time pass.
//!
//! One owner of one mutable state: requests come in as [`Command`]s, progress goes out through one watch channel
//! per request, which holds only the newest number of tokens and so needs no queue.

use super::operator::Stats;
use crate::engine::{Engine, Event, EventKind, Job, JobId, Refusal};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tollgate_core::{Clock, Tick};

/// Commands that may wait for the driver; senders wait beyond it.
pub(super) const COMMANDS_MAX: usize = 1024;

/// How far a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Progress {
    /// Tokens produced.
    pub(super) tokens: u32,
    /// Prompt tokens that the cache held.
    pub(super) cached: u32,
}

/// What a request asks of the driver.
#[derive(Debug)]
pub(super) enum Command {
    /// Runs a job.
    Submit { job: Job, reply: oneshot::Sender<Result<(JobId, watch::Receiver<Progress>), Refusal>> },
    /// Gives a job up.
    Cancel(JobId),
}

/// A running job as its request sees it; dropping it gives the job up.
#[derive(Debug)]
pub(super) struct Ticket {
    id: JobId,
    progress: watch::Receiver<Progress>,
    commands: mpsc::Sender<Command>,
}

impl Ticket {
    /// Submits a job. None when the driver has ended.
    pub(super) async fn submit(commands: &mpsc::Sender<Command>, job: Job) -> Option<Result<Self, Refusal>> {
        let (reply, answer) = oneshot::channel();
        commands.send(Command::Submit { job, reply }).await.ok()?;
        let made = answer.await.ok()?;
        Some(made.map(|(id, progress)| Self { id, progress, commands: commands.clone() }))
    }

    /// The newest progress.
    pub(super) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Waits until more than `tokens` are produced; false when the driver has ended before.
    pub(super) async fn beyond(&mut self, tokens: u32) -> bool {
        self.progress.wait_for(|p| p.tokens > tokens).await.is_ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // A closed sender means that the job has ended. When the queue of commands is full the job runs to its
        // end unheard, which wastes virtual time and nothing else.
        if self.progress.has_changed().is_ok() {
            let _ = self.commands.try_send(Command::Cancel(self.id));
        }
    }
}

#[derive(Debug)]
struct Live {
    arrived: Tick,
    last: Tick,
    progress: watch::Sender<Progress>,
}

/// Owner of the engine.
pub(super) struct Driver {
    engine: Engine,
    clock: Arc<dyn Clock>,
    started: Tick,
    speed: f64,
    live: BTreeMap<JobId, Live>,
    stats: Arc<Mutex<Stats>>,
    events: Vec<Event>,
}

impl Driver {
    pub(super) fn new(engine: Engine, clock: Arc<dyn Clock>, speed: f64, stats: Arc<Mutex<Stats>>) -> Self {
        let started = clock.tick();
        Self { engine, clock, started, speed, live: BTreeMap::new(), stats, events: Vec::new() }
    }

    /// Runs until every sender of commands is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            while let Ok(command) = commands.try_recv() {
                self.obey(command);
            }
            let Some(next) = self.engine.next_at() else {
                self.publish();
                match commands.recv().await {
                    Some(command) => self.obey(command),
                    None => return,
                }
                continue;
            };
            if self.speed == 0.0 {
                self.advance(next);
                if commands.is_closed() && commands.is_empty() {
                    return;
                }
                // Lets the requests write, and new ones join the batch.
                tokio::task::yield_now().await;
                continue;
            }
            let now = self.virtual_now();
            if next <= now {
                self.advance(now);
                continue;
            }
            let wait = Duration::from_secs_f64(next.since_ns(now) as f64 / 1e9 / self.speed);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
            }
        }
    }

    fn virtual_now(&self) -> Tick {
        if self.speed == 0.0 {
            return self.engine.now();
        }
        Tick((self.clock.tick().since_ns(self.started) as f64 * self.speed) as u64)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Submit { job, reply } => {
                let now = self.virtual_now();
                let made = self.engine.submit(now, job).map(|id| {
                    let (progress, receiver) = watch::channel(Progress::default());
                    self.live.insert(id, Live { arrived: now, last: now, progress });
                    (id, receiver)
                });
                if let Err(Ok((id, _))) = reply.send(made) {
                    self.forget(id);
                }
            }
            Command::Cancel(id) => self.forget(id),
        }
        self.publish();
    }

    fn forget(&mut self, id: JobId) {
        self.engine.cancel(id);
        self.live.remove(&id);
    }

    fn advance(&mut self, to: Tick) {
        let mut events = std::mem::take(&mut self.events);
        self.engine.advance(to, &mut events);
        for event in events.drain(..) {
            self.hand_out(event);
        }
        self.events = events;
        self.publish();
    }

    fn publish(&self) {
        let mut stats = self.stats.lock();
        stats.load = self.engine.load();
        stats.totals = self.engine.totals();
    }

    fn hand_out(&mut self, event: Event) {
        let Some(live) = self.live.get_mut(&event.job) else { return };
        let since = |earlier: Tick| event.at.since_ns(earlier) as f64 / 1e9;
        match event.kind {
            EventKind::Admitted { cached_tokens } => {
                self.stats.lock().queue.observe(since(live.arrived));
                live.progress.send_modify(|p| p.cached = cached_tokens);
            }
            EventKind::Preempted => {}
            EventKind::Token { index } => {
                let mut stats = self.stats.lock();
                if index == 0 {
                    stats.ttft.observe(since(live.arrived));
                } else {
                    stats.tpot.observe(since(live.last));
                }
                live.last = event.at;
                live.progress.send_modify(|p| p.tokens = index + 1);
            }
            EventKind::Finished => {
                self.stats.lock().e2e.observe(since(live.arrived));
                self.live.remove(&event.job);
            }
        }
    }
}
