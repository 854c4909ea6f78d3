//! What the node counts, for the operator's monitoring: times as histograms, the rest as counters.
//!
//! Labels take few values: names of engines, outcomes, rungs. No telephone number and no tenant is ever a label.

use std::fmt;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{CallOutcome, EndCause, Rung, Waterfall};

/// What [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds in seconds around what a caller notices: 0.55 and 0.9 s are the aims for an answer, 1.5 s is the watchdog.
const SECONDS: [f64; 13] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.9, 1.2, 1.5, 2.5, 5.0, 10.0];

type One = [(&'static str, &'static str); 1];
type OfEngine = [(&'static str, String); 1];

/// All figures of one node.
pub struct Metrics {
    registry: Registry,
    response: Histogram,
    answer: Histogram,
    dialogue: Histogram,
    queue: Family<One, Histogram, fn() -> Histogram>,
    stt: Family<OfEngine, Histogram, fn() -> Histogram>,
    tts: Family<OfEngine, Histogram, fn() -> Histogram>,
    fillers: Family<One, Counter>,
    answers: Family<One, Counter>,
    prompts: Family<One, Counter>,
    failures: Family<[(&'static str, String); 2], Counter>,
    calls: Family<[(&'static str, String); 2], Counter>,
    refused: Family<[(&'static str, String); 1], Counter>,
    active: Gauge,
    watchdog: Family<One, Counter>,
    traces: Family<One, Counter>,
    /// Absent until there is something to tell.
    redis: Family<[(&'static str, &'static str); 0], Gauge>,
    fell_back: Family<One, Counter>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("active", &self.active.get()).finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("vca");
        let histograms: fn() -> Histogram = seconds;
        let queue = Family::new_with_constructor(histograms);
        let (stt, tts) = (Family::new_with_constructor(histograms), Family::new_with_constructor(histograms));
        let (response, answer, dialogue) = (seconds(), seconds(), seconds());
        let mut time = |name: &str, help: &str, metric: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        time("response", "From the end of the caller's speech to the first sound, filler or answer", &response);
        time("answer", "From the end of the caller's speech to the first packet of the answer", &answer);
        time("dialogue", "From the transcript to the receptionist's decision", &dialogue);
        let help = "Wait of a job that a caller waits for until a speech worker takes it up";
        registry.register_with_unit("speech_queue", help, Unit::Seconds, queue.clone());
        registry.register_with_unit("stt", "Run of a transcription", Unit::Seconds, stt.clone());
        let help = "From asking for a sentence to its first audio";
        registry.register_with_unit("tts_first_byte", help, Unit::Seconds, tts.clone());
        let (fillers, answers, prompts) = (Family::default(), Family::default(), Family::default());
        registry.register("fillers", "Silences that were filled, by what was played", Family::clone(&fillers));
        registry.register("answers", "Answers to callers, by the rung of the ladder", Family::clone(&answers));
        registry.register("prompts", "Phrases looked up in the prompt cache", Family::clone(&prompts));
        let failures = Family::default();
        registry.register("engine_failures", "Jobs that gave nothing, by engine and reason", Family::clone(&failures));
        let (calls, refused, active) = (Family::default(), Family::default(), Gauge::default());
        registry.register("calls", "Answered calls that are over, by outcome and end", Family::clone(&calls));
        registry.register("calls_refused", "Calls that were not answered, by SIP status", Family::clone(&refused));
        registry.register("calls_active", "Calls under way", Gauge::clone(&active));
        let watchdog = Family::default();
        let help = "What the watchdog did for calls whose conversation hung";
        registry.register("watchdog", help, Family::clone(&watchdog));
        let traces = Family::default();
        registry.register("trace_spans", "Spans of traces, by what became of them", Family::clone(&traces));
        let (redis, fell_back) = (Family::default(), Family::default());
        registry.register("live_redis_up", "Whether Redis answers", Family::clone(&redis));
        let help = "What was done without the other nodes because Redis was away";
        registry.register("live_fallbacks", help, Family::clone(&fell_back));
        Self {
            registry,
            response,
            answer,
            dialogue,
            queue,
            stt,
            tts,
            fillers,
            answers,
            prompts,
            failures,
            calls,
            refused,
            active,
            watchdog,
            traces,
            redis,
            fell_back,
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn of_ms(ms: u32) -> f64 {
    f64::from(ms) / 1_000.0
}

/// The name that a value has in the API.
pub(crate) fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}

impl Metrics {
    /// An answer was given.
    pub fn answered(&self, waterfall: &Waterfall) {
        self.response.observe(of_ms(waterfall.response_ms()));
        self.answer.observe(of_ms(waterfall.first_packet_ms));
        if let Some(understood) = waterfall.stt_ms {
            self.dialogue.observe(of_ms(waterfall.dialogue_ms.saturating_sub(understood)));
        }
        self.answers.get_or_create(&[("rung", Rung::name(waterfall.rung))]).inc();
    }

    /// A silence was filled with a phrase, a tone, or a question.
    pub fn filled(&self, with: &'static str) {
        self.fillers.get_or_create(&[("with", with)]).inc();
    }

    /// A phrase was looked for among those that are ready.
    pub fn prompt(&self, hit: bool) {
        self.prompts.get_or_create(&[("result", if hit { "hit" } else { "miss" })]).inc();
    }

    /// A transcription ended, well or not; `waited` for a worker.
    pub fn transcribed(&self, engine: &str, waited: Duration, ran: Duration) {
        self.queue.get_or_create(&[("job", "stt")]).observe(waited.as_secs_f64());
        self.stt.get_or_create(&[("engine", engine.to_owned())]).observe(ran.as_secs_f64());
    }

    /// The first audio of a sentence was there.
    pub fn spoke(&self, engine: &str, waited: Duration, first_byte: Duration) {
        self.queue.get_or_create(&[("job", "tts")]).observe(waited.as_secs_f64());
        self.tts.get_or_create(&[("engine", engine.to_owned())]).observe(first_byte.as_secs_f64());
    }

    /// An engine's job gave nothing; `reason` is one of few words.
    pub fn failed(&self, engine: &str, reason: &'static str) {
        self.failures.get_or_create(&[("engine", engine.to_owned()), ("reason", reason.to_owned())]).inc();
    }

    /// The watchdog did this for a call.
    pub fn watched(&self, action: &'static str) {
        self.watchdog.get_or_create(&[("action", action)]).inc();
    }

    /// So many spans of traces were `exported`, `failed` or `dropped`.
    pub fn traced(&self, result: &'static str, spans: u64) {
        self.traces.get_or_create(&[("result", result)]).inc_by(spans);
    }

    /// Redis answers, or does not any more.
    pub fn redis_up(&self, up: bool) {
        self.redis.get_or_create(&[]).set(i64::from(up));
    }

    /// Whether Redis answered when it was heard of last.
    pub fn redis_answers(&self) -> bool {
        self.redis.get_or_create(&[]).get() == 1
    }

    /// This was done without the other nodes.
    pub fn fell_back(&self, what: &'static str) {
        self.fell_back.get_or_create(&[("what", what)]).inc();
    }

    /// A call was answered.
    pub fn call_began(&self) {
        self.active.inc();
    }

    /// An answered call is over.
    pub fn call_ended(&self, outcome: CallOutcome, cause: EndCause) {
        self.active.dec();
        self.calls.get_or_create(&[("outcome", word(outcome)), ("cause", word(cause))]).inc();
    }

    /// A call was refused.
    pub fn call_refused(&self, status: u16) {
        self.refused.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// All figures in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a metric cannot be written, which is a mistake in this module.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_in_the_text_that_is_scraped() {
        let metrics = Metrics::default();
        let waterfall = Waterfall {
            endpoint_ms: 400,
            stt_ms: Some(520),
            dialogue_ms: 521,
            first_packet_ms: 1_900,
            filler_ms: Some(1_500),
            rung: Rung::Template,
            ..Waterfall::default()
        };
        metrics.answered(&waterfall);
        metrics.filled("phrase");
        metrics.prompt(true);
        metrics.transcribed("whisper-base", Duration::from_millis(30), Duration::from_millis(210));
        metrics.failed("piper", "failed");
        metrics.call_began();
        metrics.call_began();
        metrics.call_ended(CallOutcome::Message, EndCause::AgentHungUp);
        metrics.call_refused(486);
        assert!(!metrics.encode().unwrap().contains("vca_live_redis_up 0"), "without Redis there is nothing to tell");
        metrics.redis_up(true);
        metrics.fell_back("cap");
        let text = metrics.encode().unwrap();
        for line in [
            "vca_response_seconds_sum 1.5",
            "vca_response_seconds_bucket{le=\"1.2\"} 0",
            "vca_response_seconds_bucket{le=\"1.5\"} 1",
            "vca_answer_seconds_sum 1.9",
            "vca_answers_total{rung=\"template\"} 1",
            "vca_fillers_total{with=\"phrase\"} 1",
            "vca_prompts_total{result=\"hit\"} 1",
            "vca_stt_seconds_bucket{le=\"0.2\",engine=\"whisper-base\"} 0",
            "vca_stt_seconds_bucket{le=\"0.3\",engine=\"whisper-base\"} 1",
            "vca_engine_failures_total{engine=\"piper\",reason=\"failed\"} 1",
            "vca_calls_total{outcome=\"message\",cause=\"agent_hung_up\"} 1",
            "vca_calls_refused_total{status=\"486\"} 1",
            "vca_calls_active 1",
            "vca_live_redis_up 1",
            "vca_live_fallbacks_total{what=\"cap\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in:\n{text}");
        }
    }
}
