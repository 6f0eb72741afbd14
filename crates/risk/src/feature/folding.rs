//! Features that only a fold can see: what changed at a user's own merchants.

use super::aggregate::Out;
use super::view::{Moments, View};
use crate::dataset::DAY;

/// Visits in each of two parts that make a merchant one to compare.
const VISITS_MIN: f64 = 2.0;

/// What one merchant says.
#[derive(Default)]
struct Habit {
    /// Visits and mean of log amounts in the first, middle and last third.
    thirds: [Moments; 3],
    halves: [Moments; 2],
    all: Moments,
    gaps: Moments,
    last: f64,
}

/// Writes the fold features of one user.
pub(super) fn write(view: &View, out: &mut Out<'_>) {
    let habits: Vec<Habit> = view.groups.iter().map(|(_, range)| habit(view, range.clone())).collect();
    shape(&habits, out);
    let thirds = |h: &Habit| shift(&h.thirds[0], &h.thirds[2]);
    let halves = |h: &Habit| shift(&h.halves[0], &h.halves[1]);
    drift("thirds", &habits, thirds, out);
    drift("halves", &habits, halves, out);
    turnover(&habits, out);
}

fn habit(view: &View, range: std::ops::Range<usize>) -> Habit {
    let mut habit = Habit::default();
    let mut before: Option<i64> = None;
    for s in &view.seen[range] {
        let log = f64::from(s.log);
        habit.all.add(log);
        habit.thirds[((s.at * 3.0) as usize).min(2)].add(log);
        habit.halves[usize::from(s.at >= 0.5)].add(log);
        if let Some(before) = before {
            habit.gaps.add(((s.time - before) as f64 / DAY as f64).ln_1p());
        }
        before = Some(s.time);
        habit.last = f64::from(s.at);
    }
    habit
}

/// How far the mean log amount moved, where both parts have visits enough.
fn shift(first: &Moments, last: &Moments) -> Option<f64> {
    (first.count >= VISITS_MIN && last.count >= VISITS_MIN).then(|| last.mean_or(0.0) - first.mean_or(0.0))
}

fn shape(habits: &[Habit], out: &mut Out<'_>) {
    let visits: f64 = habits.iter().map(|h| h.all.count).sum();
    let n = visits.max(1.0);
    let (mut top, mut herfindahl, mut entropy, mut once) = (Vec::new(), 0.0, 0.0, 0.0);
    let (mut within, mut regular) = (Moments::default(), Moments::default());
    for h in habits {
        let share = h.all.count / n;
        top.push(share);
        herfindahl += share * share;
        entropy -= share * share.max(1e-12).ln();
        once += f64::from(u8::from(h.all.count == 1.0));
        if h.all.count >= 3.0 {
            within.add(h.all.deviation());
            regular.add(h.gaps.deviation());
        }
    }
    top.sort_by(|a, b| b.total_cmp(a));
    let merchants = habits.len().max(1) as f64;
    out.all(
        "fold",
        [
            ("merchants", (habits.len() as f64).ln_1p()),
            ("top share", top.first().copied().unwrap_or(0.0)),
            ("top three share", top.iter().take(3).sum()),
            ("concentration", herfindahl),
            ("entropy", entropy),
            ("seen once", once / merchants),
            ("spread of amounts", within.mean_or(0.0)),
            ("irregularity", regular.mean_or(0.0)),
            ("visits per merchant", (n / merchants).ln()),
        ],
    );
}

fn drift(name: &str, habits: &[Habit], of: impl Fn(&Habit) -> Option<f64>, out: &mut Out<'_>) {
    let (mut size, mut signed, mut weighted, mut weights) =
        (Moments::default(), Moments::default(), 0.0, 0.0);
    for (h, d) in habits.iter().filter_map(|h| of(h).map(|d| (h, d))) {
        size.add(d.abs());
        signed.add(d);
        weighted += d.abs() * h.all.count;
        weights += h.all.count;
    }
    // Nothing to compare: about the drift of an ordinary user.
    let mean = size.mean_or(0.25);
    let values = [
        ("drift", (0.05 + mean).ln()),
        ("drift mean", mean),
        ("drift largest", size.most),
        ("drift deviation", signed.deviation()),
        ("drift signed", signed.mean_or(0.0)),
        ("drift by visits", if weights > 0.0 { weighted / weights } else { mean }),
        ("drift squared", mean * mean),
        ("compared", size.count.ln_1p()),
        ("none compared", f64::from(u8::from(size.count == 0.0))),
    ];
    for (what, value) in values {
        out.put(|| format!("fold:{what}, {name}"), value);
    }
}

fn turnover(habits: &[Habit], out: &mut Out<'_>) {
    let (mut early, mut late, mut lost, mut gained) = (0.0f64, 0.0f64, 0.0, 0.0);
    let (mut stopped, mut moved) = (0.0, 0.0);
    for h in habits {
        let [first, second] = [h.halves[0].count, h.halves[1].count];
        early += first;
        late += second;
        lost += if second == 0.0 { first } else { 0.0 };
        gained += if first == 0.0 { second } else { 0.0 };
        stopped += f64::from(u8::from(h.all.count >= 4.0 && h.last < 0.75));
    }
    for h in habits {
        moved += (h.halves[1].count / late.max(1.0) - h.halves[0].count / early.max(1.0)).abs();
    }
    out.all(
        "fold",
        [
            ("lost merchants", lost / early.max(1.0)),
            ("new merchants", gained / late.max(1.0)),
            ("habits stopped", stopped),
            ("visits moved", moved / 2.0),
        ],
    );
}
