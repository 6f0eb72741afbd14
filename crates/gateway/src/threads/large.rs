//! Large requests: what takes many milliseconds of a core is done beside the threads that serve.
//!
//! A body of megabytes takes long to read, to look through and to translate. Done on a thread that serves, it would hold up
//! every stream of that core. So work on a body of [`LARGE`] bytes or more goes to the threads for waiting, as many at a time as
//! there are cores; the rest waits in order, and who leaves waits no longer. Smaller bodies are worked on where they are.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tollgate_core::Fault;

/// From this many bytes on a body is worked on beside the threads that serve.
pub(crate) const LARGE: usize = 256 << 10;

/// Has large bodies worked on.
pub(crate) struct Large {
    free: Arc<Semaphore>,
    total: Counter,
    now: Gauge,
}

impl Large {
    /// One at a time per core, and two at least; `total` counts all, `now` those in work.
    pub(crate) fn new(total: Counter, now: Gauge) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        Self { free: Arc::new(Semaphore::new(cores)), total, now }
    }

    /// Does work on a body of this size.
    ///
    /// # Errors
    /// Those of the work; an internal one where it panicked.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        if bytes < LARGE {
            return work();
        }
        let gone = |error: String| Fault::internal(format!("work on a large body: {error}"));
        let permit = self.free.clone().acquire_owned().await.map_err(|error| gone(error.to_string()))?;
        self.total.inc();
        self.now.inc();
        let working = (permit, Working(self.now.clone()));
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(working);
            done
        });
        done.await.unwrap_or_else(|error| Err(gone(error.to_string())))
    }

    /// The same of work that may wait in between, for a classifier say.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub(crate) async fn work_that_waits<T: Send + 'static, F: Future<Output = Result<T, Fault>>>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, Fault> {
        if bytes < LARGE {
            return Box::pin(work()).await;
        }
        let runtime = Handle::current();
        self.work(bytes, move || runtime.block_on(work())).await
    }
}

/// Counts work that goes on, also where it panics.
struct Working(Gauge);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;
    use tollgate_core::FaultKind;

    fn large() -> Large {
        Large::new(Counter::default(), Gauge::default())
    }

    #[tokio::test]
    async fn the_thread_that_serves_goes_on_while_a_large_body_is_worked_on() {
        let large = large();
        let here = thread::current().id();
        // The work ends when this thread says so: on this thread it never would.
        let (say, heard) = channel();
        let work = move || Ok((heard.recv().unwrap_or(0), thread::current().id()));
        let served = async {
            while large.now.get() == 0 {
                tokio::task::yield_now().await;
            }
            say.send(7).unwrap();
        };
        let (done, ()) = tokio::join!(large.work(LARGE, work), served);
        let (word, there) = done.unwrap();
        assert!(word == 7 && there != here);
        assert_eq!((large.total.get(), large.now.get()), (1, 0));
        let small = large.work(LARGE - 1, || Ok(thread::current().id())).await.unwrap();
        assert_eq!((small, large.total.get()), (here, 1), "what is small is done at once");
    }

    #[tokio::test]
    async fn work_may_wait_for_what_this_thread_does() {
        let large = large();
        let (say, heard) = tokio::sync::oneshot::channel();
        let work = async move || heard.await.map_err(|error| Fault::internal(error.to_string()));
        let (done, sent) =
            tokio::join!(large.work_that_waits(LARGE, work), async { say.send(thread::current().id()) });
        assert_eq!((done.unwrap(), sent), (thread::current().id(), Ok(())));
        let small = large.work_that_waits(1, async || Ok(thread::current().id())).await;
        assert_eq!(small.unwrap(), thread::current().id());
    }

    #[tokio::test]
    async fn no_more_are_worked_on_than_there_are_cores_and_a_panic_is_an_answer() {
        let large = large();
        let cores = large.free.available_permits();
        let (say, heard) = channel::<()>();
        let heard = Arc::new(parking_lot::Mutex::new(heard));
        let work = || {
            let heard = heard.clone();
            large.work(LARGE, move || Ok(heard.lock().recv().is_ok()))
        };
        let all = futures_of(cores + 3, work);
        let let_go = async {
            while large.now.get() < i64::try_from(cores).unwrap() {
                tokio::task::yield_now().await;
            }
            assert_eq!(large.free.available_permits(), 0);
            for _ in 0..cores + 3 {
                say.send(()).unwrap();
            }
        };
        let (done, ()) = tokio::join!(all, let_go);
        assert!(done.into_iter().all(|done| done.unwrap()));
        let panicked = large.work(LARGE, || -> Result<(), Fault> { panic!("as asked") }).await;
        assert_eq!(panicked.unwrap_err().kind, FaultKind::Internal);
        assert_eq!((large.free.available_permits(), large.now.get()), (cores, 0));
    }

    async fn futures_of<F: Future>(count: usize, mut make: impl FnMut() -> F) -> Vec<F::Output> {
        let mut running: Vec<_> = (0..count).map(|_| (Box::pin(make()), None)).collect();
        std::future::poll_fn(|cx| {
            for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
                if let std::task::Poll::Ready(output) = future.as_mut().poll(cx) {
                    *done = Some(output);
                }
            }
            if running.iter().all(|(_, done)| done.is_some()) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        running.into_iter().filter_map(|(_, done)| done).collect()
    }
}
