//! What is refused before a transaction user sees it (RFC 3261 §8.2, §16.3, §18.3).

use super::{
    CSeq, HeaderError, HeaderFault, HeaderName, HeaderValue, Headers, Message, Method, NameAddr, ParseError, Request,
    Response, Via,
};

/// The largest CSeq number (RFC 3261 §8.1.1.5).
const MAX_CSEQ: u32 = 0x7FFF_FFFF;

/// Why a well-formed request is refused, and with what answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Rejection {
    /// Status code of the answer.
    pub status: u16,
    /// Reason phrase of the answer.
    pub reason: String,
    /// Headers to add to the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// No answer may be sent: an ACK, or no Via that says where to.
    pub silent: bool,
}

impl Rejection {
    fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), headers: Vec::new(), silent: false }
    }

    /// The answer to the refused request; `None` when there may be none. The To tag is the caller's to add.
    pub fn response(&self, request: &Headers) -> Option<Response> {
        if self.silent {
            return None;
        }
        let mut response = Response::to(request, self.status, &self.reason);
        for (name, value) in &self.headers {
            response.headers.push(name.clone(), value.clone());
        }
        Some(response)
    }
}

impl From<HeaderError> for Rejection {
    fn from(error: HeaderError) -> Self {
        let how = match error.fault {
            HeaderFault::Missing => "Missing",
            HeaderFault::Repeated => "Repeated",
            HeaderFault::Malformed { .. } => "Malformed",
        };
        Self::new(400, format!("{how} {}", error.name))
    }
}

/// Checks a request the parser took: mandatory headers there, once, readable and in agreement.
///
/// # Errors
/// [`Rejection`]: 400 with what is missing or malformed, 483 for Max-Forwards 0. An unknown Require is the user
/// agent's business, see [`Headers::unknown_requirements`].
pub fn validate(request: &Request) -> Result<(), Rejection> {
    check(request).map_err(|rejection| {
        let silent = request.method == Method::Ack || request.headers.top_via().is_err();
        Rejection { silent, ..rejection }
    })
}

fn check(request: &Request) -> Result<(), Rejection> {
    let headers = &request.headers;
    check_vias(headers)?;
    let (from, cseq) = check_shared(headers)?;
    if from.tag().is_none() {
        return Err(Rejection::new(400, "Missing From Tag"));
    }
    if cseq.method != request.method {
        return Err(Rejection::new(400, "CSeq Method Mismatch"));
    }
    if cseq.number > MAX_CSEQ {
        return Err(Rejection::new(400, "CSeq Number Out Of Range"));
    }
    headers.routes()?;
    headers.record_routes()?;
    check_contacts(request)?;
    headers.content_type()?;
    headers.expires()?;
    if headers.max_forwards()? == Some(0) {
        return Err(Rejection::new(483, "Too Many Hops"));
    }
    Ok(())
}

/// All Via values must be readable, because the answer repeats them; a branch is mandatory in the top one.
fn check_vias(headers: &Headers) -> Result<(), Rejection> {
    let mut top_branch = None;
    for (i, value) in headers.get_all(HeaderName::Via).enumerate() {
        let via = Via::parse(value.as_bytes()).map_err(|fault| HeaderError::malformed(HeaderName::Via, fault))?;
        if i == 0 {
            // RFC 3261 §8.1.1.7: behind the cookie stands what tells transactions apart.
            top_branch = Some(via.branch().is_some_and(|branch| !branch.eq_ignore_ascii_case("z9hG4bK")));
        }
    }
    match top_branch {
        Some(true) => Ok(()),
        Some(false) => Err(Rejection::new(400, "Missing Via Branch")),
        None => Err(HeaderError::missing(HeaderName::Via).into()),
    }
}

/// What requests and responses have in common; gives what was read on the way.
fn check_shared(headers: &Headers) -> Result<(NameAddr, CSeq), HeaderError> {
    const ONCE: [HeaderName; 7] = [
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::MaxForwards,
        HeaderName::ContentType,
        HeaderName::Expires,
    ];
    let mut seen = [false; ONCE.len()];
    for header in headers {
        let Some(i) = ONCE.iter().position(|name| *name == header.name) else { continue };
        if std::mem::replace(&mut seen[i], true) {
            return Err(HeaderError { name: header.name.clone(), fault: HeaderFault::Repeated });
        }
    }
    let from = headers.from()?;
    headers.to()?;
    headers.call_id()?;
    Ok((from, headers.cseq()?))
}

/// A dialog needs exactly one Contact to call back (RFC 3261 §8.1.1.8); elsewhere it must at least be readable.
fn check_contacts(request: &Request) -> Result<(), Rejection> {
    let contacts = request.headers.contacts()?;
    let star = request.headers.has_contact_star();
    if star && request.method != Method::Register {
        return Err(Rejection::new(400, "Malformed Contact"));
    }
    if request.method == Method::Invite && contacts.len() != 1 {
        let reason = if contacts.is_empty() { "Missing Contact" } else { "Repeated Contact" };
        return Err(Rejection::new(400, reason));
    }
    if contacts.iter().any(|c| !valid_contact_params(c)) {
        return Err(Rejection::new(400, "Malformed Contact"));
    }
    Ok(())
}

fn valid_contact_params(contact: &NameAddr) -> bool {
    contact.params.get_raw("q").is_none_or(|q| !q.is_empty() && q.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

/// What to do with received bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A good request, for the transactions.
    Request(Request),
    /// A good response, for the transactions.
    Response(Response),
    /// Answer with this, statelessly, after adding a To tag.
    Reject(Response),
    /// Send nothing; the text says why.
    Drop(String),
}

/// Decides what happens to a parsed (or unparsable) message: parser and [`validate`] in one.
///
/// Bad responses are dropped, never answered (RFC 3261 §18.1.2).
pub fn judge(parsed: Result<Message, ParseError>) -> Verdict {
    match parsed {
        Ok(Message::Request(request)) => match validate(&request) {
            Ok(()) => Verdict::Request(request),
            Err(rejection) => match rejection.response(&request.headers) {
                Some(response) => Verdict::Reject(response),
                None => Verdict::Drop(rejection.to_string()),
            },
        },
        Ok(Message::Response(response)) => match check_response(&response) {
            Ok(()) => Verdict::Response(response),
            Err(error) => Verdict::Drop(error.to_string()),
        },
        Err(error) => match error.response() {
            Some(response) => Verdict::Reject(response),
            None => Verdict::Drop(error.to_string()),
        },
    }
}

fn check_response(response: &Response) -> Result<(), HeaderError> {
    response.headers.top_via()?;
    check_shared(&response.headers).map(|_| ())
}
