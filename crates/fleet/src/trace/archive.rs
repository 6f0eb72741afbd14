//! Compressed files and archives of files, as streams.

use crate::Error;
use std::io::{self, BufRead, BufReader, Read};

/// The most members of an archive that are read.
pub const MAX_MEMBERS: usize = 65_536;

/// The content of a file: gzip and zstd are unpacked, known by their first bytes; anything else is as it is.
///
/// # Errors
/// [`Error::Read`] where the first bytes cannot be read or the compression is broken at its head.
pub fn unpack<'a>(place: &str, bytes: impl Read + 'a) -> Result<Box<dyn Read + 'a>, Error> {
    let failed = |source| Error::Read { place: place.to_owned(), source };
    let mut bytes = BufReader::new(bytes);
    let head = bytes.fill_buf().map_err(failed)?;
    if head.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(bytes)))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(bytes);
        Ok(Box::new(decoder.map_err(|broken| failed(io::Error::other(broken)))?))
    } else {
        Ok(Box::new(bytes))
    }
}

/// Where a tar header says that it is one (POSIX.1-1988), and what stands there.
const TAR_MAGIC: (u64, &[u8]) = (257, b"ustar");

/// Whether a file, compressed or not, is a tar archive.
///
/// # Errors
/// [`Error::Read`].
pub fn is_tar(place: &str, bytes: impl Read) -> Result<bool, Error> {
    let (at, magic) = TAR_MAGIC;
    let mut head = Vec::new();
    let read = unpack(place, bytes)?.take(at + magic.len() as u64).read_to_end(&mut head);
    read.map_err(|source| Error::Read { place: place.to_owned(), source })?;
    Ok(head.get(at as usize..) == Some(magic))
}

/// Calls `each` with the name and content of every file of a tar archive (compressed or not), in its order.
///
/// # Errors
/// [`Error::Read`], [`Error::TooMany`], and what `each` returns.
pub fn members(
    place: &str,
    bytes: impl Read,
    mut each: impl FnMut(&str, &mut dyn Read) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |source| Error::Read { place: place.to_owned(), source };
    let mut archive = tar::Archive::new(unpack(place, bytes)?);
    for (index, entry) in archive.entries().map_err(failed)?.enumerate() {
        if index == MAX_MEMBERS {
            return Err(Error::TooMany {
                what: "archive members",
                limit: MAX_MEMBERS,
                fix: "split the archive",
            });
        }
        let mut entry = entry.map_err(failed)?;
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            each(&name, &mut entry)?;
        }
    }
    Ok(())
}
