//! Payments by x402: verified and settled for sellers, on a chain whose node is waited for off the workers.
//!
//! One facilitator sends, one after the other; whoever only looks has a connection of its own. A request to settle
//! looks again and again until the payment is final or its time is over; then it is answered `settlement_pending`, and the same
//! request goes on with it. Of many that ask for the same payment one looks, and all get its answer; whoever waits for the next look
//! takes no place from others.

mod sale;

pub(crate) use sale::{Held, bought, tend_sales};

use crate::config::{SaleSettings, X402Settings};
use crate::state::Shared;
use parking_lot::Mutex;
use sale::Counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_core::{Digest, Fault, FaultKind};
use tollgate_evm::x402::{Facilitator, FacilitatorConfig, Refusal, Settled, Supported, VerifyAnswer, verify};
use tollgate_evm::{Chain, EvmError, FolderJournal, Rpc, Sender};

/// Most requests that ask the node at one time.
const PLACES: usize = 64;
/// Most requests that wait for a payment.
const WAITERS: usize = 1_024;
/// Wait between two looks at a payment that is under way.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Held by the one that looks; the answer, once there is one.
type Turn = tokio::sync::Mutex<Option<Settled>>;

/// See the module.
pub struct Cashier {
    facilitator: Mutex<Facilitator<Rpc, FolderJournal>>,
    /// Connections for those who only look.
    readers: Mutex<Vec<Chain<Rpc>>>,
    settings: Arc<X402Settings>,
    supported: Supported,
    places: Semaphore,
    waiters: Semaphore,
    /// What is waited for, by the digest of its request, with the answer for all who wait.
    waited: Mutex<BTreeMap<Digest, Weak<Turn>>>,
    /// Where models are sold.
    counter: Option<Counter>,
}

impl Cashier {
    /// Opens the journal, and asks the node which chain it is. Where it is silent the gateway starts all the same: transactions are
    /// signed for the configured chain and no other.
    ///
    /// # Errors
    /// [`EvmError::Keep`] for the journal, [`EvmError::Chain`] for a node of another chain.
    pub fn open(settings: Arc<X402Settings>) -> Result<Self, EvmError> {
        let journal = FolderJournal::open(&settings.data)?;
        let mut chain = Chain::new(Rpc::new(settings.node.expose())?);
        let wanted = settings.facilitator.chain_id;
        match chain.id() {
            Ok(is) if is != wanted => return Err(EvmError::Chain { is, wanted }),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the node of x402 does not answer yet"),
        }
        let sender = Sender::new(chain, journal, settings.key.clone(), settings.sender);
        let facilitator = Facilitator::new(sender, settings.facilitator.clone());
        let (supported, places) = (facilitator.supported(), Semaphore::new(PLACES));
        let (facilitator, readers) = (Mutex::new(facilitator), Mutex::default());
        let counter = settings.sale.clone().map(|sale| Counter::open(sale, &settings.data)).transpose()?;
        let (waiters, waited) = (Semaphore::new(WAITERS), Mutex::default());
        Ok(Self { facilitator, readers, settings, supported, places, waiters, waited, counter })
    }

    /// How models are sold, when they are.
    #[must_use]
    pub fn sale(&self) -> Option<&SaleSettings> {
        self.counter.as_ref().map(Counter::settings)
    }

    /// What is settled here.
    #[must_use]
    pub const fn supported(&self) -> &Supported {
        &self.supported
    }

    fn config(&self) -> &FacilitatorConfig {
        &self.settings.facilitator
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Fault> {
        self.places.try_acquire().map_err(|_| busy())
    }

    /// The turn of a request, which all share that ask the same.
    fn turn(&self, body: &[u8]) -> Arc<Turn> {
        let mut waited = self.waited.lock();
        let name = Digest::of(body);
        if let Some(turn) = waited.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        // No more than there are waiters, once those that nobody waits for are gone.
        waited.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        waited.insert(name, Arc::downgrade(&turn));
        turn
    }
}

fn busy() -> Fault {
    Fault::upstream(FaultKind::Unavailable, "too many requests wait for the chain: try again")
}

/// Does something where waiting is allowed.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared, &Cashier) -> Result<T, EvmError> + Send + 'static,
) -> Result<T, Fault> {
    let held = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || {
        let cashier = held.cashier.as_deref().ok_or_else(absent)?;
        work(&held, cashier).map_err(|error| Fault::internal(error.to_string()))
    });
    done.await.map_err(|error| Fault::internal(error.to_string()))?
}

fn absent() -> Fault {
    Fault::caller(FaultKind::NotFound, "payments by x402 are not configured: see `x402:`")
}

/// The cashier, when there is one.
///
/// # Errors
/// A fault of the caller when there is none.
pub(crate) fn cashier(shared: &Shared) -> Result<&Cashier, Fault> {
    shared.cashier.as_deref().ok_or_else(absent)
}

/// Whether a payment could be settled.
///
/// # Errors
/// Faults of the gateway itself; what is wrong with the payment is in the answer.
pub(crate) async fn verified(shared: &Arc<Shared>, body: Vec<u8>) -> Result<VerifyAnswer, Fault> {
    let _place = cashier(shared)?.place()?;
    blocking(shared, move |shared, cashier| {
        let waiting = cashier.readers.lock().pop();
        let mut chain = match waiting {
            Some(chain) => chain,
            None => Chain::new(Rpc::new(cashier.settings.node.expose())?),
        };
        let answer = verify(cashier.config(), &mut chain, &body, shared.clock.now());
        // As many as ever looked at one time, and no more than there are places.
        cashier.readers.lock().push(chain);
        Ok(answer)
    })
    .await
}

/// Settles a payment, or goes on with it.
///
/// # Errors
/// As [`verified`].
pub(crate) async fn settled(shared: &Arc<Shared>, body: Vec<u8>) -> Result<Settled, Fault> {
    let cashier = cashier(shared)?;
    let _waiter = cashier.waiters.try_acquire().map_err(|_| busy())?;
    let turn = cashier.turn(&body);
    let mut told = turn.lock().await;
    if let Some(settled) = &*told {
        return Ok(settled.clone());
    }
    let (start, body) = (shared.clock.tick(), Arc::new(body));
    loop {
        let settled = {
            let _place = cashier.place()?;
            let body = Arc::clone(&body);
            let look = blocking(shared, move |shared, cashier| {
                Ok(cashier.facilitator.lock().settle(&body, shared.clock.now()))
            });
            look.await?
        };
        let is_pending = settled.error_reason == Some(Refusal::Pending.word());
        let waited = shared.clock.tick().since_ns(start) / 1_000_000;
        if !is_pending || waited >= cashier.settings.wait_ms {
            *told = Some(settled.clone());
            return Ok(settled);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sends again what is under way, so that a payment about which nobody asks any more holds up no other.
pub(crate) async fn tend(shared: &Arc<Shared>) {
    if shared.cashier.is_none() {
        return;
    }
    let tended = blocking(shared, |_, cashier| {
        // Who settles just now sees to it too.
        cashier.facilitator.try_lock().map_or(Ok(()), |mut facilitator| facilitator.sender().tend())
    });
    if let Err(fault) = tended.await {
        tracing::warn!(%fault, "what x402 has under way could not be looked at");
    }
}
