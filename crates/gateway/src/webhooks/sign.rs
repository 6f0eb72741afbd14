//! Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 over id, time and body with dots between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// The secret that a receiver shares. It is not printed.
#[derive(Clone)]
pub struct HookKey(Hmac<Sha256>);

impl HookKey {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        let long_enough = (24..=64).contains(&secret.len());
        long_enough.then(|| Hmac::new_from_slice(&secret).ok().map(Self)).flatten()
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for HookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn the_specifications_example_is_signed_so() {
        let key = HookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "HookKey");
        for bad in ["", "whsec_", "whsec_AA==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"] {
            assert!(HookKey::parse(bad).is_none(), "{bad}");
        }
    }
}
