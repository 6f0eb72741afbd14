//! What a PCK certificate says of its platform: the extension 1.2.840.113741.1.13.1.

use crate::Refusal;
use crate::read::der::{Der, INTEGER, OCTET_STRING, OID, SEQUENCE, unsigned, wrapped};
use crate::x509::Certificate;

/// 1.2.840.113741.1.13.1, below which all of it is.
const SGX: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 0x0d, 1];
const WHAT: &str = "SGX extension of the PCK certificate";

/// A platform.
pub(super) struct Platform {
    /// Family, model, stepping.
    pub(super) fmspc: [u8; 6],
    pub(super) pceid: [u8; 2],
    /// Security versions of the 16 components.
    pub(super) components: [u64; 16],
    pub(super) pcesvn: u64,
}

impl Platform {
    pub(super) fn of(pck: &Certificate<'_>) -> Result<Self, Refusal> {
        let value = pck.extension(&SGX).ok_or(Refusal::Missing { what: WHAT })?;
        let items = items(value, &SGX)?;
        let find = |last: u8, tag: u8| {
            let item = items.iter().find(|(name, is, _)| *name == last && *is == tag);
            item.map(|(_, _, body)| *body).ok_or(Refusal::Missing { what: WHAT })
        };
        let fixed = |_| Refusal::Malformed { what: WHAT, at: 0, reason: "a value has another length" };
        let inner = wrapped(SEQUENCE, find(2, SEQUENCE)?);
        let levels = self::items(&inner, &[&SGX[..], &[2]].concat())?;
        let number = |last: u8| {
            let item = levels.iter().find(|(name, is, _)| *name == last && *is == INTEGER);
            item.and_then(|(_, _, body)| unsigned(body)).ok_or(Refusal::Missing { what: WHAT })
        };
        let mut components = [0; 16];
        for (last, component) in (1..).zip(&mut components) {
            *component = number(last)?;
        }
        Ok(Self {
            fmspc: find(4, OCTET_STRING)?.try_into().map_err(fixed)?,
            pceid: find(3, OCTET_STRING)?.try_into().map_err(fixed)?,
            components,
            pcesvn: number(17)?,
        })
    }
}

/// The last part of a name, the value's tag and its body.
type Item<'a> = (u8, u8, &'a [u8]);

/// Named values below a name. Each name stands once.
fn items<'a>(value: &'a [u8], below: &[u8]) -> Result<Vec<Item<'a>>, Refusal> {
    let mut outer = Der::new(WHAT, value);
    let mut list = outer.sequence(WHAT)?;
    outer.end()?;
    let mut items: Vec<Item<'_>> = Vec::new();
    while !list.is_empty() {
        let mut item = list.sequence(WHAT)?;
        let name = item.expect(OID)?;
        let value = item.next()?;
        item.end()?;
        let Some([last]) = name.strip_prefix(below) else {
            return Err(list.bad("a name is of something else"));
        };
        if items.iter().any(|(earlier, ..)| earlier == last) {
            return Err(list.bad("a name stands twice"));
        }
        items.push((*last, value.tag, value.body));
    }
    Ok(items)
}
