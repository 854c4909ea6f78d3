//! The queue between calls and the collector, and the thread that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};

use crate::metrics::Metrics;

/// Spans that may wait: some dozens of calls' worth.
const QUEUE: usize = 4_096;
/// Spans of one request.
const BATCH: usize = 512;
/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// How often the thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);
/// How long one request may take, retries and all.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);

/// Takes finished spans and never waits.
#[derive(Debug)]
pub(super) struct Queue {
    spans: SyncSender<SpanData>,
    closing: Arc<AtomicBool>,
    /// Ends when the thread does.
    over: Mutex<Receiver<()>>,
    resource: Arc<Mutex<Option<Resource>>>,
    metrics: Arc<Metrics>,
}

impl Queue {
    /// Starts the thread.
    pub fn start(endpoint: &str, client: reqwest::Client, metrics: Arc<Metrics>) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_LIMIT)
            .build()
            .map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let (spans, queue) = sync_channel(QUEUE);
        let (alive, over) = sync_channel(0);
        let (closing, resource) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Option<Resource>>>::default());
        let sender = Sender {
            exporter,
            runtime,
            queue,
            closing: Arc::clone(&closing),
            resource: Arc::clone(&resource),
            metrics: Arc::clone(&metrics),
            failing: false,
        };
        let thread = std::thread::Builder::new().name("otlp".to_owned());
        let run = move || {
            let _alive = alive;
            sender.run();
        };
        thread.spawn(run).map_err(|error| error.to_string())?;
        Ok(Self { spans, closing, over: Mutex::new(over), resource, metrics })
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // Here a span is a moment of a call, which must not wait.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.spans.try_send(span) {
            self.metrics.traced("dropped", 1);
        }
    }

    /// The thread sends within a second whatever there is.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.closing.store(true, Ordering::Relaxed);
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        match over.recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => Err(OTelSdkError::Timeout(timeout)),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        *self.resource.lock().unwrap_or_else(PoisonError::into_inner) = Some(resource.clone());
    }
}

/// The thread's side.
struct Sender {
    exporter: SpanExporter,
    runtime: tokio::runtime::Runtime,
    queue: Receiver<SpanData>,
    closing: Arc<AtomicBool>,
    resource: Arc<Mutex<Option<Resource>>>,
    metrics: Arc<Metrics>,
    failing: bool,
}

impl Sender {
    fn run(mut self) {
        loop {
            match self.queue.recv_timeout(TICK) {
                Ok(first) => {
                    let batch = self.gather(first);
                    self.send(batch);
                }
                Err(RecvTimeoutError::Timeout) if !self.closing.load(Ordering::Relaxed) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn gather(&self, first: SpanData) -> Vec<SpanData> {
        let mut batch = vec![first];
        let until = Instant::now() + GATHER;
        while batch.len() < BATCH && Instant::now() < until {
            match self.queue.recv_timeout(TICK) {
                Ok(span) => batch.push(span),
                Err(RecvTimeoutError::Timeout) if self.closing.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        batch
    }

    fn send(&mut self, batch: Vec<SpanData>) {
        if let Some(resource) = self.resource.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.exporter.set_resource(&resource);
        }
        let count = batch.len() as u64;
        let exporter = &self.exporter;
        let sent = self.runtime.block_on(async { tokio::time::timeout(EXPORT_LIMIT, exporter.export(batch)).await });
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", EXPORT_LIMIT.as_secs())),
        };
        self.metrics.traced(if failure.is_none() { "exported" } else { "failed" }, count);
        // Said once: traces are no reason to fill the log.
        match failure {
            Some(error) if !self.failing => {
                tracing::warn!(error, "traces cannot be delivered; calls go on without them");
                self.failing = true;
            }
            Some(_) => {}
            None if self.failing => {
                tracing::info!("traces are delivered again");
                self.failing = false;
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let metrics = Arc::new(Metrics::default());
        // Takes connections and never answers.
        let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", collector.local_addr().unwrap());
        let client = crate::telemetry::tests::client();
        let telemetry = Telemetry::start(&endpoint, 100, client, Arc::clone(&metrics)).unwrap();
        // The thread holds two batches at most.
        for _ in 0..QUEUE + 2 * BATCH + 10 {
            telemetry.call(std::time::SystemTime::now()).refused(503);
        }
        let text = metrics.encode().unwrap();
        let dropped = text.lines().find_map(|line| line.strip_prefix("vca_trace_spans_total{result=\"dropped\"} "));
        assert!(dropped.is_some_and(|count| count.parse::<u64>().unwrap() >= 10), "{text}");
    }
}
