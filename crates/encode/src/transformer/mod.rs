//! Forward passes: embeddings, then layers of attention and a two-layer network, each added to its input.
//!
//! BERT (Devlin et al. 2019) adds a vector for each position and norms after each sum. ModernBERT (Warner et al. 2024) turns
//! queries and keys by their position, norms before, lets most layers see only near tokens, and gates its network. What a
//! layer is made of is data, so one pass computes both; a [`Family`] says under which names it lies in a file.
//!
//! Invariant: while a model is read, one layer at most is in memory in 32 bits where the model is to be in bytes.

mod bert;
mod bounds;
mod layer;
mod modern;
mod words;

pub(crate) use bert::BertConfig;
pub(crate) use bounds::activation;
pub(crate) use modern::ModernConfig;

use crate::EncodeError;
use crate::folder::Precision;
use crate::kernel::{AddNorm, AttentionScratch, ByteAttentionScratch, ByteRows, Kernel, Norm};
use crate::safetensors::Safetensors;
use layer::Layer;
use std::io::{Read, Seek};
use words::Words;

/// A model, ready to run.
#[derive(Debug)]
pub(crate) struct Transformer {
    words: Words,
    /// Positions with the first segment's vector added; none where queries and keys are turned instead.
    positions: Vec<f32>,
    /// What the second segment's vector has more than the first's; none where segments are not told apart.
    second: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    last: Option<Norm>,
    width: usize,
    kernel: Kernel,
}

/// How a model is read.
pub(crate) struct Reading<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) precision: Precision,
    /// How many layers are kept, from the first on.
    pub(crate) layers: usize,
    /// Texts on which the inputs of products are looked at before they become bytes; few tokens each.
    pub(crate) samples: &'a [Vec<u32>],
}

/// What a family's tokens begin as.
pub(crate) struct Embeddings {
    /// The name of the words' table.
    pub(crate) table: String,
    /// See [`Transformer`].
    pub(crate) positions: Vec<f32>,
    /// See [`Transformer`].
    pub(crate) second: Vec<f32>,
    /// The norm over the sum.
    pub(crate) norm: Norm,
}

/// What the models of one kind have in common: how their tensors are called and put together.
pub(crate) trait Family {
    /// Pieces of the vocabulary.
    fn vocabulary(&self) -> usize;
    /// Numbers of a token.
    fn width(&self) -> usize;
    /// Most tokens of a text: what was asked for, within the positions that there are.
    fn tokens(&self) -> usize;
    /// Layers that there are.
    fn layers(&self) -> usize;
    /// What tokens begin as.
    fn embeddings<R: Read + Seek>(&self, file: &mut Safetensors<R>) -> Result<Embeddings, EncodeError>;
    /// Layer `index`.
    fn layer<R: Read + Seek>(&self, file: &mut Safetensors<R>, index: usize) -> Result<Layer, EncodeError>;
    /// The norm over the last layer.
    fn last<R: Read + Seek>(&self, file: &mut Safetensors<R>) -> Result<Option<Norm>, EncodeError>;
}

/// What a pass works in; kept from text to text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    normed: Vec<f32>,
    mixed: Vec<f32>,
    context: Vec<f32>,
    wide: Vec<f32>,
    gated: Vec<f32>,
    added: Vec<f32>,
    bytes: ByteRows,
    attention: AttentionScratch,
    byte_attention: ByteAttentionScratch,
    /// How large each input of each linear layer became; only while a model is read.
    peaks: Option<[Vec<f32>; 4]>,
}

impl Scratch {
    /// Numbers that it holds, near enough: the mixed rows are three fifths of it.
    pub(crate) fn numbers(&self) -> usize {
        [&self.normed, &self.mixed, &self.context, &self.wide, &self.gated, &self.added]
            .iter()
            .map(|part| part.capacity())
            .sum()
    }

    fn watch(peaks: &mut Option<[Vec<f32>; 4]>, which: usize, rows: &[f32], width: usize) {
        let Some(most) = peaks.as_mut().and_then(|peaks| peaks.get_mut(which)) else { return };
        most.resize(width, 0.0);
        for row in rows.chunks_exact(width.max(1)) {
            most.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
        }
    }
}

impl Transformer {
    /// Reads the weights.
    pub(crate) fn read<R: Read + Seek>(
        file: &mut Safetensors<R>,
        family: &impl Family,
        reading: &Reading<'_>,
    ) -> Result<Self, EncodeError> {
        let Embeddings { table, positions, second, norm } = family.embeddings(file)?;
        let width = family.width();
        let words = Words::read(file, &table, family.vocabulary(), width, reading.precision)?;
        let layers = Vec::with_capacity(reading.layers);
        let kernel = reading.kernel;
        let mut model = Self { words, positions, second, norm, layers, last: None, width, kernel };
        let bytes = reading.precision == Precision::Int8;
        let mut states: Vec<Vec<f32>> = match bytes {
            true => reading.samples.iter().map(|ids| model.embedded(ids, ids.len())).collect(),
            false => Vec::new(),
        };
        let mut scratch = Scratch::default();
        for index in 0..reading.layers {
            let mut layer = family.layer(file, index)?;
            if bytes {
                scratch.peaks = Some(Default::default());
                for rows in &mut states {
                    layer.run(reading.kernel, rows, &mut scratch);
                }
                layer.quantise(&scratch.peaks.take().unwrap_or_default());
            }
            model.layers.push(layer);
        }
        model.last = family.last(file)?;
        Ok(model)
    }

    /// Numbers of a token.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// What it is computed with.
    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    fn embedded(&self, ids: &[u32], second: usize) -> Vec<f32> {
        let mut rows = vec![0.0; ids.len() * self.width];
        for (row, id) in rows.chunks_exact_mut(self.width).zip(ids) {
            self.words.copy(*id as usize, row);
        }
        // There are no more ids than positions.
        rows.iter_mut().zip(&self.positions).for_each(|(x, position)| *x += position);
        for row in rows.chunks_exact_mut(self.width).skip(second) {
            row.iter_mut().zip(&self.second).for_each(|(x, more)| *x += more);
        }
        self.kernel.run(AddNorm { rows: &mut rows, added: &[], norm: &self.norm });
        rows
    }

    /// The last hidden states of `ids`, one row a token; those from `second` on are a second text's. There are no more ids than
    /// the model was read for.
    pub(crate) fn run(&self, ids: &[u32], second: usize, scratch: &mut Scratch) -> Vec<f32> {
        let mut rows = self.embedded(ids, second);
        for layer in &self.layers {
            layer.run(self.kernel, &mut rows, scratch);
        }
        if let Some(norm) = &self.last {
            self.kernel.run(AddNorm { rows: &mut rows, added: &[], norm });
        }
        rows
    }
}

/// The norm `name`, of `width` numbers. Checkpoints converted from TensorFlow call its two parts gamma and beta.
pub(crate) fn norm<R: Read + Seek>(
    file: &mut Safetensors<R>,
    name: &str,
    width: usize,
    (epsilon, shifted): (f32, bool),
) -> Result<Norm, EncodeError> {
    if !(0.0..1.0).contains(&epsilon) {
        let problem = format!("the norm {name} has an epsilon of {epsilon}; it lies between 0 and 1");
        return Err(EncodeError::format("config.json", problem));
    }
    let old = file.has(&format!("{name}.gamma"));
    let [scale, shift] = if old { ["gamma", "beta"] } else { ["weight", "bias"] };
    let scale = file.shaped(&format!("{name}.{scale}"), &[width])?;
    let shift = match shifted {
        true => file.shaped(&format!("{name}.{shift}"), &[width])?,
        false => Vec::new(),
    };
    Ok(Norm { scale, shift, epsilon })
}
