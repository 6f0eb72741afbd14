//! Plans of the signals of content: their word lists join the one automaton, their patterns the one regex set.

use super::compile::{Compiler, LITERAL_BYTES, key};
use super::params::Params;
use super::{Counted, Plan, Told};
use crate::content::{ATTACKS, Examples, FACTS, FEEDBACK, Feedback, Personal, SUBJECTS, words};
use crate::error::Problem;
use crate::head::{Head, shipped};
use crate::text::{Scope, TextKey};
use tollgate_core::signal::{Kind, NAMED};

/// Most examples of all `similar` signals of a policy.
const EXAMPLES_MAX: usize = 10_000;
/// Word lists read the last user turn in any letter case.
const SAID: TextKey = TextKey { scope: Scope::LastUser, case: false };

impl Compiler {
    /// The plan of a signal of content, or of a fact.
    pub(super) fn content(&mut self, params: &mut Params<'_>) -> Plan {
        let scope = key(params).scope;
        match params.spec.kind {
            Kind::Messages => Plan::Messages(params.word("role", &Counted::WORDS, Counted::User)),
            Kind::Similar => self.similar(params, scope),
            Kind::Domain => self.domain(params),
            Kind::FactSeeking => {
                Plan::Facts(FACTS.iter().filter_map(|text| self.regex(params, "(all)", SAID, text)).collect())
            }
            Kind::Feedback => {
                if self.feedback.is_empty() {
                    self.feedback = FEEDBACK.iter().map(|(_, list)| self.list(params, list)).collect();
                }
                Plan::Feedback(params.word("is", &Feedback::WORDS, Feedback::WrongAnswer))
            }
            Kind::Jailbreak => self.jailbreak(params, scope),
            Kind::Hazard => self.hazard(params, scope),
            Kind::FactCheck => Plan::Told(Told::FactCheck),
            Kind::NeedsReasoning => Plan::Told(Told::Reasoning),
            Kind::Difficulty => Plan::Told(Told::Difficulty),
            Kind::Classifier => asked(params, scope),
            Kind::Pii => self.personal(params, scope),
            _ => Plan::Fact,
        }
    }

    /// The literals of a word list.
    fn list(&mut self, params: &mut Params<'_>, list: &str) -> Vec<u32> {
        words(list).filter_map(|word| self.literal(params, "(all)", SAID, &word)).collect()
    }

    fn similar(&mut self, params: &mut Params<'_>, scope: Scope) -> Plan {
        let texts = params.texts("to", LITERAL_BYTES);
        self.examples += texts.len();
        if self.examples > EXAMPLES_MAX {
            let problem = Problem::TooMany { what: "examples", count: self.examples, limit: EXAMPLES_MAX };
            params.error("to", problem);
        }
        let mean = params.spec.flag("mean").unwrap_or(false);
        let threshold = params.number("threshold", 0.5, 0.0, 1.0);
        Plan::Similar { scope, examples: Box::new(Examples::new(&texts, mean)), threshold }
    }

    fn domain(&mut self, params: &mut Params<'_>) -> Plan {
        if self.subjects.is_empty() && params.spec.text("method") != Some("head") {
            self.subjects = SUBJECTS.iter().map(|(_, list)| self.list(params, list)).collect();
        }
        let mut wanted = 0;
        for label in params.texts("is", LITERAL_BYTES) {
            match SUBJECTS.iter().position(|(known, _)| *known == label) {
                Some(at) => wanted |= 1 << at,
                None => {
                    let allowed = SUBJECTS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
                    params.error_at("is", &label, Problem::NotAWord { allowed });
                }
            }
        }
        let head = params.word("method", &[("words", false), ("head", true)], false);
        Plan::Domain { wanted, threshold: params.number("threshold", 0.3, 0.0, 1.0), head }
    }

    fn jailbreak(&mut self, params: &mut Params<'_>, scope: Scope) -> Plan {
        let (patterns, head) = params.word(
            "method",
            &[("both", (true, true)), ("patterns", (true, false)), ("head", (false, true))],
            (true, true),
        );
        let key = TextKey { scope, case: false };
        let wanted = if patterns { ATTACKS } else { &[] };
        let patterns = wanted.iter().filter_map(|text| self.regex(params, "(all)", key, text)).collect();
        self.looks[scope as usize].attack |= head;
        Plan::Jailbreak { scope, patterns, threshold: params.number("threshold", 0.7, 0.0, 1.0), head }
    }

    fn hazard(&mut self, params: &mut Params<'_>, scope: Scope) -> Plan {
        let known = shipped("hazard_class").map(Head::labels).unwrap_or_default();
        let classes = params.texts("is", LITERAL_BYTES);
        for class in classes.iter().filter(|class| !known.contains(class)) {
            params.error_at("is", class, Problem::NotAWord { allowed: known.join(", ") });
        }
        self.looks[scope as usize].hazard = true;
        let classes = classes.into_iter().map(Into::into).collect();
        Plan::Hazard { scope, classes, threshold: params.number("threshold", 0.8, 0.0, 1.0) }
    }

    fn personal(&mut self, params: &mut Params<'_>, scope: Scope) -> Plan {
        let key = TextKey { scope, case: true };
        let given = params.texts("types", LITERAL_BYTES);
        let known = || Personal::ALL.iter().map(|(known, ..)| *known).chain(NAMED);
        for word in given.iter().filter(|word| !known().any(|known| known == **word)) {
            let allowed = known().collect::<Vec<_>>().join(", ");
            params.error_at("types", word, Problem::NotAWord { allowed });
        }
        let mut forms = Vec::new();
        for (word, personal) in Personal::ALL {
            // An address of a page is nobody's own unless one says so.
            let usual = given.is_empty() && personal != Personal::Url;
            if usual || given.iter().any(|wanted| wanted == word) {
                forms.extend(self.regex(params, "(all)", key, personal.form()).map(|id| (personal, id)));
            }
        }
        let named = NAMED.into_iter().filter(|kind| given.iter().any(|wanted| wanted == kind)).collect();
        Plan::Personal { scope, forms, named }
    }
}

fn asked(params: &mut Params<'_>, scope: Scope) -> Plan {
    let source = params.spec.text("source").unwrap_or_default().into();
    let is = params.texts("is", LITERAL_BYTES).into_iter().map(Into::into).collect();
    Plan::Asked { source, scope, is, threshold: params.number("threshold", 0.5, 0.0, 1.0) }
}
