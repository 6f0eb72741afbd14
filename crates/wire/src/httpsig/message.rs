//! A message as a signature sees it.

use super::Flaw;
use std::borrow::Cow;

/// Names and values of header fields, each line of its own, in their order. Names are compared without regard to case.
pub type Fields<'a> = &'a [(&'a str, &'a [u8])];

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method, as sent.
    pub method: &'a str,
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Host, and port when there is one.
    pub authority: &'a str,
    /// Path as sent, without the query.
    pub path: &'a str,
    /// Query as sent, without its question mark.
    pub query: Option<&'a str>,
    /// Header fields.
    pub fields: Fields<'a>,
}

/// A request, or a response with the request that it answers.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(Request<'a>),
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Header fields.
        fields: Fields<'a>,
        /// What it answers, where the verifier knows it.
        request: Option<Request<'a>>,
    },
}

impl<'a> Message<'a> {
    /// Header fields of the message itself.
    #[must_use]
    pub const fn fields(&self) -> Fields<'a> {
        match self {
            Self::Request(Request { fields, .. }) | Self::Response { fields, .. } => fields,
        }
    }
}

impl<'a> Request<'a> {
    /// The authority in its normal form: lower case, without the scheme's own port (RFC 9421, section 2.2.3).
    #[must_use]
    pub fn normal_authority(&self) -> Cow<'a, str> {
        let own = match self.scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => ":443",
            scheme if scheme.eq_ignore_ascii_case("http") => ":80",
            _ => "",
        };
        let bare = self.authority.strip_suffix(own).unwrap_or(self.authority);
        if bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
            bare.to_ascii_lowercase().into()
        } else {
            bare.into()
        }
    }

    /// The path; an empty one is `/`.
    pub(super) const fn normal_path(&self) -> &'a str {
        if self.path.is_empty() { "/" } else { self.path }
    }

    /// Path and query, as in a request line.
    pub(super) fn target(&self) -> String {
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.normal_path())
    }
}

/// The lines of a field without surrounding blanks, in their order; folded lines are one.
fn lines<'a>(fields: Fields<'a>, name: &str) -> impl Iterator<Item = Result<Cow<'a, str>, Flaw>> {
    let name = name.to_owned();
    fields
        .iter()
        .filter(move |(found, _)| found.eq_ignore_ascii_case(&name))
        .map(|(name, value)| line(name, value))
}

/// One line of a field.
pub(super) fn line<'a>(name: &str, value: &'a [u8]) -> Result<Cow<'a, str>, Flaw> {
    let odd = || Flaw::Component { component: name.to_ascii_lowercase(), what: "has other than ASCII text" };
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii()).ok_or_else(odd)?;
    let blank = [' ', '\t', '\r', '\n'];
    let text = text.trim_matches(blank);
    if !text.contains(['\r', '\n']) {
        return if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            Err(odd())
        } else {
            Ok(text.into())
        };
    }
    // Obsolete line folding: the break with the blanks around it is one space.
    let mut unfolded = String::with_capacity(text.len());
    for (n, part) in text.split('\n').enumerate() {
        if n > 0 && !part.starts_with([' ', '\t']) {
            return Err(odd());
        }
        let part = part.trim_matches(blank);
        if part.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(odd());
        }
        unfolded.push_str(if n == 0 { "" } else { " " });
        unfolded.push_str(part);
    }
    Ok(unfolded.into())
}

/// A field's lines joined by commas; `None` when it is not there.
pub(super) fn joined(fields: Fields<'_>, name: &str) -> Result<Option<String>, Flaw> {
    let lines = lines(fields, name).collect::<Result<Vec<_>, _>>()?;
    Ok((!lines.is_empty()).then(|| lines.join(", ")))
}
