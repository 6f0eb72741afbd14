//! JSON, error bodies, policies, configurations.

use serde::de::IgnoredAny;
use tollgate_policy::import::{Source, import};
use tollgate_policy::{Known, analyse, compile};
use tollgate_wire::error::classify as read_error;
use tollgate_wire::json::{DEPTH_MAX, validate};

/// The scanner agrees with serde_json about what JSON is, within its depth.
pub fn json(data: &[u8]) -> bool {
    let ours = validate(data, DEPTH_MAX);
    if let Ok(span) = &ours {
        assert!(data.get(span.start as usize..span.end as usize).is_some(), "a span outside: {span:?}");
    }
    let theirs = std::str::from_utf8(data).ok().and_then(|t| serde_json::from_str::<IgnoredAny>(t).ok());
    if nesting(data) < usize::from(DEPTH_MAX) {
        assert_eq!(ours.is_ok(), theirs.is_some(), "{ours:?} about {:?}", String::from_utf8_lossy(data));
    }
    ours.is_ok()
}

/// An upper bound of the nesting.
fn nesting(data: &[u8]) -> usize {
    data.iter().filter(|b| matches!(b, b'[' | b'{')).count()
}

/// Any bytes are a head or are refused; what is one gives distributions and writes itself again.
pub fn head(data: &[u8]) -> bool {
    use tollgate_signals::head::{Grams, Head};
    let Ok(head) = Head::from_bytes(data) else { return false };
    let vector = vec![0.5; head.vector().map_or(1, |side| side.dims())];
    let scores = head.classify(&Grams::of("any text (1)"), Some(&vector));
    assert!((scores.0.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{scores:?}");
    // Numbers may take more room than they came in; a header at its bound is refused then.
    if let Ok(bytes) = head.to_bytes() {
        assert_eq!(Head::from_bytes(&bytes).as_ref(), Ok(&head));
    }
    true
}

/// Any error body is read into a fault with a message of bounded length.
pub fn classify(data: &[u8]) -> bool {
    let (&choice, body) = data.split_first().unwrap_or((&0, &[]));
    let status = [None, Some(400), Some(401), Some(404), Some(413), Some(429), Some(500), Some(503)];
    let read = read_error(status[usize::from(choice) % status.len()], body);
    assert!(read.fault.message.len() < 4_096, "{}", read.fault.message.len());
    assert!(read.retry_after_ms.is_none_or(|ms| ms <= 3_600_000));
    true
}

/// Any text compiles or gives diagnostics whose places are inside it, and what compiles says the same when formatted.
pub fn policy_compile(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let known = Known::new(["m", "sim-small", "sim-medium", "sim-large"], ["short", "long"]);
    let compiled = compile(text, &known);
    let said = compiled.report.to_json(text).to_string();
    assert!(compiled.policy.is_some() || said.len() > 2, "refused without a word");
    let _ = tollgate_policy::outline(text);
    if let (Some(policy), Ok(formatted)) = (&compiled.policy, tollgate_policy::fmt("p", text)) {
        let again = compile(&formatted, &known).policy;
        let again = again.unwrap_or_else(|| panic!("does not compile when formatted: {formatted}"));
        assert_eq!(policy.routes().count(), again.routes().count());
        assert_eq!(
            tollgate_policy::fmt("p", &formatted).ok().as_ref(),
            Some(&formatted),
            "formatting is stable"
        );
    }
    compiled.policy.is_some()
}

/// Any policy is analysed within bounds; findings lie in the text, and their examples replay to what they say.
pub fn policy_analyse(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Some(policy) = compile(text, &Known::any()).policy else { return false };
    for finding in analyse(&policy).findings {
        let inside = |span: tollgate_policy::Span| text.get(span.start as usize..span.end as usize).is_some();
        assert!(inside(finding.span) && finding.labels.iter().all(|label| inside(label.span)), "{finding:?}");
        assert!(!finding.message.is_empty() && !finding.repair.is_empty() && !finding.rules.is_empty());
        if let Some(witness) = finding.witness {
            let decision = policy.replay(&witness.recorded).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(decision.route_name(), witness.outcome);
        }
    }
    true
}

/// Any text is refused with a line, or becomes a policy that compiles with its signals.
pub fn policy_import(data: &[u8]) -> bool {
    let Some((&choice, Ok(text))) =
        data.split_first().map(|(choice, rest)| (choice, std::str::from_utf8(rest)))
    else {
        return false;
    };
    let source = SOURCES[usize::from(choice) % SOURCES.len()];
    match import(source, text) {
        Ok(found) => {
            let policy = tollgate_policy::Policy::load("imported", &found.policy, &Known::any());
            let policy = policy.unwrap_or_else(|error| panic!("{error}\n{}", found.policy));
            let signals = tollgate_signals::SignalSet::compile(policy.specs());
            assert!(signals.is_ok(), "{:?}\n{}", signals.err(), found.policy);
            assert!(found.gaps.iter().all(|gap| gap.line > 0 && gap.value.chars().count() <= 80));
            true
        }
        Err(error) => {
            assert!(error.line > 0 && !error.message.is_empty());
            false
        }
    }
}

/// What the first byte chooses.
const SOURCES: [Source; 3] = [Source::LiteLlm, Source::OpenRouter, Source::VllmSr];

/// Any text is a configuration or a list of problems, each with a message.
pub fn config(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    // References to files and variables would make the outcome depend on the machine.
    if text.contains("file:") || text.contains("env:") {
        return false;
    }
    let read = tollgate_gateway::config::read(text, "c.yaml".as_ref());
    if let Err(error) = &read {
        assert!(!error.problems.is_empty() && error.problems.iter().all(|p| !p.message.is_empty()));
        assert!(error.to_string().starts_with("c.yaml:"));
    }
    read.is_ok()
}
