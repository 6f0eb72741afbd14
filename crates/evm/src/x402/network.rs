//! Networks: by CAIP-2 in version 2 of the wire, by names in version 1.

/// Names of version 1, with their chains.
const NAMES: &[(&str, u64)] = &[
    ("abstract", 2_741),
    ("abstract-testnet", 11_124),
    ("avalanche", 43_114),
    ("avalanche-fuji", 43_113),
    ("base", 8_453),
    ("base-sepolia", 84_532),
    ("iotex", 4_689),
    ("peaq", 3_338),
    ("polygon", 137),
    ("polygon-amoy", 80_002),
    ("sei", 1_329),
    ("sei-testnet", 1_328),
];

/// Chains whose blocks one sequencer makes: what it has told it does not take back, but for the chain beneath it.
const SEQUENCED: &[u64] = &[2_741, 8_453, 11_124, 84_532];
/// Blocks after which others' payments are final where nothing else is said: two epochs of Ethereum.
const CONFIRMATIONS: u64 = 64;

/// An EVM chain by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network(pub u64);

impl Network {
    /// Reads `eip155:N`.
    #[must_use]
    pub fn caip2(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("eip155:")?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        digits.parse().ok().filter(|_| plain).map(Self)
    }

    /// Reads a name of version 1.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| *name == text).map(|(_, id)| Self(*id))
    }

    /// Blocks, from the one that has a payment to the newest, that make it final where nothing else is said, and the least that
    /// may be said: the newest block alone only where no other can take its place.
    #[must_use]
    pub fn confirmations(self) -> (u64, u64) {
        if SEQUENCED.contains(&self.0) { (1, 1) } else { (CONFIRMATIONS, 2) }
    }

    /// Its name in version 1, when it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, id)| *id == self.0).map(|(name, _)| *name)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "eip155:{}", self.0)
    }
}
