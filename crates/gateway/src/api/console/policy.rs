//! The policy editor, and what a check says of a text.

use crate::api::policy::aside;
use crate::control;
use crate::snapshot::{Snapshot, known};
use crate::state::Shared;
use crate::worker::Worker;
use tollgate_console::view::{
    CheckReport, Diagnostic, LastGood, OutlineItem, PolicyView, Severity, TestLine,
};
use tollgate_core::Fault;
use tollgate_policy::{Compiled, Lines, Policy, outline, report_unbuilt, review_while};
use tollgate_signals::SignalSet;

/// The policy page's model.
pub(super) async fn view(worker: &Worker) -> Result<PolicyView, Fault> {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load_full();
    let text = snapshot.policy_text.clone();
    let report = aside(worker, move |_, check| check(&text)).await?;
    let last_good =
        shared.refused.lock().as_ref().map(|(time, why)| LastGood { refused: *time, reason: why.clone() });
    Ok(PolicyView {
        text: snapshot.policy_text.clone(),
        digest: snapshot.policy.digest().to_string(),
        file: snapshot.settings.policy.as_ref().map(|p| p.display().to_string()),
        loaded: snapshot.built,
        read_only: None,
        last_good,
        report,
    })
}

/// Everything that is to be said about a policy's text: diagnostics, tests, outline. Nothing changes. Analysis ends when
/// `go_on` says no.
pub(crate) fn report(
    shared: &Shared,
    snapshot: &Snapshot,
    text: &str,
    go_on: &dyn Fn() -> bool,
) -> CheckReport {
    let known = known(&snapshot.settings);
    let Compiled { policy, mut report } = review_while(text, &known, go_on);
    let built = policy.as_ref().map(|policy| SignalSet::compile(policy.specs()));
    for error in built.and_then(Result::err).unwrap_or_default() {
        let why = error.problem.to_string();
        report_unbuilt(&mut report, text, &error.signal, &error.param, &why);
    }
    let run = |policy| control::policy_tests(policy, known.fleet.as_ref(), &*shared.clock);
    let results = policy.as_ref().map(run).unwrap_or_default();
    let lines = Lines::new(text);
    let diagnostics = report.diagnostics.iter().map(|found| {
        let (start, end) = (lines.position(found.span.start), lines.position(found.span.end));
        Diagnostic {
            severity: match found.severity {
                tollgate_policy::Severity::Error => Severity::Error,
                tollgate_policy::Severity::Warning => Severity::Warning,
                tollgate_policy::Severity::Note => Severity::Note,
            },
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            message: found.message.clone(),
            help: found.help.clone(),
        }
    });
    let tests: Vec<TestLine> = results
        .into_iter()
        .map(|t| TestLine {
            line: t.line,
            ok: t.passed,
            expected: t.case.expect,
            got: t.got,
            explanation: t.explanation,
        })
        .collect();
    let items = outline(text).items.into_iter();
    CheckReport {
        ok: policy.is_some() && report.is_ok() && tests.iter().all(|t| t.ok),
        digest: policy.as_ref().map(Policy::digest).map(|d| d.to_string()).unwrap_or_default(),
        diagnostics: diagnostics.collect(),
        tests,
        outline: items
            .map(|i| OutlineItem { kind: i.kind.into(), name: i.name, line: i.start.line })
            .collect(),
    }
}
