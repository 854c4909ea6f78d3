//! Bytes to messages (RFC 3261 §7, §25).

use std::borrow::Cow;

use super::error::{ParseError, ParseErrorKind, PartialRequest};
use super::headers::HeaderValue;
use super::scan::{decimal, is_token, split_commas, trim};
use super::{HeaderName, Headers, MAX_HEADERS, MAX_MESSAGE_BYTES, Message, Method, Request, Response, Uri};

/// Byte offset in the input, and what is wrong there.
type Fault = (usize, ParseErrorKind);

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: u16, reason: String },
}

pub(super) fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    let silent = |(offset, kind)| ParseError { offset, kind, recoverable: None };
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(silent((MAX_MESSAGE_BYTES, ParseErrorKind::TooLarge)));
    }
    let start = leading_empty_lines(bytes);
    if start == bytes.len() {
        return Err(silent((0, ParseErrorKind::Empty)));
    }
    // After a fault reading goes on, because a refused request is answered with its own headers.
    let mut faults = Faults(None);
    let line = Line::read(bytes, start, &mut faults);
    let start_line = faults.note(parse_start_line(line.text, start));
    let head = Head::read(bytes, line.next, &mut faults);
    let body = faults.note(find_body(&head.headers, bytes, head.end));
    match (start_line, body, faults.0) {
        (Some(StartLine::Request { method, uri }), Some(body), None) => {
            Ok(Message::Request(Request { method, uri, headers: head.headers, body: body.to_vec() }))
        }
        (Some(StartLine::Response { status, reason }), Some(body), None) => {
            Ok(Message::Response(Response { status, reason, headers: head.headers, body: body.to_vec() }))
        }
        (_, _, fault) => {
            let (offset, kind) = fault.unwrap_or((start, ParseErrorKind::StartLine));
            Err(ParseError { offset, kind, recoverable: recover(line.text, head.headers) })
        }
    }
}

/// The first fault in the order of the input.
struct Faults(Option<Fault>);

impl Faults {
    fn add(&mut self, fault: Fault) {
        self.0.get_or_insert(fault);
    }

    fn note<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }
}

/// CRLFs before a start line are keep-alives or padding (RFC 3261 §7.5).
pub(super) fn leading_empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len())
}

struct Line<'a> {
    text: &'a [u8],
    /// Offset of the next line.
    next: usize,
}

impl<'a> Line<'a> {
    /// A bare CR or LF ends the line too, but is a fault: copied into a message of ours it could inject a header.
    fn read(bytes: &'a [u8], start: usize, faults: &mut Faults) -> Self {
        let Some(length) = bytes[start..].iter().position(|b| matches!(b, b'\r' | b'\n')) else {
            faults.add((bytes.len(), ParseErrorKind::Unfinished));
            return Self { text: &bytes[start..], next: bytes.len() };
        };
        let end = start + length;
        let text = &bytes[start..end];
        if bytes[end..].starts_with(b"\r\n") {
            return Self { text, next: end + 2 };
        }
        faults.add((end, ParseErrorKind::LineEnd));
        Self { text, next: end + 1 }
    }
}

fn parse_start_line(line: &[u8], at: usize) -> Result<StartLine, Fault> {
    if is_status_line(line) { parse_status_line(line, at) } else { parse_request_line(line, at) }
}

fn is_status_line(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/"))
}

/// `SIP/2.0 200 OK`; the space before an empty reason phrase may be missing.
fn parse_status_line(line: &[u8], at: usize) -> Result<StartLine, Fault> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let version = words.next().unwrap_or_default();
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err((at, ParseErrorKind::Version));
    }
    let code = words.next().unwrap_or_default();
    match decimal(code).and_then(|n| u16::try_from(n).ok()) {
        Some(status @ 100..=699) if code.len() == 3 => {
            let reason = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
            Ok(StartLine::Response { status, reason })
        }
        _ => Err((at + version.len() + 1, ParseErrorKind::StartLine)),
    }
}

/// `INVITE sip:a@b SIP/2.0`, with exactly one space between the parts.
fn parse_request_line(line: &[u8], at: usize) -> Result<StartLine, Fault> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let version = words.next().ok_or((at, ParseErrorKind::StartLine))?;
    let version_at = at + method.len() + uri.len() + 2;
    if !is_version(version) {
        return Err((version_at, ParseErrorKind::StartLine));
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err((version_at, ParseErrorKind::Version));
    }
    let method_name = std::str::from_utf8(method).ok().and_then(Method::from_token);
    let method_name = method_name.ok_or((at, ParseErrorKind::StartLine))?;
    let uri = Uri::parse(uri).map_err(|e| (at + method.len() + 1 + e.offset, ParseErrorKind::RequestUri))?;
    Ok(StartLine::Request { method: method_name, uri })
}

/// `SIP/` digits `.` digits.
fn is_version(text: &[u8]) -> bool {
    let digits = |t: &[u8]| !t.is_empty() && t.iter().all(u8::is_ascii_digit);
    let Some(dot) = text.iter().position(|b| *b == b'.') else { return false };
    is_status_line(text) && dot > 4 && digits(&text[4..dot]) && digits(&text[dot + 1..])
}

/// The header part, as far as it could be read.
struct Head {
    headers: Headers,
    /// Offset of the body.
    end: usize,
}

impl Head {
    fn read(bytes: &[u8], start: usize, faults: &mut Faults) -> Self {
        let mut headers = Headers::with_capacity(24);
        let mut lines = HeaderLines { bytes, at: start };
        while let Some((at, line)) = lines.next_line(faults) {
            if headers.len() >= MAX_HEADERS {
                faults.add((at, ParseErrorKind::TooManyHeaders));
                return Self { headers, end: bytes.len() };
            }
            match split_header_line(&line) {
                Some((name, value)) => push_values(&mut headers, name, value),
                None => faults.add((at, ParseErrorKind::HeaderLine)),
            }
        }
        Self { headers, end: lines.at }
    }
}

/// Header lines with folding undone (RFC 3261 §7.3.1), up to the empty line.
struct HeaderLines<'a> {
    bytes: &'a [u8],
    /// Offset of the next line; of the body after the last.
    at: usize,
}

impl<'a> HeaderLines<'a> {
    fn next_line(&mut self, faults: &mut Faults) -> Option<(usize, Cow<'a, [u8]>)> {
        if self.at >= self.bytes.len() {
            faults.add((self.bytes.len(), ParseErrorKind::Unfinished));
            return None;
        }
        let start = self.at;
        let line = Line::read(self.bytes, start, faults);
        self.at = line.next;
        if line.text.is_empty() {
            return None;
        }
        let mut text = Cow::Borrowed(line.text);
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
            let more = Line::read(self.bytes, self.at, faults);
            self.at = more.next;
            let text = text.to_mut();
            text.push(b' ');
            text.extend_from_slice(trim(more.text));
        }
        Some((start, text))
    }
}

fn split_header_line(line: &[u8]) -> Option<(HeaderName, &[u8])> {
    let colon = line.iter().position(|b| *b == b':')?;
    if matches!(line[0], b' ' | b'\t') {
        return None;
    }
    Some((HeaderName::parse(trim(&line[..colon]))?, trim(&line[colon + 1..])))
}

/// Adds one field, or one per value where the user agent works on single values.
fn push_values(headers: &mut Headers, name: HeaderName, value: &[u8]) {
    let single_values =
        matches!(name, HeaderName::Via | HeaderName::Contact | HeaderName::Route | HeaderName::RecordRoute);
    if single_values && value.contains(&b',') {
        for element in split_commas(value) {
            headers.push(name.clone(), HeaderValue::from_parsed(element.to_vec()));
        }
    } else {
        headers.push(name, HeaderValue::from_parsed(value.to_vec()));
    }
}

fn find_body<'a>(headers: &Headers, bytes: &'a [u8], at: usize) -> Result<&'a [u8], Fault> {
    let body = &bytes[at..];
    match content_length(headers.get_all(HeaderName::ContentLength).map(HeaderValue::as_bytes)) {
        Err(()) => Err((at, ParseErrorKind::ContentLength)),
        Ok(None) => Ok(body),
        Ok(Some(length)) => body.get(..length).ok_or((bytes.len(), ParseErrorKind::ShortBody)),
    }
}

/// The one Content-Length; repeated fields must agree.
fn content_length<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Option<usize>, ()> {
    let mut found = None;
    for value in values {
        let length = decimal(value).and_then(|n| usize::try_from(n).ok()).ok_or(())?;
        if found.is_some_and(|f| f != length) {
            return Err(());
        }
        found = Some(length);
    }
    Ok(found)
}

/// The Content-Length of a header part that ends in an empty line, for stream framing; 0 when there is none.
pub(super) fn framed_length(head: &[u8]) -> Result<usize, ()> {
    let mut faults = Faults(None);
    let mut lines = HeaderLines { bytes: head, at: 0 };
    // The start line needs no special care: it is no Content-Length.
    let mut values = Vec::new();
    while let Some((_, line)) = lines.next_line(&mut faults) {
        let name_end = line.iter().position(|b| *b == b':').unwrap_or(0);
        let name = trim(&line[..name_end]);
        if name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l") {
            values.push(trim(&line[name_end + 1..]).to_vec());
        }
    }
    if faults.0.is_some() {
        // A stray CR or LF: this head and the parser might not agree on where it ends.
        return Err(());
    }
    Ok(content_length(values.iter().map(Vec::as_slice))?.unwrap_or(0))
}

/// What is needed to answer: see [`ParseError::recoverable`].
fn recover(start_line: &[u8], headers: Headers) -> Option<Box<PartialRequest>> {
    let word = start_line.split(|b| *b == b' ').find(|w| !w.is_empty())?;
    if is_status_line(start_line) || !is_token(word) {
        return None;
    }
    let method = std::str::from_utf8(word).ok().and_then(Method::from_token)?;
    let needed = [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
    let readable = headers.top_via().is_ok() && needed.iter().all(|n| headers.contains(n));
    (readable && method != Method::Ack).then(|| Box::new(PartialRequest { method, headers }))
}
