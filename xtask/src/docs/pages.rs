//! Markdown to HTML, and every link followed.

use super::Page;
use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Writes each page as HTML into `out`, at its place in the repository.
pub(super) fn build(root: &Path, pages: &[Page], out: &Path) -> Result<()> {
    for page in pages {
        let target = out.join(page.path.strip_prefix(root).unwrap_or(&page.path)).with_extension("html");
        fs::create_dir_all(target.parent().unwrap_or(out)).context("cannot make the output folder")?;
        let stem = page.path.file_stem().unwrap_or_default().to_string_lossy();
        let mut body = String::new();
        html::push_html(&mut body, Parser::new_ext(&page.text, Options::ENABLE_TABLES));
        let body = body.replace(".md\"", ".html\"").replace(".md#", ".html#");
        let head = "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
                    <style>body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui}\
                    pre{overflow:auto;padding:1rem;background:#8881}td,th{padding:.2rem .6rem;text-align:left}</style>";
        let html = format!("{head}<title>{stem}</title>\n{body}");
        fs::write(target, html).context("cannot write a page")?;
    }
    Ok(())
}

/// Names every link to a file or heading that does not exist.
pub(super) fn check_links(root: &Path, pages: &[Page]) -> Vec<String> {
    let mut findings = Vec::new();
    for page in pages {
        for link in links(&page.text) {
            if link.starts_with("http://") || link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.path.clone(),
                _ => page.path.parent().unwrap_or(root).join(file),
            };
            let text = fs::read_to_string(&target);
            let anchored = anchor.is_empty() || text.as_ref().is_ok_and(|t| anchors(t).contains(anchor));
            if !target.exists() || !anchored {
                findings.push(format!("{}: broken link {link:?}", page.path.display()));
            }
        }
    }
    findings
}

fn links(text: &str) -> Vec<String> {
    let link = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(link).collect()
}

/// The anchors that headings get: lower case, spaces to `-`, other punctuation dropped.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(t) | Event::Code(t) => heading.iter_mut().for_each(|h| h.push_str(&t)),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|h| slug(&h))),
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_anchors() {
        let expected = BTreeSet::from(["a-b-c".to_owned()]);
        assert_eq!(anchors("# A `b`, c!\ntext"), expected);
    }

    #[test]
    fn a_broken_link_is_named() {
        let page = |text: &str| Page { path: Path::new("/nowhere/README.md").into(), text: text.into() };
        let found =
            check_links(Path::new("/nowhere"), &[page("[a](missing.md) [b](https://example.com) [c](#d)")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
