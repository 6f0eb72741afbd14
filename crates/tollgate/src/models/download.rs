//! One file over HTTP: follows redirects, resumes where an earlier try stopped, shows how far it is.

use anyhow::{Context, Result, bail, ensure};
use http::header::{ACCEPT, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderValue, Method, StatusCode};
use http_body::Body as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use tollgate_net::client::Client;
use tollgate_net::upstream::{Endpoint, Outgoing, UpstreamBody};

/// Redirects that are followed for one file.
const REDIRECTS_MAX: usize = 8;
/// Largest file.
const FILE_BYTES_MAX: u64 = 16 << 30;
/// Largest page of an index.
const PAGE_BYTES_MAX: usize = 32 << 20;

/// Fetches over one client on a runtime of its own.
pub(super) struct Downloader {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Downloader {
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { runtime: runtime.context("cannot start a runtime")?, client: Client::default() })
    }

    /// A page, with the address that it came from in the end.
    pub(super) fn page(&self, url: &str, accept: &'static str) -> Result<(String, Vec<u8>)> {
        self.runtime.block_on(async {
            let (url, answer) = self.get(url, 0, accept).await?;
            ensure!(answer.status() == StatusCode::OK, "{url} answers {}", answer.status());
            let body = answer.into_body().collect(PAGE_BYTES_MAX).await?;
            Ok((url, body.to_vec()))
        })
    }

    /// Writes what is at `url` to `path`; what is there already is continued. `false` when there is none (404).
    pub(super) fn file(&self, url: &str, path: &Path) -> Result<bool> {
        let had = path.metadata().map_or(0, |m| m.len());
        self.runtime.block_on(async {
            let (url, answer) = self.get(url, had, "*/*").await?;
            let shown = || path.display().to_string();
            let (mut file, start) = match answer.status() {
                StatusCode::PARTIAL_CONTENT if continues(&answer, had) => {
                    let file = OpenOptions::new().append(true).open(path);
                    (file.with_context(|| format!("cannot write {}", shown()))?, had)
                }
                // The whole file, whatever was asked for.
                StatusCode::OK => {
                    (File::create(path).with_context(|| format!("cannot write {}", shown()))?, 0)
                }
                // All of it was there.
                StatusCode::RANGE_NOT_SATISFIABLE if had > 0 => return Ok(true),
                StatusCode::NOT_FOUND => return Ok(false),
                status => bail!("{url} answers {status}"),
            };
            copy(answer.into_body(), &mut file, start, &url).await?;
            file.sync_all().with_context(|| format!("cannot write {}", shown()))?;
            Ok(true)
        })
    }

    /// The answer to `GET url` from byte `from` on, after redirects.
    async fn get(
        &self,
        url: &str,
        from: u64,
        accept: &'static str,
    ) -> Result<(String, http::Response<UpstreamBody>)> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let (origin, path) = split(&url)?;
            let target = self.client.pool.target(&origin.parse::<Endpoint>()?)?;
            let mut request =
                Outgoing::new(Method::GET, path)?.header(ACCEPT, HeaderValue::from_static(accept));
            if from > 0 {
                request = request.header(RANGE, HeaderValue::try_from(format!("bytes={from}-"))?);
            }
            let answer = target.send(request, &self.client.timeouts).await?;
            if !answer.status().is_redirection() {
                return Ok((url, answer));
            }
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = join(&url, to.with_context(|| format!("{url} redirects to nowhere"))?);
            ensure!(
                !url.starts_with("https:") || to.starts_with("https:"),
                "{url} redirects to {to}, which is not encrypted"
            );
            url = to;
        }
        bail!("{url}: more than {REDIRECTS_MAX} redirects")
    }
}

/// Whether the answer goes on where the file ends.
fn continues(answer: &http::Response<UpstreamBody>, had: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {had}-")))
}

async fn copy(body: UpstreamBody, file: &mut File, start: u64, url: &str) -> Result<()> {
    let length = body.content_length();
    let bar = ProgressBar::new(length.map_or(0, |length| start + length))
        .with_style(ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}")?);
    bar.set_position(start);
    let mut done = start;
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(piece) = frame.with_context(|| format!("{url} broke off; run it again to go on"))?.into_data()
        else {
            continue;
        };
        done += piece.len() as u64;
        ensure!(done <= FILE_BYTES_MAX, "{url} has more than {FILE_BYTES_MAX} bytes");
        file.write_all(&piece).context("cannot write")?;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    if let Some(length) = length {
        ensure!(done == start + length, "{url} ended early; run it again to go on");
    }
    Ok(())
}

/// Scheme with host, and path with query.
fn split(url: &str) -> Result<(&str, &str)> {
    let after = url.find("://").with_context(|| format!("{url:?} is no URL; it starts with https://"))? + 3;
    let url = url.split('#').next().unwrap_or(url);
    let slash = url.get(after..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| after + at);
    let (origin, path) = url.split_at(slash);
    Ok((origin, if path.is_empty() { "/" } else { path }))
}

/// The address that `to` names on a page at `url`.
pub(super) fn join(url: &str, to: &str) -> String {
    if to.contains("://") {
        return to.to_owned();
    }
    let Ok((origin, path)) = split(url) else { return to.to_owned() };
    if let Some(host) = to.strip_prefix("//") {
        let scheme = origin.split("//").next().unwrap_or("https:");
        return format!("{scheme}//{host}");
    }
    let mut parts: Vec<&str> = match to.starts_with('/') {
        true => Vec::new(),
        false => path.rsplit_once('/').map_or("", |(folder, _)| folder).split('/').skip(1).collect(),
    };
    for part in to.trim_start_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    format!("{origin}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_on_a_page_are_joined_as_browsers_do() {
        let page = "https://a.b:1/simple/name/";
        for (to, wanted) in [
            ("https://x/y", "https://x/y"),
            ("/f?q=1", "https://a.b:1/f?q=1"),
            ("../../packages/f.whl#sha256=1", "https://a.b:1/packages/f.whl#sha256=1"),
            ("f", "https://a.b:1/simple/name/f"),
            ("//c/d", "https://c/d"),
        ] {
            assert_eq!(join(page, to), wanted);
        }
        assert_eq!(split("http://a").unwrap(), ("http://a", "/"));
        assert_eq!(split("http://a/b?c#d").unwrap(), ("http://a", "/b?c"));
        assert!(split("a/b").is_err());
    }
}
