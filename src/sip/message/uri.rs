//! SIP, SIPS, tel and opaque URIs (RFC 3261 §19.1, RFC 3966), kept byte for byte as they were written.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::uri_equal;

/// The scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other; the text behind the colon is not looked into.
    Other,
}

/// Why a text is not a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset} of the URI")]
pub struct UriError {
    /// Byte offset in the URI.
    pub offset: usize,
    /// What was wrong.
    pub what: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Span(u32, u32);

/// A URI: the text as written, with its parts found.
///
/// `==` compares the text; [`Uri::equivalent`] compares the way RFC 3261 §19.1.4 does.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    host: Span,
    port: Option<u16>,
    params: Span,
    headers: Span,
}

/// The parts of a URI on their way to a new text.
struct Parts<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    params: &'a str,
    headers: &'a str,
}

impl Uri {
    /// Makes `sip:user@host`; the user part is escaped where it must be (`+` stays `+`).
    ///
    /// # Errors
    /// [`UriError`] when `host` is not a host name, an IPv4 address or an IPv6 address (with or without brackets).
    pub fn sip(user: Option<&str>, host: &str) -> Result<Self, UriError> {
        Self::build(Scheme::Sip, user, host)
    }

    /// Makes `sips:user@host`, like [`Uri::sip`].
    ///
    /// # Errors
    /// As [`Uri::sip`].
    pub fn sips(user: Option<&str>, host: &str) -> Result<Self, UriError> {
        Self::build(Scheme::Sips, user, host)
    }

    fn build(scheme: Scheme, user: Option<&str>, host: &str) -> Result<Self, UriError> {
        let bracketed = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
        if host_length(&bracketed) != Some(bracketed.len()) {
            return Err(UriError { offset: 0, what: "no valid host" });
        }
        let user = user.filter(|u| !u.is_empty()).map(|u| escape(u, b"&=+$,;?/"));
        let scheme_text = if scheme == Scheme::Sips { "sips" } else { "sip" };
        let parts =
            Parts { user: user.as_deref(), password: None, host: &bracketed, port: None, params: "", headers: "" };
        Ok(Self::compose(scheme, scheme_text, &parts))
    }

    /// Reads a URI; nothing may stand before or behind it.
    ///
    /// # Errors
    /// [`UriError`] with the offset of the first byte that fits no URI.
    pub fn parse(text: &[u8]) -> Result<Self, UriError> {
        let fail = |offset, what| Err(UriError { offset, what });
        if text.len() > u32::MAX as usize {
            return fail(0, "too long");
        }
        let Ok(text) = std::str::from_utf8(text) else { return fail(0, "a byte that is not UTF-8") };
        if let Some(at) = text.bytes().position(|b| matches!(b, 0..=32 | 127 | b'<' | b'>' | b'"')) {
            return fail(at, "a byte no URI may have");
        }
        let Some(colon) = text.find(':') else { return fail(0, "no scheme") };
        let scheme = &text.as_bytes()[..colon];
        if !scheme.first().is_some_and(u8::is_ascii_alphabetic)
            || !scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            return fail(0, "no scheme");
        }
        let mut uri = Self {
            text: text.to_owned(),
            scheme: Scheme::Other,
            user: None,
            password: None,
            host: Span::default(),
            port: None,
            params: Span::default(),
            headers: Span::default(),
        };
        if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
            uri.scheme = if scheme.len() == 3 { Scheme::Sip } else { Scheme::Sips };
            uri.find_sip_parts(colon + 1)?;
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            uri.scheme = Scheme::Tel;
            uri.find_tel_parts(colon + 1)?;
        } else if colon + 1 == text.len() {
            return fail(colon, "nothing behind the scheme");
        }
        Ok(uri)
    }

    fn find_sip_parts(&mut self, start: usize) -> Result<(), UriError> {
        let text = self.text.as_str();
        let fail = |offset, what| Err(UriError { offset, what });
        let mut at = start;
        if let Some(length) = text[start..].find('@') {
            let end = start + length;
            let colon = text[start..end].find(':').map(|c| start + c);
            let user_end = colon.unwrap_or(end);
            if user_end == start {
                return fail(start, "an empty user part");
            }
            if let Some(bad) = bad_escape(&text[start..end]) {
                return fail(start + bad, "a broken % escape");
            }
            self.user = Some(span(start, user_end));
            self.password = colon.map(|c| span(c + 1, end));
            at = end + 1;
        }
        let Some(length) = host_length(&text[at..]) else { return fail(at, "no valid host") };
        self.host = span(at, at + length);
        at += length;
        if text[at..].starts_with(':') {
            let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            let Ok(port) = text[at + 1..at + 1 + digits].parse() else { return fail(at + 1, "no valid port") };
            self.port = Some(port);
            at += 1 + digits;
        }
        let params_end = text[at..].find('?').map_or(text.len(), |q| at + q);
        check_params(text, at, params_end)?;
        self.params = span(at, params_end);
        if params_end < text.len() {
            if params_end + 1 == text.len() {
                return fail(params_end, "an empty header part");
            }
            self.headers = span(params_end + 1, text.len());
        }
        Ok(())
    }

    fn find_tel_parts(&mut self, start: usize) -> Result<(), UriError> {
        let text = self.text.as_str();
        let end = text[start..].find(';').map_or(text.len(), |i| start + i);
        let number = &text.as_bytes()[start..end];
        // Visual separators, pause-free: RFC 3966 §3; letters cover hexadecimal local numbers.
        if number.is_empty() || !number.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.()*#".contains(b)) {
            return Err(UriError { offset: start, what: "no telephone number" });
        }
        check_params(text, end, text.len())?;
        self.user = Some(span(start, end));
        self.params = span(end, text.len());
        Ok(())
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as written, without the colon.
    pub fn scheme_text(&self) -> &str {
        self.text.split(':').next().unwrap_or_default()
    }

    /// The user part as written (`%` escapes kept), or the number of a tel: URI; `None` when there is none.
    pub fn user(&self) -> Option<&str> {
        self.user.map(|s| self.slice(s))
    }

    /// The user part with `%` escapes resolved, U+FFFD for bytes that are not UTF-8.
    pub fn user_unescaped(&self) -> Option<String> {
        self.user().map(|u| String::from_utf8_lossy(&uri_equal::unescape(u.as_bytes())).into_owned())
    }

    /// The password as written.
    pub fn password(&self) -> Option<&str> {
        self.password.map(|s| self.slice(s))
    }

    /// The host as written, IPv6 in its brackets; empty for tel: and unknown schemes.
    pub fn host(&self) -> &str {
        self.slice(self.host)
    }

    /// The host as an address when it is one; an IPv6 zone is left out.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host())
    }

    /// The port when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The value of a URI parameter as written; `Some("")` for a flag such as `lr`, `None` when absent.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.unwrap_or_default())
    }

    /// URI parameters in order, as written.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.slice(self.params).split(';').skip(1).map(|p| match p.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (p, None),
        })
    }

    /// What stands behind `?`, as written; empty when there is nothing.
    pub fn headers(&self) -> &str {
        self.slice(self.headers)
    }

    /// The whole URI as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the two name the same resource by RFC 3261 §19.1.4 (RFC 3966 §5 for tel:).
    pub fn equivalent(&self, other: &Self) -> bool {
        uri_equal::equivalent(self, other)
    }

    /// Another user part, escaped where it must be; unknown schemes stay as they are.
    #[must_use]
    pub fn with_user(self, user: Option<&str>) -> Self {
        let user = user.filter(|u| !u.is_empty()).map(|u| escape(u, b"&=+$,;?/"));
        self.rebuild(|parts| Parts { user: user.as_deref(), password: None, ..parts })
    }

    /// Another port, or none; only sip: and sips: have one.
    #[must_use]
    pub fn with_port(self, port: Option<u16>) -> Self {
        self.rebuild(|parts| Parts { port, ..parts })
    }

    /// Sets a URI parameter (a flag when `value` is `None`); an old one of that name goes.
    #[must_use]
    pub fn with_param(self, name: &str, value: Option<&str>) -> Self {
        let mut params = self.params_without(name);
        params.push(';');
        params.push_str(&escape(name, b"[]/:&+$"));
        if let Some(value) = value {
            params.push('=');
            params.push_str(&escape(value, b"[]/:&+$"));
        }
        self.rebuild(|parts| Parts { params: &params, ..parts })
    }

    /// Takes a URI parameter away.
    #[must_use]
    pub fn without_param(self, name: &str) -> Self {
        let params = self.params_without(name);
        self.rebuild(|parts| Parts { params: &params, ..parts })
    }

    /// Takes the `?` part away, as a Request-URI must (RFC 3261 §19.1.5).
    #[must_use]
    pub fn without_headers(self) -> Self {
        self.rebuild(|parts| Parts { headers: "", ..parts })
    }

    fn params_without(&self, name: &str) -> String {
        let mut text = String::new();
        for (n, v) in self.params().filter(|(n, _)| !n.eq_ignore_ascii_case(name)) {
            text.push(';');
            text.push_str(n);
            if let Some(v) = v {
                text.push('=');
                text.push_str(v);
            }
        }
        text
    }

    fn rebuild<'a>(&'a self, change: impl FnOnce(Parts<'a>) -> Parts<'a>) -> Self {
        if self.scheme == Scheme::Other {
            return self.clone();
        }
        let parts = change(Parts {
            user: self.user(),
            password: self.password(),
            host: self.host(),
            port: self.port,
            params: self.slice(self.params),
            headers: self.headers(),
        });
        Self::compose(self.scheme, self.scheme_text(), &parts)
    }

    /// Writes the parts and notes where each begins, so that nothing has to be read again.
    fn compose(scheme: Scheme, scheme_text: &str, parts: &Parts<'_>) -> Self {
        use std::fmt::Write as _;
        let mut text = format!("{scheme_text}:");
        let put = |text: &mut String, part: &str| {
            let start = text.len();
            text.push_str(part);
            span(start, text.len())
        };
        let tel = scheme == Scheme::Tel;
        let user = parts.user.map(|user| put(&mut text, user));
        let password = parts.password.filter(|_| user.is_some() && !tel).map(|password| {
            text.push(':');
            put(&mut text, password)
        });
        if user.is_some() && !tel {
            text.push('@');
        }
        let host = put(&mut text, parts.host);
        let port = parts.port.filter(|_| !tel);
        if let Some(port) = port {
            // Writing to a String cannot fail.
            let _ = write!(text, ":{port}");
        }
        let params = put(&mut text, parts.params);
        let mut headers = Span::default();
        if !parts.headers.is_empty() {
            text.push('?');
            headers = put(&mut text, parts.headers);
        }
        Self { text, scheme, user, password, host, port, params, headers }
    }

    fn slice(&self, span: Span) -> &str {
        &self.text[span.0 as usize..span.1 as usize]
    }
}

fn span(start: usize, end: usize) -> Span {
    // `parse` refuses texts above 4 GiB; messages are bounded far below that.
    Span(start as u32, end as u32)
}

/// Length of the host at the beginning of the text: a name, an IPv4 address, or `[IPv6]` with an optional zone.
pub(super) fn host_length(text: &str) -> Option<usize> {
    if let Some(inner) = text.strip_prefix('[') {
        let end = inner.find(']')?;
        let (address, zone) = inner[..end].split_once('%').unwrap_or((&inner[..end], "0"));
        address.parse::<Ipv6Addr>().ok()?;
        let zone_ok = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b));
        return zone_ok.then_some(end + 2);
    }
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')).count();
    (length > 0).then_some(length)
}

/// The address in a host text, with or without brackets and zone.
pub(super) fn host_ip(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.split('%').next()?.parse().ok()
}

fn check_params(text: &str, start: usize, end: usize) -> Result<(), UriError> {
    let fail = |offset, what| Err(UriError { offset, what });
    if start == end {
        return Ok(());
    }
    if !text[start..].starts_with(';') {
        return fail(start, "something other than `;` behind the host");
    }
    let mut at = start + 1;
    for param in text[start + 1..end].split(';') {
        let name = param.split('=').next().unwrap_or_default();
        if name.is_empty() {
            return fail(at, "a parameter without a name");
        }
        if let Some(bad) = bad_escape(param) {
            return fail(at + bad, "a broken % escape");
        }
        at += param.len() + 1;
    }
    Ok(())
}

/// Offset of a `%` that two hexadecimal digits do not follow.
fn bad_escape(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|i| {
        bytes[*i] == b'%' && !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Escapes all but unreserved characters and the `extra` ones (RFC 3261 §25.1).
fn escape(text: &str, extra: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) || extra.contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({:?})", self.text)
    }
}
