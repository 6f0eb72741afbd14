//! Rules on what a model says: `output block harmful`.

use super::names::{Checker, Meaning, shorten};
use crate::effects::{OutputAct, OutputRule};
use crate::limits;
use crate::syntax::tree::Name;
use crate::text::diagnostic::Diagnostic;
use tollgate_core::signal::{Kind, SignalSpec};

impl<'a> Checker<'a, '_> {
    /// One rule; its signal is noted as one that answers are asked for.
    pub(super) fn output(&mut self, act: Name<'a>, signal: Name<'a>) -> Option<OutputRule> {
        let act = self.one_of(act, &OutputAct::WORDS);
        let meaning = self.resolve(signal)?;
        let spec = match meaning {
            Meaning::Signal(index) => self.spec(index).cloned(),
            Meaning::Score(_) | Meaning::Flag(_) | Meaning::Band(_) | Meaning::Group(_) => None,
        };
        let Some(spec) = spec.filter(|spec| asks_a_text(spec.kind)) else {
            let message = format!("`{}` says nothing of an answer", shorten(signal.text));
            let found = Diagnostic::error("type", signal.span, message);
            self.push(
                found
                    .help("name a declared signal of kind keyword, similar, event, jailbreak, hazard or pii"),
            );
            return None;
        };
        self.keep(spec, signal);
        Some(OutputRule { act: act?, signal: signal.text.to_owned() })
    }

    fn keep(&mut self, spec: SignalSpec, signal: Name<'a>) {
        if self.output_specs.iter().any(|held| held.name == spec.name) {
            return;
        }
        if self.output_specs.len() >= limits::MAX_OUTPUTS {
            let message = format!("answers are asked for more than {} signals", limits::MAX_OUTPUTS);
            return self.push(Diagnostic::error("too-many", signal.span, message));
        }
        self.output_specs.push(spec);
    }
}

/// Whether a kind says yes or no of a text, whoever wrote it.
const fn asks_a_text(kind: Kind) -> bool {
    matches!(kind, Kind::Keyword | Kind::Similar | Kind::Event | Kind::Jailbreak | Kind::Hazard | Kind::Pii)
}

#[cfg(test)]
mod tests {
    use crate::{Known, OutputAct, Policy, compile, fmt};

    const TEXT: &str = "global output audit words\nsignal harmful = hazard is [\"iwp\"]\nsignal words = keyword any [\"x\"]\n\
        route r { when tokens > 9 output block harmful output annotate words models { \"m\" } }\n\
        default { models { \"m\" } }";

    #[test]
    fn rules_of_the_policy_come_before_those_of_a_route_and_each_signal_is_asked_once() {
        let policy = Policy::load("a", TEXT, &Known::any()).unwrap();
        let rules = |at: usize| -> Vec<(OutputAct, String)> {
            let route = policy.routes().chain([policy.default_route()]).nth(at).unwrap();
            route.effects.output.iter().map(|rule| (rule.act, rule.signal.clone())).collect()
        };
        let audit = (OutputAct::Audit, "words".to_owned());
        let wanted = [
            audit.clone(),
            (OutputAct::Block, "harmful".to_owned()),
            (OutputAct::Annotate, "words".to_owned()),
        ];
        assert_eq!(rules(0), wanted);
        assert_eq!(rules(1), [audit]);
        let names: Vec<&str> = policy.output_specs().iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["words", "harmful"]);
        let laid_out = fmt("a", TEXT).unwrap();
        assert_eq!(fmt("a", &laid_out).unwrap(), laid_out);
        assert!(laid_out.contains("\n  output block harmful\n"), "{laid_out}");
    }

    #[test]
    fn what_says_nothing_of_an_answer_is_refused_at_its_place() {
        for (text, found) in [
            ("global output block tokens", "says nothing of an answer"),
            ("signal s = domain is [\"law\"]\nglobal output block s", "says nothing of an answer"),
            ("signal s = pii\nglobal output hide s", "`hide` is not known here"),
            ("global output block nobody", "there is no signal"),
            ("global block s", "which is what holds for every route"),
        ] {
            let report = compile(&format!("{text}\ndefault {{ models {{ \"m\" }} }}"), &Known::any()).report;
            assert!(
                report.diagnostics.iter().any(|d| format!("{d:?}").contains(found)),
                "{text}: {report:?}"
            );
        }
    }
}
