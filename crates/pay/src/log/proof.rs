//! Proofs of inclusion and consistency: made as in RFC 6962, sections 2.1.1 and 2.1.2, checked as in RFC 9162, sections
//! 2.1.3.2 and 2.1.4.2.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "indices stay below the size of the tree, as each function says"
)]

use super::tree::{Frontier, Hash, Nodes, node_hash};
use crate::PayError;

/// Largest power of two below `n`, which is at least 2.
const fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// Hash of the leaves from `low` to `high`; `low` is a multiple of the smallest power of two that holds them.
///
/// `None` when a full subtree that it needs is not known.
#[must_use]
pub fn range_root(nodes: &impl Nodes, low: u64, high: u64) -> Option<Hash> {
    let count = high.checked_sub(low).filter(|count| *count > 0)?;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, low >> level);
    }
    let middle = low + split(count);
    Some(node_hash(&range_root(nodes, low, middle)?, &range_root(nodes, middle, high)?))
}

/// The audit path of leaf `index` in the tree of `size` leaves, from the leaf up; `None` outside the tree.
#[must_use]
pub fn inclusion(nodes: &impl Nodes, index: u64, size: u64) -> Option<Vec<Hash>> {
    let (mut low, mut high, mut path) = (0, Some(size).filter(|size| index < *size)?, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_root(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range_root(nodes, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The proof that the tree of `old` leaves is the beginning of the one of `size`; `None` unless 0 < `old` ≤ `size`.
#[must_use]
pub fn consistency(nodes: &impl Nodes, old: u64, size: u64) -> Option<Vec<Hash>> {
    let (mut low, mut high, mut whole) = (0, Some(size).filter(|size| (1..=*size).contains(&old))?, true);
    let mut path = Vec::new();
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range_root(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range_root(nodes, low, middle)?);
            low = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(range_root(nodes, low, high)?);
    }
    path.reverse();
    Some(path)
}

fn refused(what: &'static str, reason: impl Into<String>) -> PayError {
    PayError::NotProven { what, reason: reason.into() }
}

/// Checks that a leaf stands at `index` in the tree of `size` leaves with this root.
///
/// # Errors
/// [`PayError::NotProven`] when it does not, or the proof has another length than such a proof has.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), PayError> {
    let refused = |reason: &str| Err(refused("inclusion proof", reason));
    if index >= size {
        return refused("the index is outside the tree");
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return refused("it is too long");
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => refused("it leads to another root"),
        _ => refused("it is too short"),
    }
}

/// Checks that the tree of `size` leaves begins with the one of `old` leaves.
///
/// # Errors
/// [`PayError::NotProven`] when it does not, or the proof has another length than such a proof has.
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), PayError> {
    let refused = |reason: &str| Err(refused("consistency proof", reason));
    if old > size {
        return refused("the older tree is the larger one");
    }
    if old == size || old == 0 {
        let fits = if old == 0 { old_root == Frontier::default().root() } else { old_root == root };
        return match (fits, proof.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => refused("it is too long"),
            (false, _) => refused("equal sizes have different roots"),
        };
    }
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // A full older tree is itself the first node.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return refused("it is empty"),
    };
    let (mut older, mut newer) = (first, first);
    for sibling in rest {
        if last == 0 {
            return refused("it is too long");
        }
        if at & 1 == 1 || at == last {
            older = node_hash(sibling, &older);
            newer = node_hash(sibling, &newer);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            newer = node_hash(&newer, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return refused("it is too short");
    }
    if older != old_root {
        return refused("it leads to another older root");
    }
    if newer == root { Ok(()) } else { refused("it leads to another newer root") }
}
