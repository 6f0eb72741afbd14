//! Ranges of numbers, as bands have them.

use super::write::number;
use super::yaml::Node;

/// The numbers between two bounds, each of them within or not.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
    low_in: bool,
    high_in: bool,
}

impl Span {
    /// The numbers of a band.
    pub(super) fn of(output: &Node) -> Self {
        let bound = |key: &str| output.get(key).and_then(Node::number);
        Self {
            low: bound("gt").or_else(|| bound("gte")).unwrap_or(f64::NEG_INFINITY),
            high: bound("lt").or_else(|| bound("lte")).unwrap_or(f64::INFINITY),
            low_in: bound("gt").is_none(),
            high_in: bound("lt").is_none(),
        }
    }

    /// Whether a number lies in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let before = |a: &Self, b: &Self| a.low < b.high || (a.low <= b.high && a.low_in && b.high_in);
        before(self, other) && before(other, self)
    }

    /// Adds the numbers to `others`, in which no two meet.
    pub(super) fn join(mut self, others: &mut Vec<Self>) {
        others.retain(|other| {
            if !self.meets(other) {
                return true;
            }
            if other.low < self.low || (other.low <= self.low && other.low_in) {
                (self.low, self.low_in) = (other.low, other.low_in);
            }
            if other.high > self.high || (other.high >= self.high && other.high_in) {
                (self.high, self.high_in) = (other.high, other.high_in);
            }
            false
        });
        others.push(self);
    }

    /// The condition that `of` lies between the bounds.
    pub(super) fn test(&self, of: &str) -> String {
        let mut parts = Vec::new();
        if self.low.is_finite() {
            parts.push(format!("{of} {} {}", if self.low_in { ">=" } else { ">" }, number(self.low)));
        }
        if self.high.is_finite() {
            parts.push(format!("{of} {} {}", if self.high_in { "<=" } else { "<" }, number(self.high)));
        }
        if parts.is_empty() { "always".to_owned() } else { format!("({})", parts.join(" and ")) }
    }
}
