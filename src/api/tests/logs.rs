//! What the log says of requests.

use std::io::Write;

use tracing::instrument::WithSubscriber;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn numbers_and_keys_stay_out_of_the_log() {
    // Without a subscriber for everybody, a line that another test meets first may be taken for one that nobody wants.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let api = api().await;
    api.call(api.f.ours, 0, None).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    async {
        for path in [
            "/v1/calls?caller=%2B919876543210",
            "/v1/calls/+919876543210",
            "/+919876543210",
            "/v1/calls?limit=9876543210",
        ] {
            api.get(OURS, path).await;
            api.send(Method::GET, path, &[("authorization", "Bearer vca_a-key-that-leaks")]).await;
        }
        for path in ["/v1/exports", "/v1/erasures"] {
            let done = api.create(OURS, path, json!({ "number": "+919876543210" })).await;
            assert!(done.status.is_success(), "{path}: {}", done.status);
        }
    }
    .with_subscriber(subscriber)
    .await;
    let text = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
    assert_eq!(text.matches("request answered").count(), 10, "{text}");
    assert!(text.contains("http.route=\"/v1/calls/{id}\""), "{text}");
    assert!(!text.contains("9876543210") && !text.contains("vca_"), "{text}");
}
