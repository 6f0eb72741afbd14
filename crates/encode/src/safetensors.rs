//! A bounded reader of `safetensors` files.
//!
//! Eight bytes give the length of a JSON header (little endian), which names each tensor's type, shape and bytes; the
//! bytes follow. Nothing is believed: lengths are checked against the file before anything is allocated, and a tensor
//! is read only when it is asked for, so that loading never holds the file beside what is made of it.

use crate::EncodeError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use tollgate_core::Digest;

/// Longest header, bytes. Real ones have about 100 bytes a tensor.
pub const HEADER_BYTES_MAX: u64 = 16 << 20;
/// Most numbers of one tensor: 2 GiB of f32.
pub const TENSOR_NUMBERS_MAX: u64 = 1 << 29;

/// Bytes that are read at a time; a multiple of every type's.
const PIECE_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Dtype {
    F32,
    F16,
    #[serde(rename = "BF16")]
    Bf16,
    F64,
    I8,
    U8,
    I32,
    I64,
}

impl Dtype {
    fn bytes(self) -> u64 {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

#[derive(Deserialize)]
struct Row {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Where one tensor lies.
#[derive(Clone, Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

/// A tensor, as f32 in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its shape; the product is the length of `data`.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub data: Vec<f32>,
}

/// An open file.
pub struct Safetensors<R> {
    place: String,
    source: R,
    entries: BTreeMap<String, Entry>,
    read: Vec<Digest>,
}

impl<R: Read + Seek> Safetensors<R> {
    /// Reads and checks the header of `source`; `place` is how errors call it.
    ///
    /// # Errors
    /// [`EncodeError::Format`] when the header is not one, or a tensor's bytes are not what its type and shape say or lie
    /// outside the file.
    pub fn open(place: &str, mut source: R) -> Result<Self, EncodeError> {
        let bad = |problem: String| EncodeError::format(place, problem);
        let cut = |e: std::io::Error| bad(format!("the file ends within its header ({e})"));
        let size = source.seek(SeekFrom::End(0)).map_err(cut)?;
        source.seek(SeekFrom::Start(0)).map_err(cut)?;
        let mut length = [0; 8];
        source.read_exact(&mut length).map_err(cut)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_BYTES_MAX || length > size.saturating_sub(8) {
            return Err(bad(format!(
                "a header of {length} bytes, the file has {size} and {HEADER_BYTES_MAX} is the most"
            )));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        source.read_exact(&mut header).map_err(cut)?;
        let rows: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|e| bad(format!("the header is not JSON: {e}")))?;
        let data = 8 + length;
        let mut entries = BTreeMap::new();
        for (name, row) in rows.into_iter().filter(|(name, _)| name != "__metadata__") {
            let row: Row = serde_json::from_value(row).map_err(|e| bad(format!("tensor {name:?}: {e}")))?;
            if let Some(entry) =
                entry(&row, data, size).map_err(|problem| bad(format!("tensor {name:?}: {problem}")))?
            {
                entries.insert(name, entry);
            }
        }
        Ok(Self { place: place.to_owned(), source, entries, read: Vec::new() })
    }

    /// Whether a tensor of this name can be read.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|e| e.shape.as_slice())
    }

    /// Reads the tensor `name`.
    ///
    /// # Errors
    /// [`EncodeError::Format`] when there is none of that name, the file ends, or a number is not finite.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor, EncodeError> {
        let (shape, count) = self.entries.get(name).map_or((Vec::new(), 0), |entry| {
            (entry.shape.clone(), entry.bytes / entry.dtype.bytes() as usize)
        });
        let mut data = Vec::with_capacity(count);
        self.each(name, |piece| data.extend_from_slice(piece))?;
        Ok(Tensor { shape, data })
    }

    /// Hands the numbers of the tensor `name`, which must have this shape, to `sink` piece by piece: for what is not to be in
    /// memory in 32 bits.
    ///
    /// # Errors
    /// As [`Self::shaped`].
    pub fn pieces(
        &mut self,
        name: &str,
        shape: &[usize],
        sink: impl FnMut(&[f32]),
    ) -> Result<(), EncodeError> {
        self.check(name, shape)?;
        self.each(name, sink)
    }

    fn each(&mut self, name: &str, mut sink: impl FnMut(&[f32])) -> Result<(), EncodeError> {
        let bad = |problem: String| EncodeError::format(&self.place, problem);
        let Some(entry) = self.entries.get(name) else {
            let like: Vec<&str> = self.entries.keys().take(5).map(String::as_str).collect();
            let count = self.entries.len();
            return Err(bad(format!("no tensor {name:?}; there are {count} such as {like:?}")));
        };
        let cut = |e| bad(format!("tensor {name:?}: the file ends within it ({e})"));
        self.source.seek(SeekFrom::Start(entry.start)).map_err(cut)?;
        let mut piece = vec![0; entry.bytes.min(PIECE_BYTES)];
        let (mut left, mut numbers, mut digests) =
            (entry.bytes, Vec::new(), vec![Digest::of(name.as_bytes())]);
        while left > 0 {
            piece.truncate(left);
            self.source.read_exact(&mut piece).map_err(cut)?;
            digests.push(Digest::of(&piece));
            numbers.clear();
            read_numbers(entry.dtype, &piece, &mut numbers);
            if let Some(odd) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(bad(format!("tensor {name:?} holds {odd}; all its numbers must be finite")));
            }
            sink(&numbers);
            left -= piece.len();
        }
        self.read.push(Digest::of_parts(digests.iter().map(|digest| digest.0.as_slice())));
        Ok(())
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), EncodeError> {
        match self.shape(name) {
            Some(found) if found != shape => Err(EncodeError::format(
                &self.place,
                format!("tensor {name:?} has shape {found:?}, config.json makes it {shape:?}"),
            )),
            _ => Ok(()),
        }
    }

    /// Reads the tensor `name`, which must have this shape.
    ///
    /// # Errors
    /// As [`Self::tensor`], and [`EncodeError::Format`] when the shape is another.
    pub fn shaped(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EncodeError> {
        self.check(name, shape)?;
        Ok(self.tensor(name)?.data)
    }

    /// Digest of every tensor read so far: name and bytes, in the order of reading.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts(self.read.iter().map(|d| d.0.as_slice()))
    }
}

/// Checks a row of the header. `None` for a type that no model here has, and for no numbers; it is an error only when it is asked for.
fn entry(row: &Row, data: u64, size: u64) -> Result<Option<Entry>, &'static str> {
    let Ok(dtype) = Dtype::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(
        row.dtype.as_str(),
    )) else {
        return Ok(None);
    };
    let [start, end] = row.data_offsets;
    let count = row.shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n));
    let Some(count) = count.filter(|c| *c <= TENSOR_NUMBERS_MAX) else {
        return Err("its shape has more numbers than a tensor may have");
    };
    // Nothing can be computed with it, and what is as long as its other side would be believed.
    if count == 0 {
        return Ok(None);
    }
    if end.checked_sub(start) != Some(count * dtype.bytes()) {
        return Err("its offsets and its shape differ in bytes");
    }
    if data.checked_add(end).is_none_or(|end| end > size) {
        return Err("its bytes lie outside the file");
    }
    let shape = row.shape.iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).collect();
    let bytes = usize::try_from(end - start).map_err(|_| "it does not fit the memory")?;
    Ok(Some(Entry { dtype, shape, start: data + start, bytes }))
}

fn read_numbers(dtype: Dtype, bytes: &[u8], into: &mut Vec<f32>) {
    fn each<const N: usize>(bytes: &[u8], into: &mut Vec<f32>, value: impl Fn([u8; N]) -> f32) {
        into.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)));
    }
    match dtype {
        Dtype::F32 => each(bytes, into, f32::from_le_bytes),
        Dtype::F16 => each(bytes, into, |b| half(u16::from_le_bytes(b))),
        Dtype::Bf16 => each(bytes, into, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::F64 => each(bytes, into, |b| f64::from_le_bytes(b) as f32),
        Dtype::I8 => each(bytes, into, |b: [u8; 1]| f32::from(i8::from_le_bytes(b))),
        Dtype::U8 => each(bytes, into, |b: [u8; 1]| f32::from(b[0])),
        Dtype::I32 => each(bytes, into, |b| i32::from_le_bytes(b) as f32),
        Dtype::I64 => each(bytes, into, |b| i64::from_le_bytes(b) as f32),
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn file(header: &str, data: &[u8]) -> Cursor<Vec<u8>> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        Cursor::new(bytes)
    }

    #[test]
    fn each_type_is_read() {
        let header = r#"{"__metadata__":{"a":"b"},"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
            "h":{"dtype":"F16","shape":[3],"data_offsets":[4,10]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]},
            "i":{"dtype":"I8","shape":[2],"data_offsets":[12,14]},"odd":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#;
        let mut data = 1.5f32.to_le_bytes().to_vec();
        data.extend([0x00, 0x3c, 0x01, 0x00, 0x00, 0xc0, 0xc0, 0x3f, 0xff, 0x7f]);
        let mut open = Safetensors::open("x", file(header, &data)).unwrap();
        assert_eq!(open.tensor("f").unwrap().data, [1.5]);
        assert_eq!(open.tensor("h").unwrap().data, [1.0, 2f32.powi(-24), -2.0]);
        assert_eq!(open.tensor("b").unwrap().data, [1.5]);
        assert_eq!(open.tensor("i").unwrap().data, [-1.0, 127.0]);
        assert!(open.tensor("odd").is_err() && open.shaped("i", &[1, 2]).is_err());
    }

    #[test]
    fn what_is_not_finite_or_has_no_numbers_is_refused() {
        let header = r#"{"f":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"h":{"dtype":"F16","shape":[1],"data_offsets":[8,10]},
            "none":{"dtype":"F32","shape":[1152921504606846976,0],"data_offsets":[0,0]}}"#;
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let data = [&1f32.to_le_bytes()[..], &odd.to_le_bytes(), &[0x00, 0x7c]].concat();
            let mut open = Safetensors::open("x", file(header, &data)).unwrap();
            let error = open.tensor("f").unwrap_err().to_string();
            assert!(error.contains("\"f\"") && error.contains("finite"), "{error}");
            assert!(open.tensor("h").is_err() && open.tensor("none").is_err());
        }
    }

    #[test]
    fn what_a_header_claims_is_checked_before_it_is_allocated() {
        let claims = [
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[600000000],"data_offsets":[0,2400000000]}}"#,
            r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32"}}"#,
            "[1]",
        ];
        for claim in claims {
            assert!(Safetensors::open("x", file(claim, &[0; 8])).is_err(), "{claim}");
        }
        assert!(Safetensors::open("x", Cursor::new(vec![0xff; 8])).is_err());
        assert!(Safetensors::open("x", Cursor::new(vec![0; 3])).is_err());
    }

    proptest::proptest! {
        /// Bytes from anywhere give tensors of the stated size or an error, and never an end of the program.
        #[test]
        fn any_bytes_are_read_or_refused(
            shape in proptest::collection::vec(0u64..5, 0..4), start in 0u64..20, length in 0u64..40,
            dtype in "(F32|F16|BF16|I8|I64|X)", data in proptest::collection::vec(0u8.., 0..60), cut in 0usize..40,
        ) {
            let row = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, start + length]});
            let mut bytes = file(&serde_json::json!({"a": row}).to_string(), &data).into_inner();
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(mut open) = Safetensors::open("x", Cursor::new(bytes))
                && let Ok(tensor) = open.tensor("a")
            {
                proptest::prop_assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>());
            }
            let _ = Safetensors::open("x", Cursor::new(data));
        }
    }
}
