//! What is counted of one replication.

use crate::sim::instance::{Job, Refusal};
use crate::sim::stats::Sketch;
use crate::workload::Class;

/// How the measured requests of one class ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassTally {
    pub(crate) offered: u64,
    pub(crate) completed: u64,
    pub(crate) within: u64,
    pub(crate) too_long: u64,
    pub(crate) full: u64,
    pub(crate) impatient: u64,
    pub(crate) lost: u64,
    pub(crate) output_tokens: u64,
    pub(crate) ttft_s: Sketch,
    pub(crate) tpot_s: Sketch,
    pub(crate) e2e_s: Sketch,
}

/// How the measured requests ended, by class.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) classes: Vec<ClassTally>,
}

impl Tally {
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes: vec![ClassTally::default(); classes] }
    }

    fn class(&mut self, job: &Job) -> Option<&mut ClassTally> {
        let last = self.classes.len().checked_sub(1)?;
        if job.measured { self.classes.get_mut(usize::from(job.class).min(last)) } else { None }
    }

    pub(crate) fn offered(&mut self, job: &Job) {
        if let Some(class) = self.class(job) {
            class.offered += 1;
        }
    }

    pub(crate) fn refused(&mut self, job: &Job, why: Refusal) {
        if let Some(class) = self.class(job) {
            match why {
                Refusal::TooLong => class.too_long += 1,
                Refusal::Full => class.full += 1,
                Refusal::Impatient => class.impatient += 1,
            }
        }
    }

    pub(crate) fn lost(&mut self, job: &Job) {
        if let Some(class) = self.class(job) {
            class.lost += 1;
        }
    }

    pub(crate) fn completed(&mut self, job: &Job, first_s: f64, now_s: f64, classes: &[Class]) {
        let promise = classes.get(usize::from(job.class)).or(classes.last()).map(|class| class.slo);
        let Some(class) = self.class(job) else { return };
        let (ttft, e2e) = (first_s - job.arrival_s, now_s - job.arrival_s);
        let tpot = if job.output > 1 { (now_s - first_s) / f64::from(job.output - 1) } else { 0.0 };
        class.completed += 1;
        class.output_tokens += u64::from(job.output);
        class.ttft_s.observe(ttft);
        class.e2e_s.observe(e2e);
        if job.output > 1 {
            class.tpot_s.observe(tpot);
        }
        class.within += u64::from(promise.is_none_or(|slo| slo.holds(ttft * 1e3, tpot * 1e3, e2e * 1e3)));
    }
}
