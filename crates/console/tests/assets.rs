//! Scripts and styles: nothing from elsewhere, nothing that makes markup of text, colours that can be read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use tollgate_console::assets::{ASSETS, find};

#[test]
fn nothing_comes_from_elsewhere() {
    for asset in ASSETS {
        let text = asset.text.replace("http://www.w3.org/2000/svg", "");
        for never in ["http://", "https://", "url(", "@import", "sourceMappingURL"] {
            assert!(!text.contains(never), "{} has {never}", asset.name);
        }
        assert!(!asset.text.is_empty() && asset.text.lines().count() <= 400, "{}", asset.name);
    }
}

#[test]
fn scripts_make_no_markup_of_text() {
    for asset in ASSETS.iter().filter(|a| a.name.ends_with(".js")) {
        for never in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "new Function",
            "setAttribute(\"on",
            ".style.",
        ] {
            assert!(!asset.text.contains(never), "{} has {never}", asset.name);
        }
        for part in asset.text.split(" from \"./").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(find(name).is_some(), "{} imports {name}", asset.name);
        }
    }
}

#[test]
fn tags_differ_and_names_are_sorted() {
    assert!(ASSETS.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_ne!(ASSETS[0].etag(), ASSETS[1].etag());
    assert!(find("../Cargo.toml").is_none());
}

/// Relative luminance of `#rrggbb` (WCAG 2.2, "relative luminance").
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// `--name: light-dark(#aaaaaa, #bbbbbb);` as name → (light, dark).
fn colours() -> BTreeMap<&'static str, [&'static str; 2]> {
    let css = find("base.css").unwrap().text;
    let read = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(", ")?;
        Some((name, [light, dark]))
    };
    css.lines().filter_map(read).collect()
}

#[test]
fn text_can_be_read_in_both_themes() {
    let colours = colours();
    let pairs = [
        ("text", "bg"),
        ("text", "surface"),
        ("text", "sunken"),
        ("muted", "bg"),
        ("muted", "surface"),
        ("muted", "sunken"),
        ("accent", "bg"),
        ("accent", "surface"),
        ("on-accent", "accent"),
        ("ok", "ok-bg"),
        ("warn", "warn-bg"),
        ("bad", "bad-bg"),
        ("bad", "surface"),
        ("t-comment", "surface"),
        ("t-string", "surface"),
        ("t-number", "surface"),
        ("t-word", "surface"),
        ("t-operator", "surface"),
    ];
    for (text, ground) in pairs {
        for (ink, under) in colours[text].iter().zip(colours[ground]) {
            let ratio = contrast(ink, under);
            assert!(ratio >= 4.5, "{text} on {ground} ({ink} on {under}): {ratio:.2}");
        }
    }
}

#[test]
fn charts_stand_out_in_both_themes() {
    let colours = colours();
    for series in ["c1", "c2", "c3", "c4"] {
        for (ink, under) in colours[series].iter().zip(colours["surface"]) {
            let ratio = contrast(ink, under);
            assert!(ratio >= 3.0, "{series} ({ink} on {under}): {ratio:.2}");
        }
    }
}

#[test]
fn contrast_is_computed_as_the_standard_says() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 0.01);
}
