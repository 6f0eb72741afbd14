//! The signatures that a message carries (RFC 9421, section 4).

use super::Flaw;
use super::component::Component;
use super::message::{Message, joined};
use crate::sfv::{self, Bare, Dictionary, InnerList, Member};
use std::fmt::Write as _;

/// Most signatures of one message.
pub const SIGNATURES_MAX: usize = 8;
/// Most components that one signature covers.
pub const COMPONENTS_MAX: usize = 64;

/// One signature, read and not yet verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Its label.
    pub label: String,
    /// What it covers, in its order.
    pub components: Vec<Component>,
    /// The signature itself.
    pub value: Vec<u8>,
    /// Its input as it is signed.
    input: InnerList,
}

impl Signature {
    /// The signatures of a message, in their order.
    ///
    /// # Errors
    /// [`Flaw::Missing`] when there is none; others for whatever cannot be read, in any of them.
    pub fn all(message: &Message<'_>) -> Result<Vec<Self>, Flaw> {
        let inputs = field(message, "signature-input")?.ok_or(Flaw::Missing("signature-input"))?;
        let values = field(message, "signature")?.ok_or(Flaw::Missing("signature"))?;
        if inputs.0.len() > SIGNATURES_MAX || values.0.len() > SIGNATURES_MAX {
            return Err(Flaw::TooMany { what: "signatures", most: SIGNATURES_MAX });
        }
        let paired =
            |label: &String| Flaw::Malformed { label: label.clone(), what: "it stands in one field only" };
        if let Some((label, _)) = values.0.iter().find(|(label, _)| inputs.get(label).is_none()) {
            return Err(paired(label));
        }
        let read = |(label, input): &(String, Member)| {
            let value = values.get(label).ok_or_else(|| paired(label))?;
            Self::read(label, input, value)
        };
        inputs.0.iter().map(read).collect()
    }

    fn read(label: &str, input: &Member, value: &Member) -> Result<Self, Flaw> {
        let malformed = |what| Flaw::Malformed { label: label.into(), what };
        let Member::Inner(input) = input else { return Err(malformed("its input is no list of components")) };
        let value = match value {
            Member::Item(item) => item.value.bytes(),
            Member::Inner(_) => None,
        };
        let value = value.ok_or_else(|| malformed("its signature is no bytes"))?.to_vec();
        for (name, value) in &input.params.0 {
            let right = match name.as_str() {
                "created" | "expires" => value.integer().is_some_and(|seconds| seconds >= 0),
                "nonce" | "alg" | "keyid" | "tag" => value.text().is_some(),
                _ => true,
            };
            if !right {
                return Err(malformed(
                    "created and expires are whole numbers, nonce, alg, keyid and tag texts",
                ));
            }
        }
        let components = input.items.iter().map(Component::read).collect::<Result<Vec<_>, _>>()?;
        distinct(&components)?;
        Ok(Self { label: label.into(), components, value, input: input.clone() })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.input.params.get(name).and_then(Bare::text)
    }

    /// Whom its key is said to be of.
    #[must_use]
    pub fn keyid(&self) -> Option<&str> {
        self.text("keyid")
    }

    /// The algorithm that it names, in the RFC's names. Whoever verifies knows the key's algorithm; another one named here is a
    /// reason to refuse, and never the reason to use it.
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.text("alg")
    }

    /// Its nonce.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.text("nonce")
    }

    /// What it was made for.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.text("tag")
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn created(&self) -> Option<i64> {
        self.input.params.get("created").and_then(Bare::integer)
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        self.input.params.get("expires").and_then(Bare::integer)
    }

    /// What the key must have signed (section 2.5), for this message.
    ///
    /// # Errors
    /// [`Flaw::Component`] for a component that the message has not, has twice, or that is not known.
    pub fn base(&self, message: &Message<'_>) -> Result<String, Flaw> {
        base(&self.components, &self.input, message)
    }
}

/// Refuses components that are too many, or stand twice.
pub(super) fn distinct(components: &[Component]) -> Result<(), Flaw> {
    if components.len() > COMPONENTS_MAX {
        return Err(Flaw::TooMany { what: "components", most: COMPONENTS_MAX });
    }
    for (n, component) in components.iter().enumerate() {
        if component.name() == "@signature-params" {
            return Err(Flaw::Component { component: component.id(), what: "covers itself" });
        }
        if components.iter().take(n).any(|other| other.same(component)) {
            return Err(Flaw::Component { component: component.id(), what: "stands twice" });
        }
    }
    Ok(())
}

pub(super) fn base(
    components: &[Component],
    input: &InnerList,
    message: &Message<'_>,
) -> Result<String, Flaw> {
    let mut base = String::new();
    for component in components {
        base.push_str(&component.line(message)?);
    }
    let _ = write!(base, "\"@signature-params\": {input}");
    Ok(base)
}

/// A field of the message as a dictionary; `None` when it is not there.
fn field(message: &Message<'_>, name: &'static str) -> Result<Option<Dictionary>, Flaw> {
    let Some(text) = joined(message.fields(), name)? else { return Ok(None) };
    sfv::dictionary(&text).map(Some).map_err(|error| Flaw::Field { field: name.into(), error })
}
