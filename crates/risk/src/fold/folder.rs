//! A folder of folded histories: read once, set aside by user, folded part by part; resumes where it was stopped.
//!
//! `fold.json` says what was folded and where each block lies in `blocks.bin`; `names.json` holds keys and words.
//! Memory: all behaviours where the job's bound allows it, else one part's; and the keys.

use super::block::{decode, encode};
use super::caps::{Caps, capped};
use super::card::{Block, Card, VERSION, open_card};
use super::folded::{Folded, REST};
use super::held::Held;
use super::sources::sources;
use super::spill::{self, Spill};
use crate::block::Barred;
use crate::error::{Result, RiskError};
use crate::ingest::{EventReader, Events, Limits, Mapping, Merchants, Names, Report, Users, seen};
use crate::table::NO_TEXT;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of memory that a behaviour takes while its part is folded: itself twice and its sort key twice.
const BEHAVIOUR: u64 = 112;
/// Most parts: as many files are open at once.
const PARTS_MAX: u64 = 512;

/// What is to be folded.
#[derive(Debug, Clone)]
pub struct FoldJob {
    /// The folder of data.
    pub data: PathBuf,
    /// How it is read.
    pub mapping: Mapping,
    /// Where the folded histories go.
    pub out: PathBuf,
    /// Caps on each history.
    pub caps: Caps,
    /// Memory for behaviours, in bytes.
    pub memory: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldProgress {
    /// Rows read, of about so many.
    Read(u64, u64),
    /// Parts folded, of so many.
    Folded(u64, u64),
}

/// What the numbers of a folder's blocks stand for.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedNames {
    pub(crate) users: Vec<String>,
    pub(crate) merchants: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) texts: Vec<String>,
    /// What stands for each merchant, by the number that it had while the file was read.
    keys: Vec<u32>,
    pub(crate) merchant_names: Vec<u32>,
    pub(crate) merchant_categories: Vec<u32>,
}

impl SavedNames {
    /// Keys, words and merchants by the numbers that the blocks have.
    pub(crate) fn numbered(&self) -> (Names, Merchants) {
        let mut names = Names::default();
        self.users.iter().for_each(|key| _ = names.users.text(key));
        self.merchants.iter().for_each(|key| _ = names.merchants.text(key));
        self.categories.iter().for_each(|word| _ = names.categories.code(word));
        self.texts.iter().for_each(|word| _ = names.texts.code(word));
        let (own, categories) = (self.merchant_names.clone(), self.merchant_categories.clone());
        (names, Merchants { names: own, categories })
    }
}

impl FoldJob {
    /// Folds, or goes on with what was begun in the same folder from the same file under the same caps.
    ///
    /// # Errors
    /// Files cannot be read or written, or the folder holds something else.
    pub fn run(&self, step: &mut dyn FnMut(FoldProgress)) -> Result<Card> {
        let place = || self.data.display().to_string();
        let Some(map) = &self.mapping.events else {
            return Err(RiskError::mapping(place(), "declares no events to fold"));
        };
        std::fs::create_dir_all(&self.out).map_err(|e| RiskError::file(&self.out, e))?;
        let fresh = Card {
            version: VERSION,
            sources: sources(&self.data, &self.mapping)?,
            mapping: self.mapping.clone(),
            caps: self.caps,
            parts: 1,
            read: false,
            report: Report::default(),
            blocks: Vec::new(),
        };
        let mut card = match self.begun(&fresh)? {
            Some(card) if card.done() => return Ok(card),
            Some(card) if card.read => card,
            _ => fresh,
        };
        let (mut held, names) =
            if card.read { (None, open_names(&self.out)?) } else { self.read_events(&mut card, step)? };
        let last = card.parts.saturating_sub(1);
        for part in card.blocks.len() as u64..card.parts {
            let events = match &mut held {
                Some(held) => held.take(part as usize),
                None => {
                    let map = self.mapping.events.as_ref().unwrap_or(map);
                    let categories = !map.category.is_empty();
                    spill::read(
                        &self.spilled(),
                        part as usize,
                        map.numbers.len(),
                        !map.description.is_empty(),
                        categories,
                    )?
                }
            };
            let durable = held.is_none() || part == last;
            self.fold_part(&mut card, events, &names, durable)?;
            step(FoldProgress::Folded(part + 1, card.parts));
        }
        if self.spilled().is_dir() {
            std::fs::remove_dir_all(self.spilled()).map_err(|e| RiskError::file(&self.spilled(), e))?;
        }
        Ok(card)
    }

    fn spilled(&self) -> PathBuf {
        self.out.join("spill")
    }

    fn begun(&self, fresh: &Card) -> Result<Option<Card>> {
        if !self.out.join("fold.json").is_file() {
            return Ok(None);
        }
        let card = open_card(&self.out)?;
        let same = card.sources == fresh.sources && card.mapping == fresh.mapping && card.caps == fresh.caps;
        if same {
            Ok(Some(card))
        } else {
            Err(RiskError::mapping(
                self.out.display().to_string(),
                "holds histories of another file, mapping or caps; remove it or name another folder",
            ))
        }
    }

    /// Reads everything: kept whole when it fits, else set aside by user.
    fn read_events(
        &self,
        card: &mut Card,
        step: &mut dyn FnMut(FoldProgress),
    ) -> Result<(Option<Held>, SavedNames)> {
        let mut names = Names::default();
        let mut limits = Limits { end: self.mapping.window.end, ..Limits::default() };
        limits.length = self.mapping.window.days.map(|d| i64::from(d) * crate::dataset::DAY);
        if let Some(map) = &self.mapping.users {
            let users = Users::read(&self.data, map, &mut names)?;
            limits.listed = Some(users.count as u32);
            limits.cutoffs = users.cutoffs;
        }
        let mut merchants = match &self.mapping.merchants {
            Some(map) => Merchants::read(&self.data, map, &mut names)?,
            None => Merchants::default(),
        };
        let map = self.mapping.events.clone().unwrap_or_default();
        let mut reader = EventReader::open(&self.data, &map)?;
        let about = reader.rows_about();
        card.parts = (about * BEHAVIOUR).div_ceil(self.memory.max(1)).clamp(1, PARTS_MAX);
        let (mut held, mut aside) = (None, None);
        let mut barred = Barred::default();
        if card.parts == 1 {
            card.parts = Held::parts(about);
            held = Some(Held::new(card.parts, about));
        } else {
            aside = Some(Spill::new(&self.spilled(), card.parts as usize, map.numbers.len())?);
        }
        while let Some(mut batch) = reader.next(&mut names, &limits, &mut card.report)? {
            barred.extend(&self.mapping.block, &names);
            if let Some(kept) = barred.staying(&batch, &merchants) {
                let out = (batch.len() - kept.len()) as u64;
                card.report.kept -= out;
                card.report.barred += out;
                batch = batch.taken(&kept);
            }
            match (&mut held, &mut aside) {
                (Some(held), _) => held.add(&batch),
                (None, Some(spill)) => spill.add(&batch)?,
                (None, None) => {}
            }
            step(FoldProgress::Read(card.report.rows, about));
        }
        if let Some(spill) = aside {
            spill.finish()?;
        }
        merchants.complete(&mut names);
        // Numbers in the order of keys, as in memory: caps cut the same whichever payment was read first.
        let numbers = names.merchants.sort();
        merchants.renumbered(&numbers);
        let stand = |keys: &[u32]| -> Vec<u32> { numbers.iter().map(|n| keys[*n as usize]).collect() };
        let keys = merchants.chained(&names.merchants, self.mapping.keys.users_min, &mut |keys| {
            let mut users = vec![0; keys.len()];
            let keys = stand(keys);
            let mut count = |events: &Events| {
                users.iter_mut().zip(seen(&events.user, &events.merchant, &keys)).for_each(|(a, b)| *a += b);
            };
            if let Some(held) = &held {
                held.all().iter().for_each(&mut count);
                return Ok(users);
            }
            for part in 0..card.parts as usize {
                count(&spill::read(&self.spilled(), part, map.numbers.len(), false, false)?);
            }
            Ok(users)
        })?;
        let text = |keys: &crate::ingest::Keys| keys.list().iter().map(ToString::to_string).collect();
        let saved = SavedNames {
            users: text(&names.users),
            merchants: text(&names.merchants),
            categories: names.categories.words().to_vec(),
            texts: names.texts.words().to_vec(),
            keys: stand(&keys),
            merchant_names: merchants.names,
            merchant_categories: merchants.categories,
        };
        write_json(&self.out.join("names.json"), &saved)?;
        // What was kept in memory is lost when the program stops: only what lies on disk may be resumed from.
        card.read = true;
        if held.is_none() {
            self.save(card)?;
        }
        Ok((held, saved))
    }

    /// Folds a part and adds its block. What is not durable yet is lost when the program stops.
    fn fold_part(
        &self,
        card: &mut Card,
        mut events: Events,
        names: &SavedNames,
        durable: bool,
    ) -> Result<()> {
        if names.keys.iter().zip(0u32..).any(|(key, own)| *key != own) {
            events.merchant.iter_mut().for_each(|m| *m = names.keys.get(*m as usize).copied().unwrap_or(*m));
        }
        let folded = Folded::of(&events, None);
        drop(events);
        let category = |merchant: u32, event: usize| {
            let own = folded.events.category.get(event);
            own.or_else(|| names.merchant_categories.get(merchant as usize)).copied().unwrap_or(NO_TEXT)
        };
        let small = capped(&folded, self.caps, category);
        let bytes = encode(&small);
        let offset = card.blocks.last().map_or(0, |b| b.offset + b.length);
        let path = self.out.join("blocks.bin");
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(&path)?;
            // What a run that was stopped wrote beyond its last whole block goes.
            file.set_len(offset)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&bytes)?;
            if durable { file.sync_data() } else { Ok(()) }
        };
        write().map_err(|e| RiskError::file(&path, e))?;
        card.blocks.push(Block {
            offset,
            length: bytes.len() as u64,
            users: small.users.len() as u64,
            groups: small.merchants.iter().filter(|m| **m != REST).count() as u64,
            listed: small.events.len() as u64,
            pooled: small.older.iter().map(|o| u64::from(o.count)).sum(),
        });
        if durable { self.save(card) } else { Ok(()) }
    }

    fn save(&self, card: &Card) -> Result<()> {
        write_json(&self.out.join("fold.json"), card)
    }
}

/// Writes beside and renames, so that a reader sees the old or the new, never a half.
fn write_json(path: &Path, data: &impl Serialize) -> Result<()> {
    let beside = path.with_extension("json.new");
    let bytes =
        serde_json::to_vec(data).map_err(|e| RiskError::format(path.display().to_string(), e.to_string()))?;
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|e| RiskError::file(path, e))
}

/// Reads the names of a folder of folded histories.
pub(crate) fn open_names(folder: &Path) -> Result<SavedNames> {
    let path = folder.join("names.json");
    let bytes = std::fs::read(&path).map_err(|e| RiskError::file(&path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| RiskError::format(path.display().to_string(), e.to_string()))
}

/// Some bytes of a folder's blocks.
fn bytes_at(folder: &Path, offset: u64, length: u64) -> Result<Vec<u8>> {
    let path = folder.join("blocks.bin");
    let mut bytes = Vec::new();
    let mut read = || -> std::io::Result<usize> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.take(length).read_to_end(&mut bytes)
    };
    read().map_err(|e| RiskError::file(&path, e))?;
    Ok(bytes)
}

/// The checksum that a block ends with.
pub(crate) fn block_checksum(folder: &Path, block: &Block) -> Result<Vec<u8>> {
    bytes_at(folder, (block.offset + block.length).saturating_sub(4), 4)
}

/// Reads one block of a folder.
///
/// # Errors
/// The file is shorter than the card says, or the bytes are not those that were written.
pub fn read_block(folder: &Path, block: &Block) -> Result<Folded> {
    decode(&bytes_at(folder, block.offset, block.length)?).ok_or_else(|| {
        RiskError::format(
            format!("{}, byte {}", folder.join("blocks.bin").display(), block.offset),
            "holds no whole block (its checksum does not fit); fold again",
        )
    })
}
