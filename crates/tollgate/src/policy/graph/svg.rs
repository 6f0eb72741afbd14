//! The picture: boxes, lines and words as SVG 1.1, with its own styles for light and dark.

use super::layout::{Layout, Link, Node};
use std::fmt::Write as _;

/// Width of a box, height of one, and the space between two, in pixels.
const BOX: (f64, f64, f64) = (190.0, 30.0, 12.0);
/// Left edges of the three columns.
const COLUMNS: [f64; 3] = [24.0, 314.0, 604.0];
/// Width of the picture.
const WIDTH: f64 = 820.0;
/// Where the first box begins.
const TOP: f64 = 92.0;
/// Height of a tier's heading.
const HEADING: f64 = 26.0;
/// Most characters in a box, and in a line below the picture.
const NAME_MAX: usize = 25;
const NOTE_MAX: usize = 118;

const STYLE: &str = "
svg { --paper: #ffffff; --ink: #1c2330; --soft: #5b6678; --box: #f1f4f9; --edge: #c4ccd9; --route: #2b62c9; --model: #1a7f5a; --pool: #8a5a00 }
@media (prefers-color-scheme: dark) {
  svg { --paper: #12161d; --ink: #e6ebf3; --soft: #9aa6b8; --box: #1d242f; --edge: #3a4656; --route: #7aa7ff; --model: #55c79a; --pool: #e0b45a }
}
.paper { fill: var(--paper) }
text { font: 13px system-ui, sans-serif; fill: var(--ink) }
.title { font-size: 17px; font-weight: 600 }
.head { font-size: 12px; fill: var(--soft) }
rect.box { fill: var(--box); stroke: var(--edge) }
.route rect.box { stroke: var(--route) }
.model rect.box { stroke: var(--model) }
.pool rect.box { stroke: var(--pool) }
path { fill: none; stroke: var(--edge) }
path.first { stroke: var(--route); stroke-opacity: .55 }
path.spare { stroke-dasharray: 4 4 }
";

/// Draws a layout under a title.
pub(super) fn draw(title: &str, layout: &Layout) -> String {
    let routes = route_tops(layout);
    let (models, pools) = (tops(layout.models.len()), tops(layout.pools.len()));
    let bottom =
        [&routes, &models, &pools].iter().filter_map(|column| column.last().copied()).fold(TOP, f64::max);
    let notes = bottom + BOX.1 + 34.0;
    let height = notes + 20.0 * layout.notes.len() as f64 + if layout.notes.is_empty() { 0.0 } else { 28.0 };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>Policy {}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        escaped(title)
    );
    let mut say = |class: &str, x: f64, y: f64, text: &str| {
        let _ = writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
    };
    say("title", COLUMNS[0], 36.0, title);
    for (x, head) in COLUMNS.iter().zip(["Routes, first that holds", "Models", "Pools"]) {
        say("head", *x, 62.0, head);
    }
    let mut tier = "";
    for ((name, _), top) in layout.routes.iter().zip(&routes) {
        if name != tier {
            say("head", COLUMNS[0], top - 8.0, name);
            tier = name;
        }
    }
    for link in &layout.links {
        let (from, to, at) = if link.route { (&routes, &models, 0) } else { (&models, &pools, 1) };
        if let (Some(from), Some(to)) = (from.get(link.from), to.get(link.to)) {
            line(&mut out, *link, at, *from, *to);
        }
    }
    let columns = [
        ("route", layout.routes.iter().map(|(_, node)| node).collect::<Vec<_>>(), &routes),
        ("model", layout.models.iter().collect(), &models),
        ("pool", layout.pools.iter().collect(), &pools),
    ];
    for ((class, nodes, tops), x) in columns.iter().zip(COLUMNS) {
        nodes.iter().zip(tops.iter()).for_each(|(node, top)| shape(&mut out, class, node, x, *top));
    }
    for (at, note) in layout.notes.iter().enumerate() {
        let y = notes + 20.0 * at as f64;
        let _ = writeln!(
            out,
            "<text class=\"head\" x=\"{}\" y=\"{y}\">{}</text>",
            COLUMNS[0],
            escaped(&cut(note, NOTE_MAX))
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Tops of the routes; a tier's first has its heading above it.
fn route_tops(layout: &Layout) -> Vec<f64> {
    let (mut y, mut tier, mut tops) = (TOP, "", Vec::new());
    for (name, _) in &layout.routes {
        if name != tier {
            y += HEADING;
            tier = name;
        }
        tops.push(y);
        y += BOX.1 + BOX.2;
    }
    tops
}

fn tops(count: usize) -> Vec<f64> {
    (0..count).map(|at| TOP + HEADING + (BOX.1 + BOX.2) * at as f64).collect()
}

fn line(out: &mut String, link: Link, column: usize, from: f64, to: f64) {
    let left = COLUMNS.get(column).copied().unwrap_or_default() + BOX.0;
    let right = COLUMNS.get(column + 1).copied().unwrap_or_default();
    let (y1, y2, middle) = (from + BOX.1 / 2.0, to + BOX.1 / 2.0, f64::midpoint(left, right));
    let class = match (link.route, link.share > 0.0) {
        (true, true) => "first",
        (true, false) => "spare",
        (false, _) => "served",
    };
    let width = 1.0 + 3.0 * link.share * f64::from(u8::from(link.route));
    let _ = writeln!(
        out,
        "<path class=\"{class}\" stroke-width=\"{width:.1}\" d=\"M{left} {y1} C{middle} {y1} {middle} {y2} {right} {y2}\"/>"
    );
}

fn shape(out: &mut String, class: &str, node: &Node, x: f64, y: f64) {
    let (width, height, _) = BOX;
    let _ = writeln!(
        out,
        "<g class=\"{class}\"><title>{}{}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
        escaped(&node.name),
        if node.about.is_empty() { String::new() } else { format!(": {}", escaped(&node.about)) },
        x + 10.0,
        y + 20.0,
        escaped(&cut(&node.name, NAME_MAX))
    );
}

fn cut(text: &str, most: usize) -> String {
    match text.chars().count() {
        count if count <= most => text.to_owned(),
        _ => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Text as it may stand in SVG.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
