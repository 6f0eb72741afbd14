//! Heads as bytes: a line that says what it is, a JSON header of bounded length, then columns.
//!
//! ```text
//! "tollgate-head 1\n"  u32 length  {"card":…,"labels":[…],"grams":{…},"vector":{…}}
//!   grams:  n ascending keys as LEB128 steps │ n bytes of rarity │ n × labels bytes of weights
//!   vector: dims × labels bytes of weights
//! ```

use super::model::{Card, Head};
use super::side::{GramSide, Probe, VectorSide, Weights};
use super::{BUCKETS, DIMS_MAX, GRAMS_MAX, LABELS_MAX};
use serde::{Deserialize, Serialize};

/// The first line of a file of this version.
const MAGIC: &[u8] = b"tollgate-head 1\n";
/// Longest header, in bytes.
const HEADER_MAX: usize = 64 << 10;

/// What is wrong with a head's bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeadError {
    /// Not a head of a version that is known.
    #[error("it does not begin with {:?}; train it with this version", "tollgate-head 1")]
    Version,
    /// It ends too early, or too late.
    #[error("{what} needs {wanted} bytes and {left} are left; fetch or train it again")]
    Length {
        /// What was to be read.
        what: &'static str,
        /// How much that is.
        wanted: usize,
        /// How much there is.
        left: usize,
    },
    /// A header that is no JSON of the wanted form.
    #[error("its header is no JSON of a head's: {0}")]
    Header(String),
    /// A figure outside its bounds.
    #[error("{what} is {found}; it must be {wanted}")]
    Bounds {
        /// Which figure.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    card: Card,
    labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    grams: Option<GramHeader>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    vector: Option<VectorHeader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GramHeader {
    count: usize,
    surface: bool,
    #[serde(flatten)]
    scale: Scale,
}

#[derive(Serialize, Deserialize)]
struct VectorHeader {
    encoder: String,
    #[serde(skip_serializing_if = "no_probe", default)]
    probe: Probe,
    dims: usize,
    #[serde(skip_serializing_if = "is_half", default = "half")]
    share: f32,
    #[serde(flatten)]
    scale: Scale,
}

const fn half() -> f32 {
    0.5
}

fn is_half(share: &f32) -> bool {
    share.to_bits() == half().to_bits()
}

const fn no_probe(probe: &Probe) -> bool {
    probe.0.is_empty()
}

#[derive(Serialize, Deserialize)]
struct Scale {
    temperature: f32,
    bias: Vec<f32>,
    steps: Vec<f32>,
}

impl Scale {
    fn of(weights: &Weights) -> Self {
        Self { temperature: weights.temperature, bias: weights.bias.clone(), steps: weights.steps.clone() }
    }

    /// The weights with these scales, where the scales are usable.
    fn with(self, rows: Vec<i8>, labels: usize) -> Result<Weights, HeadError> {
        let all_finite =
            self.bias.iter().chain(&self.steps).all(|value| value.is_finite() && value.abs() < 1e6);
        if self.bias.len() != labels || self.steps.len() != labels || !all_finite {
            return Err(bounds("a list of scales", &labels, "one small finite number a label"));
        }
        if !(1e-3..=1e3).contains(&self.temperature) {
            return Err(bounds("the temperature", &self.temperature, "between 0.001 and 1000"));
        }
        Ok(Weights { rows, steps: self.steps, bias: self.bias, temperature: self.temperature })
    }
}

fn bounds(what: &'static str, found: &dyn std::fmt::Display, wanted: &'static str) -> HeadError {
    HeadError::Bounds { what, found: found.to_string(), wanted }
}

/// What is left of the bytes.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, what: &'static str, wanted: usize) -> Result<&'b [u8], HeadError> {
        let (taken, rest) =
            self.0.split_at_checked(wanted).ok_or(HeadError::Length { what, wanted, left: self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of at most 28 bits, seven a byte, the lowest first.
    fn step(&mut self) -> Result<u32, HeadError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.take("a gram", 1)?.first().copied().unwrap_or(0);
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(bounds("a step between grams", &"longer than 4 bytes", "at most 28 bits"))
    }

    fn weights(&mut self, count: usize) -> Result<Vec<i8>, HeadError> {
        Ok(self.take("the weights", count)?.iter().map(|byte| byte.cast_signed()).collect())
    }
}

impl Head {
    /// The bytes of a file.
    ///
    /// # Errors
    /// A header that is longer than one that is read back, or that no JSON can say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HeadError> {
        let header = Header {
            card: self.card.clone(),
            labels: self.labels.clone(),
            grams: self.grams.as_ref().map(|side| GramHeader {
                count: side.keys.len(),
                surface: side.surface,
                scale: Scale::of(&side.weights),
            }),
            vector: self.vector.as_ref().map(|side| VectorHeader {
                encoder: side.encoder.clone(),
                probe: side.probe.clone(),
                dims: side.dims(),
                share: side.share,
                scale: Scale::of(&side.weights),
            }),
        };
        let header = serde_json::to_vec(&header).map_err(|error| HeadError::Header(error.to_string()))?;
        if header.len() > HEADER_MAX {
            return Err(bounds(
                "the header's length",
                &header.len(),
                "at most 64 KiB; shorten card or labels",
            ));
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        if let Some(side) = &self.grams {
            let mut before = 0;
            for key in &side.keys {
                let mut step = key - before;
                before = *key;
                while step >= 0x80 {
                    bytes.push(step as u8 | 0x80);
                    step >>= 7;
                }
                bytes.push(step as u8);
            }
            bytes.extend(&side.rarity);
        }
        let weights = [self.grams.as_ref().map(|s| &s.weights), self.vector.as_ref().map(|s| &s.weights)];
        bytes
            .extend(weights.into_iter().flatten().flat_map(|w| &w.rows).map(|weight| weight.cast_unsigned()));
        Ok(bytes)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Bytes that are no head of this version, that end too early or too late, or that name what is out of bounds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut left = Reader(bytes);
        if left.take("the first line", MAGIC.len()).ok() != Some(MAGIC) {
            return Err(HeadError::Version);
        }
        let length = left.take("the header's length", 4)?;
        let length = length.iter().rev().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        if length > HEADER_MAX {
            return Err(bounds("the header's length", &length, "at most 64 KiB"));
        }
        let header: Header = serde_json::from_slice(left.take("the header", length)?)
            .map_err(|error| HeadError::Header(error.to_string()))?;
        let labels = header.labels.len();
        if !(2..=LABELS_MAX).contains(&labels) {
            return Err(bounds("the number of labels", &labels, "from 2 to 64"));
        }
        let grams = header.grams.map(|side| Self::read_grams(&mut left, side, labels)).transpose()?;
        let vector = header.vector.map(|side| Self::read_vector(&mut left, side, labels)).transpose()?;
        if !left.0.is_empty() {
            return Err(HeadError::Length { what: "the end", wanted: 0, left: left.0.len() });
        }
        Ok(Self { card: header.card, labels: header.labels, grams, vector })
    }

    fn read_grams(left: &mut Reader<'_>, side: GramHeader, labels: usize) -> Result<GramSide, HeadError> {
        if side.count > GRAMS_MAX {
            return Err(bounds("the number of grams", &side.count, "at most 65535"));
        }
        let (mut keys, mut key) = (Vec::with_capacity(side.count), 0_u32);
        for at in 0..side.count {
            let step = left.step()?;
            key += step;
            if key >= BUCKETS || step == 0 && at > 0 {
                return Err(bounds("a gram", &key, "ascending and below 2^24"));
            }
            keys.push(key);
        }
        let rarity = left.take("the rarities", side.count)?.to_vec();
        let rows = left.weights(side.count * labels)?;
        Ok(GramSide::assemble(keys, rarity, side.scale.with(rows, labels)?, side.surface))
    }

    fn read_vector(
        left: &mut Reader<'_>,
        side: VectorHeader,
        labels: usize,
    ) -> Result<VectorSide, HeadError> {
        if !(1..=DIMS_MAX).contains(&side.dims) {
            return Err(bounds("the length of vectors", &side.dims, "from 1 to 4096"));
        }
        if !(0.0..=1.0).contains(&side.share) {
            return Err(bounds("what the vector side counts", &side.share, "from 0 to 1"));
        }
        let rows = left.weights(side.dims * labels)?;
        let weights = side.scale.with(rows, labels)?;
        Ok(VectorSide { encoder: side.encoder, probe: side.probe, weights, share: side.share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Grams;
    use proptest::prelude::*;

    fn head() -> Head {
        let grams = GramSide::new(
            vec![0, 3, 500, 70_000, BUCKETS - 1],
            &[1.0; 5],
            &[0.5; 10],
            &[0.1, -0.1],
            1.5,
            true,
        );
        let vector =
            VectorSide::new("tiny", Probe::of(&[0.6, 0.8]), &[1.0, -1.0, 0.25, 0.0], &[0.0, 0.0], 1.0);
        let vector = {
            let mut vector = vector;
            vector.weigh(0.7);
            vector
        };
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        Head::new(Card { name: "h".into(), ..Card::default() }, labels, Some(grams), Some(vector))
    }

    #[test]
    fn bytes_read_back_and_damage_is_named() {
        let (head, bytes) = (head(), head().to_bytes().unwrap());
        assert_eq!(Head::from_bytes(&bytes), Ok(head));
        assert_eq!(Head::from_bytes(b"tollgate-head 2\n"), Err(HeadError::Version));
        for cut in 0..bytes.len() {
            assert!(Head::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(matches!(Head::from_bytes(&longer), Err(HeadError::Length { what: "the end", .. })));
        let text = String::from_utf8_lossy(&bytes).replace("\"temperature\":1.5", "\"temperature\":0.0");
        assert!(Head::from_bytes(text.as_bytes()).is_err());
        let text = String::from_utf8_lossy(&bytes).replace("\"share\":0.7", "\"share\":1.7");
        assert!(Head::from_bytes(text.as_bytes()).is_err());
    }

    /// What would not be read back is not written.
    #[test]
    fn a_header_beyond_its_bound_is_an_error() {
        let labels = vec!["no".to_owned(), "y".repeat(HEADER_MAX)];
        let long = Head { labels, ..head() };
        assert!(matches!(long.to_bytes(), Err(HeadError::Bounds { what: "the header's length", .. })));
    }

    proptest! {
        /// Whatever reads gives distributions, and writes the same bytes again.
        #[test]
        fn any_change_is_refused_or_harmless(at in 0_usize..600, byte in any::<u8>(), text in "[a-c ]{0,20}") {
            let mut bytes = head().to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(read) = Head::from_bytes(&bytes) {
                let scores = read.classify(&Grams::of(&text), Some(&[0.6, 0.8]));
                let sum: f32 = scores.0.iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-4, "{scores:?}");
                prop_assert_eq!(Head::from_bytes(&read.to_bytes().unwrap()), Ok(read));
            }
        }
    }
}
