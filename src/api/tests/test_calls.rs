//! Test calls: the ticket, and what goes over its WebSocket.

use std::future::Future;
use std::net::TcpStream;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tungstenite::{Message, WebSocket, client::IntoClientRequest};

use super::*;
use crate::domain::{AgentProfile, CallId, ProfileId};

/// Answers every call, and says what it hears; a sentence as its length, keys as their number.
pub(super) struct FakePhone;

impl TestPhone for FakePhone {
    fn call<'a>(
        &'a self,
        _: TenantScope,
        _: CallId,
        profile: AgentProfile,
    ) -> Pin<Box<dyn Future<Output = Result<TestCall, Problem>> + Send + 'a>> {
        Box::pin(async move {
            if profile.business_name == "Busy" {
                return Err(Problem::conflict("busy"));
            }
            let ((spoken, mut told), (says, heard)) = (mpsc::channel(8), mpsc::channel(8));
            tokio::spawn(async move {
                while let Some(told) = told.recv().await {
                    let said = match told {
                        Spoken::Sound(samples) => samples,
                        Spoken::Sentence(text) => vec![text.len() as i16],
                        Spoken::Keys(keys) => vec![-(keys.len() as i16)],
                    };
                    if says.send(said).await.is_err() {
                        return;
                    }
                }
            });
            Ok(TestCall { spoken, heard })
        })
    }
}

async fn ticket(api: &Api, body: &Value) -> Answer {
    api.body(Method::POST, "/v1/test-calls", &[("authorization", &bearer(OURS))], body).await
}

/// Opens the WebSocket of a path on this server.
fn connect(address: std::net::SocketAddr, path: &str) -> Result<WebSocket<TcpStream>, StatusCode> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("ws://{address}{path}").into_client_request().unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => Err(response.status()),
        Err(error) => panic!("{error}"),
    }
}

fn heard(socket: &mut WebSocket<TcpStream>) -> Vec<u8> {
    match socket.read().unwrap() {
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("not sound: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_call_that_carries_sound_both_ways() {
    let api = api().await;
    let profile = api.f.store.profiles(api.f.ours).await.unwrap()[0].id;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, api.router.clone()).into_future());
    let made = ticket(&api, &json!({ "profile_id": profile })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    let (path, id) = (made.json()["path"].as_str().unwrap().to_owned(), made.json()["call_id"].clone());
    assert_eq!(api.get(OURS, &path).await.status, StatusCode::BAD_REQUEST, "it is no document");
    let talking = tokio::task::spawn_blocking(move || {
        let mut socket = connect(address, &path).unwrap();
        let answered: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
        assert_eq!(answered, json!({ "type": "answered", "call": id }));
        socket.send(Message::Binary(vec![1, 0, 255, 255].into())).unwrap();
        assert_eq!(heard(&mut socket), [1, 0, 255, 255]);
        socket.send(Message::Text(json!({ "type": "sentence", "text": "Hello" }).to_string().into())).unwrap();
        assert_eq!(heard(&mut socket), [5, 0]);
        socket.send(Message::Text("{\"type\": \"other\"}".into())).unwrap();
        socket.send(Message::Text(json!({ "type": "keys", "keys": "9#" }).to_string().into())).unwrap();
        assert_eq!(heard(&mut socket), [254, 255], "what nobody knows is passed over");
        assert_eq!(connect(address, &path).err(), Some(StatusCode::NOT_FOUND), "a ticket holds once");
    });
    talking.await.unwrap();
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_call_gets_no_ticket_and_a_refusal_is_told() {
    let api = api().await;
    let mut profile = api.f.store.profiles(api.f.ours).await.unwrap().remove(0);
    let theirs = AgentProfile { id: ProfileId::new(at(0), [7; 10]), ..profile.clone() };
    api.f.store.create_profile(api.f.theirs, &theirs, &By::system(at(0))).await.unwrap();
    for (body, status) in [
        (json!({ "profile_id": theirs.id }), StatusCode::NOT_FOUND),
        (json!({ "profile_id": ProfileId::new(at(0), [9; 10]) }), StatusCode::NOT_FOUND),
        (json!({ "profile_id": profile.id, "form": "other" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(ticket(&api, &body).await.status, status, "{body}");
    }
    profile.id = ProfileId::new(at(0), [8; 10]);
    profile.business_name = "Busy".to_owned();
    api.f.store.create_profile(api.f.ours, &profile, &By::system(at(0))).await.unwrap();
    let published = json!({ "profile_id": profile.id, "form": "published" });
    assert_eq!(ticket(&api, &published).await.status, StatusCode::CONFLICT, "it is a draft only");
    let made = ticket(&api, &json!({ "profile_id": profile.id })).await.json();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, api.router.clone()).into_future());
    let told = tokio::task::spawn_blocking(move || {
        let mut socket = connect(address, made["path"].as_str().unwrap()).unwrap();
        serde_json::from_str::<Value>(socket.read().unwrap().to_text().unwrap()).unwrap()
    });
    let told = told.await.unwrap();
    assert_eq!((&told["type"], &told["problem"]["status"]), (&json!("failed"), &json!(409)));
    server.abort();
}
