//! Signing: the base first, the fields once the key has signed it.

use super::signature::{base, distinct};
use super::{Component, Flaw, Message};
use crate::sfv::{Bare, InnerList, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// A signature to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    label: String,
    components: Vec<Component>,
    input: InnerList,
}

impl Draft {
    /// A signature over these components.
    #[must_use]
    pub fn new(label: &str, components: Vec<Component>) -> Self {
        let items = components.iter().map(|component| component.item().clone()).collect();
        Self { label: label.into(), components, input: InnerList { items, params: Params::default() } }
    }

    /// With a time, `created` or `expires`, in seconds since 1970.
    #[must_use]
    pub fn time(mut self, name: &str, seconds: i64) -> Self {
        self.input.params.0.push((name.into(), Bare::Integer(seconds)));
        self
    }

    /// With a text: `nonce`, `alg`, `keyid` or `tag`.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.input.params.0.push((name.into(), Bare::Text(value.into())));
        self
    }

    /// The bytes to sign.
    ///
    /// # Errors
    /// [`Flaw::Component`] for what the message lacks; [`Flaw::Malformed`] for a label or text of other characters than a field
    /// may have.
    pub fn base(&self, message: &Message<'_>) -> Result<String, Flaw> {
        let mut written = String::new();
        let label = Params(vec![(self.label.clone(), Bare::Boolean(true))]);
        if write!(written, "{label}{}", self.input).is_err() {
            let what = "label and texts are of characters that no field may have";
            return Err(Flaw::Malformed { label: self.label.clone(), what });
        }
        distinct(&self.components)?;
        base(&self.components, &self.input, message)
    }

    /// The values of `Signature-Input` and `Signature`, after [`Self::base`] was signed.
    #[must_use]
    pub fn fields(&self, signature: &[u8]) -> (String, String) {
        let mut input = format!("{}=", self.label);
        let _ = write!(input, "{}", self.input);
        (input, format!("{}=:{}:", self.label, STANDARD.encode(signature)))
    }
}
