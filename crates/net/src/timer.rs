//! Waits that cost nothing while they are far away.
//!
//! A timer that is armed and disarmed for each request takes the timer wheel's lock twice. An [`Alarm`] lives as long
//! as its connection and stays armed: a request only writes down its deadline. When the alarm rings early, which it
//! does about once per timeout and not once per request, it is set to the deadline that holds by then.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Monotonic time for deadlines of sockets. It decides nothing that is recorded, so it is not an injected clock.
#[expect(clippy::disallowed_methods, reason = "deadlines of sockets follow the timer of the runtime")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// `limit` in milliseconds, for messages.
pub(crate) fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}

/// A timer that is re-armed lazily.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed: Instant,
}

impl Alarm {
    /// An alarm armed for `at`.
    pub(crate) fn new(at: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(at)), armed: at }
    }

    /// Ready once `deadline` has passed; otherwise the task of `cx` is woken no later than that.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.armed > deadline {
            self.set(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if now() >= deadline {
                return Poll::Ready(());
            }
            self.set(deadline);
        }
        Poll::Pending
    }

    fn set(&mut self, at: Instant) {
        self.sleep.as_mut().reset(at);
        self.armed = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, task::Waker};

    #[tokio::test(start_paused = true)]
    async fn rings_at_the_deadline_that_holds_when_it_rings() {
        let start = now();
        let mut alarm = Alarm::new(start + Duration::from_secs(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(alarm.poll_until(&mut cx, start + Duration::from_secs(3)).is_pending());
        poll_fn(|cx| alarm.poll_until(cx, start + Duration::from_secs(3))).await;
        assert_eq!(now().duration_since(start).as_secs(), 3);
        // An earlier deadline than the armed one moves the alarm forward.
        alarm = Alarm::new(now() + Duration::from_secs(60));
        let sooner = now() + Duration::from_secs(2);
        poll_fn(|cx| alarm.poll_until(cx, sooner)).await;
        assert_eq!(now().duration_since(start).as_secs(), 5);
    }
}
