//! Readers of what agents publish: signed records, DID documents and ids, cards and registration files.

use tollgate_core::Timestamp;
use tollgate_pay::json::Json;
use tollgate_pay::registry::{Document, History, PublicKey, Sealed, check_card, registration, web_url};

const NOW: Timestamp = Timestamp(1_795_780_800_000_000);

/// What is read is written back as the same object; a record that begins a history is one that its own id has signed.
pub(crate) fn record(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(sealed) = Sealed::read(text) else { return false };
    assert_eq!(Sealed::read(sealed.text()).expect("what was written is read"), sealed);
    if let Ok(mut history) = History::begin(&sealed, None, NOW) {
        history.extend(&sealed, NOW).expect("the same version changes nothing");
        assert_eq!(history.versions().len(), 1);
    }
    true
}

/// An id that is read is written back letter for letter; a document is about who was asked for.
pub(crate) fn did(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Ok(key) = PublicKey::from_did(text) {
        assert!(text.starts_with(&key.did()));
        return true;
    }
    if let Ok(url) = web_url(text, "https") {
        assert!(url.starts_with("https://") && url.ends_with("/did.json") && !url.contains("/../"));
        return true;
    }
    Document::read(data, "did:web:shop.example").is_ok_and(|document| document.key("#k").is_some())
}

/// Nobody's key signs no card; a number has one canonical spelling, which is its own.
pub(crate) fn card(data: &[u8]) -> bool {
    assert!(check_card(data, |_| None).is_err());
    if let Ok(text) = Json::parse(data).and_then(|json| json.canonical_foreign()) {
        let again = Json::parse(text.as_bytes()).and_then(|json| json.canonical_foreign());
        assert_eq!(again.expect("the canonical form is canonical"), text);
    }
    registration(data).is_ok()
}
