//! Accounts of EVM chains, whose names are the addresses of their keys: a wallet signs the challenge as a message that it shows.
//!
//! The signature is one of EIP-191 (`personal_sign`) in its one spelling: `r`, `s` in the lower half of the order (EIP-2), and 27 or
//! 28. The account is named as CAIP-10 has it, with its address in lower case, so that no account has two names.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest as _, Keccak256};
use std::fmt::Write as _;

/// An address in hexadecimal digits.
const DIGITS: usize = 40;

/// The address that a CAIP-10 name of an EVM account ends in, `0x` and lower-case digits; `None` for anything else.
pub(super) fn address_of(account: &str) -> Option<&str> {
    let mut parts = account.split(':');
    let (Some("eip155"), Some(chain), Some(address), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let number = (1..=32).contains(&chain.len()) && chain.bytes().all(|digit| digit.is_ascii_digit());
    let digits = address.strip_prefix("0x")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (number && !chain.starts_with('0') && digits.len() == DIGITS && digits.bytes().all(hex))
        .then_some(address)
}

/// The address whose key signed this message, from a signature of 65 bytes in hexadecimal digits after `0x`.
pub(super) fn signer(message: &str, signature: &str) -> Option<String> {
    let bytes = from_hex(signature.strip_prefix("0x")?)?;
    let (&last, both) = bytes.split_last()?;
    let signature =
        Signature::from_slice(both).ok().filter(|signature| signature.normalize_s() == *signature)?;
    let parity = RecoveryId::from_byte(last.checked_sub(27).filter(|parity| *parity < 2)?)?;
    let mut hash = Keccak256::new();
    hash.update(b"\x19Ethereum Signed Message:\n");
    hash.update(message.len().to_string());
    hash.update(message);
    let key = VerifyingKey::recover_from_prehash(&hash.finalize(), &signature, parity).ok()?;
    let point = key.to_sec1_point(false);
    let name = Keccak256::digest(point.as_bytes().get(1..)?);
    let mut address = String::from("0x");
    for byte in name.iter().skip(12) {
        write!(address, "{byte:02x}").ok()?;
    }
    Some(address)
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if digits.len() != 130 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pair =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of web3.js, `eth.accounts.sign("Some data", …)`.
    const SIGNATURE: &str = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";

    #[test]
    fn a_signature_names_its_address_and_has_one_spelling() {
        let address = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
        assert_eq!(signer("Some data", SIGNATURE).as_deref(), Some(address));
        assert_ne!(signer("Some date", SIGNATURE).as_deref(), Some(address));
        // The twin, with the order less s and the other parity, is as good a signature, and none here.
        let twin = "9ff818b328d1fc8467fe79bd03d25e823e3a5dfc69c2cdb16075ff9bd7861118";
        let twin = format!("{}{twin}1b", &SIGNATURE[..66]);
        for bad in
            ["", "0x", &SIGNATURE[2..], &format!("{SIGNATURE}00"), &twin, &format!("{}01", &SIGNATURE[..130])]
        {
            assert_eq!(signer("Some data", bad), None, "{bad}");
        }
    }

    #[test]
    fn an_account_has_one_name() {
        let address = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
        assert_eq!(address_of(&format!("eip155:8453:{address}")), Some(address));
        for bad in [
            address.to_owned(),
            format!("eip155:08453:{address}"),
            format!("eip155::{address}"),
            format!("eip155:1:{address}:1"),
            format!("solana:1:{address}"),
            format!("eip155:1:{}", address.to_uppercase()),
            "eip155:1:0x2c7536E3605D9C16a7a3D7b1898e529396a65c23".into(),
            format!("eip155:1:{}", &address[..41]),
        ] {
            assert_eq!(address_of(&bad), None, "{bad}");
        }
    }
}
