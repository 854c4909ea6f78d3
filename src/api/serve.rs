//! Connections: bounded in number, in the time to send a request, and in life.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::guard::Peer;

/// Bounds on connections. `axum::serve` has none, so that idle clients could keep everybody else out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a client may take to send the head of a request, or stay idle between two.
    pub header_timeout: Duration,
    /// The longest life of a connection, which ends a download that its client has stopped reading.
    pub lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, header_timeout: Duration::from_secs(10), lifetime: Duration::from_secs(1_800) }
    }
}

/// The largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long requests may take to finish once `shutdown` is done.
const DRAIN: Duration = Duration::from_secs(5);

/// Answers HTTP/1.1 on `listener` until `shutdown` is done, then lets running requests finish for 5 s.
///
/// # Errors
/// When the listener is broken; a failed accept is retried.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    // Fails here, and not for ever below, when the socket is no listener any more.
    listener.local_addr()?;
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("invariant: the semaphore is never closed");
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stopped) = (router.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection(stream, peer, router, limits, stopped).await;
                    drop(slot);
                });
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                // Most likely no file descriptor is left; calls that end will give some back.
                tracing::warn!(error = %error, "cannot accept HTTP connections for a moment");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let everything = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    // Whoever is not done by then is cut off when the runtime ends.
    let _ = tokio::time::timeout(DRAIN, slots.acquire_many(everything)).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are short: waiting to fill a segment only delays them. Failing that, they are slower.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(MAX_HEAD_BYTES);
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request
    });
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    // A WebSocket leaves this connection's bounds for those of whoever opened it.
    let mut connection = pin!(connection.with_upgrades());
    let stop = async {
        // An error means that the server is gone, which is a stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let served = async {
        tokio::select! {
            result = &mut connection => return result,
            () = stop => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    match tokio::time::timeout(limits.lifetime, served).await {
        Ok(Err(error)) => tracing::debug!(error = %error, "an HTTP connection broke"),
        Ok(Ok(())) => {}
        Err(_) => tracing::debug!("an HTTP connection was closed for its age"),
    }
}

/// A connection that was gone before it was accepted says nothing about ours.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
