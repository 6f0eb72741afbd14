//! Documents, reports and measurements under a root of our own: bound to one task, and refused for every other reason.

use crate::data::any_level;
use crate::forge::{Cert, House, Key, NOW, bound_only, der, extension, hex, judge, pem};
use crate::quotes::list;
use tollgate_core::Digest;
use tollgate_evidence::predicate::{Given, Ready};
use tollgate_evidence::proof::Blob;
use tollgate_evidence::{Bind, Floor, Kind, Policy};

/// A CBOR head and its bytes.
fn cbor(major: u8, count: usize) -> Vec<u8> {
    match count {
        0..24 => vec![major << 5 | count as u8],
        24..256 => vec![major << 5 | 24, count as u8],
        256..65536 => vec![major << 5 | 25, (count >> 8) as u8, count as u8],
        _ => [&[major << 5 | 27][..], &(count as u64).to_be_bytes()].concat(),
    }
}

fn text(text: &str) -> Vec<u8> {
    [cbor(3, text.len()), text.as_bytes().to_vec()].concat()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [cbor(2, bytes.len()), bytes.to_vec()].concat()
}

/// A Nitro document; `pcr0` fills the register, `made` is when.
fn document(house: &House, chain: &[Vec<u8>], pcr0: u8, made: i64, user_data: Option<&[u8]>) -> Vec<u8> {
    document_of(house, chain, pcr0, made, user_data.map(|data| ("user_data", data)))
}

/// A document with a field of its caller's.
fn document_of(
    house: &House,
    chain: &[Vec<u8>],
    pcr0: u8,
    made: i64,
    caller: Option<(&str, &[u8])>,
) -> Vec<u8> {
    let pcrs = (0..5).flat_map(|n| [cbor(0, n), bytes(&[if n == 0 { pcr0 } else { 9 }; 48])].concat());
    let bundle = chain[1..].iter().rev().flat_map(|der| bytes(der));
    let mut entries = vec![
        [text("module_id"), text("i-1")].concat(),
        [text("digest"), text("SHA384")].concat(),
        [text("timestamp"), cbor(0, made as usize * 1000)].concat(),
        [text("pcrs"), cbor(5, 5), pcrs.collect()].concat(),
        [text("certificate"), bytes(&chain[0])].concat(),
        [text("cabundle"), cbor(4, chain.len() - 1), bundle.collect()].concat(),
    ];
    entries.extend(caller.map(|(name, data)| [text(name), bytes(data)].concat()));
    let payload = [cbor(5, entries.len()), entries.concat()].concat();
    let protected = bytes(&[0xa1, 1, 0x38, 0x22]);
    let signed = [vec![0x84], text("Signature1"), protected.clone(), vec![0x40], bytes(&payload)].concat();
    let signature = house.leaf.sign(&signed, false);
    [vec![0xd2, 0x84], protected, vec![0xa0], bytes(&payload), bytes(&signature)].concat()
}

#[test]
fn nitro_documents_are_of_one_task() {
    let house = House::new(Kind::AwsNitro);
    let chain = house.chain(Vec::new());
    bound_only(Kind::AwsNitro, &house.policy, &[], &|bind| document(&house, &chain, 1, NOW, Some(&bind.0)));
}

/// A nonce is the caller's, so whoever asks a genuine enclave chooses it; predicates can tell it from the enclave's own data.
#[test]
fn nitro_documents_say_where_the_binding_stands() {
    let house = House::new(Kind::AwsNitro);
    let chain = house.chain(Vec::new());
    let bind = Bind([7; 64]);
    let ready = Ready::named("enclave").unwrap();
    let pcr0 = hex(&[1; 48]);
    let wanted = ready.with(&[("pcr0", pcr0.as_str()), ("most_s", "60")].into()).unwrap();
    for (name, holds) in [("user_data", true), ("nonce", false)] {
        let document = document_of(&house, &chain, 1, NOW, Some((name, &bind.0)));
        let claims = judge(Kind::AwsNitro, &document, &house.policy, &[], Some(&bind)).unwrap();
        assert_eq!(claims.fact("bound_in"), Some(&name.into()));
        let given = Given { at: NOW, claims: &[claims], output: &Digest([0; 32]) };
        assert_eq!(wanted.judge(&given).holds, holds, "{name}");
    }
}

#[test]
fn nitro_documents_are_refused_by_name() {
    let house = House::new(Kind::AwsNitro);
    let chain = house.chain(Vec::new());
    let code = |document: &[u8], policy: &Policy| {
        judge(Kind::AwsNitro, document, policy, &[], None)
            .map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let good = document(&house, &chain, 1, NOW, None);
    assert_eq!(code(&good, &house.policy), "accepted");
    assert_eq!(code(&good, &Policy::default()), "untrusted");
    assert_eq!(code(&document(&house, &chain, 0, NOW, None), &house.policy), "debug");
    let allowed = Policy { allow_debug: true, ..house.policy.clone() };
    assert_eq!(code(&document(&house, &chain, 0, NOW, None), &allowed), "accepted");
    assert_eq!(code(&document(&house, &chain, 1, NOW - 90_000, None), &house.policy), "time");
    assert_eq!(code(&document(&house, &chain, 1, NOW + 301, None), &house.policy), "time");
    let unbound = judge(Kind::AwsNitro, &good, &house.policy, &[], Some(&Bind([1; 64]))).unwrap_err();
    assert_eq!(unbound.to_string(), "it is not bound to this task: user_data and nonce is empty");
}

/// What is wrong with chains, shown on one kind: all kinds check them in the same place.
#[test]
fn chains_are_refused_by_name() {
    let house = House::new(Kind::AwsNitro);
    let good = house.chain(Vec::new());
    let leaf = |cert: Cert<'_>| cert.signed(&house.leaf.public(), &house.middle);
    let other = Key::new();
    let replaced = |at: usize, der: Vec<u8>| {
        let mut chain = good.clone();
        chain[at] = der;
        chain
    };
    let critical = Cert { more: vec![extension(&[0x2a, 3], true, &[5, 0])], ..Cert::new("leaf", "middle") };
    let plain = Cert { authority: false, ..Cert::new("middle", "root") };
    let ending = Cert { until: "260201000000Z", ..Cert::new("leaf", "middle") };
    let path_of_none = {
        let constraints = extension(&[0x55, 0x1d, 19], true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
        // The first of two constraints would be `authority`; a list with two is refused before it is read.
        Cert { more: vec![constraints], ..Cert::new("middle", "root") }
    };
    let usage = Cert {
        more: vec![extension(&[0x55, 0x1d, 15], true, &[3, 2, 7, 0x80])],
        ..Cert::new("middle", "root")
    };
    let cases = [
        ("accepted", good.clone()),
        ("time", replaced(0, leaf(ending))),
        ("unsupported", replaced(0, leaf(critical))),
        ("untrusted", replaced(0, leaf(Cert::new("leaf", "elsewhere")))),
        ("signature", replaced(0, Cert::new("leaf", "middle").signed(&house.leaf.public(), &other))),
        ("untrusted", replaced(1, plain.signed(&house.middle.public(), &house.root))),
        ("untrusted", replaced(1, usage.signed(&house.middle.public(), &house.root))),
        ("malformed", replaced(1, path_of_none.signed(&house.middle.public(), &house.root))),
        ("untrusted", replaced(2, Cert::new("root", "root").signed(&other.public(), &other))),
        ("signature", replaced(2, Cert::new("root", "elsewhere").signed(&house.root.public(), &other))),
        ("signature", replaced(2, Cert::new("root", "root").signed(&house.root.public(), &other))),
        ("untrusted", good[..2].to_vec()),
        ("untrusted", good[..1].to_vec()),
    ];
    for (wanted, chain) in cases {
        let document = document(&house, &chain, 1, NOW, None);
        let verdict = judge(Kind::AwsNitro, &document, &house.policy, &[], None);
        assert_eq!(
            verdict.as_ref().map_or_else(|refusal| refusal.code(), |_| "accepted"),
            wanted,
            "{verdict:?}"
        );
    }
    let fingerprint = hex(ring::digest::digest(&ring::digest::SHA256, &good[1]).as_ref());
    let revoked = Policy { revoked: vec![fingerprint], ..house.policy.clone() };
    let document = document(&house, &good, 1, NOW, None);
    assert_eq!(judge(Kind::AwsNitro, &document, &revoked, &[], None).unwrap_err().code(), "revoked");
}

const CHIP: [u8; 64] = [0xc1; 64];

/// AMD's extensions of a VCEK: product, levels, chip.
fn vcek_extensions(microcode: u8, chip: &[u8]) -> Vec<Vec<u8>> {
    let amd = |end: &[u8], value: &[u8]| {
        extension(&[&[0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1], end].concat(), false, value)
    };
    let level = |last, value| amd(&[3, last], &der(2, &[value]));
    vec![
        amd(&[2], &der(0x16, b"Milan-B0")),
        level(1, 3),
        level(2, 0),
        level(3, 8),
        level(8, microcode),
        amd(&[4], chip),
    ]
}

/// A report with these changes.
fn report(house: &House, report_data: &[u8; 64], change: &dyn Fn(&mut [u8])) -> Vec<u8> {
    let mut report = vec![0; 0x4a0];
    report[0] = 2;
    report[8..16].copy_from_slice(&0x3_0000_u64.to_le_bytes());
    report[0x34] = 1;
    report[0x50..0x90].copy_from_slice(report_data);
    report[0x180..0x188].copy_from_slice(&[3, 0, 0, 0, 0, 0, 8, 115]);
    report[0x1a0..0x1e0].copy_from_slice(&CHIP);
    change(&mut report);
    let signature = house.leaf.sign(&report[..0x2a0], false);
    for (number, place) in signature.chunks(48).zip([0x2a0, 0x2e8]) {
        for (at, byte) in number.iter().rev().enumerate() {
            report[place + at] = *byte;
        }
    }
    report
}

/// A house whose verifiers ask for no list and no level.
fn amd() -> House {
    let mut house = House::new(Kind::AmdSevSnp);
    (house.policy.snp, house.policy.unlisted) = (any_level(), vec![Kind::AmdSevSnp]);
    house
}

/// Keys of levels that are broken are still given out, so a level must be asked for.
#[test]
fn old_firmware_and_guests_that_may_be_moved_are_refused_unless_the_policy_takes_them() {
    let mut house = amd();
    let files = [pem(&house.chain(vcek_extensions(115, &CHIP)))];
    let plain = report(&house, &[0; 64], &|_| {});
    let moved = report(&house, &[0; 64], &|report| report[10] |= 0x04);
    let code = |house: &House, report: &[u8]| {
        let verdict = judge(Kind::AmdSevSnp, report, &house.policy, &files, None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    assert_eq!([code(&house, &plain), code(&house, &moved)], ["accepted", "status"]);
    house.policy.snp.migration = true;
    assert_eq!(code(&house, &moved), "accepted");
    let claims = judge(Kind::AmdSevSnp, &moved, &house.policy, &files, None).unwrap();
    assert_eq!(claims.fact("migration_agent"), Some(&true.into()));
    house.policy.snp = Policy::default().snp;
    assert_eq!(code(&house, &plain), "status", "below the usual floor");
    // The report's levels are boot loader 3, tee 0, snp 8, microcode 115.
    let exact = Floor { bootloader: 3, tee: 0, snp: 8, microcode: 115 };
    let above = [
        Floor { bootloader: 4, ..exact },
        Floor { tee: 1, ..exact },
        Floor { snp: 9, ..exact },
        Floor { microcode: 116, ..exact },
    ];
    let mut with = |line: &str, floor| {
        house.policy.snp.floors = [(line.to_owned(), floor)].into();
        code(&house, &plain)
    };
    assert_eq!(with("Milan", exact), "accepted");
    for floor in above {
        assert_eq!(with("Milan", floor), "status", "{floor:?}");
    }
    assert_eq!(with("Genoa", exact), "status", "a line that the policy does not name");
}

/// What its vendor took back is the verifier's to know: a payee leaves out what does not suit.
#[test]
fn the_verifier_must_have_the_vendors_list() {
    let mut house = amd();
    let files = [pem(&house.chain(vcek_extensions(115, &CHIP)))];
    let report = report(&house, &[0; 64], &|_| {});
    let code = |house: &House, files: &[Vec<u8>]| {
        let verdict = judge(Kind::AmdSevSnp, &report, &house.policy, files, None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let (empty, revoking) = (list("root", &house.root, None), list("root", &house.root, Some(7)));
    let armoured = |list: &[u8]| {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, list);
        format!("-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n").into_bytes()
    };
    let handed = |list: &[u8]| [files[0].clone(), armoured(list)];
    assert_eq!(code(&house, &files), "accepted", "the policy does without");
    assert_eq!(code(&house, &handed(&revoking)), "revoked", "and looks at what there is");
    house.policy.unlisted = Vec::new();
    assert_eq!(code(&house, &files), "missing");
    assert_eq!(code(&house, &handed(&empty)), "missing", "the payee's own choice of a list");
    for form in [empty.clone(), armoured(&empty)] {
        house.policy.lists = [(Kind::AmdSevSnp, vec![Blob(form)])].into();
        assert_eq!(code(&house, &files), "accepted");
        assert_eq!(code(&house, &handed(&revoking)), "revoked");
    }
    house.policy.lists = [(Kind::AmdSevSnp, vec![Blob(revoking)])].into();
    assert_eq!([code(&house, &files), code(&house, &handed(&empty))], ["revoked", "revoked"]);
    house.policy.lists = [(Kind::AmdSevSnp, vec![Blob(list("middle", &house.middle, None))])].into();
    assert_eq!(code(&house, &files), "missing", "a list of another issuer");
}

#[test]
fn snp_reports_are_of_one_task() {
    let house = amd();
    let files = [pem(&house.chain(vcek_extensions(115, &CHIP)))];
    bound_only(Kind::AmdSevSnp, &house.policy, &files, &|bind| report(&house, &bind.0, &|_| {}));
}

#[test]
fn snp_reports_are_refused_by_name() {
    let house = amd();
    let good = [pem(&house.chain(vcek_extensions(115, &CHIP)))];
    let code = |report: &[u8], files: &[Vec<u8>]| {
        let verdict = judge(Kind::AmdSevSnp, report, &house.policy, files, None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let with = |change: &dyn Fn(&mut [u8])| report(&house, &[0; 64], change);
    assert_eq!(code(&with(&|_| {}), &good), "accepted");
    assert_eq!(code(&with(&|report| report[10] |= 0x08), &good), "debug");
    assert_eq!(code(&with(&|report| report[0x30] = 1), &good), "status");
    assert_eq!(code(&with(&|report| report[0] = 9), &good), "unsupported");
    assert_eq!(code(&with(&|report| report[0x34] = 2), &good), "unsupported");
    assert_eq!(code(&with(&|report| report[0x48] = 4), &good), "status", "a cloud provider's key");
    assert_eq!(code(&with(&|report| report[0x48] = 8), &good), "unsupported");
    assert_eq!(code(&with(&|report| report[0x187] = 114), &good), "mismatch");
    assert_eq!(code(&with(&|report| report[0x1a0] = 0), &good), "mismatch");
    assert_eq!(code(&with(&|report| report[0x183] = 1), &good), "malformed");
    let older = [pem(&house.chain(vcek_extensions(114, &CHIP)))];
    assert_eq!(code(&with(&|_| {}), &older), "mismatch");
    let other_chip = [pem(&house.chain(vcek_extensions(115, &[0xc2; 64])))];
    assert_eq!(code(&with(&|_| {}), &other_chip), "mismatch");
    assert_eq!(code(&with(&|_| {}), &[]), "missing");
    let lacking = [pem(&house.chain(vcek_extensions(115, &CHIP)[2..].to_vec()))];
    assert_eq!(code(&with(&|_| {}), &lacking), "missing");
    let mut longer = with(&|_| {});
    longer.push(0);
    assert_eq!(code(&longer, &good), "malformed");
    let mut tail = with(&|_| {});
    tail[0x49f] = 1;
    assert_eq!(code(&tail, &good), "malformed");
}

/// A key of a cloud provider counts where the policy says so, for its provider and levels, whatever the chip.
#[test]
fn keys_of_cloud_providers_count_by_policy() {
    let mut house = amd();
    let mut vlek = vcek_extensions(115, &CHIP);
    vlek.pop();
    let chips_own = [pem(&house.chain(vcek_extensions(115, &CHIP)))];
    vlek.push(extension(&[0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1, 5], false, &der(0x16, b"cloud.example")));
    let files = [pem(&house.chain(vlek))];
    let signed = |house: &House, data: &[u8; 64]| {
        report(house, data, &|report| {
            report[0x48] = 0b110;
            report[0x1a0..0x1e0].fill(0);
        })
    };
    let code = |house: &House, files: &[Vec<u8>]| {
        let verdict = judge(Kind::AmdSevSnp, &signed(house, &[0; 64]), &house.policy, files, None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    assert_eq!(code(&house, &files), "status", "not by default");
    house.policy.vlek = true;
    assert_eq!(code(&house, &files), "accepted");
    assert_eq!(code(&house, &chips_own), "missing", "a chip's own certificate is none of a provider");
    bound_only(Kind::AmdSevSnp, &house.policy, &files, &|bind| signed(&house, &bind.0));
    let claims = judge(Kind::AmdSevSnp, &signed(&house, &[0; 64]), &house.policy, &files, None).unwrap();
    assert_eq!(claims.fact("csp"), Some(&"cloud.example".into()));
    let masked = report(&house, &[0; 64], &|report| report[0x48] = 0b010);
    let refusal = judge(Kind::AmdSevSnp, &masked, &house.policy, &chips_own, None).unwrap_err();
    assert_eq!(refusal.code(), "unsupported", "a chip's own key names its chip");
}

/// Measurements of a device: two blocks and a driver's version.
fn measured(house: &House, nonce: &[u8]) -> Vec<u8> {
    let block = |index: u8| [vec![index, 1, 51, 0, 1, 48, 0], vec![index; 48]].concat();
    let record = [block(1), block(2)].concat();
    let opaque = [vec![3, 0, 5, 0], b"1.2.3".to_vec()].concat();
    let mut message = [&[0x11, 0xe0, 1, 0xff][..], nonce, &[0]].concat();
    message.extend([0x11, 0x60, 0, 0, 2, record.len() as u8, 0, 0]);
    message.extend(record);
    message.extend([0x77; 32]);
    message.extend([opaque.len() as u8, 0]);
    message.extend(opaque);
    let signature = house.leaf.sign(&message, false);
    message.extend(signature);
    message
}

#[test]
fn measurements_are_of_one_task() {
    let house = House::new(Kind::NvidiaGpu);
    let files = [pem(&house.chain(Vec::new()))];
    bound_only(Kind::NvidiaGpu, &house.policy, &files, &|bind| measured(&house, &bind.0[..32]));
}

#[test]
fn measurements_are_read_to_the_last_byte() {
    let house = House::new(Kind::NvidiaGpu);
    let files = [pem(&house.chain(Vec::new()))];
    let good = measured(&house, &[5; 32]);
    let claims = judge(Kind::NvidiaGpu, &good, &house.policy, &files, None).unwrap();
    assert_eq!(claims.fact("driver_version"), Some(&"1.2.3".into()));
    let wanted = vec![format!("1:{}", "01".repeat(48)), format!("2:{}", "02".repeat(48))];
    assert_eq!(claims.fact("measurements"), Some(&wanted.into()));
    for length in 0..good.len() {
        assert!(judge(Kind::NvidiaGpu, &good[..length], &house.policy, &files, None).is_err(), "{length}");
    }
    // One request's nonce for two devices is evidence of neither alone: an array of two is refused.
    let two = br#"[{"evidence":"","certificate":""},{"evidence":"","certificate":""}]"#;
    assert_eq!(judge(Kind::NvidiaGpu, two, &house.policy, &files, None).unwrap_err().code(), "malformed");
}
