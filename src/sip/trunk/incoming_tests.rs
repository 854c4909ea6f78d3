use super::*;
use crate::domain::TrunkSettings;
use crate::sip::message::Headers;
use crate::sip::ua::Transport;
use std::time::Instant;

const DID: &str = "+918047180000";

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

fn uri(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).unwrap()
}

fn invite(request_uri: &str, to: &str, from: &str, headers: &[(&str, &str)]) -> InviteInfo {
    let mut list = Headers::new();
    for (name, value) in headers {
        list.push(HeaderName::from_text(name), *value);
    }
    InviteInfo {
        request_uri: uri(request_uri),
        from: NameAddr::new(uri(from)),
        to: NameAddr::new(uri(to)),
        contact: None,
        call_id: "call".to_owned(),
        headers: list,
        body: None,
        source: "192.0.2.1:5060".parse().unwrap(),
        transport: Transport::Udp,
        local: "192.0.2.9:5060".parse().unwrap(),
        received_at: Instant::now(),
    }
}

fn called(request_uri: &str) -> Option<E164> {
    let invite = invite(request_uri, "sip:vca@192.0.2.9", "sip:a@b", &[]);
    dialled(&invite, &[DidSource::RequestUri]).into_iter().next()
}

#[test]
fn one_did_in_every_spelling() {
    for text in [
        "sip:+918047180000@192.0.2.9",
        "sip:918047180000@192.0.2.9;user=phone",
        "sip:00918047180000@192.0.2.9:5170;transport=tcp",
        "sip:08047180000@192.0.2.9",
        "sip:8047180000@192.0.2.9",
        "sips:%2B918047180000@192.0.2.9",
        "sip:+91-80-4718.0000@192.0.2.9",
        "sip:+91(80)47180000;npdi;rn=+919@192.0.2.9;user=phone",
        "sip:8047180000;phone-context=+91@192.0.2.9;user=phone",
        "sip:47180000;phone-context=+9180@192.0.2.9;user=phone",
        "sip:8047180000;phone-context=ims.example@192.0.2.9;user=phone",
        "tel:+918047180000",
        "tel:+91-80-4718-0000;isub=1234",
        "tel:08047180000;phone-context=+91",
        "tel:47180000;phone-context=+9180",
        "tel:+918047180000;phone-context=+44",
    ] {
        assert_eq!(called(text), Some(number(DID)), "{text}");
    }
    assert_eq!(called("tel:7946000000;phone-context=+4420"), Some(number("+44207946000000")));
    for text in ["sip:192.0.2.9", "sip:vca@192.0.2.9", "tel:198;phone-context=+91", "urn:service:sos", "sip:1@b"] {
        assert_eq!(called(text), None, "{text}");
    }
}

#[test]
fn the_sources_are_tried_in_their_order() {
    let headers = [
        ("P-Called-Party-ID", "<tel:+918047180001>"),
        ("Diversion", "\"A, B\" <sip:+918047180002@sbc>;reason=unconditional, <tel:08047180003>"),
        ("Diversion", "what is that"),
        ("X-Did", "\"0091 80 4718 0004\""),
    ];
    let invite = invite("sip:+918047180000@h", "sip:+918047180009@h", "sip:a@b", &headers);
    let read = |sources: &[&str]| -> Vec<String> {
        let sources: Vec<DidSource> = sources.iter().map(|source| source.parse().unwrap()).collect();
        dialled(&invite, &sources).iter().map(|number| number.to_string()).collect()
    };
    assert_eq!(read(&["to", "ruri", "to"]), ["+918047180009", "+918047180000"]);
    assert_eq!(read(&["header:p-called-party-id", "ruri"]), ["+918047180001", "+918047180000"]);
    assert_eq!(read(&["header:Diversion"]), ["+918047180002", "+918047180003"]);
    assert_eq!(read(&["header:X-DID"]), ["+918047180004"]);
    assert!(read(&["header:X-Other"]).is_empty());
}

#[test]
fn a_header_full_of_numbers_costs_a_few_look_ups_only() {
    let many: Vec<String> = (0..50).map(|n| format!("<tel:+9180471800{n:02}>")).collect();
    let invite = invite("sip:a@h", "sip:a@h", "sip:a@b", &[("X-All", &many.join(", "))]);
    assert_eq!(dialled(&invite, &["header:X-All".parse().unwrap()]).len(), MOST_NUMBERS);
}

#[test]
fn the_caller_is_whom_a_trusted_carrier_asserts() {
    let pai = ("P-Asserted-Identity", "\"Rahul\" <sip:rahul@ims>, <tel:+919812345678>");
    let rpid = ("Remote-Party-ID", "<sip:09812345679@sbc>;party=calling;privacy=off");
    let from = "sip:+919812345670@sbc";
    let who = |from, headers: &[_], trusted| caller(&invite("sip:a@h", "sip:a@h", from, headers), trusted);
    let is = |text| Caller::Number(number(text));
    assert_eq!(who(from, &[rpid, pai], true), is("+919812345678"));
    assert_eq!(who(from, &[rpid], true), is("+919812345679"));
    assert_eq!(who(from, &[], true), is("+919812345670"));
    assert_eq!(who(from, &[rpid, pai], false), is("+919812345670"), "anybody can write these headers");
    assert_eq!(who("sip:unknown@sbc", &[pai], true), is("+919812345678"));
    assert_eq!(who("sip:unknown@sbc", &[], true), Caller::Unknown);
    assert_eq!(who(from, &[("P-Asserted-Identity", "\"broken")], true), is("+919812345670"));
}

#[test]
fn a_withheld_number_stays_withheld() {
    let pai = ("P-Asserted-Identity", "<tel:+919812345678>");
    let from = "sip:+919812345670@sbc";
    let who = |from, headers: &[_]| caller(&invite("sip:a@h", "sip:a@h", from, headers), true);
    for headers in [
        [pai, ("Privacy", "id")],
        [pai, ("Privacy", "header; ID;critical")],
        [pai, ("privacy", "user")],
        [pai, ("Remote-Party-ID", "<tel:+919812345678>;privacy=full")],
        [pai, ("Remote-Party-ID", "<tel:+919812345678>;privacy=uri-network")],
    ] {
        assert_eq!(who(from, &headers), Caller::Withheld, "{headers:?}");
    }
    for from in ["sip:anonymous@anonymous.invalid", "sip:Anonymous@sbc", "sip:x@anonymous.invalid"] {
        assert_eq!(who(from, &[pai]), Caller::Withheld, "{from}");
    }
    assert_eq!(who(from, &[("Privacy", "none")]).number(), Some(number("+919812345670")));
    assert_eq!(Caller::Withheld.number(), None);
}

#[test]
fn trunks_at_one_address_are_told_apart() {
    let trunk = |name: &str, did: &str| Trunk {
        name: name.to_owned(),
        profile: "generic".to_owned(),
        settings: TrunkSettings::default(),
        password: None,
        dids: vec![number(did)],
    };
    let (a, b) = (trunk("a", "+918047180001"), trunk("b", "+918047180002"));
    let candidate = |trunk: &Trunk, contact: Option<&str>, target: Option<&str>| Candidate {
        trunk: Arc::new(trunk.clone()),
        contact: contact.map(uri),
        target: target.map(|target| target.parse().unwrap()),
    };
    let name = |candidates: &[Candidate], to: &str| {
        attribute(candidates, &invite(to, "sip:x@h", "sip:a@b", &[])).map(|trunk| trunk.name.clone())
    };
    let plain = [candidate(&a, None, None), candidate(&b, None, Some("192.0.2.1:5060"))];
    assert_eq!(name(&plain, "sip:+918047180001@h").as_deref(), Some("a"), "its DID");
    assert_eq!(name(&plain, "sip:08047180002@h").as_deref(), Some("b"), "its DID");
    assert_eq!(name(&plain, "sip:+918047180009@h").as_deref(), Some("b"), "its port");
    assert_eq!(name(&plain[..1], "sip:+918047180009@h").as_deref(), Some("a"), "the only one");
    assert_eq!(name(&[], "sip:+918047180001@h"), None);
    let contacts = [Some("sip:pilot-a@192.0.2.9:5060"), Some("sip:pilot-b@192.0.2.9:5060")];
    let registered = [candidate(&a, contacts[0], None), candidate(&b, contacts[1], None)];
    assert_eq!(name(&registered, "sip:pilot-b@192.0.2.9").as_deref(), Some("b"), "its registration");
    // Diverted from a number of the other trunk: the To header still names that one.
    let diverted = invite("sip:pilot-b@h", "sip:+918047180001@h", "sip:a@b", &[]);
    assert_eq!(attribute(&registered, &diverted).map(|trunk| trunk.name.clone()).as_deref(), Some("b"));
}
