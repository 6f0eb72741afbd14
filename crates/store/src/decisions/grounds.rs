//! What a decision rests on, put together when it is read: signals are written once, with the times that they took.
//!
//! A record's `decision` names in `recorded` the policy and what else a replay needs; the signals themselves stand in
//! the record's `signals`. Reading joins them to `recorded.signals`, by name. Records of versions that wrote them twice
//! are whole as they are.

use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// The member of `recorded` that lists the signals on which the decision does not rest; absent where it rests on all.
pub const BESIDE: &str = "beside";

/// The members of an object, each as it was written: numbers are not read and written again.
type Members = BTreeMap<String, Box<RawValue>>;

/// A record's `decision` with the signals of `recorded`, taken from the record's `signals`. What has them already, or
/// is not of this shape, stays as it is.
pub(super) fn whole(decision: Box<RawValue>, signals: Option<&RawValue>) -> Box<RawValue> {
    signals.and_then(|signals| joined(&decision, signals)).unwrap_or(decision)
}

fn joined(decision: &RawValue, signals: &RawValue) -> Option<Box<RawValue>> {
    let mut decision: Members = serde_json::from_str(decision.get()).ok()?;
    let mut recorded: Members = serde_json::from_str(decision.get("recorded")?.get()).ok()?;
    if recorded.contains_key("signals") {
        return None;
    }
    let beside: Vec<String> = match recorded.remove(BESIDE) {
        Some(names) => serde_json::from_str(names.get()).ok()?,
        None => Vec::new(),
    };
    let mut decisive = Members::new();
    for mut note in serde_json::from_str::<Vec<Members>>(signals.get()).ok()? {
        let name: String = serde_json::from_str(note.remove("name")?.get()).ok()?;
        note.remove("ns");
        if !beside.contains(&name) {
            decisive.insert(name, to_raw_value(&note).ok()?);
        }
    }
    recorded.insert("signals".into(), to_raw_value(&decisive).ok()?);
    decision.insert("recorded".into(), to_raw_value(&recorded).ok()?);
    to_raw_value(&decision).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decision: &str, signals: Option<&str>) -> String {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        whole(raw(decision), signals.map(raw).as_deref()).get().to_owned()
    }

    #[test]
    fn signals_are_put_where_a_replay_looks_for_them_digit_by_digit() {
        let signals = r#"[{"name":"a \"b\"","ns":7,"matched":true,"confidence":0.30000000000000004,"value":1e3},
            {"name":"other","ns":0,"matched":false,"confidence":1.0,"value":["x"]}]"#;
        let decision = r#"{"confidence":0.1,"recorded":{"policy":"p","beside":["other"]}}"#;
        assert_eq!(
            read(decision, Some(signals)),
            r#"{"confidence":0.1,"recorded":{"policy":"p","signals":{"a \"b\"":{"confidence":0.30000000000000004,"matched":true,"value":1e3}}}}"#
        );
        let all = read(r#"{"recorded":{"policy":"p","unread":["image"]}}"#, Some(signals));
        assert!(all.contains(r#""other":{"confidence":1.0,"matched":false,"value":["x"]}"#), "{all}");
        assert!(all.contains(r#""unread":["image"]"#) && !all.contains("ns"), "{all}");
        assert_eq!(
            read(r#"{"recorded":{"policy":"p"}}"#, Some("[]")),
            r#"{"recorded":{"policy":"p","signals":{}}}"#
        );
    }

    #[test]
    fn what_is_whole_or_of_another_shape_stays_as_it_is() {
        for decision in
            [r#"{ "recorded": {"policy":"p","signals":{}} }"#, r#"{"recorded":null}"#, "{}", "[1]", "7"]
        {
            assert_eq!(read(decision, Some("[]")), decision);
        }
        let decision = r#"{"recorded":{"policy":"p"}}"#;
        for signals in [None, Some("{}"), Some("[7]"), Some(r#"[{"ns":1}]"#)] {
            assert_eq!(read(decision, signals), decision, "{signals:?}");
        }
    }
}
