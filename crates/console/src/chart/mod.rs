//! Small SVG charts: bars and lines over time, sparklines, and bars of shares.
//!
//! Shapes are stretched to the width of their box and strokes keep their width; labels are HTML, so that they stay
//! legible at any size. Nothing here uses a style attribute, which the console's policy forbids. A value that is
//! absent, negative or not finite leaves a gap.

mod plot;
mod scale;
mod shares;
mod spark;

pub(crate) use plot::plot;
pub(crate) use shares::{Part, shares};
pub(crate) use spark::spark;

use crate::format::{TimeStyle, when};
use maud::{Markup, html};
use scale::nice_max;
use std::fmt::Write as _;
use tollgate_core::Timestamp;

/// Most points of one chart; of more, the newest are drawn.
pub(crate) const POINTS_MAX: usize = 400;
/// Height of the drawing in its own units.
const HEIGHT: f64 = 100.0;
/// Width of one step in the same units.
const STEP: f64 = 10.0;

/// How the values are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Bars, stacked in the order of the series.
    Bars,
    /// One line per series.
    Lines,
}

/// One row of values.
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) name: &'static str,
    /// Its colour: `c1` to `c4`.
    pub(crate) class: &'static str,
    /// Its values, one per step.
    pub(crate) values: Vec<Option<f64>>,
}

/// A chart over time.
pub(crate) struct Chart<'a> {
    /// What it shows.
    pub(crate) title: &'static str,
    /// How the values are drawn.
    pub(crate) shape: Shape,
    /// Start of each step.
    pub(crate) starts: &'a [Timestamp],
    /// The values.
    pub(crate) series: Vec<Series>,
    /// How a value is printed.
    pub(crate) print: fn(f64) -> String,
}

impl Chart<'_> {
    /// The chart as a figure.
    pub(crate) fn render(&self) -> Markup {
        let first = self.starts.len().saturating_sub(POINTS_MAX);
        let starts = self.starts.get(first..).unwrap_or_default();
        let rows: Vec<Vec<Option<f64>>> = self.series.iter().map(|s| window(&s.values, first)).collect();
        let peak = self.peak(&rows, starts.len());
        let top = nice_max(peak);
        // Half of a small whole number may print like the whole; one label is enough then.
        let (upper, middle) = ((self.print)(top), (self.print)(top / 2.0));
        let width = STEP * starts.len().max(1) as f64;
        html! {
            figure.chart {
                figcaption { span.chart-title { (self.title) }
                    span.legend { @for (series, row) in self.series.iter().zip(&rows) {
                        span.key { i.(series.class) {} (series.name) " " b { (self.latest(row)) } }
                    } }
                }
                div.plot {
                    @if peak > 0.0 {
                        span.y-top aria-hidden="true" { (upper) }
                        @if middle != upper { span.y-mid aria-hidden="true" { (middle) } }
                    } @else {
                        span.nothing { "nothing in this window" }
                    }
                    svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(self.summary(&rows)) {
                        path.grid d=(format!("M0 {half}H{width}M0 0H{width}M0 {HEIGHT}H{width}", half = HEIGHT / 2.0)) {}
                        @match self.shape { Shape::Bars => (self.bars(&rows, top)), Shape::Lines => (self.lines(&rows, top)) }
                        @for (at, start) in starts.iter().enumerate() {
                            rect.hover x=(at as f64 * STEP) y="0" width=(STEP) height=(HEIGHT) { title { (self.point(*start, at, &rows)) } }
                        }
                    }
                }
                @if let (Some(from), Some(to)) = (starts.first(), starts.last()) {
                    div.x-axis aria-hidden="true" { (when(*from, TimeStyle::Minute)) (when(*to, TimeStyle::Minute)) }
                }
            }
        }
    }

    fn peak(&self, rows: &[Vec<Option<f64>>], steps: usize) -> f64 {
        let at_step = |at: usize| rows.iter().filter_map(move |row| row.get(at).copied().flatten());
        let of_step = |at: usize| match self.shape {
            Shape::Bars => at_step(at).sum(),
            Shape::Lines => at_step(at).fold(0.0, f64::max),
        };
        (0..steps).map(of_step).fold(0.0, f64::max)
    }

    fn bars(&self, rows: &[Vec<Option<f64>>], top: f64) -> Markup {
        let mut floors: Vec<f64> = Vec::new();
        html! { @for (series, row) in self.series.iter().zip(rows) {
            @let path = stack(row, &mut floors, top);
            path.(series.class) d=(path) {}
        } }
    }

    fn lines(&self, rows: &[Vec<Option<f64>>], top: f64) -> Markup {
        html! { @for (series, row) in self.series.iter().zip(rows) {
            path.line.(series.class) d=(line(row, STEP, HEIGHT, top)) {}
        } }
    }

    fn latest(&self, row: &[Option<f64>]) -> String {
        row.iter().rev().find_map(|v| *v).map_or_else(|| crate::format::NONE.into(), self.print)
    }

    fn point(&self, start: Timestamp, at: usize, rows: &[Vec<Option<f64>>]) -> String {
        let mut text = start.to_string().get(..16).unwrap_or_default().replace('T', " ");
        text.push_str(" UTC");
        for (series, row) in self.series.iter().zip(rows) {
            let value = row.get(at).copied().flatten();
            let value = value.map_or_else(|| crate::format::NONE.into(), self.print);
            // Writing to a string does not fail.
            let _ = write!(text, "\n{}: {value}", series.name);
        }
        text
    }

    /// What a reader who does not see the picture gets: the latest and the highest value of each row.
    fn summary(&self, rows: &[Vec<Option<f64>>]) -> String {
        let mut text = format!("{} over time", self.title);
        for (series, row) in self.series.iter().zip(rows) {
            let peak = row.iter().flatten().copied().fold(0.0, f64::max);
            let _ = write!(
                text,
                "; {}: latest {}, highest {}",
                series.name,
                self.latest(row),
                (self.print)(peak)
            );
        }
        text
    }
}

/// The values from `first` on, the ones that cannot be drawn left out.
fn window(values: &[Option<f64>], first: usize) -> Vec<Option<f64>> {
    let drawable = |v: &Option<f64>| v.filter(|v| v.is_finite() && *v >= 0.0);
    values.iter().skip(first).map(drawable).collect()
}

/// Bars on top of `floors`, which rise by them.
fn stack(row: &[Option<f64>], floors: &mut Vec<f64>, top: f64) -> String {
    floors.resize(row.len().max(floors.len()), 0.0);
    let mut path = String::new();
    for ((at, value), floor) in row.iter().enumerate().zip(floors.iter_mut()) {
        let Some(value) = value.filter(|v| *v > 0.0) else { continue };
        let (low, high) = (y(*floor, top, HEIGHT), y(*floor + value, top, HEIGHT));
        let (left, right) = (at as f64 * STEP + 1.0, (at + 1) as f64 * STEP - 1.0);
        let _ = write!(path, "M{left} {low:.2}V{high:.2}H{right}V{low:.2}Z");
        *floor += value;
    }
    path
}

/// A line with gaps; a value alone between gaps becomes a short stroke.
fn line(row: &[Option<f64>], step: f64, height: f64, top: f64) -> String {
    let mut path = String::new();
    let mut open = false;
    for (at, value) in row.iter().enumerate() {
        let Some(value) = value else {
            open = false;
            continue;
        };
        let (x, y) = (at as f64 * step + step / 2.0, y(*value, top, height));
        let alone = !open && row.get(at + 1).copied().flatten().is_none();
        let _ = match (open, alone) {
            (true, _) => write!(path, "L{x} {y:.2}"),
            (false, false) => write!(path, "M{x} {y:.2}"),
            (false, true) => write!(path, "M{} {y:.2}h{}", x - step / 3.0, step * 2.0 / 3.0),
        };
        open = true;
    }
    path
}

/// Height above the ground, downwards as SVG counts.
fn y(value: f64, top: f64, height: f64) -> f64 {
    if top > 0.0 { height - (value / top).clamp(0.0, 1.0) * height } else { height }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chart(shape: Shape, values: Vec<Option<f64>>) -> String {
        let starts: Vec<_> = (0..values.len()).map(|i| Timestamp(i as i64 * 60_000_000)).collect();
        let series = vec![Series { name: "requests", class: "c1", values }];
        let print = |v: f64| format!("{v}");
        Chart { title: "Requests", shape, starts: &starts, series, print }.render().into_string()
    }

    #[test]
    fn a_line_breaks_at_gaps_and_shows_lonely_points() {
        let row = [Some(0.0), Some(10.0), None, Some(5.0), None];
        assert_eq!(
            line(&row, 10.0, 100.0, 10.0),
            "M5 100.00L15 0.00M31.666666666666668 50.00h6.666666666666667"
        );
    }

    #[test]
    fn bars_stack() {
        let mut floors = Vec::new();
        assert_eq!(stack(&[Some(5.0)], &mut floors, 10.0), "M1 100.00V50.00H9V100.00Z");
        assert_eq!(stack(&[Some(5.0)], &mut floors, 10.0), "M1 50.00V0.00H9V50.00Z");
    }

    #[test]
    fn an_empty_chart_is_still_a_chart() {
        let html = chart(Shape::Bars, vec![]);
        assert!(html.contains("viewBox=\"0 0 10 100\"") && html.contains("nothing in this window"));
        assert!(!html.contains("y-top"), "a scale of nothing says nothing");
    }

    #[test]
    fn only_the_newest_points_are_drawn() {
        let html = chart(Shape::Bars, vec![Some(1.0); POINTS_MAX + 7]);
        assert_eq!(html.matches("class=\"hover\"").count(), POINTS_MAX);
        assert!(html.contains(&format!("viewBox=\"0 0 {} 100\"", POINTS_MAX * 10)));
    }

    proptest! {
        #[test]
        fn no_number_breaks_a_chart(values in prop::collection::vec(prop::option::of(any::<f64>()), 0..40), bars: bool) {
            let html = chart(if bars { Shape::Bars } else { Shape::Lines }, values);
            prop_assert!(!html.contains("NaN") && !html.contains("inf"));
        }
    }
}
