//! Declared signals: keywords, features, events, metadata and re-asked turns.

use super::{EVIDENCE_MAX, Reading};
use crate::measure::Fingerprint;
use crate::set::{EventPlan, FeaturePlan, Found, KeywordPlan, Measure, Term};
use crate::text::{Scope, TextKey, cut, join};
use tollgate_core::signal::{Signal, Value};
use tollgate_wire::view::{MessageView, Role};

/// Evidence: labels with commas between, cut at [`EVIDENCE_MAX`] bytes.
pub(super) fn evidence<'t>(parts: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(part);
        if text.len() >= EVIDENCE_MAX {
            break;
        }
    }
    (!text.is_empty()).then(|| cut(&text, EVIDENCE_MAX).to_owned())
}

pub(super) fn flag(matched: bool, confidence: f64, evidence: Option<String>) -> Signal {
    Signal { confidence: confidence.clamp(0.0, 1.0), evidence, ..Signal::flag(matched) }
}

impl Reading<'_> {
    /// How well a term is found, in [0, 1]; 0 when it is not.
    fn score(&self, term: &Term, key: TextKey, threshold: f64, bm25: &[f64]) -> f64 {
        let yes = |found: bool| f64::from(u8::from(found));
        let enough =
            |score: f64, shown: f64| if score >= threshold { shown.max(f64::MIN_POSITIVE) } else { 0.0 };
        match &term.found {
            Found::Literal(id) => yes(self.texts.literal(key, *id) > 0),
            Found::Loose(id, loose) => yes(self.texts.literal(key, *id) > 0 || self.texts.loose(key, *loose)),
            Found::Regex(id) => yes(self.texts.regex(key.scope, *id)),
            Found::Fuzzy(word) => word
                .find(self.texts.get(key), self.texts.words(key))
                .map_or(0.0, |distance| 1.0 - distance as f64 / word.len().max(1) as f64),
            Found::Bm25(id) => {
                let score = bm25.get(*id as usize).copied().unwrap_or(0.0);
                if score > 0.0 { enough(score, score / (1.0 + score)) } else { 0.0 }
            }
            Found::Gram(index, id) => {
                let similarity = self.texts.gram(*index, *id);
                enough(similarity, similarity)
            }
        }
    }

    /// Any, all and none must hold together; confidence is the weakest of them, where `any` counts its best.
    pub(super) fn keyword(&self, plan: &KeywordPlan) -> Signal {
        let nothing = || self.texts.hits(plan.key).is_empty() && self.texts.loose_hits(plan.key).is_empty();
        if plan.literal && nothing() {
            return flag(false, 1.0, None);
        }
        let bm25 = plan.bm25.as_ref();
        let bm25 =
            bm25.map(|b| b.scores(self.texts.get(plan.key), self.texts.words(plan.key))).unwrap_or_default();
        let score = |term: &Term| self.score(term, plan.key, plan.threshold, &bm25);
        let mut found = Vec::new();
        let mut confidence: f64 = 1.0;
        if plan.none.iter().any(|term| score(term) > 0.0) {
            return flag(false, 1.0, None);
        }
        if !plan.any.is_empty() {
            let mut best: f64 = 0.0;
            for term in &plan.any {
                let score = score(term);
                if score > 0.0 {
                    found.push(&*term.text);
                    best = best.max(score);
                }
                if best >= 1.0 && !self.evidence {
                    break;
                }
            }
            confidence = confidence.min(best);
        }
        for term in &plan.all {
            if confidence == 0.0 {
                break;
            }
            let score = score(term);
            if score > 0.0 {
                found.push(&*term.text);
            }
            confidence = confidence.min(score);
        }
        if confidence == 0.0 {
            return flag(false, 1.0, None);
        }
        flag(true, confidence, if self.evidence { evidence(found.into_iter()) } else { None })
    }

    pub(super) fn feature(&self, plan: &FeaturePlan) -> Signal {
        let (key, scope) = (plan.key, plan.key.scope);
        if plan.measure == Measure::Sequence {
            let found = match plan.sequence {
                Some(sequence) => self.texts.complete(key, sequence),
                None => self.in_order(plan),
            };
            let all = plan.words.iter().chain(&plan.regexes).map(|t| &*t.text);
            let evidence = if self.evidence && found { evidence(all) } else { None };
            return Signal { evidence, ..Signal::number(f64::from(u8::from(found))) };
        }
        let count = |term: &Term| match term.found {
            Found::Literal(id) => u64::from(self.texts.literal(key, id)),
            Found::Regex(id) if plan.measure == Measure::Exists => u64::from(self.texts.regex(scope, id)),
            Found::Regex(id) => self.texts.regex_count(scope, id) as u64,
            _ => 0,
        };
        let counts: Vec<(&Term, u64)> =
            plan.words.iter().chain(&plan.regexes).map(|t| (t, count(t))).collect();
        let total: u64 = counts.iter().map(|(_, n)| n).sum();
        let value = match plan.measure {
            Measure::Exists => f64::from(u8::from(total > 0)),
            Measure::Count | Measure::Sequence => total as f64,
            Measure::Density if total == 0 => 0.0,
            Measure::Density => 100.0 * total as f64 / self.texts.word_count(scope).max(1) as f64,
        };
        let seen = || evidence(counts.iter().filter(|(_, n)| *n > 0).map(|(t, _)| &*t.text));
        Signal { evidence: if self.evidence { seen() } else { None }, ..Signal::number(value) }
    }

    /// Whether the expressions match one after the other. Each search starts where the last one ended: linear.
    fn in_order(&self, plan: &FeaturePlan) -> bool {
        let mut from = 0;
        !plan.regexes.is_empty()
            && plan.regexes.iter().all(|term| {
                let Found::Regex(id) = term.found else { return false };
                let found = self.texts.regex_find(plan.key.scope, id, from);
                found.is_some_and(|(_, end)| {
                    from = end;
                    true
                })
            })
    }

    /// One criterion is enough; confidence = ½ + ½ · (criteria that hold) / (criteria given).
    pub(super) fn event(&self, plan: &EventPlan) -> Signal {
        let (any_case, exact) =
            (TextKey { scope: plan.scope, case: false }, TextKey { scope: plan.scope, case: true });
        let found = |key: TextKey, terms: &[Term]| -> Vec<String> {
            let hit = |t: &&Term| matches!(t.found, Found::Literal(id) if self.texts.literal(key, id) > 0);
            terms.iter().filter(hit).map(|t| t.text.to_string()).collect()
        };
        let mut seen: Vec<Vec<String>> = plan.words.iter().map(|terms| found(any_case, terms)).collect();
        if !plan.codes.is_empty() {
            seen.push(found(exact, &plan.codes));
        }
        let hold = seen.iter().filter(|s| !s.is_empty()).count();
        if hold == 0 {
            return flag(false, 1.0, None);
        }
        let confidence = 0.5 + 0.5 * hold as f64 / seen.len() as f64;
        let shown = if self.evidence { evidence(seen.iter().flatten().map(String::as_str)) } else { None };
        flag(true, confidence, shown)
    }

    pub(super) fn metadata_rule(&self, key: &str, is: &[Box<str>]) -> Signal {
        let metadata = match self.metadata() {
            Ok(metadata) => metadata,
            Err(why) => return Signal { value: Value::Flag(false), ..Signal::failed(why) },
        };
        let Some(value) = metadata.get(key) else { return flag(false, 1.0, None) };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let matched = is.is_empty() || is.iter().any(|wanted| **wanted == *text);
        let shown = (self.evidence && matched).then(|| cut(&text, EVIDENCE_MAX).to_owned());
        flag(matched, 1.0, shown)
    }

    /// The last user turn against the `lookback` user turns before it; the most alike counts, in a streak the least
    /// alike of exactly so many.
    pub(super) fn reask(&self, threshold: f64, lookback: usize, streak: bool) -> Signal {
        let mut turns = self.input.view.messages.iter().rev().filter(|m| m.role == Role::User);
        if turns.next().is_none() {
            return flag(false, 1.0, None);
        }
        let last = self.texts.fingerprint(Scope::LastUser);
        let view = self.input.view;
        let alike = |m: &MessageView| last.similarity(&Fingerprint::of(&join(view, m.text.iter())));
        let alike: Vec<f64> = turns.take(lookback).map(alike).collect();
        let best = match streak {
            true if alike.len() < lookback => 0.0,
            true => alike.into_iter().fold(1.0, f64::min),
            false => alike.into_iter().fold(0.0, f64::max),
        };
        if best > 0.0 && best >= threshold {
            let shown = self.evidence.then(|| format!("similarity {best:.2}"));
            flag(true, best, shown)
        } else {
            flag(false, 1.0 - best, None)
        }
    }
}
