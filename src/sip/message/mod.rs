//! SIP messages: parser, printer and the headers this user agent looks into (RFC 3261 §7, §20, §25).
//!
//! ```text
//!  datagram ──► Message::parse ──┐
//!  stream ──► StreamDecoder ─────┴─► judge ──► Request | Response      to the transactions
//!                                         └──► Reject(Response) | Drop  never seen by them
//! ```
//!
//! Header values stay bytes: [`Headers`] keeps them as written, the typed accessors on it (`top_via`, `from`,
//! `cseq`, …) read them when asked. Nothing here panics on network input; sizes and counts are bounded.
#![deny(clippy::disallowed_methods)]

mod error;
mod header_name;
mod headers;
mod method;
mod name_addr;
mod params;
mod parse;
mod print;
pub(crate) mod scan;
mod stream;
mod typed;
mod uri;
mod uri_equal;
mod validate;
mod via;

pub use error::{HeaderError, HeaderFault, ParseError, ParseErrorKind, PartialRequest};
pub use header_name::HeaderName;
pub use headers::{Header, HeaderValue, Headers};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use print::reason_phrase;
pub use stream::{StreamDecoder, StreamError, StreamItem};
pub use typed::{CSeq, MediaType};
pub use uri::{Scheme, Uri, UriError};
pub use validate::{Rejection, Verdict, judge, validate};
pub use via::{Via, ViaTransport};

/// The largest message taken, in bytes, head and body together.
pub const MAX_MESSAGE_BYTES: usize = 65_536;

/// The largest number of header fields taken in one message.
pub const MAX_HEADERS: usize = 256;

/// A SIP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// Header fields in order; the printer writes Content-Length itself.
    pub headers: Headers,
    /// The body, empty when there is none.
    pub body: Vec<u8>,
}

/// A SIP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 699.
    pub status: u16,
    /// The reason phrase; bytes that were not UTF-8 are U+FFFD.
    pub reason: String,
    /// Header fields in order; the printer writes Content-Length itself.
    pub headers: Headers,
    /// The body, empty when there is none.
    pub body: Vec<u8>,
}

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Reads one whole message, as a UDP datagram carries it (RFC 3261 §7, §18.3).
    ///
    /// Empty lines before the start line are skipped; bytes behind the Content-Length are dropped; without a
    /// Content-Length the rest of the datagram is the body. What the syntax allows but a user agent must refuse
    /// is left to [`validate`]; [`judge`] does both.
    ///
    /// # Errors
    /// [`ParseError`] with the byte offset of the first fault, and the readable headers of a request when enough
    /// was readable to answer it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        parse::parse(bytes)
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The printed form.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// Appends the printed form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.write(out),
            Self::Response(response) => response.write(out),
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// A response to this request, with Via, From, To, Call-ID and CSeq taken over (RFC 3261 §8.2.6).
    ///
    /// The To tag is the caller's to add.
    pub fn reply(&self, status: u16) -> Response {
        Response::to(&self.headers, status, reason_phrase(status))
    }
}

impl Response {
    /// A response to a request with these headers: Via, From, To, Call-ID, CSeq are taken over as they are, and
    /// Timestamp in a 100 (RFC 3261 §8.2.6). What the request lacked is left out. The To tag is the caller's to add.
    pub fn to(request: &Headers, status: u16, reason: &str) -> Self {
        let mut headers = Headers::with_capacity(12);
        for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
            headers.copy_all(name, request);
        }
        if status == 100 {
            headers.copy_all(HeaderName::Timestamp, request);
        }
        Self { status, reason: reason.to_owned(), headers, body: Vec::new() }
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
