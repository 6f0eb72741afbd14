//! A line without axes, the size of a word.

use super::scale::nice_max;
use maud::{Markup, html};

/// Most points; of more, the newest are drawn.
pub(crate) const SPARK_MAX: usize = 120;

/// The line, with `label` for those who do not see it.
pub(crate) fn spark(label: &str, values: &[Option<f64>]) -> Markup {
    let row = super::window(values, values.len().saturating_sub(SPARK_MAX));
    let top = nice_max(row.iter().flatten().copied().fold(0.0, f64::max));
    let width = 4.0 * row.len().max(1) as f64;
    html! {
        svg.spark viewBox=(format!("0 -2 {width} 34")) preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            path.base d=(format!("M0 30H{width}")) {}
            path.line.c1 d=(super::line(&row, 4.0, 30.0, top)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded() {
        let html = spark("x", &vec![Some(1.0); SPARK_MAX * 3]).into_string();
        assert_eq!(html.matches('L').count() + 1, SPARK_MAX);
        assert!(spark("x", &[None, Some(f64::NAN)]).into_string().contains("d=\"\""));
    }
}
