//! Reading `tokenizer.json`: what a tokenizer does is put together there of parts with names, and what is not among those that
//! are computed here is refused by its name. Nothing is believed: numbers and counts are bounded.

use super::added::Added;
use super::bpe::{Bpe, Merges, SPACE, Shape};
use super::normal::{Normaliser, Step};
use super::split::byte_char;
use super::{Folding, Tokenizer, WordPiece};
use crate::EncodeError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Most pieces of a vocabulary, and most merges.
pub(super) const PIECES_MAX: usize = 1 << 20;
/// Longest added piece in bytes, and most special tokens around a text.
const ADDED_BYTES_MAX: usize = 256;
const AROUND_MAX: usize = 8;

/// The parts that are small, and which model there is.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    model: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

#[derive(Deserialize)]
struct Whole {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<Box<str>, u32>,
    #[serde(default)]
    merges: Vec<Merge>,
    unk_token: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

/// Two pieces, in the writing of old files or of new ones.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Two(Box<str>, Box<str>),
    Line(Box<str>),
}

impl Merge {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Two(a, b) => Some((a, b)),
            Self::Line(line) => line.split_once(' '),
        }
    }
}

/// Reads `text`; `place` is how errors call it.
pub(crate) fn read(place: &str, text: &str, folding: Folding) -> Result<Tokenizer, EncodeError> {
    let bad = |e: serde_json::Error| EncodeError::format(place, e.to_string());
    let outline: Outline = serde_json::from_str(text).map_err(bad)?;
    let kind = outline.model.kind.as_deref().unwrap_or_default();
    if !["WordPiece", "BPE"].contains(&kind) {
        let problem = format!("a model of type {kind:?}; WordPiece and BPE are computed");
        return Err(EncodeError::unsupported(place, problem));
    }
    let whole: Whole = serde_json::from_str(text).map_err(bad)?;
    let model = whole.model;
    if model.vocab.len() > PIECES_MAX || model.merges.len() > PIECES_MAX {
        return Err(EncodeError::format(place, format!("more than {PIECES_MAX} pieces or merges")));
    }
    if kind == "WordPiece" {
        let pieces = model.vocab.iter().map(|(piece, id)| (&**piece, *id));
        return Ok(Tokenizer::WordPiece(WordPiece::new(place, pieces, folding)?));
    }
    bpe(place, &outline, model)
}

fn bpe(place: &str, outline: &Outline, model: Model) -> Result<Tokenizer, EncodeError> {
    for (name, part) in [
        ("continuing_subword_prefix", &model.continuing_subword_prefix),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        if let Some(found) = part.as_ref().filter(|part| !part.is_empty()) {
            return Err(EncodeError::unsupported(place, format!("{name} {found:?}; none is computed")));
        }
    }
    let normaliser = Normaliser(steps(place, outline.normalizer.as_ref())?);
    let merges = merges(place, &model)?;
    let unknown = model.unk_token.as_ref().and_then(|piece| model.vocab.get(&**piece)).copied();
    let shape = shape(place, outline.pre_tokenizer.as_ref(), &normaliser, &model)?;
    let mut added = Added::default();
    for token in outline.added_tokens.iter().filter(|token| !token.special && !token.content.is_empty()) {
        let name = &token.content;
        if token.single_word || token.lstrip || token.rstrip || name.len() > ADDED_BYTES_MAX {
            let problem = format!("added token {name:?} strips, is one word alone, or is too long");
            return Err(EncodeError::unsupported(place, problem));
        }
        added.insert(name, token.id, token.normalized);
    }
    let around = around(place, outline)?;
    let highest =
        model.vocab.values().copied().chain(outline.added_tokens.iter().map(|token| token.id)).max();
    Ok(Tokenizer::Bpe(Box::new(Bpe {
        pieces: model.vocab,
        merges,
        added,
        normaliser,
        shape,
        unknown,
        around,
        numbers: highest.map_or(0, |id| id as usize + 1),
        whole_words: model.ignore_merges,
    })))
}

fn merges(place: &str, model: &Model) -> Result<Merges, EncodeError> {
    let mut merges = Merges::with_capacity(model.merges.len());
    for (rank, merge) in (0..).zip(&model.merges) {
        let made = merge.pair().and_then(|(a, b)| {
            let whole = format!("{a}{b}");
            Some(((*model.vocab.get(a)?, *model.vocab.get(b)?), *model.vocab.get(&*whole)?))
        });
        let Some((pair, made)) = made else {
            let problem = format!("merge {rank} names or makes what is no piece");
            return Err(EncodeError::format(place, problem));
        };
        merges.entry(pair).or_insert((rank, made));
    }
    Ok(merges)
}

fn kind(part: &Value) -> &str {
    part.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// The parts of a part: those of a sequence, or itself.
fn parts<'a>(part: Option<&'a Value>, of: &str) -> Vec<&'a Value> {
    match part {
        None | Some(Value::Null) => Vec::new(),
        Some(part) if kind(part) == "Sequence" => {
            part.get(of).and_then(Value::as_array).map(|parts| parts.iter().collect()).unwrap_or_default()
        }
        Some(part) => vec![part],
    }
}

fn steps(place: &str, normaliser: Option<&Value>) -> Result<Vec<Step>, EncodeError> {
    let step = |part: &Value| match kind(part) {
        "NFC" => Ok(Step::Nfc),
        "Replace" => {
            let one = |pointer: &str| {
                let mut chars = part.pointer(pointer)?.as_str()?.chars();
                chars.next().filter(|_| chars.next().is_none())
            };
            one("/pattern/String").zip(one("/content")).map(|(from, to)| Step::Replace(from, to)).ok_or_else(
                || EncodeError::unsupported(place, "a Replace of other than one character by another"),
            )
        }
        other => Err(EncodeError::unsupported(
            place,
            format!("a normalizer {other:?}; NFC and Replace are computed beside BPE"),
        )),
    };
    parts(normaliser, "normalizers").into_iter().map(step).collect()
}

fn shape(
    place: &str,
    pre: Option<&Value>,
    normaliser: &Normaliser,
    model: &Model,
) -> Result<Shape, EncodeError> {
    let on = |part: &Value, field: &str| part.get(field).and_then(Value::as_bool).unwrap_or(true);
    let pre = parts(pre, "pretokenizers");
    match pre.as_slice() {
        [part] if kind(part) == "ByteLevel" && on(part, "use_regex") => {
            let number =
                |byte: u8| model.vocab.get(byte_char(byte).encode_utf8(&mut [0; 4]) as &str).copied();
            let mut numbers = Box::new([None; 256]);
            numbers.iter_mut().zip(0..=255).for_each(|(slot, byte)| *slot = number(byte));
            Ok(Shape::Bytes { numbers, space_first: on(part, "add_prefix_space") })
        }
        // Where spaces have become other characters, cutting at spaces does nothing.
        [] => Ok(chars(model)),
        [part]
            if kind(part) == "Split"
                && part.pointer("/pattern/String").and_then(Value::as_str) == Some(" ")
                && normaliser.0.iter().any(|step| matches!(step, Step::Replace(' ', _))) =>
        {
            Ok(chars(model))
        }
        other => {
            let kinds: Vec<&str> = other.iter().map(|part| kind(part)).collect();
            let problem =
                format!("a pre_tokenizer of {kinds:?}; ByteLevel with its expression, or none, is computed");
            Err(EncodeError::unsupported(place, problem))
        }
    }
}

fn chars(model: &Model) -> Shape {
    let number = |byte: usize| model.vocab.get(format!("<0x{byte:02X}>").as_str()).copied();
    let all: Option<Vec<u32>> = (0..256).map(number).collect();
    let bytes = all.filter(|_| model.byte_fallback).and_then(|all| all.into_boxed_slice().try_into().ok());
    // A piece such as `a▁` would be merged across a word's end.
    let crosses = |piece: &str| piece.trim_start_matches(SPACE).contains(SPACE);
    Shape::Chars { bytes, spaces_begin: !model.vocab.keys().any(|piece| crosses(piece)) }
}

/// The special tokens before and after a text.
fn around(place: &str, outline: &Outline) -> Result<(Vec<u32>, Vec<u32>), EncodeError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for part in parts(outline.post_processor.as_ref(), "processors") {
        match kind(part) {
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let mut into = &mut before;
                for row in part.get("single").and_then(Value::as_array).into_iter().flatten() {
                    if row.get("Sequence").is_some() {
                        into = &mut after;
                        continue;
                    }
                    let name = row.pointer("/SpecialToken/id").and_then(Value::as_str).unwrap_or_default();
                    let ids =
                        part.get("special_tokens").and_then(|all| all.get(name)?.get("ids")?.as_array());
                    let Some(ids) = ids else {
                        return Err(EncodeError::format(place, format!("no special token {name:?}")));
                    };
                    into.extend(ids.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok()));
                }
            }
            "BertProcessing" | "RobertaProcessing" => {
                let id = |name: &str| u32::try_from(part.get(name)?.get(1)?.as_u64()?).ok();
                before.extend(id("cls"));
                after.extend(id("sep"));
            }
            other => {
                let known = "TemplateProcessing, BertProcessing and RobertaProcessing are computed";
                return Err(EncodeError::unsupported(place, format!("a post_processor {other:?}; {known}")));
            }
        }
    }
    if before.len() + after.len() > AROUND_MAX {
        let problem = format!("{} special tokens around a text", before.len() + after.len());
        return Err(EncodeError::unsupported(place, problem));
    }
    Ok((before, after))
}
