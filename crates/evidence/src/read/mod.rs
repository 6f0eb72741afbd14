//! Readers of what others encoded: bytes, text encodings, DER, CBOR. Each looks only at bytes that are there and allocates
//! nothing that a length field asks for.

pub(crate) mod cbor;
mod cursor;
pub(crate) mod der;
pub(crate) mod text;

pub(crate) use cursor::Cursor;
