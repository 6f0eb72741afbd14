//! Masks: which ranges of a text are replaced by what.

use super::pieces::{self, Piece};
use crate::content::{Found, personal_data_of};
use crate::names::{Names, apart};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use tollgate_wire::WireError;
use tollgate_wire::edit::Edits;
use tollgate_wire::json::{Aligned, escape_into, quote, unescape};
use tollgate_wire::view::{RequestView, Span, TextSpan};

/// How often JSON is looked for inside of strings of JSON.
const NESTED_MAX: u8 = 4;

/// Masks that were given so far.
pub(super) struct Masks<'n> {
    names: &'n Names,
    /// Whether names are wanted at all.
    names_on: bool,
    /// Texts whose names are not known.
    pub(super) unread: BTreeSet<String>,
    given: HashMap<(&'static str, String), String>,
    numbers: BTreeMap<&'static str, usize>,
    /// How many pieces of each type were masked.
    pub(super) counts: BTreeMap<&'static str, usize>,
}

/// Ranges of a text with what stands in their place, in its order.
type Places = Vec<(Range<usize>, String)>;

impl<'n> Masks<'n> {
    /// None given yet.
    pub(super) fn new(names: &'n Names, names_on: bool) -> Self {
        Self {
            names,
            names_on,
            unread: BTreeSet::new(),
            given: HashMap::new(),
            numbers: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Masks the body of a request.
    pub(super) fn all(
        &mut self,
        view: &RequestView,
        edits: &mut Edits<'_>,
        wanted: &impl Fn(&str) -> bool,
    ) -> Result<(), WireError> {
        for piece in pieces::of_request(view) {
            match piece {
                Piece::Text(text) => {
                    let found = self.of(&view.text(text), wanted, 0);
                    edits.mask_all(text, found.iter().map(|(range, mask)| (range.clone(), mask.as_str())))?;
                }
                Piece::Number(span) => {
                    let digits = String::from_utf8_lossy(view.bytes(span)).into_owned();
                    if let Some(mask) = self.whole(&digits, wanted) {
                        edits.replace(span, quote(&mask))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The masks of a text: of the pieces in it where it is JSON, of what its escapes stand for where it has some.
    fn of(&mut self, text: &str, wanted: &impl Fn(&str) -> bool, nested: u8) -> Places {
        if nested < NESTED_MAX
            && let Some(pieces) = pieces::of_text(text)
        {
            return pieces
                .into_iter()
                .flat_map(|piece| self.inside(text, piece, wanted, nested + 1))
                .collect();
        }
        let hits = self.hits(text, wanted, nested);
        hits.into_iter().map(|(range, kind, value)| (range, self.mask(kind, value))).collect()
    }

    /// The masks of a piece of JSON, as ranges of the text that it stands in.
    fn inside(&mut self, text: &str, piece: Piece, wanted: &impl Fn(&str) -> bool, nested: u8) -> Places {
        let (Piece::Text(TextSpan { span, .. }) | Piece::Number(span)) = piece;
        let raw = raw(text, span);
        let start = span.start as usize;
        if matches!(piece, Piece::Number(_)) {
            let mask = self.whole(raw, wanted);
            return mask.map(|mask| (start..span.end as usize, format!("\"{mask}\""))).into_iter().collect();
        }
        let mut aligned = Aligned::new(raw.as_bytes());
        let found = self.of(&unescape(raw.as_bytes()), wanted, nested);
        let out = found.into_iter().filter_map(|(range, mask)| {
            let range = start + aligned.raw(range.start)?..start + aligned.raw(range.end)?;
            let mut escaped = Vec::new();
            escape_into(&mask, &mut escaped);
            Some((range, String::from_utf8_lossy(&escaped).into_owned()))
        });
        out.collect()
    }

    /// The mask of a number that is personal data as a whole.
    fn whole(&mut self, digits: &str, wanted: &impl Fn(&str) -> bool) -> Option<String> {
        match personal_data_of(digits, wanted).as_slice() {
            [hit] if (hit.start, hit.end) == (0, digits.len()) => {
                Some(self.mask(hit.kind, digits.to_owned()))
            }
            _ => None,
        }
    }

    fn mask(&mut self, kind: &'static str, value: String) -> String {
        *self.counts.entry(kind).or_default() += 1;
        let numbers = &mut self.numbers;
        let given = self.given.entry((kind, value)).or_insert_with(|| {
            let number = numbers.entry(kind).or_default();
            *number += 1;
            format!("[{}_{number}]", kind.to_uppercase())
        });
        given.clone()
    }

    /// The personal data of a text, in its order and apart. Where it has escapes, what they stand for comes first.
    fn hits(&mut self, text: &str, wanted: &impl Fn(&str) -> bool, nested: u8) -> Vec<Hit> {
        let mut all: Vec<Hit> = Vec::new();
        if nested < NESTED_MAX && text.contains('\\') {
            let mut aligned = Aligned::new(text.as_bytes());
            let decoded = self.hits(&unescape(text.as_bytes()), wanted, nested + 1);
            all.extend(decoded.into_iter().filter_map(|(range, kind, value)| {
                Some((aligned.raw(range.start)?..aligned.raw(range.end)?, kind, value))
            }));
        }
        let decoded = all.len();
        for hit in self.found(text, wanted) {
            // Those of the decoded text are in order and apart: the first that ends behind the hit's start decides.
            let held = all.get(..decoded).unwrap_or_default();
            let next = held.get(held.partition_point(|(range, ..)| range.end <= hit.start));
            if next.is_none_or(|(range, ..)| range.start >= hit.end) {
                let value = text.get(hit.start..hit.end).unwrap_or_default().to_owned();
                all.push((hit.start..hit.end, hit.kind, value));
            }
        }
        all.sort_by_key(|(range, ..)| range.start);
        all
    }

    /// The personal data of a text as it is: what has a form, and names, as far as they are known.
    fn found(&mut self, text: &str, wanted: &impl Fn(&str) -> bool) -> Vec<Found> {
        let formed = personal_data_of(text, wanted);
        if !self.names_on {
            return formed;
        }
        match self.names.of(text) {
            Some(Ok(names)) => apart(text, formed, names.iter().filter(|f| wanted(f.kind)).cloned()),
            Some(Err(_)) | None => {
                if !self.unread.contains(text) {
                    self.unread.insert(text.to_owned());
                }
                formed
            }
        }
    }
}

/// A range of a text, the kind of personal data there, and the data.
type Hit = (Range<usize>, &'static str, String);

fn raw(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize).unwrap_or_default()
}
