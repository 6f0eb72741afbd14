//! Covered components: their identifiers and their values (RFC 9421, section 2).

use super::message::{Message, Request, joined, line};
use super::{Fields, Flaw};
use crate::sfv::{self, Bare, Item, Member, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// One covered component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    item: Item,
}

/// The forms that a component may ask for.
#[derive(Default)]
struct Asked<'a> {
    strict: bool,
    key: Option<&'a str>,
    wrapped: bool,
    name: Option<&'a str>,
}

/// Fields whose structure is known, for the parameter `sf`.
const DICTIONARIES: &[&str] = &[
    "cache-control",
    "content-digest",
    "priority",
    "repr-digest",
    "signature",
    "signature-agent",
    "signature-input",
    "want-content-digest",
    "want-repr-digest",
];
const LISTS: &[&str] =
    &["accept", "accept-encoding", "accept-language", "allow", "cache-status", "proxy-status", "vary"];
const ITEMS: &[&str] = &["age", "content-length", "content-type", "idempotency-key"];

impl Component {
    /// A component by its name, in lower case.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { item: Item { value: Bare::Text(name.into()), params: Params::default() } }
    }

    /// The same with a parameter that has no value, as `req`.
    #[must_use]
    pub fn with(mut self, flag: &str) -> Self {
        self.item.params.0.push((flag.into(), Bare::Boolean(true)));
        self
    }

    /// The same with a parameter, as the `name` of a query parameter.
    #[must_use]
    pub fn with_text(mut self, name: &str, value: &str) -> Self {
        self.item.params.0.push((name.into(), Bare::Text(value.into())));
        self
    }

    pub(super) fn read(item: &Item) -> Result<Self, Flaw> {
        let this = Self { item: item.clone() };
        let name = item.value.text().unwrap_or_default();
        let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_whitespace());
        if name.is_empty() || !lower { Err(this.flaw("is no name in lower case")) } else { Ok(this) }
    }

    pub(super) const fn item(&self) -> &Item {
        &self.item
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.item.value.text().unwrap_or_default()
    }

    /// Whether it is of the request that a response answers.
    #[must_use]
    pub fn of_request(&self) -> bool {
        self.item.params.get("req").is_some()
    }

    /// Name and parameters without quotes around the name: `@method`, `content-digest;req`, `@query-param;name="a"`.
    #[must_use]
    pub fn id(&self) -> String {
        let mut id = self.name().to_owned();
        // What was read is of legal characters; what is not ends the text here, and is refused by whoever signs.
        let _ = write!(id, "{}", self.item.params);
        id
    }

    /// Whether two name the same component, in whatever order their parameters stand.
    pub(super) fn same(&self, other: &Self) -> bool {
        let (a, b) = (&self.item.params.0, &other.item.params.0);
        self.item.value == other.item.value && a.len() == b.len() && a.iter().all(|param| b.contains(param))
    }

    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw::Component { component: self.id(), what }
    }

    fn asked(&self) -> Result<Asked<'_>, Flaw> {
        let mut asked = Asked::default();
        for (name, value) in &self.item.params.0 {
            match (name.as_str(), value) {
                ("req", Bare::Boolean(true)) => {}
                ("sf", Bare::Boolean(true)) => asked.strict = true,
                ("bs", Bare::Boolean(true)) => asked.wrapped = true,
                ("key", Bare::Text(key)) => asked.key = Some(key),
                ("name", Bare::Text(name)) => asked.name = Some(name),
                ("tr", _) => return Err(self.flaw("is of the trailers, which are not kept")),
                _ => return Err(self.flaw("has a parameter that is not known")),
            }
        }
        Ok(asked)
    }

    /// The lines that it adds to the signature base: one, with its identifier.
    pub(super) fn line(&self, message: &Message<'_>) -> Result<String, Flaw> {
        let asked = self.asked()?;
        let value = match (message, self.of_request()) {
            (Message::Request(request), false) => self.value_in(request, &asked)?,
            (Message::Request(_), true) => return Err(self.flaw("has req, in a request")),
            (Message::Response { request: Some(request), .. }, true) => self.value_in(request, &asked)?,
            (Message::Response { request: None, .. }, true) => {
                return Err(self.flaw("is of a request that is not known"));
            }
            (Message::Response { status, fields, .. }, false) => match self.name() {
                "@status" if self.item.params.0.is_empty() => status.to_string(),
                name if name.starts_with('@') => return Err(self.flaw("is not of a response")),
                name => self.field(fields, name, &asked)?,
            },
        };
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') || !value.is_ascii() {
            return Err(self.flaw("has other than ASCII text"));
        }
        Ok(format!("{}: {value}\n", self.item))
    }

    fn value_in(&self, request: &Request<'_>, asked: &Asked<'_>) -> Result<String, Flaw> {
        let name = self.name();
        let Some(derived) = name.strip_prefix('@') else { return self.field(request.fields, name, asked) };
        if asked.strict || asked.wrapped || asked.key.is_some() {
            return Err(self.flaw("has a parameter that is for fields"));
        }
        if derived == "query-param" {
            let name = asked.name.ok_or_else(|| self.flaw("has no name"))?;
            return self.query_parameter(request.query.unwrap_or_default(), name);
        }
        if asked.name.is_some() {
            return Err(self.flaw("has a parameter that is for query parameters"));
        }
        Ok(match derived {
            "method" => request.method.into(),
            "authority" => request.normal_authority().into(),
            "scheme" => request.scheme.to_ascii_lowercase(),
            "path" => request.normal_path().into(),
            "query" => format!("?{}", request.query.unwrap_or_default()),
            "request-target" => request.target(),
            "target-uri" => {
                format!(
                    "{}://{}{}",
                    request.scheme.to_ascii_lowercase(),
                    request.normal_authority(),
                    request.target()
                )
            }
            _ => return Err(self.flaw("is not of a request")),
        })
    }

    fn field(&self, fields: Fields<'_>, name: &str, asked: &Asked<'_>) -> Result<String, Flaw> {
        if asked.name.is_some() {
            return Err(self.flaw("has a parameter that is for query parameters"));
        }
        if asked.wrapped {
            if asked.strict || asked.key.is_some() {
                return Err(self.flaw("has bs together with sf or key"));
            }
            return self.wrapped(fields, name);
        }
        let value = joined(fields, name)?.ok_or_else(|| self.flaw("is not in the message"))?;
        let unreadable = |error| Flaw::Field { field: name.to_owned(), error };
        if let Some(key) = asked.key {
            let read = sfv::dictionary(&value).map_err(unreadable)?;
            return read.get(key).map(Member::to_string).ok_or_else(|| self.flaw("has no such key"));
        }
        if !asked.strict {
            return Ok(value);
        }
        match name {
            name if DICTIONARIES.contains(&name) => sfv::dictionary(&value).map(|read| read.to_string()),
            name if LISTS.contains(&name) => sfv::list(&value).map(|read| read.to_string()),
            name if ITEMS.contains(&name) => sfv::item(&value).map(|read| read.to_string()),
            _ => return Err(self.flaw("is a field whose structure is not known")),
        }
        .map_err(unreadable)
    }

    /// Each line as bytes (section 2.1.3): what a line holds cannot pass for a comma between lines.
    fn wrapped(&self, fields: Fields<'_>, name: &str) -> Result<String, Flaw> {
        let mut coded = Vec::new();
        for (found, value) in fields {
            if !found.eq_ignore_ascii_case(name) {
                continue;
            }
            // Text is unfolded; other bytes stand as they are.
            let text = line(found, value).ok();
            let bytes = text.as_ref().map_or_else(|| value.trim_ascii(), |text| text.as_bytes());
            coded.push(format!(":{}:", STANDARD.encode(bytes)));
        }
        if coded.is_empty() { Err(self.flaw("is not in the message")) } else { Ok(coded.join(", ")) }
    }

    /// A query parameter that stands once: decoded as a form's, and encoded anew (section 2.2.8).
    fn query_parameter(&self, query: &str, name: &str) -> Result<String, Flaw> {
        let mut found = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (!pair.is_empty() && recoded(key) == name).then(|| recoded(value))
        });
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(self.flaw("is not in the query")),
            (Some(_), Some(_)) => Err(self.flaw("stands in the query more than once")),
        }
    }
}

/// Decodes a part of a form and percent-encodes it anew.
fn recoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (String::with_capacity(part.len()), 0);
    let mut decoded = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
        at += 1;
    }
    // A form is UTF-8; what is not becomes the replacement character, for signer and verifier alike.
    for byte in String::from_utf8_lossy(&decoded).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
