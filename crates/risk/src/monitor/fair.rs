//! Whether groups of people are approved alike: selection rates, and approval of those who would have paid.

use crate::table::Column;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most groups of an attribute; one with more values is cut at its quartiles.
const GROUPS_MAX: usize = 12;
/// Fewest users of a group whose rates mean something.
const USERS_MIN: usize = 30;

/// One group of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value of the attribute.
    pub name: String,
    /// Users.
    pub users: usize,
    /// Share that is approved.
    pub selected: f64,
    /// Share that is approved of those who did not default; none where no outcome is known.
    pub opportunity: Option<f64>,
    /// Mean probability.
    pub expected: f64,
    /// Share of defaults of those with an outcome.
    pub observed: Option<f64>,
}

/// How alike groups are treated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// The attribute.
    pub attribute: String,
    /// Users with a probability below this are approved; none where everybody is.
    pub threshold: Option<f64>,
    /// Groups of enough users, by name.
    pub groups: Vec<Group>,
    /// The least selection rate over the largest (below 0.8 is taken as adverse impact: the four-fifths rule, 29 CFR
    /// 1607.4 D).
    pub ratio: f64,
    /// The largest difference in the approval of those who did not default (equal opportunity: Hardt et al. 2016).
    pub gap: f64,
}

/// The group of each row of a column; empty where it has no value.
#[must_use]
pub fn groups(column: &Column, rows: usize) -> Vec<String> {
    let shown: Vec<String> = (0..rows).map(|row| column.shown(row)).collect();
    let mut values: Vec<&String> = shown.iter().filter(|s| !s.is_empty()).collect();
    values.sort();
    values.dedup();
    if values.len() <= GROUPS_MAX {
        return shown;
    }
    let numbers: Vec<f64> = (0..rows).map(|row| column.number(row)).collect();
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|n| n.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let cuts: Vec<f64> =
        (1..4).filter_map(|q| sorted.get((sorted.len() * q / 4).saturating_sub(1)).copied()).collect();
    let name = |n: &f64| match cuts.iter().position(|cut| n <= cut) {
        _ if !n.is_finite() => String::new(),
        Some(0) => format!("up to {}", cuts[0]),
        Some(i) => format!("above {} up to {}", cuts[i - 1], cuts[i]),
        None => cuts.last().map_or_else(String::new, |cut| format!("above {cut}")),
    };
    numbers.iter().map(name).collect()
}

/// Compares groups when the share `approved` of users with the lowest probabilities is approved.
///
/// `group` names each user's group (empty: not compared), `labels` the outcome where it is known. None where fewer than
/// two groups have users enough.
#[must_use]
pub fn fairness(
    attribute: &str,
    group: &[String],
    scores: &[f64],
    labels: &[Option<bool>],
    approved: f64,
) -> Option<Fairness> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * approved.clamp(0.0, 1.0)) as usize;
    let threshold = sorted.get(place).copied();
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (user, name) in group.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        members.entry(name).or_default().push(user);
    }
    let share = |users: &[usize], keep: &dyn Fn(usize) -> bool| {
        users.iter().filter(|u| keep(**u)).count() as f64 / users.len().max(1) as f64
    };
    let of = |(name, users): (&str, Vec<usize>)| {
        let paid: Vec<usize> = users.iter().copied().filter(|u| labels[*u] == Some(false)).collect();
        let known: Vec<usize> = users.iter().copied().filter(|u| labels[*u].is_some()).collect();
        let chosen =
            |user: usize| threshold.map_or(!scores[user].is_nan(), |threshold| scores[user] < threshold);
        Group {
            name: name.to_owned(),
            users: users.len(),
            selected: share(&users, &chosen),
            opportunity: (!paid.is_empty()).then(|| share(&paid, &chosen)),
            expected: users.iter().map(|u| scores[*u]).sum::<f64>() / users.len().max(1) as f64,
            observed: (!known.is_empty()).then(|| share(&known, &|u| labels[u] == Some(true))),
        }
    };
    let groups: Vec<Group> = members.into_iter().filter(|(_, u)| u.len() >= USERS_MIN).map(of).collect();
    if groups.len() < 2 {
        return None;
    }
    let span = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(v), m.max(v)))
    };
    let (least, most) = span(&mut groups.iter().map(|g| g.selected));
    let (low, high) = span(&mut groups.iter().filter_map(|g| g.opportunity));
    Some(Fairness {
        attribute: attribute.to_owned(),
        threshold,
        ratio: if most > 0.0 { least / most } else { 1.0 },
        gap: if high > low { high - low } else { 0.0 },
        groups,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Data;

    #[test]
    fn rates_are_compared_group_by_group() {
        // Forty of each; a's scores run 0.00 to 0.39, b's 0.20 to 0.59; half of all are approved: below 0.295 or so.
        let scores: Vec<f64> =
            (0..40).map(|i| f64::from(i) / 100.0).chain((20..60).map(|i| f64::from(i) / 100.0)).collect();
        let group: Vec<String> = (0..80).map(|i| if i < 40 { "a" } else { "b" }.to_owned()).collect();
        let labels: Vec<Option<bool>> = (0..80).map(|i| Some(i % 4 == 3)).collect();
        let found = fairness("kind", &group, &scores, &labels, 0.5).unwrap();
        assert!((found.groups[0].selected - 0.75).abs() < 1e-9, "{found:?}");
        assert!((found.groups[1].selected - 0.25).abs() < 1e-9, "{found:?}");
        assert!((found.ratio - 1.0 / 3.0).abs() < 1e-9);
        assert!(found.gap > 0.45 && found.gap < 0.55, "{}", found.gap);
        // Who approves everybody has no threshold, and what is kept of it can be read again.
        let all = fairness("kind", &group, &scores, &labels, 1.0).unwrap();
        assert_eq!((all.threshold, all.ratio), (None, 1.0));
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Fairness>(&text).unwrap().threshold, None);
        assert_eq!(fairness("kind", &vec!["a".into(); 80], &scores, &labels, 0.5), None);
    }

    #[test]
    fn many_numbers_are_cut_at_quartiles() {
        let column = Column { data: Data::Int((0..100).collect()), absent: None, dated: false };
        let found = groups(&column, 100);
        assert_eq!((found[0].as_str(), found[24].as_str()), ("up to 24", "up to 24"));
        assert_eq!((found[25].as_str(), found[99].as_str()), ("above 24 up to 49", "above 74"));
    }
}
