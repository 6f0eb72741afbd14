//! How a database is reached: over a Unix socket or loopback as it is, over a network by TLS.
//!
//! The server must show a certificate for the host's name that leads to an authority of the system, or of the file that the URL
//! names (`sslrootcert`). Plain text over a network is only spoken where the URL says `sslmode=disable`.

use super::link::failed;
use crate::journal::JournalError;
use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that what was sent may stay unconfirmed by the other host.
const SILENT_MAX: Duration = Duration::from_secs(10);

/// What a URL says.
#[derive(Debug)]
struct Reach {
    config: Config,
    tls: bool,
    roots: Option<PathBuf>,
}

fn wrong(why: &str) -> JournalError {
    JournalError::Database { doing: "read the database's URL", source: why.into() }
}

impl Reach {
    fn of(url: &str) -> Result<Self, JournalError> {
        let (plain, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(unescaped(value)?)),
                _ => others.push(pair),
            }
        }
        let url = if others.is_empty() { plain.to_owned() } else { format!("{plain}?{}", others.join("&")) };
        let config: Config = url.parse().map_err(failed("read the database's URL"))?;
        let tls = match mode {
            Some("disable") => false,
            // Whoever wants TLS at all gets all of it.
            Some("verify-full" | "verify-ca" | "require") => true,
            Some(_) => return Err(wrong("sslmode must be verify-full or disable")),
            None => roots.is_some() || !is_local(&config),
        };
        Ok(Self { config, tls, roots })
    }

    fn authorities(&self) -> Result<RootCertStore, JournalError> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.roots else {
            // A machine may hold a few certificates that do not parse; the others still count.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let unusable = |why: String| JournalError::Database {
            doing: "read the authorities that the database's URL names",
            source: format!("{}: {why}", path.display()).into(),
        };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in read.map_err(|error| unusable(error.to_string()))? {
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if roots.is_empty() { Err(unusable("it holds no certificate".into())) } else { Ok(roots) }
    }
}

/// Whether the way to every host stays on this machine.
fn is_local(config: &Config) -> bool {
    let loopback = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    };
    config.get_hosts().iter().all(loopback)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// A part of a URL without its `%` escapes.
fn unescaped(text: &str) -> Result<String, JournalError> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let pair = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
            let pair = std::str::from_utf8(&pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            pair.ok_or_else(|| wrong("sslrootcert has a % without two hexadecimal digits"))?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| wrong("sslrootcert is no UTF-8"))
}

/// Opens a session.
pub(super) fn reach(url: &str) -> Result<Client, JournalError> {
    let mut reach = Reach::of(url)?;
    if reach.config.get_connect_timeout().is_none() {
        reach.config.connect_timeout(CONNECT_TIMEOUT);
    }
    if reach.config.get_application_name().is_none() {
        reach.config.application_name("tollgate");
    }
    // A host that falls silent ends the session, not the patience of everybody who waits for the ledger.
    if reach.config.get_tcp_user_timeout().is_none() {
        reach.config.tcp_user_timeout(SILENT_MAX);
    }
    if !url.contains("keepalives") {
        reach
            .config
            .keepalives_idle(SILENT_MAX / 2)
            .keepalives_interval(SILENT_MAX / 5)
            .keepalives_retries(3);
    }
    let connecting = failed("connect to the database");
    if !reach.tls {
        return reach.config.ssl_mode(SslMode::Disable).connect(NoTls).map_err(connecting);
    }
    let roots = reach.authorities()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reach.config.ssl_mode(SslMode::Require).connect(MakeRustlsConnect::new(tls)).map_err(connecting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_this_machine_unless_the_url_says_so() {
        for (url, tls) in [
            ("postgres://u@localhost/db", false),
            ("postgres://u@127.0.0.1:5433/db?options=-csearch_path%3Dbooks", false),
            ("postgres://u@[::1]/db", false),
            ("postgres://u@%2Frun%2Fpostgres/db", false),
            ("postgres://u@db.example/db", true),
            ("postgres://u@localhost,db.example/db", true),
            ("postgres://u@10.0.0.1/db?sslmode=disable", false),
            ("postgres://u@localhost/db?sslmode=verify-full", true),
            ("postgres://u@db.example/db?sslmode=require&connect_timeout=3", true),
            ("postgres://u@localhost/db?sslrootcert=%2Fetc%2Fca%2Epem", true),
        ] {
            let reach = Reach::of(url).unwrap();
            assert_eq!(reach.tls, tls, "{url}");
        }
        let reach = Reach::of("postgres://u@localhost/db?sslrootcert=%2Fetc%2Fca%2Epem").unwrap();
        assert_eq!(reach.roots, Some("/etc/ca.pem".into()));
        for url in [
            "postgres://u@db.example/db?sslmode=prefer",
            "postgres://u@db.example/db?sslmode=",
            "postgres://u@db.example/db?sslrootcert=%2",
            "postgres://u@db.example/db?sslkey=x",
        ] {
            assert!(Reach::of(url).is_err(), "{url}");
        }
    }
}
