//! What a model was made from: a digest of the data, and who was learned from.

use crate::dataset::Dataset;
use crate::digest::{sha256, sha256_bytes};
use crate::error::Result;
use crate::shelf::Shelf;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The SHA-256 of users with their outcomes and numbers, and of their payments. It is the same whether histories are read
/// from files or from folded parts: each user is digested alone, and the digests are joined in the order of users.
pub(super) fn digest(shelf: &mut Shelf<'_>) -> Result<String> {
    let users: Vec<u32> = (0..shelf.about().users.count as u32).collect();
    let mut digests = vec![[0u8; 32]; users.len()];
    let mut bytes = Vec::new();
    shelf.each(&users, |data, own| {
        for user in own {
            bytes.clear();
            one(data, *user as usize, &mut bytes);
            digests[*user as usize] = sha256_bytes(&bytes);
        }
    })?;
    Ok(sha256([digests.as_flattened()]))
}

/// Everything of a user that a model may learn from.
fn one(data: &Dataset, user: usize, out: &mut Vec<u8>) {
    let mut part = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    part(&key(data, user));
    part(&[data.users.labels.get(user).copied().flatten().map_or(2, u8::from)]);
    data.users.numbers.iter().for_each(|column| part(&column[user].to_le_bytes()));
    let events = &data.folded.events;
    for group in data.folded.groups_of(user) {
        let merchant = data.folded.merchants[group];
        let key = data.names.merchants.list().get(merchant as usize).map(ToString::to_string);
        part(key.unwrap_or_default().as_bytes());
        for row in data.folded.behaviours_of(group) {
            part(&events.time[row].to_le_bytes());
            part(&events.amount[row].to_le_bytes());
            data.texts(merchant, row).iter().for_each(|text| part(data.names.texts.word(*text).as_bytes()));
            part(data.names.categories.word(data.category(merchant, row)).as_bytes());
            events.numbers.iter().for_each(|column| part(&column[row].to_le_bytes()));
        }
    }
}

fn key(data: &Dataset, user: usize) -> Vec<u8> {
    data.names.users.list().get(user).map_or_else(Vec::new, |key| key.to_string().into_bytes())
}

/// Most users whose digests a card keeps; beyond, only how many there were.
const KEPT_MAX: usize = 2_000_000;

/// Users whom a model was fitted on, by short digests of their keys: enough to leave them out, and no list of people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOn {
    /// How many.
    pub users: usize,
    /// The first eight bytes of the SHA-256 of each key, in hexadecimal, ascending, one after the other; empty where there
    /// are too many to keep.
    pub keys: String,
}

impl FittedOn {
    pub(super) fn of(data: &Dataset, users: &[u32]) -> Self {
        let mut keys: Vec<String> = users.iter().map(|user| short(data, *user as usize)).collect();
        keys.sort();
        if keys.len() > KEPT_MAX {
            keys.clear();
        }
        Self { users: users.len(), keys: keys.concat() }
    }

    /// Per user of a data set whether the model was fitted on a user of that key; none where that is not known.
    #[must_use]
    pub fn known(&self, data: &Dataset) -> Option<Vec<bool>> {
        let keys: HashSet<&[u8]> = self.keys.as_bytes().chunks_exact(16).collect();
        (self.users == 0 || !keys.is_empty())
            .then(|| (0..data.users.count).map(|user| keys.contains(short(data, user).as_bytes())).collect())
    }
}

fn short(data: &Dataset, user: usize) -> String {
    sha256_bytes(&key(data, user)).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
