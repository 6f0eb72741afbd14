//! What others made: signatures of the Python package eth-account 0.14.0, and payments of an official x402 client.

use serde_json::{Value, json};
use std::io::Write as _;
use tollgate_core::Timestamp;
use tollgate_evm::transaction::Transaction;
use tollgate_evm::typed::{Authorization, Domain, Use};
use tollgate_evm::x402::{Facilitator, FacilitatorConfig, Network, Payment, Refusal, Token};
use tollgate_evm::{Address, Chain, Key, MemoryJournal, Node, NodeError, Sender, Signature, Word, recover};
use tollgate_rail::Journal as _;

fn key() -> Key {
    format!("0x{}", "46".repeat(32)).parse().unwrap()
}

fn domain() -> Domain<'static> {
    Domain { name: "USDC", version: "2", chain_id: 84_532, contract: crate::world::usdc() }
}

fn authorization() -> Authorization {
    Authorization {
        from: key().address(),
        to: "0x3535353535353535353535353535353535353535".parse().unwrap(),
        value: Word::number(10_000),
        valid_after: Word::default(),
        valid_before: Word::number(1_795_332_288),
        nonce: format!("0x{}", "a2d6".repeat(16)).parse().unwrap(),
    }
}

#[test]
fn authorisations_are_signed_as_others_sign_them() {
    for (by, digest, signature) in
        [(Use::Transfer, TRANSFER, TRANSFER_SIGNATURE), (Use::Receive, RECEIVE, RECEIVE_SIGNATURE)]
    {
        let made = authorization().digest(&domain(), by);
        assert_eq!(made.to_string(), digest);
        let signature: Signature = signature.parse().unwrap();
        assert_eq!(key().sign(&made), signature);
        assert_eq!(recover(&made, &signature), Some(key().address()));
        for at in 0..65 {
            let mut bytes = signature;
            bytes.0[at] ^= 1;
            assert_ne!(recover(&made, &bytes), Some(key().address()), "byte {at}");
        }
        assert_ne!(authorization().digest(&Domain { chain_id: 1, ..domain() }, by), made);
    }
}

/// A payment that the official Python SDK signed and a chain took, with what is wrong in its changes.
#[test]
fn a_payment_of_an_official_client_is_taken_and_its_changes_are_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/evidence/x402/x402_vectors.json");
    let Ok(text) = std::fs::read(path) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no vectors of x402 at {path}");
        return;
    };
    let vectors: Value = serde_json::from_slice(&text).unwrap();
    let vector = &vectors["exact_eip3009"];
    let address = vector["domain"]["verifyingContract"].as_str().unwrap().parse().unwrap();
    let token = Token { address, name: "USDC".into(), version: "2".into() };
    let config = FacilitatorConfig::new(31_337, vec![token]);
    let body = |payload: &Value| {
        let requirements = &vector["paymentRequirements"];
        json!({"x402Version": 2, "paymentPayload": payload, "paymentRequirements": requirements}).to_string()
    };
    let read = |payload: &Value| -> Result<Payment, Refusal> {
        let payment = Payment::read(body(payload).as_bytes(), &config).map_err(|(refusal, _)| refusal)?;
        payment.check_time(Timestamp(1_795_332_000_000_000)).map_err(|(refusal, _)| refusal)?;
        payment.check_signature(false).map_err(|(refusal, _)| refusal)?;
        Ok(payment)
    };
    let good = &vector["paymentPayload"];
    let payment = read(good).unwrap();
    assert_eq!(payment.digest.to_string(), vector["eip712_digest"].as_str().unwrap());
    assert_eq!(payment.authorization.from.to_string(), vector["recovered"].as_str().unwrap());
    let mut twin = good.clone();
    twin["payload"]["signature"] = vector["malleated_high_s_signature"].clone();
    assert_eq!(read(&twin), Err(Refusal::Signature));
    let mutations = vector["mutations"].as_array().unwrap();
    assert!(mutations.len() >= 6);
    for mutation in mutations {
        let mut changed = good.clone();
        for (field, value) in mutation["patch_authorization"].as_object().unwrap() {
            changed["payload"]["authorization"][field] = value.clone();
        }
        let refusal = read(&changed).unwrap_err();
        let expected = mutation["expect"].as_str().unwrap();
        let wanted = if expected.starts_with("reject") { "invalid_payload" } else { expected };
        assert_eq!(refusal.word(), wanted, "{mutation}");
    }
}

/// One block is final only where no other can take its place.
#[test]
fn the_newest_block_is_final_on_chains_of_one_sequencer_only() {
    let of = |name: &str| Network::named(name).unwrap().confirmations();
    for name in ["base", "base-sepolia", "abstract", "abstract-testnet"] {
        assert_eq!(of(name), (1, 1), "{name}");
    }
    for name in ["polygon", "polygon-amoy", "avalanche", "sei", "iotex", "peaq"] {
        assert_eq!(of(name), (64, 2), "{name}");
    }
    assert_eq!(Network(1).confirmations(), (64, 2));
}

/// A node that never answers.
struct Dead;

impl Node for Dead {
    fn request(&mut self, _: &'static str, _: Value) -> Result<Value, NodeError> {
        Err(NodeError::Silent("it is gone".into()))
    }
}

#[test]
fn without_its_node_a_facilitator_sends_nothing_and_says_so() {
    let token = Token { address: crate::world::usdc(), name: "USDC".into(), version: "2".into() };
    let config = FacilitatorConfig::new(84_532, vec![token]);
    let sender = Sender::new(Chain::new(Dead), MemoryJournal::default(), key(), crate::world::bounds(1));
    let mut facilitator = Facilitator::new(sender, config);
    for body in [
        include_bytes!("../../../../fuzz/seeds/x402.json").as_slice(),
        include_bytes!("../../../../fuzz/seeds/x402-v1.json").as_slice(),
    ] {
        let mut reason = |us| facilitator.settle(body, Timestamp(us)).error_reason;
        assert_eq!(reason(1_795_332_281_000_000), Some("unexpected_verify_error"));
        // Six seconds must be left.
        assert_eq!(reason(1_795_332_283_000_000), Some(Refusal::ValidBefore.word()));
        assert_eq!(reason(-1_000_000), Some("unexpected_verify_error"));
        assert_eq!(facilitator.sender().journal().records().count(), 0);
    }
}

/// EIP-155's sender, and a transaction signed by the Python package eth-account 0.14.0.
#[test]
fn a_transaction_is_signed_as_others_sign_it() {
    let key = key();
    assert_eq!(key.address().to_string(), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
    let to: Address = "0x3535353535353535353535353535353535353535".parse().unwrap();
    let mut transaction = Transaction {
        chain_id: 84_532,
        nonce: 9,
        tip: 1_000_000_000,
        max_fee: 20_000_000_000,
        gas: 300_000,
        to: Some(to),
        value: 10,
        data: vec![0xab, 0xcd],
    };
    let signed = transaction.sign(&key);
    assert_eq!(tollgate_evm::hex(&signed.raw), RAW);
    assert_eq!(signed.hash.to_string(), HASH);
    (transaction.to, transaction.nonce, transaction.value, transaction.data) = (None, 0, 0, vec![0x60; 60]);
    assert_eq!(transaction.sign(&key).hash.to_string(), CREATION);
}

const RAW: &str = "0x02f87183014a3409843b9aca008504a817c800830493e09435353535353535353535353535353535353535350a82abcdc080a0577cef861e4d5f8566fbce4a1d0fddbcd1143a87427ebdad6977312be03004bca01304b13bf6aa17d8a43396423cf605d0e42235072f1310a89d55b6b7fb0ba604";
const HASH: &str = "0xc81675012377a9251f8898764208d2d71e5bce8be2fdf1351e3239d5805b1637";
const CREATION: &str = "0xde9dcffdae44c3308f911ca56a499618634a97463865207753fc2a925b338a3e";
const TRANSFER: &str = "0xd897c896454a77a16d9969914f8244c7ac4724ae4c559dd3a7005a9468c84921";
const TRANSFER_SIGNATURE: &str = "0x0ecac8a0be3fc8df8b2dd070e30f83599a4f11e779c783e6f58834bab68f4dd061d176e355d7d87e20a77593ea02d802a350ce71141b68825566581aa2995a6b1b";
const RECEIVE: &str = "0xd138f7294d5c8da9f6ed73999d0cbd026baa5ad875346f9fc7d549208452171a";
const RECEIVE_SIGNATURE: &str = "0xa85b4bb5a61458d8b9061b058ec28a54c7ebc9d84d3ed39fe0c6cbb92b92f70e4474e656405eede45595fe21e3bde64eedf1926a11afdf5ef473f486e8a93ed41c";
