use super::*;
use crate::sip::message::Message;

fn request(text: &str) -> Request {
    match Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

fn response(text: &str) -> Response {
    match Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap() {
        Message::Response(response) => response,
        Message::Request(_) => panic!("a request"),
    }
}

const INVITE: &str = "\
INVITE sip:+918047180000@vca.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
Max-Forwards: 70
Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>
From: \"Asha\" <sip:+919876543210@trunk.example>;tag=a1
To: <sip:+918047180000@vca.example>
Call-ID: c1@trunk
CSeq: 7 INVITE
Contact: <sip:+919876543210@192.0.2.9:5080;transport=tls>
Content-Length: 0

";

const OK: &str = "\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
Record-Route: <sip:p2.example;lr>
Record-Route: <sip:p1.example;lr>
From: \"Asha\" <sip:+919876543210@trunk.example>;tag=a1
To: <sip:+918047180000@vca.example>;tag=b1
Call-ID: c1@trunk
CSeq: 7 INVITE
Contact: <sip:bob@192.0.2.44>
Content-Length: 0

";

fn text(request: &Request) -> String {
    String::from_utf8(request.to_bytes()).unwrap()
}

#[test]
fn the_answering_side_keeps_the_order_of_record_route_and_the_plus_of_the_numbers() {
    let mut dialog = Dialog::answering(&request(INVITE), "b1", 100).unwrap();
    insta::assert_snapshot!(text(&dialog.request(Method::Bye)).replace('\r', ""), @r#"
    BYE sip:+919876543210@192.0.2.9:5080;transport=tls SIP/2.0
    Max-Forwards: 70
    Route: <sip:p2.example;lr>
    Route: <sip:p1.example;lr>
    From: <sip:+918047180000@vca.example>;tag=b1
    To: "Asha" <sip:+919876543210@trunk.example>;tag=a1
    Call-ID: c1@trunk
    CSeq: 101 BYE
    Content-Length: 0
    "#);
    assert_eq!(dialog.next_hop().host(), "p2.example");
}

#[test]
fn the_calling_side_reverses_record_route_and_the_ack_follows_it() {
    let dialog = Dialog::calling(&request(INVITE), &response(OK)).unwrap();
    insta::assert_snapshot!(text(&dialog.ack(7)).replace('\r', ""), @r#"
    ACK sip:bob@192.0.2.44 SIP/2.0
    Max-Forwards: 70
    Route: <sip:p1.example;lr>
    Route: <sip:p2.example;lr>
    From: "Asha" <sip:+919876543210@trunk.example>;tag=a1
    To: <sip:+918047180000@vca.example>;tag=b1
    Call-ID: c1@trunk
    CSeq: 7 ACK
    Content-Length: 0
    "#);
    assert_eq!(dialog.next_hop().host(), "p1.example");
}

#[test]
fn a_strict_router_gets_its_own_uri_and_the_target_as_last_route() {
    let strict = OK.replace("<sip:p1.example;lr>", "<sip:p1.example>");
    let dialog = Dialog::calling(&request(INVITE), &response(&strict)).unwrap();
    let ack = dialog.ack(7);
    assert_eq!(ack.uri.as_str(), "sip:p1.example");
    let routes: Vec<String> = ack.headers.routes().unwrap().iter().map(|r| r.uri.as_str().to_owned()).collect();
    assert_eq!(routes, ["sip:p2.example;lr", "sip:bob@192.0.2.44"]);
}

#[test]
fn cseq_rises_on_both_sides() {
    let mut dialog = Dialog::answering(&request(INVITE), "b1", 100).unwrap();
    assert_eq!(dialog.accept_cseq(7), Err(StaleCSeq { got: 7, last: 7 }));
    assert_eq!(dialog.accept_cseq(20), Ok(()));
    assert_eq!(dialog.accept_cseq(8), Err(StaleCSeq { got: 8, last: 20 }));
    let first = dialog.request(Method::Info).headers.cseq().unwrap().number;
    let mut again = dialog.request(Method::Info);
    dialog.renumber(&mut again);
    assert_eq!((first, again.headers.cseq().unwrap().number), (101, 103));
}

#[test]
fn a_new_contact_moves_the_target_and_not_the_route_set() {
    let mut dialog = Dialog::calling(&request(INVITE), &response(OK)).unwrap();
    let contact = response(&OK.replace("192.0.2.44", "192.0.2.45")).headers.contacts().unwrap().remove(0);
    dialog.refresh_target(&contact);
    let bye = dialog.request(Method::Bye);
    assert_eq!((bye.uri.as_str(), bye.headers.routes().unwrap().len()), ("sip:bob@192.0.2.45", 2));
}

#[test]
fn an_invite_without_contact_makes_no_dialog() {
    let invite = request(&INVITE.replace("Contact:", "X-Contact:"));
    assert!(Dialog::answering(&invite, "b1", 1).is_err());
}
