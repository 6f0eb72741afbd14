//! Serves the console with made-up data, to look at it: `cargo run -p tollgate-console --example preview`.
//!
//! It knows just enough of the gateway's API for the scripts: each `POST /v1/chat/completions` is a new live row, a
//! policy with the word `rout` in it is wrong, keys are answered but not kept.

mod sample;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use tollgate_console::view::{CheckReport, Diagnostic, RequestRow};
use tollgate_console::{HEADERS, assets, page};
use tollgate_core::Timestamp;

/// Longest body that is read.
const BODY_MAX: usize = 1 << 20;

static LISTENERS: Mutex<Vec<mpsc::Sender<String>>> = Mutex::new(Vec::new());
static SENT: Mutex<Vec<RequestRow>> = Mutex::new(Vec::new());
static COUNT: AtomicU64 = AtomicU64::new(0);

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8095".into());
    let listener = TcpListener::bind(&address)?;
    writeln!(std::io::stdout(), "http://{}/console", listener.local_addr()?)?;
    for stream in listener.incoming() {
        let stream = stream?;
        // A connection that breaks is the browser's business.
        drop(std::thread::spawn(move || serve(&stream)));
    }
    Ok(())
}

struct Request {
    method: String,
    path: String,
    query: String,
    body: String,
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length.min(BODY_MAX)];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Ok(Request {
        method,
        path: path.into(),
        query: query.into(),
        body: String::from_utf8_lossy(&body).into(),
    })
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let request = read(stream)?;
    if request.path == "/api/v1/live" {
        return live(stream);
    }
    let (status, media_type, body) = answer(&request);
    send(stream, status, media_type, body.as_bytes())
}

fn send(mut stream: &TcpStream, status: u16, media_type: &str, body: &[u8]) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in HEADERS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)
}

fn live(mut stream: &TcpStream) -> std::io::Result<()> {
    let (sender, receiver) = mpsc::channel();
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    stream.write_all(
        b"HTTP/1.1 200 -\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n",
    )?;
    for row in receiver {
        stream.write_all(format!("event: decision\ndata: {row}\n\n").as_bytes())?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example has no other clock")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

fn answer(request: &Request) -> (u16, &'static str, String) {
    let time = now();
    let shell = sample::shell(time);
    let json = |text: &str| (200, JSON, text.to_owned());
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/console") => (200, HTML, page::live(&shell, &live_view(request, time))),
        ("GET", "/console/pools") => (200, HTML, page::pools(&shell, &sample::pools(time))),
        ("GET", "/console/policy") => (200, HTML, page::policy(&shell, &sample::policy(time))),
        ("GET", "/console/budgets") => (200, HTML, page::budgets(&shell, &sample::budgets(time))),
        ("GET", "/console/escrows") => (200, HTML, page::escrows(&shell, &sample::escrows(time))),
        ("GET", "/console/mandates") => (200, HTML, page::mandates(&shell, &sample::mandates(time))),
        ("GET", "/console/agents") => (200, HTML, page::agents(&shell, &sample::agents(time))),
        ("GET", "/console/log") => (200, HTML, page::log(&shell, &sample::log(time))),
        ("GET", path) if path.starts_with("/console/escrows/") => {
            (200, HTML, page::escrow(&shell, &sample::escrow(time)))
        }
        ("GET", path) if path.starts_with("/console/requests/") => {
            (200, HTML, page::request(&shell, &sample::request(time)))
        }
        ("GET", path) => match path.strip_prefix("/console/assets/").and_then(assets::find) {
            Some(asset) => (200, asset.media_type, asset.text.into()),
            None => (404, HTML, page::problem(&shell, 404, "Not found", "There is no such page.")),
        },
        ("POST", "/v1/chat/completions") => chat(time),
        ("POST", "/api/v1/policy/check") => (200, JSON, check(&request.body)),
        ("PUT", "/api/v1/policy") => {
            (if request.body.contains("rout ") { 422 } else { 200 }, JSON, check(&request.body))
        }
        ("POST", "/api/v1/keys") => json(r#"{"secret":"tg-4mVnQx0ZsampleSampleSampleSampleSampleSample"}"#),
        ("POST", path) if path.ends_with("/rotate") => {
            json(r#"{"secret":"tg-9rotatedSampleSampleSampleSampleSampleSample"}"#)
        }
        ("POST", path) if path.ends_with("/replay") => {
            json(r#"{"same":true,"differences":[],"explanation":"long_hard: holds"}"#)
        }
        _ => json("{}"),
    }
}

fn live_view(request: &Request, time: Timestamp) -> tollgate_console::view::LiveView {
    let mut view = sample::live(if request.query.contains("empty") { 0 } else { 40 }, time);
    let mut rows = SENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    rows.reverse();
    rows.append(&mut view.rows);
    view.rows = rows;
    view
}

fn chat(time: Timestamp) -> (u16, &'static str, String) {
    let n = COUNT.fetch_add(1, Ordering::SeqCst);
    let row = RequestRow {
        seq: 6000 + i64::try_from(n).unwrap_or(0),
        time,
        id: format!("req_live{n}"),
        ..sample::row(n, time)
    };
    let text = serde_json::to_string(&row).unwrap_or_default();
    SENT.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).retain(|l| l.send(text.clone()).is_ok());
    (200, JSON, r#"{"id":"x","object":"chat.completion","choices":[]}"#.into())
}

/// Finds `rout `, so that an error can be looked at.
fn check(text: &str) -> String {
    let good = sample::policy(Timestamp(0)).report;
    let wrong = text.lines().zip(1..).find(|(line, _)| line.contains("rout "));
    let report = match wrong {
        None => good,
        Some((line, number)) => {
            let column = u32::try_from(line.find("rout ").unwrap_or(0)).unwrap_or(0) + 1;
            let message = "there is no declaration `rout`".into();
            let help = Some("did you mean `route`?".into());
            let wrong = Diagnostic {
                line: number,
                column,
                end_line: number,
                end_column: column + 4,
                message,
                help,
                ..Diagnostic::default()
            };
            CheckReport {
                ok: false,
                diagnostics: vec![wrong],
                outline: good.outline,
                ..CheckReport::default()
            }
        }
    };
    serde_json::to_string(&report).unwrap_or_default()
}
