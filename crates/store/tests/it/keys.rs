//! Keys: made, found, ended, replaced.

use crate::{Folder, at, memory, open, quick};
use tollgate_core::id::KeyId;
use tollgate_store::keys::{LIST_MAX, WORD_MAX};
use tollgate_store::{KeyRefusal, KeySpec, Secret, StoreConfig, StoreError};

fn secret(n: u8) -> Secret {
    Secret::from_bytes(&[n; 32])
}

#[test]
fn a_key_survives_a_restart_with_all_its_fields() {
    let folder = Folder::new();
    let spec = KeySpec {
        name: "ci".into(),
        tenant: Some("acme".into()),
        roles: vec!["dev \"x\"".into()],
        groups: vec!["g".into()],
        scopes: vec!["admin".into()],
        models: vec!["small*".into()],
        expires: Some(at(10)),
    };
    let store = open(&folder.file(), quick());
    let made = store.create_key(KeyId::from_bits(1), spec, &secret(1), at(0)).unwrap();
    store.close().unwrap();
    drop(store);
    let store = open(&folder.file(), quick());
    let found = store.keys().find(secret(1).reveal(), at(9)).unwrap();
    assert_eq!(*found, made);
    assert!(secret(1).reveal().ends_with(&made.hint));
    assert!(found.allows_model("small-2") && !found.allows_model("large"));
    assert_eq!(store.keys().find(secret(1).reveal(), at(10)), Err(KeyRefusal::Expired));
    assert_eq!(store.keys().get(made.id.as_str()).map(|k| k.created), Some(at(0)));
    let bytes = std::fs::read(folder.file()).unwrap();
    let plain = secret(1);
    let needle = plain.reveal().as_bytes();
    assert!(!bytes.windows(needle.len()).any(|window| window == needle), "the secret is not on disk");
}

#[test]
fn unknown_and_revoked_keys_open_nothing() {
    let store = memory(quick());
    let id = KeyId::from_bits(1);
    store.create_key(id.clone(), KeySpec::named("a"), &secret(1), at(0)).unwrap();
    assert_eq!(store.keys().find("tg-nothing", at(1)), Err(KeyRefusal::Unknown));
    store.revoke_key(id.as_str(), at(2)).unwrap();
    store.revoke_key(id.as_str(), at(3)).unwrap();
    assert_eq!(store.keys().find(secret(1).reveal(), at(4)), Err(KeyRefusal::Revoked));
    assert_eq!(store.keys().all()[0].revoked, Some(at(2)));
    let gone = store.rotate_key(id.as_str(), &secret(2), at(9));
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    assert!(matches!(store.revoke_key("key_x", at(1)), Err(StoreError::NotFound { .. })));
}

#[test]
fn a_replaced_secret_is_good_until_its_end() {
    let store = memory(quick());
    let id = KeyId::from_bits(1);
    store.create_key(id.clone(), KeySpec::named("a"), &secret(1), at(0)).unwrap();
    store.rotate_key(id.as_str(), &secret(2), at(10)).unwrap();
    let ring = store.keys();
    assert!(ring.find(secret(2).reveal(), at(99)).is_ok());
    assert!(ring.find(secret(1).reveal(), at(9)).is_ok());
    assert_eq!(ring.find(secret(1).reveal(), at(10)), Err(KeyRefusal::Expired));
    let back = store.rotate_key(id.as_str(), &secret(1), at(10));
    assert!(matches!(back, Err(StoreError::Duplicate { .. })), "a used secret never comes back");
    store.rotate_key(id.as_str(), &secret(3), at(20)).unwrap();
    assert_eq!(store.keys().find(secret(1).reveal(), at(1)), Err(KeyRefusal::Unknown));
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let store = memory(StoreConfig { keys_max: 2, ..quick() });
    let make = |n: u8, id: u128, spec| store.create_key(KeyId::from_bits(id), spec, &secret(n), at(0));
    assert!(matches!(make(1, 1, KeySpec::named(" ")), Err(StoreError::Bad { field: "name", .. })));
    let long = KeySpec { tenant: Some("x".repeat(WORD_MAX + 1)), ..KeySpec::named("a") };
    assert!(matches!(make(1, 1, long), Err(StoreError::TooLarge { field: "tenant", .. })));
    let many = KeySpec { roles: vec!["r".into(); LIST_MAX + 1], ..KeySpec::named("a") };
    assert!(matches!(make(1, 1, many), Err(StoreError::Full { what: "roles", .. })));
    make(1, 1, KeySpec::named("a")).unwrap();
    assert!(matches!(make(1, 2, KeySpec::named("b")), Err(StoreError::Duplicate { .. })));
    assert!(matches!(make(2, 1, KeySpec::named("b")), Err(StoreError::Duplicate { what: "key", .. })));
    make(2, 2, KeySpec::named("b")).unwrap();
    assert!(matches!(make(3, 3, KeySpec::named("c")), Err(StoreError::Full { what: "keys", limit: 2 })));
}

#[test]
fn what_another_process_does_to_keys_is_taken_over() {
    let folder = Folder::new();
    let (gateway, tool) = (open(&folder.file(), quick()), open(&folder.file(), quick()));
    let id = KeyId::from_bits(1);
    assert!(!gateway.refresh_keys().unwrap(), "nothing happened");
    tool.create_key(id.clone(), KeySpec::named("a"), &secret(1), at(0)).unwrap();
    assert_eq!(gateway.keys().find(secret(1).reveal(), at(1)), Err(KeyRefusal::Unknown));
    assert!(gateway.refresh_keys().unwrap() && !gateway.refresh_keys().unwrap());
    assert!(gateway.keys().find(secret(1).reveal(), at(1)).is_ok());
    tool.rotate_key(id.as_str(), &secret(2), at(5)).unwrap();
    assert!(gateway.refresh_keys().unwrap());
    assert!(gateway.keys().find(secret(2).reveal(), at(9)).is_ok());
    assert_eq!(gateway.keys().find(secret(1).reveal(), at(9)), Err(KeyRefusal::Expired));
    tool.revoke_key(id.as_str(), at(6)).unwrap();
    assert!(gateway.refresh_keys().unwrap());
    assert_eq!(gateway.keys().find(secret(2).reveal(), at(9)), Err(KeyRefusal::Revoked));
    gateway.create_key(KeyId::from_bits(2), KeySpec::named("b"), &secret(3), at(7)).unwrap();
    assert!(!gateway.refresh_keys().unwrap(), "one's own changes are known");
    assert!(tool.refresh_keys().unwrap());
    assert_eq!(tool.keys().all().len(), 2);
}
