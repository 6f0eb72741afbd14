//! Numbers by user and feature.

/// Rows of users, columns of features.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// What each column is; none where nobody asks.
    pub names: Vec<String>,
    /// How many columns there are.
    pub width: usize,
    /// Rows one after the other.
    pub values: Vec<f32>,
    /// How many rows.
    pub rows: usize,
}

impl Matrix {
    /// How many columns there are.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// A row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width()..(row + 1) * self.width()]
    }

    /// A column's values for the rows given.
    pub fn column<'a>(&'a self, column: usize, rows: &'a [u32]) -> impl Iterator<Item = f32> + 'a {
        rows.iter().map(move |row| self.values[*row as usize * self.width() + column])
    }

    /// The columns whose name one of these begins with; all where none is given.
    #[must_use]
    pub fn selected(&self, heads: &[&str]) -> Self {
        let keep: Vec<usize> = (0..self.width())
            .filter(|c| heads.is_empty() || heads.iter().any(|h| self.names[*c].starts_with(h)))
            .collect();
        let names = keep.iter().map(|c| self.names[*c].clone()).collect();
        let values = (0..self.rows).flat_map(|row| keep.iter().map(move |c| self.row(row)[*c])).collect();
        Self { names, width: keep.len(), values, rows: self.rows }
    }
}
