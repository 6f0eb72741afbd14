//! Which conversation a request belongs to.
//!
//! In this order: the session header; the id of the previous response, where the conversation before it is not in the
//! request; the metadata's session or conversation id; else a digest of the caller and the first user message, which
//! stays the same while the conversation grows.
//!
//! The id is the caller's own word, so state must be kept under [`Session::key`], which is bound to the caller: no
//! caller can reach another's session by naming it.

use crate::Input;
use smallvec::SmallVec;
use tollgate_core::Digest;
use tollgate_wire::view::Role;

/// Longest id that is kept as written; a longer or unprintable one is replaced by its digest.
const ID_MAX: usize = 128;
/// Metadata keys that name a session, in order of preference.
const KEYS: [&str; 4] = ["session_id", "conversation_id", "thread_id", "chat_id"];
/// Bytes of the first user message that go into the key of last resort.
const FIRST_BYTES: usize = 16 << 10;
/// Longest text of it that is digested whole: digesting 16 KiB takes longer than all else that a short request needs.
const GIST_MAX: usize = 512;
/// Bytes at each end of a longer one that are digested.
const ENDS: usize = 128;

/// Where a session id comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionSource {
    /// The session header.
    Header,
    /// The response that this request continues.
    PreviousResponse,
    /// The request's metadata.
    Metadata,
    /// A digest of the caller and the first user message.
    Digest,
}

impl SessionSource {
    /// The word that names it in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::PreviousResponse => "previous_response",
            Self::Metadata => "metadata",
            Self::Digest => "digest",
        }
    }
}

/// A conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its id: printable ASCII, at most 128 bytes.
    pub id: String,
    /// Where the id comes from.
    pub source: SessionSource,
    /// 64 bits that stand for this session of this caller.
    pub key: u64,
}

fn legal(id: &str) -> Option<String> {
    match id.trim() {
        "" => None,
        id if id.len() <= ID_MAX && id.bytes().all(|b| b.is_ascii_graphic()) => Some(id.to_owned()),
        id => Some(hex(&Digest::of(id.as_bytes()))),
    }
}

/// The first 32 hex digits of a digest.
fn hex(digest: &Digest) -> String {
    let bits = digest.0.iter().take(16).fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    std::str::from_utf8(&tollgate_core::id::hex::<32>(bits)).unwrap_or_default().to_owned()
}

/// The session that the metadata names. Some clients pack it into `user_id`, after `_session_`.
fn of_metadata(metadata: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    let text = |key: &str| metadata.get(key).and_then(serde_json::Value::as_str);
    let named = KEYS.iter().find_map(|key| text(key).and_then(legal));
    named.or_else(|| {
        text("user_id").and_then(|user| user.rsplit_once("_session_")).and_then(|(_, id)| legal(id))
    })
}

/// What stands for a text in the key of last resort: itself where it is short, else its length, checksum, head and tail.
fn gist(text: &[u8]) -> SmallVec<[u8; GIST_MAX]> {
    if text.len() <= GIST_MAX {
        return SmallVec::from_slice(text);
    }
    let mut gist = SmallVec::from_slice(&(text.len() as u64).to_le_bytes());
    gist.extend_from_slice(&crc32c::crc32c(text).to_le_bytes());
    gist.extend_from_slice(text.get(..ENDS).unwrap_or_default());
    gist.extend_from_slice(text.get(text.len() - ENDS..).unwrap_or_default());
    gist
}

/// The caller and what it first said: bound to the caller already, so that two texts of one gist only make one of two
/// conversations of the same caller.
fn of_first_message(input: &Input<'_>) -> Digest {
    let first = input.view.messages.iter().find(|m| m.role == Role::User);
    let mut left = FIRST_BYTES;
    let mut gists: SmallVec<[_; 1]> = SmallVec::new();
    for text in first.map(|m| m.text.as_slice()).unwrap_or_default() {
        let bytes = input.view.bytes(text.span);
        gists.push(gist(bytes.get(..bytes.len().min(left)).unwrap_or_default()));
        left = left.saturating_sub(bytes.len());
    }
    let owner = [input.caller.tenant.as_bytes(), input.caller.key_id.as_bytes()];
    Digest::of_parts(owner.into_iter().chain(gists.iter().map(|gist| &gist[..])))
}

/// The session of a request; `metadata` is the parsed metadata object.
pub(crate) fn session(
    input: &Input<'_>,
    metadata: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Session {
    let previous = || input.view.previous_response_id.and_then(|id| legal(&input.view.text(id)));
    let named = input
        .session
        .and_then(legal)
        .map(|id| (id, SessionSource::Header))
        .or_else(|| previous().map(|id| (id, SessionSource::PreviousResponse)))
        .or_else(|| metadata.and_then(of_metadata).map(|id| (id, SessionSource::Metadata)));
    let Some((id, source)) = named else {
        let digest = of_first_message(input);
        return Session { id: hex(&digest), source: SessionSource::Digest, key: digest.short() };
    };
    let owner = [input.caller.tenant.as_bytes(), input.caller.key_id.as_bytes(), id.as_bytes()];
    Session { key: Digest::of_parts(owner).short(), id, source }
}
