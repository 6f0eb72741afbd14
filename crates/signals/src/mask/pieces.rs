//! Pieces: the strings and numbers of a JSON text in which somebody may have said something.

use std::collections::HashSet;
use tollgate_wire::json::{DEPTH_MAX, Flaw, Kind, Scanner};
use tollgate_wire::members::is_own;
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

/// The pieces of a request's body, in its order. Left out are the model, names and types of offered tools, encoded bytes where a
/// dialect has some, and numbers that the dialect takes as numbers.
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
    /// Names and types of the tools that are offered.
    tools: HashSet<String>,
    /// Where strings begin that are words, whatever they look like.
    words: HashSet<u32>,
    /// Where values begin whose numbers may say something.
    free: HashSet<u32>,
}

impl<'v> Request<'v> {
    fn of(view: &'v RequestView) -> Self {
        let offered = view.tools.iter().flat_map(|tool| [Some(tool.name), tool.built_in]).flatten();
        let said = view.system.iter().chain(view.messages.iter().flat_map(|message| message.text.iter()));
        let beside = || view.aside.iter().chain(&view.arguments);
        let numeric = |key: &str| is_own(view.dialect, key) && !DEFINITIONS.contains(&key);
        let members = view.members.iter().filter(|(key, _)| !numeric(&view.text(*key)));
        let free =
            beside().map(|text| text.span).chain(view.metadata).chain(members.map(|(_, value)| *value));
        Self {
            tools: offered.map(|name| view.text(name).into_owned()).collect(),
            words: said.chain(beside()).map(|text| text.span.start).collect(),
            free: free.map(|span| span.start).collect(),
            view,
        }
    }

    /// Whether a string stays as it is; `free`: whether it stands where anybody may say anything.
    fn keeps(&self, key: &[u8], text: TextSpan, free: bool) -> bool {
        if self.view.model == Some(text) {
            return true;
        }
        let told = self.view.text(text);
        let tool = matches!(key, b"name" | b"type") && self.tools.contains(&*told);
        let bytes = !free && BYTES.contains(&key) && !self.words.contains(&text.span.start);
        tool || bytes && is_encoded(&told)
    }
}

/// Members of a dialect's own that hold definitions, in which the caller writes numbers too.
const DEFINITIONS: &[&str] =
    &["functions", "output_config", "output_format", "response_format", "text", "tools"];

/// Members that hold encoded bytes: images, sound, files, what is sealed or signed.
const BYTES: &[&[u8]] = &[
    b"audio",
    b"b64_json",
    b"data",
    b"encrypted_content",
    b"file_data",
    b"file_url",
    b"image",
    b"image_url",
    b"result",
    b"signature",
    b"thoughtSignature",
    b"thought_signature",
    b"url",
    b"video",
    b"video_url",
];

/// Least length of encoded bytes: signatures and sealed reasoning are longer, names and numbers of people are not.
const ENCODED_MIN: usize = 64;

/// Whether a string is bytes in base64, as it is or as a `data:` link.
fn is_encoded(text: &str) -> bool {
    let inside = match text.strip_prefix("data:") {
        Some(link) => link.split_once(";base64,").map(|(_, inside)| inside),
        None => Some(text).filter(|text| text.len() >= ENCODED_MIN),
    };
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    inside.is_some_and(|inside| inside.bytes().all(letter))
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
                if !self.request.is_some_and(|request| request.keeps(key, text, numbers)) {
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
