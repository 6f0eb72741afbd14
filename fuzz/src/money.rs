//! Readers of what others signed: mandates, receipts, statements about escrows, entries of the ledger, and the JSON below them.

use tollgate_card::{Hook, Intent};
use tollgate_core::Timestamp;
use tollgate_evm::x402::{FacilitatorConfig, Payment, Token};
use tollgate_pay::escrow::{Bundle, Escrow, Event, read, step};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Book, Entry, Limits};
use tollgate_pay::log::Receipt;
use tollgate_pay::mandate::{Addressed, Chain, Es256Key, Expect, Usage};
use tollgate_pay::simulate::Cast;

/// The canonical form is a fixed point, and the same value.
pub(crate) fn signed_json(data: &[u8]) -> bool {
    let Ok(json) = Json::parse(data) else { return false };
    if let Ok(text) = json.canonical() {
        let again = Json::parse(text.as_bytes()).expect("the canonical form is JSON");
        assert_eq!(again.canonical().expect("and canonical"), text);
    }
    true
}

/// No chain is accepted whose first hop the user did not sign: the key is of nobody here.
pub(crate) fn mandate(data: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(data) else { return false };
    let jwk = br#"{"kty":"EC","crv":"P-256","x":"HhhTL9R1TALzBB2cdc6zO4P_2BrHzk_ogsyxyYvFiW4","y":"pGwxHE4v9A3ZajZT5uRURdMt_khuztdcepDGoYiBwKM"}"#;
    let key = Json::parse(jwk).ok().and_then(|jwk| Es256Key::from_jwk(&jwk)).expect("a point of the curve");
    let hops = [Addressed { audience: "psp.example".into(), nonce: "n-1".into() }];
    let now = Timestamp(1_795_780_800_000_000);
    let chain = Chain::verify(token, |_| Some(key.clone()), &Expect { hops: &hops, now });
    if let Ok(chain) = chain {
        assert!(chain.closed.amount.minor() > 0);
        let _ = chain.admit(&Usage::default(), now);
    }
    token.contains("~~")
}

/// What is read is written back byte for byte.
pub(crate) fn receipt(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(receipt) = Receipt::parse(text) else { return false };
    assert_eq!(receipt.to_string(), text);
    true
}

/// An entry that is read is written back as the same entry, and replaying it alone never breaks the book.
pub(crate) fn entry(data: &[u8]) -> bool {
    let Ok(entry) = serde_json::from_slice::<Entry>(data) else { return false };
    let text = serde_json::to_vec(&entry).expect("plain data");
    assert_eq!(serde_json::from_slice::<Entry>(&text).expect("what was written is read"), entry);
    let mut book = Book::new(Limits::default());
    let _ = book.replay(&entry);
    book.audit().expect("sums are equal after any entry");
    true
}

/// A statement that is read has one spelling, and none moves an escrow that its signers know nothing of.
pub(crate) fn statement(data: &[u8]) -> bool {
    let cast = Cast::new().expect("legal names");
    if let Ok(bundle) = Bundle::parse(data) {
        assert!(bundle.replay(&cast.plane()).is_err(), "nobody here signed a log");
    }
    let Ok(event) = read::<Event>("statement", data) else { return false };
    let text = serde_json::to_string(&event).expect("plain data");
    assert_eq!(read::<Event>("statement", text.as_bytes()).expect("what was written is read"), event);
    let signed = cast.signed(cast.contract());
    let escrow = Escrow::propose(&signed, Timestamp(0)).expect("a contract that both signed");
    if event.about().is_some() {
        assert!(step(&cast.plane(), &escrow, &event, Timestamp(1)).is_err(), "it is about another escrow");
    }
    true
}

/// What is read of a payment is what its payer signed, or it is refused: only the seeds' own authorisations are signed here.
pub(crate) fn x402(data: &[u8]) -> bool {
    let address = "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse().expect("an address");
    let token = Token { address, name: "USDC".into(), version: "2".into() };
    let config = FacilitatorConfig::new(84_532, vec![token]);
    let Ok(payment) = Payment::read(data, &config) else { return false };
    assert_eq!(payment.asset, address);
    if payment.check_signature(false).is_ok() {
        let signed = "0xd897c896454a77a16d9969914f8244c7ac4724ae4c559dd3a7005a9468c84921";
        assert_eq!(payment.digest.to_string(), signed, "nobody signed anything else");
    }
    let _ = payment.check_time(Timestamp(1_795_000_000_000_000));
    assert!(payment.call(false).len() >= 4 + 9 * 32);
    true
}

/// A webhook's header, a line's end and its body: only the seed's own event is signed. The body may also be a payment.
pub(crate) fn card_event(data: &[u8]) -> bool {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = (data.get(..end).unwrap_or_default(), data.get(end + 1..).unwrap_or_default());
    let payment = serde_json::from_slice(body).ok().and_then(|json| Intent::read(&json));
    let hook = Hook::new(&["whsec_test_secret"], 300);
    let read = std::str::from_utf8(header).ok().map(|header| {
        hook.read(header, body, Timestamp(1_700_000_000_000_000))
    });
    if let Some(Ok(event)) = &read {
        assert_eq!((event.id.as_str(), body.len()), ("evt_1", 204), "nobody signed anything else");
    }
    payment.is_some() || matches!(read, Some(Ok(_)))
}
