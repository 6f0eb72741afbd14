//! Models sold by x402: held before the answer, captured after it.
//!
//! An answer ends in a task that must not wait, often because its caller left. So what it cost is put on a list, and whoever may wait
//! next takes the list to the disk and the chain. A process that dies in between captures nothing of it.

use super::{Cashier, LOOK_EVERY, blocking, busy, cashier};
use crate::config::SaleSettings;
use crate::state::Shared;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tollgate_core::Fault;
use tollgate_evm::EvmError;
use tollgate_evm::x402::{Begun, FolderSales};

/// See the module.
pub(super) struct Counter {
    settings: SaleSettings,
    sales: Mutex<FolderSales>,
    /// Payments whose answers ended, with what they cost in minor units.
    ended: Mutex<Vec<(String, u128)>>,
    /// Whether something is left to capture or to give back.
    is_left: AtomicBool,
}

impl Counter {
    pub(super) fn open(settings: SaleSettings, data: &Path) -> Result<Self, EvmError> {
        let sales = Mutex::new(FolderSales::of_folder(settings.terms.clone(), &data.join("sales"))?);
        Ok(Self { settings, sales, ended: Mutex::default(), is_left: AtomicBool::new(true) })
    }

    pub(super) const fn settings(&self) -> &SaleSettings {
        &self.settings
    }

    /// Takes what ended to the disk.
    fn note(&self, sales: &mut FolderSales) -> Result<(), EvmError> {
        // As many as answers ended since the last time, of which there are no more than requests in flight.
        let ended = std::mem::take(&mut *self.ended.lock());
        for (name, amount) in ended {
            sales.end(&name, amount)?;
            self.is_left.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Cashier {
    /// Writes down what ended last.
    pub(crate) fn close(&self) {
        let Some(counter) = &self.counter else { return };
        if let Err(error) = counter.note(&mut counter.sales.lock()) {
            tracing::error!(%error, "what the last answers cost was not written down, and is not captured");
        }
    }

    /// One look at a payment; then what ended meanwhile is noted.
    fn look(&self, shared: &Shared, header: &str, least: u128) -> Result<Option<Begun>, EvmError> {
        let Some(counter) = &self.counter else { return Ok(None) };
        let mut facilitator = self.facilitator.lock();
        let mut sales = counter.sales.lock();
        let begun = sales.begin(facilitator.sender(), header, least, shared.clock.now());
        if !matches!(begun, Ok(Begun::Refused { .. })) {
            counter.is_left.store(true, Ordering::Relaxed);
        }
        counter.note(&mut sales)?;
        begun.map(Some)
    }

    fn tend_sales(&self, shared: &Shared) -> Result<(), EvmError> {
        let Some(counter) = &self.counter else { return Ok(()) };
        // Who settles just now is not waited for: the next round comes soon.
        let Some(mut facilitator) = self.facilitator.try_lock() else { return Ok(()) };
        let mut sales = counter.sales.lock();
        counter.note(&mut sales)?;
        let is_left = sales.tend(facilitator.sender(), shared.clock.now())?;
        counter.is_left.store(is_left, Ordering::Relaxed);
        Ok(())
    }
}

/// A payment that is held for one answer. Dropped, it is captured of it what the answer was said to cost; nothing where there was none,
/// as when its caller left while it was being held.
pub(crate) struct Held {
    shared: Arc<Shared>,
    name: String,
    micro: u64,
}

impl Held {
    /// The answer ended and cost so many micro-dollars.
    pub(crate) fn end(mut self, micro: u64) {
        self.micro = micro;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        charge(&self.shared, std::mem::take(&mut self.name), self.micro);
    }
}

/// Has a payment held that a request brought, for an answer that costs at most so many micro-dollars. It waits until that is so, or
/// for as long as is configured.
///
/// # Errors
/// Faults of the gateway itself; what is wrong with the payment is in the answer.
pub(crate) async fn bought(
    shared: &Arc<Shared>,
    header: String,
    least: u128,
) -> Result<(Begun, Option<Held>), Fault> {
    let cashier = cashier(shared)?;
    let _waiter = cashier.waiters.try_acquire().map_err(|_| busy())?;
    let (start, header) = (shared.clock.tick(), Arc::new(header));
    loop {
        let begun = {
            let _place = cashier.place()?;
            let (header, owner) = (Arc::clone(&header), Arc::clone(shared));
            let look = blocking(shared, move |shared, cashier| {
                let begun = cashier.look(shared, &header, least)?;
                // Whoever asked may be gone by now: then this ends it.
                let name = match &begun {
                    Some(Begun::Held { name, .. }) => Some(name.clone()),
                    _ => None,
                };
                Ok((begun, name.map(|name| Held { shared: owner, name, micro: 0 })))
            });
            look.await?
        };
        let (Some(begun), held) = begun else {
            return Err(Fault::internal("models are sold, and nothing says how"));
        };
        let waited = shared.clock.tick().since_ns(start) / 1_000_000;
        if !matches!(begun, Begun::Pending { .. }) || waited >= cashier.settings.wait_ms {
            return Ok((begun, held));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes down what an answer cost. Waits for nothing.
fn charge(shared: &Arc<Shared>, name: String, micro: u64) {
    let Some(counter) = shared.cashier.as_ref().and_then(|cashier| cashier.counter.as_ref()) else { return };
    let amount = counter.settings.minor(micro);
    counter.ended.lock().push((name, amount));
    counter.is_left.store(true, Ordering::Relaxed);
    let shared = Arc::clone(shared);
    // Where there is no runtime any more, whoever ends the gateway writes it down.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || {
            let tended = shared.cashier.as_ref().map(|cashier| cashier.tend_sales(&shared));
            warn(tended.and_then(Result::err));
        });
    }
}

/// Goes on with what is to be captured or given back; where nothing was left the last time, only when it `is_due`.
pub(crate) async fn tend_sales(shared: &Arc<Shared>, is_due: bool) {
    let counter = shared.cashier.as_ref().and_then(|cashier| cashier.counter.as_ref());
    if !counter.is_some_and(|counter| is_due || counter.is_left.load(Ordering::Relaxed)) {
        return;
    }
    let tended = blocking(shared, |shared, cashier| cashier.tend_sales(shared)).await;
    if let Err(fault) = tended {
        tracing::warn!(%fault, "what buyers owe or get back could not be looked at");
    }
}

fn warn(error: Option<EvmError>) {
    if let Some(error) = error {
        tracing::warn!(%error, "what buyers owe or get back could not be looked at");
    }
}
