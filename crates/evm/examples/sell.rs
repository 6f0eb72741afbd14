//! A seller of one resource by x402: `cargo run -p tollgate-evm --example sell -- FACILITATOR PAY_TO`.
//!
//! It serves `GET /report` on a free port of this machine, which it prints, one request after the other: 402 with what it costs (0.01
//! USDC on Base Sepolia), and the report for a payment that the facilitator settled.

use std::io::{BufRead as _, BufReader, Error, Write as _};
use std::net::{TcpListener, TcpStream};
use tollgate_evm::x402::{
    Network, Offer, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, Remote, Sale, Till,
};

/// Most lines of a request's head that are read.
const LINES_MAX: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, facilitator, pay_to] = arguments.as_slice() else { return Err("sell FACILITATOR PAY_TO".into()) };
    let till = Till::new(vec![Offer {
        network: Network(84_532),
        asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse()?,
        name: "USDC".into(),
        version: "2".into(),
        amount: 10_000,
        pay_to: pay_to.parse()?,
        max_timeout_s: 600,
    }]);
    let (mut facilitator, listener) = (Remote::new(facilitator)?, TcpListener::bind("127.0.0.1:0")?);
    let mut out = std::io::stdout();
    writeln!(out, "http://{}/report", listener.local_addr()?)?;
    out.flush()?;
    for stream in listener.incoming() {
        // A connection that breaks is its buyer's loss of an answer: the same payment gets it again, or was refused.
        let _ = stream.and_then(|stream| serve(stream, &till, &mut facilitator));
    }
    Ok(())
}

fn serve(stream: TcpStream, till: &Till, facilitator: &mut Remote) -> Result<(), Error> {
    let mut reader = BufReader::new(stream);
    let mut payment = None;
    for _ in 0..LINES_MAX {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case(PAYMENT_SIGNATURE) {
            payment = Some(value.trim().to_owned());
        }
    }
    let work = || Ok::<_, Error>("47 tests, 47 passed\n".to_owned());
    let (status, header, body) = match till.sell("/report", payment.as_deref(), facilitator, work)? {
        Sale::Required { header, why } => ("402 Payment Required", (PAYMENT_REQUIRED, header), why),
        Sale::Sold { goods, header } => ("200 OK", (PAYMENT_RESPONSE, header), goods),
        Sale::Owed { header } => {
            ("503 Service Unavailable", (PAYMENT_RESPONSE, header), "ask again with the same payment".into())
        }
    };
    let (name, value) = header;
    let head = format!(
        "HTTP/1.1 {status}\r\n{name}: {value}\r\nconnection: close\r\ncontent-length: {}",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}\r\n\r\n{body}").as_bytes())
}
