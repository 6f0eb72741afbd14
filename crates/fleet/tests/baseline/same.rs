//! JSON that is equal as far as sums can be.

use serde_json::Value;

/// Equal up to the last digits of a sum; whole numbers, words and truth exactly.
pub(crate) fn same(place: &str, ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| same(&format!("{place}[{i}]"), a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{place}");
            a.iter().for_each(|(key, a)| same(&format!("{place}.{key}"), a, &b[key]));
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-14 * b.abs(), "{place}: {a} is not {b}");
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}
