//! Lexical helpers shared by the parsers of this module (RFC 3261 §25.1).

/// Whether a byte may stand in a `token`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether the text is a non-empty `token`.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| is_token_byte(*b))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text without spaces and tabs around it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_space(*b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_space(*b)).map_or(start, |i| i + 1);
    &text[start..end]
}

/// The offset just behind a quoted string that begins at `text[0]`; `None` when it does not end.
pub(crate) fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut i = 1;
    while i < text.len() {
        match text[i] {
            b'"' => return Some(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    None
}

/// The offset of the first of the `wanted` bytes outside quoted strings and angle brackets.
///
/// An unterminated quoted string or bracket swallows the rest.
pub(crate) fn find_outside(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut i = 0;
    while i < text.len() {
        match text[i] {
            byte if wanted.contains(&byte) => return Some(i),
            b'"' => i += quoted_end(&text[i..])?,
            b'<' => i += text[i..].iter().position(|b| *b == b'>')? + 1,
            _ => i += 1,
        }
    }
    None
}

/// Splits a comma-separated list outside quotes and angle brackets; empty elements are left out.
pub(crate) fn split_commas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let element = match find_outside(text, b",") {
                Some(at) => {
                    rest = Some(&text[at + 1..]);
                    trim(&text[..at])
                }
                None => {
                    rest = None;
                    trim(text)
                }
            };
            if !element.is_empty() {
                return Some(element);
            }
        }
    })
}

/// Reads a decimal number that fits 32 bits; only digits, at least one.
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Takes quotes and backslash escapes off; text without quotes is given back as it is.
pub(crate) fn unquote(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let inner = match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => return text.into(),
    };
    if !inner.contains(&b'\\') {
        return inner.into();
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        plain.push(*byte);
    }
    plain.into()
}

/// Writes a quoted string with `"` and `\` escaped and without CR, LF.
pub(crate) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.iter().filter(|b| !matches!(b, b'\r' | b'\n')) {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
