//! The rail of a data folder: `card/rail.json` says which API, merchant and currencies; beside it lie its journal and the payers'
//! cards.

use crate::{CardError, CardRail, FolderCards, FolderJournal, Hook, Https, RailConfig, TOLERANCE_S};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::id::AccountId;
use tollgate_core::{Asset, Clock};
use tollgate_rail::{KeepError, whole};

/// Most hours for which a card's bank holds.
const HOLD_H_MAX: u32 = 30 * 24;
/// Longest tolerance of webhooks, in seconds.
const TOLERANCE_S_MAX: u32 = 3_600;

/// `rail.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RailFile {
    /// URL of the API; without a path it is Stripe's own: `https://api.stripe.com`.
    pub api: String,
    /// File of the API's secret key, relative to the folder.
    pub secret: PathBuf,
    /// Our name of the account that the key belongs to.
    pub merchant: AccountId,
    /// Currencies, as `EUR/2`.
    pub assets: Vec<String>,
    /// How long a card's bank surely holds, in hours.
    #[serde(default = "hold_hours")]
    pub hold_hours: u32,
    /// Cards are charged while their holders are away, with the consent that they gave before.
    #[serde(default = "off_session")]
    pub off_session: bool,
    /// Files of the secrets of webhooks, relative to the folder; several while one is replaced.
    #[serde(default)]
    pub webhook_secrets: Vec<PathBuf>,
    /// How old or early a webhook's signature may be, in seconds.
    #[serde(default = "tolerance_s")]
    pub tolerance_s: u32,
}

const fn hold_hours() -> u32 {
    96
}

const fn off_session() -> bool {
    true
}

const fn tolerance_s() -> u32 {
    TOLERANCE_S
}

/// The rail's folder, read.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    file: RailFile,
    config: RailConfig,
}

impl Folder {
    /// The rail of a data folder; `None` when it has none.
    ///
    /// # Errors
    /// [`CardError::Keep`] for a file that is not of its form, [`CardError::Bad`] for what it says.
    pub fn read(data: &Path) -> Result<Option<Self>, CardError> {
        let path = data.join("card");
        let Some(file) = whole::read::<RailFile>(&path.join("rail.json"))? else { return Ok(None) };
        let assets = file.assets.iter().map(|text| asset(text)).collect::<Result<Vec<_>, _>>()?;
        if assets.is_empty() {
            return Err(CardError::bad("assets", "[]", "at least one currency, such as EUR/2"));
        }
        let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
        if !file.api.starts_with("https://") && !local.iter().any(|base| file.api.starts_with(base)) {
            return Err(CardError::bad("api", &file.api, "a URL with https, or with http on this machine"));
        }
        let bounds = [
            ("hold_hours", file.hold_hours, HOLD_H_MAX, "1 to 720"),
            ("tolerance_s", file.tolerance_s, TOLERANCE_S_MAX, "1 to 3600"),
        ];
        for (field, value, most, wanted) in bounds {
            if !(1..=most).contains(&value) {
                return Err(CardError::bad(field, &value.to_string(), wanted));
            }
        }
        let (merchant, off_session) = (file.merchant.clone(), file.off_session);
        let config = RailConfig { merchant, assets, hold_h: file.hold_hours, off_session };
        Ok(Some(Self { path, file, config }))
    }

    /// What the rail carries.
    #[must_use]
    pub const fn config(&self) -> &RailConfig {
        &self.config
    }

    /// The payers' cards.
    #[must_use]
    pub fn cards(&self) -> FolderCards {
        FolderCards::new(&self.path)
    }

    /// The rail, with its journal, which one process has.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn rail(
        &self,
        clock: Arc<dyn Clock>,
    ) -> Result<CardRail<Https, FolderJournal, FolderCards>, CardError> {
        let api = Https::new(&self.file.api, &self.secret(&self.file.secret)?)?;
        let journal = FolderJournal::open(&self.path)?;
        Ok(CardRail::new(api, journal, self.cards(), self.config.clone(), clock))
    }

    /// What checks webhooks; `None` without a secret.
    ///
    /// # Errors
    /// [`CardError::Keep`].
    pub fn hook(&self) -> Result<Option<Hook>, CardError> {
        let read = self.file.webhook_secrets.iter().map(|path| self.secret(path));
        let secrets: Vec<String> = read.collect::<Result<_, _>>()?;
        let texts: Vec<&str> = secrets.iter().map(String::as_str).collect();
        Ok((!texts.is_empty()).then(|| Hook::new(&texts, self.file.tolerance_s)))
    }

    fn secret(&self, path: &Path) -> Result<String, CardError> {
        let path = self.path.join(path);
        std::fs::read_to_string(&path).map_err(|source| KeepError::File { path, source }.into())
    }
}

fn asset(text: &str) -> Result<Asset, CardError> {
    let wanted = "a currency with the decimal places that the API counts it in, such as EUR/2 or JPY/0";
    let parts = text.split_once('/').and_then(|(code, places)| Asset::new(code, places.parse().ok()?).ok());
    let asset = parts.filter(|asset| crate::currency(*asset).is_some());
    asset.ok_or_else(|| CardError::bad("asset", text, wanted))
}
