//! TLS for carriers that speak it: an authority of the test's own, and connections that one thread each serves.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection, SideData,
    StreamOwned,
};

use super::wire::{Arrived, Link, cut_messages};

struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "Authority of the carriers");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority { certificate, issuer: Issuer::new(params, key) }
    })
}

fn certify(ip: IpAddr) -> (rcgen::Certificate, KeyPair) {
    let params = CertificateParams::new(vec![ip.to_string()]).expect("an address is a name");
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, &authority().issuer).expect("a certificate"), key)
}

/// In PEM: the authority's certificate, one for this address, its key.
pub fn files(ip: IpAddr) -> [(&'static str, String); 3] {
    let (certificate, key) = certify(ip);
    [("ca", authority().certificate.pem()), ("certificate", certificate.pem()), ("key", key.serialize_pem())]
}

/// Serves a connection that was taken at `ip`.
pub fn accept(stream: TcpStream, ip: IpAddr, out: &Sender<Arrived>, stop: &Arc<AtomicBool>) -> Link {
    let (certificate, key) = certify(ip);
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("they belong together");
    let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
    serve(StreamOwned::new(connection, stream), |stream| stream.conn.is_handshaking(), out, stop)
}

/// Serves a connection that was made to `peer`, which must show a certificate for its address.
pub fn connect(stream: TcpStream, peer: SocketAddr, out: &Sender<Arrived>, stop: &Arc<AtomicBool>) -> Link {
    let mut roots = RootCertStore::empty();
    roots.add(authority().certificate.der().clone()).expect("a certificate");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), peer.ip().into()).expect("a connection");
    serve(StreamOwned::new(connection, stream), |stream| stream.conn.is_handshaking(), out, stop)
}

fn serve<C, S>(
    mut stream: StreamOwned<C, TcpStream>,
    is_handshaking: fn(&StreamOwned<C, TcpStream>) -> bool,
    out: &Sender<Arrived>,
    stop: &Arc<AtomicBool>,
) -> Link
where
    C: DerefMut<Target = ConnectionCommon<S>> + Send + 'static,
    S: SideData + 'static,
{
    let peer = stream.sock.peer_addr().expect("it is connected");
    let (sender, texts): (_, Receiver<String>) = channel();
    let link = Link::Tls(sender, peer);
    let (back, out, stop) = (link.clone(), out.clone(), Arc::clone(stop));
    std::thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 4_096]);
        while !stop.load(Ordering::Relaxed) {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => kept.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
            if !cut_messages(&mut kept, &back, &out) {
                return;
            }
            while !is_handshaking(&stream)
                && let Ok(text) = texts.try_recv()
            {
                if stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
        }
    });
    link
}
