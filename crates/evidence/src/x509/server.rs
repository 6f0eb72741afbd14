//! What a certificate is for and whose it is: purposes, alternative names, web servers (RFC 5280, RFC 6125).

use super::{Certificate, EXTENDED_KEY_USAGE, SUBJECT_ALT_NAME};
use crate::Refusal;
use crate::read::der::{Der, OID};

/// A name of the domain name system among the alternatives: `[2] IA5String`.
const DNS_NAME: u8 = 0x82;
/// 1.3.6.1.5.5.7.3.1: may be the server of a TLS connection.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// Most alternatives that are looked at.
const NAMES_MAX: usize = 256;

/// Whether a name in a certificate, which may begin with `*.`, is that of a server. The star stands for one label.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            let under = name.split_once('.').filter(|(label, _)| !label.is_empty());
            parent.contains('.') && under.is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

impl Certificate<'_> {
    /// The body's sequence of an extension.
    fn listed(&self, oid: &[u8], what: &'static str) -> Result<Option<Der<'_>>, Refusal> {
        let Some(value) = self.extension(oid) else { return Ok(None) };
        let mut outer = Der::new(what, value);
        let list = outer.sequence(what)?;
        outer.end()?;
        Ok(Some(list))
    }

    /// Whether it names this purpose among those that its key is for.
    pub(crate) fn is_for(&self, purpose: &[u8]) -> Result<bool, Refusal> {
        let Some(mut list) = self.listed(EXTENDED_KEY_USAGE, "extended key usage")? else { return Ok(false) };
        let mut found = false;
        while !list.is_empty() {
            found |= list.expect(OID)? == purpose;
        }
        Ok(found)
    }

    /// Its alternative names with these tags.
    pub(crate) fn names(&self, tags: &[u8]) -> Result<Vec<&str>, Refusal> {
        let mut names = Vec::new();
        if let Some(mut list) = self.listed(SUBJECT_ALT_NAME, "alternative names")? {
            while !list.is_empty() && names.len() < NAMES_MAX {
                let one = list.next()?;
                if tags.contains(&one.tag) {
                    names.extend(std::str::from_utf8(one.body).ok());
                }
            }
        }
        Ok(names)
    }

    /// Refuses unless it is of the web server of this name.
    pub(crate) fn serves(&self, name: &str) -> Result<(), Refusal> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let legal = (1..=253).contains(&name.len()) && name.chars().all(plain);
        let names = self.names(&[DNS_NAME])?;
        if !legal || !names.iter().any(|pattern| covers(pattern, name)) {
            let wanted = Refusal::shown(name);
            return Err(Refusal::Mismatch {
                what: "name of the server",
                is: Refusal::shown(&names.join(", ")),
                wanted,
            });
        }
        if self.is_for(SERVER_AUTH)? {
            Ok(())
        } else {
            Err(Refusal::Untrusted { what: "certificate", is: "that is not for web servers".into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_is_one_label() {
        for (pattern, name) in [("api.example", "API.example"), ("*.a.example", "x.a.example")] {
            assert!(covers(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.a.example", "a.example"),
            ("*.a.example", "x.y.a.example"),
            ("*.a.example", ".a.example"),
            ("*.example", "a.example"),
            ("a.example", "b.example"),
            ("f*.a.example", "foo.a.example"),
            ("", "a"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }
}
