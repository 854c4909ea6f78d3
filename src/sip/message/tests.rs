use proptest::prelude::*;

use super::*;

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn address(text: &str) -> NameAddr {
    NameAddr::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

const INVITE: &str = "INVITE sip:+918047180000@ims.example;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-1;rport\r\n\
    Record-Route: <sip:p1.example;lr>\r\nRecord-Route: <sip:p2.example;lr>\r\n\
    Max-Forwards: 68\r\nFrom: \"Asha\" <sip:+919876543210@192.0.2.7;user=phone>;tag=1928301774\r\n\
    To: <sip:+918047180000@ims.example;user=phone>\r\nCall-ID: a84b4c76e66710@192.0.2.7\r\nCSeq: 314159 INVITE\r\n\
    Contact: <sip:asha@192.0.2.7:5060;transport=udp>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n\
    Supported: timer, 100rel\r\nP-Asserted-Identity: <tel:+919876543210>\r\nUser-Agent: SBC/7\r\n\
    Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n";

fn invite() -> Request {
    match Message::parse(INVITE.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_is_read_and_printed_as_it_was() {
    let request = invite();
    assert_eq!(String::from_utf8(request.to_bytes()).unwrap(), INVITE);
    let headers = &request.headers;
    let via = headers.top_via().unwrap();
    assert_eq!((via.transport.clone(), via.host.as_str(), via.port), (ViaTransport::Udp, "192.0.2.7", Some(5060)));
    assert_eq!((via.branch(), via.rport(), via.received()), (Some("z9hG4bK-1"), Some(None), None));
    assert_eq!(headers.cseq(), Ok(CSeq::new(314_159, Method::Invite)));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.allow().len(), 6);
    assert_eq!(headers.supported(), ["timer", "100rel"]);
    assert_eq!(headers.record_routes().unwrap()[1].uri, uri("sip:p2.example;lr"));
    assert_eq!(headers.addresses(HeaderName::PAssertedIdentity).unwrap()[0].uri.user(), Some("+919876543210"));
    assert!(headers.content_type().unwrap().unwrap().is("application/sdp"));
}

#[test]
fn a_reply_takes_over_what_routes_it() {
    let mut response = invite().reply(180);
    let mut via = response.headers.top_via().unwrap();
    via.set_received("198.51.100.9".parse().unwrap());
    via.set_rport(61_000);
    response.headers.set_first(HeaderName::Via, via);
    let to = response.headers.to().unwrap().with_tag("8321234356");
    response.headers.set(HeaderName::To, to);
    assert_eq!(
        String::from_utf8(response.to_bytes()).unwrap(),
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-1;rport=61000;received=198.51.100.9\r\n\
         From: \"Asha\" <sip:+919876543210@192.0.2.7;user=phone>;tag=1928301774\r\n\
         To: <sip:+918047180000@ims.example;user=phone>;tag=8321234356\r\n\
         Call-ID: a84b4c76e66710@192.0.2.7\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn errors_say_where() {
    for (from, to, offset_of, kind) in [
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", "SIP/3.0", ParseErrorKind::Version),
        ("ims.example;user", "ims.example;;user", ";user", ParseErrorKind::RequestUri),
        ("CSeq: 314159", "CSeq 314159", "CSeq 314159", ParseErrorKind::HeaderLine),
        ("User-Agent: SBC/7", "User-Agent: SBC\r7", "\r7", ParseErrorKind::LineEnd),
        ("Content-Length: 4", "Content-Length: x", "v=0", ParseErrorKind::ContentLength),
    ] {
        let text = INVITE.replacen(from, to, 1);
        let error = Message::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, text.find(offset_of).unwrap()), "{to}");
        // Without its CSeq the request cannot be answered.
        assert_eq!(error.recoverable.is_some(), !to.starts_with("CSeq"), "{to}");
    }
}

#[test]
fn messages_above_64_kb_and_empty_ones_are_refused_silently() {
    let large = vec![b'a'; MAX_MESSAGE_BYTES + 1];
    let error = Message::parse(&large).unwrap_err();
    assert_eq!((error.kind, error.recoverable), (ParseErrorKind::TooLarge, None));
    assert_eq!(Message::parse(b"\r\n\r\n").unwrap_err().kind, ParseErrorKind::Empty);
}

/// A B2BUA copies such values into its own messages.
#[test]
fn no_value_can_inject_a_header() {
    let mut request = invite();
    request.headers.push(HeaderName::Subject, "x\r\nX-Evil: 1");
    request.headers.push(HeaderName::from_text("X-A\r\nX-Evil"), "1");
    let from = NameAddr::new(uri("sip:a@b")).with_display("a\"\r\nX-Evil: 1\\").with_tag("t\r\nX-Evil: 1");
    request.headers.set(HeaderName::From, from);
    request.headers.push(HeaderName::Contact, NameAddr::new(Uri::sip(Some("a\r\nX-Evil: 1"), "h").unwrap()));
    let Ok(Message::Request(read)) = Message::parse(&request.to_bytes()) else { panic!() };
    assert!(!read.headers.contains(HeaderName::from_text("X-Evil")));
    assert!(Uri::sip(None, "h\r\nX-Evil").is_err());
    let mut response = request.reply(400);
    response.reason = "Bad\r\nX-Evil: 1".into();
    let Ok(Message::Response(read)) = Message::parse(&response.to_bytes()) else { panic!() };
    assert!(!read.headers.contains(HeaderName::from_text("X-Evil")));
}

#[test]
fn every_known_name_reads_in_any_case_and_no_two_are_equal() {
    for (i, (name, canonical, lower)) in header_name::KNOWN.iter().enumerate() {
        assert_eq!(canonical.to_ascii_lowercase().as_bytes(), *lower);
        for spelling in [canonical.to_string(), canonical.to_uppercase(), canonical.to_lowercase()] {
            assert_eq!(HeaderName::parse(spelling.as_bytes()).as_ref(), Some(name), "{spelling}");
        }
        assert!(header_name::KNOWN[..i].iter().all(|(other, ..)| other != name));
    }
    let compact = [("v", HeaderName::Via), ("F", HeaderName::From), ("x", HeaderName::SessionExpires)];
    for (short, name) in compact {
        assert_eq!(HeaderName::parse(short.as_bytes()), Some(name));
    }
    assert_eq!(HeaderName::from_text("x-exotel"), HeaderName::from_text("X-EXOTEL"));
}

#[test]
fn headers_keep_their_order() {
    let mut headers = Headers::new();
    for (name, value) in
        [(HeaderName::Via, "1"), (HeaderName::Route, "a"), (HeaderName::Via, "2"), (HeaderName::Via, "3")]
    {
        headers.push(name, value);
    }
    let shown = |h: &Headers| -> String { h.iter().map(|h| format!("{:?};", h.value)).collect() };
    headers.push_front(HeaderName::Via, "0");
    assert_eq!(shown(&headers), r#""0";"1";"a";"2";"3";"#);
    assert_eq!(headers.remove_first(HeaderName::Via), Some("0".into()));
    headers.set_first(HeaderName::Via, "one");
    assert_eq!(shown(&headers), r#""one";"a";"2";"3";"#);
    headers.set(HeaderName::Via, "only");
    assert_eq!(shown(&headers), r#""only";"a";"#);
    assert_eq!(headers.remove(HeaderName::Route), Some("a".into()));
    assert_eq!(headers.remove(&HeaderName::Route), None);
    assert_eq!(headers.len(), 1);
}

#[test]
fn uris_are_taken_apart_and_written_as_they_were() {
    let full = uri("sip:+91;a=b:pa$$@[2001:db8::1%25eth0]:5070;LR;x=%41;transport=tcp?Subject=a%20b&p=q");
    assert_eq!((full.user(), full.password()), (Some("+91;a=b"), Some("pa$$")));
    assert_eq!((full.host(), full.port()), ("[2001:db8::1%25eth0]", Some(5070)));
    assert_eq!(full.host_ip(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!((full.param("lr"), full.param("X"), full.param("none")), (Some(""), Some("%41"), None));
    assert_eq!(full.headers(), "Subject=a%20b&p=q");
    assert_eq!(
        full.clone().with_port(Some(5080)).without_param("x").without_headers().with_user(Some("+91 0")).to_string(),
        "sip:+91%200@[2001:db8::1%25eth0]:5080;LR;transport=tcp"
    );
    assert_eq!(
        full.with_param("lr", None).to_string(),
        "sip:+91;a=b:pa$$@[2001:db8::1%25eth0]:5070;x=%41;transport=tcp;lr?Subject=a%20b&p=q"
    );
    let tel = uri("tel:+91-80-4718-0000;phone-context=x.example");
    assert_eq!((tel.user(), tel.host(), tel.param("phone-context")), (Some("+91-80-4718-0000"), "", Some("x.example")));
    assert_eq!(
        tel.with_param("isub", Some("1 2")).to_string(),
        "tel:+91-80-4718-0000;phone-context=x.example;isub=1%202"
    );
    assert_eq!(
        Uri::sip(Some("+918047180000"), "::1").unwrap().with_port(Some(5060)).to_string(),
        "sip:+918047180000@[::1]:5060"
    );
    assert_eq!(uri("sip:%2B918047180000@h").user_unescaped().as_deref(), Some("+918047180000"));
    assert_eq!(Uri::parse(b"sip:a@b:70000").unwrap_err().offset, 8);
}

/// The lists of RFC 3261 §19.1.4.
#[test]
fn uris_compare_as_the_rfc_says() {
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+91-80-4718(0000)", "TEL:+918047180000"),
    ];
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b", "sips:a@b"),
        ("sip:null-%00-null@example.com", "sip:null-null@example.com"),
        ("sip:a%3Bb@c", "sip:a;b@c"),
        ("tel:+918047180000", "tel:+918047180000;ext=1"),
    ];
    for (pairs, expected) in [(same.as_slice(), true), (different.as_slice(), false)] {
        for (a, b) in pairs {
            assert_eq!(uri(a).equivalent(&uri(b)), expected, "{a} {b}");
            assert_eq!(uri(b).equivalent(&uri(a)), expected, "{b} {a}");
            assert!(uri(a).equivalent(&uri(a)));
        }
    }
}

#[test]
fn addresses_keep_what_they_do_not_change() {
    let mut to = address("\"A \\\"B\\\"\" <sip:a@b;tag=uri> ; x = \"q;\\\"\" ;flag");
    to.set_tag("new");
    assert_eq!(to.to_bytes(), b"\"A \\\"B\\\"\" <sip:a@b;tag=uri>;x=\"q;\\\"\";flag;tag=new");
    assert_eq!(to.display_name().as_deref(), Some("A \"B\""));
    assert_eq!((to.params.get("x").as_deref(), to.params.get("FLAG").as_deref()), (Some("q;\""), Some("")));
    to.set_tag("newer");
    assert_eq!(to.tag(), Some("newer"));
    to.params.remove("x");
    assert_eq!(to.to_bytes(), b"\"A \\\"B\\\"\" <sip:a@b;tag=uri>;flag;tag=newer");
    assert_eq!(NameAddr::parse(b"J\xE9 <sip:a@b>").unwrap().display_name().as_deref(), Some("Jé"));
    assert_eq!(NameAddr::parse(b"  <sip:a@b:x>").unwrap_err().0, 11);
}

#[test]
fn seconds_and_requirements_are_read() {
    let mut headers = Headers::new();
    headers.push(HeaderName::RetryAfter, "18000;duration=3600");
    headers.push(HeaderName::Expires, "99999999999");
    headers.push(HeaderName::MinExpires, "soon");
    headers.push(HeaderName::Require, "timer,  foo");
    headers.push(HeaderName::Require, "Bar");
    assert_eq!((headers.retry_after(), headers.expires()), (Ok(Some(18_000)), Ok(Some(u32::MAX))));
    assert!(headers.min_expires().is_err());
    assert_eq!(headers.unknown_requirements(&["timer"]), ["foo", "Bar"]);
    headers.set(HeaderName::RetryAfter, "120 (I'm in a meeting)");
    assert_eq!(headers.retry_after(), Ok(Some(120)));
    assert_eq!(Headers::new().max_forwards(), Ok(None));
}

fn drain(decoder: &mut StreamDecoder) -> Vec<StreamItem> {
    std::iter::from_fn(|| decoder.next_item().unwrap()).collect()
}

#[test]
fn two_messages_in_a_segment_and_one_in_fifty() {
    let expected = StreamItem::Message(Message::Request(invite()));
    let mut decoder = StreamDecoder::new();
    decoder.push(format!("{INVITE}\r\n{INVITE}").as_bytes()).unwrap();
    assert_eq!(drain(&mut decoder), [expected.clone(), expected.clone()]);
    let mut items = Vec::new();
    for piece in INVITE.as_bytes().chunks(INVITE.len().div_ceil(50)) {
        decoder.push(piece).unwrap();
        items.extend(drain(&mut decoder));
    }
    assert_eq!(items, [expected]);
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn a_malformed_message_does_not_take_its_neighbours_along() {
    let broken = INVITE.replace("CSeq: 314159", "CSeq 314159");
    let mut decoder = StreamDecoder::new();
    decoder.push(format!("{broken}{INVITE}").as_bytes()).unwrap();
    let items = drain(&mut decoder);
    assert!(matches!(items[0], StreamItem::Malformed(_)));
    assert_eq!(items[1], StreamItem::Message(Message::Request(invite())));
}

#[test]
fn keep_alives_are_seen_between_messages_in_any_segments() {
    for size in 1..6 {
        let mut decoder = StreamDecoder::new();
        let mut items = Vec::new();
        for piece in format!("\r\n\r\n{INVITE}\r\n\r\n").as_bytes().chunks(size) {
            decoder.push(piece).unwrap();
            items.extend(drain(&mut decoder));
        }
        assert_eq!(items.len(), 3, "{size}");
        assert!(items[0] == StreamItem::Ping && items[2] == StreamItem::Ping, "{size}");
    }
}

#[test]
fn what_cannot_be_framed_ends_the_stream() {
    let mut decoder = StreamDecoder::new();
    decoder.push(INVITE.replace("Length: 4", "Length: -4").as_bytes()).unwrap();
    let Ok(Some(StreamItem::Malformed(error))) = decoder.next_item() else { panic!() };
    assert!(error.response().is_some(), "one last answer");
    assert_eq!(decoder.next_item(), Err(StreamError::Framing));
    assert_eq!(decoder.push(b"more"), Err(StreamError::Framing));

    let mut decoder = StreamDecoder::new();
    decoder.push(INVITE.replace("Length: 4", "Length: 65536").as_bytes()).unwrap();
    assert_eq!(decoder.next_item(), Err(StreamError::TooLarge));

    let mut decoder = StreamDecoder::new();
    let endless = [b'a'; 1000];
    let mut pushed = 0;
    while decoder.push(&endless).is_ok() {
        pushed += 1;
        assert!(decoder.buffered() <= MAX_MESSAGE_BYTES + endless.len());
        let _ = decoder.next_item();
    }
    assert_eq!(pushed, MAX_MESSAGE_BYTES / 1000 + 1);
    assert_eq!(decoder.buffered(), 0, "the memory is given back");
}

/// Bytes that are likely to reach deep into the parser.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just("INVITE sip:a@b SIP/2.0\r\n".as_bytes().to_vec()),
        Just(b"SIP/2.0 200 OK\r\n".to_vec()),
        Just(b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n".to_vec()),
        Just(b"From: \"a\\\" <sip:a@b>;tag=1\r\n".to_vec()),
        Just(b"Contact: <sip:a@[::1]>, *\r\nl: 3\r\n".to_vec()),
        "[ -~]{0,12}".prop_map(String::into_bytes),
        "[<>\"\\\\:;,@=%\\[\\]]{0,6}".prop_map(String::into_bytes),
        Just(b"\r\n".to_vec()),
        Just(b"\r\n ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(pieces, 0..16).prop_map(|v| v.concat())
}

/// Reads everything there is to read.
fn read_all(message: &Message) {
    let headers = message.headers();
    let _ = (headers.top_via(), headers.from(), headers.to(), headers.contacts(), headers.routes());
    let _ = (headers.call_id().is_ok(), headers.cseq(), headers.content_type(), headers.expires());
    let _ = (headers.require(), headers.allow(), headers.retry_after(), headers.max_forwards());
}

proptest! {
    #[test]
    fn random_bytes_never_panic_and_what_is_read_prints_stably(bytes in soup()) {
        if let Ok(message) = Message::parse(&bytes) {
            read_all(&message);
            let printed = message.to_bytes();
            let again = Message::parse(&printed);
            prop_assert_eq!(again.map(|m| m.to_bytes()), Ok(printed));
        }
        let _ = judge(Message::parse(&bytes));
    }

    #[test]
    fn a_stream_gives_the_same_whatever_the_segments(bytes in soup(), cut in 1_usize..40) {
        let whole = run_stream(&bytes, bytes.len().max(1));
        prop_assert_eq!(run_stream(&bytes, cut), whole);
    }

    #[test]
    fn one_changed_byte_never_panics(at in 0..INVITE.len(), byte: u8) {
        let mut bytes = INVITE.as_bytes().to_vec();
        bytes[at] = byte;
        let verdict = judge(Message::parse(&bytes));
        if let Verdict::Reject(response) = verdict {
            prop_assert!(Message::parse(&response.to_bytes()).is_ok());
        }
    }

    #[test]
    fn uris_print_as_they_were_written(text in "sips?:([a-z+%;?&=]{1,6}@)?[a-z0-9.]{1,8}(:[0-9]{1,5})?(;[a-z]{1,3}(=[a-z]{0,2})?){0,2}(\\?[a-z=&]{1,5})?") {
        if let Ok(uri) = Uri::parse(text.as_bytes()) {
            prop_assert_eq!(uri.to_string(), text);
            prop_assert!(uri.equivalent(&uri));
            let rebuilt = uri.clone().with_port(Some(5060));
            prop_assert_eq!(&Uri::parse(rebuilt.as_str().as_bytes()).unwrap(), &rebuilt, "parts as a parser finds them");
        }
    }

    #[test]
    fn built_uris_read_back(user in "\\PC{1,12}", name in "\\PC{1,6}", value in "\\PC{0,8}") {
        let built = Uri::sip(Some(&user), "ims.example").unwrap().with_param(&name, Some(&value));
        prop_assert_eq!(&Uri::parse(built.as_str().as_bytes()).unwrap(), &built);
        prop_assert_eq!(built.user_unescaped(), Some(user));
    }

    #[test]
    fn built_addresses_read_back(name in "\\PC{0,16}", tag in "\\PC{1,10}", bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        let built = NameAddr::new(uri("sip:a@b")).with_display(&name).with_tag(&tag);
        let read = NameAddr::parse(&built.to_bytes()).unwrap();
        prop_assert_eq!(read.display_name(), Some(name));
        prop_assert_eq!(read.params.get("tag"), Some(tag));
        let _ = (NameAddr::parse(&bytes), Via::parse(&bytes), Params::parse(&bytes), Uri::parse(&bytes));
    }

    #[test]
    fn set_parameters_are_found_again(names in prop::collection::vec("[a-z]{1,2}", 1..6), value in "\\PC{0,6}") {
        let mut params = Params::new();
        for name in &names {
            params.set(name, Some(&value));
        }
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(params.iter().count(), unique.len());
        prop_assert_eq!(Params::parse(params.as_bytes()), Ok(params.clone()));
        for name in &unique {
            prop_assert_eq!(params.get(name), Some(value.clone()));
            params.remove(name);
        }
        prop_assert!(params.is_empty());
    }
}

fn run_stream(bytes: &[u8], size: usize) -> Vec<Result<StreamItem, StreamError>> {
    let mut decoder = StreamDecoder::new();
    let mut items = Vec::new();
    for chunk in bytes.chunks(size) {
        if decoder.push(chunk).is_err() {
            break;
        }
        loop {
            match decoder.next_item() {
                Ok(Some(item)) => items.push(Ok(item)),
                Ok(None) => break,
                Err(error) => {
                    items.push(Err(error));
                    break;
                }
            }
        }
    }
    items
}
