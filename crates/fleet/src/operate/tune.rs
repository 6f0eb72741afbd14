//! When to move the boundary and γ: only for a saving that is worth it and lasts.
//!
//! The rule, in order: too few requests, keep; the setting in force cannot meet its objective, change at once; the
//! best setting saves less than the threshold, keep; changed lately, keep; not yet seen often enough, keep; change.
//! Old and new are costed under the *same* demand, so noise in the demand moves both.

use crate::workload::JointLengths;

/// A boundary with the share above it that counts as borderline.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Setting {
    /// Most total tokens of a request of the short pool.
    pub boundary: u32,
    /// Requests up to this factor above it may be compressed below it; at least 1.
    pub gamma: f64,
}

/// What a setting costs under a demand. The planner behind it decides how exactly.
pub trait Costs {
    /// Cost in US dollars an hour; `None` where no fleet meets the objectives with it.
    fn cost(&self, lengths: &JointLengths, rate_per_s: f64, setting: Setting) -> Option<f64>;

    /// The cheapest setting and its cost; `None` where none meets the objectives.
    fn best(&self, lengths: &JointLengths, rate_per_s: f64) -> Option<(Setting, f64)>;
}

/// When a change is worth it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hysteresis {
    /// Requests that a window must hold to be believed.
    pub min_requests: u64,
    /// Saving as a share of today's cost below which nothing changes.
    pub min_saving: f64,
    /// How many times in a row the same better setting must be seen.
    pub confirmations: u32,
    /// How long a setting stays at least, in nanoseconds.
    pub hold_ns: u64,
}

impl Default for Hysteresis {
    /// 1,000 requests, 5 %, three times, ten minutes.
    fn default() -> Self {
        Self { min_requests: 1000, min_saving: 0.05, confirmations: 3, hold_ns: 600_000_000_000 }
    }
}

/// Why a setting was kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kept {
    /// The window holds too few requests.
    TooFew {
        /// How many.
        requests: u64,
    },
    /// No setting meets the objectives.
    NoneFeasible,
    /// The saving is too small.
    NotWorthIt {
        /// As a share of today's cost.
        saving: f64,
    },
    /// The last change is too recent.
    JustChanged,
    /// It must be seen more often.
    Unconfirmed {
        /// How many times so far.
        seen: u32,
    },
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Verdict {
    /// Leave it, and why.
    Keep(Kept),
    /// Change.
    Change {
        /// To this.
        to: Setting,
        /// Saving as a share of the cost of the setting before; `None` where that one met no objective.
        saving: Option<f64>,
    },
}

/// The setting in force, and what speaks for another.
#[derive(Clone, Debug)]
pub struct Tuner {
    setting: Setting,
    rule: Hysteresis,
    changed_ns: Option<u64>,
    /// The better setting seen last, and how many times in a row.
    seen: Option<(Setting, u32)>,
}

impl Tuner {
    /// Starts with a setting.
    #[must_use]
    pub fn new(setting: Setting, rule: Hysteresis) -> Self {
        Self { setting, rule, changed_ns: None, seen: None }
    }

    /// The setting in force.
    #[must_use]
    pub fn setting(&self) -> Setting {
        self.setting
    }

    /// Considers a window of `requests` requests at `now_ns`; a change is taken over.
    pub fn consider(
        &mut self,
        now_ns: u64,
        requests: u64,
        lengths: &JointLengths,
        rate_per_s: f64,
        costs: &impl Costs,
    ) -> Verdict {
        if requests < self.rule.min_requests {
            self.seen = None;
            return Verdict::Keep(Kept::TooFew { requests });
        }
        let Some((best, best_cost)) = costs.best(lengths, rate_per_s) else {
            self.seen = None;
            return Verdict::Keep(Kept::NoneFeasible);
        };
        let Some(cost) = costs.cost(lengths, rate_per_s, self.setting) else {
            return self.change(now_ns, best, None);
        };
        let saving = if cost > 0.0 { 1.0 - best_cost / cost } else { 0.0 };
        if saving < self.rule.min_saving || best == self.setting {
            self.seen = None;
            return Verdict::Keep(Kept::NotWorthIt { saving });
        }
        let before = self.seen.filter(|(candidate, _)| *candidate == best).map_or(0, |(_, times)| times);
        let seen = before.saturating_add(1);
        self.seen = Some((best, seen));
        if self.changed_ns.is_some_and(|changed| now_ns.saturating_sub(changed) < self.rule.hold_ns) {
            return Verdict::Keep(Kept::JustChanged);
        }
        if seen < self.rule.confirmations {
            return Verdict::Keep(Kept::Unconfirmed { seen });
        }
        self.change(now_ns, best, Some(saving))
    }

    fn change(&mut self, now_ns: u64, to: Setting, saving: Option<f64>) -> Verdict {
        self.setting = to;
        self.changed_ns = Some(now_ns);
        self.seen = None;
        Verdict::Change { to, saving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Cdf, JointLengths};

    const MINUTE: u64 = 60_000_000_000;

    /// Costs grow with the distance of the boundary from the mean total; below a floor nothing works.
    struct Toy;

    impl Costs for Toy {
        fn cost(&self, lengths: &JointLengths, _: f64, setting: Setting) -> Option<f64> {
            let mean = lengths.mean_prompt() + lengths.mean_output();
            (f64::from(setting.boundary) > mean / 4.0)
                .then(|| 100.0 * (1.0 + (f64::from(setting.boundary) / mean).ln().abs()))
        }

        fn best(&self, lengths: &JointLengths, rate: f64) -> Option<(Setting, f64)> {
            let settings = (8..16).map(|bits| Setting { boundary: 1 << bits, gamma: 1.0 });
            let costed = settings.filter_map(|s| Some((s, self.cost(lengths, rate, s)?)));
            costed.min_by(|a, b| a.1.total_cmp(&b.1))
        }
    }

    fn lengths(longest: u32) -> JointLengths {
        JointLengths::of_totals(&Cdf::new(vec![(longest, 1.0)]).unwrap(), 0.2).unwrap()
    }

    fn tuner() -> Tuner {
        Tuner::new(Setting { boundary: 1024, gamma: 1.0 }, Hysteresis::default())
    }

    #[test]
    fn noise_around_a_boundary_never_flaps() {
        let mut tuner = tuner();
        // The best boundary alternates between 1024 and 2048; the saving never lasts three times.
        for minute in 0..200 {
            let wave = if minute % 3 == 0 { 4200 } else { 2200 };
            let verdict = tuner.consider(minute * MINUTE, 5000, &lengths(wave), 1.0, &Toy);
            assert!(matches!(verdict, Verdict::Keep(_)), "{minute}: {verdict:?}");
        }
    }

    #[test]
    fn a_shift_that_lasts_changes_once() {
        let mut tuner = tuner();
        let verdicts: Vec<Verdict> =
            (0..60).map(|minute| tuner.consider(minute * MINUTE, 5000, &lengths(6000), 1.0, &Toy)).collect();
        let to = Setting { boundary: 4096, gamma: 1.0 };
        assert_eq!(verdicts[1], Verdict::Keep(Kept::Unconfirmed { seen: 2 }));
        assert!(
            matches!(verdicts[2], Verdict::Change { to: t, saving: Some(s) } if t == to && s > 0.05),
            "{:?}",
            verdicts[2]
        );
        assert!(verdicts[3..].iter().all(|v| matches!(v, Verdict::Keep(Kept::NotWorthIt { .. }))));
    }

    #[test]
    fn what_fails_is_left_at_once_but_a_saving_waits_its_turn() {
        let mut tuner = tuner();
        let failing = tuner.consider(0, 5000, &lengths(20_000), 1.0, &Toy);
        assert!(matches!(failing, Verdict::Change { saving: None, .. }), "{failing:?}");
        let mut held = 0;
        for minute in 1..20 {
            match tuner.consider(minute * MINUTE, 5000, &lengths(2000), 1.0, &Toy) {
                Verdict::Keep(Kept::JustChanged) => held += 1,
                Verdict::Change { .. } => break,
                Verdict::Keep(_) => {}
            }
        }
        assert_eq!((held, tuner.setting().boundary), (9, 1024));
    }

    #[test]
    fn confirmations_are_of_one_setting_without_a_gap() {
        let unconfirmed = |seen| Verdict::Keep(Kept::Unconfirmed { seen });
        // Two different savings in turn: none is ever confirmed.
        let mut alternating = tuner();
        for minute in 0..40 {
            let wave = if minute % 2 == 0 { 6000 } else { 1200 };
            let verdict = alternating.consider(minute * MINUTE, 5000, &lengths(wave), 1.0, &Toy);
            assert_eq!(verdict, unconfirmed(1), "{minute}");
        }
        // A window with too few requests between starts the count again.
        let mut gap = tuner();
        let counts = [5000, 5000, 10, 5000, 5000];
        let verdicts = (0..).zip(counts).map(|(m, n)| gap.consider(m * MINUTE, n, &lengths(6000), 1.0, &Toy));
        let few = Verdict::Keep(Kept::TooFew { requests: 10 });
        let expected = [unconfirmed(1), unconfirmed(2), few, unconfirmed(1), unconfirmed(2)];
        assert_eq!(verdicts.collect::<Vec<_>>(), expected);
    }

    /// A compressor that pays: γ moves on its own, once, and is kept.
    #[test]
    fn gamma_moves_when_it_pays() {
        struct Compressed;
        impl Costs for Compressed {
            fn cost(&self, lengths: &JointLengths, _: f64, setting: Setting) -> Option<f64> {
                // Of long requests a compressor saves a fifth for each half of γ, of short ones nothing.
                let pays = lengths.mean_prompt() > 2000.0;
                Some(100.0 - if pays { 40.0 * (setting.gamma - 1.0) } else { 0.0 })
            }

            fn best(&self, lengths: &JointLengths, rate: f64) -> Option<(Setting, f64)> {
                let settings = [1.0, 1.5, 2.0].map(|gamma| Setting { boundary: 1024, gamma });
                let costed = settings.map(|s| (s, self.cost(lengths, rate, s)));
                costed.into_iter().filter_map(|(s, c)| Some((s, c?))).min_by(|a, b| a.1.total_cmp(&b.1))
            }
        }
        let mut tuner = tuner();
        let mut changes = Vec::new();
        for minute in 0..60 {
            let longest = if minute < 20 { 1500 } else { 9000 };
            let verdict = tuner.consider(minute * MINUTE, 5000, &lengths(longest), 1.0, &Compressed);
            if let Verdict::Change { to, saving } = verdict {
                changes.push((minute, to, saving));
            }
        }
        let [(22, to, Some(saving))] = changes.as_slice() else { unreachable!("{changes:?}") };
        assert_eq!((to.boundary, to.gamma, tuner.setting().gamma), (1024, 2.0, 2.0));
        assert!((saving - 0.4).abs() < 1e-9);
    }

    #[test]
    fn few_requests_decide_nothing() {
        let verdict = tuner().consider(0, 999, &lengths(20_000), 1.0, &Toy);
        assert_eq!(verdict, Verdict::Keep(Kept::TooFew { requests: 999 }));
    }
}
