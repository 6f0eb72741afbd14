//! How far one attempt has come, and so whether another may follow.

use crate::Error;

/// How far an attempt has come. Stages are passed in order; any may be skipped, none is taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Stage {
    /// Nothing has come back yet.
    #[default]
    Connecting,
    /// The status line and headers are here.
    HeadersSeen,
    /// Stream events without content have come (role, created, ping): nothing the caller must keep.
    LifecycleSeen,
    /// Content has been passed on; the caller has seen it.
    ContentSeen,
    /// Over, well or badly.
    Done,
}

impl Stage {
    /// The word for messages and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::HeadersSeen => "headers seen",
            Self::LifecycleSeen => "lifecycle seen",
            Self::ContentSeen => "content seen",
            Self::Done => "done",
        }
    }
}

/// One attempt. The fallback is decided at the first content event: before it everything may be sent again elsewhere and
/// held-back lifecycle events are dropped; after it a fault ends the stream with an error event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attempt {
    stage: Stage,
    content: bool,
}

impl Attempt {
    /// An attempt that is connecting.
    #[must_use]
    pub const fn new() -> Self {
        Self { stage: Stage::Connecting, content: false }
    }

    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Moves forward (or stays).
    ///
    /// # Errors
    /// [`Error::Stage`] when `to` lies before the present stage, or the attempt is over.
    pub fn advance(&mut self, to: Stage) -> Result<(), Error> {
        if to < self.stage || self.stage == Stage::Done {
            return Err(Error::Stage { from: self.stage.word(), to: to.word() });
        }
        self.stage = to;
        self.content |= to == Stage::ContentSeen;
        Ok(())
    }

    /// Whether the caller has seen nothing of this attempt, so that another may take its place.
    #[must_use]
    pub const fn replaceable(&self) -> bool {
        !self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Connecting, ContentSeen, Done, HeadersSeen, LifecycleSeen};

    const ALL: [Stage; 5] = [Connecting, HeadersSeen, LifecycleSeen, ContentSeen, Done];

    #[test]
    fn every_move_of_the_machine() {
        for (i, from) in ALL.into_iter().enumerate() {
            for (j, to) in ALL.into_iter().enumerate() {
                let mut attempt = Attempt::new();
                attempt.advance(from).unwrap();
                let allowed = j >= i && from != Done;
                assert_eq!(attempt.advance(to).is_ok(), allowed, "{from:?} -> {to:?}");
                let seen = from == ContentSeen || (allowed && to == ContentSeen);
                assert_eq!(attempt.replaceable(), !seen, "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn content_stays_seen_when_the_attempt_breaks() {
        let mut attempt = Attempt::new();
        attempt.advance(ContentSeen).unwrap();
        attempt.advance(Done).unwrap();
        assert!(!attempt.replaceable());
        let mut early = Attempt::new();
        early.advance(LifecycleSeen).unwrap();
        early.advance(Done).unwrap();
        assert!(early.replaceable());
    }
}
