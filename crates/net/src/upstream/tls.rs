//! TLS towards upstreams: the system's roots, or a file of certificates in their place.

use super::Endpoint;
use crate::Error;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{path::PathBuf, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsConfig {
    /// A PEM file of the authorities to trust, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl TlsConfig {
    /// A connector that resumes sessions (in memory) and asks for HTTP/1.1.
    pub(crate) fn connector(&self) -> Result<TlsConnector, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| self.unusable(&error.to_string()))?
            .with_root_certificates(self.roots()?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    /// Whether the authorities can be read.
    ///
    /// # Errors
    /// [`Error::Config`] says what is wrong with the file.
    pub fn check(&self) -> Result<(), Error> {
        self.roots().map(drop)
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                let certificates = CertificateDer::pem_file_iter(path)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| self.unusable(&error.to_string()))?;
                for certificate in certificates {
                    roots.add(certificate).map_err(|error| self.unusable(&error.to_string()))?;
                }
            }
            None => {
                // A machine may hold a few certificates that do not parse; the others still count.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(self.unusable("it holds no certificate"));
        }
        Ok(roots)
    }

    fn unusable(&self, why: &str) -> Error {
        let (what, value) = match &self.ca_file {
            Some(path) => ("certificate file", path.display().to_string()),
            None => ("certificate store", "of the system".to_owned()),
        };
        Error::Config { what, value, why: why.to_owned() }
    }
}

/// The handshake.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    endpoint: &Endpoint,
    server_name: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Error> {
    let name = ServerName::try_from(server_name.to_owned()).map_err(|error| Error::Config {
        what: "tls server name",
        value: server_name.to_owned(),
        why: error.to_string(),
    })?;
    connector.connect(name, stream).await.map_err(|source| Error::Tls { to: endpoint.to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        for path in ["Cargo.toml", "no/such/file.pem"] {
            let config = TlsConfig { ca_file: Some(path.into()) };
            let Err(error) = config.connector() else { panic!("{path} was accepted") };
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
