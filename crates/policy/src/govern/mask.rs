//! Masks: a class of data may leave where its bounds hold it, once what makes it personal is replaced.
//!
//! A class with `mask` lets a request go masked to places that its bounds do not allow; one without bounds masks
//! everywhere. Whoever masks asks the class again, of the masked request ([`Clearance::carry`]): where it still carries the
//! class (a name that has no form, a number in the definition of a tool), the bounds hold as if there were no mask.

use super::admit::admits;
use super::{Ask, Clearance, Denial, Guard, GuardKind, Place, Topic};
use crate::decide::Decision;

impl Clearance {
    /// Whether the policy knows classes of data at all, whether or not one binds.
    #[must_use]
    pub fn classifies(&self) -> bool {
        self.governance.rules.iter().any(|guard| guard.kind == GuardKind::Data)
    }

    /// Types of personal data that binding classes mask; none where nothing is masked.
    #[must_use]
    pub fn masking(&self) -> Vec<&str> {
        types(self.all_of())
    }

    /// Types that are masked in a request where a binding class asks for it, those of its route (`by_route`) included;
    /// nothing where no class does.
    #[must_use]
    pub fn masks_of(&self, by_route: &[String]) -> Option<Vec<String>> {
        let mut all = self.masking();
        if all.is_empty() {
            return None;
        }
        all.extend(by_route.iter().map(String::as_str));
        Some(all.into_iter().map(str::to_owned).collect())
    }

    /// Types that must be masked before the request goes to `place`.
    #[must_use]
    pub fn masks(&self, ask: &Ask<'_>, place: &Place) -> Vec<&str> {
        types(self.all_of().filter(|guard| {
            self.repairs(guard) && (!guard.rights.bounds_places() || admits(guard, ask, place).is_err())
        }))
    }

    /// Goes on with what was decided of the masked request: the classes that it still carries are not repaired, and those
    /// that only it carries bind too.
    pub fn carry(&mut self, masked: &Decision) {
        self.carried = masked.binding.iter().copied().collect();
        let new: Vec<u32> = self.carried.iter().filter(|at| !self.rules.contains(at)).copied().collect();
        self.rules.extend(new);
    }

    /// Names of the classes that a mask was for and that the masked request still carries.
    #[must_use]
    pub fn unmasked(&self) -> Vec<String> {
        let held = |guard: &&Guard| !guard.rights.mask.is_empty() && self.carries(guard);
        self.all_of().filter(held).map(Guard::label).collect()
    }

    fn carries(&self, guard: &Guard) -> bool {
        let mut rules = self.carried.iter().filter_map(|at| self.governance.rules.get(*at as usize));
        rules.any(|rule| std::ptr::eq(rule, guard))
    }

    /// Whether a mask lets a request go where this guard's bounds do not.
    pub(super) fn repairs(&self, guard: &Guard) -> bool {
        !guard.rights.mask.is_empty() && !self.carries(guard)
    }

    /// Whether every class that only masks could be masked; asked of the clearance after [`Self::carry`].
    ///
    /// # Errors
    /// The denial of the first that could not: the request goes nowhere.
    pub fn repaired(&self) -> Result<(), Denial> {
        self.all_of().try_for_each(|guard| self.masked(guard))
    }

    /// Whether a class that only masks could be masked.
    pub(super) fn masked(&self, guard: &Guard) -> Result<(), Denial> {
        if guard.rights.mask.is_empty() || guard.rights.bounds_places() || !self.carries(guard) {
            return Ok(());
        }
        let name = &guard.name;
        let why =
            format!("what is masked still carries {name}: it stands where no mask reaches, or has no form");
        Err(Denial { rule: guard.label(), topic: Topic::Unread, subject: name.clone(), why, own: true })
    }
}

/// The types of all these guards, each once.
fn types<'g>(guards: impl Iterator<Item = &'g Guard>) -> Vec<&'g str> {
    let mut all: Vec<&str> = Vec::new();
    for word in guards.flat_map(|guard| &guard.rights.mask) {
        if !all.contains(&word.as_str()) {
            all.push(word);
        }
    }
    all
}
