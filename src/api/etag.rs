//! Revisions as entity tags (RFC 9110 §8.8.3), so that one editor does not overwrite another.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use super::Problem;

/// Extracts `If-Match`, without which nothing that has revisions is changed: 428.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// `*`: whatever is there now.
    Any,
    /// One of these, as they were given out.
    Tags(Vec<String>),
}

impl IfMatch {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let tags: Vec<&str> = headers
            .get_all(header::IF_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .collect();
        match tags.as_slice() {
            [] => None,
            ["*"] => Some(Self::Any),
            tags => Some(Self::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())),
        }
    }

    /// The revision to change, when it is the one that the client has read: 412 otherwise. Weak tags never match.
    pub(super) fn check(&self, current: i64) -> Result<i64, Problem> {
        match self {
            Self::Any => Ok(current),
            Self::Tags(tags) if tags.contains(&tag(current)) => Ok(current),
            Self::Tags(_) => Err(Problem::precondition_failed()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers).ok_or_else(Problem::precondition_required)
    }
}

fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// The response header of a revision.
pub(super) fn etag(revision: i64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&tag(revision)).expect("invariant: digits in quotes are a header's value");
    [(header::ETAG, value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        IfMatch::of(&headers)
    }

    #[test]
    fn only_the_revision_that_was_read_matches() {
        for values in [&["\"7\""][..], &["\"6\", \"7\""], &["\"6\"", "\"7\""], &["*"]] {
            assert_eq!(read(values).unwrap().check(7), Ok(7), "{values:?}");
        }
        for values in [&["\"8\""][..], &["W/\"7\""], &["7"], &["\"7"]] {
            assert!(read(values).unwrap().check(7).is_err(), "{values:?}");
        }
        assert_eq!((read(&[]), read(&[" "])), (None, None));
        assert_eq!(etag(7)[0].1, "\"7\"");
    }
}
