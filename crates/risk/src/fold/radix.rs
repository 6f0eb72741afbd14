//! A stable radix sort of rows by (user, merchant).
//!
//! Least significant digit first, eleven bits at a time, digits that are the same everywhere passed over (Knuth,
//! TAOCP 3, 5.2.5). Stable, so rows in order of time stay in order of time within their merchant.

/// Bits of a digit: two tables of counts fit the first cache.
const DIGIT: u32 = 11;
const SIZE: usize = 1 << DIGIT;

/// Something sorted by a number.
trait Item: Copy + Default {
    fn key(self) -> u64;
}

/// The key above, the row below: half the memory that moves, where keys fit.
impl Item for u64 {
    fn key(self) -> u64 {
        self >> 32
    }
}

impl Item for (u64, u32) {
    fn key(self) -> u64 {
        self.0
    }
}

/// The rows in order of user, then merchant, then time.
///
/// Rows that come in order of time for each user (as files of events do) are sorted by the two keys only.
#[must_use]
pub fn order(user: &[u32], merchant: &[u32], time: &[i64]) -> Vec<u32> {
    let most = |column: &[u32]| u64::from(column.iter().copied().max().unwrap_or(0)) + 1;
    let (users, merchants) = (most(user), most(merchant));
    let rows = if in_time_order(user, time, users) {
        None
    } else {
        let first = time.iter().copied().min().unwrap_or(0);
        let items = time.iter().zip(0..).map(|(t, row)| (t.wrapping_sub(first) as u64, row)).collect();
        Some(sorted(items))
    };
    let row_at = |i: usize| rows.as_ref().map_or(i as u32, |rows: &Vec<(u64, u32)>| rows[i].1);
    let key = |row: u32| u64::from(user[row as usize]) * merchants + u64::from(merchant[row as usize]);
    if users.checked_mul(merchants).is_some_and(|keys| keys <= 1 << 32) {
        let items = (0..user.len()).map(row_at).map(|row| key(row) << 32 | u64::from(row)).collect();
        sorted::<u64>(items).into_iter().map(|item| item as u32).collect()
    } else {
        let items = (0..user.len()).map(row_at).map(|row| (key(row), row)).collect();
        sorted::<(u64, u32)>(items).into_iter().map(|item| item.1).collect()
    }
}

/// Whether each user's rows come in order of time.
fn in_time_order(user: &[u32], time: &[i64], users: u64) -> bool {
    let mut last = vec![i64::MIN; users as usize];
    user.iter().zip(time).all(|(u, t)| {
        let before = std::mem::replace(&mut last[*u as usize], *t);
        before <= *t
    })
}

fn sorted<T: Item>(mut items: Vec<T>) -> Vec<T> {
    let bits = items.iter().fold(0, |all, item| all | item.key());
    let digits = (64 - bits.leading_zeros()).div_ceil(DIGIT) as usize;
    let mut counts = vec![[0u32; SIZE]; digits];
    for item in &items {
        let mut key = item.key();
        for count in &mut counts {
            count[key as usize & (SIZE - 1)] += 1;
            key >>= DIGIT;
        }
    }
    let mut other = vec![T::default(); items.len()];
    for (digit, count) in counts.iter_mut().enumerate() {
        if count.contains(&(items.len() as u32)) {
            continue;
        }
        let mut start = 0;
        for slot in count.iter_mut() {
            start += std::mem::replace(slot, start);
        }
        let shift = digit as u32 * DIGIT;
        for item in &items {
            let slot = &mut count[(item.key() >> shift) as usize & (SIZE - 1)];
            other[*slot as usize] = *item;
            *slot += 1;
        }
        std::mem::swap(&mut items, &mut other);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_stable_sort(rows in prop::collection::vec((0u32..9, prop_oneof![0u32..5, 0u32..u32::MAX - 1], -50i64..50), 0..400)) {
            let column = |f: fn(&(u32, u32, i64)) -> u32| rows.iter().map(f).collect::<Vec<_>>();
            let time: Vec<i64> = rows.iter().map(|r| r.2).collect();
            let found = order(&column(|r| r.0), &column(|r| r.1), &time);
            let mut wanted: Vec<u32> = (0..rows.len() as u32).collect();
            wanted.sort_by_key(|i| rows[*i as usize]);
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn wide_keys_take_the_wide_path() {
        let (user, merchant) = ([70_000u32, 3, 70_000], [90_000u32, 80_000, 1]);
        assert_eq!(order(&user, &merchant, &[0, 0, 0]), [1, 2, 0]);
    }
}
