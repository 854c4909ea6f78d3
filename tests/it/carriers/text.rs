//! SIP as text, as the carriers' simulation reads and writes it: no code in common with the product.

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Msg {
    pub start: String,
    /// In their order, under their long names.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

const COMPACT: &[(&str, &str)] = &[
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("c", "Content-Type"),
    ("l", "Content-Length"),
    ("s", "Subject"),
    ("k", "Supported"),
    ("e", "Content-Encoding"),
    ("x", "Session-Expires"),
    ("r", "Refer-To"),
    ("b", "Referred-By"),
];

impl Msg {
    pub fn request(method: &str, uri: &str) -> Self {
        Self { start: format!("{method} {uri} SIP/2.0"), ..Self::default() }
    }

    /// A response with what RFC 3261 §8.2.6.2 copies; `source` goes into the topmost Via.
    pub fn reply(&self, status: u16, source: std::net::SocketAddr) -> Self {
        let mut response = Self { start: format!("SIP/2.0 {status} {}", reason(status)), ..Self::default() };
        for (name, value) in &self.headers {
            let is_first_via = name == "Via" && response.get("Via").is_none();
            match name.as_str() {
                "Via" if is_first_via => {
                    let rport = value.replace(";rport", &format!(";rport={}", source.port()));
                    response.push("Via", format!("{rport};received={}", source.ip()));
                }
                "Via" | "From" | "To" | "Call-ID" | "CSeq" => response.push(name, value.as_str()),
                _ => {}
            }
        }
        response
    }

    /// One whole message; `None` for what is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let mut message = Self { start: lines.next()?.to_owned(), body: body.to_owned(), ..Self::default() };
        for line in lines {
            if line.starts_with([' ', '\t']) {
                message.headers.last_mut()?.1 += &format!(" {}", line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            let long =
                COMPACT.iter().find(|(short, _)| name.eq_ignore_ascii_case(short)).map_or(name, |(_, long)| long);
            message.push(long, value.trim());
        }
        let told: usize = message.get("Content-Length")?.parse().ok()?;
        (told == message.body.len()).then_some(message)
    }

    pub fn write(&self) -> String {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "Content-Length") {
            text += &format!("{name}: {value}\r\n");
        }
        text + &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    pub fn with_sdp(self, sdp: String) -> Self {
        Self { body: sdp, ..self.with("Content-Type", "application/sdp") }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The header's value, which the message must have.
    pub fn need(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("no {name} in\n{}", self.write()))
    }

    /// The values of a list, over all lines.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        lines.flat_map(|(_, value)| split_list(value)).collect()
    }

    /// Whether a list such as Supported holds this token.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).iter().any(|value| value.eq_ignore_ascii_case(token))
    }

    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of a request; of a response, the one that it answers.
    pub fn method(&self) -> &str {
        if self.status().is_some() {
            self.get("CSeq").and_then(|cseq| cseq.split_whitespace().nth(1)).unwrap_or_default()
        } else {
            self.start.split(' ').next().unwrap_or_default()
        }
    }

    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or_default()
    }

    pub fn branch(&self) -> &str {
        self.get("Via").and_then(|via| param(via, "branch")).unwrap_or_default()
    }
}

/// Splits at commas outside of quotes and angle brackets.
fn split_list(value: &str) -> Vec<&str> {
    let (mut quoted, mut bracketed, mut start, mut parts) = (false, false, 0, Vec::new());
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            b',' if !quoted && !bracketed => {
                parts.push(value[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value[start..].trim());
    parts
}

/// The URI of a name-addr or addr-spec.
pub fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// The parameters behind the URI of a name-addr, from their semicolon on.
pub fn after_uri(value: &str) -> &str {
    match value.split_once('>') {
        Some((_, rest)) => rest,
        None => value.find(';').map_or("", |at| &value[at..]),
    }
}

pub fn user(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// Host with the port, if one is written.
pub fn host(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, host)| host);
    rest.split([';', '?']).next().unwrap_or(rest)
}

/// The value of `;name=value`; empty for one without a value.
pub fn param<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|part| {
        let (known, value) = part.split_once('=').unwrap_or((part, ""));
        known.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

pub fn tag(value: &str) -> Option<&str> {
    param(after_uri(value), "tag")
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call Does Not Exist",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        _ => "Answer",
    }
}
