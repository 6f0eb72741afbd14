//! The connections of one worker, and how long each may stay in its state.

use super::{Limits, stats::Counters};
use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{BinaryHeap, HashMap, VecDeque},
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

/// How many idle connections are looked up at once to make room for newcomers.
const DISPLACED_AT_ONCE: usize = 64;

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Waiting for a request.
    Idle,
    /// Reading a request's head.
    Head,
    /// A request is being answered.
    Busy,
}

/// What the supervisor knows of a connection. Times are in ticks of the worker.
pub(super) struct State {
    pub(super) phase: Cell<Phase>,
    /// When the phase began; kept for [`Phase::Idle`] and [`Phase::Head`].
    since: Cell<u32>,
    /// The number of that beginning, ascending over the worker's connections.
    order: Cell<u64>,
    peer: IpAddr,
    /// Since when the client has taken nothing, while there is something.
    stuck: Cell<Option<u32>>,
    /// Its task is asked to end after the answer under way.
    pub(super) ending: Cell<bool>,
    /// The client has closed its side.
    pub(super) eof: Cell<bool>,
    /// The body of the request under way was dropped before its end.
    pub(super) unread: Cell<bool>,
    /// It was cut to make room.
    gone: Cell<bool>,
    waker: OnceCell<Waker>,
    task: OnceCell<AbortHandle>,
    slot: usize,
    table: Rc<Table>,
}

impl State {
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.table.tick.get());
        self.order.set(self.table.next_order());
    }

    /// Notes whether a write found room.
    pub(super) fn wrote(&self, stuck: bool) {
        let since = match (stuck, self.stuck.get()) {
            (false, _) => None,
            (true, None) => Some(self.table.tick.get()),
            (true, since) => since,
        };
        self.stuck.set(since);
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
    /// Idle connections that go next when there are too many, with the number of their idling.
    next_out: RefCell<VecDeque<(Rc<State>, u64)>>,
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
            next_out: RefCell::default(),
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
            peer,
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
        self.live.fetch_add(1, Ordering::Relaxed);
        Entered(state)
    }

    /// One tick later: cuts the connections whose wait has run out.
    pub(super) fn advance(&self) {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        for state in self.slots.borrow().iter().flatten() {
            let waited = tick.wrapping_sub(state.since.get());
            let counter = match (state.phase.get(), state.stuck.get()) {
                (_, Some(since)) if tick.wrapping_sub(since) > self.waits.stall => &self.counters.stalled,
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
    /// cut. False where none is idle.
    pub(super) fn make_room(&self) -> bool {
        let mut next = self.next_out.borrow_mut();
        for round in 0..2 {
            while let Some((state, order)) = next.pop_front() {
                if state.phase.get() == Phase::Idle && state.order.get() == order && !state.gone.replace(true)
                {
                    self.counters.displaced.increment();
                    state.cut();
                    return true;
                }
            }
            if round == 0 {
                *next = self.longest_idle();
            }
        }
        false
    }

    /// The idle connections that go first.
    fn longest_idle(&self) -> VecDeque<(Rc<State>, u64)> {
        let slots = self.slots.borrow();
        let idle = |state: &&Rc<State>| state.phase.get() == Phase::Idle && !state.gone.get();
        let mut peers: HashMap<IpAddr, Vec<&Rc<State>>> = HashMap::new();
        for state in slots.iter().flatten().filter(idle) {
            peers.entry(state.peer).or_default().push(state);
        }
        for of_peer in peers.values_mut() {
            of_peer.sort_unstable_by_key(|state| std::cmp::Reverse(state.order.get()));
        }
        let rank = |of_peer: &[&Rc<State>]| {
            (of_peer.len(), std::cmp::Reverse(of_peer.last().map(|state| state.order.get())))
        };
        let mut heap: BinaryHeap<_> = peers.iter().map(|(peer, of)| (rank(of), *peer)).collect();
        let mut next = VecDeque::with_capacity(DISPLACED_AT_ONCE);
        while next.len() < DISPLACED_AT_ONCE {
            let Some((_, peer)) = heap.pop() else { break };
            let Some(of_peer) = peers.get_mut(&peer) else { break };
            let Some(state) = of_peer.pop() else { break };
            next.push_back((state.clone(), state.order.get()));
            if !of_peer.is_empty() {
                heap.push((rank(of_peer), peer));
            }
        }
        next
    }

    /// Cuts the connections without a request and asks the others to end after their answer.
    pub(super) fn end_all(&self) {
        for state in self.slots.borrow().iter().flatten() {
            if state.phase.get() == Phase::Idle {
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
