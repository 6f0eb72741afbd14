//! The demonstration against a running server: every step is a request, and what it says is checked by the log's key.

use super::place::Place;
use crate::ending::Refusal;
use anyhow::{Context, Result, ensure};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Clock as _, Digest, Timestamp};
use tollgate_evidence::predicate::Predicate;
use tollgate_evidence::proof::{Dossier, Package, verdict};
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_net::client::Client;
use tollgate_net::upstream::Outgoing;
use tollgate_pay::escrow::{Bundle, Escrow, Event, SettlementPlane, Told, read};
use tollgate_pay::ledger::Op;
use tollgate_pay::log::{Checkpoint, Note, Receipt};

/// Longest answer that is read, in bytes.
const ANSWER_MAX: usize = 8 << 20;

/// A server, as a client sees it.
pub(in crate::pay) struct Remote {
    url: String,
    secret: Option<String>,
    plane: SettlementPlane,
    client: Client,
    runtime: Runtime,
}

impl Remote {
    pub(in crate::pay) fn new(url: &str, secret: Option<String>, plane: SettlementPlane) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client { max_answer: ANSWER_MAX, ..Client::default() };
        Ok(Self { url: url.trim_end_matches('/').into(), secret, plane, client, runtime })
    }

    fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Option<Vec<u8>>> {
        let mut request = Outgoing::new(method, &format!("/v1/settle/{path}"))?;
        if let Some(secret) = &self.secret {
            let bearer = HeaderValue::from_str(&format!("Bearer {secret}"));
            request = request.header(
                http::header::AUTHORIZATION,
                bearer.context("the key has characters that no header may have")?,
            );
        }
        if let Some(body) = body {
            let key: [u8; 32] = entropy().context("the system gave no entropy")?;
            request = request
                .header(
                    HeaderName::from_static("idempotency-key"),
                    HeaderValue::from_str(&Digest(key).to_string())?,
                )
                .header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.into());
        }
        let sent = self.runtime.block_on(self.client.send(&self.url, request));
        let answer = sent.with_context(|| format!("cannot ask {}", self.url))?;
        if answer.status == 200 {
            return Ok(Some(answer.body.to_vec()));
        }
        let problem: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let detail = problem["detail"].as_str().unwrap_or("no reason was given");
        if answer.status == 404 && !detail.contains("not configured") {
            return Ok(None);
        }
        Err(Refusal(format!("{path}: {} {detail}", answer.status)).into())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        self.ask(Method::GET, path, None)?.with_context(|| format!("{}: there is no {path}", self.url))
    }

    fn post(&self, path: &str, body: String) -> Result<Value> {
        let answer = self.ask(Method::POST, path, Some(body))?;
        Ok(serde_json::from_slice(&answer.with_context(|| format!("{}: there is no {path}", self.url))?)?)
    }
}

fn number(answer: &Value, name: &str) -> Result<u64> {
    answer[name].as_u64().with_context(|| format!("the answer has no {name}: {answer}"))
}

impl Place for Remote {
    fn now(&self) -> Timestamp {
        SystemClock::new().now()
    }

    fn plane(&self) -> &SettlementPlane {
        &self.plane
    }

    fn tell(&mut self, _key: &str, ops: Vec<Op>) -> Result<u64> {
        number(&self.post("commands", json!({"ops": ops}).to_string())?, "entry")
    }

    fn act(&mut self, id: Digest, event: Event) -> Result<Vec<Told>> {
        let path = match event {
            Event::Propose(_) => "escrows".to_owned(),
            _ => format!("escrows/{id}/events"),
        };
        let answer = self.post(&path, serde_json::to_string(&event)?)?;
        ensure!(answer["escrow"] == id.to_string(), "the answer is about another escrow: {answer}");
        let told = |told: &Value| -> Result<Told> {
            let phase = serde_json::from_value(told["phase"].clone())?;
            Ok(Told { escrow: id, seq: number(told, "entry")?, phase, version: number(told, "version")? })
        };
        answer["recorded"].as_array().context("nothing was recorded")?.iter().map(told).collect()
    }

    fn receipt(&self, seq: u64) -> Result<Receipt> {
        let text = String::from_utf8(self.get(&format!("log/entries/{seq}/receipt"))?)?;
        Ok(Receipt::parse(&text)?)
    }

    /// Nothing is believed: the escrow is what its proven entries lead to.
    fn escrow(&self, id: Digest) -> Result<Escrow> {
        Ok(self.bundle(id)?.replay(&self.plane)?.escrow)
    }

    /// The server's answer must be the one that its own dossier gives here.
    fn judge(&mut self, id: Digest, package: &Package, predicate: &Predicate) -> Result<Dossier> {
        let (package, wanted) = (package.canonical(), predicate.canonical());
        let (package, wanted) = (String::from_utf8(package)?, String::from_utf8(wanted)?);
        let body = format!(r#"{{"package":{package},"predicate":{wanted}}}"#);
        let answer = self.post(&format!("escrows/{id}/evidence"), body)?;
        let dossier = Dossier::parse(&self.get(&format!("escrows/{id}/evidence"))?)?;
        let (pote, _) = verdict(&self.escrow(id)?, &dossier)?;
        ensure!(answer["digest"] == pote.digest().to_string(), "judging again gives another proof: {answer}");
        ensure!(answer["holds"] == pote.holds, "judging again gives another answer: {answer}");
        Ok(dossier)
    }

    fn order(&self, id: Digest) -> Result<Event> {
        Ok(read("order", &self.get(&format!("escrows/{id}/order?expires_s=600"))?)?)
    }

    fn bundle(&self, id: Digest) -> Result<Bundle> {
        Ok(Bundle::parse(&self.get(&format!("escrows/{id}/bundle"))?)?)
    }

    fn balance(&self, id: &AccountId) -> Result<Option<Amount>> {
        let Some(answer) = self.ask(Method::GET, &format!("accounts/{id}"), None)? else { return Ok(None) };
        let account: Value = serde_json::from_slice(&answer)?;
        let minor = account["balance"].as_str().and_then(|minor| minor.parse().ok());
        let asset = serde_json::from_value(account["asset"].clone())?;
        Ok(Some(Amount::new(minor.with_context(|| format!("{id} has no balance"))?, asset)))
    }

    fn end(&self) -> Result<String> {
        let note = Note::parse(&String::from_utf8(self.get("log/checkpoint")?)?)?;
        let size = Checkpoint::verified(&note, self.plane.log(), self.plane.origin())?.size;
        Ok(format!(
            "the server signed a checkpoint over {size} entries, of which every one of these steps is proven"
        ))
    }
}
