//! A bundle (sigstore's protocol buffers as JSON, versions 0.1 to 0.3), read: a signature with all that is said about it.

use crate::Refusal;
use crate::kinds::dsse::Envelope;
use crate::read::text::base64;
use tollgate_pay::json::Json;

const WHAT: &str = "bundle";
/// Most entries of logs, and most timestamps.
const ENTRIES_MAX: usize = 8;
const HASHES_MAX: usize = 64;

pub(super) const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

/// Who signed: a certificate, or a key that the policy knows.
pub(super) enum Material {
    Certificate(Vec<u8>),
    Key,
}

/// What was signed.
pub(super) enum Content {
    /// Something with this SHA-256, which is believed when the signature holds over it.
    Message { digest: Option<Vec<u8>>, signature: Vec<u8> },
    /// A statement.
    Envelope(Envelope),
}

/// An entry of a log.
pub(super) struct Entry {
    pub(super) log: Vec<u8>,
    pub(super) index: i64,
    pub(super) kind: String,
    pub(super) version: String,
    pub(super) body: Vec<u8>,
    /// When the log says it was added, and its signature for that.
    pub(super) promise: Option<(i64, Vec<u8>)>,
    pub(super) proof: Option<Proof>,
}

/// That the entry stands in the log.
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) root: [u8; 32],
    pub(super) hashes: Vec<[u8; 32]>,
    pub(super) checkpoint: String,
}

/// All of it.
pub(super) struct Bundle {
    pub(super) material: Material,
    pub(super) content: Content,
    pub(super) entries: Vec<Entry>,
    pub(super) timestamps: Vec<Vec<u8>>,
}

fn text<'a>(json: &'a Json, name: &'static str) -> Result<&'a str, Refusal> {
    json.get(name).and_then(Json::text).ok_or(Refusal::Missing { what: name })
}

fn bytes(json: &Json, name: &'static str) -> Result<Vec<u8>, Refusal> {
    base64(name, text(json, name)?)
}

/// Sixty-four bits, which JSON of protocol buffers writes as text.
fn number(json: &Json, name: &'static str) -> Result<i64, Refusal> {
    let digits = text(json, name)?;
    let plain = digits.len() <= 19 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).ok_or(bad("a number is negative, too large or has a sign"))
}

fn natural(json: &Json, name: &'static str) -> Result<u64, Refusal> {
    u64::try_from(number(json, name)?).map_err(|_| bad("a number is negative"))
}

fn hash(bytes: Vec<u8>) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| bad("a hash has not 32 bytes"))
}

fn few<'a>(json: &'a Json, name: &str, most: usize) -> Result<&'a [Json], Refusal> {
    let list = json.get(name).and_then(Json::list).unwrap_or_default();
    if list.len() > most {
        return Err(Refusal::TooLarge { what: WHAT, is: list.len(), unit: "entries of a list", most });
    }
    Ok(list)
}

/// A member that is there and not null.
fn there<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).filter(|json| !matches!(json, Json::Null))
}

fn proof(json: &Json) -> Result<Proof, Refusal> {
    let decode = |json: &Json| hash(base64("hash", json.text().unwrap_or("!"))?);
    let checkpoint = there(json, "checkpoint").ok_or(Refusal::Missing { what: "a checkpoint" })?;
    Ok(Proof {
        index: natural(json, "logIndex")?,
        size: natural(json, "treeSize")?,
        root: hash(bytes(json, "rootHash")?)?,
        hashes: few(json, "hashes", HASHES_MAX)?.iter().map(decode).collect::<Result<_, _>>()?,
        checkpoint: text(checkpoint, "envelope")?.to_owned(),
    })
}

fn entry(json: &Json) -> Result<Entry, Refusal> {
    let kind = there(json, "kindVersion").ok_or(Refusal::Missing { what: "kindVersion" })?;
    let log = there(json, "logId").ok_or(Refusal::Missing { what: "logId" })?;
    let promise = there(json, "inclusionPromise").map(|promise| {
        Ok::<_, Refusal>((number(json, "integratedTime")?, bytes(promise, "signedEntryTimestamp")?))
    });
    Ok(Entry {
        log: bytes(log, "keyId")?,
        index: number(json, "logIndex")?,
        kind: text(kind, "kind")?.to_owned(),
        version: text(kind, "version")?.to_owned(),
        body: bytes(json, "canonicalizedBody")?,
        promise: promise.transpose()?,
        proof: there(json, "inclusionProof").map(proof).transpose()?,
    })
}

/// The version: 1, 2 or 3 behind the point.
fn version(media: &str) -> Option<u8> {
    Some(match media {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => 1,
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => 2,
        "application/vnd.dev.sigstore.bundle+json;version=0.3"
        | "application/vnd.dev.sigstore.bundle.v0.3+json" => 3,
        _ => return None,
    })
}

fn material(json: &Json, version: u8) -> Result<Material, Refusal> {
    let found = [there(json, "certificate"), there(json, "x509CertificateChain"), there(json, "publicKey")];
    match found {
        [Some(certificate), None, None] => Ok(Material::Certificate(bytes(certificate, "rawBytes")?)),
        [None, Some(chain), None] if version < 3 => match few(chain, "certificates", ENTRIES_MAX)? {
            [leaf, others @ ..] => {
                for other in others {
                    let der = bytes(other, "rawBytes")?;
                    let other = crate::x509::Certificate::parse(&der)?;
                    if other.issuer == other.subject {
                        return Err(bad("its chain has a root: whom to trust is not for the signer to say"));
                    }
                }
                Ok(Material::Certificate(bytes(leaf, "rawBytes")?))
            }
            [] => Err(Refusal::Missing { what: "a certificate" }),
        },
        [None, None, Some(_)] => Ok(Material::Key),
        _ => Err(bad("it names not one certificate, chain or key")),
    }
}

fn content(json: &Json) -> Result<Content, Refusal> {
    match (there(json, "messageSignature"), there(json, "dsseEnvelope")) {
        (Some(message), None) => {
            let digest = there(message, "messageDigest").map(|digest| match text(digest, "algorithm")? {
                "SHA2_256" => bytes(digest, "digest"),
                other => Err(Refusal::Unsupported { what: "digest", is: Refusal::shown(other) }),
            });
            let digest = digest.transpose()?;
            Ok(Content::Message { digest, signature: bytes(message, "signature")? })
        }
        (None, Some(envelope)) => {
            let envelope = Envelope::read(envelope)?;
            if envelope.signatures.len() == 1 {
                Ok(Content::Envelope(envelope))
            } else {
                Err(bad("its envelope has not one signature"))
            }
        }
        _ => Err(bad("it holds not one message's signature or one envelope")),
    }
}

impl Bundle {
    pub(super) fn read(bytes_of: &[u8]) -> Result<Self, Refusal> {
        let json = Json::parse(bytes_of).map_err(|_| bad("it is not strict JSON"))?;
        let media = text(&json, "mediaType")?;
        let version = version(media)
            .ok_or_else(|| Refusal::Unsupported { what: "bundle", is: Refusal::shown(media) })?;
        let said =
            there(&json, "verificationMaterial").ok_or(Refusal::Missing { what: "verificationMaterial" })?;
        let material = material(said, version)?;
        let entries =
            few(said, "tlogEntries", ENTRIES_MAX)?.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        // The first version could do with the log's promise.
        let proven = |entry: &Entry| entry.proof.is_some() || (version == 1 && entry.promise.is_some());
        if entries.is_empty() || !entries.iter().all(proven) {
            return Err(Refusal::Missing { what: "a proof that a log holds the signature" });
        }
        let times = there(said, "timestampVerificationData");
        let times = times.map(|times| few(times, "rfc3161Timestamps", ENTRIES_MAX)).transpose()?;
        let times = times.unwrap_or_default().iter().map(|time| bytes(time, "signedTimestamp"));
        Ok(Self { material, content: content(&json)?, entries, timestamps: times.collect::<Result<_, _>>()? })
    }

    /// The one signature.
    pub(super) fn signature(&self) -> &[u8] {
        match &self.content {
            Content::Message { signature, .. } => signature,
            Content::Envelope(envelope) => envelope.signatures.first().map(Vec::as_slice).unwrap_or_default(),
        }
    }
}
