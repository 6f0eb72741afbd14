//! The vectors of the vocabulary's pieces: half of a small model's bytes, of which a text reads a few rows.

use crate::EncodeError;
use crate::folder::Precision;
use crate::safetensors::Safetensors;
use std::io::{Read, Seek};

/// One row a piece.
#[derive(Debug)]
pub(super) enum Words {
    F32(Vec<f32>),
    /// IEEE 754 binary16, where products are in bytes anyway: half the memory, and 11 bits of each number.
    F16(Vec<u16>),
}

impl Words {
    /// Reads the table `name` of `count` rows.
    pub(super) fn read<R: Read + Seek>(
        file: &mut Safetensors<R>,
        name: &str,
        count: usize,
        width: usize,
        precision: Precision,
    ) -> Result<Self, EncodeError> {
        if precision == Precision::F32 {
            return Ok(Self::F32(file.shaped(name, &[count, width])?));
        }
        let mut rows = Vec::new();
        file.pieces(name, &[count, width], |piece| rows.extend(piece.iter().map(|x| half(*x))))?;
        Ok(Self::F16(rows))
    }

    /// `row` becomes the vector of piece `id`; a number beyond the vocabulary is refused when a folder is read.
    pub(super) fn copy(&self, id: usize, row: &mut [f32]) {
        let at = id * row.len();
        match self {
            Self::F32(rows) => {
                row.iter_mut().zip(rows.get(at..).unwrap_or_default()).for_each(|(x, word)| *x = *word);
            }
            Self::F16(rows) => {
                row.iter_mut()
                    .zip(rows.get(at..).unwrap_or_default())
                    .for_each(|(x, word)| *x = whole(*word));
            }
        }
    }
}

/// What the exponents of the two formats differ by, as a factor.
const APART: f32 = f32::from_bits((127 - 112) << 23);

/// The nearest binary16 of a finite number; beyond its range its ends, and 0 for what is no number.
fn half(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let most = 65_504.0;
    let bits = if x.is_nan() { 0 } else { (x.abs().min(most) * APART).to_bits() };
    // To even where it lies between two.
    sign | ((bits + 0xfff + (bits >> 13 & 1)) >> 13) as u16
}

fn whole(bits: u16) -> f32 {
    let value = f32::from_bits(u32::from(bits & 0x7fff) << 13) / APART;
    f32::from_bits(value.to_bits() | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_and_others_become_the_nearest() {
        for bits in (0..0x7c00u16).chain(0x8000..0xfc00) {
            assert_eq!(half(whole(bits)), bits, "{bits:x}");
        }
        assert_eq!((whole(0x3c00), whole(0xc000), whole(1)), (1.0, -2.0, 2f32.powi(-24)));
        assert_eq!((half(1e9), half(f32::NAN), half(-1e-9)), (0x7bff, 0, 0x8000));
        // Half way between 1 and the next is 1; a little more is the next.
        assert_eq!((half(1.0 + 2f32.powi(-11)), half(1.0 + 2f32.powi(-11) * 1.01)), (0x3c00, 0x3c01));
    }
}
