//! A bar that is divided into parts of one whole.

use maud::{Markup, html};

/// Width of the bar in its own units.
const WIDTH: f64 = 1000.0;

/// A part of the bar.
pub(crate) struct Part {
    /// Its colour: `c1` to `c4`.
    pub(crate) class: &'static str,
    /// Where it starts, in [0, 1].
    pub(crate) start: f64,
    /// How much of the whole it is, in [0, 1].
    pub(crate) share: f64,
    /// What it is, shown on hovering.
    pub(crate) title: String,
}

/// The bar. Parts that are there at all are drawn at least a hair wide; what exceeds the whole is cut.
pub(crate) fn shares(label: &str, parts: &[Part]) -> Markup {
    let within = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    html! {
        svg.shares viewBox=(format!("0 0 {WIDTH} 10")) preserveAspectRatio="none" role="img" aria-label=(label) {
            @for part in parts.iter().filter(|p| p.share > 0.0) {
                @let width = (within(part.share) * WIDTH).max(2.0);
                @let x = (within(part.start) * WIDTH).min(WIDTH - width);
                rect.(part.class) x=(format!("{x:.1}")) y="0" width=(format!("{width:.1}")) height="10" {
                    title { (part.title) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_the_bar() {
        let part = |start, share| Part { class: "c1", start, share, title: String::new() };
        let html = shares("x", &[part(0.99, 0.5), part(0.5, 0.0), part(2.0, f64::NAN), part(0.0, 7.0)])
            .into_string();
        assert!(html.contains(r#"x="500.0" y="0" width="500.0""#), "{html}");
        assert!(html.contains(r#"x="0.0" y="0" width="1000.0""#), "{html}");
        assert_eq!(html.matches("<rect").count(), 2, "nothing is drawn for nothing");
    }
}
