//! Embeddings without a model: hashed words and character trigrams, summed with signs, of unit length.
//!
//! Texts that share words are near each other, equal texts are equal, and nothing has to be loaded.

use tollgate_core::Seed;

/// The unit vector of `text` with `dimensions` components (at least 1).
///
/// Feature hashing with signs (Weinberger et al. 2009): each word and each trigram of a word adds ±1, words ±2.
#[must_use]
pub fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; dimensions.max(1)];
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        add(&mut sums, word.as_bytes(), 2.0);
        let padded = format!("<{word}>");
        for gram in padded.as_bytes().windows(3) {
            add(&mut sums, gram, 1.0);
        }
    }
    let norm = sums.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if norm > 0.0 {
        sums.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    } else if let Some(first) = sums.first_mut() {
        // A text without words still needs a unit vector.
        *first = 1.0;
    }
    sums
}

fn add(sums: &mut [f32], gram: &[u8], weight: f32) {
    // FNV-1a, then mixed: the low bits choose the component, the top bit the sign.
    let fnv = gram
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3));
    let bits = Seed(fnv).bits();
    let at = usize::try_from(bits % sums.len().max(1) as u64).unwrap_or(0);
    if let Some(slot) = sums.get_mut(at) {
        *slot += if bits >> 63 == 0 { weight } else { -weight };
    }
}

/// Standard base64 with padding (RFC 4648, section 4) of little-endian 32-bit floats.
#[must_use]
pub fn base64(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut word = [0_u8; 4];
        for (slot, byte) in word.iter_mut().skip(1).zip(group) {
            *slot = *byte;
        }
        let word = u32::from_be_bytes(word);
        for i in 0..4 {
            let digit = ALPHABET.get((word >> (18 - 6 * i)) as usize & 63).copied().unwrap_or(b'=');
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        embed(a, 256).iter().zip(embed(b, 256)).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn near_texts_are_near_and_all_are_unit() {
        assert!(cosine("open the window", "please open the window") > 0.7);
        assert!(cosine("open the window", "quarterly tax report") < 0.3);
        for text in ["", "…", "a", "日本語"] {
            assert!((cosine(text, text) - 1.0).abs() < 1e-5, "{text}");
        }
    }

    /// The vectors of RFC 4648, section 10, in groups of four bytes.
    #[test]
    fn encodes_base64() {
        let float = |bytes: [u8; 4]| f32::from_le_bytes(bytes);
        assert_eq!(base64(&[]), "");
        assert_eq!(base64(&[float(*b"foob")]), "Zm9vYg==");
        assert_eq!(base64(&[float(*b"foob"), float(*b"arba")]), "Zm9vYmFyYmE=");
    }
}
