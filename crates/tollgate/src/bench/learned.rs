//! What reading every learned signal costs a request of 64 tokens, inside of the gateway and under load: the CPU time of a gateway
//! whose policy reads them all, less that of one whose policy reads none, for the same request.

use serde_json::{Value, json};
use std::path::Path;

/// Most CPU time that all learned signals may take of a request, in microseconds.
const BAR_US: f64 = 2_500.0;

/// Each route asks for one learned signal and is never chosen for [`body`], so all of them are read.
pub(super) const POLICY: &str = r#"policy "bench-learned"

signal attack = jailbreak threshold 0.9999 scope all
signal harm = hazard threshold 0.9999 scope all
signal subject = domain is ["law"] threshold 0.9999 method head

route attack tier 1 { when attack models { "mock-model" } }
route harm tier 2 { when harm models { "mock-model" } }
route subject tier 3 { when subject models { "mock-model" } }
route facts tier 4 { when confidence(fact_check) > 0.9999 models { "mock-model" } }
route reasoning tier 5 { when confidence(needs_reasoning) > 0.9999 models { "mock-model" } }
route hard tier 6 { when difficulty > 0.9999 models { "mock-model" } }
default { models { "mock-model" } }
"#;

/// The same without any.
pub(super) const PLAIN: &str = "policy \"bench-plain\"\ndefault { models { \"mock-model\" } }\n";

/// A request whose last turn has about 64 tokens.
pub(super) fn body() -> Vec<u8> {
    let text = "Write a friendly note to my neighbours that I am going to paint the fence next weekend, that it may smell a \
        little for a day or two, that the children should please not lean on it, and that everybody is welcome to a cup of \
        coffee in the garden on Sunday afternoon, when all of it is done.";
    json!({"model": "mock-model", "messages": [{"role": "user", "content": text}], "max_tokens": 64})
        .to_string()
        .into_bytes()
}

/// What the configuration says besides, where heads read an encoder's vectors. Signals wait as long as the load makes them.
pub(super) fn encoder(folder: &Path) -> String {
    let folder = json!(folder);
    format!("encoder: {{folder: {folder}, threads: 1, queue: 64, signals_ms: 5000}}\n")
}

/// The row of the report; the bar is for the dearer of both ways.
pub(super) fn row(plain_us: f64, learned_us: f64, encoder_us: Option<f64>) -> Value {
    let added = |us: f64| (us - plain_us).max(0.0);
    let tenths = |value: f64| (value * 10.0).round() / 10.0;
    json!({"plain_cpu_us": tenths(plain_us), "learned_cpu_us": tenths(learned_us), "added_cpu_us": tenths(added(learned_us)),
        "encoder_cpu_us": encoder_us.map(tenths), "encoder_added_cpu_us": encoder_us.map(|us| tenths(added(us))),
        "bar_us": BAR_US, "holds": added(encoder_us.unwrap_or(learned_us).max(learned_us)) <= BAR_US})
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::{ManualClock, Timestamp};
    use tollgate_policy::{Known, Policy};
    use tollgate_signals::{Input, Reading, SignalSet};
    use tollgate_wire::Dialect;
    use tollgate_wire::peek::{Limits, peek};

    #[test]
    fn every_learned_signal_is_read_for_the_request_that_is_measured() {
        let policy = Policy::load("learned", POLICY, &Known::any()).unwrap();
        let set = SignalSet::compile(policy.specs()).unwrap();
        let view = peek(Dialect::OpenaiChat, body().into(), &Limits::default()).unwrap();
        let (input, clock) = (Input::new(&view), ManualClock::new(Timestamp(0)));
        let mut reading = Reading::new(&set, &input, &clock);
        let decision = policy.decide(&mut reading, false);
        assert_eq!(decision.route().map(|route| route.name.as_str()), Some("default"));
        let read: Vec<usize> = reading.times().map(|(index, ..)| index).collect();
        assert_eq!((read.len(), policy.specs().len()), (6, 6), "{read:?}");
    }

    #[test]
    fn the_row_is_the_difference() {
        let row = row(20.0, 320.0, None);
        assert_eq!((&row["added_cpu_us"], &row["holds"]), (&json!(300.0), &json!(true)));
        assert_eq!(super::row(20.0, 9_000.0, None)["holds"], json!(false));
        let dear = super::row(20.0, 320.0, Some(2_600.0));
        assert_eq!((&dear["encoder_added_cpu_us"], &dear["holds"]), (&json!(2_580.0), &json!(false)));
    }
}
