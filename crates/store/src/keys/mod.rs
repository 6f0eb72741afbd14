//! Virtual keys: who may call, as what, and which models. Secrets are stored only as digests.
//!
//! A secret is 256 random bits that the caller of [`crate::Store::create_key`] draws; it is shown once as `tg-` and
//! 43 base-62 digits. Look-up is by the BLAKE3 digest of the presented text, so no comparison of secrets takes
//! place whose time could tell anything about them.
//!
//! ```
//! use tollgate_core::{Timestamp, id::KeyId};
//! use tollgate_store::{KeySpec, Location, Secret, Store, StoreConfig};
//! let store = Store::open(&Location::Memory, StoreConfig::default())?;
//! let secret = Secret::from_bytes(&[7; 32]);
//! store.create_key(KeyId::from_bits(1), KeySpec::named("ci"), &secret, Timestamp(0))?;
//! assert_eq!(store.keys().find(secret.reveal(), Timestamp(1)).unwrap().spec.name, "ci");
//! # Ok::<(), tollgate_store::StoreError>(())
//! ```

mod ring;
mod secret;
mod table;

pub use ring::{KeyRefusal, KeyRing};
pub use secret::Secret;
pub(crate) use table::load;

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;
use tollgate_core::id::KeyId;

/// Longest text of a name, role, group, scope, tenant or model pattern, in bytes.
pub const WORD_MAX: usize = 256;
/// Most roles, groups, scopes or model patterns of one key.
pub const LIST_MAX: usize = 256;

/// What an operator says about a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// A name for people.
    pub name: String,
    /// The tenant that pays.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Scopes, such as `admin`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Patterns of models that may be asked for (`*` stands for any text); empty allows all.
    #[serde(default)]
    pub models: Vec<String>,
    /// When it ends.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

impl KeySpec {
    /// A key with a name and no restriction.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A stored key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VirtualKey {
    /// Its id.
    pub id: KeyId,
    /// What was said about it.
    #[serde(flatten)]
    pub spec: KeySpec,
    /// The last characters of the secret, to tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl VirtualKey {
    /// Whether this key may ask for `model`.
    #[must_use]
    pub fn allows_model(&self, model: &str) -> bool {
        self.spec.models.is_empty() || self.spec.models.iter().any(|pattern| glob(pattern, model))
    }
}

/// Whether `pattern`, where `*` stands for any text, is all of `text`.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        // The first place is the best one: it leaves the most text for the rest.
        let Some(at) = text.find(part) else { return false };
        text = text.get(at.saturating_add(part.len())..).unwrap_or_default();
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_text() {
        let yes = [
            ("a", "a"),
            ("*", ""),
            ("gpt-*", "gpt-5"),
            ("*-mini", "o4-mini"),
            ("a*b*c", "aXbbYc"),
            ("**", "x"),
        ];
        let no =
            [("a", "ab"), ("gpt-*", "gp"), ("*-mini", "mini"), ("a*b*c", "acb"), ("ab*ba", "aba"), ("", "x")];
        for (pattern, text) in yes {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}
