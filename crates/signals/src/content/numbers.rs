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
/// White space between two groups, and how much of it counts as one blank: aligned columns, cells of a table, an indented line.
pub(super) const SPACE: (&[u8], usize) = (b" \t\r\n", 8);
/// Most bytes of a telephone's number: a sign, the digits with three signs between two, and an extension.
const PHONE_BYTES: usize = 1 + PHONE.1 + 3 * (PHONE.1 - 1) + 6;
/// Most letters and digits of an account's number.
const ACCOUNT_MAX: usize = 34;

/// Bytes before and after a number in which a word may say that it is a telephone's.
const CUE_BEFORE: usize = 28;
const CUE_AFTER: usize = 14;
/// Bytes before a number in which a word may say that it is one of social security.
const SSN_BEFORE: usize = 40;
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

/// Words that say it of numbers with nine digits and more only: they are said of other numbers too.
const LONG_CUES: &[&str] = &[
    "my number is",
    "handynummer",
    "handynr",
    "handy-nr",
    "ruf mich",
    "тел.",
    "Тел.",
    "ТЕЛ.",
    "телефон",
    "Телефон",
    "ТЕЛЕФОН",
];
const LONG: usize = 9;

static CUED: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).build([CUES, LONG_CUES].concat()).ok()
});

/// A text with what is looked up in it often.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    cues: OnceCell<[Vec<Range<usize>>; 2]>,
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

    /// Words that say that numbers beside them are telephones', in order: those of any number, and those of long ones.
    fn cues(&self) -> &[Vec<Range<usize>>; 2] {
        self.cues.get_or_init(|| {
            let (mut any, mut long) = (Vec::new(), Vec::new());
            for word in CUED.iter().flat_map(|words| words.find_overlapping_iter(self.text)) {
                let list = if word.pattern().as_usize() < CUES.len() { &mut any } else { &mut long };
                list.push(word.range());
            }
            // As none holds another, their ends are in order too.
            any.sort_unstable_by_key(|word| word.start);
            long.sort_unstable_by_key(|word| word.start);
            [any, long]
        })
    }

    /// Whether such a word stands beside a number.
    pub(super) fn is_cued(&self, at: Range<usize>) -> bool {
        let [any, long] = self.cues();
        let is_in = |cues| {
            is_one_in(cues, at.start.saturating_sub(CUE_BEFORE)..at.start)
                || is_one_in(cues, at.end..at.end + CUE_AFTER)
        };
        let digits = || self.get(at.clone()).bytes().filter(u8::is_ascii_digit).count();
        is_in(any) || is_in(long) && digits() >= LONG
    }

    /// Whether one stands beside any number that begins here.
    pub(super) fn may_be_cued(&self, start: usize) -> bool {
        let around = start.saturating_sub(CUE_BEFORE)..start + PHONE_BYTES + CUE_AFTER;
        self.cues().iter().any(|cues| is_one_in(cues, around.clone()))
    }

    /// Whether words before a number say that it is one of social security.
    pub(super) fn is_of_social_security(&self, start: usize) -> bool {
        let before = self.bytes().get(start.saturating_sub(SSN_BEFORE)..start).unwrap_or_default();
        let is_said = |word: &[u8]| {
            let mut places = before.windows(word.len()).enumerate();
            places.any(|(at, text)| text.eq_ignore_ascii_case(word) && is_start(before, at))
        };
        step(2 * before.len());
        is_said(b"ssn") || is_said(b"social security")
    }
}

/// Whether one of the words, which are in order, stands between two bytes.
fn is_one_in(words: &[Range<usize>], at: Range<usize>) -> bool {
    step(2);
    let first = words.partition_point(|word| word.start < at.start);
    words.get(first).is_some_and(|word| word.end <= at.end)
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

/// Groups of digits one after the other, with at most so many signs between them, or white space where `wide`.
fn row<'b>(
    bytes: &'b [u8],
    at: usize,
    (signs, most): (&'b [u8], usize),
    wide: bool,
) -> impl Iterator<Item = Range<usize>> + 'b {
    let mut next = Some(at);
    let is_digit = |at: &usize| bytes.get(*at).is_some_and(u8::is_ascii_digit);
    std::iter::from_fn(move || {
        let start = next?;
        let end = start + count(bytes, start, GROUP_MAX, u8::is_ascii_digit);
        let after = Some(end + count(bytes, end, most, |b| signs.contains(b)));
        next = after.filter(is_digit).or_else(|| wide.then(|| end + space(bytes, end)).filter(is_digit));
        next = next.filter(|next| *next > end);
        (end > start).then_some(start..end)
    })
}

/// How much white space stands here.
fn space(bytes: &[u8], at: usize) -> usize {
    count(bytes, at, SPACE.1, |b| SPACE.0.contains(b))
}

/// Lengths of the first four groups of a telephone's number.
pub(super) fn lengths(bytes: &[u8], at: usize) -> [usize; 4] {
    let mut lengths = [0; 4];
    for (len, group) in lengths.iter_mut().zip(row(bytes, at, PHONE_SIGNS, false)) {
        *len = group.len();
    }
    lengths
}

/// Ends of a card's number that begins here: 12 to 19 digits, one sign between two at most. Where `edged` no word goes on behind it;
/// where `wide` white space may stand there too.
pub(super) fn card(bytes: &[u8], at: usize, edged: bool, wide: bool) -> Ends {
    let mut digits = 0;
    let mut ends = Ends::new();
    for group in row(bytes, at, CARD_SIGNS, wide) {
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
    for group in row(bytes, at, PHONE_SIGNS, false) {
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

/// The end of a number of social security that begins here, of 3-2-4 digits: with hyphens, or else with white space or nothing, which
/// say less.
pub(super) fn ssn(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut lengths = [0; 4];
    let mut ends = [at; 4];
    for (n, group) in row(bytes, at, (b"-", 1), true).take(4).enumerate() {
        if let (Some(len), Some(end)) = (lengths.get_mut(n), ends.get_mut(n)) {
            (*len, *end) = (group.len(), group.end);
        }
    }
    let [first, _, last, _] = ends;
    match lengths {
        [3, 2, 4, _] => Some((last, bytes.get(at..last)?.iter().filter(|b| **b == b'-').count() == 2)),
        [9, ..] => Some((first, false)),
        _ => None,
    }
}

/// The end of an IPv4 address that begins here.
pub(super) fn ipv4(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    let mut parts = 0;
    for group in row(bytes, at, (b".", 1), false).take(4) {
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
        if !goes_on || groups == 8 || colons == 2 && (gap || groups < 3 && !is_assigned(bytes, at)) {
            break;
        }
        gap |= colons == 2;
        end += colons;
    }
    best.filter(|end| text.get(at..*end).is_some_and(|piece| piece.parse::<std::net::Ipv6Addr>().is_ok()))
}

/// Whether the first group is one of the addresses that are assigned: global ones, local ones, of a link and of groups (IANA's
/// registry of the IPv6 address space). `::` joins names in programs and steps in slices too.
fn is_assigned(bytes: &[u8], at: usize) -> bool {
    let group = bytes.get(at..at + 5).and_then(|group| std::str::from_utf8(group).ok());
    let first =
        group.and_then(|group| group.strip_suffix(':')).and_then(|group| u16::from_str_radix(group, 16).ok());
    matches!(first, Some(0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..))
}

/// An account's number as far as it was read: how many letters and digits, to which byte, and whether it is written plainly: in letters
/// of one case, great ones with one sign at most between groups, small ones with none.
pub(super) struct Account {
    pub(super) len: usize,
    pub(super) end: usize,
    pub(super) plain: bool,
}

/// The last that is picked of the ends of an account's number that begins here, of those at which its check digits hold.
pub(super) fn account(bytes: &[u8], at: usize, pick: impl Fn(&Account) -> bool) -> Option<usize> {
    let head = bytes.get(at..at + 4).unwrap_or_default();
    let [country @ .., tens, ones] = head else { return None };
    let upper = country.iter().all(u8::is_ascii_uppercase);
    let lower = country.iter().all(u8::is_ascii_lowercase);
    if !country.iter().all(u8::is_ascii_alphabetic) || !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let fold = |rest: u32, b: &u8| match char::from(*b).to_digit(36) {
        Some(digit @ 0..=9) => (rest * 10 + digit) % 97,
        letter => (rest * 100 + letter.unwrap_or_default()) % 97,
    };
    let (mut rest, mut picked) = (0, None);
    let mut number = Account { len: 4, end: at + 4, plain: upper || lower };
    while number.len < ACCOUNT_MAX {
        if number.len.is_multiple_of(4) {
            let wide = space(bytes, number.end);
            let signs = if bytes.get(number.end) == Some(&b'-') { 1 } else { wide };
            number.plain &=
                signs == 0 || upper && signs == 1 && matches!(bytes.get(number.end), Some(b' ' | b'-'));
            number.end += signs;
        }
        let Some(b) = bytes.get(number.end).filter(|b| b.is_ascii_alphanumeric()) else { break };
        number.plain &= b.is_ascii_digit() || b.is_ascii_uppercase() == upper;
        rest = fold(rest, b);
        (number.len, number.end) = (number.len + 1, number.end + 1);
        step(2);
        if head.iter().fold(rest, fold) == 1 && pick(&number) {
            picked = Some(number.end);
        }
    }
    picked
}
