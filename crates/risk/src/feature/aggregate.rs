//! Aggregates that need no fold: counts, amounts, gaps and balances by part of the window and by category.

use super::view::{Moments, Seen, View};
use crate::dataset::{DAY, Dataset};
use crate::table::NO_TEXT;

/// Parts of the window that are counted each for itself.
const SLICES: usize = 12;
/// Of a window longer than this a slice is longer than the last weeks, which are then counted for themselves.
const LONG_DAYS: i64 = 200;
/// The last days before the decision that are counted.
const RECENT: [i64; 3] = [30, 90, 180];
/// Added to a sum before its logarithm, in units of 100 minor ones: smooths users who hardly paid.
const SMOOTH: f64 = 10.0;

/// Where features go, with their names.
pub(super) struct Out<'a> {
    pub(super) names: Option<&'a mut Vec<String>>,
    pub(super) row: &'a mut Vec<f32>,
}

impl Out<'_> {
    pub(super) fn put(&mut self, name: impl FnOnce() -> String, value: f64) {
        if let Some(names) = &mut self.names {
            names.push(name());
        }
        self.row.push(if value.is_finite() { value as f32 } else { 0.0 });
    }

    /// A number as it is known; NaN, for models to treat as missing, where it is not.
    pub(super) fn known(&mut self, name: impl FnOnce() -> String, value: f32) {
        self.put(name, 0.0);
        if let Some(last) = self.row.last_mut() {
            *last = if value.is_finite() { value } else { f32::NAN };
        }
    }

    pub(super) fn all<const N: usize>(&mut self, head: &str, named: [(&str, f64); N]) {
        for (name, value) in named {
            self.put(|| format!("{head}:{name}"), value);
        }
    }
}

/// Writes the aggregates of one user.
pub(super) fn write(view: &View, data: &Dataset, categories: &[String], by_time: &[Seen], out: &mut Out<'_>) {
    totals(by_time, out);
    slices(by_time, out);
    calendar(by_time, out);
    balances(data, by_time, out);
    if data.length > LONG_DAYS * DAY {
        recent(data, by_time, out);
    }
    by_category(view, categories, out);
}

fn log_sum(sum: f64) -> f64 {
    (sum / 100.0 + SMOOTH).ln()
}

fn totals(seen: &[Seen], out: &mut Out<'_>) {
    let mut logs = Moments::default();
    let (mut into, mut from) = (0.0, 0.0);
    for s in seen {
        logs.add(f64::from(s.log));
        *(if s.amount < 0 { &mut from } else { &mut into }) += s.amount.unsigned_abs() as f64;
    }
    let at = |s: Option<&Seen>| s.map_or(0.0, |s| f64::from(s.at));
    out.all(
        "all",
        [
            ("count", (seen.len() as f64).ln_1p()),
            ("sum", log_sum(into + from)),
            ("mean", logs.mean_or(0.0)),
            ("deviation", logs.deviation()),
            ("largest", logs.most),
            ("first", at(seen.first())),
            ("last", at(seen.last())),
            ("balance of directions", log_sum(into) - log_sum(from)),
            ("mean amount", log_sum((into + from) / (seen.len().max(1)) as f64)),
        ],
    );
}

fn slices(seen: &[Seen], out: &mut Out<'_>) {
    let (mut count, mut sum) = ([0.0; SLICES], [0.0; SLICES]);
    let mut net = [0.0; SLICES];
    for s in seen {
        let slice = ((s.at * SLICES as f32) as usize).min(SLICES - 1);
        count[slice] += 1.0;
        sum[slice] += s.amount.unsigned_abs() as f64;
        net[slice] += s.amount as f64;
    }
    for slice in 0..SLICES {
        out.put(|| format!("slice:count {slice}"), f64::ln_1p(count[slice]));
        out.put(|| format!("slice:sum {slice}"), log_sum(sum[slice]));
    }
    let part = |of: &[f64; SLICES], from: usize, to: usize| of[from..to].iter().sum::<f64>();
    // The last part beside an equal share of what came before it.
    let trend = |from: usize| {
        let share = (SLICES - from) as f64 / from as f64;
        let late = log_sum(part(&sum, from, SLICES));
        let counts = part(&count, from, SLICES).ln_1p() - (part(&count, 0, from) * share).ln_1p();
        (late - log_sum(part(&sum, 0, from) * share), counts)
    };
    for (name, from) in [("half", 6), ("third", 8), ("quarter", 9), ("sixth", 10)] {
        let (sums, counts) = trend(from);
        out.put(|| format!("trend:sum in the last {name}"), sums);
        out.put(|| format!("trend:count in the last {name}"), counts);
    }
    let busiest = count.iter().copied().fold(0.0, f64::max);
    let used = count.iter().filter(|c| **c > 0.0).count() as f64;
    let signed = |x: f64| x.signum() * (x.abs() / 100.0).ln_1p();
    out.all(
        "slice",
        [
            ("busiest share", busiest / (seen.len().max(1)) as f64),
            ("used", used),
            ("net in all", signed(part(&net, 0, SLICES))),
            ("net late", signed(part(&net, 9, SLICES))),
        ],
    );
}

fn calendar(seen: &[Seen], out: &mut Out<'_>) {
    let (mut hours, mut weekend, mut month_start) = ([0.0; 4], 0.0, 0.0);
    let mut gaps = Moments::default();
    for (i, s) in seen.iter().enumerate() {
        hours[(s.time.rem_euclid(DAY) / 21_600) as usize] += 1.0;
        // The first of January 1970 was a Thursday.
        weekend += f64::from(u8::from((s.time.div_euclid(DAY) + 4).rem_euclid(7) % 6 == 0));
        month_start += f64::from(u8::from((s.time.div_euclid(DAY)).rem_euclid(30) < 5));
        if i > 0 {
            gaps.add(((s.time - seen[i - 1].time) as f64 / DAY as f64).ln_1p());
        }
    }
    let n = seen.len().max(1) as f64;
    out.all(
        "calendar",
        [
            ("night", hours[0] / n),
            ("morning", hours[1] / n),
            ("afternoon", hours[2] / n),
            ("weekend", weekend / n),
            ("early in 30 days", month_start / n),
            ("gap", gaps.mean_or(0.0)),
            ("gap deviation", gaps.deviation()),
            ("longest gap", gaps.most),
        ],
    );
}

fn balances(data: &Dataset, seen: &[Seen], out: &mut Out<'_>) {
    let names = data.mapping.events.as_ref().map_or(&[][..], |map| &map.numbers);
    for (name, column) in names.iter().zip(&data.folded.events.numbers) {
        let (mut all, mut late, mut early) = (Moments::default(), Moments::default(), Moments::default());
        let mut below = 0.0;
        let mut last = 0.0;
        for s in seen {
            let x = f64::from(column[s.event]);
            if x.is_finite() {
                all.add(x);
                (if s.at > 0.75 { &mut late } else { &mut early }).add(x);
                below += f64::from(u8::from(x < 0.0));
                last = x;
            }
        }
        let mean = all.mean_or(0.0);
        for (what, value) in [
            ("mean", mean),
            ("deviation", all.deviation()),
            ("relative deviation", all.deviation() / (mean.abs() + 1.0)),
            ("least", all.least),
            ("most", all.most),
            ("last", last),
            ("negative", below / all.count.max(1.0)),
            ("any negative", f64::from(u8::from(below > 0.0))),
            ("late", late.mean_or(mean) - early.mean_or(mean)),
            ("late least", if late.count > 0.0 { late.least } else { all.least }),
        ] {
            out.put(|| format!("number:{name} {what}"), value);
        }
    }
}

/// The last days before the decision, however long the window is: counts, money in and out, and the course of numbers.
fn recent(data: &Dataset, seen: &[Seen], out: &mut Out<'_>) {
    let names = data.mapping.events.as_ref().map_or(&[][..], |map| &map.numbers);
    for days in RECENT {
        let from = 1.0 - (days * DAY) as f64 / data.length as f64;
        let late = &seen[seen.partition_point(|s| f64::from(s.at) < from)..];
        let (mut into, mut gone, mut most) = (0.0, 0.0, 0.0f64);
        for s in late {
            let amount = s.amount.unsigned_abs() as f64;
            *(if s.amount < 0 { &mut gone } else { &mut into }) += amount;
            most = most.max(amount);
        }
        out.put(|| format!("recent:count of {days} days"), (late.len() as f64).ln_1p());
        out.put(|| format!("recent:in of {days} days"), log_sum(into));
        out.put(|| format!("recent:out of {days} days"), log_sum(gone));
        out.put(|| format!("recent:net of {days} days"), log_sum(into) - log_sum(gone));
        out.put(|| format!("recent:largest of {days} days"), log_sum(most));
        for (name, column) in names.iter().zip(&data.folded.events.numbers) {
            let mut moments = Moments::default();
            late.iter()
                .map(|s| f64::from(column[s.event]))
                .filter(|x| x.is_finite())
                .for_each(|x| moments.add(x));
            out.put(|| format!("number:{name} mean of {days} days"), moments.mean_or(0.0));
            out.put(|| format!("number:{name} least of {days} days"), moments.least);
            out.put(|| format!("number:{name} deviation of {days} days"), moments.deviation());
        }
    }
}

fn by_category(view: &View, categories: &[String], out: &mut Out<'_>) {
    #[derive(Clone, Copy, Default)]
    struct Cell {
        early: f64,
        late: f64,
        sum: f64,
        logs: f64,
    }
    let mut cells = vec![Cell::default(); categories.len()];
    let (mut early, mut late, mut sum) = (0.0f64, 0.0f64, 0.0);
    for s in &view.seen {
        let second = s.at >= 0.5;
        *(if second { &mut late } else { &mut early }) += 1.0;
        sum += s.amount.unsigned_abs() as f64;
        if s.category != NO_TEXT {
            let cell = &mut cells[s.category as usize];
            *(if second { &mut cell.late } else { &mut cell.early }) += 1.0;
            cell.sum += s.amount.unsigned_abs() as f64;
            cell.logs += f64::from(s.log);
        }
    }
    for (name, cell) in categories.iter().zip(&cells) {
        let count = cell.early + cell.late;
        let shift = cell.late / late.max(1.0) - cell.early / early.max(1.0);
        out.put(|| format!("category:{name} share"), count / (early + late).max(1.0));
        out.put(|| format!("category:{name} spend"), cell.sum / sum.max(1.0));
        out.put(|| format!("category:{name} shift"), if early.min(late) > 0.0 { shift } else { 0.0 });
        out.put(|| format!("category:{name} amount"), if count > 0.0 { cell.logs / count } else { 0.0 });
    }
}
