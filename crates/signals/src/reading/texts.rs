//! What several signals of one request share; each piece is made when first needed and kept.

use crate::head::Grams;
use crate::learn::TEXT_MAX;
use crate::lexical::{Hits, RegexHits};
use crate::measure::{Fingerprint, Profile, Share};
use crate::reduce::reduce;
use crate::safety::Scan;
use crate::set::SignalSet;
use crate::text::{Scope, TextKey, Typed, Words, count_words, fold, loosen};
use std::borrow::Cow;
use std::cell::OnceCell;
use tollgate_wire::view::RequestView;

/// Texts, words and hits of one request.
pub(super) struct Texts<'a> {
    set: &'a SignalSet,
    view: &'a RequestView,
    /// The text that stands for every scope's, where there is one.
    only: Option<&'a str>,
    /// A policy asks about one or two scopes: what is known of the others takes no room and is not written.
    scopes: [OnceCell<Box<Scoped<'a>>>; Scope::COUNT],
    grams: Vec<OnceCell<Vec<f64>>>,
    page: OnceCell<String>,
    heads: OnceCell<Grams>,
}

/// What is known of a scope's text.
struct Scoped<'a> {
    raw: Cow<'a, str>,
    folded: OnceCell<String>,
    typed: OnceCell<Option<Typed>>,
    count: OnceCell<u64>,
    profile: OnceCell<Profile>,
    fingerprint: OnceCell<Fingerprint>,
    regexes: OnceCell<RegexHits>,
    scan: OnceCell<Option<Scan>>,
    /// As it is read where case does not count, and where it does.
    keyed: [Keyed; 2],
}

/// What is known of a text as one key reads it.
#[derive(Default)]
struct Keyed {
    words: OnceCell<Words>,
    hits: OnceCell<Hits>,
    loose: OnceCell<Hits>,
}

impl<'a> Scoped<'a> {
    fn of(raw: Cow<'a, str>) -> Self {
        Self {
            raw,
            folded: OnceCell::new(),
            typed: OnceCell::new(),
            count: OnceCell::new(),
            profile: OnceCell::new(),
            fingerprint: OnceCell::new(),
            regexes: OnceCell::new(),
            scan: OnceCell::new(),
            keyed: Default::default(),
        }
    }
}

impl<'a> Texts<'a> {
    pub(super) fn new(set: &'a SignalSet, view: &'a RequestView) -> Self {
        Self {
            set,
            view,
            only: None,
            scopes: Default::default(),
            grams: vec![OnceCell::new(); set.grams.len()],
            page: OnceCell::new(),
            heads: OnceCell::new(),
        }
    }

    /// The same, with a text of one's own in place of the request's.
    pub(super) fn over(self, text: &'a str) -> Self {
        Self { only: Some(text), scopes: Default::default(), ..self }
    }

    fn of(&self, scope: Scope) -> &Scoped<'a> {
        let text = || self.only.map_or_else(|| scope.text(self.view), Cow::Borrowed);
        self.scopes[scope as usize].get_or_init(|| Box::new(Scoped::of(text())))
    }

    fn keyed(&self, key: TextKey) -> &Keyed {
        &self.of(key.scope).keyed[usize::from(key.case)]
    }

    /// The text of a scope.
    pub(super) fn raw(&self, scope: Scope) -> &str {
        &self.of(scope).raw
    }

    /// The text that a key's matchers read: folded, unless case counts.
    pub(super) fn get(&self, key: TextKey) -> &str {
        let of = self.of(key.scope);
        if key.case { &of.raw } else { of.folded.get_or_init(|| fold(&of.raw)) }
    }

    /// The text of a scope as its numbers are typed, where that is another.
    pub(super) fn typed(&self, scope: Scope) -> Option<&str> {
        let of = self.of(scope);
        of.typed.get_or_init(|| Typed::of(&of.raw)).as_ref().map(Typed::text)
    }

    /// The words of a key's text.
    pub(super) fn words(&self, key: TextKey) -> &Words {
        self.keyed(key).words.get_or_init(|| Words::of(self.get(key)))
    }

    /// Words and 3-grams of a scope's text.
    pub(super) fn fingerprint(&self, scope: Scope) -> &Fingerprint {
        self.of(scope).fingerprint.get_or_init(|| Fingerprint::of(self.raw(scope)))
    }

    /// How many words a scope's text has.
    pub(super) fn word_count(&self, scope: Scope) -> u64 {
        *self.of(scope).count.get_or_init(|| count_words(self.raw(scope)))
    }

    /// Character classes of a scope's text; empty for shares that need none.
    pub(super) fn profile(&self, scope: Scope, share: Share) -> &Profile {
        const NONE: &Profile = &Profile::EMPTY;
        match share {
            Share::Code | Share::UniqueWords => NONE,
            _ => self.of(scope).profile.get_or_init(|| Profile::of(self.raw(scope))),
        }
    }

    /// Literals found in a key's text.
    pub(super) fn hits(&self, key: TextKey) -> &Hits {
        self.keyed(key).hits.get_or_init(|| {
            let Some(lexicon) = self.set.lexicons[key.index()].as_ref() else { return Hits::default() };
            let raw = self.raw(key.scope);
            // The automaton folds ASCII by itself: no copy for most texts.
            if raw.is_ascii() { lexicon.scan(raw) } else { lexicon.scan(self.get(key)) }
        })
    }

    /// Whether the literals of a key's text, loose ones too, were looked for already.
    pub(super) fn is_scanned(&self, key: TextKey) -> bool {
        let keyed = self.scopes[key.scope as usize].get().map(|of| &of.keyed[usize::from(key.case)]);
        keyed.is_some_and(|keyed| keyed.hits.get().is_some() && keyed.loose.get().is_some())
    }

    /// Phrases found in the loose reading of a key's text.
    pub(super) fn loose_hits(&self, key: TextKey) -> &Hits {
        self.keyed(key).loose.get_or_init(|| {
            let Some(lexicon) = self.set.loose[key.index()].as_ref() else { return Hits::default() };
            let read = loosen(self.raw(key.scope));
            if key.case || read.is_ascii() { lexicon.scan(&read) } else { lexicon.scan(&fold(&read)) }
        })
    }

    /// What heads read of the last user turn: all of a short one, the most telling sentences of a long one.
    pub(super) fn page(&self) -> &str {
        self.page.get_or_init(|| reduce(self.raw(Scope::LastUser), TEXT_MAX).into_owned())
    }

    /// The grams of what heads read.
    pub(super) fn grams(&self) -> &Grams {
        self.heads.get_or_init(|| Grams::of(self.page()))
    }

    /// A scope's text looked through for attacks and hazards; none where it is too long to be read.
    pub(super) fn scan(&self, scope: Scope) -> Option<&Scan> {
        let look = || Scan::of(self.raw(scope), self.set.looks[scope as usize]);
        self.of(scope).scan.get_or_init(look).as_ref()
    }

    /// Whether an ordered sequence of literals was found whole.
    pub(super) fn complete(&self, key: TextKey, sequence: u32) -> bool {
        let lexicon = self.set.lexicons[key.index()].as_ref();
        lexicon.is_some_and(|l| l.complete(self.hits(key), sequence))
    }

    /// How often a literal occurs.
    pub(super) fn literal(&self, key: TextKey, id: u32) -> u32 {
        self.hits(key).counts.get(id as usize).copied().unwrap_or(0)
    }

    /// Whether a phrase occurs in the loose reading.
    pub(super) fn loose(&self, key: TextKey, id: u32) -> bool {
        self.loose_hits(key).counts.get(id as usize).is_some_and(|count| *count > 0)
    }

    fn regexes(&self, scope: Scope) -> &RegexHits {
        let scan =
            || self.set.banks[scope as usize].as_ref().map(|b| b.scan(self.raw(scope))).unwrap_or_default();
        self.of(scope).regexes.get_or_init(scan)
    }

    /// Whether an expression matches.
    pub(super) fn regex(&self, scope: Scope, id: u32) -> bool {
        let bank = self.set.banks[scope as usize].as_ref();
        bank.is_some_and(|b| b.is_match(self.regexes(scope), id, self.raw(scope)))
    }

    /// How often an expression matches, up to a bound.
    pub(super) fn regex_count(&self, scope: Scope, id: u32) -> usize {
        let bank = self.set.banks[scope as usize].as_ref();
        bank.map_or(0, |b| b.count(self.regexes(scope), id, self.raw(scope)))
    }

    /// Where an expression first matches at or after a byte.
    pub(super) fn regex_find(&self, scope: Scope, id: u32, from: usize) -> Option<(usize, usize)> {
        self.set.banks[scope as usize].as_ref()?.find_at(id, self.raw(scope), from)
    }

    /// The best similarity of an n-gram keyword.
    pub(super) fn gram(&self, index: u32, id: u32) -> f64 {
        let best = || {
            let (key, grams) = self.set.grams.get(index as usize)?;
            Some(grams.best(self.get(*key), self.words(*key)))
        };
        let all = self.grams.get(index as usize).map(|cell| cell.get_or_init(|| best().unwrap_or_default()));
        all.and_then(|all| all.get(id as usize)).copied().unwrap_or(0.0)
    }
}
