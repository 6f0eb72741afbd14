//! The model: weights, vocabulary, template, sampling.

use super::stops::Stops;
use crate::SimError;
use crate::text::Finish;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use candle_transformers::models::quantized_llama::{MAX_SEQ_LEN, ModelWeights};
use std::fs::File;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence};

/// Longest context in tokens that the runner supports.
pub const CONTEXT_MAX: u32 = MAX_SEQ_LEN as u32;
/// Most tokens whose bytes together make one character.
const PENDING_MAX: usize = 4;

/// How to choose tokens.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) max_tokens: u32,
    /// 0 or none: always the likeliest token.
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) stop: Vec<String>,
}

/// A loaded model.
pub struct Model {
    path: PathBuf,
    weights: ModelWeights,
    tokenizer: Tokenizer,
    begin: u32,
    end: u32,
    eos: Option<u32>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a GGUF file of the llama family with a byte-level vocabulary and ChatML marks.
    ///
    /// # Errors
    /// [`SimError::Model`] when the file cannot be read or is of another kind.
    pub fn load(path: &Path) -> Result<Self, SimError> {
        let wrong = |e: &dyn std::fmt::Display| SimError::model(path, e);
        let mut file = File::open(path).map_err(|e| wrong(&e))?;
        let content = Content::read(&mut file).map_err(|e| wrong(&e))?;
        let mut tokenizer = <Tokenizer as TokenizerFromGguf>::from_gguf(&content).map_err(|e| wrong(&e))?;
        // Digits one by one and no space before the text, as this family was trained.
        let split = Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()]);
        tokenizer.with_pre_tokenizer(Some(split));
        // Marks inside a message are text; only the template writes marks.
        tokenizer.set_encode_special_tokens(true);
        let mark = |text: &str| {
            tokenizer.token_to_id(text).ok_or_else(|| wrong(&format!("the vocabulary has no {text}")))
        };
        let (begin, end) = (mark("<|im_start|>")?, mark("<|im_end|>")?);
        let eos = content.metadata.get("tokenizer.ggml.eos_token_id").and_then(|v| v.to_u32().ok());
        let weights = ModelWeights::from_gguf(content, &mut file, &Device::Cpu).map_err(|e| wrong(&e))?;
        Ok(Self { path: path.to_owned(), weights, tokenizer, begin, end, eos })
    }

    /// The tokens of a conversation of (role, text), ending where the assistant speaks.
    ///
    /// No system message is added: with the one of its own template, the 4-bit SmolLM2-135M answers plain
    /// questions wrongly.
    pub(crate) fn prompt(&self, turns: &[(String, String)]) -> Result<Vec<u32>, SimError> {
        let mut tokens = Vec::new();
        for (role, text) in turns {
            self.turn(&mut tokens, role, text)?;
        }
        tokens.push(self.begin);
        tokens.extend(self.encode("assistant\n")?);
        Ok(tokens)
    }

    fn turn(&self, tokens: &mut Vec<u32>, role: &str, text: &str) -> Result<(), SimError> {
        tokens.push(self.begin);
        tokens.extend(self.encode(&format!("{role}\n{text}"))?);
        tokens.push(self.end);
        tokens.extend(self.encode("\n")?);
        Ok(())
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, SimError> {
        let encoded = self.tokenizer.encode(text, false).map_err(|e| SimError::model(&self.path, &e))?;
        Ok(encoded.get_ids().to_vec())
    }

    /// Answers a prompt, giving text as it comes to `tell`, which says whether anybody still listens. Returns why
    /// it ended and how many tokens it took.
    pub(crate) fn answer(
        &mut self,
        prompt: &[u32],
        choice: &Choice,
        mut tell: impl FnMut(String) -> bool,
    ) -> Result<(Finish, u32), SimError> {
        let mut sampler = LogitsProcessor::new(choice.seed, choice.temperature, choice.top_p);
        let (mut stops, mut pending) = (Stops::new(&choice.stop), Vec::new());
        let (mut input, mut at, mut made) = (prompt.to_vec(), 0, 0);
        let finish = loop {
            let token = self.next(&input, at, &mut sampler).map_err(|e| SimError::model(&self.path, &e))?;
            made += 1;
            if token == self.end || Some(token) == self.eos {
                break Finish::Stop;
            }
            pending.push(token);
            let text = self.tokenizer.decode(&pending, true).map_err(|e| SimError::model(&self.path, &e))?;
            // A replacement character at the end is the first part of one that later tokens complete.
            if !text.ends_with('\u{fffd}') || pending.len() >= PENDING_MAX {
                pending.clear();
                let (shown, stopped) = stops.push(&text);
                if !shown.is_empty() && !tell(shown) {
                    break Finish::Stop;
                }
                if stopped {
                    break Finish::Stop;
                }
            }
            if made >= choice.max_tokens {
                break Finish::Length;
            }
            at += input.len();
            input = vec![token];
        };
        let rest = stops.finish();
        if !rest.is_empty() {
            tell(rest);
        }
        Ok((finish, made))
    }

    fn next(&mut self, input: &[u32], at: usize, sampler: &mut LogitsProcessor) -> candle_core::Result<u32> {
        let input = Tensor::new(input, &Device::Cpu)?.unsqueeze(0)?;
        let logits = self.weights.forward(&input, at)?.squeeze(0)?;
        sampler.sample(&logits)
    }
}
