//! Payment histories whose best possible score is known.
//!
//! The outcome's probability is a fixed function of three statistics of the events themselves, so it is the Bayes-optimal
//! score: A, how total spending moved (plain totals see it); F, how far amounts drifted within a user's own merchants, up
//! and down alike, so that totals hardly move (a fold sees it); R, how visits moved to discount merchants (names and time
//! see it). A model's distance from the best AUC is a real loss, and which statistic it misses says why.

mod history;
mod write;

pub use history::{Generated, Plan, generate};
pub use write::write;

use crate::dataset::{DAY, Dataset};
use crate::fold::Folded;
use crate::ingest::{Events, EventsMap, Part, Users};
use tollgate_core::Seed;

/// What was generated as a data set, as if it had been written and read.
#[must_use]
pub fn dataset(made: &Generated) -> Dataset {
    let mut data = Dataset::default();
    let count = made.labels.len();
    for (number, (name, category)) in made.merchants.iter().enumerate() {
        data.names.merchants.int(number as i64);
        let (text, word) = (data.names.texts.code(name), data.names.categories.code(&category.to_string()));
        data.merchants.names.push(text);
        data.merchants.categories.push(word);
    }
    (0..count as i64).for_each(|user| {
        data.names.users.int(user);
    });
    let events = Events {
        user: made.events.iter().map(|e| e.0).collect(),
        merchant: made.events.iter().map(|e| e.2).collect(),
        time: made.events.iter().map(|e| e.1).collect(),
        amount: made.events.iter().map(|e| e.3).collect(),
        ..Events::default()
    };
    data.users = Users {
        count,
        labels: made.labels.iter().map(|l| Some(*l)).collect(),
        parts: (0..count).map(|user| part(Seed(1), user)).collect(),
        ..Users::default()
    };
    data.mapping.events = Some(EventsMap::default());
    data.ends = vec![history::DAYS * DAY; count];
    data.length = history::DAYS * DAY;
    data.folded = Folded::of(&events, Some(count as u32));
    data
}

/// The part of a user: 55 % train, 10 % valid, 35 % test.
fn part(seed: Seed, user: usize) -> Part {
    match seed.derive(&format!("part {user}")).unit() {
        x if x < 0.55 => Part::Train,
        x if x < 0.65 => Part::Valid,
        _ => Part::Test,
    }
}
