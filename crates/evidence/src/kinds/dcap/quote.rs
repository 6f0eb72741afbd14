//! The bytes of a quote.

use crate::read::Cursor;
use crate::{Check, Refusal};

const WHAT: &str = "quote";
/// ECDSA with P-256, the one kind of attestation key in use.
const ECDSA_P256: u16 = 2;
/// Kinds of TEE.
const SGX: u32 = 0;
const TDX: u32 = 0x81;
/// Intel's quoting enclaves.
const VENDOR: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];
/// Kinds of certification data: a chain in PEM, and a report with a chain behind it.
const CHAIN: u16 = 5;
const REPORT: u16 = 6;
/// Bytes of the bodies.
const ENCLAVE_BYTES: usize = 384;
const GUEST_BYTES: usize = 584;
const GUEST_1_5_BYTES: usize = 648;

/// A quote.
pub(super) struct Quote<'a> {
    /// What the attestation key signs.
    pub(super) signed: &'a [u8],
    pub(super) body: Body<'a>,
    pub(super) signature: &'a [u8],
    /// The attestation key's point, without its first byte.
    pub(super) key: &'a [u8],
    pub(super) qe_report: Enclave<'a>,
    pub(super) qe_signature: &'a [u8],
    pub(super) qe_authentication: &'a [u8],
    /// Certificates of the platform, in PEM.
    pub(super) chain: &'a str,
}

/// Of what it is.
pub(super) enum Body<'a> {
    Sgx(Enclave<'a>),
    Tdx(Guest<'a>),
}

/// The report of an SGX enclave.
pub(super) struct Enclave<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) miscselect: [u8; 4],
    pub(super) attributes: [u8; 16],
    pub(super) mrenclave: &'a [u8],
    pub(super) mrsigner: &'a [u8],
    pub(super) isvprodid: u16,
    pub(super) isvsvn: u16,
    pub(super) report_data: &'a [u8],
}

/// The report of a TDX guest.
pub(super) struct Guest<'a> {
    /// Security versions: of the module, its major version, and of what is below.
    pub(super) svns: [u8; 16],
    pub(super) mrsigner_seam: &'a [u8],
    pub(super) seam_attributes: [u8; 8],
    pub(super) mrseam: &'a [u8],
    pub(super) attributes: [u8; 8],
    pub(super) xfam: &'a [u8],
    pub(super) mrtd: &'a [u8],
    pub(super) mrconfigid: &'a [u8],
    pub(super) mrowner: &'a [u8],
    pub(super) mrownerconfig: &'a [u8],
    pub(super) rtmrs: [&'a [u8]; 4],
    report_data: &'a [u8],
    /// Measurement of the guest that is bound to it, for reports that say so.
    pub(super) service: Option<&'a [u8]>,
}

/// Bit of the attributes that keeps the host from making exceptions in the guest.
const SEPT_VE_DISABLE: u32 = 28;
/// Bits that are refused unless the policy names them. Bit 63, counters of performance, is the guest's own.
const ATTRIBUTES: &[(u32, &str)] =
    &[(16, "icssd"), (27, "lass"), (29, "migratable"), (30, "pks"), (31, "kl"), (62, "tpa")];
const PERFMON: u32 = 63;

impl<'a> Enclave<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut at = Cursor::new("enclave report", bytes);
        let _cpusvn = at.take(16)?;
        let miscselect = at.array()?;
        let _ = at.take(28)?;
        let attributes = at.array()?;
        let mrenclave = at.take(32)?;
        let _ = at.take(32)?;
        let mrsigner = at.take(32)?;
        let _ = at.take(96)?;
        let (isvprodid, isvsvn) = (at.u16_le()?, at.u16_le()?);
        let _ = at.take(60)?;
        let report_data = at.take(64)?;
        at.end()?;
        Ok(Self { bytes, miscselect, attributes, mrenclave, mrsigner, isvprodid, isvsvn, report_data })
    }

    /// Bit 1 of the attributes.
    pub(super) const fn debug(&self) -> bool {
        let [flags, ..] = self.attributes;
        flags & 2 != 0
    }
}

impl<'a> Guest<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut at = Cursor::new("guest report", bytes);
        let svns = at.array()?;
        let mrseam = at.take(48)?;
        let mrsigner_seam = at.take(48)?;
        let (seam_attributes, attributes) = (at.array()?, at.array()?);
        let xfam = at.take(8)?;
        let (mrtd, mrconfigid, mrowner) = (at.take(48)?, at.take(48)?, at.take(48)?);
        let mrownerconfig = at.take(48)?;
        let rtmrs = [at.take(48)?, at.take(48)?, at.take(48)?, at.take(48)?];
        let report_data = at.take(64)?;
        let service = if bytes.len() == GUEST_1_5_BYTES {
            let _tee_tcb_svn2 = at.take(16)?;
            Some(at.take(48)?)
        } else {
            None
        };
        at.end()?;
        Ok(Self {
            svns,
            mrsigner_seam,
            seam_attributes,
            mrseam,
            attributes,
            xfam,
            mrtd,
            mrconfigid,
            mrowner,
            mrownerconfig,
            rtmrs,
            report_data,
            service,
        })
    }

    /// Refuses what its measurements do not show and the policy does not name: who may move it, make exceptions in it, or is bound
    /// to it.
    pub(super) fn accepted(&self, check: &Check<'_>) -> Result<(), Refusal> {
        let bits = u64::from_le_bytes(self.attributes);
        let set = |bit: u32| bits >> bit & 1 == 1;
        let mut is: Vec<&str> =
            ATTRIBUTES.iter().filter(|(bit, _)| set(*bit)).map(|(_, name)| *name).collect();
        if !set(SEPT_VE_DISABLE) {
            is.push("sept-ve");
        }
        if self.service.is_some_and(|service| service.iter().any(|byte| *byte != 0)) {
            is.push("service-td");
        }
        // The first eight are debug mode's.
        let known = |bit: u32| {
            bit < 8
                || bit == SEPT_VE_DISABLE
                || bit == PERFMON
                || ATTRIBUTES.iter().any(|(known, _)| *known == bit)
        };
        if (0..64).any(|bit| set(bit) && !known(bit)) {
            let is = crate::read::text::hex(&self.attributes);
            return Err(Refusal::Unsupported { what: "guest attributes", is });
        }
        let allowed = &check.policy.tcb.guests;
        match is.into_iter().find(|name| !allowed.iter().any(|allowed| allowed == name)) {
            Some(name) => {
                let accepted = if allowed.is_empty() { "none of that".into() } else { allowed.join(", ") };
                Err(Refusal::Status { what: "guest", is: name.into(), accepted })
            }
            None => Ok(()),
        }
    }
}

impl<'a> Body<'a> {
    pub(super) const fn report_data(&self) -> &'a [u8] {
        match self {
            Self::Sgx(report) => report.report_data,
            Self::Tdx(guest) => guest.report_data,
        }
    }

    /// SGX: bit 1 of the attributes. TDX: any of the first eight, which say that the guest is not under its owner's control.
    pub(super) const fn debug(&self) -> bool {
        match self {
            Self::Sgx(report) => report.debug(),
            Self::Tdx(guest) => {
                let [untrusted, ..] = guest.attributes;
                untrusted != 0
            }
        }
    }
}

impl<'a> Quote<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut at = Cursor::new(WHAT, bytes);
        let (version, key_kind, tee) = (at.u16_le()?, at.u16_le()?, at.u32_le()?);
        let _svns = at.take(4)?;
        let vendor: [u8; 16] = at.array()?;
        let _user = at.take(20)?;
        if key_kind != ECDSA_P256 || vendor != VENDOR {
            return Err(Refusal::Unsupported {
                what: "quoting enclave",
                is: "of another vendor or key".into(),
            });
        }
        let body = Self::body(&mut at, version, tee)?;
        let signed = at.since(0);
        let mut data = Cursor::new("quote signature", at.counted_u32()?);
        // Buffers that are larger than the quote are handed on whole, with zeros behind it.
        if at.rest().iter().any(|byte| *byte != 0) {
            return Err(at.bad("bytes behind the quote are not zero"));
        }
        let (signature, key) = (data.take(64)?, data.take(64)?);
        let mut inner = if version == 3 {
            data
        } else {
            if data.u16_le()? != REPORT {
                return Err(data.bad("its certification data is no report"));
            }
            let inner = Cursor::new("certification data", data.counted_u32()?);
            data.end()?;
            inner
        };
        let qe_report = Enclave::read(inner.take(ENCLAVE_BYTES)?)?;
        let (qe_signature, qe_authentication) = (inner.take(64)?, inner.counted_u16()?);
        if inner.u16_le()? != CHAIN {
            return Err(Refusal::Unsupported {
                what: "certification data",
                is: "other than a PCK chain".into(),
            });
        }
        let chain = inner.counted_u32()?;
        inner.end()?;
        let chain = std::str::from_utf8(chain).map_err(|_| inner.bad("the PCK chain is not text"))?;
        Ok(Self { signed, body, signature, key, qe_report, qe_signature, qe_authentication, chain })
    }

    fn body(at: &mut Cursor<'a>, version: u16, tee: u32) -> Result<Body<'a>, Refusal> {
        let (tee, bytes) = match version {
            // Version 3 is of enclaves only; what is the kind of TEE later is reserved there.
            3 => (SGX, at.take(ENCLAVE_BYTES)?),
            4 => (tee, at.take(if tee == TDX { GUEST_BYTES } else { ENCLAVE_BYTES })?),
            5 => {
                let kind = at.u16_le()?;
                let bytes = at.counted_u32()?;
                let wanted = match kind {
                    1 => ENCLAVE_BYTES,
                    2 => GUEST_BYTES,
                    3 => GUEST_1_5_BYTES,
                    _ => return Err(Refusal::Unsupported { what: "quote body", is: kind.to_string() }),
                };
                if bytes.len() != wanted || (kind == 1) != (tee == SGX) {
                    return Err(at.bad("the body is not of its kind"));
                }
                (tee, bytes)
            }
            _ => return Err(Refusal::Unsupported { what: "quote version", is: version.to_string() }),
        };
        match tee {
            SGX => Enclave::read(bytes).map(Body::Sgx),
            TDX => Guest::read(bytes).map(Body::Tdx),
            _ => Err(Refusal::Unsupported { what: "kind of TEE", is: tee.to_string() }),
        }
    }
}
