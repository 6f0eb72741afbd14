//! The fleet as finitely many cells, a model at a kind of place, and which of them guards and routes leave open, as bits.
//!
//! Whatever is asked of guards together is an AND of their bits; words of why are made only for what is told.

use crate::effects::Route;
use crate::govern::admit::{admits, refuses_model, refuses_place};
use crate::govern::{Ask, Denial, Fleet, Guard, Place};
use std::collections::{BTreeMap, BTreeSet};

/// A model at one kind of place.
pub(super) struct Cell<'f> {
    pub(super) model: &'f str,
    cost_micro: Option<u64>,
    pub(super) place: &'f Place,
}

/// A set of cells.
#[derive(Clone)]
pub(super) struct Bits(Vec<u64>);

/// A guard with the cells that it leaves open.
pub(super) struct Held<'w> {
    pub(super) guard: &'w Guard,
    pub(super) open: Bits,
}

/// Models at kinds of places: instances of which the same is declared count once.
pub(super) fn cells(fleet: &Fleet) -> Vec<Cell<'_>> {
    let mut kinds = BTreeSet::new();
    let places = fleet.places.iter().filter(|place| {
        let joule = place.tokens_per_joule.map(f64::to_bits);
        kinds.insert((&place.pool, &place.provider, &place.region, place.on_premise, joule, &place.models))
    });
    places
        .flat_map(|place| {
            place.models.iter().map(move |model| Cell {
                model,
                cost_micro: fleet.price(model).map(|price| price.cost_micro(1, 1)),
                place,
            })
        })
        .collect()
}

impl Cell<'_> {
    pub(super) const fn ask(&self) -> Ask<'_> {
        Ask { model: self.model, cost_micro: self.cost_micro, unbounded: None }
    }

    /// Why a guard refuses it.
    pub(super) fn denial(&self, guard: &Guard) -> Option<Denial> {
        admits(guard, &self.ask(), self.place).err()
    }
}

impl Bits {
    fn of<'c, 'f: 'c>(cells: &'c [Cell<'f>], mut holds: impl FnMut(&'c Cell<'f>) -> bool) -> Self {
        let word = |cells: &'c [Cell<'f>], holds: &mut dyn FnMut(&'c Cell<'f>) -> bool| {
            cells.iter().enumerate().fold(0, |word, (at, cell)| word | (u64::from(holds(cell)) << at))
        };
        Self(cells.chunks(64).map(|cells| word(cells, &mut holds)).collect())
    }

    pub(super) fn all(cells: &[Cell<'_>]) -> Self {
        Self::of(cells, |_| true)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    fn set(&mut self, at: usize) {
        self.0.iter_mut().skip(at / 64).take(1).for_each(|word| *word |= 1 << (at % 64));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// How many words it has, at least one: what an AND costs.
    pub(super) const fn words(&self) -> u64 {
        self.0.len() as u64 + 1
    }
}

impl<'w> Held<'w> {
    pub(super) fn new(guard: &'w Guard, cells: &[Cell<'_>]) -> Self {
        // What may go masked is refused nowhere for certain.
        let open = if guard.rights.mask.is_empty() { opens(guard, cells) } else { Bits::all(cells) };
        Self { guard, open }
    }
}

/// The cells that a guard admits; each model and each place is asked once.
fn opens(guard: &Guard, cells: &[Cell<'_>]) -> Bits {
    let (mut models, mut last) = (BTreeMap::new(), None);
    Bits::of(cells, |cell| {
        let model = *models.entry(cell.model).or_insert_with(|| refuses_model(guard, &cell.ask()).is_none());
        // Cells of one place follow each other.
        let place = match last {
            Some((place, open)) if std::ptr::eq(place, cell.place) => open,
            _ => refuses_place(guard, cell.place).is_none(),
        };
        last = Some((cell.place, place));
        model && place
    })
}

/// Cells by model and by pool, from which those of a route are made.
pub(super) struct Index<'f> {
    models: BTreeMap<&'f str, Bits>,
    pools: BTreeMap<&'f str, Bits>,
    none: Bits,
}

impl<'f> Index<'f> {
    pub(super) fn new(cells: &[Cell<'f>]) -> Self {
        let none = Bits(vec![0; cells.len().div_ceil(64)]);
        let (mut models, mut pools) = (BTreeMap::new(), BTreeMap::new());
        for (at, cell) in cells.iter().enumerate() {
            models.entry(cell.model).or_insert_with(|| none.clone()).set(at);
            pools.entry(cell.place.pool.as_str()).or_insert_with(|| none.clone()).set(at);
        }
        Self { models, pools, none }
    }

    /// The cells that a route may use.
    pub(super) fn of(&self, route: &Route) -> Bits {
        let listed = route.effects.models.iter().filter_map(|candidate| self.models.get(&*candidate.model));
        let models = listed.fold(self.none.clone(), |all, of| all.or(of));
        match &route.effects.pool {
            Some(pool) => self.pools.get(&**pool).map_or_else(|| self.none.clone(), |pool| models.and(pool)),
            None => models,
        }
    }
}
