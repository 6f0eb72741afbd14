//! An event that is longer than is held: an image inside, say, or an answer that is repeated whole at its end.
//!
//! Its start says what it is, and its last bytes how it ended and what it used. Both are found without the rest: the name of a
//! member with its quotes stands in no JSON text, where they would be escaped.

use crate::Dialect;
use crate::json::{DEPTH_MAX, Scanner};

/// Bytes kept of the start.
const HEAD_BYTES: usize = 1 << 10;
/// Bytes kept of the end.
const TAIL_BYTES: usize = 64 << 10;

/// Start and end of an event.
#[derive(Debug)]
pub(super) struct Long {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Long {
    /// Begins with what was held of it.
    pub(super) fn begin(held: &[u8]) -> Self {
        let mut long = Self { head: Vec::with_capacity(HEAD_BYTES), tail: Vec::new() };
        long.push(held);
        long
    }

    /// Sees more of it pass.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..missing).unwrap_or_default());
        let last = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        self.tail.extend_from_slice(last);
        if self.tail.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
    }

    /// A short event that says the same of the answer's end and usage; none where it says nothing of them.
    pub(super) fn told(&self, dialect: Dialect) -> Option<Vec<u8>> {
        let tail = |name: &str| last(&self.tail, name).map(|value| (name.to_owned(), value.to_vec()));
        match dialect {
            Dialect::OpenaiResponses => {
                let ends = ["response.completed", "response.incomplete", "response.failed"];
                let kind = first(&self.head, "type")?;
                let kind = ends.into_iter().find(|end| kind == format!("\"{end}\"").as_bytes())?;
                let names = ["status", "usage", "error", "incomplete_details"];
                let found = names.into_iter().filter_map(|name| {
                    let at_start = first(&self.head, name).map(|value| (name.to_owned(), value.to_vec()));
                    at_start.or_else(|| tail(name))
                });
                let response = object(found);
                let kind = ("type".to_owned(), format!("\"{kind}\"").into_bytes());
                Some(object([kind, ("response".to_owned(), response)]))
            }
            Dialect::OpenaiChat => answer("choices", tail("finish_reason"), tail("usage")),
            Dialect::Gemini => answer("candidates", tail("finishReason"), tail("usageMetadata")),
            Dialect::Anthropic | Dialect::OpenaiEmbeddings => None,
        }
    }
}

/// The value of the first member of this name that is whole in `bytes`.
fn first<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let needle = format!("\"{name}\"");
    memchr::memmem::find_iter(bytes, &needle).find_map(|at| value(bytes, at + needle.len()))
}

/// The same of the last.
fn last<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let needle = format!("\"{name}\"");
    memchr::memmem::rfind_iter(bytes, &needle).find_map(|at| value(bytes, at + needle.len()))
}

/// The value of the member whose name ends here.
fn value(bytes: &[u8], end: usize) -> Option<&[u8]> {
    let value = bytes.get(end..)?.trim_ascii_start().strip_prefix(b":")?;
    let span = Scanner::new(value, DEPTH_MAX).ok()?.skip().ok()?;
    value.get(span.start as usize..span.end as usize)
}

/// A member, by name and value.
type Member = (String, Vec<u8>);

/// An event with one answer; none where nothing is known of it.
fn answer(list: &str, finish: Option<Member>, usage: Option<Member>) -> Option<Vec<u8>> {
    if finish.is_none() && usage.is_none() {
        return None;
    }
    let answers = (list.to_owned(), [b"[", &object(finish)[..], b"]"].concat());
    Some(object([Some(answers), usage].into_iter().flatten()))
}

/// An object of these members.
fn object(members: impl IntoIterator<Item = Member>) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(format!("\"{name}\":").as_bytes());
        out.extend_from_slice(&value);
    }
    out.push(b'}');
    out
}
