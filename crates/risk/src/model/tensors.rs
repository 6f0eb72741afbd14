//! The safetensors format: eight bytes of length, a JSON head, arrays.
//!
//! Source: the format's description at huggingface/safetensors. Read and written here are `F32` and `I32`.

use crate::error::{Result, RiskError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest head, in bytes.
const HEAD_MAX: usize = 16 << 20;

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// Shape and values.
    Real(Vec<usize>, Vec<f32>),
    /// Values of one axis.
    Int(Vec<i32>),
}

/// Named arrays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors {
    all: BTreeMap<String, Tensor>,
    /// Where they were read, for errors.
    place: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl Tensors {
    /// Adds integers.
    pub fn ints(&mut self, name: &str, values: &[i32]) {
        self.all.insert(name.to_owned(), Tensor::Int(values.to_vec()));
    }

    /// Adds reals of a shape; an empty shape is one axis.
    pub fn reals(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let shape = if shape.is_empty() { vec![values.len()] } else { shape.to_vec() };
        self.all.insert(name.to_owned(), Tensor::Real(shape, values.to_vec()));
    }

    /// The integers of a name.
    pub(crate) fn int(&self, name: &str) -> Result<&[i32]> {
        match self.all.get(name) {
            Some(Tensor::Int(values)) => Ok(values),
            _ => Err(RiskError::model(&self.place, format!("has no integers {name:?}"))),
        }
    }

    /// The reals of a name and shape; of any shape where none is wanted.
    pub(crate) fn real(&self, name: &str, wanted: &[usize]) -> Result<&[f32]> {
        let problem = match self.all.get(name) {
            Some(Tensor::Real(shape, values)) if wanted.is_empty() || shape == wanted => return Ok(values),
            Some(Tensor::Real(shape, _)) => {
                format!("{name:?} has the shape {shape:?}, and the card says {wanted:?}")
            }
            _ => format!("has no reals {name:?}"),
        };
        Err(RiskError::model(&self.place, problem))
    }

    /// All arrays as a file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head: BTreeMap<&str, Entry> = BTreeMap::new();
        let mut body: Vec<u8> = Vec::new();
        for (name, tensor) in &self.all {
            let start = body.len();
            let (dtype, shape) = match tensor {
                Tensor::Real(shape, values) => {
                    values.iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes()));
                    ("F32", shape.clone())
                }
                Tensor::Int(values) => {
                    values.iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes()));
                    ("I32", vec![values.len()])
                }
            };
            head.insert(name, Entry { dtype: dtype.into(), shape, data_offsets: [start, body.len()] });
        }
        let mut head = serde_json::to_vec(&head).unwrap_or_default();
        // Arrays begin at a multiple of eight.
        head.resize(head.len().next_multiple_of(8), b' ');
        let mut out = (head.len() as u64).to_le_bytes().to_vec();
        out.append(&mut head);
        out.append(&mut body);
        out
    }

    /// Reads a file's bytes; `place` names it in errors.
    ///
    /// # Errors
    /// It is not whole, or holds arrays of other kinds than `F32` and `I32`.
    pub fn read(bytes: &[u8], place: &str) -> Result<Self> {
        let all = Self::arrays(bytes)
            .ok_or_else(|| RiskError::model(place, "is no whole file of tensors (F32, I32)"))?;
        Ok(Self { all, place: place.to_owned() })
    }

    fn arrays(bytes: &[u8]) -> Option<BTreeMap<String, Tensor>> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|n| *n <= HEAD_MAX)?;
        let (head, body) = rest.split_at_checked(length)?;
        let head: BTreeMap<String, serde_json::Value> = serde_json::from_slice(head).ok()?;
        let mut all = BTreeMap::new();
        for (name, value) in head.into_iter().filter(|(name, _)| name != "__metadata__") {
            let entry: Entry = serde_json::from_value(value).ok()?;
            let bytes = body.get(entry.data_offsets[0]..entry.data_offsets[1])?;
            let count = entry.shape.iter().try_fold(1usize, |n, axis| n.checked_mul(*axis))?;
            let words = bytes.as_chunks::<4>().0;
            if count.checked_mul(4)? != bytes.len() {
                return None;
            }
            let tensor = match entry.dtype.as_str() {
                "F32" => Tensor::Real(entry.shape, words.iter().map(|b| f32::from_le_bytes(*b)).collect()),
                "I32" => Tensor::Int(words.iter().map(|b| i32::from_le_bytes(*b)).collect()),
                _ => return None,
            };
            all.insert(name, tensor);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_and_lies_do_not() {
        let mut tensors = Tensors::default();
        tensors.ints("a", &[1, -2]);
        tensors.reals("b", &[1, 3], &[0.5, f32::MIN_POSITIVE, -3.25]);
        let bytes = tensors.bytes();
        assert_eq!(Tensors::read(&bytes, "a").unwrap().all, tensors.all);
        assert!(Tensors::read(&bytes[..bytes.len() - 1], "a").is_err());
        assert!(Tensors::read(&[255; 16], "a").is_err());
        assert!(tensors.real("b", &[3, 1]).unwrap_err().to_string().contains("[1, 3]"));
    }
}
