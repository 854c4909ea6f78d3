//! `;name=value` parameters of header values (RFC 3261 §7.3.1).

use super::scan::{find_outside, is_token, is_token_byte, quoted_end, trim, unquote};

/// Parameters in their written form, looked up on demand; names compare without case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    /// Empty, or `;name=value;flag…` exactly as written.
    raw: Vec<u8>,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `;name=value…`; the error is the offset of the first byte that fits no parameter.
    ///
    /// # Errors
    /// The byte offset in `text` of a missing name, a name that is not a token, or a broken value.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, usize> {
        let text = trim(text);
        let mut at = 0;
        while at < text.len() {
            if text[at] != b';' {
                return Err(at);
            }
            let rest = &text[at + 1..];
            let length = find_outside(rest, b";").unwrap_or(rest.len());
            let (name, value) = split(&rest[..length]);
            if !is_token(name) || !value.is_none_or(is_value) {
                return Err(at + 1);
            }
            at += 1 + length;
        }
        Ok(Self { raw: text.to_vec() })
    }

    /// The parameters in order: name and value as written (quotes kept), `None` for a flag.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut rest = self.raw.as_slice();
        std::iter::from_fn(move || {
            let text = rest.strip_prefix(b";")?;
            let length = find_outside(text, b";").unwrap_or(text.len());
            rest = &text[length..];
            Some(split(&text[..length]))
        })
    }

    /// The value as written; `Some(b"")` for a flag without a value.
    pub fn get_raw(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v.unwrap_or_default())
    }

    /// The value as text, without quotes; `Some("")` for a flag, `None` when absent or not UTF-8.
    pub fn get(&self, name: &str) -> Option<String> {
        self.get_raw(name).and_then(|v| String::from_utf8(unquote(v).into_owned()).ok())
    }

    /// Whether the parameter is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get_raw(name).is_some()
    }

    /// Sets a parameter (a flag when `value` is `None`), at its old place if it was there.
    ///
    /// A value that is not a token is written as a quoted string.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let mut raw = Vec::with_capacity(self.raw.len() + name.len() + 16);
        let mut done = false;
        for (n, v) in self.iter() {
            if n.eq_ignore_ascii_case(name.as_bytes()) {
                if !done {
                    write_param(&mut raw, name.as_bytes(), value.map(str::as_bytes));
                }
                done = true;
            } else {
                raw.push(b';');
                raw.extend_from_slice(n);
                if let Some(v) = v {
                    raw.push(b'=');
                    raw.extend_from_slice(v);
                }
            }
        }
        if !done {
            write_param(&mut raw, name.as_bytes(), value.map(str::as_bytes));
        }
        self.raw = raw;
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        if !self.contains(name) {
            return;
        }
        let mut raw = Vec::with_capacity(self.raw.len());
        for (n, v) in self.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes())) {
            raw.push(b';');
            raw.extend_from_slice(n);
            if let Some(v) = v {
                raw.push(b'=');
                raw.extend_from_slice(v);
            }
        }
        self.raw = raw;
    }

    /// The written form: empty or beginning with `;`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == b'=') {
        Some(at) => (trim(&text[..at]), Some(trim(&text[at + 1..]))),
        None => (trim(text), None),
    }
}

/// `gen-value = token / host / quoted-string`; other visible bytes are let through, as carriers send them.
fn is_value(value: &[u8]) -> bool {
    match value {
        [b'"', ..] => quoted_end(value) == Some(value.len()),
        _ => value.iter().all(|b| !matches!(b, b' ' | b'\t' | b'"' | b'<' | b'>' | b',' | 0..=31 | 127)),
    }
}

fn write_param(out: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    out.push(b';');
    out.extend(name.iter().copied().filter(|b| is_token_byte(*b)));
    if let Some(value) = value {
        out.push(b'=');
        // Hosts (`[::1]`, `a:5060`) are allowed bare next to tokens.
        if !value.is_empty() && value.iter().all(|b| is_token_byte(*b) || matches!(b, b'[' | b']' | b':')) {
            out.extend_from_slice(value);
        } else {
            super::scan::quote(value, out);
        }
    }
}
