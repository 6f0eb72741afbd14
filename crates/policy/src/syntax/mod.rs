//! Text to tree: lexer, parser and formatter.
//!
//! Invariant: any text gives a tree and *all* its errors; nothing panics, time is linear in the text, and nesting
//! is bounded by [`crate::limits::MAX_DEPTH`]. Every node of the tree knows its span.

mod body;
mod declare;
mod expr;
mod format;
pub(crate) mod govern;
mod parser;
pub(crate) mod token;
pub(crate) mod tree;

pub(crate) use format::format;
pub(crate) use parser::parse;
#[cfg(test)]
pub(crate) use token::decode;
