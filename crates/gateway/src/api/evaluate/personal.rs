//! Personal data of a text in the incumbent's shape: its names of types, its masks, positions in characters.

use super::text::Read;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use tollgate_signals::content::Found;

/// Our types with the incumbent's names.
const TYPES: &[(&str, &str)] = &[
    ("email", "EMAIL_ADDRESS"),
    ("phone", "PHONE_NUMBER"),
    ("credit_card", "CREDIT_CARD"),
    ("ssn", "US_SSN"),
    ("iban", "IBAN_CODE"),
    ("ip_address", "IP_ADDRESS"),
];
/// What stands for a value that is not to be shown.
const HIDDEN: &str = "[DETECTED]";

/// What is asked of personal data. Positions and masks are always told.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PersonalOptions {
    /// Types that count, in any case; all without them.
    entity_types: Vec<String>,
    /// Whether the data itself is shown.
    reveal_entity_text: bool,
}

/// The incumbent's name of a type.
pub(super) fn type_of(found: &Found) -> &'static str {
    TYPES.iter().find(|(ours, _)| *ours == found.kind).map_or(found.kind, |(_, theirs)| theirs)
}

/// The answer, but for its time.
pub(super) fn personal(read: &Read<'_>, options: &PersonalOptions) -> Value {
    let text = read.text;
    let counts = |found: &&Found| {
        options.entity_types.is_empty()
            || options.entity_types.iter().any(|asked| asked.eq_ignore_ascii_case(type_of(found)))
    };
    let mut masked = String::with_capacity(text.len());
    let mut entities = Vec::new();
    // The same data has the same mask: its type and a number.
    let mut masks: HashMap<(&str, &str), String> = HashMap::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let (mut from, mut from_chars) = (0, 0);
    for found in read.personal().iter().filter(counts) {
        let (kind, value) = (type_of(found), text.get(found.start..found.end).unwrap_or_default());
        let mask = masks.entry((kind, value)).or_insert_with(|| {
            let number = numbers.entry(kind).or_default();
            *number += 1;
            format!("[{kind}_{}]", *number - 1)
        });
        let between = text.get(from..found.start).unwrap_or_default();
        let start = from_chars + between.chars().count();
        let end = start + value.chars().count();
        entities.push(json!({
            "type": kind, "value": if options.reveal_entity_text { value } else { HIDDEN }, "confidence": 1.0,
            "start_position": start, "end_position": end, "masked_value": mask,
        }));
        masked.push_str(between);
        masked.push_str(mask);
        (from, from_chars) = (found.end, end);
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    let has = !entities.is_empty();
    json!({
        "has_pii": has, "entities": entities, "masked_text": masked,
        "security_recommendation": if has { "block" } else { "allow" },
    })
}
