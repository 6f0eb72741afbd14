//! Budgets and virtual keys.

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// What the page of keys and budgets shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetsView {
    /// The budgets in use, in the order in which they are shown; those of one subject stand together.
    pub budgets: Vec<BudgetView>,
    /// The budgets as configured.
    pub rules: Vec<RuleView>,
    /// The keys, newest first.
    pub keys: Vec<KeyView>,
    /// Whether the gateway answers callers without a key.
    pub keyless: bool,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Requests.
    #[default]
    Requests,
    /// Tokens.
    Tokens,
    /// Money in millionths.
    Micro,
}

/// One budget in its current window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetView {
    /// Whose, such as `key ci` or `all callers`.
    pub subject: String,
    /// What it counts.
    pub meter: Meter,
    /// Its window, such as `day`.
    pub window: String,
    /// How much may be used.
    pub limit: u64,
    /// How much was used.
    pub settled: u64,
    /// How much is promised to requests in flight.
    pub reserved: u64,
    /// How much of [`Self::settled`] exceeded its estimates.
    pub overrun: u64,
    /// When it starts again; `None` when never.
    pub resets: Option<Timestamp>,
}

/// One budget as configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Whom it binds, in words.
    pub scope: String,
    /// Its window, such as `day`.
    pub window: String,
    /// What it limits.
    pub limits: Vec<RuleLimit>,
    /// The model that answers when it is spent; `None` when requests are refused then.
    pub degrade_to: Option<String>,
}

/// One limit of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLimit {
    /// What it counts.
    pub meter: Meter,
    /// How much may be used.
    pub limit: u64,
}

/// One virtual key, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The last characters of its secret.
    pub hint: String,
    /// The tenant that pays.
    pub tenant: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Patterns of the models that it may ask for; empty allows all.
    pub models: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}
