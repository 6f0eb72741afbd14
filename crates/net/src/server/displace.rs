//! Who goes where a newcomer finds all places taken.
//!
//! Requests keep no order of the idle connections; a walk over all slots finds the next ones to go, many at once. A walk
//! that finds few has been paid by nobody, so such walks are bounded in each tick.

use super::table::State;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    rc::Rc,
};

/// How many idle connections are looked up at once to make room for newcomers.
const AT_ONCE: usize = 64;
/// Slots looked at in a tick by walks that found fewer than [`AT_ONCE`]; beyond, newcomers are refused until the next one.
const LOOKED_MAX: usize = 200_000;

/// Whose a connection is: an IPv4 address, or a /64 of IPv6, of which one host has every address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Net(IpAddr);

impl Net {
    pub(super) fn of(peer: IpAddr) -> Self {
        Self(match peer.to_canonical() {
            IpAddr::V6(addr) => IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The idle connections that go next when there are too many, with the number of their idling.
#[derive(Default)]
pub(super) struct Displacing {
    next: VecDeque<(Rc<State>, u64)>,
    /// Slots looked at in this tick for little.
    looked: usize,
}

impl Displacing {
    pub(super) const fn next_tick(&mut self) {
        self.looked = 0;
    }

    #[cfg(test)]
    pub(super) const fn looked(&self) -> usize {
        self.looked
    }

    /// Cuts the one that goes first; false where none was found.
    pub(super) fn one(&mut self, slots: &[Option<Rc<State>>]) -> bool {
        self.pop() || {
            self.walk(slots);
            self.pop()
        }
    }

    fn pop(&mut self) -> bool {
        while let Some((state, order)) = self.next.pop_front() {
            if state.order() == order && state.displace() {
                return true;
            }
        }
        false
    }

    fn walk(&mut self, slots: &[Option<Rc<State>>]) {
        if self.looked >= LOOKED_MAX {
            return;
        }
        self.next = longest_idle(slots);
        if self.next.len() < AT_ONCE {
            self.looked += slots.len();
        }
    }
}

/// The idle connections that go first.
fn longest_idle(slots: &[Option<Rc<State>>]) -> VecDeque<(Rc<State>, u64)> {
    let mut peers: HashMap<Net, Vec<&Rc<State>>> = HashMap::new();
    for state in slots.iter().flatten().filter(|state| state.is_idle()) {
        peers.entry(state.peer()).or_default().push(state);
    }
    for of_peer in peers.values_mut() {
        of_peer.sort_unstable_by_key(|state| Reverse(state.order()));
    }
    let rank = |of_peer: &[&Rc<State>]| (of_peer.len(), Reverse(of_peer.last().map(|state| state.order())));
    let mut heap: BinaryHeap<_> = peers.iter().map(|(peer, of)| (rank(of), *peer)).collect();
    let mut next = VecDeque::with_capacity(AT_ONCE);
    while next.len() < AT_ONCE {
        let Some((_, peer)) = heap.pop() else { break };
        let Some(of_peer) = peers.get_mut(&peer) else { break };
        let Some(state) = of_peer.pop() else { break };
        next.push_back((state.clone(), state.order()));
        if !of_peer.is_empty() {
            heap.push((rank(of_peer), peer));
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::super::{
        Limits,
        stats::{Counters, Stats},
        table::{Entered, Phase, Table},
    };
    use super::*;
    use std::sync::Arc;

    struct Server {
        table: Rc<Table>,
        counters: Arc<Counters>,
    }

    impl Server {
        fn new() -> Self {
            let counters = Arc::new(Counters::default());
            Self { table: Table::new(&Limits::default(), counters.clone(), Arc::default()), counters }
        }

        fn enter(&self, peer: &str) -> Entered {
            self.table.enter(peer.parse().unwrap())
        }

        fn stats(&self) -> Stats {
            let mut stats = Stats::default();
            self.counters.add_to(&mut stats);
            stats
        }
    }

    #[test]
    fn a_peer_is_an_address_or_a_64() {
        let of = |peer: &str| Net::of(peer.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
    }

    #[test]
    fn many_addresses_of_one_64_give_way_before_the_longest_idle() {
        let server = Server::new();
        let lone = server.enter("2001:db8:1::1");
        let many: Vec<_> = (1..5).map(|host| server.enter(&format!("2001:db8:2::{host}"))).collect();
        for _ in 1..4 {
            assert!(server.table.make_room());
        }
        assert!(lone.0.is_idle() && many[3].0.is_idle());
        assert!(many[..3].iter().all(|entered| !entered.0.is_idle()));
    }

    #[test]
    fn what_is_still_being_written_is_not_idle_for_anybody() {
        let server = Server::new();
        let slow = server.enter("192.0.2.1");
        slow.0.enter(Phase::Busy);
        slow.0.wrote(true);
        slow.0.enter(Phase::Idle);
        assert!(!server.table.make_room());
        // It takes a little every 50 ticks of a second, for longer than an idle connection is kept.
        for _ in 0..8 {
            (0..50).for_each(|_| server.table.advance());
            slow.0.wrote(false);
            slow.0.wrote(true);
        }
        assert_eq!(server.stats(), Stats::default());
        slow.0.wrote(false);
        assert!(slow.0.is_idle());
        (0..75).for_each(|_| server.table.advance());
        assert_eq!(server.stats(), Stats::default(), "it idles since its last byte went");
        assert!(server.table.make_room() && !server.table.make_room());
    }

    #[test]
    fn the_count_of_idle_connections_is_right() {
        let server = Server::new();
        let mut held: Vec<_> = (0..50).map(|last| server.enter(&format!("192.0.2.{last}"))).collect();
        let mut random = 1_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (at, what) = ((random >> 33) as usize % 50, random >> 60);
            let state = held[at].0.clone();
            match what {
                0..=3 => state.enter(Phase::Idle),
                4..=5 => state.enter(Phase::Head),
                6..=8 => state.enter(Phase::Busy),
                9..=11 => state.wrote(true),
                12..=13 => state.wrote(false),
                14 => drop(state.displace()),
                _ => held[at] = server.enter("192.0.2.200"),
            }
            let idle = held.iter().filter(|entered| entered.0.is_idle()).count();
            assert_eq!(server.table.idle(), idle, "after step {step}");
        }
    }

    #[test]
    fn newcomers_who_find_nothing_look_at_nothing_and_who_find_little_at_a_bounded_number() {
        let server = Server::new();
        let held: Vec<_> = (0..10_000).map(|_| server.enter("192.0.2.1")).collect();
        held.iter().for_each(|entered| entered.0.enter(Phase::Busy));
        (0..10_000).for_each(|_| assert!(!server.table.make_room()));
        assert_eq!(server.table.looked(), 0);
        // Each newcomer is idle itself until it asks.
        let mut newcomers = vec![server.enter("192.0.2.2")];
        while server.table.make_room() {
            assert!(newcomers.len() < 100, "walks have no bound");
            newcomers.push(server.enter("192.0.2.2"));
        }
        assert!((15..=20).contains(&(newcomers.len() - 1)), "{}", newcomers.len());
        assert!((LOOKED_MAX..LOOKED_MAX + 10_100).contains(&server.table.looked()));
        server.table.advance();
        assert!(server.table.make_room());
    }
}
