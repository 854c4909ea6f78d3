//! Traces: one for each call, a span for each turn, and below it one for each step of its answer.
//!
//! Spans hold ids, times and words of our own making; nothing that a caller is called, says or dials goes into one.
//! Nothing here waits: a span that finds the queue full is dropped and counted (`export`).

mod export;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

use crate::domain::{CallId, CallOutcome, EndCause, Rung, TenantId, Waterfall};
use crate::metrics::{Metrics, word};

/// How long the end of the process waits for spans that are not delivered yet.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Traces cannot be sent to this address.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp: {0}")]
pub struct TelemetryError(String);

/// Where traces go, if anywhere; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Telemetry(Option<Arc<Exporting>>);

#[derive(Debug)]
struct Exporting {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Telemetry {
    /// No traces.
    pub fn off() -> Self {
        Self::default()
    }

    /// Sends traces to the OTLP/HTTP collector at `endpoint` (`http://127.0.0.1:4318`), of `sample_percent` calls in a
    /// hundred.
    ///
    /// # Errors
    /// When the address is none, or the system has no more threads.
    pub fn start(
        endpoint: &str,
        sample_percent: u8,
        client: reqwest::Client,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TelemetryError> {
        let queue = export::Queue::start(endpoint, client, metrics).map_err(TelemetryError)?;
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", "vca"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::TraceIdRatioBased(f64::from(sample_percent.min(100)) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("vca");
        Ok(Self(Some(Arc::new(Exporting { provider, tracer }))))
    }

    /// Begins the trace of a call whose INVITE came in at `received_at`.
    pub fn call(&self, received_at: SystemTime) -> CallTrace {
        let Some(exporting) = &self.0 else { return CallTrace::default() };
        let tracer = exporting.tracer.clone();
        let builder = tracer.span_builder("call").with_kind(SpanKind::Server).with_start_time(received_at);
        let span = builder.start_with_context(&tracer, &Context::new());
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        let state = Mutex::new(State { span, answered_at: received_at, turns: 0 });
        CallTrace(Some(Arc::new(Tracing { tracer, context, received_at, state })))
    }

    /// Delivers what is in the queue, for three seconds at most; blocks the thread meanwhile.
    pub fn close(&self) {
        if let Some(exporting) = &self.0
            && let Err(error) = exporting.provider.shutdown_with_timeout(LAST_SPANS)
        {
            tracing::warn!(%error, "the last traces could not be delivered");
        }
    }
}

/// The trace of one call; clones are handles to the same. Without a collector, or when the call is not sampled, all of it
/// does nothing. It ends with [`CallTrace::ended`] or [`CallTrace::refused`], or when the last handle goes.
#[derive(Debug, Clone, Default)]
pub struct CallTrace(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    tracer: SdkTracer,
    /// The parent of every other span.
    context: Context,
    received_at: SystemTime,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    span: Span,
    answered_at: SystemTime,
    turns: i64,
}

impl CallTrace {
    /// The trace's id in hexadecimal, to find it from the log; `None` when there is no trace.
    pub fn id(&self) -> Option<String> {
        let context = self.0.as_ref()?.context.span().span_context().clone();
        context.is_sampled().then(|| context.trace_id().to_string())
    }

    /// The call was answered, now; turns are counted from here.
    pub fn answered(&self, call: CallId, tenant: TenantId, trunk: Option<&str>) {
        let Some(tracing) = &self.0 else { return };
        let now = SystemTime::now();
        tracing.child("setup", tracing.received_at, now, Vec::new());
        let mut state = tracing.state();
        state.answered_at = now;
        state.span.set_attribute(KeyValue::new("vca.call.id", call.to_string()));
        state.span.set_attribute(KeyValue::new("vca.tenant.id", tenant.to_string()));
        if let Some(trunk) = trunk {
            state.span.set_attribute(KeyValue::new("vca.trunk", trunk.to_owned()));
        }
    }

    /// A turn of the caller's, which ended `speech_end` after the answer, was answered.
    pub fn turn(&self, speech_end: Duration, waterfall: &Waterfall) {
        let Some(tracing) = &self.0 else { return };
        let (began, number) = {
            let mut state = tracing.state();
            state.turns += 1;
            (state.answered_at + speech_end, state.turns)
        };
        let after = |ms: u32| began + Duration::from_millis(ms.into());
        let mut attributes = vec![
            KeyValue::new("vca.turn.number", number),
            KeyValue::new("vca.turn.rung", Rung::name(waterfall.rung)),
            KeyValue::new("vca.turn.cached", waterfall.cached),
            KeyValue::new("vca.turn.filled", waterfall.filled),
            KeyValue::new("vca.turn.response_ms", i64::from(waterfall.response_ms())),
        ];
        attributes.extend(waterfall.filler_ms.map(|ms| KeyValue::new("vca.turn.filler_ms", i64::from(ms))));
        let turn = tracing.child("turn", began, after(waterfall.first_packet_ms), attributes);
        let mut from = 0;
        for (step, until) in waterfall.steps() {
            let begins = waterfall.stt_started_ms.filter(|_| step == "stt").unwrap_or(from);
            tracing.span(&turn, step, after(begins.min(until)), after(until), Vec::new());
            from = until;
        }
    }

    /// The call was not answered.
    pub fn refused(&self, status: u16) {
        let Some(tracing) = &self.0 else { return };
        let mut state = tracing.state();
        state.span.set_attribute(KeyValue::new("sip.status", i64::from(status)));
        state.span.end();
    }

    /// The call is over.
    pub fn ended(&self, outcome: CallOutcome, cause: EndCause) {
        let Some(tracing) = &self.0 else { return };
        let mut state = tracing.state();
        let turns = state.turns;
        state.span.set_attribute(KeyValue::new("vca.call.outcome", word(outcome)));
        state.span.set_attribute(KeyValue::new("vca.call.end_cause", word(cause)));
        state.span.set_attribute(KeyValue::new("vca.call.turns", turns));
        if cause == EndCause::Breakdown {
            state.span.set_status(Status::error("the conversation broke down"));
        }
        state.span.end();
    }
}

impl Tracing {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn child(&self, name: &'static str, from: SystemTime, until: SystemTime, about: Vec<KeyValue>) -> Context {
        self.span(&self.context, name, from, until, about)
    }

    /// A span that is over; its context, for those below it.
    fn span(
        &self,
        parent: &Context,
        name: &'static str,
        from: SystemTime,
        until: SystemTime,
        about: Vec<KeyValue>,
    ) -> Context {
        let builder = self.tracer.span_builder(name).with_start_time(from).with_attributes(about);
        let mut span = builder.start_with_context(&self.tracer, parent);
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        span.end_with_timestamp(until);
        context
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    pub fn client() -> reqwest::Client {
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    #[test]
    fn calls_that_are_not_sampled_have_no_trace() {
        let metrics = Arc::new(Metrics::default());
        let start = |percent| Telemetry::start("http://127.0.0.1:9", percent, client(), Arc::clone(&metrics)).unwrap();
        let (none, all) = (start(0), start(100));
        let now = SystemTime::now();
        assert_eq!((Telemetry::off().call(now).id(), none.call(now).id()), (None, None));
        let ids = [all.call(now).id(), all.call(now).id()];
        assert!(ids[0].as_ref().is_some_and(|id| id.len() == 32) && ids[0] != ids[1], "{ids:?}");
    }
}
