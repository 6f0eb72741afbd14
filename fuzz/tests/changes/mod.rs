//! Random changes of a seed: of its bytes, of its lines, and of the JSON in it, so that some get past every reader.

use serde_json::{Value, json};
use tollgate_core::Seed;

/// Longest input.
const BYTES_MAX: usize = 64 << 10;
/// Added to the first choice this changes the other dialect of a pair, but not the dialect of the bytes.
const SAME_DIALECT: u8 = 20;
/// Words that a random change puts in.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "0.5",
    "\\u0000",
    "\\ud800",
    "\n\n",
    "\r",
    "data: ",
    "event: ",
    "\u{feff}",
    "é",
    "\u{10ffff}",
    "[DONE]",
    "\"model\":",
    "99999999999999999999",
];

/// Numbers from a seed.
pub struct Dice(pub Seed);

impl Dice {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.next();
        (self.0.bits() % most.max(1) as u64) as usize
    }
}

/// A changed seed; its choices in front change too.
pub fn changed(seed: &[u8], other: &[u8], choices: usize, dice: &mut Dice) -> Vec<u8> {
    let choices = choices.min(seed.len());
    let (front, body) = seed.split_at(choices);
    let mut data: Vec<u8> = Vec::with_capacity(seed.len() + 64);
    for (at, choice) in front.iter().enumerate() {
        data.push(match (at, dice.below(4)) {
            (0, 1..) => choice.wrapping_add(SAME_DIALECT * dice.below(12) as u8),
            _ => dice.below(256) as u8,
        });
    }
    let other = other.get(choices..).unwrap_or_default();
    let body = match dice.below(3) {
        0 => of_bytes(body, other, dice),
        1 => of_lines(body, other, dice),
        _ => of_json(body, dice).unwrap_or_else(|| of_lines(body, other, dice)),
    };
    data.extend(body);
    data.truncate(BYTES_MAX);
    data
}

/// One to three changes of bytes.
fn of_bytes(body: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut data = body.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(data.len() + 1);
        let end = (at + dice.below(24)).min(data.len());
        let word = WORDS[dice.below(WORDS.len())];
        match dice.below(7) {
            0 => drop(data.drain(at..end)),
            1 => data.truncate(at),
            2 if at < data.len() => data[at] = dice.below(256) as u8,
            3 => drop(data.splice(at..at, word.bytes())),
            4 => drop(data.splice(at..end, word.bytes())),
            5 => {
                let copy = data[at..end].to_vec();
                data.splice(at..at, copy);
            }
            _ => {
                let from = dice.below(other.len());
                let to = (from + dice.below(200)).min(other.len());
                data.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    data
}

/// Lines left out, doubled, moved, taken from another seed, or with other JSON in them.
fn of_lines(body: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let split = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (mut lines, others) = (split(body), split(other));
    for _ in 0..=dice.below(2) {
        if lines.is_empty() {
            break;
        }
        let at = dice.below(lines.len());
        match dice.below(6) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let to = dice.below(lines.len());
                lines.swap(at, to);
            }
            3 if !others.is_empty() => lines.insert(at, others[dice.below(others.len())].clone()),
            _ => {
                let start = lines[at].iter().position(|b| *b == b'{').unwrap_or(0);
                if let Some(json) = of_json(&lines[at][start..], dice) {
                    lines[at].truncate(start);
                    lines[at].extend(json);
                    lines[at].push(b'\n');
                }
            }
        }
    }
    lines.concat()
}

/// One to three changes of the values in a JSON text.
fn of_json(body: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let whole = value.clone();
    for _ in 0..=dice.below(3) {
        let target = pick(&mut value, dice);
        match dice.below(6) {
            0 => *target = odd(dice),
            1 => {
                let mut from = whole.clone();
                *target = pick(&mut from, dice).clone();
            }
            2 => match target {
                Value::Object(map) => {
                    if let Some(key) = map.keys().nth(dice.below(map.len())).cloned() {
                        map.remove(&key);
                    }
                }
                Value::Array(list) if !list.is_empty() => drop(list.remove(dice.below(list.len()))),
                _ => *target = odd(dice),
            },
            3 => match target {
                Value::Array(list) if !list.is_empty() => list.push(list[dice.below(list.len())].clone()),
                Value::Object(map) => drop(map.insert("unknown".into(), odd(dice))),
                Value::String(text) => text.push_str(WORDS[dice.below(WORDS.len())]),
                _ => {}
            },
            _ => {
                let inner = target.take();
                *target = if dice.below(2) == 0 { json!([inner]) } else { inner };
            }
        }
    }
    serde_json::to_vec(&value).ok()
}

/// A value at random depth.
fn pick<'v>(value: &'v mut Value, dice: &mut Dice) -> &'v mut Value {
    let size = match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    };
    if size == 0 || dice.below(5) == 0 {
        return value;
    }
    let at = dice.below(size);
    match value {
        Value::Array(list) => pick(&mut list[at], dice),
        Value::Object(map) => match map.values_mut().nth(at) {
            Some(inner) => pick(inner, dice),
            None => unreachable!("{at} of {size}"),
        },
        leaf => leaf,
    }
}

fn odd(dice: &mut Dice) -> Value {
    let texts = [
        "",
        "user",
        "tool",
        "system",
        "text",
        "auto",
        "stop",
        "\u{0}",
        "\"}\n\ndata: x",
        "{\"a\":",
        "https://a/b.png",
    ];
    match dice.below(8) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(dice.below(1000) as i64 - 500),
        3 => json!(u64::MAX),
        4 => json!(1e300),
        5 => json!([]),
        6 => json!({}),
        _ => json!(texts[dice.below(texts.len())]),
    }
}
