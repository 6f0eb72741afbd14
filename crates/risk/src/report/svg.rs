//! Small line and bar charts as SVG text. Places are given from 0 to 1, up and to the right.

use std::fmt::Write as _;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 44.0;
const BELOW: f64 = 36.0;
const ABOVE: f64 = 10.0;

/// A chart being drawn.
pub(super) struct Chart {
    text: String,
}

impl Chart {
    /// An empty chart with axes from 0 to `most`, which are named.
    pub(super) fn new(across: &str, up: &str, most: (f64, f64)) -> Self {
        let mut text = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{up} by {across}\">"
        );
        let (x0, x1, y0, y1) = (x(0.0), x(1.0), y(0.0), y(1.0));
        // Writing to text cannot fail.
        let _ = write!(text, "<path class=\"axis\" d=\"M{x0} {y1}V{y0}H{x1}\"/>");
        for share in [0.0, 0.5, 1.0] {
            let (right, top) = (label(share * most.0), label(share * most.1));
            let _ = write!(
                text,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{right}</text>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{top}</text>",
                x(share),
                y0 + 14.0,
                x0 - 5.0,
                y(share) + 4.0
            );
        }
        let middle = x(0.5);
        let _ = write!(
            text,
            "<text class=\"name\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>",
            HEIGHT - 4.0
        );
        Self { text }
    }

    /// A line through places.
    pub(super) fn line(mut self, class: &str, places: &[(f64, f64)]) -> Self {
        let points: Vec<String> = places.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = write!(self.text, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
        self
    }

    /// A dot at each place.
    pub(super) fn dots(mut self, class: &str, places: &[(f64, f64)]) -> Self {
        for p in places {
            let _ = write!(
                self.text,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                x(p.0),
                y(p.1)
            );
        }
        self
    }

    /// Bars side by side over the whole width.
    pub(super) fn bars(mut self, class: &str, heights: &[f64]) -> Self {
        let wide = 1.0 / heights.len().max(1) as f64;
        for (i, height) in heights.iter().enumerate() {
            let (left, right) = (x(i as f64 * wide), x((i as f64 + 1.0) * wide));
            let _ = write!(
                self.text,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                y(*height),
                (right - left - 1.0).max(0.5),
                y(0.0) - y(*height)
            );
        }
        self
    }

    /// The finished chart.
    pub(super) fn done(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn x(share: f64) -> f64 {
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - 10.0)
}

fn y(share: f64) -> f64 {
    ABOVE + (1.0 - share.clamp(0.0, 1.0)) * (HEIGHT - ABOVE - BELOW)
}
