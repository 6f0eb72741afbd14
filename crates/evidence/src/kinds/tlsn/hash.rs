//! What the notary's signature covers: the header, with the Merkle root over the hashes of the body's fields.
//!
//! A field is hashed with a domain in front, the first half of the BLAKE3 hash of its type's name, so that none passes for
//! another. For hashing and signing values are written as BCS: as in the file, with counts and variants as LEB128. The tree
//! hashes two nodes one after the other; the last of an odd number moves up as it is.

use super::read::{Body, Commitment, Direction, Ephemeral, Identity, Presentation, Ranges, Typed};
use crate::Refusal;
use crate::crypto::sha256;
use sha3::{Digest as _, Keccak256};

/// Numbers of hash algorithms.
const SHA256: u8 = 1;
const BLAKE3: u8 = 2;
const KECCAK256: u8 = 3;

/// A hash algorithm.
#[derive(Clone, Copy)]
pub(super) struct Hasher(u8);

impl Hasher {
    pub(super) fn new(algorithm: u8) -> Result<Self, Refusal> {
        if (SHA256..=KECCAK256).contains(&algorithm) {
            Ok(Self(algorithm))
        } else {
            Err(Refusal::Unsupported { what: "hash algorithm", is: algorithm.to_string() })
        }
    }

    pub(super) fn hash(self, bytes: &[u8]) -> [u8; 32] {
        match self.0 {
            SHA256 => sha256(bytes),
            BLAKE3 => blake3::hash(bytes).into(),
            _ => Keccak256::digest(bytes).into(),
        }
    }

    /// The hash of a field of this type.
    fn field(self, r#type: &str, value: &Bcs) -> [u8; 32] {
        let name: [u8; 32] = blake3::hash(r#type.as_bytes()).into();
        let domain = name.get(..16).unwrap_or_default();
        self.hash(&[domain, &value.0].concat())
    }
}

/// Bytes in BCS.
#[derive(Default)]
struct Bcs(Vec<u8>);

impl Bcs {
    /// A count or a variant's number.
    fn count(mut self, of: usize) -> Self {
        let mut rest = of;
        while rest >= 0x80 {
            self.0.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or(0));
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.count(bytes.len()).raw(bytes)
    }

    fn typed(self, of: &Typed<'_>) -> Self {
        self.raw(&[of.algorithm]).bytes(of.value)
    }

    fn variant(self, number: u32) -> Self {
        self.count(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn ephemeral(self, key: Ephemeral<'_>) -> Self {
        self.variant(0).bytes(key.0)
    }

    fn ranges(self, of: &Ranges) -> Self {
        let counted = self.count(of.0.len());
        let both =
            |bcs: Self, (start, end): &(u64, u64)| bcs.raw(&start.to_le_bytes()).raw(&end.to_le_bytes());
        of.0.iter().fold(counted, both)
    }

    fn commitment(self, of: &Commitment<'_>) -> Self {
        let direction = u32::from(of.direction == Direction::Received);
        self.variant(0).variant(direction).ranges(&of.ranges).typed(&of.hash)
    }
}

impl Body<'_> {
    /// The root over all fields.
    fn root(&self, with: Hasher) -> [u8; 32] {
        let connection = Bcs::default()
            .raw(&self.time.to_le_bytes())
            .variant(self.version)
            .raw(&self.sent.to_le_bytes())
            .raw(&self.received.to_le_bytes());
        let mut level = vec![
            with.field("VerifyingKey", &Bcs::default().typed(&self.key)),
            with.field("tlsn_core::connection::ConnectionInfo", &connection),
            with.field("tlsn_core::connection::ServerEphemKey", &Bcs::default().ephemeral(self.ephemeral)),
            with.field("ServerCertCommitment", &Bcs::default().typed(&self.identity)),
        ];
        let extension =
            |(id, value): &(&[u8], &[u8])| with.field("Extension", &Bcs::default().bytes(id).bytes(value));
        level.extend(self.extensions.iter().map(extension));
        let commitment = |of: &Commitment<'_>| {
            with.field("tlsn_core::transcript::TranscriptCommitment", &Bcs::default().commitment(of))
        };
        level.extend(self.commitments.iter().map(commitment));
        while level.len() > 1 {
            let node = |pair: &[[u8; 32]]| match pair {
                [left, right] => with.hash(&[&left[..], right].concat()),
                _ => pair.first().copied().unwrap_or_default(),
            };
            level = level.chunks(2).map(node).collect();
        }
        level.first().copied().unwrap_or_default()
    }
}

impl Presentation<'_> {
    /// What the notary signed, after the body was found to be the one of its root.
    pub(super) fn signed(&self) -> Result<Vec<u8>, Refusal> {
        let root = self.body.root(Hasher::new(self.root.algorithm)?);
        if self.root.value != root {
            return Err(Refusal::Signature { what: "body of the attestation" });
        }
        Ok(Bcs::default().raw(self.id).raw(&self.version.to_le_bytes()).typed(&self.root).0)
    }
}

impl Identity<'_> {
    /// What the notary signed of it: a hash that tells nothing to whom it is not opened.
    pub(super) fn hash(&self, with: Hasher) -> [u8; 32] {
        let counted = Bcs::default().count(self.certificates.len());
        let certificates = self.certificates.iter().fold(counted, |bcs, der| bcs.bytes(der));
        let whole = certificates
            .variant(self.algorithm)
            .bytes(self.signature)
            .variant(0)
            .raw(self.client_random)
            .raw(self.server_random)
            .ephemeral(self.ephemeral)
            .raw(self.blinder);
        with.field("ServerCertOpening", &whole)
    }
}
