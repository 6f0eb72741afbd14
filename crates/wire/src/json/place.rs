//! Offset to line, column and path: a second walk over a text that has already failed.

use super::text::plain_run;
use crate::error::Place;

/// Longest key shown in a path, in bytes.
const KEY_SHOWN: usize = 64;
/// Longest value shown in an error, in bytes.
const VALUE_SHOWN: usize = 60;

/// One step of the path: a key that is known or awaited, or an index.
enum Step {
    Key(Option<(usize, usize)>),
    Index(usize),
}

/// Line, column and path of `offset` in a text that is valid JSON up to there.
///
/// Inside a key the path is that of the object. The walk is linear and never fails.
#[must_use]
pub fn locate(bytes: &[u8], offset: usize) -> Place {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column =
        before.get(line_start..).unwrap_or_default().iter().filter(|b| (**b as i8) >= -0x40).count() + 1;
    Place {
        path: render(bytes, &steps(bytes, offset)),
        offset: offset as u64,
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}

fn steps(bytes: &[u8], offset: usize) -> Vec<Step> {
    let mut stack = Vec::new();
    let mut at = 0;
    while at < offset {
        let Some(byte) = bytes.get(at) else { break };
        match byte {
            b'{' => stack.push(Step::Key(None)),
            b'[' => stack.push(Step::Index(0)),
            b'}' | b']' => drop(stack.pop()),
            b',' => match stack.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(key) => *key = Step::Key(None),
                None => {}
            },
            b'"' => {
                let end = string_end(bytes, at + 1);
                if end >= offset {
                    break;
                }
                if let Some(Step::Key(key @ None)) = stack.last_mut() {
                    *key = Some((at + 1, end));
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    stack
}

/// Offset of the quote that ends the string whose inside starts at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        at += plain_run(rest);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn render(bytes: &[u8], steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            Step::Key(Some((start, end))) => {
                if !path.is_empty() {
                    path.push('.');
                }
                let shown = (*end).min(start + KEY_SHOWN);
                path.push_str(&String::from_utf8_lossy(bytes.get(*start..shown).unwrap_or_default()));
            }
            Step::Key(None) => {}
        }
    }
    path
}

/// The first bytes of the value at `offset`, to show in an error.
pub(super) fn preview(bytes: &[u8], offset: usize) -> String {
    let rest = bytes.get(offset..).unwrap_or_default();
    let end = match rest.first() {
        Some(b'"') => string_end(rest, 1) + 1,
        Some(b'{' | b'[') => VALUE_SHOWN,
        _ => rest.iter().position(|b| b",]}\r\n\t ".contains(b)).unwrap_or(rest.len()),
    };
    let cut = end.min(VALUE_SHOWN).min(rest.len());
    let mut text = String::from_utf8_lossy(rest.get(..cut).unwrap_or_default()).into_owned();
    while text.ends_with('\u{fffd}') {
        text.pop();
    }
    if cut < end.min(rest.len()) || matches!(rest.first(), Some(b'{' | b'[')) && cut < rest.len() {
        text.push('…');
    }
    text
}
