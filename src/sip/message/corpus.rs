//! Runs the corpus of tests/data/sip through parser, validation and printer.

use super::*;

#[path = "../../../tests/data/sip/load.rs"]
mod load;

/// What `#expect` should say.
fn outcome(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Request(request) => format!("request {}", request.method),
        Verdict::Response(response) => format!("response {}", response.status),
        Verdict::Reject(response) => format!("{} {}", response.status, response.reason),
        Verdict::Drop(_) => "silence".into(),
    }
}

/// The value of an `#is` key.
fn fact(message: &Message, key: &str) -> Option<String> {
    let headers = message.headers();
    let count = |list: Result<Vec<NameAddr>, HeaderError>| list.map(|l| l.len().to_string()).ok();
    if let Some(name) = key.strip_prefix("header ") {
        return headers.get(HeaderName::from_text(name)).map(|v| v.to_string_lossy().into_owned());
    }
    match (key, message) {
        ("ruri", Message::Request(r)) => Some(r.uri.to_string()),
        ("ruri-user", Message::Request(r)) => r.uri.user().map(str::to_owned),
        ("body-length", Message::Request(r)) => Some(r.body.len().to_string()),
        ("from-display", _) => headers.from().ok()?.display_name(),
        ("from-user", _) => headers.from().ok()?.uri.user().map(str::to_owned),
        ("from-tag", _) => headers.from().ok()?.tag().map(str::to_owned),
        ("to-user", _) => headers.to().ok()?.uri.user().map(str::to_owned),
        ("to-tag", _) => headers.to().ok()?.tag().map(str::to_owned),
        ("call-id", _) => headers.call_id().ok().map(str::to_owned),
        ("cseq", _) => headers.cseq().ok().map(|c| format!("{} {}", c.number, c.method)),
        ("via-branch", _) => headers.top_via().ok()?.branch().map(str::to_owned),
        ("vias", _) => Some(headers.get_all(HeaderName::Via).count().to_string()),
        ("contacts", _) => count(headers.contacts()),
        ("contact-expires", _) => headers.contacts().ok()?.first()?.expires().map(|e| e.to_string()),
        ("routes", _) => count(headers.routes()),
        ("record-routes", _) => count(headers.record_routes()),
        ("identities", _) => count(headers.addresses(HeaderName::PAssertedIdentity)),
        ("content-type", _) => headers.content_type().ok()?.map(|t| t.essence),
        _ => None,
    }
}

#[test]
fn every_message_gets_its_exact_answer() {
    let cases = load::load();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let parsed = Message::parse(&case.bytes);
        let detail = parsed.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let outcome = outcome(&judge(parsed.clone()));
        if outcome != case.expect {
            wrong.push(format!("{}: expected {}, got {outcome} {detail}", case.name, case.expect));
        }
        for (key, value) in &case.facts {
            let found = parsed.as_ref().ok().and_then(|m| fact(m, key));
            if found.as_deref() != Some(value) {
                wrong.push(format!("{}: {key} = {value:?}, got {found:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_accepted_message_prints_and_reads_back_equal() {
    for case in load::load() {
        let Ok(message) = Message::parse(&case.bytes) else { continue };
        let printed = message.to_bytes();
        let again = Message::parse(&printed).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(again.to_bytes(), printed, "{}", case.name);
        let others = |m: &Message| -> Vec<Header> {
            m.headers().iter().filter(|h| h.name != HeaderName::ContentLength).cloned().collect()
        };
        assert_eq!(others(&again), others(&message), "{}", case.name);
    }
}

#[test]
fn every_refusal_can_be_read_by_the_peer() {
    for case in load::load() {
        let Verdict::Reject(mut response) = judge(Message::parse(&case.bytes)) else { continue };
        if let Ok(mut to) = response.headers.to() {
            to.set_tag("ours");
            response.headers.set(HeaderName::To, to);
        }
        let printed = response.to_bytes();
        let Ok(Message::Response(read)) = Message::parse(&printed) else { panic!("{}", case.name) };
        assert!(read.headers.top_via().is_ok(), "{}", case.name);
        assert!(printed.starts_with(b"SIP/2.0 "), "{}", case.name);
    }
}

/// A stream cuts the corpus at the same places, whatever the segments.
#[test]
fn the_corpus_over_a_stream_gives_the_same_messages() {
    for case in load::load() {
        let Ok(expected) = Message::parse(&case.bytes) else { continue };
        if expected.headers().get(HeaderName::ContentLength).is_none()
            || ["length-smaller", "rfc4475-dblreq"].contains(&case.name.as_str())
        {
            continue;
        }
        for size in [1, 7, 1000, 70_000] {
            let mut decoder = StreamDecoder::new();
            let mut items = Vec::new();
            for chunk in case.bytes.chunks(size) {
                decoder.push(chunk).unwrap();
                while let Some(item) = decoder.next_item().unwrap() {
                    if item != StreamItem::Ping {
                        items.push(item);
                    }
                }
            }
            assert_eq!(items, [StreamItem::Message(expected.clone())], "{} by {size}", case.name);
        }
    }
}
