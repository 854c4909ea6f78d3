//! Why bytes are not a message, or a header value is not what it should be.

use super::{HeaderName, Headers, Method, Response};

/// The first fault in a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct ParseError {
    /// Byte offset in the input.
    pub offset: usize,
    /// What was wrong there.
    pub kind: ParseErrorKind,
    /// The readable part when the bytes were a request other than ACK whose top Via could be read and whose From,
    /// To, Call-ID and CSeq were there: it can be answered. Otherwise stay silent.
    pub recoverable: Option<Box<PartialRequest>>,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// No start line at all: nothing, or empty lines only (a keep-alive).
    #[error("no message")]
    Empty,
    /// Above [`super::MAX_MESSAGE_BYTES`].
    #[error("a message above 64 kB")]
    TooLarge,
    /// Above [`super::MAX_HEADERS`].
    #[error("too many header fields")]
    TooManyHeaders,
    /// Neither a request line nor a status line.
    #[error("a malformed start line")]
    StartLine,
    /// The Request-URI is none.
    #[error("a malformed Request-URI")]
    RequestUri,
    /// A SIP version other than 2.0.
    #[error("an unsupported SIP version")]
    Version,
    /// A header line without a colon or with an impossible name.
    #[error("a malformed header line")]
    HeaderLine,
    /// A CR or LF that is not part of a CRLF.
    #[error("a stray CR or LF")]
    LineEnd,
    /// The input ends before the empty line behind the headers.
    #[error("an unfinished header part")]
    Unfinished,
    /// Content-Length is no number, or two of them differ.
    #[error("a malformed Content-Length")]
    ContentLength,
    /// Content-Length is larger than what is there.
    #[error("a body shorter than Content-Length")]
    ShortBody,
}

impl ParseErrorKind {
    /// The status and reason phrase to answer with (RFC 3261 §21.4.1, §21.5.6).
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Version => (505, "Version Not Supported"),
            Self::Empty => (400, "Bad Request"),
            Self::TooLarge | Self::TooManyHeaders => (513, "Message Too Large"),
            Self::StartLine => (400, "Malformed Request-Line"),
            Self::RequestUri => (400, "Malformed Request-URI"),
            Self::HeaderLine => (400, "Malformed Header Line"),
            Self::LineEnd => (400, "Stray CR Or LF"),
            Self::Unfinished => (400, "Unfinished Header Part"),
            Self::ContentLength => (400, "Malformed Content-Length"),
            Self::ShortBody => (400, "Body Shorter Than Content-Length"),
        }
    }
}

impl ParseError {
    /// The answer to send, when one can be routed; the To tag is the caller's to add.
    pub fn response(&self) -> Option<Response> {
        let (status, reason) = self.kind.answer();
        self.recoverable.as_ref().map(|request| Response::to(&request.headers, status, reason))
    }
}

/// What could be read of a malformed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialRequest {
    /// The method, never ACK.
    pub method: Method,
    /// The header fields that could be read.
    pub headers: Headers,
}

/// A header that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct HeaderError {
    /// Which header.
    pub name: HeaderName,
    /// What is wrong with it.
    pub fault: HeaderFault,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// It is not there.
    #[error("missing")]
    Missing,
    /// It may stand once only.
    #[error("repeated")]
    Repeated,
    /// Its value does not fit the grammar.
    #[error("{what} at byte {offset} of the value")]
    Malformed {
        /// Byte offset in the value.
        offset: usize,
        /// What was wrong there.
        what: &'static str,
    },
}

impl HeaderError {
    pub(super) fn missing(name: HeaderName) -> Self {
        Self { name, fault: HeaderFault::Missing }
    }

    pub(super) fn malformed(name: HeaderName, (offset, what): (usize, &'static str)) -> Self {
        Self { name, fault: HeaderFault::Malformed { offset, what } }
    }
}
