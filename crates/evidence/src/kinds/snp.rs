//! Reports of AMD SEV-SNP guests (SEV Secure Nested Paging firmware ABI, publication 56860, table "ATTESTATION_REPORT"):
//! 1,184 bytes, signed with ECDSA P-384 by the chip's VCEK, whose chain leads to an AMD root key (ARK).
//!
//! The VCEK is made for one level of the platform's firmware: the levels in its extensions must be those that the report
//! names, and its chip must be the report's. A VLEK stands for all chips of a cloud provider: it names the provider and no
//! chip, and counts only where the policy says so. The binding is the whole of `report_data`.

use super::{Fact, FactType, Kind, fact};
use crate::crypto::Scheme;
use crate::read::Cursor;
use crate::read::der::{Der, OCTET_STRING};
use crate::read::text::{binary, hex};
use crate::x509::{Certificate, Listed};
use crate::{Check, Claims, Refusal};

const WHAT: &str = "report";
const REPORT_BYTES: usize = 0x4a0;
/// The signature is over what stands before it.
const SIGNED_BYTES: usize = 0x2a0;
/// Bits of the guest's policy.
const POLICY_DEBUG: u64 = 1 << 19;
const POLICY_MIGRATE: u64 = 1 << 18;
const POLICY_SMT: u64 = 1 << 16;
const POLICY_SINGLE_SOCKET: u64 = 1 << 20;
/// 1.3.6.1.4.1.3704.1, below which AMD's extensions are.
const AMD: [u8; 8] = [0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1];

pub(super) const FACTS: &[Fact] = &[
    fact("chip_id", FactType::Text, "the chip; zeros where the report masks it"),
    fact("csp", FactType::Text, "the cloud provider whose key signed, if it was none of a chip"),
    fact("debug", FactType::Bool, "whether the host may debug the guest"),
    fact("family_id", FactType::Text, "the guest owner's name for the family"),
    fact("guest_svn", FactType::Integer, "the guest's security version"),
    fact("host_data", FactType::Text, "data of the host at launch"),
    fact("id_key_digest", FactType::Text, "hash of the key that signed the launch"),
    fact("image_id", FactType::Text, "the guest owner's name for the image"),
    fact("measurement", FactType::Text, "measurement of the guest at launch"),
    fact("migration_agent", FactType::Bool, "whether the guest may be migrated by an agent"),
    fact("policy", FactType::Text, "the guest's policy, as 16 hexadecimal digits"),
    fact("product", FactType::Text, "name of the processor line and stepping"),
    fact("report_data", FactType::Text, "the caller's 64 bytes"),
    fact("single_socket", FactType::Bool, "whether the guest runs on one socket only"),
    fact("smt", FactType::Bool, "whether threads may share a core with others"),
    fact("tcb_bootloader", FactType::Integer, "security version of the boot loader"),
    fact("tcb_microcode", FactType::Integer, "security version of the microcode"),
    fact("tcb_snp", FactType::Integer, "security version of the SNP firmware"),
    fact("tcb_tee", FactType::Integer, "security version of the secure processor's system"),
    fact("version", FactType::Integer, "version of the report's form"),
    fact("vmpl", FactType::Integer, "privilege of the software that asked: 0 is the highest"),
];

/// The fields that are looked at.
struct Report<'a> {
    version: u32,
    guest_svn: u32,
    policy: u64,
    family_id: &'a [u8],
    image_id: &'a [u8],
    vmpl: u32,
    algorithm: u32,
    flags: u32,
    report_data: &'a [u8],
    measurement: &'a [u8],
    host_data: &'a [u8],
    id_key_digest: &'a [u8],
    tcb: [u8; 8],
    chip_id: &'a [u8],
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Report<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut at = Cursor::new(WHAT, bytes);
        if bytes.len() != REPORT_BYTES {
            return Err(at.bad("it is not 1,184 bytes long"));
        }
        let (version, guest_svn, policy) = (at.u32_le()?, at.u32_le()?, at.u64_le()?);
        let (family_id, image_id) = (at.take(16)?, at.take(16)?);
        let (vmpl, algorithm) = (at.u32_le()?, at.u32_le()?);
        let (_current_tcb, _platform) = (at.u64_le()?, at.u64_le()?);
        let (flags, _) = (at.u32_le()?, at.u32_le()?);
        let (report_data, measurement, host_data) = (at.take(64)?, at.take(48)?, at.take(32)?);
        let (id_key_digest, _author_key_digest) = (at.take(48)?, at.take(48)?);
        let _report_ids = at.take(64)?;
        let tcb = at.array()?;
        let _cpuid = at.take(24)?;
        let chip_id = at.take(64)?;
        let signed = bytes.get(..SIGNED_BYTES).unwrap_or_default();
        let mut tail = Cursor::new("report signature", bytes.get(SIGNED_BYTES..).unwrap_or_default());
        let mut signature = Vec::new();
        for _ in ["r", "s"] {
            signature.extend(tail.take(48)?.iter().rev());
            tail.expect(&[0; 24], "a number has more than 48 bytes")?;
        }
        tail.expect(&[0; 368], "bytes behind the signature are not zero")?;
        tail.end()?;
        Ok(Self {
            version,
            guest_svn,
            policy,
            family_id,
            image_id,
            vmpl,
            algorithm,
            flags,
            report_data,
            measurement,
            host_data,
            id_key_digest,
            tcb,
            chip_id,
            signed,
            signature,
        })
    }

    /// Refuses what the firmware says about guest and key.
    fn check(&self, check: &Check<'_>) -> Result<(), Refusal> {
        if !(2..=5).contains(&self.version) {
            return Err(Refusal::Unsupported { what: "report version", is: self.version.to_string() });
        }
        if self.algorithm != 1 {
            return Err(Refusal::Unsupported { what: "signature algorithm", is: self.algorithm.to_string() });
        }
        check.debug(self.policy & POLICY_DEBUG != 0, "the guest's policy allows it")?;
        if self.policy & POLICY_MIGRATE != 0 && !check.policy.snp.migration {
            let (is, accepted) = ("one that an agent may move".into(), "one that stays".into());
            return Err(Refusal::Status { what: "guest", is, accepted });
        }
        if self.vmpl > check.policy.vmpl_max {
            let accepted = format!("at most {}", check.policy.vmpl_max);
            return Err(Refusal::Status { what: "VMPL", is: self.vmpl.to_string(), accepted });
        }
        match check.bind {
            Some(bind) => bind.is("report_data", self.report_data),
            None => Ok(()),
        }
    }
}

/// Security versions of a platform, in the order of its processor line.
#[derive(PartialEq, Eq)]
struct Levels {
    bootloader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
    /// Of Turin and later.
    fmc: Option<u8>,
}

impl Levels {
    fn of(tcb: [u8; 8], turin: bool) -> Result<Self, Refusal> {
        let zero =
            Refusal::Malformed { what: WHAT, at: 0x180, reason: "reserved bytes of the levels are not zero" };
        match (tcb, turin) {
            ([fmc, bootloader, tee, snp, 0, 0, 0, microcode], true) => {
                Ok(Self { bootloader, tee, snp, microcode, fmc: Some(fmc) })
            }
            ([bootloader, tee, 0, 0, 0, 0, snp, microcode], false) => {
                Ok(Self { bootloader, tee, snp, microcode, fmc: None })
            }
            _ => Err(zero),
        }
    }

    /// What the VCEK was made for.
    fn certified(vcek: &Certificate<'_>, turin: bool) -> Result<Self, Refusal> {
        let level = |last: u8| {
            let value = amd(vcek, &[3, last]).ok_or(Refusal::Missing { what: "a level in the VCEK" })?;
            let mut value = Der::new("level in the VCEK", value);
            let level = value.small()?;
            value.end()?;
            u8::try_from(level).map_err(|_| value.bad("a level has more than eight bits"))
        };
        let fmc = if turin { Some(level(9)?) } else { None };
        Ok(Self { bootloader: level(1)?, tee: level(2)?, snp: level(3)?, microcode: level(8)?, fmc })
    }

    /// Refuses levels below those that the policy wants of the processor's line: their keys are still given out, and what was
    /// broken in them stays broken.
    fn accepted(&self, product: &str, check: &Check<'_>) -> Result<(), Refusal> {
        let line = product.split('-').next().unwrap_or_default();
        let Some(floor) = check.policy.snp.floors.get(line) else {
            let named = check.policy.snp.floors.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Refusal::Status {
                what: "processor line",
                is: Refusal::shown(line),
                accepted: named,
            });
        };
        let least = Self {
            bootloader: floor.bootloader,
            tee: floor.tee,
            snp: floor.snp,
            microcode: floor.microcode,
            fmc: None,
        };
        let is_less = self.bootloader < least.bootloader
            || self.tee < least.tee
            || self.snp < least.snp
            || self.microcode < least.microcode;
        if is_less {
            let accepted = format!("at least {}", least.shown());
            return Err(Refusal::Status { what: "platform level", is: self.shown(), accepted });
        }
        Ok(())
    }

    fn shown(&self) -> String {
        let fmc = self.fmc.map_or(String::new(), |fmc| format!("fmc {fmc}, "));
        let Self { bootloader, tee, snp, microcode, .. } = self;
        format!("{fmc}boot loader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

/// AMD's extension with this end of its name.
fn amd<'a>(vcek: &Certificate<'a>, end: &[u8]) -> Option<&'a [u8]> {
    vcek.extension(&[&AMD, end].concat())
}

/// Which key signed: that of a chip, or one that AMD gave a cloud provider.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    Vcek,
    Vlek,
}

impl Signing {
    /// Bits 2 to 4 say which key signs, bit 1 that the chip is not named: a chip's own key cannot hide it.
    fn of(report: &Report<'_>, check: &Check<'_>) -> Result<Self, Refusal> {
        match (report.flags >> 2 & 0b111, report.flags & 0b10) {
            (0, 0) => Ok(Self::Vcek),
            (1, _) if check.policy.vlek => Ok(Self::Vlek),
            (1, _) => {
                let (is, accepted) = ("of a cloud provider (VLEK)".into(), "that of a chip (VCEK)".into());
                Err(Refusal::Status { what: "signing key", is, accepted })
            }
            _ => Err(Refusal::Unsupported { what: "signing key", is: "other than VCEK or VLEK".into() }),
        }
    }

    /// The end of the name of the extension that only its certificates have: the chip, or the provider.
    const fn mark(self) -> u8 {
        match self {
            Self::Vcek => 4,
            Self::Vlek => 5,
        }
    }
}

/// Refuses unless the VCEK is of the report's chip.
fn check_chip(vcek: &Certificate<'_>, chip: &[u8]) -> Result<(), Refusal> {
    let value = amd(vcek, &[4]).ok_or(Refusal::Missing { what: "the chip in the VCEK" })?;
    let certified = match Der::new("chip in the VCEK", value).expect(OCTET_STRING) {
        Ok(inner) if value.len() != chip.len() => inner,
        _ => value,
    };
    let (named, rest) = chip.split_at(certified.len().min(chip.len()));
    if certified.len() < 8 || certified != named || rest.iter().any(|byte| *byte != 0) {
        return Err(Refusal::Mismatch { what: "chip of the VCEK", is: hex(certified), wanted: hex(chip) });
    }
    Ok(())
}

/// Text in an extension of AMD.
fn text(value: &[u8]) -> Option<String> {
    const IA5_STRING: u8 = 0x16;
    let mut value = Der::new("extension of AMD", value);
    let text = value.expect(IA5_STRING).ok().filter(|_| value.is_empty())?;
    std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).map(str::to_owned)
}

/// Name of the processor line, and stepping of a chip, such as `Milan-B0`.
fn product(certificate: &Certificate<'_>) -> Option<String> {
    amd(certificate, &[2]).and_then(text)
}

/// The certificate of the signing key, and the others.
fn parted<'a>(
    all: Vec<Certificate<'a>>,
    signing: Signing,
) -> Result<(Certificate<'a>, Vec<Certificate<'a>>), Refusal> {
    let (mut leaves, rest): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|c| amd(c, &[signing.mark()]).is_some());
    let vcek = leaves.pop().ok_or(Refusal::Missing { what: "the VCEK in the collateral" })?;
    if leaves.is_empty() {
        Ok((vcek, rest))
    } else {
        Err(Refusal::Unsupported { what: "collateral", is: "with two VCEKs".into() })
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let bytes = binary(WHAT, evidence)?;
    let report = Report::read(&bytes)?;
    let signing = Signing::of(&report, check)?;
    let ders = check.collateral.certificates()?;
    let (vcek, others) = parted(Certificate::parse_all(&ders)?, signing)?;
    let chain = check.trust(Kind::AmdSevSnp).lead(vcek, others);
    // AMD's root lists the authorities that it took back; these list no chips.
    let trusted = check.chain(Kind::AmdSevSnp, "VCEK chain", &chain, Listed::Root)?;
    let vcek = chain.first().ok_or(Refusal::Missing { what: "the VCEK in the collateral" })?;
    if !vcek.key.holds(Scheme::Es384, report.signed, &report.signature) {
        return Err(Refusal::Signature { what: WHAT });
    }
    let product = product(vcek).ok_or(Refusal::Missing { what: "the product in the VCEK" })?;
    let turin = product.starts_with("Turin");
    let (reported, certified) = (Levels::of(report.tcb, turin)?, Levels::certified(vcek, turin)?);
    if reported != certified {
        let (is, wanted) = (reported.shown(), certified.shown());
        return Err(Refusal::Mismatch { what: "platform level in the report", is, wanted });
    }
    reported.accepted(&product, check)?;
    let csp = match signing {
        Signing::Vcek => check_chip(vcek, report.chip_id).map(|()| None)?,
        Signing::Vlek => {
            let name = amd(vcek, &[5]).and_then(text);
            Some(name.ok_or(Refusal::Missing { what: "the cloud provider in the VLEK" })?)
        }
    };
    report.check(check)?;
    let mut claims = Claims::new(Kind::AmdSevSnp, trusted.root)
        .with("chip_id", hex(report.chip_id))
        .with("debug", report.policy & POLICY_DEBUG != 0)
        .with("family_id", hex(report.family_id))
        .with("guest_svn", i64::from(report.guest_svn))
        .with("host_data", hex(report.host_data))
        .with("id_key_digest", hex(report.id_key_digest))
        .with("image_id", hex(report.image_id))
        .with("measurement", hex(report.measurement))
        .with("migration_agent", report.policy & POLICY_MIGRATE != 0)
        .with("policy", format!("{:016x}", report.policy))
        .with("product", product)
        .with("report_data", hex(report.report_data))
        .with("single_socket", report.policy & POLICY_SINGLE_SOCKET != 0)
        .with("smt", report.policy & POLICY_SMT != 0)
        .with("tcb_bootloader", i64::from(reported.bootloader))
        .with("tcb_microcode", i64::from(reported.microcode))
        .with("tcb_snp", i64::from(reported.snp))
        .with("tcb_tee", i64::from(reported.tee))
        .with("version", i64::from(report.version))
        .with("vmpl", i64::from(report.vmpl));
    if let Some(csp) = csp {
        claims = claims.with("csp", csp);
    }
    claims.valid_until = Some(trusted.validity.1);
    Ok(claims)
}
