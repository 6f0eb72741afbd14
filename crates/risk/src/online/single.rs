//! One user's folded history by itself: the same bytes wherever it was folded.
//!
//! Merchants are in the order of their keys and words in that of the alphabet, and only what the history uses is there, so
//! two folds of the same payments are equal byte for byte, whatever else was in the files.
//!
//! Bytes: `"TGHIST1\n"`; the merchants' keys (a byte 0 and an i64, or a byte 1 and a text); the number of each one's name; the texts; the
//! categories; the folded block; the CRC-32C of all before it. A list is its length (u32) and its items, a text its length
//! and its bytes, all little-endian.

use super::history::Payment;
use crate::error::{Result, RiskError};
use crate::fold::{Folded, REST, decode, encode, open_card, open_names, read_block};
use crate::ingest::{Events, Key, Merchants, Names};
use crate::table::{Dictionary, NO_TEXT};
use std::collections::HashMap;
use std::path::Path;

const MAGIC: &[u8; 8] = b"TGHIST1\n";

/// One user's folded history with its own words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Single {
    /// Merchants by number, in the order of keys.
    pub merchants: Vec<Key>,
    /// The number of each merchant's name among the texts, or [`NO_TEXT`].
    pub names: Vec<u32>,
    /// Names and descriptions, in order.
    pub texts: Vec<String>,
    /// Categories, in order.
    pub categories: Vec<String>,
    /// The history, of user 0; every payment has a text and a category, [`NO_TEXT`] where it has none.
    pub folded: Folded,
}

/// The words of the codes used, in order, and the place of each code; an empty word is none.
fn words(from: &Dictionary, codes: impl Iterator<Item = u32>) -> (Vec<String>, HashMap<u32, u32>) {
    let mut used: Vec<u32> = codes.filter(|code| *code != NO_TEXT && !from.word(*code).is_empty()).collect();
    used.sort_unstable();
    used.dedup();
    used.sort_unstable_by(|a, b| from.word(*a).cmp(from.word(*b)));
    let list = used.iter().map(|code| from.word(*code).to_owned()).collect();
    (list, used.into_iter().zip(0..).collect())
}

impl Single {
    /// The history of the user at a place of `folded`, whose numbers are those of `names` and `merchants`.
    #[must_use]
    pub fn of(names: &Names, merchants: &Merchants, folded: &Folded, place: usize) -> Self {
        let own = |column: &[u32], merchant: u32| column.get(merchant as usize).copied().unwrap_or(NO_TEXT);
        let category = |row: usize, merchant: u32| match folded.events.category.get(row) {
            Some(category) => *category,
            None => own(&merchants.categories, merchant),
        };
        let text = |row: usize| folded.events.text.get(row).copied().unwrap_or(NO_TEXT);
        let keys = names.merchants.list();
        let (mut real, mut rest): (Vec<usize>, Vec<usize>) =
            folded.groups_of(place).partition(|group| folded.merchants[*group] != REST);
        real.sort_by(|a, b| keys[folded.merchants[*a] as usize].cmp(&keys[folded.merchants[*b] as usize]));
        let rows = folded.listed_of(place);
        let named = real.iter().map(|group| own(&merchants.names, folded.merchants[*group]));
        let (texts, text_of) = words(&names.texts, named.clone().chain(rows.clone().map(text)));
        let of_rows = rows.map(|row| category(row, folded.events.merchant[row]));
        let of_rest = rest.iter().map(|group| folded.pooled[*group]);
        let (categories, category_of) = words(&names.categories, of_rows.chain(of_rest));
        let number = |places: &HashMap<u32, u32>, code: u32| places.get(&code).copied().unwrap_or(NO_TEXT);
        rest.sort_by_key(|group| number(&category_of, folded.pooled[*group]));

        let mut out = Self {
            merchants: real.iter().map(|group| keys[folded.merchants[*group] as usize].clone()).collect(),
            names: named.map(|code| number(&text_of, code)).collect(),
            texts,
            categories,
            folded: Folded { users: vec![0], groups: vec![0], starts: vec![0], ..Folded::default() },
        };
        let mut events =
            Events { numbers: vec![Vec::new(); folded.events.numbers.len()], ..Events::default() };
        for (group, merchant) in real.iter().zip(0u32..).chain(rest.iter().map(|group| (group, REST))) {
            for row in folded.behaviours_of(*group) {
                events.user.push(0);
                events.merchant.push(merchant);
                events.time.push(folded.events.time[row]);
                events.amount.push(folded.events.amount[row]);
                events.text.push(number(&text_of, text(row)));
                events.category.push(number(&category_of, category(row, folded.merchants[*group])));
                events
                    .numbers
                    .iter_mut()
                    .zip(&folded.events.numbers)
                    .for_each(|(to, from)| to.push(from[row]));
            }
            let pooled = if merchant == REST { number(&category_of, folded.pooled[*group]) } else { 0 };
            out.folded.group(merchant, pooled, folded.older[*group], events.len());
        }
        out.folded.groups.push(out.folded.merchants.len() as u32);
        out.folded.events = events;
        out
    }

    /// Payments that are counted and no longer listed.
    #[must_use]
    pub fn pooled(&self) -> u64 {
        self.folded.older.iter().map(|older| u64::from(older.count)).sum()
    }

    /// The payments that are listed, merchant by merchant, each in order of time.
    pub fn payments(&self) -> impl Iterator<Item = Payment> + '_ {
        let word = |list: &[String], number: u32| list.get(number as usize).cloned();
        (0..self.folded.merchants.len()).flat_map(move |group| {
            let (merchant, events) = (self.folded.merchants[group] as usize, &self.folded.events);
            self.folded.behaviours_of(group).map(move |row| Payment {
                time: Some(events.time[row]),
                merchant: self.merchants.get(merchant).map_or_else(String::new, ToString::to_string),
                amount: Some(events.amount[row]),
                description: word(&self.texts, events.text[row]),
                name: self.names.get(merchant).and_then(|name| word(&self.texts, *name)),
                category: word(&self.categories, events.category[row]),
                numbers: events.numbers.iter().map(|column| column[row]).collect(),
            })
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let length = |out: &mut Vec<u8>, n: usize| out.extend_from_slice(&(n as u32).to_le_bytes());
        let text = |out: &mut Vec<u8>, text: &str| {
            length(out, text.len());
            out.extend_from_slice(text.as_bytes());
        };
        length(&mut out, self.merchants.len());
        for key in &self.merchants {
            match key {
                Key::Int(n) => {
                    out.push(0);
                    out.extend_from_slice(&n.to_le_bytes());
                }
                Key::Text(word) => {
                    out.push(1);
                    text(&mut out, word);
                }
            }
        }
        self.names.iter().for_each(|name| out.extend_from_slice(&name.to_le_bytes()));
        for list in [&self.texts, &self.categories] {
            length(&mut out, list.len());
            list.iter().for_each(|word| text(&mut out, word));
        }
        out.extend(encode(&self.folded));
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads bytes; `None` when they are not those of a whole history.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut reader = Reader { rest: body.strip_prefix(MAGIC)? };
        let merchants = reader.list(Reader::key)?;
        let names = (0..merchants.len()).map(|_| reader.length()).collect::<Option<Vec<u32>>>()?;
        let (texts, categories) = (reader.list(Reader::text)?, reader.list(Reader::text)?);
        let folded = decode(reader.rest)?;
        let single = Self { merchants, names, texts, categories, folded };
        single.is_sound().then_some(single)
    }

    /// Whether every number is of something that there is.
    fn is_sound(&self) -> bool {
        let (folded, events) = (&self.folded, &self.folded.events);
        let within = |codes: &[u32], list: usize| codes.iter().all(|c| *c == NO_TEXT || (*c as usize) < list);
        let group = |group: usize| match folded.merchants[group] {
            REST => within(&folded.pooled[group..=group], self.categories.len()),
            merchant => (merchant as usize) < self.merchants.len(),
        };
        folded.users == [0]
            && (0..folded.merchants.len()).all(group)
            && events.text.len() == events.len()
            && events.category.len() == events.len()
            && within(&self.names, self.texts.len())
            && within(&events.text, self.texts.len())
            && within(&events.category, self.categories.len())
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    fn length(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()? as usize;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn key(&mut self) -> Option<Key> {
        match self.chunk()? {
            [0] => self.chunk().map(|n| Key::Int(i64::from_le_bytes(n))),
            [1] => self.text().map(|text| Key::Text(text.into())),
            _ => None,
        }
    }

    /// Items one after the other; room is made as they are found, so a length that lies costs nothing.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.length()?).map(|_| item(self)).collect()
    }
}

/// Asks `each` of every user's history in a folder that `risk fold` made, with the user's key, part by part.
///
/// # Errors
/// The folder is not whole; those of `each`.
pub fn singles(folder: &Path, each: &mut dyn FnMut(&str, &Single) -> Result<()>) -> Result<()> {
    let card = open_card(folder)?;
    let place = || folder.display().to_string();
    if !card.done() {
        return Err(RiskError::format(place(), "is not folded to the end; run risk fold again, it goes on"));
    }
    let saved = open_names(folder)?;
    let (names, merchants) = saved.numbered();
    for block in &card.blocks {
        let folded = read_block(folder, block)?;
        for (at, user) in folded.users.iter().enumerate() {
            let user = saved.users.get(*user as usize).map(String::as_str);
            let user =
                user.ok_or_else(|| RiskError::format(place(), "has a user without a key; fold again"))?;
            each(user, &Single::of(&names, &merchants, &folded, at))?;
        }
    }
    Ok(())
}
