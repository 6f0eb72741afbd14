//! How attention's numbers lie.

/// How the numbers of a sequence lie: each token has one row with queries, keys and values, each of all heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    /// Numbers of a head.
    pub(crate) width: usize,
    /// How far before and after itself a token sees; `None` is everything.
    pub(crate) reach: Option<usize>,
}

impl Heads {
    /// Numbers of all heads.
    pub(crate) fn total(self) -> usize {
        self.count * self.width
    }

    /// The keys that the `rows` see together.
    pub(super) fn seen(self, rows: std::ops::Range<usize>, keys: usize) -> std::ops::Range<usize> {
        match self.reach {
            None => 0..keys,
            Some(reach) => rows.start.saturating_sub(reach)..(rows.end + reach).min(keys),
        }
    }
}
