//! The connections of one worker, and how long each may stay in its state.

use super::{
    Limits,
    displace::{Displacing, Net},
    stats::Counters,
};
use std::{
    cell::{Cell, OnceCell, RefCell},
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle};

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Waiting for a request, or for the client to take the rest of the last answer.
    Idle,
    /// Reading a request's head.
    Head,
    /// A request is being answered.
    Busy,
}

/// What the supervisor knows of a connection. Times are in ticks of the worker.
pub(super) struct State {
    phase: Cell<Phase>,
    /// When the phase began, or later the last answer was written; kept for [`Phase::Idle`] and [`Phase::Head`].
    since: Cell<u32>,
    /// The number of that beginning, ascending over the worker's connections.
    order: Cell<u64>,
    peer: Net,
    /// Since when the client has taken nothing, while there is something.
    stuck: Cell<Option<u32>>,
    /// Its task is asked to end after the answer under way.
    pub(super) ending: Cell<bool>,
    /// The client has closed its side.
    pub(super) eof: Cell<bool>,
    /// The body of the request under way was dropped before its end.
    pub(super) unread: Cell<bool>,
    /// It was cut to make room, or has ended.
    gone: Cell<bool>,
    waker: OnceCell<Waker>,
    task: OnceCell<AbortHandle>,
    slot: usize,
    table: Rc<Table>,
}

impl State {
    pub(super) const fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) const fn order(&self) -> u64 {
        self.order.get()
    }

    pub(super) const fn peer(&self) -> Net {
        self.peer
    }

    /// Whether nobody would miss it: no request is under way, and every byte of the last answer is written.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase.get(), Phase::Idle) && self.stuck.get().is_none() && !self.gone.get()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.change(|| {
            self.phase.set(phase);
            self.begin();
        });
    }

    /// Notes whether a write found room. Between two turns of a connection's task a write has found none exactly
    /// where bytes are left: hyper writes until all is gone or nothing more is taken.
    pub(super) fn wrote(&self, stuck: bool) {
        if stuck == self.stuck.get().is_some() {
            return;
        }
        self.change(|| {
            self.stuck.set(stuck.then(|| self.table.tick.get()));
            if !stuck {
                self.begin();
            }
        });
    }

    fn begin(&self) {
        self.since.set(self.table.tick.get());
        self.order.set(self.table.next_order());
    }

    /// Makes a change and keeps the count of idle connections.
    fn change(&self, change: impl FnOnce()) {
        let before = self.is_idle();
        change();
        let idle = &self.table.idle;
        idle.set(idle.get() + usize::from(self.is_idle()) - usize::from(before));
    }

    /// Makes room; false where it was not idle any more.
    pub(super) fn displace(&self) -> bool {
        let idle = self.is_idle();
        if idle {
            self.leave();
            self.counters().displaced.increment();
            self.cut();
        }
        idle
    }

    fn leave(&self) {
        self.change(|| self.gone.set(true));
    }

    /// Keeps the waker of the connection's task, which never changes.
    pub(super) fn keep_waker(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    pub(super) fn keep_task(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.table.counters
    }

    fn cut(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// The connections of one worker.
pub(super) struct Table {
    slots: RefCell<Vec<Option<Rc<State>>>>,
    free: RefCell<Vec<usize>>,
    count: Cell<usize>,
    tick: Cell<u32>,
    order: Cell<u64>,
    /// Connections that are idle.
    idle: Cell<usize>,
    displacing: RefCell<Displacing>,
    waits: Waits,
    pub(super) counters: Arc<Counters>,
    /// Connections of all workers.
    live: Arc<AtomicUsize>,
    /// Told when the last connection goes.
    pub(super) empty: Notify,
}

/// The waits of [`Limits`], in ticks.
struct Waits {
    idle: u32,
    head: u32,
    stall: u32,
}

/// The length of a tick: the shortest wait is kept to an eighth, and an idle worker wakes once a second.
pub(super) fn tick_of(limits: &Limits) -> Duration {
    let shortest = limits.header_read.min(limits.keep_alive).min(limits.write_stall);
    (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
}

impl Table {
    pub(super) fn new(limits: &Limits, counters: Arc<Counters>, live: Arc<AtomicUsize>) -> Rc<Self> {
        let tick = tick_of(limits).as_nanos();
        let ticks = |wait: Duration| u32::try_from(wait.as_nanos().div_ceil(tick)).unwrap_or(u32::MAX);
        Rc::new(Self {
            slots: RefCell::default(),
            free: RefCell::default(),
            count: Cell::new(0),
            tick: Cell::new(0),
            order: Cell::new(0),
            idle: Cell::new(0),
            displacing: RefCell::default(),
            waits: Waits {
                idle: ticks(limits.keep_alive),
                head: ticks(limits.header_read),
                stall: ticks(limits.write_stall),
            },
            counters,
            live,
            empty: Notify::new(),
        })
    }

    /// Connections of this worker.
    pub(super) const fn count(&self) -> usize {
        self.count.get()
    }

    #[cfg(test)]
    pub(super) const fn idle(&self) -> usize {
        self.idle.get()
    }

    #[cfg(test)]
    pub(super) fn looked(&self) -> usize {
        self.displacing.borrow().looked()
    }

    /// Enters a connection, until the guard is dropped.
    pub(super) fn enter(self: &Rc<Self>, peer: IpAddr) -> Entered {
        let mut slots = self.slots.borrow_mut();
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        let state = Rc::new(State {
            phase: Cell::new(Phase::Idle),
            since: Cell::new(self.tick.get()),
            order: Cell::new(self.next_order()),
            peer: Net::of(peer),
            stuck: Cell::new(None),
            ending: Cell::new(false),
            eof: Cell::new(false),
            unread: Cell::new(false),
            gone: Cell::new(false),
            waker: OnceCell::new(),
            task: OnceCell::new(),
            slot,
            table: self.clone(),
        });
        if let Some(place) = slots.get_mut(slot) {
            *place = Some(state.clone());
        }
        self.count.set(self.count.get() + 1);
        self.idle.set(self.idle.get() + 1);
        self.live.fetch_add(1, Ordering::Relaxed);
        Entered(state)
    }

    /// One tick later: cuts the connections whose wait has run out.
    pub(super) fn advance(&self) {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        self.displacing.borrow_mut().next_tick();
        for state in self.slots.borrow().iter().flatten() {
            let waited = tick.wrapping_sub(state.since.get());
            let counter = match (state.phase.get(), state.stuck.get()) {
                (_, Some(since)) if tick.wrapping_sub(since) > self.waits.stall => &self.counters.stalled,
                // Who takes an answer, however slowly, neither idles nor owes a head.
                (_, Some(_)) => continue,
                (Phase::Idle, _) if waited > self.waits.idle => &self.counters.idle_closed,
                (Phase::Head, _) if waited > self.waits.head => &self.counters.slow_heads,
                _ => continue,
            };
            counter.increment();
            state.cut();
        }
    }

    fn next_order(&self) -> u64 {
        let order = self.order.get() + 1;
        self.order.set(order);
        order
    }

    /// Makes room for a newcomer where too many connections are open: of the peer with the most idle ones the longest idle is
    /// cut. False where none is idle, which costs one comparison.
    pub(super) fn make_room(&self) -> bool {
        self.idle.get() > 0 && self.displacing.borrow_mut().one(&self.slots.borrow())
    }

    /// Cuts the connections without a request and asks the others to end after their answer.
    pub(super) fn end_all(&self) {
        for state in self.slots.borrow().iter().flatten() {
            if state.is_idle() {
                state.cut();
            } else {
                state.ending.set(true);
                if let Some(waker) = state.waker.get() {
                    waker.wake_by_ref();
                }
            }
        }
    }

    /// Cuts what is left; returns how many.
    pub(super) fn cut_all(&self) -> usize {
        let slots = self.slots.borrow();
        let mut cut = 0;
        for state in slots.iter().flatten() {
            state.cut();
            cut += 1;
        }
        cut
    }
}

/// A connection that stands in its worker's table until this is dropped.
pub(super) struct Entered(pub(super) Rc<State>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.leave();
        let table = &self.0.table;
        if let Some(place) = table.slots.borrow_mut().get_mut(self.0.slot) {
            *place = None;
        }
        table.free.borrow_mut().push(self.0.slot);
        table.count.set(table.count.get() - 1);
        table.live.fetch_sub(1, Ordering::Relaxed);
        if table.count.get() == 0 {
            table.empty.notify_one();
        }
    }
}
