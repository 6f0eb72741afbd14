//! Conversations: every turn sends what was said before and something new, so its prompt's beginning can be cached.

use super::{ArrivalStream, Arrivals, JointLengths, MAX_PREFIX_BLOCKS, NS_PER_S, Prefix, Request};
use crate::{
    Error,
    error::{positive, within},
    rng::Stream,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};
use tollgate_core::Seed;

/// The most conversations at once; while so many are open, none begins.
pub const MAX_OPEN: usize = 1 << 20;

/// Conversations of one class.
#[derive(Clone, PartialEq, Debug)]
pub struct Conversations {
    /// When conversations begin.
    pub arrivals: Arrivals,
    /// What a turn adds: new prompt tokens, and its answer.
    pub turns: JointLengths,
    /// Turns of a conversation on average, at least 1 (geometric).
    pub mean_turns: f64,
    /// From one turn's arrival to the next on average, in seconds (exponential).
    pub mean_pause_s: f64,
    /// The beginning that all conversations share (system prompt, tools), in tokens.
    pub shared_tokens: u32,
    /// A conversation ends before a prompt would exceed this.
    pub context_tokens: u32,
    /// Tokens of a prefix block.
    pub block_tokens: u32,
    /// The class of its requests.
    pub class: u16,
}

impl Conversations {
    /// Requests by rising arrival, each drawn from `seed`; conversation `n` depends on the seed and `n` alone.
    ///
    /// # Errors
    /// [`Error::Setting`] where a figure is out of range; what [`Arrivals::stream`] refuses.
    pub fn requests(&self, seed: Seed) -> Result<ConversationStream<'_>, Error> {
        within("conversations.mean_turns", self.mean_turns, 1.0, 1e6, "give at least 1")?;
        positive("conversations.mean_pause_s", self.mean_pause_s)?;
        within("conversations.block_tokens", f64::from(self.block_tokens), 1.0, 1e6, "give 1 to 1,000,000")?;
        let mut starts = self.arrivals.stream(seed.derive("conversations"))?;
        let next_start = starts.next();
        Ok(ConversationStream {
            of: self,
            seed,
            starts,
            next_start,
            begun: 0,
            due: BinaryHeap::new(),
            open: BTreeMap::new(),
        })
    }
}

/// One conversation on its way.
#[derive(Clone, Debug)]
struct Open {
    draws: Stream,
    context_tokens: u32,
}

/// Requests of [`Conversations`], by rising arrival.
#[derive(Debug)]
pub struct ConversationStream<'a> {
    of: &'a Conversations,
    seed: Seed,
    starts: ArrivalStream,
    next_start: Option<u64>,
    begun: u64,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    open: BTreeMap<u64, Open>,
}

impl Iterator for ConversationStream<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        loop {
            let due = self.due.peek().map(|&Reverse((at, _))| at);
            match (self.next_start, due) {
                (Some(start), due) if due.is_none_or(|due| start <= due) => {
                    self.next_start = self.starts.next();
                    self.begin(start);
                }
                (_, Some(_)) => {
                    let Reverse((at, session)) = self.due.pop()?;
                    if let Some(request) = self.turn(at, session) {
                        return Some(request);
                    }
                }
                (_, None) => return None,
            }
        }
    }
}

impl ConversationStream<'_> {
    fn begin(&mut self, at_ns: u64) {
        self.begun += 1;
        if self.open.len() < MAX_OPEN {
            let draws = Stream::new(self.seed.derive("conversation"), &self.begun.to_string());
            self.open.insert(self.begun, Open { draws, context_tokens: self.of.shared_tokens });
            self.due.push(Reverse((at_ns, self.begun)));
        }
    }

    fn turn(&mut self, at_ns: u64, session: u64) -> Option<Request> {
        let open = self.open.get_mut(&session)?;
        let (new, output_tokens) = self.of.turns.draw(&mut open.draws);
        let prompt_tokens = open.context_tokens.saturating_add(new);
        if prompt_tokens > self.of.context_tokens {
            self.open.remove(&session);
            return None;
        }
        open.context_tokens = prompt_tokens.saturating_add(output_tokens);
        let goes_on = open.draws.unit() < 1.0 - 1.0 / self.of.mean_turns;
        let pause_s = open.draws.exponential() * self.of.mean_pause_s;
        if goes_on {
            self.due.push(Reverse((at_ns.saturating_add((pause_s * NS_PER_S) as u64), session)));
        } else {
            self.open.remove(&session);
        }
        let prefix = self.prefix(session, prompt_tokens);
        Some(Request {
            arrival_ns: at_ns,
            prompt_tokens,
            output_tokens,
            class: self.of.class,
            session,
            prefix,
            cached_tokens: 0,
        })
    }

    /// Hashes of the whole blocks of a prompt: those of the shared beginning are everybody's.
    fn prefix(&self, session: u64, prompt_tokens: u32) -> Prefix {
        let shared = self.of.shared_tokens / self.of.block_tokens;
        let blocks = (prompt_tokens / self.of.block_tokens).min(MAX_PREFIX_BLOCKS as u32);
        let (all, own) = (
            Stream::new(self.seed, "shared blocks"),
            Stream::new(self.seed.derive("blocks"), &session.to_string()),
        );
        let hash = |block: u32| if block < shared { all.at(block.into()) } else { own.at(block.into()) };
        Prefix::of(&(0..blocks).map(hash).collect::<Vec<u64>>())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cdf;
    use super::*;

    fn agents() -> Conversations {
        let cdf = Cdf::new(vec![(200, 0.5), (1000, 1.0)]).unwrap();
        Conversations {
            arrivals: Arrivals::poisson(2.0),
            turns: JointLengths::of_totals(&cdf, 0.3).unwrap(),
            mean_turns: 5.0,
            mean_pause_s: 20.0,
            shared_tokens: 2048,
            context_tokens: 100_000,
            block_tokens: 256,
            class: 3,
        }
    }

    #[test]
    fn turns_grow_and_share_their_beginning() {
        let agents = agents();
        let requests: Vec<Request> = agents.requests(Seed(6)).unwrap().take(30_000).collect();
        assert!(requests.is_sorted_by_key(|r| r.arrival_ns));
        let sessions = requests.iter().map(|r| r.session).collect::<std::collections::BTreeSet<_>>().len();
        let turns = requests.len() as f64 / sessions as f64;
        assert!((turns - 5.0).abs() < 0.3, "{turns}");
        let mut last: BTreeMap<u64, &Request> = BTreeMap::new();
        for request in &requests {
            assert_eq!(
                request.prefix.blocks()[..8],
                requests[0].prefix.blocks()[..8],
                "the shared beginning"
            );
            if let Some(before) = last.insert(request.session, request) {
                assert!(request.prompt_tokens > before.total_tokens());
                assert!(request.prefix.blocks().starts_with(before.prefix.blocks()));
            }
        }
        assert_eq!(agents.requests(Seed(6)).unwrap().take(100).collect::<Vec<_>>(), requests[..100]);
    }

    #[test]
    fn a_conversation_ends_at_its_context() {
        let short = Conversations { context_tokens: 3000, mean_turns: 1000.0, ..agents() };
        let requests: Vec<Request> = short.requests(Seed(1)).unwrap().take(5000).collect();
        assert!(requests.iter().all(|r| r.prompt_tokens <= 3000));
        assert!(Conversations { mean_turns: 0.5, ..agents() }.requests(Seed(0)).is_err());
    }
}
