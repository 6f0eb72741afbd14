//! What others made: a payment that an official x402 client signed and a chain took.

use tollgate_evm::transaction::Transaction;
use tollgate_evm::typed::{Authorization, Domain, Use};
use tollgate_evm::{Address, Key, Signature, Word, recover};

fn domain() -> Domain<'static> {
    let contract = "0x449C286Ab90639fd9F6604F4f15Ec86bce2b8A61".parse().unwrap();
    Domain { name: "USDC", version: "2", chain_id: 31_337, contract }
}

fn authorization() -> Authorization {
    Authorization {
        from: "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc".parse().unwrap(),
        to: "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955".parse().unwrap(),
        value: Word::number(10_000),
        valid_after: Word::default(),
        valid_before: Word::number(1_795_332_288),
        nonce: "0xa2d641807a167ace59db3e1af54d6945392a755f99bb9b554a6d0cd122639f29".parse().unwrap(),
    }
}

#[test]
fn an_authorisation_of_an_official_client_is_read_and_made_alike() {
    let digest = authorization().digest(&domain(), Use::Transfer);
    assert_eq!(digest.to_string(), "0xc69c686a1df6b2f4fc9c7aca8b7a379d753d67ed70f184955567f85f66be3b4f");
    let signature: Signature = "0xf40ee5f70eb7414d5525b76a82ce95cd35dad3113a75200d5a4955ff1107a7715db1a50f599d64ce17f75f8f2b4a0b9f0f673aa4b899dd5c3544ad8c9b56b2d81c".parse().unwrap();
    assert_eq!(recover(&digest, &signature), Some(authorization().from));
    // The account's key is public: it is the sixth of the mnemonic that test chains share.
    let key: Key = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba".parse().unwrap();
    assert_eq!(key.address(), authorization().from);
    assert_eq!(key.sign(&digest), signature);
    let twin: Signature = "0xf40ee5f70eb7414d5525b76a82ce95cd35dad3113a75200d5a4955ff1107a771a24e5af0a6629b31e808a070d4b5f45fab47a241f6aec2df8a8db10034df8e691b".parse().unwrap();
    assert_eq!(recover(&digest, &twin), None, "s in the upper half");
    for at in 0..65 {
        let mut bytes = signature;
        bytes.0[at] ^= 1;
        assert_ne!(recover(&digest, &bytes), Some(authorization().from), "byte {at}");
    }
    // For whom and where it is counts.
    assert_ne!(authorization().digest(&domain(), Use::Receive), digest);
    assert_ne!(authorization().digest(&Domain { chain_id: 1, ..domain() }, Use::Transfer), digest);
}

/// EIP-155's sender, and a transaction signed by the Python package eth-account 0.14.0.
#[test]
fn a_transaction_is_signed_as_others_sign_it() {
    let key: Key = format!("0x{}", "46".repeat(32)).parse().unwrap();
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
