//! One HTTP client for all engines in the network: TLS by ring, limits on time and size, errors without secrets.
//!
//! What goes wrong is told by kind, so that a circuit breaker can tell a busy server from a wrong key, and never with
//! the URL, the body or the server's own sentence: these may hold keys and what callers said.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Response, StatusCode};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::warn;

/// Bytes of an error's body that are looked at for its code.
const ERROR_BODY_BYTES: usize = 16 << 10;
/// Letters of an error's code that are kept.
const CODE_CHARS: usize = 64;
/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// An idle connection is closed after this long: callers come minutes apart, a handshake costs a caller 100 ms.
const IDLE: Duration = Duration::from_secs(300);

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until there is a connection, TLS included.
    pub connect: Duration,
    /// From the request to the last byte of the answer.
    pub total: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { connect: Duration::from_millis(1_500), total: Duration::from_secs(10) }
    }
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct HttpSetupError(String);

/// Why a request gave nothing; short, of one line, without anything of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// No answer in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// No connection, or it broke before the answer was whole.
    #[error("{0}")]
    Connection(String),
    /// 401, 403 or 404: a wrong key, address or model. Trying again is of no use until somebody mends it.
    #[error("it refused us with {status}{}; check `url`, `model` and `api_key`", shown(.code))]
    Refused { status: u16, code: String },
    /// 429: too many requests, or no money left.
    #[error("it is rate-limited{}{}", shown(.code), shown_wait(.retry_after))]
    RateLimited { code: String, retry_after: Option<Duration> },
    /// Any other status that is no success.
    #[error("it answered {status}{}", shown(.code))]
    Status { status: u16, code: String },
    /// The answer is not what the protocol promises.
    #[error("its answer cannot be read: {0}")]
    BadAnswer(String),
    /// The answer is longer than anything that was asked for.
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
}

fn shown(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

fn shown_wait(wait: &Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(", for {} s", wait.as_secs_f32().ceil()))
}

/// A client that verifies servers by the authorities of this machine.
///
/// Redirects are not followed: a key belongs to the address that the operator wrote.
///
/// # Errors
/// [`HttpSetupError`] when reqwest refuses its settings.
pub fn client(limits: HttpLimits) -> Result<Client, HttpSetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        // A server on this machine works all the same.
        warn!(
            "this machine trusts no certificate authority, so that no engine can be reached over HTTPS: install ca-certificates"
        );
    }
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("vca/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| HttpSetupError(error.without_url().to_string()))
}

/// What reqwest's error says, without its URL.
pub fn failure(error: reqwest::Error) -> HttpFailure {
    use std::error::Error;
    if error.is_timeout() {
        return HttpFailure::TimedOut;
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = match (error.is_connect(), error.is_builder()) {
        (true, _) => "it cannot be reached",
        (_, true) => "the request cannot be made",
        _ => "the connection broke",
    };
    HttpFailure::Connection(format!("{what} ({})", one_line(&cause.to_string())))
}

/// The response, when it is a success.
///
/// # Errors
/// The failure that its status stands for.
pub async fn success(response: Response) -> Result<Response, HttpFailure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    let body = body(response, ERROR_BODY_BYTES).await.unwrap_or_default();
    let code = error_code(&body);
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            HttpFailure::Refused { status: status.as_u16(), code }
        }
        StatusCode::TOO_MANY_REQUESTS => HttpFailure::RateLimited { code, retry_after },
        _ => HttpFailure::Status { status: status.as_u16(), code },
    })
}

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// [`HttpFailure::TooLong`], or a connection that broke.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, HttpFailure> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(HttpFailure::TooLong(limit));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if bytes.len() + chunk.len() > limit {
            return Err(HttpFailure::TooLong(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The media type without its parameters, in lower case; empty when there is none.
pub fn media_type(response: &Response) -> String {
    let value = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// `retry-after-ms` (OpenAI's own), else Retry-After in seconds (RFC 9110 §10.2.3; its form as a date is not used by
/// these servers). At most an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1_000.0).or_else(|| number("retry-after"))?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// `error.code` or `error.type` of an OpenAI-like body; only when it is an identifier, since the sentence beside it may
/// repeat the request.
fn error_code(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let error = &json["error"];
    let code = error["code"].as_str().or_else(|| error["type"].as_str()).unwrap_or_default();
    let identifier = code.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'));
    if identifier && code.len() <= CODE_CHARS { code.to_owned() } else { String::new() }
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_made_on_this_machine() {
        client(HttpLimits::default()).unwrap();
    }

    #[test]
    fn an_error_is_known_by_its_code_and_its_sentence_is_left_out() {
        let body =
            br#"{"error":{"message":"You said: my name is Asha, key sk-1","type":"requests","code":"rate_limit"}}"#;
        assert_eq!(error_code(body), "rate_limit");
        assert_eq!(error_code(br#"{"error":{"type":"insufficient_quota","code":null}}"#), "insufficient_quota");
        for other in [&b"<html>"[..], b"{}", br#"{"error":"no"}"#, br#"{"error":{"code":"my name is Asha"}}"#] {
            assert_eq!(error_code(other), "");
        }
    }

    #[test]
    fn waits_are_read_and_bounded() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(of("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(of("retry-after", "99999999"), Some(LONGEST_RETRY_AFTER));
        for bad in ["-1", "inf", "1e400", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(of("retry-after", bad), None, "{bad}");
        }
    }

    #[test]
    fn failures_are_sentences() {
        let limited = HttpFailure::RateLimited { code: "requests".into(), retry_after: Some(Duration::from_secs(2)) };
        assert_eq!(limited.to_string(), "it is rate-limited (requests), for 2 s");
        let refused = HttpFailure::Refused { status: 401, code: String::new() };
        assert_eq!(refused.to_string(), "it refused us with 401; check `url`, `model` and `api_key`");
    }
}
