//! From evidence to released money: the verifiers sign what the predicate gives, and anybody can repeat it.

use crate::forge::{NOW, ed25519, signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use tollgate_core::{Digest, Timestamp};
use tollgate_evidence::predicate::Predicate;
use tollgate_evidence::proof::{Blob, Dossier, Exhibit, Package, Pote, judge_again, verdict};
use tollgate_evidence::{Appraisal, Appraisals, Bind, Kind, Policy};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{
    ControlPlane, Escrow, Event, Replayed, Signed, Signer as EscrowSigner, Submission, TaskContract, Verdict,
    digest,
};
use tollgate_pay::json::plain;
use tollgate_pay::simulate::Cast;

const OUTPUT: &[u8] = b"what was delivered";

/// A result of tests on an output, in an envelope signed with a seed.
fn result(bind: &str, output: &Digest, failed: u32, seed: u8) -> Exhibit {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "tollgate/test-result/v1",
        "subject": [{"name": "out", "digest": {"sha256": output}}],
        "predicate": {"bind": bind, "suite": "5u173", "passed": 12, "failed": failed}});
    let (kind, payload) = ("application/vnd.in-toto+json", statement.to_string());
    let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let mark = json!({"sig": STANDARD.encode(ed25519(seed).sign(message.as_bytes()))});
    let envelope = json!({"payloadType": kind, "payload": STANDARD.encode(payload), "signatures": [mark]});
    Exhibit { collateral: Vec::new(), evidence: Blob(envelope.to_string().into_bytes()), kind: Kind::Dsse }
}

fn predicate(require: &Json) -> Predicate {
    Predicate::parse(json!({"require": require, "type": "tollgate/predicate/v1"}).to_string().as_bytes())
        .unwrap()
}

/// A suite passed by the word of a trusted runner, and the payee's own signature for the output.
fn wanted() -> Predicate {
    let signed = |role: &str, more: Json| {
        let mut tests = vec![
            json!({"contains": {"fact": "roles", "value": role}}),
            json!({"output": {"fact": "subjects"}}),
        ];
        tests.extend(more.as_array().unwrap().clone());
        json!({"evidence": {"kind": "dsse", "where": tests}})
    };
    let passed = json!([{"range": {"at": "/failed", "fact": "predicate", "from": 0, "to": 0}}]);
    predicate(&json!({"all": [signed("test-runner", passed), signed("payee", json!([]))]}))
}

fn contract(predicate: &Predicate) -> TaskContract {
    let mut contract = Cast::new().unwrap().contract();
    contract.evidence.kinds = vec!["dsse".into()];
    contract.evidence.predicate = predicate.digest();
    contract
}

fn policy() -> Policy {
    let mut runner = signer(30, Kind::Dsse, "runner", None);
    runner.role = "test-runner".into();
    Policy { signers: vec![runner], ..Policy::default() }
}

/// The payee's seed in the cast.
const PAYEE: u8 = 2;

fn dossier(contract: &TaskContract, output: &Digest, failed: u32) -> Dossier {
    let bind = Bind::of(contract, output).to_string();
    let package =
        Package::new(vec![result(&bind, output, failed, 30), result(&bind, output, 0, PAYEE)]).unwrap();
    Dossier::new(Timestamp(NOW * 1_000_000), *output, package, policy(), wanted())
}

fn submission(contract: &TaskContract, dossier: &Dossier) -> Submission {
    Submission {
        contract: contract.digest(),
        evidence: dossier.package.digest(),
        kind: "dsse".into(),
        output: dossier.output,
        stage: 0,
        version: 4,
    }
}

#[test]
fn what_the_predicate_wants_is_granted_and_repeats_to_the_same_digest() {
    let (contract, output) = (contract(&wanted()), digest(OUTPUT));
    let dossier = dossier(&contract, &output, 0);
    let pote = dossier
        .judge_submission(&contract, &submission(&contract, &dossier), Timestamp(NOW * 1_000_000))
        .unwrap();
    assert!(pote.holds, "{:?} {:?}", pote.reasons, pote.exhibits);
    // Years later, from the file alone.
    let again = Dossier::parse(&dossier.canonical()).unwrap();
    assert_eq!(again.judge(&contract).unwrap().digest(), pote.digest());
    assert_eq!(Pote::parse(&pote.canonical()).unwrap(), pote);
}

#[test]
fn what_it_does_not_want_is_refused_with_the_reason() {
    let (contract, output) = (contract(&wanted()), digest(OUTPUT));
    let pote = dossier(&contract, &output, 3).judge(&contract).unwrap();
    assert!(!pote.holds);
    let told: Vec<_> = pote.reasons.iter().map(|reason| reason.says.as_str()).collect();
    assert!(told.contains(&"predicate is 3, not 0 to 0"), "{told:?}");
}

#[test]
fn evidence_of_another_task_output_or_nonce_grants_nothing() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let good = dossier(&mine, &output, 0);
    let mut other = mine.clone();
    other.nonce = Digest([0x77; 32]);
    let pote = good.judge(&other).unwrap();
    assert!(!pote.holds);
    assert!(pote.exhibits.iter().all(|exhibit| exhibit.refusal.as_ref().unwrap().place == "unbound"));
    let elsewhere =
        Dossier::new(good.at, digest(b"something else"), good.package.clone(), policy(), wanted());
    assert!(!elsewhere.judge(&mine).unwrap().holds);
    // Another package or output than the payee signed for is not judged at all.
    let signed = submission(&mine, &good);
    let swapped = dossier(&mine, &output, 1);
    assert!(matches!(swapped.judge_submission(&mine, &signed, swapped.at), Err(PayError::NotProven { .. })));
    assert!(matches!(
        elsewhere.judge_submission(&mine, &signed, elsewhere.at),
        Err(PayError::NotProven { .. })
    ));
}

#[test]
fn the_contract_names_predicate_kinds_and_policy() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let good = dossier(&mine, &output, 0);
    let weaker = predicate(&json!({"evidence": {"kind": "dsse", "where": []}}));
    let easy = Dossier::new(good.at, output, good.package.clone(), policy(), weaker);
    assert!(easy.judge(&mine).is_err(), "a predicate of somebody's own");
    let mut strict = mine.clone();
    strict.evidence.policy = Some(digest(Policy::default().canonical().as_bytes()));
    assert!(good.judge(&strict).is_err(), "a policy of somebody's own");
    strict.evidence.policy = Some(digest(policy().canonical().as_bytes()));
    assert_ne!(strict.digest(), mine.digest());
    assert!(dossier(&strict, &output, 0).judge(&strict).unwrap().holds);
}

/// A policy cannot make somebody else the payee.
#[test]
fn roles_of_the_contract_are_the_contracts() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let bind = Bind::of(&mine, &output).to_string();
    let package = Package::new(vec![result(&bind, &output, 0, 30), result(&bind, &output, 0, 31)]).unwrap();
    let mut policy = policy();
    let mut impostor = signer(31, Kind::Dsse, "payee", None);
    impostor.role = "payee".into();
    policy.signers.push(impostor);
    let pote =
        Dossier::new(Timestamp(NOW * 1_000_000), output, package, policy, wanted()).judge(&mine).unwrap();
    assert!(!pote.holds);
}

/// Valid when it was handed in, expired when it is settled: the verdict is as of the time that the dossier names, and as of
/// the later time it is refused.
#[test]
fn the_time_of_the_check_is_part_of_the_dossier() {
    use crate::data::samples;
    for sample in samples().into_iter().filter(|s| s.refused.is_none() && s.kind == Kind::AwsNitro) {
        let wanted = predicate(&json!({"evidence": {"kind": "aws-nitro", "where": []}}));
        let mut contract = contract(&wanted);
        contract.evidence.kinds = vec!["aws-nitro".into()];
        let exhibit =
            Exhibit { collateral: Vec::new(), evidence: Blob(sample.evidence.clone()), kind: sample.kind };
        let package = Package::new(vec![exhibit]).unwrap();
        let code = |at: i64| {
            let time = Timestamp(at * 1_000_000);
            let dossier =
                Dossier::new(time, digest(OUTPUT), package.clone(), Policy::default(), wanted.clone());
            dossier.judge(&contract).unwrap().exhibits[0].refusal.clone().unwrap().place
        };
        assert_eq!([code(sample.at), code(sample.at + 4 * 3_600)], ["unbound", "time"], "{}", sample.name);
    }
}

/// What the verifiers sign is the proof's digest, and the grant is nothing unless the predicate holds.
#[test]
fn the_verdict_carries_the_proof() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let pote = dossier(&mine, &output, 0).judge(&mine).unwrap();
    let plane = ControlPlane::new(tollgate_pay::escrow::Signer::from_seed(&[3; 32]));
    assert!(Cast::new().unwrap().contract().verifiers.keys.contains(&plane.key()));
    let text = pote.canonical();
    assert_eq!(
        digest(&text),
        pote.digest(),
        "the file's SHA-256 is what `escrow draft verdict` puts into the verdict"
    );
}

/// An escrow whose payee handed a dossier's package in, and what a bundle shows of it.
fn replayed(dossier: &Dossier, contract: &TaskContract, verdict: Verdict, checked: [i64; 2]) -> Replayed {
    let submission = Signed::new(submission(contract, dossier), Vec::new());
    let escrow = handed_in(contract, dossier);
    let [from, until] = checked.map(|seconds| Timestamp(seconds * 1_000_000));
    let events = vec![
        (7, from, Event::Submit(submission)),
        (9, until, Event::Verdict(Signed::new(verdict, Vec::new()))),
    ];
    Replayed { escrow, events, log_size: 10 }
}

/// The escrow with the dossier's package, handed in at the time as of which the dossier judges.
fn handed_in(contract: &TaskContract, dossier: &Dossier) -> Escrow {
    let mut escrow = escrow(contract);
    escrow.submission = Some(Signed::new(submission(contract, dossier), Vec::new()));
    escrow.submitted = Some(dossier.at);
    escrow
}

fn escrow(contract: &TaskContract) -> Escrow {
    let signed = Cast::new().unwrap().signed(contract.clone());
    Escrow::propose(&signed, Timestamp(0)).unwrap()
}

/// All of the stage when the predicate holds, nothing when it does not, and no verdict on anything else.
#[test]
fn the_grant_follows_from_the_dossier() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let grant = |failed: u32| {
        let dossier = dossier(&mine, &output, failed);
        assert!(verdict(&escrow(&mine), &dossier).is_err(), "nothing was handed in");
        let mut escrow = handed_in(&mine, &dossier);
        let (pote, said) = verdict(&escrow, &dossier).unwrap();
        escrow.submitted = Some(Timestamp(dossier.at.0 + 1));
        let late = verdict(&escrow, &dossier).unwrap_err().to_string();
        assert!(late.contains("handed in at"), "{late}");
        assert_eq!(said.pote, pote.digest());
        said.granted
    };
    assert_eq!(grant(0), mine.stages[0].amount);
    assert_eq!(grant(1).minor(), 0);
}

#[test]
fn a_bundle_and_its_dossier_judge_again() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let good = dossier(&mine, &output, 0);
    let (pote, said) = verdict(&handed_in(&mine, &good), &good).unwrap();
    let again = |dossier: &Dossier, said: &Verdict, checked| {
        judge_again(&replayed(dossier, &mine, said.clone(), checked), std::slice::from_ref(&good))
    };
    let proofs = again(&good, &said, [NOW, NOW + 14_400]).unwrap();
    assert_eq!(proofs, [(9, pote)]);
    let reason = |result: Result<_, PayError>| result.map(|_: Vec<(u64, Pote)>| ()).unwrap_err().to_string();
    let nothing = Verdict { granted: mine.amount(0), ..said.clone() };
    assert!(reason(again(&good, &nothing, [NOW, NOW + 1])).contains("and the predicate holds"));
    let other = Verdict { pote: Digest([1; 32]), ..said.clone() };
    assert!(reason(again(&good, &other, [NOW, NOW + 1])).contains("judging again gives"));
    for from in [NOW - 1, NOW + 1] {
        assert!(reason(again(&good, &said, [from, NOW + 2])).contains("was handed in at"));
    }
    let elsewhere = dossier(&mine, &output, 1);
    assert!(reason(again(&elsewhere, &said, [NOW, NOW + 1])).contains("no verdict is about"));
}

/// The same package, handed in again before anybody took it up: each dossier is about the verdict of its time.
#[test]
fn a_package_that_was_handed_in_twice_judges_again_by_both_dossiers() {
    let (mine, output) = (contract(&wanted()), digest(OUTPUT));
    let first = dossier(&mine, &output, 0);
    let mut second = first.clone();
    second.at = Timestamp(first.at.0 + 60_000_000);
    let said = |dossier: &Dossier| verdict(&handed_in(&mine, dossier), dossier).unwrap().1;
    let submit = |dossier: &Dossier| Event::Submit(Signed::new(submission(&mine, dossier), Vec::new()));
    let found = |dossier: &Dossier| Event::Verdict(Signed::new(said(dossier), Vec::new()));
    let events = vec![
        (1, first.at, submit(&first)),
        (2, Timestamp(first.at.0 + 1), found(&first)),
        (3, second.at, submit(&second)),
        (4, Timestamp(second.at.0 + 1), found(&second)),
    ];
    let replayed = Replayed { escrow: escrow(&mine), events, log_size: 5 };
    for dossiers in [[first.clone(), second.clone()], [second, first]] {
        let proofs = judge_again(&replayed, &dossiers).unwrap();
        assert_eq!(proofs.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), [2, 4]);
    }
}

/// k of n evaluators, in one file; two files would let somebody be heard twice.
#[test]
fn a_quorum_of_evaluators_is_heard_once() {
    let wanted = predicate(&json!({"evidence": {"kind": "evaluators", "where": [
        {"count": {"fact": "passed_by", "least": 2}}, {"output": {"fact": "output"}}
    ]}}));
    let mut contract = contract(&wanted);
    contract.evidence.kinds = vec!["evaluators".into()];
    let output = digest(OUTPUT);
    let bind = Bind::of(&contract, &output).to_string();
    let file = |found: &[(usize, bool)]| {
        let signed = |(who, passed): &(usize, bool)| {
            let at = Timestamp(NOW * 1_000_000);
            let said = Appraisal { at, bind: bind.clone(), output, passed: *passed, reasons: None };
            let mut signed = Signed::new(said, Vec::new());
            let stranger = EscrowSigner::from_seed(&[PAYEE; 32]);
            signed.add(Cast::new().unwrap().evaluators.get(*who).unwrap_or(&stranger));
            signed
        };
        let appraisals = Appraisals { appraisals: found.iter().map(signed).collect() };
        Exhibit { collateral: Vec::new(), evidence: Blob(plain(&appraisals)), kind: Kind::Evaluators }
    };
    // Somebody whom the verifier's policy would hear as an evaluator is none of this contract's.
    let mut stranger = signer(PAYEE, Kind::Evaluators, "stranger", None);
    stranger.role = "reviewer".into();
    let holds = |files: Vec<Exhibit>| {
        let package = Package::new(files).unwrap();
        let at = Timestamp(NOW * 1_000_000);
        let policy = Policy { signers: vec![stranger.clone()], ..Policy::default() };
        Dossier::new(at, output, package, policy, wanted.clone()).judge(&contract).unwrap().holds
    };
    assert!(holds(vec![file(&[(0, true), (1, true), (2, false)])]));
    assert!(!holds(vec![file(&[(0, true), (9, true)])]), "the payee, whom the policy would hear");
    assert!(!holds(vec![file(&[(0, true), (1, false), (2, false)])]));
    assert!(!holds(vec![file(&[(0, true), (0, true)])]));
    assert!(!holds(vec![file(&[(0, true), (1, true)]), file(&[(0, false)])]));
}
