//! Behaviours kept in memory by user: parts so small that sorting and gathering one stays in the processor's cache.

use crate::ingest::Events;

/// Behaviours of a part: about 800 KB with their sort keys, which a second cache holds.
const PART_ROWS: u64 = 32_768;
/// Most parts: each has an open place to write to for every column.
const PARTS_MAX: u64 = 512;

/// Behaviours by part; a user's are all in part `user % parts`.
pub(super) struct Held {
    parts: Vec<Events>,
}

impl Held {
    /// How many parts about so many behaviours make.
    pub(super) fn parts(about: u64) -> u64 {
        about.div_ceil(PART_ROWS).clamp(1, PARTS_MAX)
    }

    /// Makes `parts` empty parts with room for `about` behaviours in all.
    pub(super) fn new(parts: u64, about: u64) -> Self {
        // A few more than the mean: users are not dealt out evenly.
        let room = (about / parts.max(1)) as usize;
        let room = room + room / 8;
        let part = || Events {
            user: Vec::with_capacity(room),
            merchant: Vec::with_capacity(room),
            time: Vec::with_capacity(room),
            amount: Vec::with_capacity(room),
            ..Events::default()
        };
        Self { parts: (0..parts).map(|_| part()).collect() }
    }

    /// Adds behaviours, each to those of its user.
    pub(super) fn add(&mut self, events: &Events) {
        if let [only] = self.parts.as_mut_slice() {
            return only.append(events);
        }
        let count = self.parts.len() as u32;
        let places: Vec<u16> = events.user.iter().map(|user| (user % count) as u16).collect();
        let parts = &mut self.parts;
        scatter(&events.user, &places, parts, |part| &mut part.user);
        scatter(&events.merchant, &places, parts, |part| &mut part.merchant);
        scatter(&events.time, &places, parts, |part| &mut part.time);
        scatter(&events.amount, &places, parts, |part| &mut part.amount);
        scatter(&events.text, &places, parts, |part| &mut part.text);
        scatter(&events.category, &places, parts, |part| &mut part.category);
        for (number, column) in events.numbers.iter().enumerate() {
            parts.iter_mut().for_each(|part| part.numbers.resize(events.numbers.len(), Vec::new()));
            scatter(column, &places, parts, |part| &mut part.numbers[number]);
        }
    }

    /// The parts.
    pub(super) fn all(&self) -> &[Events] {
        &self.parts
    }

    /// Takes a part out.
    pub(super) fn take(&mut self, part: usize) -> Events {
        self.parts.get_mut(part).map(std::mem::take).unwrap_or_default()
    }
}

fn scatter<T: Copy>(
    column: &[T],
    places: &[u16],
    parts: &mut [Events],
    of: impl Fn(&mut Events) -> &mut Vec<T>,
) {
    for (value, place) in column.iter().zip(places) {
        of(&mut parts[*place as usize]).push(*value);
    }
}
