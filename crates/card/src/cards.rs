//! Cards of payers, by the accounts that contracts name.
//!
//! No number of a card is ever here: a card is a name (`pm_…`) under which the API keeps it, with its holder's consent.

use crate::CardError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tollgate_core::id::AccountId;
use tollgate_rail::whole;

/// A card that an account pays with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The API's name of the card: `pm_…`.
    pub payment_method: String,
    /// The API's name of its holder: `cus_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

impl Card {
    /// Whether the names are of their form.
    ///
    /// # Errors
    /// [`CardError::Bad`].
    pub fn check(&self) -> Result<(), CardError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is = |text: &str, prefix: &str| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| (1..=200).contains(&rest.len()) && rest.bytes().all(legal))
        };
        if !is(&self.payment_method, "pm_") {
            return Err(CardError::bad("payment method", &self.payment_method, "pm_ and its name"));
        }
        match self.customer.as_deref().filter(|customer| !is(customer, "cus_")) {
            Some(customer) => Err(CardError::bad("customer", customer, "cus_ and its name")),
            None => Ok(()),
        }
    }
}

/// Where cards are found.
pub trait Cards {
    /// The card of an account.
    ///
    /// # Errors
    /// [`CardError`] when it is there and cannot be read.
    fn card(&mut self, account: &AccountId) -> Result<Option<Card>, CardError>;
}

/// Cards in a folder: `cards/ACCOUNT.json`.
#[derive(Clone, Debug)]
pub struct FolderCards(PathBuf);

impl FolderCards {
    /// The cards of a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.join("cards"))
    }

    /// Files the card of an account in place of its former one, which calls that were made keep.
    ///
    /// # Errors
    /// [`CardError::Bad`] and [`CardError::Keep`].
    pub fn file(&self, account: &AccountId, card: &Card) -> Result<(), CardError> {
        card.check()?;
        Ok(whole::write(&self.path(account), card)?)
    }

    fn path(&self, account: &AccountId) -> PathBuf {
        self.0.join(format!("{account}.json"))
    }
}

impl Cards for FolderCards {
    fn card(&mut self, account: &AccountId) -> Result<Option<Card>, CardError> {
        Ok(whole::read(&self.path(account))?)
    }
}
