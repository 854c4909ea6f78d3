//! `"Display" <uri>;params`: From, To, Contact, Route and the identity headers (RFC 3261 §20.10).

use super::params::Params;
use super::scan::{find_outside, quote, quoted_end, trim, unquote};
use super::{HeaderValue, Uri};

/// A URI with an optional display name and header parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as written, quotes and escapes included, any bytes; see [`NameAddr::display_name`].
    pub display: Option<Vec<u8>>,
    /// The address.
    pub uri: Uri,
    /// Header parameters (`tag`, `expires`, `q`…), not those of the URI.
    pub params: Params,
}

/// Why a value is not a name-addr: byte offset in the value, and what was wrong there.
pub(super) type Fault = (usize, &'static str);

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::new() }
    }

    /// Sets the display name, quoted and escaped.
    #[must_use]
    pub fn with_display(mut self, name: &str) -> Self {
        let mut quoted = Vec::with_capacity(name.len() + 2);
        quote(name.as_bytes(), &mut quoted);
        self.display = Some(quoted);
        self
    }

    /// Sets the tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.set_tag(tag);
        self
    }

    /// The display name without quotes and escapes; read as Latin-1 when it is not UTF-8.
    pub fn display_name(&self) -> Option<String> {
        let plain = unquote(self.display.as_deref()?).into_owned();
        Some(String::from_utf8(plain).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect()))
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get_raw("tag").and_then(|t| std::str::from_utf8(t).ok()).filter(|t| !t.is_empty())
    }

    /// Sets the `tag` parameter.
    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", Some(tag));
    }

    /// The `expires` parameter of a Contact in seconds; larger values read as 2^32-1.
    pub fn expires(&self) -> Option<u32> {
        let digits = self.params.get_raw("expires")?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(super::scan::decimal(digits).unwrap_or(u32::MAX))
    }

    /// Reads one value (not a comma-separated list).
    ///
    /// # Errors
    /// [`super::HeaderError`]-ready byte offset and cause when the value is no name-addr or addr-spec.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Fault> {
        let indent = value.len() - trim_start(value).len();
        let text = trim(value);
        let fault = |offset: usize, what| Err((indent + offset, what));
        let open = match text {
            [b'"', ..] => {
                let Some(end) = quoted_end(text) else { return fault(0, "an unterminated quoted string") };
                let gap = text[end..].len() - trim_start(&text[end..]).len();
                if text.get(end + gap) != Some(&b'<') {
                    return fault(end, "no `<` behind the display name");
                }
                Some(end + gap)
            }
            _ => text.iter().position(|b| *b == b'<'),
        };
        let Some(open) = open else { return Self::parse_addr_spec(text).map_err(|(at, what)| (indent + at, what)) };
        let display = trim(&text[..open]);
        let needs_quotes = |b: &u8| matches!(b, b',' | b';' | b'"' | b'>' | 0..=8 | 10..=31 | 127);
        if !display.starts_with(b"\"")
            && let Some(at) = display.iter().position(needs_quotes)
        {
            return fault(at, "a display name that needs quotes");
        }
        let Some(length) = text[open..].iter().position(|b| *b == b'>') else { return fault(open, "no closing `>`") };
        let close = open + length;
        let uri = Uri::parse(&text[open + 1..close]).map_err(|e| (indent + open + 1 + e.offset, e.what))?;
        let behind = &text[close + 1..];
        let params = Params::parse(behind).map_err(|at| (indent + close + 1 + at, "a broken parameter"))?;
        let display = (!display.is_empty()).then(|| display.to_vec());
        Ok(Self { display, uri, params })
    }

    /// Without `<>` every parameter belongs to the header, and `?` or `,` may not stand in the URI (§20.10).
    fn parse_addr_spec(text: &[u8]) -> Result<Self, Fault> {
        let end = find_outside(text, b";").unwrap_or(text.len());
        let address = trim(&text[..end]);
        if let Some(at) = address.iter().position(|b| matches!(b, b'?' | b',')) {
            return Err((at, "a URI that needs `<>`"));
        }
        let uri = Uri::parse(address).map_err(|e| (e.offset, e.what))?;
        let params = Params::parse(&text[end..]).map_err(|at| (end + at, "a broken parameter"))?;
        Ok(Self { display: None, uri, params })
    }

    /// Appends the printed form, the URI always in `<>`.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(display) = &self.display {
            out.extend_from_slice(display);
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.uri.as_str().as_bytes());
        out.push(b'>');
        out.extend_from_slice(self.params.as_bytes());
    }

    /// The printed form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.uri.as_str().len() + 32);
        self.write(&mut out);
        out
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(text.len())..]
}

impl From<&NameAddr> for HeaderValue {
    fn from(address: &NameAddr) -> Self {
        Self::new(address.to_bytes())
    }
}

impl From<NameAddr> for HeaderValue {
    fn from(address: NameAddr) -> Self {
        Self::from(&address)
    }
}
