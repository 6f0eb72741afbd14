//! BERT's forward pass (Devlin et al. 2019): embeddings, then layers of attention and a two-layer network, each added to its
//! input and normed.

mod config;

pub(crate) use config::BertConfig;

use crate::EncodeError;
use crate::folder::Precision;
use crate::kernel::{
    Activation, AddNorm, Attention, AttentionScratch, ByteAttention, ByteAttentionScratch, ByteRows, Heads,
    Kernel, Norm,
};
use crate::linear::Linear;
use crate::safetensors::Safetensors;
use std::io::{Read, Seek};

/// A BERT model, ready to run.
#[derive(Debug)]
pub(crate) struct Bert {
    words: Vec<f32>,
    /// Positions with the first segment's vector added.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: Heads,
    activation: Activation,
    width: usize,
    precision: Precision,
}

#[derive(Debug)]
struct Layer {
    mix: Linear,
    join: Linear,
    attended: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

/// What a pass works in; kept from text to text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    mixed: Vec<f32>,
    context: Vec<f32>,
    wide: Vec<f32>,
    added: Vec<f32>,
    bytes: ByteRows,
    attention: AttentionScratch,
    byte_attention: ByteAttentionScratch,
    /// How large each input of each linear layer became, in their order; only while [`Bert::quantise`] watches.
    peaks: Option<Vec<Vec<f32>>>,
}

impl Scratch {
    fn watch(peaks: &mut Option<Vec<Vec<f32>>>, rows: &[f32], width: usize) {
        let Some(peaks) = peaks else { return };
        let mut most = vec![0f32; width];
        for row in rows.chunks_exact(width.max(1)) {
            most.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
        }
        peaks.push(most);
    }
}

impl Bert {
    /// Reads the weights; names may stand below `bert.` as in models with a head.
    pub(crate) fn read<R: Read + Seek>(
        file: &mut Safetensors<R>,
        config: &BertConfig,
    ) -> Result<Self, EncodeError> {
        let prefix = if file.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let embeddings = format!("{prefix}embeddings");
        let words =
            file.shaped(&format!("{embeddings}.word_embeddings.weight"), &[config.vocab_size, width])?;
        let mut positions = file.shaped(
            &format!("{embeddings}.position_embeddings.weight"),
            &[config.max_position_embeddings, width],
        )?;
        let segments = file.shaped(
            &format!("{embeddings}.token_type_embeddings.weight"),
            &[config.type_vocab_size, width],
        )?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&segments).for_each(|(x, segment)| *x += segment);
        }
        let norm = norm(file, &format!("{embeddings}.LayerNorm"), config)?;
        let layers = (0..config.num_hidden_layers).map(|index| {
            let at = format!("{prefix}encoder.layer.{index}");
            let mix = ["query", "key", "value"].map(|part| format!("{at}.attention.self.{part}"));
            let mut linear = |name: &str, shape| Linear::read(file, &[format!("{at}.{name}")], shape, true);
            Ok(Layer {
                join: linear("attention.output.dense", (width, width))?,
                widen: linear("intermediate.dense", (wide, width))?,
                narrow: linear("output.dense", (width, wide))?,
                mix: Linear::read(file, &mix, (width, width), true)?,
                attended: self::norm(file, &format!("{at}.attention.output.LayerNorm"), config)?,
                norm: self::norm(file, &format!("{at}.output.LayerNorm"), config)?,
            })
        });
        let layers = layers.collect::<Result<_, EncodeError>>()?;
        let heads = Heads {
            count: config.num_attention_heads,
            width: width / config.num_attention_heads,
            reach: None,
        };
        Ok(Self {
            words,
            positions,
            norm,
            layers,
            heads,
            activation: config.activation,
            width,
            precision: Precision::F32,
        })
    }

    /// Turns its products into those of bytes, after a look at how large their inputs become on `samples`.
    pub(crate) fn quantise(&mut self, kernel: Kernel, samples: &[Vec<u32>]) {
        let mut peaks: Vec<Vec<f32>> = Vec::new();
        for ids in samples {
            let mut scratch = Scratch { peaks: Some(Vec::new()), ..Scratch::default() };
            self.run(kernel, ids, &mut scratch);
            let seen = scratch.peaks.unwrap_or_default();
            peaks.resize_with(seen.len(), Vec::new);
            for (peaks, seen) in peaks.iter_mut().zip(seen) {
                peaks.resize(seen.len(), 0.0);
                peaks.iter_mut().zip(seen).for_each(|(peak, x)| *peak = peak.max(x));
            }
        }
        for (layer, peaks) in self.layers.iter_mut().zip(peaks.chunks_exact(4)) {
            for (linear, peaks) in layer.linears().into_iter().zip(peaks) {
                linear.quantise(peaks);
            }
        }
        self.precision = Precision::Int8;
    }

    /// The last hidden states of `ids`, one row a token. There are no more ids than positions.
    pub(crate) fn run(&self, kernel: Kernel, ids: &[u32], scratch: &mut Scratch) -> Vec<f32> {
        let mut rows = vec![0.0; ids.len() * self.width];
        let positions = self.positions.chunks_exact(self.width);
        for ((row, id), position) in rows.chunks_exact_mut(self.width).zip(ids).zip(positions) {
            // A number beyond the vocabulary is refused when a folder is read.
            let word = self.words.get(*id as usize * self.width..).unwrap_or_default();
            for ((x, word), position) in row.iter_mut().zip(word).zip(position) {
                *x = word + position;
            }
        }
        kernel.run(AddNorm { rows: &mut rows, added: &[], norm: &self.norm });
        for layer in &self.layers {
            layer.run(kernel, &mut rows, self, scratch);
        }
        rows
    }
}

impl Layer {
    /// In the order in which they are applied.
    fn linears(&mut self) -> [&mut Linear; 4] {
        [&mut self.mix, &mut self.join, &mut self.widen, &mut self.narrow]
    }

    fn run(&self, kernel: Kernel, rows: &mut [f32], model: &Bert, scratch: &mut Scratch) {
        let Scratch { mixed, context: out, wide, added, bytes, attention, byte_attention, peaks } = scratch;
        let width = model.width;
        Scratch::watch(peaks, rows, width);
        let heads = model.heads;
        self.mix.apply(kernel, rows, Activation::None, (bytes, mixed));
        out.resize(rows.len(), 0.0);
        // With fewer bits for the softmax, long texts lose too much.
        if model.precision == Precision::Int8 && kernel.attends_in_bytes() {
            kernel.run(ByteAttention { mixed, heads, scratch: byte_attention, out });
        } else {
            kernel.run(Attention { mixed, heads, scratch: attention, out });
        }
        Scratch::watch(peaks, out, width);
        self.join.apply(kernel, out, Activation::None, (bytes, added));
        kernel.run(AddNorm { rows, added, norm: &self.attended });
        Scratch::watch(peaks, rows, width);
        self.widen.apply(kernel, rows, model.activation, (bytes, wide));
        Scratch::watch(peaks, wide, wide.len() / (rows.len() / width).max(1));
        self.narrow.apply(kernel, wide, Activation::None, (bytes, added));
        kernel.run(AddNorm { rows, added, norm: &self.norm });
    }
}

fn norm<R: Read + Seek>(
    file: &mut Safetensors<R>,
    name: &str,
    config: &BertConfig,
) -> Result<Norm, EncodeError> {
    // Checkpoints converted from TensorFlow call the two gamma and beta.
    let old = file.has(&format!("{name}.gamma"));
    let [scale, shift] = if old { ["gamma", "beta"] } else { ["weight", "bias"] };
    Ok(Norm {
        scale: file.shaped(&format!("{name}.{scale}"), &[config.hidden_size])?,
        shift: file.shaped(&format!("{name}.{shift}"), &[config.hidden_size])?,
        epsilon: config.layer_norm_eps,
    })
}
