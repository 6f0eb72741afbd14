//! A picture with two axes: lines, steps and points, with marks across.
//!
//! Unlike the charts over time it is not stretched: it has its own labels and can stand in a file by itself. What is not
//! finite, or not above 0 on a logarithmic axis, is left out.

use super::scale::nice_max;
use crate::view::{Drawn, Mark, Plot, PlotPoint, PlotSeries, Scale, Shade};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Most points of one row; of more, every so manyth is drawn, and the last.
pub(crate) const PLOT_POINTS_MAX: usize = 400;
/// Most rows.
const SERIES_MAX: usize = 4;
const CLASSES: [&str; SERIES_MAX] = ["c1", "c2", "c3", "c4"];

/// The drawing's own units: the whole, and the room for labels on each side.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 46.0;

/// From values to places along one axis.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: Scale, floor: bool, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let shown = |v: &f64| v.is_finite() && v.abs() < 1e300 && (scale == Scale::Linear || *v > 1e-300);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        values.filter(shown).for_each(|v| (low, high) = (low.min(v), high.max(v)));
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        match scale {
            Scale::Linear => {
                // A height is read against nothing; a place along x is not, where all values are far from it.
                let from_zero = low >= 0.0 && (floor || low < high * 0.4);
                let span = if from_zero { nice_max(high) } else { high - low };
                (low, high) = if from_zero { (0.0, span) } else { (low - span * 0.05, high + span * 0.05) };
            }
            Scale::Log if low * 1.5 > high => (low, high) = (low / 2.0, high * 2.0),
            Scale::Log => {}
        }
        if high <= low {
            high = low + 1.0;
        }
        Self { scale, low, high, from, to }
    }

    /// Where a value stands; `None` where it cannot be shown.
    fn place(&self, value: f64) -> Option<f64> {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        };
        part.is_finite().then(|| self.from + part.clamp(-0.02, 1.02) * (self.to - self.from))
    }

    /// Values to label, at most about eight.
    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = nice_max((self.high - self.low) / 5.0);
                let first = (self.low / step).ceil();
                (0..8).map(|i| (first + f64::from(i)) * step).filter(|v| *v <= self.high * 1.0001).collect()
            }
            Scale::Log => {
                let decades = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
                let stride = ((decades.end() - decades.start()) / 6).max(1) as usize;
                let within: &[f64] = if stride == 1 && decades.end() - decades.start() <= 3 {
                    &[1.0, 2.0, 5.0]
                } else {
                    &[1.0]
                };
                let all = decades.step_by(stride).flat_map(|d| within.iter().map(move |m| m * 10f64.powi(d)));
                all.filter(|v| (self.low * 0.999..=self.high * 1.001).contains(v)).collect()
            }
        }
    }
}

/// A value as short as a label: `1.5k`, `20M`, `0.25`.
pub(crate) fn label(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if scaled.abs() >= 100.0 {
        0
    } else if scaled.abs() >= 10.0 {
        1
    } else {
        3
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// The picture as a figure.
pub(crate) fn plot(plot: &Plot) -> Markup {
    let rows: Vec<(&PlotSeries, Vec<&PlotPoint>)> =
        plot.series.iter().take(SERIES_MAX).map(|series| (series, thinned(&series.points))).collect();
    let points = || rows.iter().flat_map(|(_, points)| points.iter());
    let marks = |upright: bool| plot.marks.iter().filter(move |m| m.upright == upright).map(|m| m.at);
    let shaded = plot.shades.iter().flat_map(|shade| [shade.from, shade.to]);
    let along = points().map(|p| p.0).chain(marks(true)).chain(shaded);
    let x = Axis::new(plot.x_scale, false, along, LEFT, WIDTH - RIGHT);
    let y = Axis::new(plot.y_scale, true, points().map(|p| p.1).chain(marks(false)), HEIGHT - BOTTOM, TOP);
    html! {
        figure.chart.xy {
            figcaption { span.chart-title { (plot.title) }
                @if rows.len() > 1 { span.legend { @for ((series, _), class) in rows.iter().zip(CLASSES) {
                    span.key { i.(class) {} (series.name) }
                } } }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{}: {} against {}", plot.title, plot.y, plot.x)) {
                @for at in 0..plot.shades.len() { (shade(&plot.shades, at, &x)) }
                @for tick in x.ticks() { @if let Some(at) = x.place(tick) {
                    path.grid d=(format!("M{at:.1} {TOP}V{:.1}", HEIGHT - BOTTOM)) {}
                    text.tick x=(format!("{at:.1}")) y=(HEIGHT - BOTTOM + 15.0) text-anchor="middle" { (label(tick)) }
                } }
                @for tick in y.ticks() { @if let Some(at) = y.place(tick) {
                    path.grid d=(format!("M{LEFT} {at:.1}H{}", WIDTH - RIGHT)) {}
                    text.tick x=(LEFT - 6.0) y=(format!("{:.1}", at + 3.5)) text-anchor="end" { (label(tick)) }
                } }
                text.axis x=(f64::midpoint(LEFT, WIDTH - RIGHT)) y=(HEIGHT - 8.0) text-anchor="middle" { (plot.x) }
                text.axis x="0" y="11" { (plot.y) }
                @for mark in &plot.marks { (across(mark, &x, &y)) }
                @for ((series, points), class) in rows.iter().zip(CLASSES) { (row(series, points, class, &x, &y)) }
            }
        }
    }
}

fn thinned(points: &[PlotPoint]) -> Vec<&PlotPoint> {
    let stride = points.len().div_ceil(PLOT_POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    points
        .iter()
        .enumerate()
        .filter(|(at, _)| at % stride == 0 || *at == last)
        .map(|(_, point)| point)
        .collect()
}

fn across(mark: &Mark, x: &Axis, y: &Axis) -> Markup {
    let place = if mark.upright { x.place(mark.at) } else { y.place(mark.at) };
    let Some(at) = place else { return html! {} };
    let far = mark.upright && at > WIDTH * 0.7;
    let (path, left, top) = if mark.upright {
        (format!("M{at:.1} {TOP}V{:.1}", HEIGHT - BOTTOM), if far { at - 4.0 } else { at + 4.0 }, TOP + 24.0)
    } else {
        (format!("M{LEFT} {at:.1}H{}", WIDTH - RIGHT), LEFT + 6.0, at - 4.0)
    };
    html! {
        path.mark d=(path) {}
        text.mark x=(format!("{left:.1}")) y=(format!("{top:.1}")) text-anchor=(if far { "end" } else { "start" }) { (mark.name) }
    }
}

fn shade(all: &[Shade], index: usize, x: &Axis) -> Markup {
    let Some(one) = all.get(index) else { return html! {} };
    let (Some(from), Some(to)) = (x.place(one.from), x.place(one.to)) else { return html! {} };
    let first = all.iter().take(index).all(|other| other.name != one.name);
    let far = from > WIDTH * 0.6;
    html! {
        rect.shade x=(format!("{from:.1}")) y=(TOP) width=(format!("{:.1}", (to - from).max(2.0)))
            height=(HEIGHT - BOTTOM - TOP) { title { (one.name) } }
        @if first {
            text.mark x=(format!("{:.1}", if far { to - 4.0 } else { from + 4.0 })) y=(HEIGHT - BOTTOM - 8.0)
                text-anchor=(if far { "end" } else { "start" }) { (one.name) }
        }
    }
}

fn row(series: &PlotSeries, points: &[&PlotPoint], class: &str, x: &Axis, y: &Axis) -> Markup {
    let placed: Vec<(f64, f64, &PlotPoint)> =
        points.iter().filter_map(|point| Some((x.place(point.0)?, y.place(point.1)?, *point))).collect();
    let path = path(points, series.drawn, x, y);
    let says = |point: &PlotPoint| {
        if point.2.is_empty() {
            format!("{}: {}, {}", series.name, label(point.0), label(point.1))
        } else {
            point.2.clone()
        }
    };
    html! {
        @if series.drawn != Drawn::Points { path.line.(class) d=(path) {} }
        @for (left, top, point) in &placed {
            circle.(class).hover[series.drawn != Drawn::Points] cx=(format!("{left:.1}")) cy=(format!("{top:.1}")) r="4" {
                title { (says(point)) }
            }
        }
    }
}

/// The line through points; where one has no height, it ends and begins anew behind it.
fn path(points: &[&PlotPoint], drawn: Drawn, x: &Axis, y: &Axis) -> String {
    let (mut path, mut down) = (String::new(), false);
    for point in points {
        let Some(left) = x.place(point.0) else { continue };
        // Writing to a string does not fail.
        let _ = match (y.place(point.1), drawn) {
            (Some(top), _) if !down => write!(path, "M{left:.1} {top:.1}"),
            (Some(top), Drawn::Steps) => write!(path, "H{left:.1}V{top:.1}"),
            (Some(top), _) => write!(path, "L{left:.1} {top:.1}"),
            (None, Drawn::Steps) if down => write!(path, "H{left:.1}"),
            (None, _) => Ok(()),
        };
        down = y.place(point.1).is_some();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(points: Vec<(f64, f64)>, x_scale: Scale, drawn: Drawn) -> String {
        let points = points.into_iter().map(|(x, y)| (x, y, String::new())).collect();
        let series = vec![PlotSeries { name: "a <b>".into(), drawn, points }];
        let marks = vec![Mark { name: "limit".into(), at: 5.0, upright: true }];
        plot(&Plot { title: "t".into(), x_scale, series, marks, ..Plot::default() }).into_string()
    }

    #[test]
    fn values_stand_where_the_axes_say() {
        let html = with(vec![(1.0, 0.0), (100.0, 10.0)], Scale::Log, Drawn::Line);
        assert!(html.contains("M64.0 284.0L624.0 28.0"), "{html}");
        assert!(html.contains(">limit<") && html.contains("a &lt;b&gt;"));
        assert!(
            with(vec![(0.0, 1.0), (10.0, 2.0)], Scale::Linear, Drawn::Steps)
                .contains("M64.0 156.0H624.0V28.0")
        );
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known_and_a_stretch_is_set_off() {
        let gap = vec![(0.0, 1.0), (2.0, f64::NAN), (4.0, 2.0), (10.0, 2.0)];
        let lines = with(gap.clone(), Scale::Linear, Drawn::Line);
        assert!(lines.contains("d=\"M64.0 156.0M288.0 28.0L624.0 28.0\""), "{lines}");
        let steps = with(gap, Scale::Linear, Drawn::Steps);
        assert!(steps.contains("d=\"M64.0 156.0H176.0M288.0 28.0H624.0V28.0\""), "{steps}");
        let shade = |from, to| Shade { name: "no fleet".into(), from, to };
        let series = vec![PlotSeries { points: vec![(0.0, 1.0, String::new())], ..PlotSeries::default() }];
        let shades = vec![shade(0.0, 5.0), shade(8.0, 10.0)];
        let html = plot(&Plot { series, shades, ..Plot::default() }).into_string();
        assert!(html.contains("class=\"shade\" x=\"64.0\" y=\"28\" width=\"280.0\""), "{html}");
        assert_eq!(html.matches(">no fleet</text>").count(), 1);
    }

    #[test]
    fn points_are_bounded() {
        let html = with((0..5000).map(|i| (f64::from(i), 1.0)).collect(), Scale::Linear, Drawn::Points);
        assert!(html.matches("<circle").count() <= PLOT_POINTS_MAX + 1);
    }

    #[test]
    fn labels_are_short() {
        for (value, text) in
            [(0.0, "0"), (0.25, "0.25"), (2.5e6, "2.5M"), (65_536.0, "65.5k"), (9000.0, "9000")]
        {
            assert_eq!(label(value), text);
        }
    }

    proptest! {
        #[test]
        fn no_number_breaks_a_plot(points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..30), log: bool) {
            let html = with(points, if log { Scale::Log } else { Scale::Linear }, Drawn::Line);
            prop_assert!(!html.contains("NaN") && !html.contains("inf"));
        }
    }
}
