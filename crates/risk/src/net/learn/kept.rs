//! What a stopped training goes on from: a file of tensors, written after every pass and named by what is trained.

use super::super::{NetConfig, Network};
use super::{Adam, Progress};
use crate::error::{Result, RiskError};
use crate::model::Tensors;
use std::path::PathBuf;

/// Where progress is kept, and what it is progress of.
pub(super) struct Kept {
    file: Option<PathBuf>,
    /// A digest of settings, shape, users and outcomes.
    digest: u32,
}

impl Kept {
    /// Makes the folder; nothing is kept where the settings name no file.
    pub(super) fn open(
        config: &NetConfig,
        network: &Network,
        labels: &[bool],
        (train, held): (&[u32], &[u32]),
    ) -> Result<Self> {
        let file = config.kept.clone();
        if let Some(folder) = file.as_deref().and_then(std::path::Path::parent) {
            std::fs::create_dir_all(folder).map_err(|e| RiskError::file(folder, e))?;
        }
        // Threads change nothing, and the file may be moved.
        let settings = NetConfig { threads: 0, kept: None, ..config.clone() };
        let text = format!("{settings:?} {:?} {:?}", network.shape, network.scales);
        let mut digest = crc32c::crc32c(text.as_bytes());
        for users in [train, held] {
            for user in users {
                digest = crc32c::crc32c_append(digest, &user.to_le_bytes());
                digest = crc32c::crc32c_append(digest, &[u8::from(labels[*user as usize])]);
            }
        }
        for weight in &network.weights {
            digest = crc32c::crc32c_append(digest, &weight.to_le_bytes());
        }
        Ok(Self { file, digest })
    }

    /// Keeps how far training is: written beside and renamed, so that a stop leaves the old or the new.
    pub(super) fn save(&self, progress: &Progress) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let mut tensors = Tensors::default();
        for (name, values) in [
            ("weights", &progress.weights),
            ("first", &progress.adam.first),
            ("second", &progress.adam.second),
            ("kept", &progress.kept),
        ] {
            tensors.reals(name, &[], values);
        }
        let best = progress.best.to_bits();
        tensors.ints(
            "progress",
            &[
                self.digest.cast_signed(),
                progress.masked as i32,
                progress.epochs as i32,
                progress.adam.steps,
                progress.kept_epoch as i32,
                i32::from(progress.ended),
                (best as u32).cast_signed(),
                ((best >> 32) as u32).cast_signed(),
            ],
        );
        let beside = path.with_extension("new");
        std::fs::write(&beside, tensors.bytes())
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(|e| RiskError::file(path, e))
    }

    /// What was kept; nothing where training begins.
    ///
    /// # Errors
    /// The file is not whole, or is of another training.
    pub(super) fn load(&self) -> Result<Option<Progress>> {
        let Some(path) = self.file.as_ref().filter(|path| path.is_file()) else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|e| RiskError::file(path, e))?;
        let place = path.display().to_string();
        let tensors = Tensors::read(&bytes, &place)?;
        let &[digest, masked, epochs, steps, kept_epoch, ended, low, high] = tensors.int("progress")? else {
            return Err(RiskError::model(place, "says nothing of how far training was; remove it"));
        };
        if digest.cast_unsigned() != self.digest {
            return Err(RiskError::model(
                place,
                "was kept by a training on other data or with other settings; name another folder or remove it",
            ));
        }
        let real = |name| tensors.real(name, &[]).map(<[f32]>::to_vec);
        let bits = u64::from(high.cast_unsigned()) << 32 | u64::from(low.cast_unsigned());
        Ok(Some(Progress {
            masked: masked as usize,
            epochs: epochs as usize,
            weights: real("weights")?,
            adam: Adam { first: real("first")?, second: real("second")?, steps },
            best: f64::from_bits(bits),
            kept: real("kept")?,
            kept_epoch: kept_epoch as usize,
            ended: ended != 0,
        }))
    }
}
