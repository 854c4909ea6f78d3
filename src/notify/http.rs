//! The HTTP client of messages: limits on time and size, no redirects, no proxy, and errors without address or secret.

use std::net::IpAddr;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::{Client, RequestBuilder, Url};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::webhook::guard::GuardedDns;

const CONNECT: Duration = Duration::from_secs(5);
/// From the request to the last byte of the answer.
pub const TOTAL: Duration = Duration::from_secs(15);
/// Of an answer; nothing that is wanted of one is longer.
const MOST_BYTES: usize = 64 << 10;
/// The longest wait that a server may ask for.
const LONGEST_WAIT_S: i64 = 6 * 3_600;

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// What `Retry-After` asks for, in its form as seconds (RFC 9110 §10.2.3).
    pub retry_after: Option<SignedDuration>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    #[error("it did not answer in time")]
    TimedOut,
    #[error("{0}")]
    Connection(String),
    #[error("its answer is longer than {MOST_BYTES} bytes")]
    TooLong,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct HttpSetupError(String);

/// A client. Redirects are not followed, because they would lead around the check of an address; proxies of the
/// environment are not used, because they would resolve names for us.
#[derive(Debug, Clone)]
pub struct Http(Client);

impl Http {
    /// Makes a client that verifies servers by the authorities of this machine and, unless `allow_private`, connects to
    /// public addresses only.
    ///
    /// # Errors
    /// [`HttpSetupError`] when reqwest refuses its settings.
    pub fn new(allow_private: bool) -> Result<Self, HttpSetupError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("invariant: ring has the ciphers of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(GuardedDns { allow_private })
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .local_address(None::<IpAddr>)
            .user_agent(concat!("vca/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| HttpSetupError(error.without_url().to_string()))
    }

    /// A request to be completed.
    pub fn post(&self, url: Url) -> RequestBuilder {
        self.0.post(url)
    }
}

/// Sends a request and reads the answer.
///
/// # Errors
/// [`NoReply`] when there is none, or one that is too long.
pub async fn exchange(request: RequestBuilder) -> Result<Reply, NoReply> {
    let mut response = request.send().await.map_err(failure)?;
    let status = response.status().as_u16();
    let wait = response.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = wait.map(|seconds: i64| SignedDuration::from_secs(seconds.clamp(0, LONGEST_WAIT_S)));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(NoReply::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, retry_after, body })
}

fn failure(error: reqwest::Error) -> NoReply {
    use std::error::Error;
    if error.is_timeout() {
        return NoReply::TimedOut;
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = if error.is_connect() { "it cannot be reached" } else { "the connection broke" };
    let cause: String = cause.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    NoReply::Connection(format!("{what} ({cause})"))
}

/// Pairs as a form writes them (application/x-www-form-urlencoded).
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form/").expect("invariant: this is a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// What [`form`] wrote, and browsers and providers write.
pub fn read_form(text: &str) -> Vec<(String, String)> {
    let mut url = Url::parse("http://form/").expect("invariant: this is a URL");
    url.set_query(Some(text));
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_and_read() {
        let pairs = [("msg", "Ravi & 5 % = ₹5\nnow"), ("v", "1.1")];
        let text = form(&pairs);
        assert_eq!(text, "msg=Ravi+%26+5+%25+%3D+%E2%82%B95%0Anow&v=1.1");
        let read = read_form(&text);
        assert_eq!(read, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read_form("a=%zz&b#c=d"), [("a".to_owned(), "%zz".to_owned()), ("b#c".to_owned(), "d".to_owned())]);
    }
}
