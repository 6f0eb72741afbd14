//! Terms: their one spelling, their checks, and how a release is split.

use proptest::prelude::*;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Fee, PublicKey, Refusal, SETTLING_US, Signed, TaskContract, read};
use tollgate_pay::json::Json;
use tollgate_pay::simulate::Cast;

fn refused(change: impl FnOnce(&mut TaskContract)) -> String {
    let mut contract = Cast::new().unwrap().contract();
    change(&mut contract);
    match contract.check() {
        Err(PayError::Bad { field, .. }) => field.into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_plain_serialisation_is_the_canonical_one() {
    let contract = Cast::new().unwrap().contract();
    let text = serde_json::to_string(&contract).unwrap();
    assert_eq!(Json::parse(text.as_bytes()).unwrap().canonical().unwrap(), text);
    assert_eq!(read::<TaskContract>("contract", text.as_bytes()).unwrap(), contract);
    // Spaces and the order of names are not content.
    let spaced = text.replace("\":", "\" : ").replace(",\"", ",\n\"");
    let again: TaskContract = read("contract", spaced.as_bytes()).unwrap();
    assert_eq!(again.digest(), contract.digest());
}

#[test]
fn a_second_spelling_is_refused() {
    let cast = Cast::new().unwrap();
    let text = serde_json::to_string(&cast.contract()).unwrap();
    let hex = Digest::of(b"nonce").to_string();
    let key = cast.payer.public().to_string();
    let tricks = [
        ("a name twice", text.replacen('{', "{\"rail\":\"ledger\",", 1)),
        ("an unknown name", text.replacen('{', "{\"zone\":1,", 1)),
        ("upper-case hex", text.replacen(&hex, &hex.to_uppercase(), 1)),
        ("a fraction", text.replace("\"challenge_us\":3600000000", "\"challenge_us\":3600000000.0")),
        ("an exponent", text.replace("\"challenge_us\":3600000000", "\"challenge_us\":36e8")),
        ("beyond 2^53", text.replace("\"challenge_us\":3600000000", "\"challenge_us\":9007199254740993")),
        ("leading zeros in money", text.replacen("\"minor\":\"10000\"", "\"minor\":\"010000\"", 1)),
        ("no padding", text.replacen(&key, key.trim_end_matches('='), 1)),
        ("half a surrogate", text.replace("\"task-1\"", "\"task-1\\ud800\"")),
        ("something behind", format!("{text} 1")),
    ];
    for (what, trick) in tricks {
        assert_ne!(trick, text, "{what} changes nothing");
        assert!(read::<TaskContract>("contract", trick.as_bytes()).is_err(), "{what}");
    }
    // An escaped spelling of the same text is the same content.
    let escaped = text.replace("\"task-1\"", "\"task\\u002d1\"");
    assert_eq!(
        read::<TaskContract>("contract", escaped.as_bytes()).unwrap().digest(),
        cast.contract().digest()
    );
}

#[test]
fn every_byte_of_the_terms_counts() {
    let cast = Cast::new().unwrap();
    let text = serde_json::to_string(&cast.signed(cast.contract())).unwrap();
    let id = cast.contract().digest();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(read) = read::<Signed<TaskContract>>("contract", &bytes) else { continue };
        let held = read
            .check("payer", &cast.payer.public())
            .and_then(|()| read.check("payee", &cast.payee.public()));
        assert!(held.is_err() || read.statement.digest() == id, "byte {at}");
        assert!(held.is_err(), "byte {at} is of a signature, key or term");
    }
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    let cast = Cast::new().unwrap();
    cast.contract().check().unwrap();
    assert_eq!(refused(|c| c.price = c.amount(10_001)), "stages");
    assert_eq!(refused(|c| c.stages[0].amount = c.amount(-1)), "stages");
    assert_eq!(refused(|c| c.stages.clear()), "stages");
    assert_eq!(refused(|c| c.funding.clear()), "funding");
    assert_eq!(refused(|c| c.funding[0].amount = c.amount(9_999)), "funding");
    assert_eq!(refused(|c| c.funding.push(c.funding[0].clone())), "funding");
    assert_eq!(refused(|c| c.fees[0].bps = 10_000), "fees");
    assert_eq!(refused(|c| c.fees[0].bps = 0), "fees");
    assert_eq!(refused(|c| c.payee.account = c.funding[0].account.clone()), "account");
    assert_eq!(refused(|c| c.fees[0].account = c.payee.account.clone()), "account");
    assert_eq!(refused(|c| c.payee.key = c.payer), "key");
    assert_eq!(refused(|c| c.verifiers.keys[0] = c.payer), "key");
    assert_eq!(refused(|c| c.evaluators.keys[0] = c.payee.key), "key");
    assert_eq!(refused(|c| c.verifiers.threshold = 0), "quorum threshold");
    assert_eq!(refused(|c| c.verifiers.threshold = 4), "quorum threshold");
    assert_eq!(refused(|c| c.verifiers.keys[1] = c.verifiers.keys[0]), "quorum keys");
    // Verification, window, ruling and execution fit between the evidence and the end, and between two stages.
    let least = |c: &TaskContract| 2 * c.challenge_us + 2 * SETTLING_US;
    let early = |c: &mut TaskContract| c.refund_after = Timestamp(c.stages[0].submit_by.0 + least(c) - 1);
    assert_eq!(refused(early), "refund_after");
    for (less, field) in [(1, "submit_by"), (0, "")] {
        let mut contract = Cast::new().unwrap().contract();
        contract.stages[0].amount = contract.amount(5_000);
        contract.stages.push(contract.stages[0].clone());
        contract.stages[1].submit_by.0 += least(&contract) - less;
        contract.refund_after = Timestamp(contract.stages[1].submit_by.0 + least(&contract));
        match contract.check() {
            Ok(()) => assert_eq!(field, ""),
            Err(error) => assert!(error.to_string().contains(field) && less == 1, "{error}"),
        }
    }
    assert_eq!(refused(|c| c.refund_after = Timestamp(i64::MAX)), "refund_after");
    assert_eq!(refused(|c| c.challenge_us = -1), "challenge_us");
    assert_eq!(refused(|c| c.stages[0].submit_by = Timestamp(i64::MIN)), "submit_by");
    assert_eq!(refused(|c| c.task = "a b".into()), "task");
    assert_eq!(refused(|c| c.rail = "Ledger".into()), "rail");
    let other = tollgate_core::Asset::new("EUR", 2).unwrap();
    assert_eq!(refused(|c| c.stages[0].amount = tollgate_core::Amount::new(10_000, other)), "stages");
    // Sums that do not fit are no sums.
    assert_eq!(
        refused(|c| {
            c.stages[0].amount = c.amount(i128::MAX);
            c.stages.push(c.stages[0].clone());
        }),
        "stages"
    );
}

#[test]
fn both_parties_must_have_signed_these_terms() {
    let cast = Cast::new().unwrap();
    let whole = cast.signed(cast.contract());
    let propose = |signed: &Signed<TaskContract>| tollgate_pay::escrow::Escrow::propose(signed, Timestamp(0));
    propose(&whole).unwrap();
    for lacks in 0..2 {
        let mut signed = whole.clone();
        signed.signatures.remove(lacks);
        assert!(matches!(propose(&signed), Err(Refusal::NotSigned { .. })));
        // The other's signature twice is no second party.
        let other = signed.signatures[0].clone();
        signed.signatures.push(other);
        assert!(matches!(propose(&signed), Err(Refusal::NotSigned { .. })));
    }
    let mut changed = whole;
    changed.statement.price = changed.statement.amount(9_999);
    changed.statement.stages[0].amount = changed.statement.price;
    changed.statement.funding[0].amount = changed.statement.price;
    assert!(matches!(propose(&changed), Err(Refusal::NotSigned { .. })));
}

#[test]
fn a_key_has_one_spelling() {
    // The identity point, a point of order 8 and y = 2^255 - 18, which is 1 again.
    for weak in [[1u8; 1].as_slice(), &[0xee]] {
        let mut bytes = [0u8; 32];
        bytes[0] = weak[0];
        if weak[0] == 0xee {
            bytes[1..].fill(0xff);
            bytes[31] = 0x7f;
        }
        assert!(PublicKey::from_bytes(&bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn evidence_is_bound_to_task_and_output() {
    let contract = Cast::new().unwrap().contract();
    let bind = contract.bind(&Digest::of(b"output"));
    assert_ne!(bind, contract.bind(&Digest::of(b"another output")));
    let mut other = contract.clone();
    other.nonce = Digest::of(b"another nonce");
    assert_ne!(bind, other.bind(&Digest::of(b"output")));
}

proptest! {
    #[test]
    fn parts_sum_exactly_and_fees_never_exceed_their_share(
        minor in prop_oneof![0i128..100_000, Just(i128::MAX), (i128::MAX - 20_000)..i128::MAX],
        bps in proptest::collection::vec(1u16..1_200, 0..8),
    ) {
        let mut contract = Cast::new().unwrap().contract();
        let account = |n: usize| format!("acct_fee-{n}").parse().unwrap();
        contract.fees = bps.iter().enumerate().map(|(n, bps)| Fee { account: account(n), bps: *bps }).collect();
        let parts = contract.split(minor).unwrap();
        let sum = parts.iter().try_fold(0i128, |sum, part| sum.checked_add(part.amount.minor()));
        prop_assert_eq!(sum, Some(minor));
        prop_assert!(parts.iter().all(|part| part.amount.minor() > 0));
        for fee in &contract.fees {
            let got = parts.iter().find(|part| part.account == fee.account).map_or(0, |part| part.amount.minor());
            // ⌊minor · bps / 10,000⌋, computed the long way round.
            let wanted = minor / 10_000 * i128::from(fee.bps) + minor % 10_000 * i128::from(fee.bps) / 10_000;
            prop_assert_eq!(got, wanted);
        }
    }

    #[test]
    fn stages_cost_a_fee_at_most_a_unit_each(amounts in proptest::collection::vec(1i128..5_000, 1..12)) {
        let contract = Cast::new().unwrap().contract();
        let fees = |minor: i128| {
            let parts = contract.split(minor).unwrap();
            parts.iter().filter(|part| part.account != contract.payee.account).map(|p| p.amount.minor()).sum::<i128>()
        };
        let apart: i128 = amounts.iter().map(|minor| fees(*minor)).sum();
        let whole = fees(amounts.iter().sum());
        let most = (amounts.len() as i128 - 1) * contract.fees.len() as i128;
        prop_assert!(apart <= whole && whole - apart <= most, "{} {} {}", apart, whole, most);
    }
}
