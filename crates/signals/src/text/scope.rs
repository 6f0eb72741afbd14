//! Which part of the conversation a text signal reads.

use std::borrow::Cow;
use tollgate_wire::view::{RequestView, Role, TextSpan};

/// A part of the conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Scope {
    LastUser,
    Users,
    System,
    All,
    Sent,
}

impl Scope {
    /// The words of the catalogue, in the order of the enum.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("last_user", Self::LastUser),
        ("users", Self::Users),
        ("system", Self::System),
        ("all", Self::All),
        ("sent", Self::Sent),
    ];

    /// How many there are.
    pub(crate) const COUNT: usize = Self::WORDS.len();

    /// Whether phrases are found however they are typed: where the whole request is read, as governance needs it. The
    /// narrower scopes look for words as they are written, which is what imported policies mean.
    pub(crate) const fn is_loose(self) -> bool {
        matches!(self, Self::All | Self::Sent)
    }

    /// Its text: borrowed from the body when it is one part without escapes.
    pub(crate) fn text(self, view: &RequestView) -> Cow<'_, str> {
        match self {
            Self::LastUser => {
                join(view, view.last_user().map(|m| m.text.as_slice()).unwrap_or_default().iter())
            }
            Self::Users => join(view, of_role(view, Role::User)),
            Self::System => join(view, view.system.iter().chain(of_role(view, Role::System))),
            Self::All => {
                let said = view.system.iter().chain(view.messages.iter().flat_map(|m| m.text.iter()));
                with_decoded(join(view, said.chain(&view.aside).chain(&view.arguments)))
            }
            Self::Sent => with_decoded(view.text(view.sent())),
        }
    }
}

/// A scope and whether letter case counts: what a folded text, its words and its automaton belong to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TextKey {
    pub(crate) scope: Scope,
    pub(crate) case: bool,
}

impl TextKey {
    /// Number of keys.
    pub(crate) const COUNT: usize = 2 * Scope::COUNT;

    /// Its place in a table of [`Self::COUNT`].
    pub(crate) const fn index(self) -> usize {
        self.scope as usize * 2 + self.case as usize
    }

    /// Whether case counts for the key at this place.
    pub(crate) const fn case_of(index: usize) -> bool {
        index % 2 == 1
    }
}

/// How often a text is decoded once more: JSON in a string of JSON has escapes of its own.
const DECODED_MAX: usize = 4;

/// A text, and after it what its escapes stand for as long as it has some: arguments of calls, results that are JSON.
fn with_decoded(text: Cow<'_, str>) -> Cow<'_, str> {
    let (mut whole, mut from) = (text, 0);
    for _ in 0..DECODED_MAX {
        let last = whole.get(from..).unwrap_or_default();
        if !last.contains('\\') {
            break;
        }
        let decoded = tollgate_wire::json::unescape(last.as_bytes());
        from = whole.len() + 1;
        let text = whole.to_mut();
        text.push('\n');
        text.push_str(&decoded);
    }
    whole
}

fn of_role(view: &RequestView, role: Role) -> impl Iterator<Item = &TextSpan> {
    view.messages.iter().filter(move |m| m.role == role).flat_map(|m| m.text.iter())
}

/// Texts joined by newlines: borrowed from the body when it is one part without escapes.
pub(crate) fn join<'v, 's>(view: &'v RequestView, spans: impl Iterator<Item = &'s TextSpan>) -> Cow<'v, str> {
    let mut whole: Option<Cow<'v, str>> = None;
    for span in spans {
        let part = view.text(*span);
        whole = Some(match whole {
            None => part,
            Some(before) => {
                let mut text = before.into_owned();
                text.reserve(part.len() + 1);
                text.push('\n');
                text.push_str(&part);
                Cow::Owned(text)
            }
        });
    }
    whole.unwrap_or_default()
}
