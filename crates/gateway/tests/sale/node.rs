//! The chain in memory behind HTTP, as a gateway reaches a node.

use super::ledger::Ledger;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves a chain; gives its URL. Its thread ends with the test.
pub(crate) fn serve(ledger: Arc<Mutex<Ledger>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let ledger = ledger.clone();
            std::thread::spawn(move || while answer(&stream, &ledger).is_some() {});
        }
    });
    url
}

/// One request of a connection; nothing at its end.
fn answer(stream: &TcpStream, ledger: &Mutex<Ledger>) -> Option<()> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(told) = line.strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let answer = ledger.lock().unwrap().answer(asked["method"].as_str().unwrap(), &asked["params"]);
    let mut told = json!({"jsonrpc": "2.0", "id": asked["id"]});
    match answer {
        Ok(result) => told["result"] = result,
        Err((code, message)) => told["error"] = json!({"code": code, "message": message}),
    }
    let told = told.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        told.len()
    );
    let mut stream = stream;
    stream.write_all(format!("{head}{told}").as_bytes()).ok()
}
