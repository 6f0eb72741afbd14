//! Pieces: the strings and numbers of a JSON text in which somebody may have said something.

use std::collections::HashSet;
use tollgate_wire::json::{DEPTH_MAX, Flaw, Kind, Scanner};
use tollgate_wire::view::{RequestView, Span, TextSpan};

/// A place in a JSON text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// The inside of a string, a key's too.
    Text(TextSpan),
    /// A number.
    Number(Span),
}

/// All pieces of a JSON object or list, in its order; none where `text` is anything else.
pub(super) fn of_text(text: &str) -> Option<Vec<Piece>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut scan = Scanner::new(text.as_bytes(), DEPTH_MAX).ok()?;
    let mut walk = Walk { scan: &mut scan, request: None, found: Vec::new() };
    walk.value(b"", true).ok()?;
    let found = walk.found;
    scan.finish().is_ok().then_some(found)
}

/// The pieces of a request's body, in its order. Left out are the model, names and types of tools, encoded bytes, and numbers
/// that the dialect takes as numbers.
pub(super) fn of_request(view: &RequestView) -> Vec<Piece> {
    let Ok(mut scan) = Scanner::new(&view.body, DEPTH_MAX) else { return Vec::new() };
    let request = Request::of(view);
    let mut walk = Walk { scan: &mut scan, request: Some(&request), found: Vec::new() };
    // The body was checked when it was read: what cannot be read twice cannot be.
    let _ = walk.value(b"", false);
    walk.found
}

/// What a view tells of the places in its body.
struct Request<'v> {
    view: &'v RequestView,
    /// Names and types of tools that are offered or called.
    tools: HashSet<String>,
    /// Where strings begin that are words, whatever they look like.
    words: HashSet<u32>,
    /// Where values begin whose numbers may say something.
    free: HashSet<u32>,
}

impl<'v> Request<'v> {
    fn of(view: &'v RequestView) -> Self {
        let offered = view.tools.iter().flat_map(|tool| [Some(tool.name), tool.built_in]).flatten();
        let called = view.messages.iter().flat_map(|message| message.tool_calls.iter().copied());
        let said = view.system.iter().chain(view.messages.iter().flat_map(|message| message.text.iter()));
        let beside = || view.aside.iter().chain(&view.arguments);
        let known = |key: TextSpan| crate::pipeline::members::is_own(view.dialect, &view.text(key));
        let unknown = view.members.iter().filter(|(key, _)| !known(*key)).map(|(_, value)| *value);
        let free = beside().map(|text| text.span).chain(view.metadata).chain(unknown);
        Self {
            tools: offered.chain(called).map(|name| view.text(name).into_owned()).collect(),
            words: said.chain(beside()).map(|text| text.span.start).collect(),
            free: free.map(|span| span.start).collect(),
            view,
        }
    }

    /// Whether a string stays as it is.
    fn keeps(&self, key: &[u8], text: TextSpan) -> bool {
        if self.view.model == Some(text) {
            return true;
        }
        let tool = matches!(key, b"name" | b"type") && self.tools.contains(&*self.view.text(text));
        tool || !self.words.contains(&text.span.start) && is_encoded(self.view.bytes(text.span))
    }
}

/// Least length of encoded bytes: signatures and sealed reasoning are longer, names and numbers of people are not.
const ENCODED_MIN: usize = 64;

/// Whether a string is bytes in base64, as it is or as a `data:` link.
fn is_encoded(text: &[u8]) -> bool {
    let inside = match text.strip_prefix(b"data:") {
        Some(link) => link.iter().position(|b| *b == b',').and_then(|at| link.get(at + 1..)),
        None => Some(text).filter(|text| text.len() >= ENCODED_MIN),
    };
    let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    inside.is_some_and(|inside| inside.iter().all(letter))
}

struct Walk<'w, 'a> {
    scan: &'w mut Scanner<'a>,
    request: Option<&'w Request<'a>>,
    found: Vec<Piece>,
}

impl Walk<'_, '_> {
    /// Collects from a value under a key; `numbers`: whether numbers count.
    fn value(&mut self, key: &[u8], numbers: bool) -> Result<(), Flaw> {
        let start = u32::try_from(self.scan.start()).unwrap_or(u32::MAX);
        let numbers = numbers || self.request.is_some_and(|request| request.free.contains(&start));
        match self.scan.kind()? {
            Kind::Object => {
                self.scan.enter_object()?;
                while let Some(key) = self.scan.next_key()? {
                    self.found.push(Piece::Text(key));
                    let name = self.scan.name(key).into_owned();
                    self.value(&name, numbers)?;
                }
            }
            Kind::Array => {
                self.scan.enter_array()?;
                while self.scan.next_element()? {
                    self.value(key, numbers)?;
                }
            }
            Kind::String => {
                let text = self.scan.string()?;
                if !self.request.is_some_and(|request| request.keeps(key, text)) {
                    self.found.push(Piece::Text(text));
                }
            }
            Kind::Number => {
                let span = self.scan.skip()?;
                self.found.extend(numbers.then_some(Piece::Number(span)));
            }
            Kind::Bool | Kind::Null => drop(self.scan.skip()?),
        }
        Ok(())
    }
}
