//! Bounds of what is computed, so that a hostile configuration cannot ask for more memory than a large model has.

use crate::EncodeError;
use crate::kernel::{Activation, HEAD_MAX, Heads};

const WIDTH_MAX: usize = 1 << 13;
const LAYERS_MAX: usize = 128;
const VOCABULARY_MAX: usize = 1 << 21;
/// Least tokens of a text: one beside the special ones.
const TOKENS_MIN: usize = 3;
/// Most tokens of a text.
pub(super) const POSITIONS_MAX: usize = 1 << 16;

/// The figures that every configuration has.
pub(super) struct Figures {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
}

impl Figures {
    /// Checks them; `place` is how errors call the file.
    pub(super) fn check(&self, place: &str) -> Result<(), EncodeError> {
        within(place, "vocab_size", self.vocab_size, VOCABULARY_MAX)?;
        within(place, "hidden_size", self.hidden_size, WIDTH_MAX)?;
        within(place, "intermediate_size", self.intermediate_size, 8 * WIDTH_MAX)?;
        within(place, "num_hidden_layers", self.num_hidden_layers, LAYERS_MAX)?;
        within(place, "num_attention_heads", self.num_attention_heads, self.hidden_size)?;
        within(place, "max_position_embeddings", self.max_position_embeddings, POSITIONS_MAX)?;
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(EncodeError::format(place, "hidden_size is no multiple of num_attention_heads"));
        }
        if self.hidden_size / self.num_attention_heads > HEAD_MAX {
            let problem = format!("heads of more than {HEAD_MAX} numbers");
            return Err(EncodeError::unsupported(place, problem));
        }
        Ok(())
    }

    /// Most tokens of a text: `wanted`, or the positions that there are.
    pub(super) fn tokens(&self, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(usize::MAX).clamp(TOKENS_MIN, self.max_position_embeddings.max(TOKENS_MIN))
    }

    /// How attention's numbers lie.
    pub(super) fn heads(&self, reach: Option<usize>) -> Heads {
        let count = self.num_attention_heads;
        Heads { count, width: self.hidden_size / count, reach }
    }
}

/// Refuses 0, and more than `most`.
pub(super) fn within(place: &str, name: &str, value: usize, most: usize) -> Result<(), EncodeError> {
    match value {
        0 => Err(EncodeError::format(place, format!("{name} is 0"))),
        _ if value > most => {
            Err(EncodeError::unsupported(place, format!("{name} is {value}, {most} is the most")))
        }
        _ => Ok(()),
    }
}

/// The activation `name`; `field` is where it stands.
pub(crate) fn activation(place: &str, field: &str, name: &str) -> Result<Activation, EncodeError> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        _ => {
            let problem =
                format!("{field} {name:?}; gelu, gelu_new, gelu_pytorch_tanh and relu are computed");
            Err(EncodeError::unsupported(place, problem))
        }
    }
}
