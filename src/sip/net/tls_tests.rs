use super::tests::{loopback, next, next_call};
use super::*;
use crate::sip::message::{NameAddr, Uri};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::Receiver;

/// A certificate authority with a folder for what it certifies.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a host name or IP address, changed by `change` before it is signed.
    fn identity(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsIdentity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let at = |what: &str| self.folder.path().join(format!("{name}-{what}.pem"));
        std::fs::write(at("certificate"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(at("key"), key.serialize_pem()).unwrap();
        TlsIdentity { certificate: at("certificate"), key: at("key") }
    }

    fn server(&self, name: &str) -> TlsConfig {
        TlsConfig { listen: vec![loopback()], identity: Some(self.identity(name, |_| ())), ..TlsConfig::default() }
    }

    fn client(&self) -> TlsConfig {
        TlsConfig { ca: Some(self.ca()), ..TlsConfig::default() }
    }
}

async fn stack(tls: TlsConfig) -> (Stack, Receiver<IncomingCall>) {
    start(StackConfig { tls: Some(tls), ..StackConfig::default() }).await.unwrap()
}

/// A call to `host`, which stands in the URI and need not resolve.
async fn call(caller: &Stack, host: &str, to: &Stack) -> (Leg, Receiver<LegEvent>) {
    let invite = OutgoingInvite {
        to: Uri::parse(format!("sips:+918047180000@{host}").as_bytes()).unwrap(),
        from: NameAddr::new(Uri::parse(b"sip:caller@127.0.0.1").unwrap()),
        destination: to.tls_addr(),
        transport: Transport::Tls,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    };
    caller.invite(invite).await.unwrap()
}

/// What a call becomes: answered (true), or failed with 503 because there was no connection.
async fn connects(caller: TlsConfig, host: &str, callee: TlsConfig) -> bool {
    let (caller, _calls) = stack(caller).await;
    let (callee, mut calls) = stack(callee).await;
    let (_leg, mut events) = call(&caller, host, &callee).await;
    tokio::select! {
        event = next(&mut events) => {
            assert!(matches!(event, LegEvent::Failed { status: 503, .. }), "{event:?}");
            false
        }
        incoming = next_call(&mut calls) => {
            assert_eq!(incoming.invite.transport, Transport::Tls);
            incoming.leg.answer(b"answer".to_vec()).await;
            assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"answer".to_vec() });
            true
        }
    }
}

#[tokio::test]
async fn a_whole_call_over_tls_goes_over_one_connection() {
    let authority = Authority::new();
    let (caller, _calls) = stack(authority.client()).await;
    let (callee, mut calls) = stack(authority.server("sbc.example")).await;
    let (leg, mut events) = call(&caller, "sbc.example", &callee).await;
    let mut incoming = next_call(&mut calls).await;
    let via = incoming.invite.headers.top_via().unwrap();
    assert_eq!(via.transport, crate::sip::message::ViaTransport::Tls);
    let contact = incoming.invite.contact.clone().unwrap();
    assert_eq!(contact.uri.param("transport"), Some("tls"));
    incoming.leg.answer(b"answer".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"answer".to_vec() });
    assert_eq!(next(&mut incoming.events).await, LegEvent::Acked { body: None });
    // Requests in both directions, the callee's to a client that listens nowhere.
    incoming.leg.info("text/plain", b"from the callee".to_vec()).await;
    assert!(matches!(next(&mut events).await, LegEvent::Info { .. }));
    leg.info("text/plain", b"from the caller".to_vec()).await;
    assert!(matches!(next(&mut incoming.events).await, LegEvent::Info { .. }));
    let (_second, mut second_events) = call(&caller, "sbc.example", &callee).await;
    next_call(&mut calls).await.leg.reject(486, "", Vec::new()).await;
    assert!(matches!(next(&mut second_events).await, LegEvent::Failed { status: 486, .. }));
    assert_eq!((caller.stats().connections, callee.stats().connections), (1, 1));
    incoming.leg.bye(None).await;
    assert!(matches!(next(&mut events).await, LegEvent::Ended { by_remote: true, .. }));
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    assert!(!connects(ours.client(), "sbc.example", theirs.server("sbc.example")).await);
    // The public ones do not know it either.
    assert!(!connects(TlsConfig::default(), "sbc.example", theirs.server("sbc.example")).await);
    assert!(connects(theirs.client(), "sbc.example", theirs.server("sbc.example")).await);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    assert!(!connects(authority.client(), "sbc.example", authority.server("other.example")).await);
    assert!(!connects(authority.client(), "127.0.0.1", authority.server("sbc.example")).await);
    assert!(connects(authority.client(), "127.0.0.1", authority.server("127.0.0.1")).await);
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let server = authority.server("sbc.example");
    // In the place of the valid one.
    authority.identity("sbc.example", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 12, 31);
    });
    assert!(!connects(authority.client(), "sbc.example", server).await);
}

#[tokio::test]
async fn a_client_certificate_is_demanded_and_shown() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = TlsConfig { client_ca: Some(authority.ca()), ..authority.server("sbc.example") };
    let client = |identity| TlsConfig { client_identity: identity, ..authority.client() };
    let known = authority.identity("vca.example", |_| ());
    assert!(connects(client(Some(known)), "sbc.example", server.clone()).await);
    let unknown = other.identity("vca.example", |_| ());
    // Under TLS 1.3 the client may send before it learns that it is refused; then its call fails, and arrives nowhere.
    for identity in [None, Some(unknown.clone())] {
        assert!(!connects(client(identity), "sbc.example", server.clone()).await);
    }
    let (callee, _calls) = stack(server).await;
    for (identity, alert) in [(None, "CertificateRequired"), (Some(unknown), "DecryptError")] {
        let connector = Tls::load(&client(identity)).unwrap().connector;
        let tcp = tokio::net::TcpStream::connect(callee.tls_addr().unwrap()).await.unwrap();
        let name = tls::server_name(Some("sbc.example"), tcp.peer_addr().unwrap().ip()).unwrap();
        let shaken = async {
            let mut tls = connector.connect(name, tcp).await?;
            tls.write_all(b"\r\n\r\n").await?;
            tls.read(&mut [0; 16]).await
        };
        let refused = tokio::time::timeout(Duration::from_secs(10), shaken).await.expect("in time").unwrap_err();
        // The other authority has the same name: what is refused is its signature.
        assert!(refused.to_string().contains(alert), "{refused}");
    }
    assert_eq!(callee.stats().messages_received, 0);
}

#[tokio::test]
async fn requests_to_two_names_at_one_address_do_not_share_a_connection() {
    let authority = Authority::new();
    let (caller, _calls) = stack(authority.client()).await;
    let (callee, mut calls) = stack(authority.server("sbc.example")).await;
    let (_leg, mut events) = call(&caller, "sbc.example", &callee).await;
    let incoming = next_call(&mut calls).await;
    let (_impostor, mut impostor_events) = call(&caller, "bank.example", &callee).await;
    assert!(matches!(next(&mut impostor_events).await, LegEvent::Failed { status: 503, .. }));
    incoming.leg.answer(b"answer".to_vec()).await;
    assert_eq!(next(&mut events).await, LegEvent::Answered { sdp: b"answer".to_vec() });
}

#[tokio::test]
async fn a_peer_that_speaks_plain_tcp_to_the_tls_port_gets_nothing() {
    let authority = Authority::new();
    let (callee, _calls) = stack(authority.server("sbc.example")).await;
    let mut plain = tokio::net::TcpStream::connect(callee.tls_addr().unwrap()).await.unwrap();
    plain.write_all(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), plain.read_to_end(&mut answer)).await;
    closed.expect("closed in time").ok();
    assert!(!answer.windows(3).any(|window| window == b"SIP"));
    assert_eq!(callee.stats().messages_received, 0);
}

#[tokio::test]
async fn files_that_are_missing_or_wrong_are_named_in_one_line() {
    let authority = Authority::new();
    let good = authority.server("sbc.example");
    let identity = good.identity.clone().unwrap();
    let text = authority.folder.path().join("text.pem");
    std::fs::write(&text, "no certificate").unwrap();
    let gone = authority.folder.path().join("gone.pem");
    let other = authority.identity("other.example", |_| ());
    let with = |certificate: &PathBuf, key: &PathBuf| TlsConfig {
        identity: Some(TlsIdentity { certificate: certificate.clone(), key: key.clone() }),
        ..good.clone()
    };
    for (config, file, cure) in [
        (with(&gone, &identity.key), "gone.pem", "make the file readable"),
        (with(&identity.certificate, &text), "text.pem", "BEGIN"),
        (with(&identity.certificate, &other.key), "other.example-key.pem", "the key that it was made with"),
        (TlsConfig { client_ca: Some(text.clone()), ..good.clone() }, "text.pem", "BEGIN"),
        (TlsConfig { ca: Some(gone.clone()), ..TlsConfig::default() }, "gone.pem", "make the file readable"),
        (TlsConfig { identity: None, ..good.clone() }, "certificate", "name both files"),
    ] {
        let error = start(StackConfig { tls: Some(config), ..StackConfig::default() }).await.unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(cure) && !error.contains('\n'), "{error}");
    }
}

/// Python's ssl module as a peer that is not ours.
#[tokio::test]
async fn an_independent_peer_is_answered_over_tls() {
    const SCRIPT: &str = r#"
import socket, ssl, sys
host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
# Strict checks ask for key identifiers, which test certificates do not carry.
context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
with context.wrap_socket(socket.create_connection((host, port), 10), server_hostname="sbc.example") as tls:
    tls.sendall(("OPTIONS sip:sbc.example SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKpy;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:py@127.0.0.1>;tag=1\r\nTo: <sip:sbc.example>\r\nCall-ID: py\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode())
    print(tls.version(), tls.recv(4096).decode().splitlines()[0])
"#;
    let authority = Authority::new();
    let (callee, _calls) = stack(authority.server("sbc.example")).await;
    let port = callee.tls_addr().unwrap().port().to_string();
    let ca = authority.ca();
    let run = move || {
        let mut python = std::process::Command::new("python3");
        python.args(["-c", SCRIPT, "127.0.0.1", &port]).arg(ca).output().expect("python3 is installed")
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.trim(), "TLSv1.3 SIP/2.0 200 OK", "{errors}");
}
