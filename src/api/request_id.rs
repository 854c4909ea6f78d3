//! The name of a request, by which a client's report, a problem document, the log and the audit log are brought together.

use axum::http::HeaderMap;

/// The header.
pub(super) const HEADER: &str = "x-request-id";

/// The most characters that a client may choose.
const LONGEST: usize = 64;

/// The request's name, as an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(pub String);

impl RequestId {
    /// The client's, where it is one plain word of at most 64 characters; else a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_sane(text));
        Self(given.map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned))
    }
}

/// Such a name can stand in a log, a header and a JSON text as it is.
fn is_sane(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_is_taken_when_it_is_harmless() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            RequestId::of(&headers).0
        };
        assert_eq!(of("0199c82c-a.B_9"), "0199c82c-a.B_9");
        for refused in ["", "two words", "a\"b", "+919876543210", &"a".repeat(65)] {
            let made = of(refused);
            assert!(made != refused && is_sane(&made), "{refused}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
