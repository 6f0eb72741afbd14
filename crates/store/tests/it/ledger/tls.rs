//! A database over TLS: only a server that shows who it is gets a word.

use super::server::Server;
use super::{accounts, clock, open};
use std::net::TcpListener;
use tollgate_core::Clock;
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::{Journal, JournalConfig, JournalError};

#[test]
fn a_database_over_tls_must_show_a_certificate_for_its_name() {
    let folder = crate::Folder::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(server) = Server::start_with(Some(&folder.0), Some(port)) else { return };
    let ca = folder.0.join("ca.pem").display().to_string().replace('/', "%2F");
    let url = |host: &str, query: &str| format!("postgres://tollgate@{host}:{port}/postgres{query}");
    let good = url("localhost", &format!("?sslmode=verify-full&sslrootcert={ca}"));
    let journal = open(&Source::Database(good.clone()), &clock());
    journal.apply(accounts(100)).unwrap();
    journal.close();
    let journal = open(&Source::Database(good), &clock());
    assert!(journal.apply(accounts(100)).unwrap().again, "it is there");
    journal.close();
    for (what, url, why) in [
        ("another authority", url("localhost", "?sslmode=verify-full"), "certificate"),
        ("another name", url("127.0.0.1", &format!("?sslrootcert={ca}")), "certificate"),
        ("plain text, which the server refuses", url("localhost", "?sslmode=disable"), "no encryption"),
        ("no file", url("localhost", "?sslrootcert=%2Fnone%2Fca.pem"), "/none/ca.pem"),
    ] {
        let clock: std::sync::Arc<dyn Clock> = clock();
        match Journal::open_postgres(&url, JournalConfig::default(), clock) {
            Err(JournalError::Database { source, .. }) => {
                let (mut shown, mut cause) = (source.to_string(), source.source());
                while let Some(next) = cause {
                    shown = format!("{shown}: {next}");
                    cause = next.source();
                }
                assert!(shown.contains(why), "{what}: {shown}");
            }
            Err(error) => panic!("{what}: {error}"),
            Ok(_) => panic!("{what} was taken"),
        }
    }
    server.crash();
}
