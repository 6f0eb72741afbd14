//! Text to token numbers, each with the bytes of the text that it stands for.

mod basic;
mod chars;
mod wordpiece;

pub(crate) use basic::Folding;
pub(crate) use wordpiece::WordPiece;

/// One token: its number, and start and end of its bytes in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) id: u32,
    pub(crate) bytes: (u32, u32),
}

impl Token {
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.bytes.0 as usize..self.bytes.1 as usize
    }
}
