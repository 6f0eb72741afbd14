//! Rails of settlement's folder that wait for others, as the command line has them: `evm/rail.json` and `card/rail.json`. They are opened
//! when the gateway starts, and only those that the configuration names.

use std::path::PathBuf;
use std::sync::Arc;
use tollgate_card::{CardError, Hook};
use tollgate_core::Clock;
use tollgate_evm::EvmError;
use tollgate_store::settlement::{AwayRail, SettlementConfig};

/// Rails that a configuration may name.
pub const NAMES: [&str; 2] = [tollgate_evm::EVM_RAIL, tollgate_card::CARD_RAIL];

/// Why a rail cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RailsError {
    /// The rail over escrow contracts.
    #[error("the rail evm: {0}")]
    Evm(#[from] EvmError),
    /// The rail over cards.
    #[error("the rail card: {0}")]
    Card(#[from] CardError),
    /// Its file is not there.
    #[error("settle.rails names {name}, and there is no {}: docs/rails.md shows one", path.display())]
    Missing {
        /// The rail.
        name: String,
        /// Where its file must be.
        path: PathBuf,
    },
}

/// What comes in for rails.
#[derive(Debug, Default)]
pub struct Rails {
    /// The chain's papers.
    pub evm: Option<tollgate_evm::Folder>,
    /// What checks webhooks of the API for cards.
    pub hook: Option<Hook>,
}

impl Rails {
    /// Opens the rails that the configuration names. Nodes and APIs are not asked anything yet: the gateway starts without them.
    ///
    /// # Errors
    /// See [`RailsError`].
    pub fn open(
        config: &SettlementConfig,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Vec<AwayRail>), RailsError> {
        let (mut rails, mut away) = (Self::default(), Vec::new());
        for name in &config.rails {
            let path = config.data.join(name).join("rail.json");
            let missing = || RailsError::Missing { name: name.clone(), path };
            if name == tollgate_evm::EVM_RAIL {
                let folder = tollgate_evm::Folder::read(&config.data)?.ok_or_else(missing)?;
                away.push(evm(&folder)?);
                rails.evm = Some(folder);
            } else {
                let folder = tollgate_card::Folder::read(&config.data)?.ok_or_else(missing)?;
                away.push(card(&folder, clock)?);
                rails.hook = folder.hook()?;
            }
        }
        Ok((rails, away))
    }
}

fn evm(folder: &tollgate_evm::Folder) -> Result<AwayRail, EvmError> {
    let config = folder.config().clone();
    Ok(AwayRail {
        name: tollgate_evm::EVM_RAIL.into(),
        carries: Box::new(move |contract| config.info(contract).map(drop)),
        rail: Box::new(folder.rail(folder.chain()?)?),
    })
}

fn card(folder: &tollgate_card::Folder, clock: &Arc<dyn Clock>) -> Result<AwayRail, CardError> {
    let (config, mut cards, now) = (folder.config().clone(), folder.cards(), Arc::clone(clock));
    Ok(AwayRail {
        name: tollgate_card::CARD_RAIL.into(),
        carries: Box::new(move |contract| config.carries(&mut cards, now.now(), contract)),
        rail: Box::new(folder.rail(Arc::clone(clock))?),
    })
}
