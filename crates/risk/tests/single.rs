//! A history that is gathered from many places, in any order, is the one that `risk fold` makes, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tollgate_core::Seed;
use tollgate_risk::Dataset;
use tollgate_risk::fold::{Caps, FoldJob};
use tollgate_risk::generate::{Plan, generate, write};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::online::{Gathered, History, Payment, Scorer, Single, singles};
use tollgate_risk::train::{Kind, TrainConfig, train};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("tollgate-risk-{name}-{}", std::process::id())));
        let _ = std::fs::remove_dir_all(&folder.0);
        std::fs::create_dir_all(&folder.0).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const WHOLE: Caps = Caps { merchants: u32::MAX, behaviours: u32::MAX };

/// What `risk fold` makes of a folder, by user.
fn folded(data: &Path, caps: Caps, memory: u64) -> BTreeMap<String, Vec<u8>> {
    let out = data.join(format!("folded-{}-{}-{memory}", caps.merchants, caps.behaviours));
    let mapping = Mapping::of(data).unwrap();
    FoldJob { data: data.into(), mapping, out: out.clone(), caps, memory }.run(&mut |_| {}).unwrap();
    let mut all = BTreeMap::new();
    singles(&out, &mut |user, single| {
        let bytes = single.encode();
        assert_eq!(Single::decode(&bytes).as_ref(), Some(single));
        assert!(all.insert(user.to_owned(), bytes).is_none(), "{user} twice");
        Ok(())
    })
    .unwrap();
    all
}

/// The same from payments of one user with their rows, dealt out to three places in an order drawn from a seed.
fn gathered(rows: &[(i64, Payment)], caps: Caps, seed: u64) -> Vec<u8> {
    let numbers = rows.first().map_or(0, |(_, payment)| payment.numbers.len());
    let mut order: Vec<&(i64, Payment)> = rows.iter().collect();
    order.sort_by_key(|(row, _)| Seed(seed).derive(&format!("row {row}")).bits());
    let mut places = [(); 3].map(|()| Gathered::new(numbers));
    for (row, payment) in order {
        let place = (Seed(seed).derive(&format!("place {row}")).bits() % 3) as usize;
        places[place].add(payment, *row).unwrap();
    }
    let mut all = Gathered::new(numbers);
    let first = (seed % 3) as usize;
    (0..3).for_each(|turn| all.join(&places[(first + turn) % 3].state()).unwrap());
    assert_eq!(all.len(), rows.len());
    all.fold(caps).encode()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Ties in time, keys that are numbers and text, words that are missing, and caps that cut.
    #[test]
    fn places_and_orders_make_no_difference(
        rows in prop::collection::vec((0u32..3, 0i64..40, 0usize..6, -50i64..50, 0usize..4, 0usize..3, 0u8..9), 1..90),
        seed in 0u64..1_000, merchants in 1u32..5, behaviours in 1u32..4, small in any::<bool>(),
    ) {
        const MERCHANTS: [&str; 6] = ["12", "7", "-3", "corner shop", "012", "kiosk"];
        const TEXTS: [&str; 4] = ["", "rent", "food, drink", "Über"];
        const CATEGORIES: [&str; 3] = ["", "home", "other"];
        let folder = Folder::new("single-words");
        let mut events = String::from("user,ts,merchant,amount_cents,description,kind,balance\n");
        let mut users: BTreeMap<String, Vec<(i64, Payment)>> = BTreeMap::new();
        for (row, (user, time, merchant, amount, text, category, balance)) in rows.iter().enumerate() {
            let [m, t, c] = [MERCHANTS[*merchant], TEXTS[*text], CATEGORIES[*category]];
            writeln!(events, "{user},{time},{m},{amount},\"{t}\",{c},{balance}").unwrap();
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            users.entry(user.to_string()).or_default().push((row as i64, Payment {
                time: Some(*time),
                merchant: m.into(),
                amount: Some(*amount),
                description: some(t),
                name: None,
                category: some(c),
                numbers: vec![f32::from(*balance)],
            }));
        }
        std::fs::write(folder.0.join("events.csv"), events).unwrap();
        std::fs::write(
            folder.0.join("mapping.yaml"),
            "events: { file: events.csv, user: user, time: ts, merchant: merchant, amount: amount_cents, \
             description: [description], category: [kind], numbers: [balance] }\n",
        ).unwrap();
        let memory = if small { 2_000 } else { 1 << 30 };
        for caps in [WHOLE, Caps { merchants, behaviours }] {
            let wanted = folded(&folder.0, caps, memory);
            prop_assert_eq!(wanted.len(), users.len());
            for (user, rows) in &users {
                prop_assert_eq!(&gathered(rows, caps, seed), &wanted[user], "user {}", user);
            }
        }
    }
}

/// Payments of a user of generated histories by their rows.
fn payments(made: &tollgate_risk::generate::Generated) -> BTreeMap<String, Vec<(i64, Payment)>> {
    let mut users: BTreeMap<String, Vec<(i64, Payment)>> = BTreeMap::new();
    for (row, (user, time, merchant, amount)) in (0i64..).zip(&made.events) {
        let (name, category) = &made.merchants[*merchant as usize];
        let payment = Payment {
            time: Some(*time),
            merchant: merchant.to_string(),
            amount: Some(*amount),
            name: Some(name.clone()),
            category: Some(category.to_string()),
            ..Payment::default()
        };
        users.entry(user.to_string()).or_default().push((row, payment));
    }
    users
}

#[test]
fn what_was_folded_elsewhere_scores_as_a_file_does() {
    let made = generate(&Plan { users: 160, events: 60.0, ..Plan::default() });
    let folder = Folder::new("single-scores");
    write(&made, &folder.0).unwrap();
    let mapping = Mapping::of(&folder.0).unwrap();
    let data = Dataset::read(&folder.0, &mapping, None, &mut |_, _| {}).unwrap();
    let mut model =
        train(&data, &TrainConfig { network: None, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    model.fitted.winner = Kind::Blend;
    let scores = model.score(&data, None).unwrap();
    let scorer = Scorer::new(model).unwrap();
    let (users, wanted) = (payments(&made), folded(&folder.0, WHOLE, 100_000));
    let capped = folded(&folder.0, Caps { merchants: 4, behaviours: 3 }, 100_000);
    for (at, score) in scores.iter().enumerate() {
        let own = &users[&score.user];
        let bytes = gathered(own, WHOLE, at as u64);
        assert_eq!(bytes, wanted[&score.user], "user {}", score.user);
        let history = History::of_single(&scorer, &Single::decode(&bytes).unwrap()).unwrap();
        let found = scorer.score(&history, data.ends[at], &[]).unwrap();
        assert_eq!(found.probability.to_bits(), score.probability.to_bits(), "user {}", score.user);
        let small = gathered(own, Caps { merchants: 4, behaviours: 3 }, at as u64);
        assert_eq!(small, capped[&score.user], "user {}", score.user);
        let pooled = Single::decode(&small).unwrap();
        if pooled.pooled() > 0 {
            assert!(History::of_single(&scorer, &pooled).unwrap_err().to_string().contains("without caps"));
        }
    }
}

#[test]
fn bytes_of_no_history_are_refused() {
    let payment = Payment { time: Some(1), merchant: "a".into(), amount: Some(5), ..Payment::default() };
    let mut one = Gathered::new(0);
    one.add(&payment, 0).unwrap();
    assert!(one.add(&Payment { merchant: " ".into(), ..payment }, 1).is_err());
    let (state, bytes) = (one.state(), one.clone().fold(WHOLE).encode());
    for cut in 0..bytes.len() {
        assert_eq!(Single::decode(&bytes[..cut]), None, "{cut}");
        let mut flipped = bytes.clone();
        flipped[cut] ^= 1;
        assert_eq!(Single::decode(&flipped), None, "{cut}");
    }
    for cut in 0..state.len() {
        assert!(Gathered::new(0).join(&state[..cut]).is_err(), "{cut}");
    }
    // A history of payments with other numbers is no part of this one.
    assert!(Gathered::new(1).join(&state).is_err());
    assert_eq!(one.len(), 1);
}
