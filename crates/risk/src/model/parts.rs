//! Scores of a folder of folded histories, part by part: in memory are users, names and one part.
//!
//! Where a file is given, each part's scores are added to it as they are there, so that what was stopped goes on. The file
//! begins with `"TGSCORE1"` and a digest of model and histories; a part is its number, the number of its users (u32 each),
//! their probabilities (f64), and the CRC-32C of these, all little-endian.

use super::{Model, Score};
use crate::error::{Result, RiskError};
use crate::shelf::Shelved;
use crate::train::Kind;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"TGSCORE1";
/// Bytes before the first part.
const HEAD: usize = 12;

impl Model {
    /// Scores every user of a folder, the same as [`Model::score`] on the files that it was folded from. `step` hears how many parts
    /// of how many are done.
    ///
    /// # Errors
    /// The histories do not fit the model; a part cannot be read; `kept` is of another model or of other histories.
    pub fn score_parts(
        &self,
        folder: &mut Shelved,
        kind: Option<Kind>,
        kept: Option<&Path>,
        step: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Score>> {
        let mapping = &folder.about().mapping;
        let inside = |list: &[String], of: &[String]| list.iter().all(|key| of.contains(key));
        let known = inside(&self.card.block.merchants, &mapping.block.merchants)
            && inside(&self.card.block.categories, &mapping.block.categories);
        if mapping.keys.users_min > 1 && !known {
            return Err(RiskError::model(
                "the histories",
                "put rare merchants together before the model's list could bar them; fold with its list as `block` in the mapping",
            ));
        }
        let parts = folder.parts();
        let mut all = vec![f64::NAN; folder.about().users.count];
        let mut kept = kept.map(|path| Kept::open(path, self.digest(folder, kind)?)).transpose()?;
        let lookup = self.card.space.lookup(&folder.about().names);
        for part in 0..parts {
            let users = folder.users_of(part);
            let known =
                kept.as_mut().and_then(|kept| kept.next(part)).filter(|known| known.len() == users.len());
            let found = match known {
                Some(known) => known,
                None => {
                    let found = folder.lend(part, |data, _| {
                        data.block(&self.card.block);
                        self.probabilities(data, &lookup, kind)
                    })?;
                    kept.as_mut().map_or(Ok(()), |kept| kept.add(part, &found))?;
                    found
                }
            };
            users.iter().zip(found).for_each(|(user, p)| all[*user as usize] = p);
            step(part + 1, parts);
        }
        Ok(self.named(folder.about(), all))
    }

    /// What scores follow from: the card, the weights, the kind, and the histories.
    fn digest(&self, folder: &Shelved, kind: Option<Kind>) -> Result<u32> {
        let text = serde_json::to_vec(&(&self.card, &self.fitted, kind))
            .map_err(|e| RiskError::model("model.json", e.to_string()))?;
        let mut digest = crc32c::crc32c(&text);
        for tree in &self.fitted.forest.trees {
            for value in tree.value.iter().chain(&tree.threshold) {
                digest = crc32c::crc32c_append(digest, &value.to_le_bytes());
            }
        }
        for weight in self.fitted.networks.iter().flat_map(|network| &network.weights) {
            digest = crc32c::crc32c_append(digest, &weight.to_le_bytes());
        }
        let about = folder.about();
        for number in about.users.numbers.iter().flatten() {
            digest = crc32c::crc32c_append(digest, &number.to_le_bytes());
        }
        for end in &about.ends {
            digest = crc32c::crc32c_append(digest, &end.to_le_bytes());
        }
        Ok(crc32c::crc32c_append(digest, &folder.digest()?.to_le_bytes()))
    }
}

/// Scores that a run before wrote, and the file that more are added to.
struct Kept<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    /// Where in the file the next part begins.
    at: usize,
}

impl<'a> Kept<'a> {
    fn open(path: &'a Path, digest: u32) -> Result<Self> {
        let head = [MAGIC.as_slice(), &digest.to_le_bytes()].concat();
        let bytes = if path.exists() {
            std::fs::read(path).map_err(|e| RiskError::file(path, e))?
        } else {
            Vec::new()
        };
        if bytes.len() >= HEAD && !bytes.starts_with(&head) {
            return Err(RiskError::format(
                path.display().to_string(),
                "has scores of another model or of other histories; remove it, or name another file",
            ));
        }
        let kept = Self { path, at: HEAD, bytes };
        if kept.bytes.len() < HEAD {
            kept.write(0, &head)?;
        }
        Ok(kept)
    }

    /// The scores of a part, if they are the next that are there and whole.
    fn next(&mut self, part: usize) -> Option<Vec<f64>> {
        let rest = self.bytes.get(self.at..)?;
        let (numbers, after) = rest.split_first_chunk::<8>()?;
        let [number, users] =
            [0, 4].map(|at| numbers[at..].first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b)));
        let (scores, crc) = after.split_at_checked((users as usize).checked_mul(8)?)?;
        let crc = u32::from_le_bytes(*crc.first_chunk()?);
        let whole = number as usize == part && crc32c::crc32c(&rest[..8 + scores.len()]) == crc;
        self.at += if whole { 12 + scores.len() } else { 0 };
        whole.then(|| scores.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    /// Adds a part where the whole ones end; what a stop left half written goes.
    fn add(&mut self, part: usize, scores: &[f64]) -> Result<()> {
        let mut record = Vec::with_capacity(12 + 8 * scores.len());
        record.extend_from_slice(&(part as u32).to_le_bytes());
        record.extend_from_slice(&(scores.len() as u32).to_le_bytes());
        scores.iter().for_each(|p| record.extend_from_slice(&p.to_le_bytes()));
        record.extend_from_slice(&crc32c::crc32c(&record).to_le_bytes());
        self.write(self.at, &record)?;
        self.at += record.len();
        // What follows in the file of before is of no part that is still asked for.
        self.bytes.clear();
        Ok(())
    }

    fn write(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let put = || -> std::io::Result<()> {
            let mut file: File =
                OpenOptions::new().create(true).write(true).truncate(false).open(self.path)?;
            file.set_len(at as u64)?;
            file.seek(SeekFrom::Start(at as u64))?;
            file.write_all(bytes)
        };
        put().map_err(|e| RiskError::file(self.path, e))
    }
}
