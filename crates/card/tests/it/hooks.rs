//! Webhooks, with a signature that the official library (PyPI `stripe` 16.1.0) made.

use tollgate_card::{Event, Hook, HookError, TOLERANCE_S};
use tollgate_core::Timestamp;

const SIGNED: &str = "d01b5c3a3fa9942d4f2beb5cd102eaeda3502ac45a4fb57fce3ee9ba5d4e6976";
const TIME: i64 = 1_700_000_000;

fn body() -> String {
    let metadata = format!(r#"{{"tollgate_escrow":"{}"}}"#, "ab".repeat(32));
    format!(
        r#"{{"id":"evt_1","type":"payment_intent.succeeded","data":{{"object":{{"id":"pi_1","object":"payment_intent","metadata":{metadata}}}}}}}"#
    )
}

fn read(header: &str, body: &str, late_s: i64) -> Result<Event, HookError> {
    let hook = Hook::new(&["whsec_old", "whsec_test_secret", ""], TOLERANCE_S);
    hook.read(header, body.as_bytes(), Timestamp((TIME + late_s) * 1_000_000))
}

#[test]
fn what_the_official_library_signs_is_taken_within_its_time() {
    let header = format!("t={TIME},v1={SIGNED}");
    for late_s in [0, 300, -300] {
        let event = read(&header, &body(), late_s).unwrap();
        assert_eq!((event.id.as_str(), event.intent.as_deref()), ("evt_1", Some("pi_1")));
        assert_eq!(event.kind, "payment_intent.succeeded");
        assert_eq!(event.escrow.unwrap().to_string(), "ab".repeat(32));
    }
    for late_s in [301, -301] {
        assert_eq!(read(&header, &body(), late_s), Err(HookError::Time));
    }
    // Other schemes are ignored, and one good signature of several is enough.
    let several = format!("t={TIME},v0={},v1={},v1={SIGNED}", "0".repeat(64), "1".repeat(64));
    assert!(read(&several, &body(), 0).is_ok());
}

#[test]
fn whatever_is_not_signed_by_the_secret_is_refused() {
    let header = format!("t={TIME},v1={SIGNED}");
    let longer = format!("{} ", body());
    for (header, body) in [
        (header.clone(), longer.as_str()),
        (header.clone(), ""),
        (format!("t={},v1={SIGNED}", TIME + 1), body().as_str()),
        (format!("t=0{TIME},v1={SIGNED}"), body().as_str()),
        (format!("t={TIME},v0={SIGNED}"), body().as_str()),
        (format!("t={TIME},v1={}", &SIGNED[2..]), body().as_str()),
        (format!("t={TIME}"), body().as_str()),
    ] {
        assert_eq!(read(&header, body, 0), Err(HookError::Signature), "{header}");
    }
    for header in ["", "t", "t=", "t=x,v1=00", "v1=00", "t=1,t=2", "t=-1", "t=99999999999999999999"] {
        assert_eq!(read(header, &body(), 0), Err(HookError::Header), "{header}");
    }
    let none = Hook::new(&["", " "], TOLERANCE_S);
    let now = Timestamp(TIME * 1_000_000);
    // The empty secret is nobody's.
    assert_eq!(none.read(&header, body().as_bytes(), now), Err(HookError::Signature));
    assert_eq!(read(&header, &" ".repeat((256 << 10) + 1), 0), Err(HookError::Body));
}
