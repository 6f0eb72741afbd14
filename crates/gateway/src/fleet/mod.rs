//! The running fleet: pools of instances with what traffic has taught about them.
//!
//! One [`PoolState`] per pool owns its members' state behind one lock that is held for microseconds; a reload keeps
//! the state of every pool whose description did not change. The choices themselves are `tollgate_select`'s.

mod probe;

pub use probe::Prober;
pub(crate) use probe::credentials;

use crate::config::secret::Secret;
use crate::config::written::{Placement, Timeouts};
use crate::config::{Authority, BaseUrl, Instance, Pool, Provider};
use http::Uri;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tollgate_core::{Digest, Seed, Tick};
use tollgate_net::upstream::Endpoint;
use tollgate_select::health::ProbeConfig;
use tollgate_select::instance::{InstanceConfig, Power};
use tollgate_select::place::{PlaceRule, Strategy};
use tollgate_select::pool::members::{MemberSpec, Members, MembersConfig};
use tollgate_select::pool::{PoolRule, PoolView};
use tollgate_wire::Dialect;

/// An instance as the pipeline needs it.
#[derive(Debug)]
pub struct Site {
    /// Its name.
    pub name: Arc<str>,
    /// Its provider.
    pub provider: Arc<Provider>,
    /// Its base URL.
    pub url: BaseUrl,
    /// Where to connect.
    pub endpoint: Endpoint,
    /// Models that it serves: name here → name there.
    pub models: BTreeMap<String, String>,
    /// Position over all pools, for per-worker tables.
    pub index: usize,
    /// Where it takes requests of a dialect; without those whose path names the model.
    paths: Vec<(Dialect, Uri)>,
    /// How many attempts at it went well, once one has.
    pub answered: OnceLock<Counter>,
}

impl Site {
    /// Where it takes requests of a dialect, unless that depends on the request.
    pub(crate) fn path(&self, dialect: Dialect) -> Option<&Uri> {
        self.paths.iter().find(|(of, _)| *of == dialect).map(|(_, path)| path)
    }
}

/// One pool with its members' state.
pub struct PoolState {
    /// Its name.
    pub name: Arc<str>,
    /// Most total tokens of a request that belongs here; `u64::MAX` when it has no boundary.
    pub max_total_tokens: u64,
    /// γ: requests up to this many times the boundary count as borderline.
    pub gamma: f64,
    /// When a request spills.
    pub rule: PoolRule,
    /// Its instances, in the order of `members`.
    pub sites: Vec<Site>,
    /// What traffic has taught about them.
    pub members: Arc<Mutex<Members>>,
    /// The description, by which a reload recognises an unchanged pool.
    description: String,
}

/// All pools, smallest boundary first.
pub struct Fleet {
    /// The pools.
    pub pools: Vec<PoolState>,
    /// Whether any pool has more than one instance, so that it matters what each of them holds.
    pub has_choice: bool,
}

/// The fleet cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// An instance's address is unusable.
    #[error("instance {instance}: {source}")]
    Address {
        /// The instance.
        instance: String,
        /// What is wrong.
        source: tollgate_net::Error,
    },
    /// A pool's numbers are unusable.
    #[error("pool {pool}: {source}")]
    Pool {
        /// The pool.
        pool: String,
        /// What is wrong.
        source: tollgate_select::Error,
    },
}

impl Fleet {
    /// Builds the fleet; pools that `before` describes the same way keep their state.
    ///
    /// # Errors
    /// [`FleetError`] names the instance or pool.
    pub fn build(
        pools: &[Pool],
        timeouts: &Timeouts,
        before: Option<&Self>,
        seed: Seed,
        now: Tick,
    ) -> Result<Self, FleetError> {
        let mut index = 0;
        let mut built = Vec::with_capacity(pools.len());
        for pool in pools {
            let mut sites = Vec::with_capacity(pool.instances.len());
            for instance in &pool.instances {
                sites.push(site(instance, index)?);
                index += 1;
            }
            // A key does not show itself, and what was learned with one says nothing of another.
            let keys = pool.instances.iter().map(|i| i.provider.key.as_ref().map_or("", Secret::expose));
            let keys = Digest::of_parts(keys.map(str::as_bytes));
            let description = format!("{pool:?} {keys:?}");
            let kept = before.and_then(|f| f.pools.iter().find(|p| p.description == description));
            let members = match kept {
                Some(kept) => kept.members.clone(),
                None => Arc::new(Mutex::new(members(pool, timeouts, seed, now)?)),
            };
            built.push(PoolState {
                name: pool.name.as_str().into(),
                max_total_tokens: pool.max_total_tokens.unwrap_or(u64::MAX),
                gamma: pool.gamma,
                rule: PoolRule { spill_wait_ms: pool.spill_over_ms.map_or(NEVER_SPILL_MS, |ms| ms as f64) },
                sites,
                members,
                description,
            });
        }
        let has_choice = built.iter().any(|p| p.sites.len() > 1);
        Ok(Self { pools: built, has_choice })
    }

    /// Every instance, with its pool.
    pub fn sites(&self) -> impl Iterator<Item = (&PoolState, usize, &Site)> {
        self.pools
            .iter()
            .flat_map(|p| p.sites.iter().enumerate().map(move |(member, site)| (p, member, site)))
    }

    /// Whether any instance can take a request.
    #[must_use]
    pub fn ready(&self, now: Tick) -> bool {
        self.pools.iter().any(|p| {
            let members = p.members.lock();
            (0..members.len()).any(|i| members.standing(i, now).available())
        })
    }
}

/// A wait that is never reached: "do not spill".
const NEVER_SPILL_MS: f64 = 1e9;

impl PoolState {
    /// This pool as a candidate for `model`; absent when nothing here serves it.
    #[must_use]
    pub fn view(&self, model: &str, now: Tick) -> Option<PoolView<'_>> {
        self.serves(model).then(|| PoolView {
            name: &self.name,
            max_total_tokens: self.max_total_tokens,
            wait_ms: self.members.lock().wait_ms(now),
            gamma: self.gamma,
        })
    }

    /// Whether an instance here serves `model`.
    #[must_use]
    pub fn serves(&self, model: &str) -> bool {
        self.sites.iter().any(|s| s.models.contains_key(model))
    }
}

impl Site {
    /// The authority file that its connections need.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Authority> {
        self.provider.ca_file.as_ref()
    }
}

/// Forgets what was made with an earlier content of the file that `authority` names.
pub(crate) fn renew<T>(made: &mut BTreeMap<Option<Authority>, T>, authority: Option<&Authority>) {
    let Some(authority) = authority else { return };
    made.retain(|other, _| {
        other.as_ref().is_none_or(|other| other.path != authority.path || other.digest == authority.digest)
    });
}

fn site(instance: &Instance, index: usize) -> Result<Site, FleetError> {
    let origin = BaseUrl { prefix: String::new(), ..instance.url.clone() };
    let endpoint = origin
        .to_string()
        .parse()
        .map_err(|source| FleetError::Address { instance: instance.name.clone(), source })?;
    let fixed = |dialect: &Dialect| {
        let path = instance.provider.row.path(*dialect).filter(|path| !path.contains('{'))?;
        Some((*dialect, instance.url.path(path).parse().ok()?))
    };
    let paths = Dialect::ALL.iter().filter_map(fixed).collect();
    Ok(Site {
        name: instance.name.as_str().into(),
        provider: instance.provider.clone(),
        url: instance.url.clone(),
        endpoint,
        models: instance.models.clone(),
        index,
        paths,
        answered: OnceLock::new(),
    })
}

fn members(pool: &Pool, timeouts: &Timeouts, seed: Seed, now: Tick) -> Result<Members, FleetError> {
    let specs: Vec<_> = pool
        .instances
        .iter()
        .map(|i| {
            let power = i.power.map(|p| Power { idle_w: p.idle_w, peak_w: p.peak_w, half: p.half });
            let named = MemberSpec::named(&i.name);
            let instance = InstanceConfig { power, ..named.instance };
            MemberSpec { weight: f64::from(i.weight), instance, ..named }
        })
        .collect();
    let strategy = match pool.placement {
        Placement::LeastTtft | Placement::BetterOfTwo => Strategy::LeastTtft,
        Placement::Weighted => Strategy::Weighted,
        Placement::PrefixAffinity => Strategy::PrefixAffinity,
        Placement::LeastEnergy => Strategy::LeastEnergy,
    };
    let usual = PlaceRule::default();
    let place = PlaceRule {
        strategy,
        two_choices: pool.placement == Placement::BetterOfTwo,
        max_ttft_ms: pool.energy_ttft_ms.map_or(usual.max_ttft_ms, |ms| ms as f64),
        ..usual
    };
    let config = MembersConfig {
        place,
        probe: Some(ProbeConfig { interval_ms: timeouts.probe_ms, ..ProbeConfig::default() }),
        ..MembersConfig::default()
    };
    Members::new(&specs, config, seed.derive(&pool.name), now)
        .map_err(|source| FleetError::Pool { pool: pool.name.clone(), source })
}
