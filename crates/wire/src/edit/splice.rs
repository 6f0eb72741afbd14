//! Splices: the bytes of a span replaced by others, everything else as it was.

use crate::WireError;
use crate::json::{Flaw, Scanner};
use crate::view::{RequestView, Span, TextSpan};
use bytes::Bytes;

/// One replacement. An empty span inserts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Splice {
    pub(super) span: Span,
    pub(super) with: Vec<u8>,
}

impl Splice {
    pub(super) fn insert(at: u32, with: Vec<u8>) -> Self {
        Self { span: Span { start: at, end: at }, with }
    }
}

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) key: TextSpan,
    pub(super) value: Span,
}

impl Member {
    /// From the key's opening quote to the end of the value.
    pub(super) const fn entry(self) -> Span {
        Span { start: self.key.span.start.saturating_sub(1), end: self.value.end }
    }
}

/// Splices that drop the entries of a container for which `gone` holds and add others at its end, with the
/// commas that this needs. `inside` is the offset just after the opening bracket.
pub(super) fn cut(
    entries: &[Span],
    gone: impl Fn(usize) -> bool,
    inside: u32,
    front: &[Vec<u8>],
    back: &[Vec<u8>],
) -> Vec<Splice> {
    let mut out = Vec::new();
    let last_kept = (0..entries.len()).rev().find(|i| !gone(*i));
    let all_end = entries.last().map_or(inside, |e| e.end);
    let all_start = entries.first().map_or(inside, |e| e.start);
    let Some(last_kept) = last_kept else {
        let with = [front, back].concat().join(&b","[..]);
        if !with.is_empty() || all_start < all_end {
            out.push(Splice { span: Span { start: all_start, end: all_end }, with });
        }
        return out;
    };
    if !front.is_empty() {
        let with = front.iter().flat_map(|new| [new.as_slice(), b","].concat()).collect();
        out.push(Splice::insert(all_start, with));
    }
    for (i, pair) in entries.windows(2).enumerate().take(last_kept) {
        if let ([this, next], true) = (pair, gone(i)) {
            out.push(Splice { span: Span { start: this.start, end: next.start }, with: Vec::new() });
        }
    }
    let start = entries.get(last_kept).map_or(all_end, |e| e.end);
    let with: Vec<u8> = back.iter().flat_map(|new| [b",", new.as_slice()].concat()).collect();
    if start < all_end || !with.is_empty() {
        out.push(Splice { span: Span { start, end: all_end }, with });
    }
    out
}

/// Applies splices in one allocation.
///
/// # Errors
/// [`WireError::Edit`] when two of them touch the same bytes or one lies outside the body.
pub(super) fn assemble(body: &Bytes, mut splices: Vec<Splice>) -> Result<Bytes, WireError> {
    if splices.is_empty() {
        return Ok(body.clone());
    }
    splices.sort_by_key(|s| (s.span.start, s.span.end));
    let added: usize = splices.iter().map(|s| s.with.len()).sum();
    let removed: usize = splices.iter().map(|s| s.span.len()).sum();
    let mut out = Vec::with_capacity((body.len() + added).saturating_sub(removed));
    let mut done = 0;
    for splice in &splices {
        let (start, end) = (splice.span.start as usize, splice.span.end as usize);
        let kept = body.get(done..start).filter(|_| end <= body.len()).ok_or_else(|| WireError::Edit {
            what: format!("bytes {start} to {end}"),
            problem: "another edit has already changed some of them; make one edit of the two".into(),
        })?;
        out.extend_from_slice(kept);
        out.extend_from_slice(&splice.with);
        done = end;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    Ok(Bytes::from(out))
}

/// The members of the object at `span`, which lies in a checked body; none when it is no object.
pub(super) fn members(view: &RequestView, span: Span) -> Vec<Member> {
    let walk = |list: &mut Vec<Member>| -> Result<(), Flaw> {
        let mut scan = Scanner::trusted(view.bytes(span), crate::json::DEPTH_MAX);
        scan.enter_object()?;
        while let Some(key) = scan.next_key()? {
            let value = scan.skip()?;
            list.push(Member {
                key: TextSpan { span: shift(key.span, span), ..key },
                value: shift(value, span),
            });
        }
        Ok(())
    };
    let mut list = Vec::new();
    // A flaw can only mean that the value is of another kind: the body was checked whole.
    let _ = walk(&mut list);
    list
}

/// The elements of the array at `span`; none when it is no array.
pub(super) fn elements(view: &RequestView, span: Span) -> Vec<Span> {
    let walk = |list: &mut Vec<Span>| -> Result<(), Flaw> {
        let mut scan = Scanner::trusted(view.bytes(span), crate::json::DEPTH_MAX);
        scan.enter_array()?;
        while scan.next_element()? {
            list.push(shift(scan.skip()?, span));
        }
        Ok(())
    };
    let mut list = Vec::new();
    let _ = walk(&mut list);
    list
}

/// The value of `key` in the object at `span`.
pub(super) fn member(view: &RequestView, span: Span, key: &str) -> Option<Span> {
    members(view, span).into_iter().find(|m| view.text(m.key) == key).map(|m| m.value)
}

/// The text of the string at `span`.
pub(super) fn string(view: &RequestView, span: Span) -> Option<String> {
    let raw = view.bytes(span).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some(crate::json::unescape(raw))
}

const fn shift(inner: Span, by: Span) -> Span {
    Span { start: inner.start.saturating_add(by.start), end: inner.end.saturating_add(by.start) }
}
