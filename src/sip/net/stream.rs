//! TCP and TLS connections: one task each, with a bounded queue of what to write.

use crate::sip::ua::{ConnId, Transport};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Messages that may wait for a slow peer: a second of a busy trunk, which sends all its calls over one connection.
pub(super) const WRITE_QUEUE: usize = 1_024;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a request that can go by UDP instead: long enough for one lost segment, which TCP repeats after a second.
pub(super) const HURRIED_CONNECT: Duration = Duration::from_millis(1_500);
/// Strangers are bounded in number, and none may keep its place without a word.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
/// How long TCP repeats what is not acknowledged.
#[cfg(target_os = "linux")]
const UNACKED: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const CHUNK: usize = 16 * 1024;

/// What connection tasks tell the driver.
#[derive(Debug)]
pub(super) enum StreamInput {
    Accepted(Transport, TcpStream, SocketAddr),
    Connected { conn: ConnId, local: SocketAddr },
    Unreachable { conn: ConnId, error: io::Error },
    Data(ConnId, Vec<u8>),
    Closed(ConnId),
}

/// One connection's task: its ends of the queues and its limits.
#[derive(Debug)]
pub(super) struct Task {
    pub conn: ConnId,
    /// How long nothing may come or go.
    pub idle: Duration,
    /// How often a double CRLF goes out; absent: never.
    pub keep_alive: Option<Duration>,
    pub queue: mpsc::Receiver<Arc<[u8]>>,
    pub driver: mpsc::Sender<StreamInput>,
}

pub(super) async fn accept(transport: Transport, listener: TcpListener, driver: mpsc::Sender<StreamInput>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if driver.send(StreamInput::Accepted(transport, stream, remote)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors, or the peer is gone already: the next may fare better, but not at once.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a SIP connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves a connection that was accepted, over TLS once the peer has shaken hands.
pub(super) async fn serve_accepted(task: Task, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    tune(&stream);
    let Some(acceptor) = acceptor else { return serve(task, stream).await };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(task, stream).await,
        failed => {
            if let Ok(Err(error)) = failed {
                tracing::info!(%error, "a TLS handshake with a SIP client failed");
            }
            drop(task.driver.send(StreamInput::Closed(task.conn)).await);
        }
    }
}

/// Opens a connection from `local_ip` within `patience`, over TLS when there is a name to verify the server under, and
/// serves it.
pub(super) async fn connect(
    task: Task,
    local_ip: IpAddr,
    remote: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    patience: Duration,
) {
    let opened = tokio::time::timeout(patience, open(local_ip, remote)).await;
    let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let opened = opened.and_then(|stream| Ok((stream.local_addr()?, stream)));
    let (local, stream) = match opened {
        Ok(opened) => opened,
        // The driver may be gone, and then nobody minds.
        Err(error) => return drop(task.driver.send(StreamInput::Unreachable { conn: task.conn, error }).await),
    };
    tune(&stream);
    let connected = StreamInput::Connected { conn: task.conn, local };
    let Some((connector, name)) = tls else {
        if task.driver.send(connected).await.is_ok() {
            serve(task, stream).await;
        }
        return;
    };
    let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, connector.connect(name, stream)).await;
    match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => {
            if task.driver.send(connected).await.is_ok() {
                serve(task, stream).await;
            }
        }
        Err(error) => drop(task.driver.send(StreamInput::Unreachable { conn: task.conn, error }).await),
    }
}

async fn open(local_ip: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !local_ip.is_unspecified() && local_ip.is_ipv4() == remote.is_ipv4() {
        socket.bind(SocketAddr::new(local_ip, 0))?;
    }
    socket.connect(remote).await
}

/// Reads and writes until either side closes, nothing happens for `idle`, a peer that used to answer our pings answers
/// no more, or the driver drops the queue.
async fn serve<S: AsyncRead + AsyncWrite + Send>(mut task: Task, stream: S) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut chunk = vec![0_u8; CHUNK];
    let mut alive = KeepAlive { every: task.keep_alive, idle: task.idle, pinged: false, answers: false };
    let quiet = tokio::time::sleep(alive.wait());
    tokio::pin!(quiet);
    loop {
        tokio::select! {
            data = task.queue.recv() => {
                let Some(data) = data else { break };
                if !write(&mut writer, &data).await {
                    break;
                }
                if !alive.pinged {
                    quiet.as_mut().reset(tokio::time::Instant::now() + alive.wait());
                }
            }
            read = reader.read(&mut chunk) => {
                let Ok(length @ 1..) = read else { break };
                let data = alive.heard(&chunk[..length]).to_vec();
                quiet.as_mut().reset(tokio::time::Instant::now() + alive.wait());
                if task.driver.send(StreamInput::Data(task.conn, data)).await.is_err() {
                    return;
                }
            }
            () = &mut quiet => match alive.silent() {
                Silent::Close => break,
                Silent::Dead => {
                    tracing::warn!(conn.id = task.conn.0, "no answer to the keep-alive of a SIP connection: closed");
                    break;
                }
                Silent::Ping => {
                    if !write(&mut writer, b"\r\n\r\n").await {
                        break;
                    }
                    quiet.as_mut().reset(tokio::time::Instant::now() + alive.wait());
                }
            },
        }
    }
    // TLS says that it closes (RFC 8446 §6.1); a peer that does not read is not waited for.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, writer.shutdown()).await;
    drop(task.driver.send(StreamInput::Closed(task.conn)).await);
}

/// Pings of RFC 5626 §3.5.1. Many peers ignore them, as RFC 3261 §7.5 lets them: only one that has answered before is
/// held to it. The others are dead when TCP says so, which [`UNACKED`] makes it say soon after a ping.
struct KeepAlive {
    every: Option<Duration>,
    idle: Duration,
    pinged: bool,
    /// The peer has answered a ping.
    answers: bool,
}

/// What a silent connection gets.
enum Silent {
    Ping,
    /// Nobody has used it for long.
    Close,
    /// The pong did not come.
    Dead,
}

impl KeepAlive {
    fn wait(&self) -> Duration {
        match self.every {
            // RFC 5626 §4.4.1, for pings that are not more frequent.
            Some(every) if self.pinged && self.answers => PONG_TIMEOUT.min(every),
            Some(every) => every,
            None => self.idle,
        }
    }

    /// Whatever comes shows that the peer is there; gives it without the pong, of which two would look like a ping.
    fn heard<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let pong = data.strip_prefix(b"\r\n").filter(|rest| self.pinged && !rest.starts_with(b"\r\n"));
        self.answers |= pong.is_some();
        self.pinged = false;
        pong.unwrap_or(data)
    }

    fn silent(&mut self) -> Silent {
        if self.every.is_none() {
            return Silent::Close;
        }
        if self.pinged && self.answers {
            return Silent::Dead;
        }
        self.pinged = true;
        Silent::Ping
    }
}

/// Fits a new connection: no delayed segments, which would cost a call its first 40 ms, and no waiting for a peer that
/// acknowledges nothing.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNACKED));
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> bool {
    let written = async {
        writer.write_all(data).await?;
        writer.flush().await
    };
    matches!(tokio::time::timeout(WRITE_TIMEOUT, written).await, Ok(Ok(())))
}
