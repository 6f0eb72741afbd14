//! A plain HTTP/1.1 client that shows every byte.

use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_sim::{Running, Sim, SimConfig};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as HTTP says it must.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = |line: &&str| line.to_lowercase().starts_with(&format!("{name}: "));
        self.head.lines().find(found).and_then(|line| line.split_once(": ")).map(|(_, v)| v)
    }

    /// The JSON of each event; the end mark is the string `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text().split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.map(|d| serde_json::from_str(d).unwrap_or_else(|_| Value::String(d.into()))).collect()
    }

    /// The concatenated deltas of one field.
    pub(crate) fn deltas(&self, field: &str) -> String {
        let events = self.events();
        let parts = events.iter().filter_map(|e| e["choices"][0]["delta"][field].as_str());
        parts.collect()
    }
}

pub(crate) async fn start(config: SimConfig) -> Running {
    Sim::start(config).await.unwrap()
}

pub(crate) async fn fast() -> Running {
    start(SimConfig::fast(&["sim-small"])).await
}

/// Sends raw bytes and reads until the server closes; none when it closes without an answer.
pub(crate) async fn raw(addr: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    let split = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8(all[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: all[split + 4..].to_vec(), complete: true };
    if answer.header("transfer-encoding") == Some("chunked") {
        (answer.body, answer.complete) = dechunk(&answer.body);
    } else if let Some(length) = answer.header("content-length") {
        answer.complete = length.parse() == Ok(answer.body.len());
    }
    Some(answer)
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

pub(crate) async fn send(
    addr: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut request = format!("{line} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    raw(addr, request.as_bytes()).await
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    send(addr, &format!("GET {path}"), &[], "").await.unwrap()
}

/// A chat request with extra top-level members, such as `"stream":true`.
pub(crate) fn hello(extra: &str) -> String {
    let comma = if extra.is_empty() { "" } else { "," };
    format!(r#"{{"model":"sim-small","messages":[{{"role":"user","content":"Hello there"}}]{comma}{extra}}}"#)
}

pub(crate) async fn chat(addr: SocketAddr, body: &str) -> Answer {
    send(addr, "POST /v1/chat/completions", &[], body).await.unwrap()
}

pub(crate) async fn faulty(addr: SocketAddr, fault: &str, body: &str) -> Option<Answer> {
    send(addr, "POST /v1/chat/completions", &[("x-sim-fault", fault)], body).await
}
