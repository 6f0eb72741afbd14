//! From a model of the atoms to signals that make it true, or to the reason why none do.
//!
//! Only what the asked conditions need is taken along: of a disjunction that holds, one part. The rest of the
//! signals stay as the solver left them.

use super::Question;
use super::atoms::{Atom, Axis, Texts};
use crate::analyse::domain::{Domain, value};
use crate::analyse::relations::Relation;
use crate::analyse::witness::{Claim, Range, Ranges, Search, fitting, search};
use rustsat::types::Lit;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tollgate_core::signal::{Signal, Value};

/// Boxes that are looked at for one model, and for each try to shorten the reason why there is no witness.
const BOXES: usize = 2_000;
const BOXES_SHORTENING: usize = 40;

/// Why there are no signals for a model.
pub(super) enum Refusal {
    /// These atoms cannot be true together.
    Because(Vec<Lit>),
    Unknown,
}

impl Question<'_> {
    /// Signals for the model just found, under which all of `roots` hold.
    pub(super) fn realise(&mut self, roots: &[Lit]) -> Result<Vec<Signal>, Refusal> {
        let needed = self.justify(roots);
        let mut signals = self.quiet();
        self.say_flags(&mut signals);
        let texts = std::mem::take(&mut self.atoms.texts);
        let said = texts.iter().try_for_each(|(signal, texts)| self.say_text(*signal, texts, &mut signals));
        self.atoms.texts = texts;
        said?;
        let claims: Vec<(Lit, Claim<'_>)> =
            needed.iter().filter_map(|lit| Some((*lit, self.claim(*lit)?))).collect();
        let ranges = self.ranges(&claims, &signals);
        let orders = self.orders(&claims);
        let all: Vec<Claim<'_>> =
            claims.iter().map(|(_, claim)| *claim).chain(orders.iter().copied()).collect();
        match search(&ranges, &all, BOXES) {
            Search::Found(point) => {
                point.say(&mut signals);
                Ok(signals)
            }
            Search::GaveUp => Err(Refusal::Unknown),
            Search::Never => Err(Refusal::Because(self.shorten(ranges, claims, &orders))),
        }
    }

    /// The atoms of the model that already make `roots` true.
    fn justify(&self, roots: &[Lit]) -> Vec<Lit> {
        let mut seen: HashSet<Lit> = HashSet::new();
        let mut open: Vec<Lit> = roots.to_vec();
        let mut needed = Vec::new();
        while let Some(lit) = open.pop() {
            if !seen.insert(lit) {
                continue;
            }
            match self.atoms.gates.get(&lit.var()) {
                None => {
                    needed.push(lit);
                    // An expression depends on the truth of the named conditions in it.
                    let read = self.atoms.meaning(lit).map(|atom| self.flags_of(atom)).unwrap_or_default();
                    open.extend(read.into_iter().filter_map(|node| self.flag_lit(node)));
                }
                Some(parts) if lit.is_pos() => open.extend(parts),
                Some(parts) => {
                    // One part that fails is enough; a plain one costs no search.
                    let failing = || parts.iter().filter(|part| self.solver.holds(!**part));
                    let plain = failing().find(|part| self.is_plain(**part));
                    open.extend(plain.or_else(|| failing().next()).map(|part| !*part));
                }
            }
        }
        needed.sort_unstable();
        needed
    }

    /// The literal of a named condition, as it is in the model.
    fn flag_lit(&self, node: u32) -> Option<Lit> {
        let lit = *self.nodes.get(&node)?;
        Some(if self.solver.holds(lit) { lit } else { !lit })
    }

    fn is_plain(&self, lit: Lit) -> bool {
        match self.atoms.meaning(lit) {
            Some(Atom::Flag(_) | Atom::Word(..) | Atom::Has(..) | Atom::Cut(Axis::Signal(_), _)) => true,
            Some(Atom::Like(..) | Atom::Cut(Axis::Num(_), _) | Atom::Pair(..) | Atom::Member(..)) => false,
            None => !self.atoms.gates.contains_key(&lit.var()),
        }
    }

    /// Every signal at rest: nothing matched, numbers 0, texts and sets without anything that a policy names.
    fn quiet(&self) -> Vec<Signal> {
        self.world.domains.iter().map(|domain| quiet(*domain)).collect()
    }

    /// Flags and numbers as in the model; signals that the question does not know follow those that it does.
    fn say_flags(&self, signals: &mut [Signal]) {
        for (signal, lit) in &self.atoms.flags {
            put(signals, *signal, Signal::flag(self.solver.holds(*lit)));
        }
        for axis in self.atoms.cuts.keys() {
            if let Axis::Signal(signal) = axis {
                put(signals, *signal, Signal::number(readable(self.region(*signal))));
            }
        }
        let matched =
            |signals: &[Signal], signal: u32| signals.get(signal as usize).is_some_and(|s| s.matched);
        for relation in self.world.relations.values().flatten() {
            let (a, b) = relation.ends();
            let known = self.atoms.flags.contains_key(&b);
            match relation {
                Relation::Implies(..) if !known && matched(signals, a) => put(signals, b, Signal::flag(true)),
                Relation::Covers(..) if !known && !matched(signals, a) => put(signals, b, Signal::flag(true)),
                Relation::Covers(..)
                    if known && !matched(signals, b) && !self.atoms.flags.contains_key(&a) =>
                {
                    put(signals, a, Signal::flag(true));
                }
                Relation::AtMost(..) => {
                    let number = |at: u32| signals.get(at as usize).map_or(0.0, |s| s.value.as_number());
                    let most = number(a).max(number(b));
                    put(signals, b, Signal::number(most));
                }
                _ => {}
            }
        }
    }

    /// The range of a number in the model, both ends included.
    fn region(&self, signal: u32) -> (f64, f64) {
        let Domain::Number { whole, most } = self.world.domain(signal) else { return (0.0, 0.0) };
        let (mut low, mut high) = (0.0, most);
        for (at, lit) in self.atoms.cuts.get(&Axis::Signal(signal)).into_iter().flatten() {
            if self.solver.holds(*lit) {
                low = value(*at);
            } else {
                high = if whole { value(*at) - 1.0 } else { value(*at - 1) };
                break;
            }
        }
        (low, high)
    }

    /// The atoms that bind a signal in the model.
    fn binding(&self, signal: u32) -> Vec<Lit> {
        let mut found: Vec<Lit> = Vec::new();
        let as_is = |lit: Lit| if self.solver.holds(lit) { lit } else { !lit };
        found.extend(self.atoms.flags.get(&signal).map(|lit| as_is(*lit)));
        let mut last = None;
        for lit in self.atoms.cuts.get(&Axis::Signal(signal)).into_iter().flatten().map(|(_, lit)| *lit) {
            if self.solver.holds(lit) {
                last = Some(lit);
            } else {
                found.push(!lit);
                break;
            }
        }
        found.extend(last);
        found.extend(self.atoms.texts.get(&signal).into_iter().flat_map(|texts| self.as_is(texts)));
        found
    }

    fn say_text(&self, signal: u32, texts: &Texts<'_>, signals: &mut [Signal]) -> Result<(), Refusal> {
        let held = |list: &[(&str, Lit)], holds: bool| -> Vec<String> {
            let held = list.iter().filter(|(_, lit)| self.solver.holds(*lit) == holds);
            held.map(|(text, _)| (*text).to_owned()).collect()
        };
        if !texts.has.is_empty() {
            put(signals, signal, Signal::set(held(&texts.has, true)));
        } else if let Some(word) = held(&texts.words, true).pop() {
            put(signals, signal, Signal::text(word));
        } else {
            let mut avoids = held(&texts.patterns, false);
            avoids.extend(held(&texts.words, false));
            match fitting(&held(&texts.patterns, true), &avoids) {
                Some(Some(text)) => put(signals, signal, Signal::text(text)),
                Some(None) => return Err(Refusal::Because(self.as_is(texts))),
                None => return Err(Refusal::Unknown),
            }
        }
        Ok(())
    }

    /// The atoms of a text or set, as they are in the model.
    fn as_is(&self, texts: &Texts<'_>) -> Vec<Lit> {
        let all = texts.words.iter().chain(&texts.patterns).chain(&texts.has);
        all.map(|(_, lit)| if self.solver.holds(*lit) { *lit } else { !*lit }).collect()
    }

    /// What an atom of the model claims of scores, groups and other expressions.
    fn claim(&self, lit: Lit) -> Option<Claim<'_>> {
        let num = |index: u32| self.atoms.nums.get(index as usize).copied();
        match self.atoms.meaning(lit)? {
            Atom::Cut(Axis::Num(index), at) => {
                Some(Claim::AtLeast { num: num(index)?, bound: value(at), holds: lit.is_pos() })
            }
            Atom::Pair(left, right, strict) => {
                Some(Claim::Pair { left: num(left)?, right: num(right)?, strict, holds: lit.is_pos() })
            }
            Atom::Member(group, member) => Some(Claim::Member { group, member, holds: lit.is_pos() }),
            Atom::Flag(_)
            | Atom::Word(..)
            | Atom::Like(..)
            | Atom::Has(..)
            | Atom::Cut(Axis::Signal(_), _) => None,
        }
    }

    fn reads(&self, claims: &[(Lit, Claim<'_>)]) -> BTreeSet<u32> {
        claims.iter().flat_map(|(_, claim)| claim.reads(self.world.table)).collect()
    }

    /// What the signals that the claims read may say in the model.
    fn ranges(&self, claims: &[(Lit, Claim<'_>)], said: &[Signal]) -> Ranges<'_> {
        let text = |signal: u32| {
            let known = self.atoms.texts.contains_key(&signal);
            known.then(|| said.get(signal as usize).cloned()).flatten()
        };
        let range = |signal: u32| {
            let range = match self.world.domain(signal) {
                Domain::Flag(least) => match self.atoms.flags.get(&signal) {
                    Some(lit) if self.solver.holds(*lit) => Range::Sure(least, 1.0),
                    Some(_) => Range::Off,
                    None => Range::Maybe(least),
                },
                Domain::Number { whole, .. } => {
                    let (low, high) = self.region(signal);
                    Range::Number { low, high, whole }
                }
                Domain::Set => {
                    let words = text(signal);
                    let low = words.as_ref().map_or(0.0, |words| words.value.as_number());
                    Range::Set { words, low, high: crate::table::HUGE }
                }
                Domain::Text(_) => Range::Text(text(signal)),
            };
            (signal, range)
        };
        let read: BTreeMap<u32, Range> = self.reads(claims).into_iter().map(range).collect();
        let atoms = claims.iter().filter_map(|(lit, _)| self.atoms.meaning(*lit));
        let flags = atoms.flat_map(|atom| self.flags_of(atom));
        let held = flags.filter_map(|node| Some((node, self.solver.holds(*self.nodes.get(&node)?))));
        Ranges::new(self.world, read, held.collect())
    }

    /// The orders between the numbers that the claims read.
    fn orders(&self, claims: &[(Lit, Claim<'_>)]) -> Vec<Claim<'static>> {
        let read = self.reads(claims);
        let of = read.iter().filter_map(|signal| self.world.relations.get(signal)).flatten();
        let both = of.filter_map(|relation| match *relation {
            Relation::AtMost(small, large) if read.contains(&small) && read.contains(&large) => {
                Some(Claim::Order { small, large })
            }
            _ => None,
        });
        both.collect()
    }

    /// A short reason: claims and signals without which there is still no witness are left out.
    fn shorten(
        &self,
        mut ranges: Ranges<'_>,
        mut claims: Vec<(Lit, Claim<'_>)>,
        orders: &[Claim<'_>],
    ) -> Vec<Lit> {
        let never = |ranges: &Ranges<'_>, claims: &[(Lit, Claim<'_>)]| {
            let all: Vec<Claim<'_>> =
                claims.iter().map(|(_, claim)| *claim).chain(orders.iter().copied()).collect();
            matches!(search(ranges, &all, BOXES_SHORTENING), Search::Never)
        };
        let mut at = 0;
        while at < claims.len() && claims.len() > 1 {
            let mut fewer = claims.clone();
            fewer.remove(at);
            if never(&ranges, &fewer) {
                claims = fewer;
            } else {
                at += 1;
            }
        }
        let mut cause: Vec<Lit> = claims.iter().map(|(lit, _)| *lit).collect();
        for (node, holds) in ranges.flags() {
            ranges.set_flag(node, None);
            if !never(&ranges, &claims) {
                ranges.set_flag(node, Some(holds));
                cause.extend(self.flag_lit(node));
            }
        }
        for signal in ranges.signals() {
            let held = ranges.widen(signal);
            if !never(&ranges, &claims) {
                ranges.put(signal, held);
                cause.extend(self.binding(signal));
            }
        }
        cause
    }
}

/// A number of a range with few digits: the smallest whole one, else the shortest fraction that is found.
fn readable((low, high): (f64, f64)) -> f64 {
    let with_digits = |digits: i32| {
        let unit = 10_f64.powi(digits);
        let found = (low * unit).ceil() / unit;
        (low <= found && found <= high).then_some(found)
    };
    (0..15).find_map(with_digits).unwrap_or(low)
}

/// The signal at rest.
fn quiet(domain: Domain) -> Signal {
    match domain {
        Domain::Flag(_) => Signal::flag(false),
        Domain::Number { .. } => Signal::number(0.0),
        Domain::Text(words) => Signal::text(words.first().copied().unwrap_or("other")),
        Domain::Set => {
            Signal { matched: false, ..Signal { value: Value::Set(Vec::new()), ..Signal::flag(false) } }
        }
    }
}

fn put(signals: &mut [Signal], at: u32, signal: Signal) {
    if let Some(slot) = signals.get_mut(at as usize) {
        *slot = signal;
    }
}
