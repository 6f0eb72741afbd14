//! Where the files of a model are: the page of a package in an index (PEP 503 and 691), or the files of a hub.

use super::download::{Downloader, join};
use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The index where none is given and `PIP_INDEX_URL` is not set.
pub(super) const INDEX: &str = "https://pypi.org/simple";
/// The hub where none is given and `HF_ENDPOINT` is not set.
pub(super) const HUB: &str = "https://huggingface.co";
/// Files of a model on a hub, with whether it cannot be without.
pub(super) const FILES: &[(&str, bool)] = &[
    ("config.json", true),
    ("tokenizer_config.json", false),
    ("tokenizer.json", false),
    ("vocab.txt", false),
    ("modules.json", false),
    ("sentence_bert_config.json", false),
    ("1_Pooling/config.json", false),
    ("model.safetensors", true),
];
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";

#[derive(Deserialize)]
struct Page {
    files: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    filename: String,
    url: String,
}

/// The address of the wheel of `package` at `version` that runs everywhere.
pub(super) fn wheel(from: &Downloader, index: &str, package: &str, version: &str) -> Result<String> {
    // PEP 503: runs of `-`, `_` and `.` are one `-`.
    let parts: Vec<&str> = package.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    let name = parts.join("-").to_lowercase();
    let (page, body) = from.page(&format!("{}/{name}/", index.trim_end_matches('/')), ACCEPT)?;
    let rows = match serde_json::from_slice::<Page>(&body) {
        Ok(page) => page.files,
        Err(_) => anchors(&String::from_utf8_lossy(&body)),
    };
    let wanted = format!("{}-{version}-py3-none-any.whl", parts.join("_").to_lowercase());
    let found = rows.iter().find(|row| row.filename.to_lowercase() == wanted);
    match found {
        Some(row) => Ok(join(&page, &row.url)),
        None if rows.is_empty() => bail!("{page} lists no files"),
        None => {
            let names: Vec<&str> = rows.iter().map(|row| row.filename.as_str()).take(8).collect();
            bail!("{page} has no {wanted}; it has {}", names.join(", "))
        }
    }
}

/// The links of an HTML page.
fn anchors(html: &str) -> Vec<Row> {
    let rows = html.split("<a ").skip(1).filter_map(|anchor| {
        let url = anchor.split("href=\"").nth(1)?.split('"').next()?.replace("&amp;", "&");
        let filename = anchor.split('>').nth(1)?.split('<').next()?.trim().to_owned();
        Some(Row { filename, url })
    });
    rows.collect()
}

/// Package and version of `NAME==VERSION`.
pub(super) fn requirement(text: &str) -> Result<(&str, &str)> {
    text.split_once("==").with_context(|| format!("{text:?} names no version; write pypi:NAME==VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_an_html_index_are_read() {
        let html = "<!DOCTYPE html><body><a href=\"../../f/a-1-py3-none-any.whl#sha256=ab\" data-x=\"1\">a-1-py3-none-any.whl</a><br>\n\
            <a  href=\"https://h/b?x=1&amp;y=2\">b</a>";
        let rows: Vec<(String, String)> =
            anchors(html).into_iter().map(|row| (row.filename, row.url)).collect();
        assert_eq!(
            rows,
            [
                ("a-1-py3-none-any.whl".into(), "../../f/a-1-py3-none-any.whl#sha256=ab".into()),
                ("b".into(), "https://h/b?x=1&y=2".into())
            ]
        );
        assert!(requirement("a").is_err());
    }
}
