//! What [`serve`] does with clients that dawdle.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

/// Serves on loopback until the sender is dropped.
async fn served(api: &Api, limits: Limits) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = api.router.clone();
    let task = tokio::spawn(async move {
        serve(listener, router, limits, async { drop(stopped.await) }).await.unwrap();
    });
    (addr, stop, task)
}

async fn healthy(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: vca\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_client_is_answered_and_the_server_stops_when_told() {
    let api = api().await;
    let (addr, stop, task) = served(&api, Limits::default()).await;
    let key = bearer(OURS);
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = ureq::get(format!("http://{addr}/v1/calls")).header("authorization", key).call().unwrap();
        answer.body_mut().read_json::<Value>().unwrap()
    });
    assert_eq!(answer.await.unwrap(), json!({ "calls": [], "next_cursor": null }));
    let mut idle = TcpStream::connect(addr).await.unwrap();
    drop(stop);
    task.await.unwrap();
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap_or(0), 0, "an idle connection does not keep the server up");
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_client_that_sends_no_request_gives_its_place_up() {
    let api = api().await;
    let limits = Limits { connections: 1, header_timeout: Duration::from_millis(50), ..Limits::default() };
    let (addr, _stop, _task) = served(&api, limits).await;
    let mut silent = TcpStream::connect(addr).await.unwrap();
    let mut slow = TcpStream::connect(addr).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.unwrap();
    let mut third = TcpStream::connect(addr).await.unwrap();
    assert!(healthy(&mut third).await.starts_with("HTTP/1.1 200 OK"), "the third waited for the two before it");
    for stream in [&mut silent, &mut slow] {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert!(!said.starts_with(b"HTTP/1.1 200"), "closed without an answer");
    }
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let api = api().await;
    let (addr, _stop, _task) = served(&api, Limits::default()).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nx-filler: {}\r\n\r\n", "a".repeat(64 * 1024));
    // The server may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_connection_ends_at_its_age() {
    let api = api().await;
    let limits = Limits { connections: 1, lifetime: Duration::from_millis(200), ..Limits::default() };
    let wav = vec![7; 64 * 1024 * 1024];
    let call = api.call(api.f.ours, 0, Some(&wav)).await;
    let (addr, _stop, _task) = served(&api, limits).await;
    let mut stalled = TcpStream::connect(addr).await.unwrap();
    let path = format!("/v1/calls/{}/recording", call.id);
    let request = format!("GET {path} HTTP/1.1\r\nhost: vca\r\nauthorization: {}\r\n\r\n", bearer(OURS));
    stalled.write_all(request.as_bytes()).await.unwrap();
    // The download holds the only place, and its client does not read: the next one is served when it is cut off.
    let mut next = TcpStream::connect(addr).await.unwrap();
    assert!(healthy(&mut next).await.starts_with("HTTP/1.1 200 OK"));
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest).await;
    assert!(rest.starts_with(b"HTTP/1.1 200 OK") && rest.len() < wav.len());
}
