//! TCP connections: one task each, with a bounded queue of what to write.

use crate::sip::ua::ConnId;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// Messages that may wait for a slow peer: a second of a busy trunk, which sends all its calls over one connection.
pub(super) const WRITE_QUEUE: usize = 1_024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const CHUNK: usize = 16 * 1024;

/// What connection tasks tell the driver.
#[derive(Debug)]
pub(super) enum StreamInput {
    Accepted(TcpStream, SocketAddr),
    Connected { conn: ConnId, local: SocketAddr },
    Unreachable { conn: ConnId, error: io::Error },
    Data(ConnId, Vec<u8>),
    Closed(ConnId),
}

pub(super) async fn accept(listener: TcpListener, driver: mpsc::Sender<StreamInput>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if driver.send(StreamInput::Accepted(stream, remote)).await.is_err() {
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

/// Opens a connection from `local_ip` and serves it.
pub(super) async fn connect(
    conn: ConnId,
    local_ip: IpAddr,
    remote: SocketAddr,
    idle: Duration,
    queue: mpsc::Receiver<Arc<[u8]>>,
    driver: mpsc::Sender<StreamInput>,
) {
    let opened = tokio::time::timeout(CONNECT_TIMEOUT, open(local_ip, remote)).await;
    let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match opened.and_then(|stream| Ok((stream.local_addr()?, stream))) {
        Ok((local, stream)) => {
            if driver.send(StreamInput::Connected { conn, local }).await.is_ok() {
                serve(conn, stream, idle, queue, driver).await;
            }
        }
        // The driver may be gone, and then nobody minds.
        Err(error) => drop(driver.send(StreamInput::Unreachable { conn, error }).await),
    }
}

async fn open(local_ip: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !local_ip.is_unspecified() && local_ip.is_ipv4() == remote.is_ipv4() {
        socket.bind(SocketAddr::new(local_ip, 0))?;
    }
    socket.connect(remote).await
}

/// Reads and writes until either side closes, nothing happens for `idle`, or the driver drops the queue.
pub(super) async fn serve(
    conn: ConnId,
    stream: TcpStream,
    idle: Duration,
    mut queue: mpsc::Receiver<Arc<[u8]>>,
    driver: mpsc::Sender<StreamInput>,
) {
    // Delayed segments would cost a call its first 40 ms.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let mut chunk = vec![0_u8; CHUNK];
    loop {
        tokio::select! {
            data = queue.recv() => {
                let Some(data) = data else { return };
                match tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&data)).await {
                    Ok(Ok(())) => {}
                    _ => break,
                }
            }
            read = reader.read(&mut chunk) => {
                let Ok(length @ 1..) = read else { break };
                if driver.send(StreamInput::Data(conn, chunk[..length].to_vec())).await.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(idle) => break,
        }
    }
    drop(driver.send(StreamInput::Closed(conn)).await);
}
