//! Readers of evidence: documents, reports, quotes, tokens, envelopes, claims, HTTP messages, and predicates over them.

use tollgate_core::{Digest, Timestamp};
use tollgate_evidence::predicate::{Given, Predicate};
use tollgate_evidence::proof::{Dossier, Package};
use tollgate_evidence::{Bind, Check, Claims, Collateral, Kind, Policy, Refusal, verify};
use tollgate_pay::json::Json;

/// No bytes are evidence of a task that nobody made: there is a root of nobody here. A run needs nobody, and comes to the same again.
/// The first byte chooses the kind.
pub(crate) fn evidence(data: &[u8]) -> bool {
    let Some((choice, bytes)) = data.split_first() else { return false };
    let kind = Kind::ALL[usize::from(*choice) % Kind::ALL.len()];
    let (policy, bind) = (Policy::default(), Bind([0x5a; 64]));
    // The same bytes as what vendors say: certificates, lists and levels are read too.
    let collateral = Collateral::new(vec![bytes.to_vec()]).unwrap_or_default();
    let check = Check {
        at: Timestamp(1_795_824_000_000_000),
        policy: &policy,
        collateral: &collateral,
        bind: Some(&bind),
    };
    match verify(kind, bytes, &check) {
        Ok(claims) if kind == Kind::Execution => {
            assert_eq!(verify(kind, bytes, &check), Ok(claims));
            true
        }
        Ok(claims) => panic!("accepted: {claims:?}"),
        Err(Refusal::Malformed { .. } | Refusal::TooLarge { .. } | Refusal::Missing { .. }) => false,
        Err(_) => true,
    }
}

/// A predicate has one text and one digest; judging ends, and with nothing shown nothing holds.
pub(crate) fn predicate(data: &[u8]) -> bool {
    let claims: [Claims; 0] = [];
    let given = Given { at: 0, claims: &claims, output: &Digest([0; 32]) };
    if let Ok(package) = Package::parse(data) {
        assert_eq!(Package::parse(&package.canonical()).expect("what was written is read"), package);
        return true;
    }
    if let Ok(dossier) = Dossier::parse(data) {
        assert_eq!(Dossier::parse(&dossier.canonical()).expect("what was written is read"), dossier);
        return true;
    }
    // Strict JSON gets past the reader: what is refused behind it is refused by the form.
    let Ok(predicate) = Predicate::parse(data) else { return Json::parse(data).is_ok() };
    let again = Predicate::parse(&predicate.canonical()).expect("the canonical form is read");
    assert_eq!(again.digest(), predicate.digest());
    let sensible = predicate.check().is_ok();
    let judged = predicate.judge(&given);
    assert!(!judged.holds && (!sensible || !judged.reasons.is_empty()));
    true
}
