//! A trunk over TLS against a registrar that is not ours, which breaks its connections and restarts.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use vca::domain::{E164, Secret, Trunk, TrunkMode, TrunkSettings, TrunkTransport};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, IncomingCall, LegEvent, Stack, StackConfig, TlsConfig, Transport};
use vca::sip::resolve::{Answer, Query};
use vca::sip::trunk::Trunks;

use crate::harness::read_lines;

const HOST: &str = "carrier.test";
const LIMIT: Duration = Duration::from_secs(30);

/// A certificate authority, and the registrar's certificate by it.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        write("ca.pem", params.self_signed(&key).expect("a certificate").pem());
        let issuer = Issuer::new(params, key);
        let (params, key) = (CertificateParams::new(vec![HOST.to_owned()]), KeyPair::generate().expect("a key"));
        let certificate = params.expect("a name").signed_by(&key, &issuer).expect("a certificate");
        write("certificate.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The registrar's process, ended when dropped.
struct Registrar {
    child: Child,
    commands: ChildStdin,
    said: mpsc::Receiver<String>,
    port: u16,
}

impl Registrar {
    fn start(certificates: &Certificates, port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_registrar.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(certificates.path("certificate.pem")).arg(certificates.path("key.pem"));
        let mut child = command
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let commands = child.stdin.take().expect("stdin is piped");
        let out = child.stdout.take().expect("stdout is piped");
        let said = read_lines(out);
        let mut registrar = Self { child, commands, said, port };
        registrar.port = registrar.wait_for("listening ").parse().expect("a port");
        registrar
    }

    /// The rest of the next line that begins so.
    fn wait_for(&self, beginning: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("waited for {beginning:?}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    fn command(&mut self, line: &str) {
        writeln!(self.commands, "{line}").expect("the registrar lives");
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node whose only trunk registers over TLS.
async fn node(certificates: &Certificates, port: u16) -> (Stack, tokio::sync::mpsc::Receiver<IncomingCall>, Trunks) {
    let tls = TlsConfig { ca: Some(certificates.path("ca.pem")), ..TlsConfig::default() };
    let peers = "192.0.2.1".parse().expect("a network");
    let keep_alive = Some(Duration::from_secs(1));
    let config = StackConfig { tls: Some(tls), peers, keep_alive, ..StackConfig::default() };
    let (stack, calls) = net::start(config).await.expect("the stack starts");
    let settings = TrunkSettings {
        mode: TrunkMode::Register,
        registrar: Some(format!("{HOST}:{port}")),
        transport: TrunkTransport::Tls,
        from_user: Some("line-1".to_owned()),
        ..TrunkSettings::default()
    };
    let trunk = Trunk {
        name: "line".to_owned(),
        profile: "generic-register".to_owned(),
        settings,
        password: Some(Secret::new("open sesame")),
        dids: vec![E164::parse("+918047180000").expect("a number")],
    };
    let dns = TableDns::default();
    dns.set(Query::Addr(HOST.to_owned()), Answer::Addr(vec![[127, 0, 0, 1].into()]));
    let trunks = Trunks::start(&stack, vec![trunk], Arc::new(dns));
    (stack, calls, trunks)
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_and_calls_share_one_verified_connection() {
    let certificates = Certificates::new();
    let mut registrar = Registrar::start(&certificates, 0);
    let (stack, mut calls, trunks) = node(&certificates, registrar.port).await;
    let contact = registrar.wait_for("registered TLSv1.3 ");
    assert!(contact.contains(";transport=tls"), "{contact}");
    registrar.command("call");
    let mut call = tokio::time::timeout(LIMIT, calls.recv()).await.expect("in time").expect("a call");
    assert_eq!(call.invite.transport, Transport::Tls);
    assert_eq!(trunks.of_invite(&call.invite).map(|trunk| trunk.name.clone()).as_deref(), Some("line"));
    call.leg.ring().await;
    registrar.wait_for("response 180");
    call.leg.answer(b"answer".to_vec()).await;
    let contact = registrar.wait_for("response 200 ");
    assert!(contact.contains(";transport=tls"), "{contact}");
    assert!(matches!(call.events.recv().await, Some(LegEvent::Acked { .. })));
    call.leg.bye(None).await;
    registrar.wait_for("request BYE");
    assert_eq!(stack.stats().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_made_anew_and_registered_over() {
    let certificates = Certificates::new();
    let mut registrar = Registrar::start(&certificates, 0);
    let (_stack, mut calls, _trunks) = node(&certificates, registrar.port).await;
    registrar.wait_for("registered");
    registrar.command("drop");
    registrar.wait_for("dropped");
    let began = Instant::now();
    registrar.wait_for("registered");
    println!("registered again {:.2} s after the reset, minutes ahead of the refresh", began.elapsed().as_secs_f64());

    let port = registrar.port;
    drop(registrar);
    let began = Instant::now();
    let mut registrar = Registrar::start(&certificates, port);
    let up = began.elapsed();
    registrar.wait_for("registered");
    println!("registered again {:.2} s after the registrar's return", (began.elapsed() - up).as_secs_f64());
    registrar.command("call");
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.expect("in time").expect("a call");
    assert_eq!(call.invite.transport, Transport::Tls);
}
