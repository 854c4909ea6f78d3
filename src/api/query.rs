//! Parameters of lists: read by hand rather than by `serde`, so that a client hears of every mistake at once, by name; and
//! cursors that only fit the list that gave them out.

use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::{FieldError, Problem};

/// How many rows a page has unless the client says so.
pub(super) const DEFAULT_LIMIT: u32 = 50;

/// The most rows of a page.
pub(super) const MAX_LIMIT: u32 = 200;

/// Reads a query string: `read` is called with each name and value and says what is wrong with it; [`unknown`] is for
/// names that it does not know.
pub(super) fn read(uri: &Uri, mut read: impl FnMut(&str, &str) -> Result<(), String>) -> Result<(), Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Problem::bad_request(vec![FieldError::new("query", "is not a URL-encoded query")]))?;
    let mut errors = Vec::new();
    for (n, (name, value)) in pairs.iter().enumerate() {
        let twice = pairs[..n].iter().any(|(earlier, _)| earlier == name);
        let read = if twice { Err("is given twice".to_owned()) } else { read(name, value) };
        errors.extend(read.err().map(|message| FieldError::new(name, message)));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::bad_request(errors)) }
}

/// The mistake of a parameter that does not exist.
pub(super) fn unknown(known: &[&str]) -> Result<(), String> {
    Err(format!("is not known here; known: {}", known.join(", ")))
}

/// `cursor` and `limit` of a list that has no other parameters.
pub(super) fn page<T: FromStr>(list: &str, uri: &Uri) -> Result<(Option<T>, u32), Problem> {
    let (mut place, mut rows) = (None, DEFAULT_LIMIT);
    read(uri, |name, value| {
        match name {
            "limit" => rows = limit(value)?,
            "cursor" => place = Some(open(list, value)?),
            _ => unknown(&["limit", "cursor"])?,
        }
        Ok(())
    })?;
    Ok((place, rows))
}

/// Cuts a page for which one row more than `limit` was asked, and gives the cursor after it; `None` when there was none more.
pub(super) fn next<T, P: ToString>(
    list: &str,
    rows: &mut Vec<T>,
    limit: u32,
    place: impl Fn(&T) -> P,
) -> Option<String> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    after(list, more, rows.last().map(place))
}

/// `limit`: rows of a page.
pub(super) fn limit(value: &str) -> Result<u32, String> {
    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| format!("must be a number from 1 to {MAX_LIMIT}"))
}

/// One of an enum's words; `known` lists them for the mistake.
pub(super) fn word<T: serde::de::DeserializeOwned>(value: &str, known: &str) -> Result<T, String> {
    serde_json::from_value(value.into()).map_err(|_| format!("must be one of {known}"))
}

/// A time with its zone.
pub(super) fn time(value: &str) -> Result<Timestamp, String> {
    unspaced(value).parse().map_err(|_| "must be a time such as 2026-01-31T18:30:00+05:30 or …Z".to_owned())
}

/// A `+` that a client forgot to encode arrives as a space.
pub(super) fn unspaced(value: &str) -> String {
    value.replace(' ', "+")
}

/// Makes the cursor of a list's next page out of the last row's place. `list` names the list and whatever else must be the
/// same for the place to mean the same, such as the call whose events are listed.
pub(super) fn seal(list: &str, place: impl ToString) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {}", place.to_string()))
}

/// The cursor of the page after one that ends with `last`; `None` when there is none.
pub(super) fn after(list: &str, more: bool, last: Option<impl ToString>) -> Option<String> {
    last.filter(|_| more).map(|last| seal(list, last))
}

/// `cursor`: takes the place out of a cursor of this list.
pub(super) fn open<T: FromStr>(list: &str, cursor: &str) -> Result<T, String> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(' ')?.parse().ok());
    place.ok_or_else(|| format!("the cursor is not one that a page of {list} gave out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_list_only() {
        let cursor = seal("calls", 7);
        assert_eq!(open::<u32>("calls", &cursor), Ok(7));
        for list in ["audit", "call", "calls of today", ""] {
            assert!(open::<u32>(list, &cursor).is_err(), "{list}");
        }
        for nonsense in ["", "7", "Y2FsbHM", "Y2FsbHMgeA", "❤"] {
            assert!(open::<u32>("calls", nonsense).is_err(), "{nonsense}");
        }
    }
}
