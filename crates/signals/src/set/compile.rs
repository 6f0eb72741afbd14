//! From specifications to plans.

use super::params::Params;
use super::{Compiled, EventPlan, FeaturePlan, Found, KeywordPlan, Measure, Plan, SignalSet, Term};
use crate::error::{Problem, SpecError};
use crate::lexical::{
    Bm25, DISTANCE_MAX, FuzzyWord, GRAM_TEXT_MAX, GramIndexBuilder, KEYWORD_CHARS, LexiconBuilder,
    RegexBankBuilder,
};
use crate::measure::{LOOKBACK_MAX, Share};
use crate::text::{Scope, TextKey, Words, fold, loosen_phrase};
use tollgate_core::signal::{Kind, REGEXES as REGEXES_MAX, SignalSpec};

/// What two looks at the clock cost, in nanoseconds: a signal of lower nominal cost is not timed.
const CLOCK_NS: u32 = 100;
/// Most signals of a policy.
const SIGNALS_MAX: usize = 4096;
/// Longest literal and regular expression, in bytes.
pub(super) const LITERAL_BYTES: usize = GRAM_TEXT_MAX;
const REGEX_BYTES: usize = 4096;
/// Most different literals per text, and fuzzy, BM25 and n-gram keywords of a policy.
const LITERALS_MAX: usize = 20_000;
const NEAR_MAX: usize = 2000;

/// Words of urgency and deadlines, for `event(temporal: true)`.
const URGENT: &[&str] = &[
    "urgent",
    "urgently",
    "asap",
    "as soon as possible",
    "immediately",
    "right away",
    "right now",
    "deadline",
    "due date",
    "due by",
    "overdue",
    "expires",
    "expiring",
    "time-sensitive",
    "time sensitive",
    "by tomorrow",
    "by tonight",
    "by end of day",
    "end of day",
    "eod",
    "eob",
    "cob",
    "within the hour",
    "within 24 hours",
    "emergency",
    "dringend",
    "sofort",
    "frist",
    "urgente",
    "plazo",
    "inmediatamente",
    "d'urgence",
    "immédiatement",
    "échéance",
    "срочно",
    "紧急",
    "尽快",
    "立即",
    "马上",
    "截止",
    "至急",
    "緊急",
    "締め切り",
    "긴급",
    "마감",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Literal,
    Regex,
    Fuzzy,
    Bm25,
    Ngram,
}

const METHODS: [(&str, Method); 5] = [
    ("literal", Method::Literal),
    ("regex", Method::Regex),
    ("fuzzy", Method::Fuzzy),
    ("bm25", Method::Bm25),
    ("ngram", Method::Ngram),
];

#[derive(Default)]
pub(super) struct Compiler {
    lexicons: [LexiconBuilder; TextKey::COUNT],
    loose: [LexiconBuilder; TextKey::COUNT],
    banks: [RegexBankBuilder; Scope::COUNT],
    grams: Vec<((TextKey, usize, usize), GramIndexBuilder)>,
    near: usize,
    /// Examples of all signals so far.
    pub(super) examples: usize,
    pub(super) subjects: Vec<Vec<u32>>,
    pub(super) feedback: Vec<Vec<u32>>,
    pub(super) looks: [crate::safety::Looks; Scope::COUNT],
}

pub(super) fn compile(specs: &[SignalSpec]) -> Result<SignalSet, Vec<SpecError>> {
    let (mut errors, mut compiler, mut signals) = (Vec::new(), Compiler::default(), Vec::new());
    if let Some(spec) = specs.get(SIGNALS_MAX) {
        let problem = Problem::TooMany { what: "signals", count: specs.len(), limit: SIGNALS_MAX };
        return Err(vec![SpecError::new(&spec.name, "(all)", &specs.len().to_string(), problem)]);
    }
    for spec in specs {
        let mut params = Params { spec, errors: &mut errors };
        params.check();
        let plan = compiler.plan(&mut params);
        let (fixed, per_kib) = spec.kind.info().cost_ns;
        let timed = fixed >= CLOCK_NS || per_kib > 0;
        signals.push(Compiled { name: spec.name.as_str().into(), kind: spec.kind, plan, timed });
    }
    if errors.is_empty() { compiler.finish(signals) } else { Err(errors) }
}

fn folded(text: &str, key: TextKey) -> String {
    if key.case { text.to_owned() } else { fold(text) }
}

pub(super) fn key(params: &Params<'_>) -> TextKey {
    let scope = params.word("scope", &Scope::WORDS, Scope::LastUser);
    TextKey { scope, case: params.spec.flag("case").unwrap_or(false) }
}

impl Compiler {
    fn finish(self, signals: Vec<Compiled>) -> Result<SignalSet, Vec<SpecError>> {
        let whole =
            |what: &str, why: String| vec![SpecError::new("(all)", what, "(all)", Problem::Regex { why })];
        let automata = |builders: [LexiconBuilder; TextKey::COUNT]| -> Result<_, Vec<SpecError>> {
            let mut built = [const { None }; TextKey::COUNT];
            for (at, builder) in builders.into_iter().enumerate().filter(|(_, b)| b.len() > 0) {
                built[at] =
                    Some(builder.build(TextKey::case_of(at)).map_err(|e| whole("words", e.to_string()))?);
            }
            Ok(built)
        };
        let (lexicons, loose) = (automata(self.lexicons)?, automata(self.loose)?);
        let mut banks = [const { None }; Scope::COUNT];
        for (slot, builder) in banks.iter_mut().zip(self.banks).filter(|(_, b)| b.len() > 0) {
            *slot = Some(builder.build().map_err(|e| whole("regex", e.to_string()))?);
        }
        if signals.iter().any(|s| s.kind == Kind::ExactTokens) {
            crate::identity::warm_exact_tokens();
        }
        let grams = self.grams.into_iter().map(|((key, ..), builder)| (key, builder.build())).collect();
        Ok(SignalSet {
            signals,
            lexicons,
            loose,
            banks,
            grams,
            subjects: self.subjects,
            feedback: self.feedback,
            looks: self.looks,
        })
    }

    fn plan(&mut self, params: &mut Params<'_>) -> Plan {
        match params.spec.kind {
            Kind::Keyword => Plan::Keyword(Box::new(self.keyword(params))),
            Kind::Feature => Plan::Feature(Box::new(self.feature(params))),
            Kind::Event => Plan::Event(Box::new(self.event(params))),
            Kind::Ratio => {
                Plan::Ratio { scope: key(params).scope, share: params.word("of", &Share::WORDS, Share::Code) }
            }
            Kind::Metadata => Plan::Metadata {
                key: params.spec.text("key").unwrap_or_default().into(),
                is: params.spec.list("is").into_iter().map(Into::into).collect(),
            },
            Kind::Reask => Plan::Reask {
                threshold: params.number("threshold", 0.6, 0.0, 1.0),
                lookback: match params.spec.number("streak") {
                    Some(_) => params.whole("streak", 1, 1, LOOKBACK_MAX),
                    None => params.whole("lookback", 1, 1, LOOKBACK_MAX),
                },
                streak: params.spec.number("streak").is_some(),
            },
            _ => self.content(params),
        }
    }

    fn keyword(&mut self, params: &mut Params<'_>) -> KeywordPlan {
        let key = key(params);
        let method = params.word("method", &METHODS, Method::Literal);
        let foreign: &[(&str, bool)] = &[
            ("distance", method == Method::Fuzzy),
            ("threshold", matches!(method, Method::Bm25 | Method::Ngram)),
            ("arity", method == Method::Ngram),
        ];
        for (name, used) in foreign {
            if !used && params.spec.params.contains_key(*name) {
                let why = "this method does not read it";
                params.error(
                    name,
                    Problem::Conflict { why, fix: "remove it, or set the method that it belongs to" },
                );
            }
        }
        let threshold = match method {
            Method::Ngram => params.number("threshold", 0.4, 0.05, 1.0),
            _ => params.number("threshold", 0.1, 0.0, 1000.0),
        };
        let limit = if method == Method::Regex { REGEX_BYTES } else { LITERAL_BYTES };
        let [any, all, none] = ["any", "all", "none"].map(|name| (name, params.texts(name, limit)));
        if any.1.is_empty() && all.1.is_empty() && none.1.is_empty() {
            params.error("any", Problem::Missing { fix: "give at least one of any, all and none" });
        }
        let mut phrases = Vec::new();
        let mut terms = |(name, texts): (&str, Vec<String>)| -> Vec<Term> {
            let found = texts.into_iter().filter_map(|text| {
                let found = self.term(params, name, method, key, &text, threshold, &mut phrases)?;
                Some(Term { text: text.into(), found })
            });
            found.collect()
        };
        let (any, all, none) = (terms(any), terms(all), terms(none));
        let bm25 = (method == Method::Bm25).then(|| Bm25::new(&phrases));
        let is_literal = |term: &Term| matches!(term.found, Found::Literal(_) | Found::Loose(..));
        let literal =
            any.iter().chain(&all).next().is_some() && any.iter().chain(&all).chain(&none).all(is_literal);
        KeywordPlan { key, any, all, none, literal, threshold, bm25 }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
    fn term(
        &mut self,
        params: &mut Params<'_>,
        name: &str,
        method: Method,
        key: TextKey,
        text: &str,
        threshold: f64,
        phrases: &mut Vec<String>,
    ) -> Option<Found> {
        match method {
            Method::Literal => {
                let plain = self.literal(params, name, key, text)?;
                Some(self.loose(key, text).map_or(Found::Literal(plain), |loose| Found::Loose(plain, loose)))
            }
            Method::Regex => self.regex(params, name, key, text).map(Found::Regex),
            Method::Fuzzy => {
                let distance = params.whole("distance", 1, 1, DISTANCE_MAX);
                self.near(params, name)?;
                fuzzy(params, name, &folded(text, key), distance)
            }
            Method::Bm25 => {
                self.near(params, name)?;
                phrases.push(folded(text, key));
                Some(Found::Bm25(phrases.len() as u32 - 1))
            }
            Method::Ngram => {
                let arity = params.whole("arity", 3, 2, 5);
                self.near(params, name)?;
                let text = folded(text, key);
                let group = (key, arity, Words::of(&text).0.len().max(1));
                let at = self.grams.iter().position(|(g, _)| *g == group).unwrap_or_else(|| {
                    self.grams.push((group, GramIndexBuilder::new(arity, group.2)));
                    self.grams.len() - 1
                });
                let (_, builder) = self.grams.get_mut(at)?;
                Some(Found::Gram(at as u32, builder.keyword(text, threshold)))
            }
        }
    }

    fn near(&mut self, params: &mut Params<'_>, name: &str) -> Option<()> {
        self.near += 1;
        if self.near <= NEAR_MAX {
            return Some(());
        }
        let what = "fuzzy, bm25 and ngram keywords";
        params.error(name, Problem::TooMany { what, count: self.near, limit: NEAR_MAX });
        None
    }

    pub(super) fn literal(
        &mut self,
        params: &mut Params<'_>,
        name: &str,
        key: TextKey,
        text: &str,
    ) -> Option<u32> {
        let lexicon = self.lexicons.get_mut(key.index())?;
        let id = lexicon.literal(folded(text, key));
        let count = lexicon.len();
        if count <= LITERALS_MAX {
            return Some(id);
        }
        params.error_at(name, text, Problem::TooMany { what: "different words", count, limit: LITERALS_MAX });
        None
    }

    /// The id of a phrase in the loose reading, where the scope has one. No more than there are literals.
    fn loose(&mut self, key: TextKey, text: &str) -> Option<u32> {
        let phrase = key.scope.is_loose().then(|| loosen_phrase(text)).flatten()?;
        Some(self.loose.get_mut(key.index())?.literal(folded(&phrase, key)))
    }

    pub(super) fn regex(
        &mut self,
        params: &mut Params<'_>,
        name: &str,
        key: TextKey,
        pattern: &str,
    ) -> Option<u32> {
        let bank = self.banks.get_mut(key.scope as usize)?;
        if bank.len() >= REGEXES_MAX {
            let problem =
                Problem::TooMany { what: "regular expressions", count: bank.len() + 1, limit: REGEXES_MAX };
            params.error_at(name, pattern, problem);
            return None;
        }
        bank.regex(pattern, key.case)
            .map_err(|problem| params.error_at(name, &format!("{pattern:?}"), problem))
            .ok()
    }

    fn literals(&mut self, params: &mut Params<'_>, name: &str, key: TextKey) -> Vec<Term> {
        let texts = params.texts(name, LITERAL_BYTES).into_iter();
        let term = |text: String| {
            let found = Found::Literal(self.literal(params, name, key, &text)?);
            Some(Term { text: text.into(), found })
        };
        texts.filter_map(term).collect()
    }

    fn feature(&mut self, params: &mut Params<'_>) -> FeaturePlan {
        let key = key(params);
        let measure = params.word("measure", &Measure::WORDS, Measure::Exists);
        let words = self.literals(params, "words", key);
        let mut regexes = Vec::new();
        for pattern in params.texts("regex", REGEX_BYTES) {
            if let Some(id) = self.regex(params, "regex", key, &pattern) {
                regexes.push(Term { text: pattern.into(), found: Found::Regex(id) });
            }
        }
        let given = (params.spec.list("words").len(), params.spec.list("regex").len());
        if given == (0, 0) {
            params.error("words", Problem::Missing { fix: "give words or regex" });
        } else if measure == Measure::Sequence && given.0 > 0 && given.1 > 0 {
            let why = "a sequence has one order";
            params.error("regex", Problem::Conflict { why, fix: "give either words or regex" });
        }
        let ids = words.iter().filter_map(|t| if let Found::Literal(id) = t.found { Some(id) } else { None });
        let ordered = measure == Measure::Sequence && !words.is_empty();
        let sequence = ordered
            .then(|| ids.collect())
            .and_then(|s| Some(self.lexicons.get_mut(key.index())?.sequence(s)));
        FeaturePlan { key, measure, words, regexes, sequence }
    }

    fn event(&mut self, params: &mut Params<'_>) -> EventPlan {
        const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];
        let scope = key(params).scope;
        let (any_case, exact) = (TextKey { scope, case: false }, TextKey { scope, case: true });
        for severity in params.spec.list("severities") {
            if !SEVERITIES.contains(&severity) {
                params.error_at("severities", severity, Problem::NotAWord { allowed: SEVERITIES.join(", ") });
            }
        }
        let mut words =
            vec![self.literals(params, "types", any_case), self.literals(params, "severities", any_case)];
        let codes = self.literals(params, "codes", exact);
        if params.spec.flag("temporal") == Some(true) {
            let urgent = URGENT.iter().filter_map(|word| {
                let found = Found::Literal(self.literal(params, "temporal", any_case, word)?);
                Some(Term { text: (*word).into(), found })
            });
            words.push(urgent.collect());
        }
        words.retain(|list| !list.is_empty());
        if words.is_empty() && codes.is_empty() {
            params
                .error("types", Problem::Missing { fix: "give types, severities, codes or temporal: true" });
        }
        EventPlan { scope, words, codes }
    }
}

/// A fuzzy keyword, refused where its distance would match nearly any short word.
fn fuzzy(params: &mut Params<'_>, name: &str, text: &str, distance: usize) -> Option<Found> {
    let chars = text.chars().count();
    let problem = if chars > KEYWORD_CHARS {
        Problem::TooLong { bytes: chars, limit: KEYWORD_CHARS }
    } else if chars <= 2 * distance {
        let why = "so short a word is within that distance of nearly any other";
        Problem::Conflict { why, fix: "use a smaller distance, a longer word or method: literal" }
    } else {
        return Some(Found::Fuzzy(Box::new(FuzzyWord::new(text, distance))));
    };
    params.error_at(name, &format!("{text:?}"), problem);
    None
}
