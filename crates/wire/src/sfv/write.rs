//! The canonical form: section 4.1 of RFC 8941.

use super::parse::{in_key, in_token};
use super::{Bare, Dictionary, InnerList, Item, List, Member, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

impl fmt::Display for Bare {
    /// Texts and tokens of other characters than they may have are an error of formatting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Decimal(thousandths) => {
                let (whole, part) = (thousandths.unsigned_abs() / 1_000, thousandths.unsigned_abs() % 1_000);
                let part = format!("{part:03}");
                let part = match part.trim_end_matches('0') {
                    "" => "0",
                    part => part,
                };
                write!(f, "{}{whole}.{part}", if *thousandths < 0 { "-" } else { "" })
            }
            Self::Text(text) => {
                if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                    return Err(fmt::Error);
                }
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Token(token) => {
                let begins = token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*');
                if begins && token.bytes().all(in_token) { f.write_str(token) } else { Err(fmt::Error) }
            }
            Self::Bytes(bytes) => write!(f, ":{}:", STANDARD.encode(bytes)),
            Self::Boolean(yes) => write!(f, "?{}", u8::from(*yes)),
            Self::Date(seconds) => write!(f, "@{seconds}"),
        }
    }
}

fn key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let begins = key.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
    if begins && key.bytes().all(in_key) { f.write_str(key) } else { Err(fmt::Error) }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            f.write_str(";")?;
            key(f, name)?;
            if *value != Bare::Boolean(true) {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, self.params)
    }
}

impl fmt::Display for InnerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (n, item) in self.items.iter().enumerate() {
            write!(f, "{}{item}", if n == 0 { "" } else { " " })?;
        }
        write!(f, "){}", self.params)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => item.fmt(f),
            Self::Inner(list) => list.fmt(f),
        }
    }
}

impl fmt::Display for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, member)) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { ", " })?;
            key(f, name)?;
            match member {
                Member::Item(Item { value: Bare::Boolean(true), params }) => params.fmt(f)?,
                other => write!(f, "={other}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, member) in self.0.iter().enumerate() {
            write!(f, "{}{member}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
