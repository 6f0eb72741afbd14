//! The files of a model inside a wheel, which is a ZIP archive.
//!
//! Only what a model's folder needs is taken out, and only below the folder of `model.safetensors`; names that lead
//! elsewhere and sizes beyond the bound are refused.

use anyhow::{Context, Result, bail, ensure};
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Most bytes that are taken out of one archive, and entries that it may have.
const BYTES_MAX: u64 = 8 << 30;
const ENTRIES_MAX: usize = 4096;
/// The end record with the longest comment.
const TAIL: u64 = 22 + 65_535;
/// What a model's folder is made of.
const KINDS: [&str; 4] = ["json", "txt", "safetensors", "model"];

struct Entry {
    name: String,
    method: u16,
    packed: u64,
    size: u64,
    at: u64,
}

/// Takes the files of the model in the archive `path` into `folder`; returns their names.
pub(super) fn extract(path: &Path, folder: &Path) -> Result<Vec<String>> {
    let shown = || path.display().to_string();
    let mut file = File::open(path).with_context(|| format!("cannot open {}", shown()))?;
    let entries = entries(&mut file).with_context(|| format!("{} is no ZIP archive", shown()))?;
    let weights = entries.iter().find_map(|entry| entry.name.strip_suffix("model.safetensors"));
    let root = weights.with_context(|| format!("{} holds no model.safetensors", shown()))?.to_owned();
    let mut names = Vec::new();
    let mut total = 0u64;
    for entry in &entries {
        let Some(name) = entry.name.strip_prefix(&root).filter(|name| wanted(name)) else { continue };
        total = total.saturating_add(entry.size);
        ensure!(total <= BYTES_MAX, "{} holds more than {BYTES_MAX} bytes", shown());
        let to = folder.join(name);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        unpack(&mut file, entry, &to).with_context(|| format!("{}: {name}", shown()))?;
        names.push(name.to_owned());
    }
    Ok(names)
}

fn wanted(name: &str) -> bool {
    let kind = name.rsplit('.').next().unwrap_or_default();
    let parts: Vec<&str> = name.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    KINDS.contains(&kind) && parts.len() <= 2 && parts.iter().all(plain)
}

fn unpack(file: &mut File, entry: &Entry, to: &Path) -> Result<()> {
    let mut head = [0; 30];
    file.seek(SeekFrom::Start(entry.at))?;
    file.read_exact(&mut head)?;
    ensure!(head.starts_with(b"PK\x03\x04"), "its header is damaged");
    let skip = i64::from(short(&head, 26)) + i64::from(short(&head, 28));
    file.seek(SeekFrom::Current(skip))?;
    let packed = file.take(entry.packed);
    let mut out = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    // One byte more than stated shows an archive that says too little.
    let limit = entry.size + 1;
    let written = match entry.method {
        0 => std::io::copy(&mut packed.take(limit), &mut out),
        8 => std::io::copy(&mut DeflateDecoder::new(packed).take(limit), &mut out),
        other => bail!("compression {other} is not read"),
    };
    let written = written.context("cannot unpack")?;
    ensure!(written == entry.size, "{written} bytes, {} were stated", entry.size);
    out.sync_all().with_context(|| format!("cannot write {}", to.display()))
}

/// The archive's directory.
fn entries(file: &mut File) -> Result<Vec<Entry>> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    file.by_ref().take(TAIL).read_to_end(&mut tail)?;
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").context("no end record")?;
    let end = tail.get(end..).filter(|end| end.len() >= 22).context("its end record is cut off")?;
    let (count, length, start) = (usize::from(short(end, 10)), long(end, 12), long(end, 16));
    ensure!(count <= ENTRIES_MAX, "{count} entries, {ENTRIES_MAX} is the most");
    ensure!(start + length <= size, "its directory lies outside it");
    let mut directory = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.by_ref().take(length).read_to_end(&mut directory)?;
    let mut entries = Vec::new();
    let mut rest = directory.as_slice();
    for _ in 0..count {
        ensure!(rest.len() >= 46 && rest.starts_with(b"PK\x01\x02"), "its directory is damaged");
        let name = usize::from(short(rest, 28));
        let whole = 46 + name + usize::from(short(rest, 30)) + usize::from(short(rest, 32));
        let entry = rest.get(..whole).context("its directory is cut off")?;
        entries.push(Entry {
            name: String::from_utf8_lossy(entry.get(46..46 + name).unwrap_or_default()).into_owned(),
            method: short(entry, 10),
            packed: long(entry, 20),
            size: long(entry, 24),
            at: long(entry, 42),
        });
        rest = rest.get(whole..).unwrap_or_default();
    }
    Ok(entries)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_model_are_taken() {
        for name in ["config.json", "1_Pooling/config.json", "model.safetensors", "vocab.txt"] {
            assert!(wanted(name), "{name}");
        }
        for name in ["../config.json", "a/b/c.json", "/etc/x.json", ".x.json", "code.py", "a\\b.json", "x/"] {
            assert!(!wanted(name), "{name}");
        }
    }
}
