//! URI comparison (RFC 3261 §19.1.4, RFC 3966 §5).

use super::uri::{Scheme, Uri};

/// Parameters that make two URIs differ when only one of them has it.
const SIGNIFICANT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

pub(super) fn equivalent(a: &Uri, b: &Uri) -> bool {
    // The same text is the same URI, even one with a parameter repeated against the rules.
    if a == b {
        return true;
    }
    match (a.scheme(), b.scheme()) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
            same_escaped(a.user(), b.user())
                && same_escaped(a.password(), b.password())
                && a.host().eq_ignore_ascii_case(b.host())
                && a.port() == b.port()
                && params_agree(a, b)
                && params_agree(b, a)
                && same_headers(a.headers(), b.headers())
        }
        (Scheme::Tel, Scheme::Tel) => digits(a) == digits(b) && params_equal(a, b) && params_equal(b, a),
        _ => false,
    }
}

fn same_escaped(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(normalise) == b.map(normalise)
}

fn same_escaped_ignoring_case(a: &str, b: &str) -> bool {
    normalise(a).eq_ignore_ascii_case(&normalise(b))
}

/// Every parameter of `a` has its equal in `b`, or may be missing there.
fn params_agree(a: &Uri, b: &Uri) -> bool {
    a.params().all(|(name, value)| match b.param(name) {
        Some(other) => same_escaped_ignoring_case(value.unwrap_or_default(), other),
        None => !SIGNIFICANT.iter().any(|s| s.eq_ignore_ascii_case(name)),
    })
}

fn params_equal(a: &Uri, b: &Uri) -> bool {
    a.params().all(|(name, value)| {
        b.param(name).is_some_and(|other| same_escaped_ignoring_case(value.unwrap_or_default(), other))
    })
}

fn same_headers(a: &str, b: &str) -> bool {
    let sorted = |text: &str| {
        let mut list: Vec<Vec<u8>> = text.split('&').map(|h| normalise(h).to_ascii_lowercase()).collect();
        list.sort();
        list
    };
    a == b || sorted(a) == sorted(b)
}

fn digits(uri: &Uri) -> String {
    let number = uri.user().unwrap_or_default();
    number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Resolves escapes of characters that are not reserved; the others stay, in upper case.
fn normalise(text: &str) -> Vec<u8> {
    walk(text.as_bytes(), |byte| !b";/?:@&=+$,%".contains(&byte))
}

/// Resolves all escapes.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    walk(text, |_| true)
}

fn walk(text: &[u8], resolve: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let escaped = (text[i] == b'%')
            .then(|| text.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) if resolve(byte) => out.push(byte),
            Some(_) => out.extend(text[i..i + 3].iter().map(u8::to_ascii_uppercase)),
            None => out.push(text[i]),
        }
        i += if escaped.is_some() { 3 } else { 1 };
    }
    out
}
