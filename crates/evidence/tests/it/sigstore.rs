//! Sigstore bundles: the published cases of its conformance suite, each with its stated verdict.

use crate::data::{BEACON, GITHUB, file, sigstore};
use crate::forge::{Cert, House, Key, NOW, bound_only, der, extension, hex, judge, seq};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;
use tollgate_core::Timestamp;
use tollgate_evidence::{Bind, Check, Claims, Collateral, Kind, Policy, Refusal, Signer, Value, verify};
use tollgate_pay::escrow::dsse_message;
use tollgate_pay::log::leaf_hash;

const FOLDER: &str = "sigstore-dsse/bundle-verify";
/// When the cases are judged: 2026-11-28.
const AT: i64 = 1_795_824_000;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// A case of the suite.
struct Case {
    name: String,
    bundle: Vec<u8>,
    root: Vec<u8>,
    artifact: Vec<u8>,
    policy: Policy,
}

/// The public instance's trusted root: the one that a case exported, without the end that it set.
fn production() -> Option<Vec<u8>> {
    let root = file(&format!("{FOLDER}/trust-root-tlog-validity-end-inclusive/trusted_root.json"))?;
    let mut root: serde_json::Value = serde_json::from_slice(&root).unwrap();
    root["tlogs"][0]["publicKey"]["validFor"]["end"] = serde_json::Value::Null;
    Some(root.to_string().into_bytes())
}

impl Case {
    fn read(name: &str) -> Option<Self> {
        let quiet = |part: &str| {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evidence");
            std::fs::read(path.join(FOLDER).join(name).join(part)).ok()
        };
        let root = match quiet("trusted_root.json") {
            Some(root) => root,
            None => production()?,
        };
        let text = |part, other: &str| match quiet(part) {
            Some(bytes) => String::from_utf8(bytes).unwrap().trim().to_owned(),
            None => other.to_owned(),
        };
        let mut policy = sigstore(&root, &text("issuer", GITHUB), &text("identity", BEACON));
        policy.max_age_s = 20 * 365 * 86_400;
        if let Some(key) = quiet("key.pub") {
            let key = String::from_utf8(key).unwrap();
            // The key of one case is none, so nobody is trusted by it.
            policy.signers.extend(Signer::of(Kind::Sigstore, "release", None, &key).ok());
        }
        let artifact = quiet("artifact").or_else(|| file(&format!("{FOLDER}/a.txt")))?;
        Some(Self { name: name.into(), bundle: quiet("bundle.sigstore.json")?, root, artifact, policy })
    }

    fn judge(&self, bundle: &[u8], at: i64) -> Result<Claims, Refusal> {
        let collateral = Collateral::new(vec![self.root.clone()]).unwrap();
        let at = Timestamp(at * 1_000_000);
        verify(
            Kind::Sigstore,
            bundle,
            &Check { at, policy: &self.policy, collateral: &collateral, bind: None },
        )
    }

    /// Whether it is accepted, and of the artifact.
    fn verdict(&self) -> Result<(), String> {
        let claims = self.judge(&self.bundle, AT).map_err(|refusal| refusal.to_string())?;
        let wanted = hex(&sha256(&self.artifact));
        let of_it = match (claims.fact("message_sha256"), claims.fact("subjects")) {
            (Some(Value::Text(digest)), _) => *digest == wanted,
            (_, Some(Value::List(subjects))) => subjects.contains(&wanted),
            _ => false,
        };
        if of_it { Ok(()) } else { Err("it is of another artifact".into()) }
    }
}

fn cases() -> Vec<Case> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evidence").join(FOLDER);
    let Ok(entries) = std::fs::read_dir(&path) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {}", path.display());
        return Vec::new();
    };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().filter_map(|name| Case::read(name)).collect()
}

#[test]
fn published_cases_have_their_verdicts() {
    let mut wrong = Vec::new();
    let (mut accepted, mut refused) = (0, 0);
    for case in cases() {
        let verdict = case.verdict();
        match (case.name.ends_with("_fail"), verdict) {
            (true, Err(_)) => refused += 1,
            (false, Ok(())) => accepted += 1,
            (_, verdict) => wrong.push(format!("{}: {verdict:?}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{accepted} accepted, {refused} refused, and wrong are {wrong:#?}");
}

/// Line breaks in base64 are no base64; without them the case is refused for the reason that its name says.
#[test]
fn a_time_outside_of_the_certificates_minutes_is_refused() {
    for case in cases().iter().filter(|case| case.name == "rekor2-timestamp-with-incorrect-time_fail") {
        assert_eq!(case.judge(&case.bundle, AT).unwrap_err().code(), "malformed");
        let mut bundle: serde_json::Value = serde_json::from_slice(&case.bundle).unwrap();
        let stamp = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]
            ["signedTimestamp"];
        *stamp = stamp.as_str().unwrap().replace('\n', "").into();
        assert_eq!(case.judge(bundle.to_string().as_bytes(), AT).unwrap_err().code(), "time");
    }
}

/// A house with a log of certificates and a log of signatures, whose trusted root the policy names.
struct Store {
    house: House,
    certificates: Key,
    signatures: Key,
    policy: Policy,
    root: Vec<u8>,
}

const SUBJECT: &str = "https://ci.example/runner";
const PROVIDER: &str = "https://login.example";

/// What a bundle is to say. All of it is true by default.
struct Said<'a> {
    bind: &'a str,
    /// When the log added it.
    time: i64,
    /// Whether it holds the log's promise with that time.
    promise: bool,
    /// Whether a log of certificates signed for the leaf.
    logged: bool,
}

impl Default for Said<'_> {
    fn default() -> Self {
        Self { bind: "", time: NOW - 60, promise: true, logged: true }
    }
}

impl Store {
    fn new() -> Self {
        let (house, certificates, signatures) = (House::new(Kind::Sigstore), Key::p256(), Key::p256());
        let coded = |bytes: &[u8]| STANDARD.encode(bytes);
        let log = |address: &str, key: &Key| {
            let spki = key.public().to_spki();
            let valid = json!({"start": "2026-01-01T00:00:00Z"});
            json!({"baseUrl": address, "publicKey": {"rawBytes": coded(&spki), "validFor": valid},
                "logId": {"keyId": coded(&sha256(&spki))}})
        };
        let chain: Vec<_> =
            house.chain(Vec::new())[1..].iter().map(|der| json!({"rawBytes": coded(der)})).collect();
        let root = json!({"tlogs": [log("https://log.example", &signatures)],
            "ctlogs": [log("https://ct.example", &certificates)],
            "certificateAuthorities": [{"certChain": {"certificates": chain},
                "validFor": {"start": "2026-01-01T00:00:00Z"}}]});
        let root = root.to_string().into_bytes();
        let policy = sigstore(&root, PROVIDER, SUBJECT);
        Self { house, certificates, signatures, policy, root }
    }

    /// The signer's certificate, which the log of certificates signed for.
    fn leaf(&self, logged: bool) -> Vec<u8> {
        let more = vec![
            extension(&[0x55, 0x1d, 17], true, &seq(&[der(0x86, SUBJECT.as_bytes())])),
            extension(&[0x55, 0x1d, 37], false, &seq(&[der(6, &[0x2b, 6, 1, 5, 5, 7, 3, 3])])),
            extension(&[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 8], false, &der(0x0c, PROVIDER.as_bytes())),
        ];
        let mut cert = Cert { more, ..Cert::new("leaf", "middle") };
        if logged {
            let time = (NOW as u64 * 1000).to_be_bytes();
            let tbs = cert.tbs(&self.house.leaf.public());
            let issuer = sha256(&self.house.middle.public().to_spki());
            let length = (tbs.len() as u32).to_be_bytes();
            let signed = [&[0, 0][..], &time, &[0, 1], &issuer, &length[1..], &tbs, &[0, 0]].concat();
            let signature = self.certificates.sign(&signed, true);
            let counted = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
            let id = sha256(&self.certificates.public().to_spki());
            let one = [&[0][..], &id, &time, &[0, 0, 4, 3], &counted(&signature)].concat();
            let list = counted(&counted(&one));
            cert.more.push(extension(&[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2], false, &der(4, &list)));
        }
        cert.signed(&self.house.leaf.public(), &self.house.middle)
    }

    fn bundle(&self, said: &Said<'_>) -> Vec<u8> {
        const TYPE: &str = "application/vnd.in-toto+json";
        let coded = |bytes: &[u8]| STANDARD.encode(bytes);
        let payload =
            json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": "ab"}}],
            "predicateType": "tollgate/test-result/v1", "predicate": {"bind": said.bind, "failed": 0}})
            .to_string();
        let signature = coded(&self.house.leaf.sign(&dsse_message(TYPE, payload.as_bytes()), true));
        let leaf = self.leaf(said.logged);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", coded(&leaf));
        let hash = json!({"algorithm": "sha256", "value": hex(&sha256(payload.as_bytes()))});
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"payloadHash": hash,
            "signatures": [{"signature": signature, "verifier": coded(pem.as_bytes())}]}})
        .to_string();
        let id = sha256(&self.signatures.public().to_spki());
        let (tree, body_coded, time) =
            (coded(&leaf_hash(body.as_bytes())), coded(body.as_bytes()), said.time);
        let text = format!("log.example - 7\n1\n{tree}\n");
        let line = coded(&[&id[..4], &self.signatures.sign(text.as_bytes(), true)].concat());
        let promised = format!(
            r#"{{"body":"{body_coded}","integratedTime":{time},"logID":"{}","logIndex":41}}"#,
            hex(&id)
        );
        let promise = coded(&self.signatures.sign(promised.as_bytes(), true));
        let mut entry = json!({"logIndex": "41", "logId": {"keyId": coded(&id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"}, "canonicalizedBody": body_coded,
            "integratedTime": time.to_string(), "inclusionProof": {"logIndex": "0", "rootHash": tree, "treeSize": "1",
                "hashes": [], "checkpoint": {"envelope": format!("{text}\n\u{2014} log.example {line}\n")}}});
        if said.promise {
            entry["inclusionPromise"] = json!({"signedEntryTimestamp": promise});
        }
        json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"certificate": {"rawBytes": coded(&leaf)}, "tlogEntries": [entry]},
            "dsseEnvelope": {"payloadType": TYPE, "payload": coded(payload.as_bytes()), "signatures": [{"sig": signature}]}})
        .to_string()
        .into_bytes()
    }

    fn judged(&self, said: &Said<'_>, policy: &Policy) -> Result<Claims, Refusal> {
        judge(Kind::Sigstore, &self.bundle(said), policy, std::slice::from_ref(&self.root), None)
    }
}

#[test]
fn bundles_are_of_one_task() {
    let store = Store::new();
    bound_only(Kind::Sigstore, &store.policy, std::slice::from_ref(&store.root), &|bind: &Bind| {
        store.bundle(&Said { bind: &bind.to_string(), ..Said::default() })
    });
}

#[test]
fn bundles_are_refused_by_name() {
    let store = Store::new();
    let code = |said: Said<'_>, policy: &Policy| {
        store.judged(&said, policy).map_or_else(|why| why.code(), |_| "accepted")
    };
    let with = |said: Said<'_>| code(said, &store.policy);
    let claims = store.judged(&Said::default(), &store.policy).unwrap();
    for (name, is) in
        [("identity", SUBJECT), ("issuer", PROVIDER), ("signer", "beacon"), ("log", "log.example")]
    {
        assert_eq!(claims.fact(name), Some(&is.into()), "{name}");
    }
    assert_eq!(claims.produced_at, Some(NOW - 60));
    assert_eq!(with(Said { promise: false, ..Said::default() }), "missing", "nobody signed a time");
    assert_eq!(with(Said { logged: false, ..Said::default() }), "missing", "no log of certificates");
    assert_eq!(with(Said { time: NOW - 86_401, ..Said::default() }), "time", "too old");
    assert_eq!(with(Said { time: NOW + 301, ..Said::default() }), "time", "from the future");
    assert_eq!(
        with(Said { time: 1_767_225_599, ..Said::default() }),
        "time",
        "before certificate and log count"
    );
    let nobody = Policy { identities: Vec::new(), ..store.policy.clone() };
    assert_eq!(code(Said::default(), &nobody), "untrusted");
    assert_eq!(code(Said::default(), &Policy::default()), "untrusted", "no trusted root by default");
    let other = Store::new();
    assert_eq!(
        judge(
            Kind::Sigstore,
            &other.bundle(&Said::default()),
            &store.policy,
            std::slice::from_ref(&store.root),
            None
        )
        .unwrap_err()
        .code(),
        "untrusted"
    );
}
