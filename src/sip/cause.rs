//! Why a call ended, in the two tongues of telephony: Q.850 causes and SIP status codes (RFC 3398), and the Reason
//! header that carries either (RFC 3326).
#![deny(clippy::disallowed_methods)]

use super::message::scan::{find_outside, split_commas, trim};
use super::message::{HeaderName, Headers, Params};

/// Normal call clearing: the cause of a call that was ended as calls are.
pub const NORMAL: u8 = 16;

/// The SIP status that stands for a Q.850 cause towards a caller who was not answered (RFC 3398 §7.2.4.1); 500 for
/// causes that the table does not name. `None` for [`NORMAL`], which is a BYE or CANCEL and no failure.
pub fn status_of(cause: u8) -> Option<u16> {
    Some(match cause {
        NORMAL => return None,
        1 | 2 | 3 | 26 => 404,
        17 => 486,
        18 => 408,
        19 | 20 | 31 => 480,
        21 | 55 | 57 | 87 => 403,
        22 | 23 => 410,
        27 => 502,
        28 => 484,
        29 | 79 => 501,
        34 | 38 | 41 | 42 | 47 | 58 | 88 => 503,
        65 | 70 => 488,
        102 => 504,
        _ => 500,
    })
}

/// The Q.850 cause that stands for a SIP failure (RFC 3398 §8.2.6.1); `None` where the table gives none: 487, which
/// follows a CANCEL, 488 and 606, which depend on a Warning, and what is no failure.
pub fn cause_of(status: u16) -> Option<u8> {
    Some(match status {
        401..=403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        502 => 38,
        487 | 488 | 606 => return None,
        // §8.2.6.1: 400, 481, 500, 503; what the table does not name is treated as the x00 of its class.
        400..=599 => 41,
        600..=699 => 17,
        _ => return None,
    })
}

/// The words Q.850 has for the causes that callers meet.
pub fn text_of(cause: u8) -> &'static str {
    match cause {
        1 => "Unallocated number",
        NORMAL => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No answer from the user",
        20 => "Subscriber absent",
        21 => "Call rejected",
        22 => "Number changed",
        27 => "Destination out of order",
        28 => "Address incomplete",
        31 => "Normal, unspecified",
        34 => "No circuit available",
        38 => "Network out of order",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        102 => "Recovery on timer expiry",
        127 => "Interworking, unspecified",
        _ => "",
    }
}

/// The value of a Reason header with this cause: `Q.850;cause=16;text="Normal call clearing"`.
pub fn reason(cause: u8) -> String {
    match text_of(cause) {
        "" => format!("Q.850;cause={cause}"),
        text => format!("Q.850;cause={cause};text=\"{text}\""),
    }
}

/// The Q.850 cause that the Reason headers of a BYE, CANCEL or final response name.
pub fn q850(headers: &Headers) -> Option<u8> {
    let mut values = headers.get_all(HeaderName::Reason).flat_map(|value| split_commas(value.as_bytes()));
    values.find_map(|value| {
        let end = find_outside(value, b";").unwrap_or(value.len());
        if !trim(&value[..end]).eq_ignore_ascii_case(b"Q.850") {
            return None;
        }
        Params::parse(&value[end..]).ok()?.get("cause")?.parse().ok().filter(|cause| *cause < 128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_become_the_statuses_of_rfc_3398() {
        let table = [
            (1, 404),
            (2, 404),
            (3, 404),
            (17, 486),
            (18, 408),
            (19, 480),
            (20, 480),
            (21, 403),
            (22, 410),
            (23, 410),
            (26, 404),
            (27, 502),
            (28, 484),
            (29, 501),
            (31, 480),
            (34, 503),
            (38, 503),
            (41, 503),
            (42, 503),
            (47, 503),
            (55, 403),
            (57, 403),
            (58, 503),
            (65, 488),
            (70, 488),
            (79, 501),
            (87, 403),
            (88, 503),
            (102, 504),
            (111, 500),
            (127, 500),
            (99, 500),
        ];
        for (cause, status) in table {
            assert_eq!(status_of(cause), Some(status), "cause {cause}");
        }
        assert_eq!(status_of(16), None);
    }

    #[test]
    fn statuses_become_the_causes_of_rfc_3398() {
        let table = [
            (400, 41),
            (401, 21),
            (402, 21),
            (403, 21),
            (404, 1),
            (405, 63),
            (406, 79),
            (407, 21),
            (408, 102),
            (410, 22),
            (413, 127),
            (414, 127),
            (415, 79),
            (416, 127),
            (420, 127),
            (421, 127),
            (423, 127),
            (480, 18),
            (481, 41),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (500, 41),
            (501, 79),
            (502, 38),
            (503, 41),
            (504, 102),
            (505, 127),
            (513, 127),
            (600, 17),
            (603, 21),
            (604, 1),
            (499, 41),
            (699, 17),
        ];
        for (status, cause) in table {
            assert_eq!(cause_of(status), Some(cause), "status {status}");
        }
        for status in [200, 302, 487, 488, 606] {
            assert_eq!(cause_of(status), None, "status {status}");
        }
    }

    #[test]
    fn the_cause_is_read_from_any_of_several_reasons() {
        for (value, cause) in [
            ("Q.850;cause=16;text=\"Terminated\"", Some(16)),
            ("SIP ;cause=200 ;text=\"a, b; Q.850;cause=1\", q.850 ; cause=31", Some(31)),
            ("SIP;cause=486", None),
            ("Q.850", None),
            ("Q.850;cause=x", None),
            ("Q.850;cause=300", None),
            ("Q.850;cause=200", None),
        ] {
            let mut headers = Headers::new();
            headers.push(HeaderName::Reason, value);
            assert_eq!(q850(&headers), cause, "{value}");
        }
        let mut headers = Headers::new();
        headers.push(HeaderName::Reason, reason(17));
        assert_eq!(q850(&headers), Some(17));
    }
}
