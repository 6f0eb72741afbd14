//! Answers signed as HTTP messages (RFC 9421): status and body's digest, with the request that they answer.

use crate::{Key, Task, output};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tollgate_core::Timestamp;
use tollgate_wire::httpsig::{Component, Draft, Flaw, Message, Request, content_digest};

/// The field that carries the binding.
const BIND: &str = "tollgate-bind";

/// The request that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Host, and port where it is not the scheme's.
    pub authority: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its query, without the question mark.
    pub query: Option<&'a str>,
}

/// An answer that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What was asked.
    pub asked: Asked<'a>,
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// A field of a message.
type Field = (&'static str, String);

impl Answer<'_> {
    /// The fields that the answer is sent with: digest of the body, binding, signature.
    ///
    /// # Errors
    /// [`Flaw`] for a request whose parts cannot stand in a signature.
    pub fn sign(&self, key: &Key, task: Option<&Task>, at: Timestamp) -> Result<Vec<Field>, Flaw> {
        let mut fields: Vec<Field> = vec![("content-digest", content_digest(self.body))];
        fields.extend(task.map(|task| (BIND, task.bind(&output(self.body)))));
        let given: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request {
            method: self.asked.method,
            scheme: "https",
            authority: self.asked.authority,
            path: self.asked.path,
            query: self.asked.query,
            fields: &[],
        };
        let message = Message::Response { status: self.status, fields: &given, request: Some(request) };
        let mut covered = vec![Component::named("@status"), Component::named("content-digest")];
        covered.extend(task.map(|_| Component::named(BIND)));
        for part in ["@method", "@authority", "@path", "@query"] {
            if part != "@query" || self.asked.query.is_some() {
                covered.push(Component::named(part).with("req"));
            }
        }
        let draft = Draft::new("sig", covered).time("created", at.seconds()).text("keyid", &key.id());
        let signature = key.sign(draft.base(&message)?.as_bytes());
        let (input, value) = draft.fields(&signature);
        fields.extend([("signature-input", input), ("signature", value)]);
        Ok(fields)
    }

    /// Request and signed answer as evidence of kind `http-signature`.
    ///
    /// # Errors
    /// As [`Answer::sign`].
    pub fn evidence(&self, key: &Key, task: Option<&Task>, at: Timestamp) -> Result<String, Flaw> {
        let fields: Vec<Value> =
            self.sign(key, task, at)?.iter().map(|(name, value)| json!([name, value])).collect();
        let Asked { method, authority, path, query } = self.asked;
        let parts = [("method", method), ("scheme", "https"), ("authority", authority), ("path", path)];
        let parts = parts.into_iter().chain(query.map(|query| ("query", query)));
        let mut request: Map<String, Value> =
            parts.map(|(name, part)| (name.to_owned(), json!(part))).collect();
        request.insert("fields".into(), json!([]));
        let answer = json!({"status": self.status, "fields": fields, "body": STANDARD.encode(self.body)});
        Ok(json!({"request": request, "response": answer}).to_string())
    }
}
