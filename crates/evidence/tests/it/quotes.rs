//! Quotes of SGX enclaves and TDX guests with platforms, quoting enclaves and collateral of our own.

use crate::forge::{House, Key, bound_only, der, extension, hex, judge, pem, seq};
use serde_json::{Value, json};
use tollgate_evidence::{Kind, Policy};

const FMSPC: [u8; 6] = [1, 2, 3, 4, 5, 6];
const SGX: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 0x0d, 1];

/// A platform under a root of our own, with what "Intel" says of it.
struct Platform {
    house: House,
    /// Signs quotes.
    attestation: Key,
    lists: [Vec<u8>; 2],
    edition: u32,
}

impl Platform {
    fn new() -> Self {
        let mut house = House::new(Kind::IntelDcap);
        house.leaf = Key::p256();
        let lists = [list("root", &house.root, None), list("middle", &house.middle, None)];
        Self { house, attestation: Key::p256(), lists, edition: 17 }
    }

    /// Extensions of its certificate.
    fn extensions(&self) -> Vec<Vec<u8>> {
        let named = |end: &[u8], value: Vec<u8>| seq(&[der(6, &[&SGX, end].concat()), value]);
        let mut levels: Vec<_> = (1..=16).map(|n| named(&[2, n], der(2, &[5]))).collect();
        levels.push(named(&[2, 17], der(2, &[11])));
        let value =
            seq(&[named(&[2], seq(&levels)), named(&[3], der(4, &[0, 0])), named(&[4], der(4, &FMSPC))]);
        vec![extension(&SGX, false, &value)]
    }

    /// The collateral; `change` changes levels and identity before they are signed.
    fn collateral(&self, tee: &str, change: &dyn Fn(&mut Value, &mut Value)) -> Vec<u8> {
        let components: Vec<_> = (0..16).map(|_| json!({"svn": 5})).collect();
        let tcb = json!({"sgxtcbcomponents": components, "pcesvn": 11, "tdxtcbcomponents": components});
        let dates = json!({"issueDate": "2026-11-01T00:00:00Z", "nextUpdate": "2026-12-01T00:00:00Z"});
        let mut levels = json!({"id": tee, "version": 3, "fmspc": hex(&FMSPC).to_uppercase(), "pceId": "0000",
            "tcbEvaluationDataNumber": self.edition, "tcbLevels": [{"tcb": tcb, "tcbStatus": "UpToDate"}],
            "tdxModuleIdentities": [{"id": "TDX_01", "mrsigner": "00".repeat(48), "attributes": "00".repeat(8),
                "attributesMask": "FF".repeat(8), "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbStatus": "UpToDate"},
                {"tcb": {"isvsvn": 2}, "tcbStatus": "OutOfDate"}]}]});
        let mut identity = json!({"id": if tee == "TDX" { "TD_QE" } else { "QE" }, "version": 2,
            "tcbEvaluationDataNumber": self.edition, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
            "attributes": format!("11{}", "00".repeat(15)), "attributesMask": "FB".to_owned() + &"FF".repeat(7) + &"00".repeat(8),
            "mrsigner": "0E".repeat(32), "isvprodid": 2, "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbStatus": "UpToDate"}]});
        for said in [&mut levels, &mut identity] {
            said["issueDate"] = dates["issueDate"].clone();
            said["nextUpdate"] = dates["nextUpdate"].clone();
        }
        change(&mut levels, &mut identity);
        // The signer of levels stands directly below the root, as the authority of platforms does.
        let signer = Key::p256();
        let mut above = self.house.chain(Vec::new()).split_off(2);
        let mut cert = crate::forge::Cert::new("leaf", "root");
        cert.authority = false;
        above.insert(0, cert.signed(&signer.public(), &self.house.root));
        let chain = String::from_utf8(pem(&above)).unwrap();
        let sign = |text: &str| hex(&signer.sign(text.as_bytes(), false));
        let (levels, identity) = (levels.to_string(), identity.to_string());
        json!({"root_ca_crl": hex(&self.lists[0]), "pck_crl": hex(&self.lists[1]),
            "tcb_info_issuer_chain": chain, "tcb_info_signature": sign(&levels), "tcb_info": levels,
            "qe_identity_issuer_chain": chain, "qe_identity_signature": sign(&identity), "qe_identity": identity})
        .to_string()
        .into_bytes()
    }

    /// The report of an enclave.
    fn report(signer: u8, flags: u8, product: u8, svn: u8, data: &[u8]) -> Vec<u8> {
        let mut report = vec![0; 384];
        report[48] = flags;
        report[128..160].copy_from_slice(&[signer; 32]);
        (report[256], report[258]) = (product, svn);
        report[320..320 + data.len()].copy_from_slice(data);
        report
    }

    /// Signature data behind header and body.
    fn quote(&self, version: u16, header_and_body: &[u8]) -> Vec<u8> {
        let tollgate_evidence::PublicKey::P256(point) = self.attestation.public() else { panic!("P-256") };
        let (key, authentication) = (&point[1..], [9; 32]);
        let named = ring::digest::digest(&ring::digest::SHA256, &[key, &authentication].concat());
        let report = Self::report(0x0e, 0x11, 2, 4, named.as_ref());
        let chain = pem(&self.house.chain(self.extensions()));
        let counted = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes(), bytes].concat();
        let mut certified =
            [&report[..], &self.house.leaf.sign(&report, false), &[32, 0], &authentication].concat();
        certified.extend([&[5, 0][..], &counted(&chain)].concat());
        let mut data = [&self.attestation.sign(header_and_body, false)[..], key].concat();
        match version {
            3 => data.extend(certified),
            _ => data.extend([&[6, 0][..], &counted(&certified)].concat()),
        }
        [header_and_body, &counted(&data)].concat()
    }

    fn header(version: u8, tee: u8) -> Vec<u8> {
        let vendor =
            [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 6, 7];
        [&[version, 0, 2, 0, tee, 0, 0, 0, 0, 0, 0, 0][..], &vendor, &[0; 20]].concat()
    }

    fn sgx(&self, data: &[u8], debug: bool) -> Vec<u8> {
        let body = Self::report(0x77, if debug { 7 } else { 5 }, 1, 1, data);
        self.quote(3, &[Self::header(3, 0), body].concat())
    }

    fn tdx(&self, version: u8, data: &[u8], change: &dyn Fn(&mut [u8])) -> Vec<u8> {
        let mut body = vec![0; if version == 5 { 648 } else { 584 }];
        body[..16].copy_from_slice(&[5; 16]);
        (body[0], body[1], body[123]) = (4, 1, 0x10);
        body[520..584].copy_from_slice(data);
        change(&mut body);
        let kind = if version == 5 { [&[3, 0][..], &648_u32.to_le_bytes()].concat() } else { Vec::new() };
        self.quote(version.into(), &[Self::header(version, 0x81), kind, body].concat())
    }

    fn code(&self, quote: &[u8], collateral: &[u8]) -> &'static str {
        let files = [collateral.to_vec()];
        let verdict = judge(Kind::IntelDcap, quote, &self.house.policy, &files, None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    }
}

/// A host that may move a guest, or binds one of its own to it, changes no measurement.
#[test]
fn what_measurements_do_not_show_is_refused_unless_the_policy_names_it() {
    let mut platform = Platform::new();
    let tdx = platform.collateral("TDX", AS_IS);
    let moved: &dyn Fn(&mut [u8]) = &|body| body[123] |= 0x20;
    let bound: &dyn Fn(&mut [u8]) = &|body| body[647] = 1;
    let open: &dyn Fn(&mut [u8]) = &|body| body[123] = 0;
    let cases = [("migratable", moved), ("service-td", bound), ("sept-ve", open)];
    for (name, change) in cases {
        let quote = platform.tdx(5, &[0; 64], change);
        platform.house.policy.tcb.guests = Vec::new();
        assert_eq!(platform.code(&quote, &tdx), "status", "{name}");
        for (allowed, _) in cases {
            platform.house.policy.tcb.guests = vec![allowed.into()];
            let wanted = if allowed == name { "accepted" } else { "status" };
            assert_eq!(platform.code(&quote, &tdx), wanted, "{name} where {allowed} is allowed");
        }
        let claims = judge(
            Kind::IntelDcap,
            &quote,
            &allowing(&platform.house.policy, name),
            std::slice::from_ref(&tdx),
            None,
        )
        .unwrap();
        let fact = |fact: &str| claims.facts[fact].clone();
        let (attributes, service) = match name {
            "migratable" => ("0000003000000000", "00"),
            "service-td" => ("0000001000000000", "01"),
            _ => ("0000000000000000", "00"),
        };
        assert_eq!(fact("td_attributes"), attributes.into());
        assert_eq!(fact("mr_service_td"), format!("{}{service}", "00".repeat(47)).into());
    }
    assert!(Policy::parse(br#"{"tcb": {"guests": ["migrateable"]}}"#).is_err(), "a name that there is not");
}

fn allowing(policy: &Policy, name: &str) -> Policy {
    let mut policy = policy.clone();
    policy.tcb.guests = vec![name.into()];
    policy
}

/// A revocation list with at most one serial number.
pub(crate) fn list(issuer: &str, key: &Key, serial: Option<u8>) -> Vec<u8> {
    let scheme = seq(&[der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])]);
    let name = seq(&[der(0x31, &seq(&[der(6, &[0x55, 4, 3]), der(0x0c, issuer.as_bytes())]))]);
    let time = |text: &str| der(0x17, text.as_bytes());
    let mut parts = vec![der(2, &[1]), scheme.clone(), name, time("261101000000Z"), time("261201000000Z")];
    parts.extend(serial.map(|serial| seq(&[seq(&[der(2, &[serial]), time("261101000000Z")])])));
    let tbs = seq(&parts);
    let signature = [&[0][..], &key.sign(&tbs, true)].concat();
    seq(&[tbs, scheme, der(3, &signature)])
}

const AS_IS: &dyn Fn(&mut Value, &mut Value) = &|_, _| {};

#[test]
fn quotes_are_of_one_task() {
    let platform = Platform::new();
    let (sgx, tdx) = ([platform.collateral("SGX", AS_IS)], [platform.collateral("TDX", AS_IS)]);
    let policy = &platform.house.policy;
    bound_only(Kind::IntelDcap, policy, &sgx, &|bind| platform.sgx(&bind.0, false));
    for version in [4, 5] {
        bound_only(Kind::IntelDcap, policy, &tdx, &|bind| platform.tdx(version, &bind.0, &|_| {}));
    }
}

#[test]
fn quotes_are_refused_by_name() {
    let platform = Platform::new();
    let (sgx, tdx) = (platform.collateral("SGX", AS_IS), platform.collateral("TDX", AS_IS));
    let good = platform.sgx(&[0; 64], false);
    assert_eq!(platform.code(&good, &sgx), "accepted");
    assert_eq!(platform.code(&good, &tdx), "mismatch", "levels of the other kind");
    assert_eq!(platform.code(&platform.sgx(&[0; 64], true), &sgx), "debug");
    let guest = |change: &dyn Fn(&mut [u8])| platform.code(&platform.tdx(4, &[0; 64], change), &tdx);
    assert_eq!(guest(&|_| {}), "accepted");
    assert_eq!(guest(&|body| body[120] = 1), "debug");
    assert_eq!(guest(&|body| body[0] = 3), "status", "an old module");
    assert_eq!(guest(&|body| body[0] = 1), "status", "a module below all levels");
    assert_eq!(guest(&|body| body[1] = 9), "missing", "a module that nobody knows");
    assert_eq!(guest(&|body| body[64] = 1), "mismatch", "a module of another signer");
    assert_eq!(guest(&|body| body[5] = 4), "status", "a component below all levels");
    for (at, bit, name) in [(122, 0x01, "icssd"), (123, 0x08, "lass"), (123, 0x20, "migratable")] {
        assert_eq!(guest(&|body| body[at] |= bit), "status", "{name}");
    }
    for (at, bit, name) in [(123, 0x40, "pks"), (123, 0x80, "kl"), (127, 0x40, "tpa")] {
        assert_eq!(guest(&|body| body[at] |= bit), "status", "{name}");
    }
    assert_eq!(guest(&|body| body[123] = 0), "status", "the host makes exceptions in it");
    assert_eq!(guest(&|body| body[127] = 0x80), "accepted", "its own counters");
    for (at, bit) in [(121, 1), (122, 2), (123, 1), (124, 1), (127, 0x20)] {
        assert_eq!(guest(&|body| body[at] |= bit), "unsupported", "a bit that nobody knows, in byte {at}");
    }
    let mut trailing = good.clone();
    trailing.extend([0; 8]);
    assert_eq!(platform.code(&trailing, &sgx), "accepted", "a buffer is larger than its quote");
    trailing.push(1);
    assert_eq!(platform.code(&trailing, &sgx), "malformed");
    let impostor = Platform { attestation: Key::p256(), ..Platform::new() };
    assert_eq!(platform.code(&impostor.sgx(&[0; 64], false), &sgx), "untrusted");
}

#[test]
fn what_the_vendor_says_is_held_to() {
    let platform = Platform::new();
    let quote = platform.sgx(&[0; 64], false);
    let with =
        |change: &dyn Fn(&mut Value, &mut Value)| platform.code(&quote, &platform.collateral("SGX", change));
    assert_eq!(with(&|levels, _| levels["fmspc"] = json!("000000000000")), "mismatch");
    assert_eq!(with(&|levels, _| levels["nextUpdate"] = json!("2026-11-02T00:00:00Z")), "time");
    assert_eq!(with(&|levels, _| levels["issueDate"] = json!("2026-11-30T00:00:00Z")), "time");
    assert_eq!(with(&|_, identity| identity["nextUpdate"] = json!("2026-11-02T00:00:00Z")), "time");
    assert_eq!(with(&|_, identity| identity["mrsigner"] = json!("0F".repeat(32))), "mismatch");
    assert_eq!(with(&|_, identity| identity["isvprodid"] = json!(1)), "mismatch");
    assert_eq!(
        with(&|_, identity| identity["tcbEvaluationDataNumber"] = json!(18)),
        "mismatch",
        "mixed editions"
    );
    assert_eq!(with(&|_, identity| identity["tcbLevels"][0]["tcbStatus"] = json!("Revoked")), "status");
    assert_eq!(with(&|levels, _| levels["tcbLevels"][0]["tcbStatus"] = json!("OutOfDate")), "status");
    assert_eq!(with(&|levels, _| levels["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-1"])), "status");
    assert_eq!(with(&|levels, _| levels["tcbLevels"][0]["tcb"]["pcesvn"] = json!(12)), "status");
    assert_eq!(with(&|levels, _| levels["version"] = json!(2)), "mismatch");
    // A platform's own key is certified under the same root, and says nothing of levels.
    let mut forged: Value = serde_json::from_slice(&platform.collateral("SGX", AS_IS)).unwrap();
    let levels = forged["tcb_info"].as_str().unwrap().to_owned();
    forged["tcb_info_signature"] = json!(hex(&platform.house.leaf.sign(levels.as_bytes(), false)));
    forged["tcb_info_issuer_chain"] =
        json!(String::from_utf8(pem(&platform.house.chain(Vec::new()))).unwrap());
    assert_eq!(platform.code(&quote, forged.to_string().as_bytes()), "mismatch");
    let rolled = Platform { edition: 16, ..Platform::new() };
    let files = [rolled.collateral("SGX", AS_IS)];
    let refusal =
        judge(Kind::IntelDcap, &rolled.sgx(&[0; 64], false), &rolled.house.policy, &files, None).unwrap_err();
    assert!(refusal.to_string().contains("edition of the levels is 16"), "{refusal}");
}

#[test]
fn revoked_platforms_and_lists_that_do_not_count_are_refused() {
    let mut platform = Platform::new();
    let quote = platform.sgx(&[0; 64], false);
    // Every certificate here has the serial number 7.
    platform.lists[1] = list("middle", &platform.house.middle, Some(8));
    assert_eq!(platform.code(&quote, &platform.collateral("SGX", AS_IS)), "accepted");
    platform.lists[1] = list("middle", &platform.house.middle, Some(7));
    assert_eq!(platform.code(&quote, &platform.collateral("SGX", AS_IS)), "revoked");
    platform.lists[1] = list("middle", &platform.house.root, None);
    assert_eq!(platform.code(&quote, &platform.collateral("SGX", AS_IS)), "signature");
    platform.lists[1] = list("somebody", &platform.house.middle, None);
    assert_eq!(platform.code(&quote, &platform.collateral("SGX", AS_IS)), "missing", "no list of the issuer");
    assert_eq!(Policy::default().tcb.statuses, ["UpToDate"]);
}
