//! What was received: the last requests, for assertions about what a gateway really sends.
//!
//! Credentials appear only as digests, so a transcript can be shown and compared but not used.

use http::HeaderMap;
use serde::Serialize;
use std::collections::VecDeque;
use tollgate_core::Digest;

/// Bytes of a body that are kept when bodies are kept.
pub(in crate::server) const BODY_KEPT_MAX: usize = 64 << 10;
/// Headers whose values are shown as digests.
const SECRET: [&str; 4] = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];

/// One received request.
#[derive(Clone, Debug, Serialize)]
pub(in crate::server) struct Entry {
    /// Counts from 1.
    pub(in crate::server) seq: u64,
    pub(in crate::server) method: String,
    pub(in crate::server) path: String,
    pub(in crate::server) query: Option<String>,
    /// In order of arrival, names in lower case.
    pub(in crate::server) headers: Vec<(String, String)>,
    pub(in crate::server) body_bytes: usize,
    /// BLAKE3 of the body.
    pub(in crate::server) body_digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) body: Option<String>,
    pub(in crate::server) model: Option<String>,
    /// Status of the answer; none when the connection was closed without one.
    pub(in crate::server) status: Option<u16>,
    /// Tokens sent, once the answer has ended whole.
    pub(in crate::server) tokens: Option<u32>,
}

/// The last requests.
#[derive(Debug)]
pub(in crate::server) struct Journal {
    entries: VecDeque<Entry>,
    most: usize,
    bodies: bool,
    next: u64,
}

impl Journal {
    pub(in crate::server) fn new(most: usize, bodies: bool) -> Self {
        Self { entries: VecDeque::new(), most, bodies, next: 1 }
    }

    /// Remembers a request and returns its number.
    pub(in crate::server) fn record(&mut self, parts: &http::request::Parts, body: &[u8]) -> u64 {
        let seq = self.next;
        self.next += 1;
        if self.most == 0 {
            return seq;
        }
        if self.entries.len() == self.most {
            self.entries.pop_front();
        }
        let kept = body.get(..body.len().min(BODY_KEPT_MAX)).unwrap_or_default();
        self.entries.push_back(Entry {
            seq,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: headers(&parts.headers),
            body_bytes: body.len(),
            body_digest: Digest::of(body),
            body: self.bodies.then(|| String::from_utf8_lossy(kept).into_owned()),
            model: None,
            status: None,
            tokens: None,
        });
        seq
    }

    /// Completes the entry `seq`, if it is still here.
    pub(in crate::server) fn update(&mut self, seq: u64, change: impl FnOnce(&mut Entry)) {
        let found = self.entries.binary_search_by_key(&seq, |e| e.seq).ok();
        if let Some(entry) = found.and_then(|at| self.entries.get_mut(at)) {
            change(entry);
        }
    }

    /// The last `most` entries, oldest first, and how many requests there were in all.
    pub(in crate::server) fn last(&self, most: usize) -> (Vec<Entry>, u64) {
        let skip = self.entries.len().saturating_sub(most);
        (self.entries.iter().skip(skip).cloned().collect(), self.next - 1)
    }

    pub(in crate::server) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let show = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let shown = if SECRET.contains(&name.as_str()) { digest_of(&text) } else { text };
        (name.as_str().to_owned(), shown)
    };
    map.iter().map(show).collect()
}

/// How the journal shows a credential: `blake3:` and the hex digest of the header's whole value.
#[must_use]
pub fn digest_of(secret: &str) -> String {
    format!("blake3:{}", Digest::of(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_and_hides_credentials() {
        let mut journal = Journal::new(2, false);
        for i in 0..3 {
            let request = http::Request::post(format!("/{i}?a=b")).header("Authorization", "Bearer s");
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(journal.record(&parts, b"xyz"), i + 1);
        }
        journal.update(1, |_| unreachable!());
        journal.update(3, |e| e.status = Some(200));
        let (entries, all) = journal.last(10);
        assert_eq!((all, entries.len(), entries[0].path.as_str()), (3, 2, "/1"));
        assert_eq!(entries[1].status, Some(200));
        assert_eq!(entries[1].headers, [("authorization".to_owned(), digest_of("Bearer s"))]);
    }
}
