//! The ordered list of header fields of a message.

use std::borrow::{Borrow, Cow};
use std::fmt;

use super::HeaderName;

/// The value of one header field: bytes, unfolded, without the white space around it.
///
/// Bytes and not text, because a Latin-1 display name is common on trunks and must come through unchanged.
/// A value never holds CR or LF: the constructors turn them into spaces, so that no value can inject a header.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(Vec<u8>);

impl HeaderValue {
    /// Takes bytes; CR and LF become spaces.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        for byte in &mut bytes {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        Self(bytes)
    }

    /// Takes bytes that the parser knows to be free of CR and LF.
    pub(super) fn from_parsed(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The value as it stands on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value as text when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The value as text, with U+FFFD for bytes that are not UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&[u8]> for HeaderValue {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<Vec<u8>> for HeaderValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<u32> for HeaderValue {
    fn from(number: u32) -> Self {
        Self(number.to_string().into_bytes())
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// Header fields in the order of the message.
///
/// Comma-joined Via, Contact, Route and Record-Route values are separate fields here (RFC 3261 §7.3.1 makes the
/// two forms equal); every other value stays as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    list: Vec<Header>,
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn with_capacity(fields: usize) -> Self {
        Self { list: Vec::with_capacity(fields) }
    }

    /// The first value of this name.
    pub fn get(&self, name: impl Borrow<HeaderName>) -> Option<&HeaderValue> {
        let name = name.borrow();
        self.list.iter().find(|h| h.name == *name).map(|h| &h.value)
    }

    /// All values of this name, in order.
    pub fn get_all<'a, N: Borrow<HeaderName> + 'a>(&'a self, name: N) -> impl Iterator<Item = &'a HeaderValue> + 'a {
        self.list.iter().filter(move |h| h.name == *name.borrow()).map(|h| &h.value)
    }

    /// Whether a field of this name is there.
    pub fn contains(&self, name: impl Borrow<HeaderName>) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        self.list.push(Header { name, value: value.into() });
    }

    /// Adds a field before all others, as a Via or Route is put on top.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        self.list.insert(0, Header { name, value: value.into() });
    }

    /// Replaces every field of this name by one, at the place of the first (at the end when there was none).
    pub fn set(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        let value = value.into();
        match self.list.iter().position(|h| h.name == name) {
            Some(at) => {
                let mut index = 0;
                self.list.retain(|h| {
                    index += 1;
                    index <= at + 1 || h.name != name
                });
                self.list[at].value = value;
            }
            None => self.list.push(Header { name, value }),
        }
    }

    /// Replaces the first field of this name and keeps the others; adds it in front when there was none.
    pub fn set_first(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        match self.list.iter().position(|h| h.name == name) {
            Some(at) => self.list[at].value = value.into(),
            None => self.push_front(name, value),
        }
    }

    /// Removes every field of this name and gives the first value.
    pub fn remove(&mut self, name: impl Borrow<HeaderName>) -> Option<HeaderValue> {
        let name = name.borrow();
        let first = self.get(name).cloned()?;
        self.list.retain(|h| h.name != *name);
        Some(first)
    }

    /// Removes only the first field of this name and gives its value, as a Route entry is consumed.
    pub fn remove_first(&mut self, name: impl Borrow<HeaderName>) -> Option<HeaderValue> {
        let name = name.borrow();
        let at = self.list.iter().position(|h| h.name == *name)?;
        Some(self.list.remove(at).value)
    }

    /// Appends copies of all fields of this name from another message, as responses do with Via.
    pub fn copy_all(&mut self, name: impl Borrow<HeaderName>, from: &Headers) {
        let name = name.borrow();
        self.list.extend(from.list.iter().filter(|h| h.name == *name).cloned());
    }

    /// All fields in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.list.iter()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
