//! TLS for SIP (RFC 3261 §26.3.2, RFC 5922): certificates from PEM files, and who is believed.
//!
//! Verification cannot be turned off. A server is verified under the host name of the URI that the request follows, or
//! under its IP address when that URI has no name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Settings of SIP over TLS. All files are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where TLS is answered; empty only calls out over TLS.
    pub listen: Vec<SocketAddr>,
    /// Certificate and key that we show to whoever connects; needed to listen.
    pub identity: Option<TlsIdentity>,
    /// Authorities that servers must be certified by; without it the public ones that this machine trusts.
    pub ca: Option<PathBuf>,
    /// What we show to servers that ask for a client certificate.
    pub client_identity: Option<TlsIdentity>,
    /// Authorities that whoever connects must be certified by; without it no certificate is asked of clients.
    pub client_ca: Option<PathBuf>,
}

/// A certificate with its chain, own certificate first, and its private key (PKCS#8, PKCS#1 or SEC1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why TLS cannot be set up; each is one line that says what is wrong, where, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the TLS {what} {}: {source}; make the file readable or name another", path.display())]
    Read { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the TLS {what} {} holds none in PEM form: it must have a line `-----BEGIN …-----`", path.display())]
    Empty { what: &'static str, path: PathBuf },
    #[error("the TLS {what} {} is broken ({reason}): export it anew in PEM form", path.display())]
    Broken { what: &'static str, path: PathBuf, reason: String },
    #[error(
        "the TLS key {} does not fit the certificate {} ({reason}): name the key that it was made with",
        key.display(),
        certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf, reason: String },
    #[error("SIP over TLS needs a certificate and its key to listen: name both files")]
    NoIdentity,
}

/// Both sides of TLS, ready for connections.
#[derive(Clone)]
pub(super) struct Tls {
    pub acceptor: Option<TlsAcceptor>,
    pub connector: TlsConnector,
}

impl Tls {
    /// Reads the files; blocks for as long as that takes.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let acceptor = match (&config.identity, config.listen.is_empty()) {
            (_, true) => None,
            (None, false) => return Err(TlsError::NoIdentity),
            (Some(identity), false) => Some(server(config, identity, &provider)?),
        };
        Ok(Self { acceptor, connector: client(config, &provider)? })
    }
}

/// The name a server is verified under.
pub(super) fn server_name(name: Option<&str>, ip: IpAddr) -> Option<ServerName<'static>> {
    match name {
        Some(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
        None => Some(ServerName::from(ip.to_canonical())),
    }
}

/// Reads everything that `config` names without keeping it: for checks before a start.
///
/// # Errors
/// [`TlsError`] for the first file that is missing or wrong.
pub fn check(config: &TlsConfig) -> Result<(), TlsError> {
    Tls::load(config).map(drop)
}

fn server(config: &TlsConfig, identity: &TlsIdentity, provider: &Arc<CryptoProvider>) -> Result<TlsAcceptor, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has the ciphers of TLS 1.2 and 1.3");
    let builder = match &config.client_ca {
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
            let broken = |error: &dyn std::fmt::Display| broken("client CA file", path, &error);
            builder.with_client_cert_verifier(verifier.map_err(|error| broken(&error))?)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = read_identity(identity)?;
    let config = builder.with_single_cert(chain, key).map_err(|error| mismatch(identity, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn client(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<TlsConnector, TlsError> {
    let roots = match &config.ca {
        Some(path) => authorities(path)?,
        None => public_authorities(),
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has the ciphers of TLS 1.2 and 1.3");
    let builder = if roots.is_empty() {
        // Nobody can be believed, and every connection fails: a server that calls nobody may well run so.
        builder.with_root_certificates(roots)
    } else {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = verifier.build().expect("invariant: there are authorities and no revocation lists");
        builder.with_webpki_verifier(verifier)
    };
    let config = match &config.client_identity {
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| mismatch(identity, &error))?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn public_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!("this machine trusts no certificate authority: install ca-certificates, or name a CA file");
    }
    roots
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let what = "CA file";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        roots.add(certificate).map_err(|error| broken(what, path, &error))?;
    }
    Ok(roots)
}

fn read_identity(identity: &TlsIdentity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = certificates("certificate", &identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| pem_error("key", &identity.key, error))?;
    Ok((chain, key))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found: Vec<CertificateDer<'static>> = read.map_err(|error| pem_error(what, path, error))?;
    if found.is_empty() {
        return Err(TlsError::Empty { what, path: path.to_owned() });
    }
    Ok(found)
}

fn pem_error(what: &'static str, path: &Path, error: PemError) -> TlsError {
    let path = path.to_owned();
    match error {
        PemError::Io(source) => TlsError::Read { what, path, source },
        PemError::NoItemsFound => TlsError::Empty { what, path },
        other => TlsError::Broken { what, path, reason: other.to_string() },
    }
}

fn broken(what: &'static str, path: &Path, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::Broken { what, path: path.to_owned(), reason: error.to_string() }
}

fn mismatch(identity: &TlsIdentity, error: &dyn std::fmt::Display) -> TlsError {
    let (certificate, key) = (identity.certificate.clone(), identity.key.clone());
    TlsError::Mismatch { certificate, key, reason: error.to_string() }
}
