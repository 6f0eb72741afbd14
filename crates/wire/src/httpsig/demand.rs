//! What a verifier demands of a signature (RFC 9421, section 3.2.1).

use super::{Flaw, Signature};

/// See the module. The default demands a `created` of the last five minutes and nothing covered.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// Components that must be covered, as [`super::Component::id`] writes them.
    pub components: &'a [&'a str],
    /// Oldest signature that is taken, in seconds since `created`.
    pub max_age_s: i64,
    /// How far ahead of ours the signer's clock may be, in seconds.
    pub skew_s: i64,
    /// Whether it must have an `expires`.
    pub expires: bool,
    /// Whether it must have a nonce that is not empty. Whether the nonce is new is for the caller to find out.
    pub nonce: bool,
    /// The tag that it must have.
    pub tag: Option<&'a str>,
}

impl Default for Demand<'_> {
    fn default() -> Self {
        Self { components: &[], max_age_s: 300, skew_s: 60, expires: false, nonce: false, tag: None }
    }
}

impl Signature {
    /// Holds the signature against what is demanded, at a moment in seconds since 1970. It counts from `created` (less the skew)
    /// until `max_age_s` later, and no longer than its own `expires`: at either moment it is over.
    ///
    /// # Errors
    /// [`Flaw::NotCovered`], [`Flaw::Time`] or [`Flaw::Malformed`].
    pub fn check(&self, demand: &Demand<'_>, now: i64) -> Result<(), Flaw> {
        let malformed = |what| Err(Flaw::Malformed { label: self.label.clone(), what });
        let covers = |wanted: &&&str| !self.components.iter().any(|component| component.id() == **wanted);
        if let Some(missing) = demand.components.iter().find(covers) {
            return Err(Flaw::NotCovered((*missing).to_owned()));
        }
        if demand.tag.is_some() && self.tag() != demand.tag {
            return malformed("it was made for something else: its tag is not the one demanded");
        }
        if demand.nonce && self.nonce().is_none_or(str::is_empty) {
            return malformed("it has no nonce");
        }
        let Some(created) = self.created() else { return malformed("it has no created") };
        if demand.expires && self.expires().is_none() {
            return malformed("it has no expires");
        }
        let late = |what| Err(Flaw::Time { what, created, now });
        if created.saturating_sub(demand.skew_s) > now {
            return late("is from the future");
        }
        if now >= created.saturating_add(demand.max_age_s) {
            return late("is too old");
        }
        match self.expires() {
            Some(expires) if expires <= created => late("ends before it begins"),
            Some(expires) if now >= expires => late("has expired"),
            _ => Ok(()),
        }
    }
}
