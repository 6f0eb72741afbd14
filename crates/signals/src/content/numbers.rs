//! How far a number reaches that begins at a byte, by its form, before anything is checked.
//!
//! Each form is read once from where it may begin and ends after a fixed number of digits, so the work for a byte is bounded by a
//! small number, whatever stands there.

use aho_corasick::AhoCorasick;
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

/// Ends of the pieces that begin at one byte, in order.
pub(super) type Ends = SmallVec<[usize; 16]>;

/// Most digits of a group that are counted: no form has as many.
const GROUP_MAX: usize = 20;
/// Digits of a card's number.
const CARD: (usize, usize) = (12, 19);
/// Digits of a telephone's number.
const PHONE: (usize, usize) = (6, 15);
/// Signs between two digits of a telephone's number, and how many.
pub(super) const PHONE_SIGNS: (&[u8], usize) = (b" ().-", 3);
/// Signs between two digits of a card's number, and how many.
const CARD_SIGNS: (&[u8], usize) = (b" -", 1);
/// Most bytes of a telephone's number: a sign, the digits with three signs between two, and an extension.
const PHONE_BYTES: usize = 1 + PHONE.1 + 3 * (PHONE.1 - 1) + 6;
/// Letters and digits of an account's number behind country and check digits.
const ACCOUNT_MAX: usize = 30;

/// Bytes before and after a number in which a word may say that it is a telephone's.
const CUE_BEFORE: usize = 28;
const CUE_AFTER: usize = 14;
/// Such words. None holds another.
const CUES: &[&str] = &[
    "phone",
    "tel",
    "mobi",
    "mobİ",
    "fax",
    "call",
    "cell",
    "desk",
    "offi",
    "answering",
    "messages to",
    "whatsapp",
    "sms",
    "reach me",
    "contact",
    "hotline",
    "appelez",
    "llama",
    "anrufen",
    "电话",
    "手机",
    "電話",
    "携帯",
];

static CUED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(CUES).ok());

/// A text with what is looked up in it often.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    cues: OnceCell<Vec<Range<usize>>>,
}

impl<'t> Source<'t> {
    pub(super) const fn of(text: &'t str) -> Self {
        Self { text, cues: OnceCell::new() }
    }

    pub(super) const fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    pub(super) fn get(&self, at: Range<usize>) -> &'t str {
        self.text.get(at).unwrap_or_default()
    }

    /// Words that say that numbers beside them are telephones', in order.
    fn cues(&self) -> &[Range<usize>] {
        self.cues.get_or_init(|| {
            let all = CUED.iter().flat_map(|words| words.find_overlapping_iter(self.text));
            let mut all: Vec<Range<usize>> = all.map(|word| word.range()).collect();
            // As none holds another, their ends are in order too.
            all.sort_unstable_by_key(|word| word.start);
            all
        })
    }

    /// Whether such a word stands between two bytes.
    fn is_cue_in(&self, at: Range<usize>) -> bool {
        let cues = self.cues();
        let first = cues.partition_point(|word| word.start < at.start);
        step(2);
        cues.get(first).is_some_and(|word| word.end <= at.end)
    }

    /// Whether such a word stands beside a number.
    pub(super) fn is_cued(&self, at: Range<usize>) -> bool {
        self.is_cue_in(at.start.saturating_sub(CUE_BEFORE)..at.start)
            || self.is_cue_in(at.end..at.end + CUE_AFTER)
    }

    /// Whether one stands beside any number that begins here.
    pub(super) fn may_be_cued(&self, start: usize) -> bool {
        self.is_cue_in(start.saturating_sub(CUE_BEFORE)..start + PHONE_BYTES + CUE_AFTER)
    }
}

/// Counts the bytes that are looked at, for the tests.
#[cfg(test)]
pub(super) fn step(bytes: usize) {
    STEPS.with(|steps| steps.set(steps.get() + bytes));
}
#[cfg(not(test))]
pub(super) const fn step(_: usize) {}

#[cfg(test)]
thread_local! {
    pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A letter, digit or underscore of ASCII.
const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether no word goes on behind these bytes.
pub(super) fn is_end(bytes: &[u8], end: usize) -> bool {
    !bytes.get(end).copied().is_some_and(is_word)
}

/// Whether no word goes on before a number that begins at this byte.
pub(super) fn is_start(bytes: &[u8], start: usize) -> bool {
    let signed = bytes.get(start).is_some_and(|first| !is_word(*first));
    signed || start.checked_sub(1).is_none_or(|before| is_end(bytes, before))
}

fn count(bytes: &[u8], at: usize, most: usize, does: impl Fn(&u8) -> bool) -> usize {
    let len = bytes.iter().skip(at).take(most).take_while(|b| does(b)).count();
    step(len + 1);
    len
}

/// Where groups of digits begin.
pub(super) fn groups(bytes: &[u8], is_digit: fn(&u8) -> bool) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(is_digit)?;
        at = start + count(bytes, start, usize::MAX, is_digit);
        Some(start)
    })
}

/// Groups of digits one after the other, with at most so many signs between them.
fn row<'b>(
    bytes: &'b [u8],
    at: usize,
    (signs, most): (&'b [u8], usize),
) -> impl Iterator<Item = Range<usize>> + 'b {
    let mut next = Some(at);
    std::iter::from_fn(move || {
        let start = next?;
        let end = start + count(bytes, start, GROUP_MAX, u8::is_ascii_digit);
        let between = count(bytes, end, most, |b| signs.contains(b));
        next = Some(end + between).filter(|at| between > 0 && bytes.get(*at).is_some_and(u8::is_ascii_digit));
        (end > start).then_some(start..end)
    })
}

/// Lengths of the first four groups of a telephone's number.
pub(super) fn lengths(bytes: &[u8], at: usize) -> [usize; 4] {
    let mut lengths = [0; 4];
    for (len, group) in lengths.iter_mut().zip(row(bytes, at, PHONE_SIGNS)) {
        *len = group.len();
    }
    lengths
}

/// Ends of a card's number that begins here: 12 to 19 digits, one sign between two at most. Where `edged` no word goes on behind it.
pub(super) fn card(bytes: &[u8], at: usize, edged: bool) -> Ends {
    let mut digits = 0;
    let mut ends = Ends::new();
    for group in row(bytes, at, CARD_SIGNS) {
        digits += group.len();
        if digits > CARD.1 {
            break;
        }
        if digits >= CARD.0 && (!edged || is_end(bytes, group.end)) {
            ends.push(group.end);
        }
    }
    ends
}

/// Ends of a telephone's number whose first digit stands here: 6 to 15 digits, three signs between two at most, and an extension.
pub(super) fn phone(bytes: &[u8], at: usize, edged: bool) -> Ends {
    let mut digits = 0;
    let mut ends = Ends::new();
    for group in row(bytes, at, PHONE_SIGNS) {
        digits += group.len();
        if digits > PHONE.1 {
            break;
        }
        if digits < PHONE.0 {
            continue;
        }
        let more = if bytes.get(group.end) == Some(&b'x') {
            count(bytes, group.end + 1, 5, u8::is_ascii_digit)
        } else {
            0
        };
        let long = group.end + 1 + more;
        if more > 0 && (!edged || is_end(bytes, long)) {
            ends.push(long);
        } else if !edged || is_end(bytes, group.end) {
            ends.push(group.end);
        }
    }
    ends
}

/// The end of a number of social security that begins here: 3-2-4 digits.
pub(super) fn ssn(bytes: &[u8], at: usize) -> Option<usize> {
    let mut lengths = [0; 3];
    let mut end = at;
    for (len, group) in lengths.iter_mut().zip(row(bytes, at, (b"-", 1))) {
        (*len, end) = (group.len(), group.end);
    }
    (lengths == [3, 2, 4]).then_some(end)
}

/// The end of an IPv4 address that begins here.
pub(super) fn ipv4(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    let mut parts = 0;
    for group in row(bytes, at, (b".", 1)).take(4) {
        let value =
            bytes.get(group.clone())?.iter().fold(0_u32, |all, b| (all * 10 + u32::from(b & 15)).min(999));
        if group.len() > 3 || value > 255 {
            return None;
        }
        (end, parts) = (group.end, parts + 1);
    }
    (parts == 4 && !bytes.get(end).is_some_and(u8::is_ascii_digit)).then_some(end)
}

/// The end of the longest IPv6 address that begins here. It is `listed` where it may be a part of a list of numbers, as ratios and
/// times are: then it needs a letter.
pub(super) fn ipv6(text: &str, at: usize, listed: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut end, mut best, mut groups, mut gap, mut letter) = (at, None, 0, false, false);
    loop {
        let len = count(bytes, end, 5, u8::is_ascii_hexdigit);
        if !(1..=4).contains(&len) {
            break;
        }
        letter |= bytes.get(end..end + len).is_some_and(|group| group.iter().any(u8::is_ascii_alphabetic));
        (end, groups) = (end + len, groups + 1);
        let colons = count(bytes, end, 3, |b| *b == b':');
        let goes_on = matches!(colons, 1 | 2) && bytes.get(end + colons).is_some_and(u8::is_ascii_hexdigit);
        let whole = if gap { groups <= 7 } else { groups == 8 };
        if whole && is_end(bytes, end) && (letter || !listed && !goes_on) {
            best = Some(end);
        }
        if !goes_on || groups == 8 || colons == 2 && (gap || groups < 3) {
            break;
        }
        gap |= colons == 2;
        end += colons;
    }
    best.filter(|end| text.get(at..*end).is_some_and(|piece| piece.parse::<std::net::Ipv6Addr>().is_ok()))
}

/// An account's number that begins here, as far as its form reaches: the ends after so many of its letters and digits, and whether
/// its check digits hold there. The last of what is picked of them.
pub(super) fn account<T>(
    bytes: &[u8],
    at: usize,
    pick: impl Fn(usize, usize, bool) -> Option<T>,
) -> Option<T> {
    let head = bytes.get(at..at + 4).unwrap_or_default();
    let [country @ .., tens, ones] = head else { return None };
    let (upper, lower) =
        (country.iter().all(u8::is_ascii_uppercase), country.iter().all(u8::is_ascii_lowercase));
    if !(upper || lower) || !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let own =
        |b: &u8| b.is_ascii_digit() || if upper { b.is_ascii_uppercase() } else { b.is_ascii_lowercase() };
    let fold = |rest: u32, b: u8| match char::from(b).to_digit(36) {
        Some(digit @ 0..=9) => (rest * 10 + digit) % 97,
        letter => (rest * 100 + letter.unwrap_or_default()) % 97,
    };
    let (mut rest, mut end, mut picked) = (0, at + 4, None);
    for known in 1..=ACCOUNT_MAX {
        if upper
            && known % 4 == 1
            && bytes.get(end).is_some_and(|b| matches!(b, b' ' | b'-'))
            && bytes.get(end + 1).is_some_and(own)
        {
            end += 1;
        }
        let Some(b) = bytes.get(end).filter(|b| own(b)) else { break };
        rest = fold(rest, *b);
        end += 1;
        step(2);
        let checked = head.iter().fold(rest, |rest, b| fold(rest, *b)) == 1;
        picked = pick(known + 4, end, checked).or(picked);
    }
    picked
}
