//! One of several addresses: each gets a head start, and the first that answers is taken (RFC 8305).
//!
//! An address whose packets are dropped would else take all the time there is, and a name with it whose other addresses
//! are well.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long an address is alone before the next is tried too: the recommendation of RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses in the order in which they are tried: as the resolver has them, but families by turns (section 4).
fn by_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of = |v6: bool| addresses.iter().copied().filter(move |address| address.is_ipv6() == v6);
    let (mut ours, mut others) = (of(first_is_v6), of(!first_is_v6));
    let mut order = Vec::with_capacity(addresses.len());
    loop {
        match (ours.next(), others.next()) {
            (None, None) => return order,
            (one, other) => order.extend(one.into_iter().chain(other)),
        }
    }
}

/// Connects by `connect` to the address that is first to accept; what is left of the others is dropped.
///
/// # Errors
/// That of the address that failed last, once all have.
pub(super) async fn first<T, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> std::io::Result<T>
where
    F: Future<Output = std::io::Result<T>>,
{
    // One alone, which is most often, needs none of it.
    if let [only] = addresses {
        return connect(*only).await;
    }
    let mut waiting = by_turns(addresses).into_iter();
    let mut running: Vec<Pin<Box<F>>> = Vec::with_capacity(addresses.len());
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    let mut turn = Box::pin(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let before = running.len();
            let mut at = 0;
            while let Some(attempt) = running.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(connected)) => return Poll::Ready(Ok(connected)),
                    Poll::Ready(Err(error)) => {
                        last = error;
                        drop(running.swap_remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            // The next one begins when its time has come, or at once when one has failed.
            let failed = running.len() < before;
            if !(failed || running.is_empty() || turn.as_mut().poll(cx).is_ready()) {
                return Poll::Pending;
            }
            let Some(address) = waiting.next() else {
                let all = running.is_empty();
                return if all {
                    Poll::Ready(Err(std::mem::replace(&mut last, std::io::ErrorKind::Other.into())))
                } else {
                    Poll::Pending
                };
            };
            running.push(Box::pin(connect(address)));
            turn.as_mut().reset(deadline());
        }
    })
    .await
}

fn deadline() -> Instant {
    crate::timer::now() + HEAD_START
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 1))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 1))
    }

    #[test]
    fn families_take_turns() {
        let given = [v6(1), v6(2), v6(3), v4(1), v4(2)];
        assert_eq!(by_turns(&given), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
        assert_eq!(by_turns(&[v4(1), v6(1)]), [v4(1), v6(1)]);
        assert!(by_turns(&[]).is_empty());
    }

    /// Time is the test's own: it passes where everything waits.
    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_a_head_start_and_one_that_refuses_nothing() {
        let begun = crate::timer::now();
        let tried = RefCell::new(Vec::new());
        let connect = |address: SocketAddr| {
            tried.borrow_mut().push((address, begun.elapsed().as_millis() / 50));
            async move {
                match address {
                    at if at == v6(1) => std::future::pending().await,
                    at if at == v4(1) => Err(std::io::ErrorKind::ConnectionRefused.into()),
                    at => Ok(at),
                }
            }
        };
        assert_eq!(first(&[v6(1), v6(2), v4(1)], connect).await.unwrap(), v6(2));
        assert_eq!(*tried.borrow(), [(v6(1), 0), (v4(1), 5), (v6(2), 5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_is_not_given_up_and_all_failures_are_one() {
        let connect = |address: SocketAddr| async move {
            let (ms, good) = if address == v4(1) { (400, true) } else { (1_000, false) };
            sleep(Duration::from_millis(ms)).await;
            if good { Ok(address) } else { Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)) }
        };
        assert_eq!(first(&[v4(1), v4(2), v4(3)], connect).await.unwrap(), v4(1));
        assert_eq!(
            first(&[v4(2), v4(3)], connect).await.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
        assert!(first(&[], connect).await.is_err());
    }
}
