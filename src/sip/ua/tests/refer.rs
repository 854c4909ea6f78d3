//! REFER of ours and its NOTIFYs; REFER of the peer; Reason.

use super::uac::{outgoing, place, reply};
use super::*;
use crate::sip::message::{NameAddr, Uri};

fn uri(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).unwrap()
}

/// A call that we answered, and our REFER in it.
fn referred(rig: &mut Rig, subscribe: bool) -> (LegId, String, Request) {
    let (leg, tag) = rig.established();
    let by = Some(Box::new(NameAddr::new(uri("sip:clinic@192.0.2.1"))));
    rig.command(leg, Command::Refer { to: Box::new(uri("sip:+919811111111@192.0.2.9")), by, subscribe });
    let refer = rig.take_request();
    (leg, tag, refer)
}

fn notify(cseq: u32, tag: &str, state: &str, fragment: &str) -> String {
    let more = format!("Event: refer\nSubscription-State: {state}\nContent-Type: message/sipfrag\n");
    request("NOTIFY", cseq, &format!("{TO};tag={tag}"), &format!("n{cseq}"), &more, fragment)
}

#[test]
fn a_refer_is_followed_to_its_end() {
    let mut rig = Rig::new(config());
    let (leg, tag, refer) = referred(&mut rig, true);
    let text = |name: HeaderName| refer.headers.get(&name).map(|v| v.to_string_lossy().into_owned());
    assert_eq!(refer.method, Method::Refer);
    assert_eq!(text(HeaderName::ReferTo).as_deref(), Some("<sip:+919811111111@192.0.2.9>"));
    assert_eq!(text(HeaderName::ReferredBy).as_deref(), Some("<sip:clinic@192.0.2.1>"));
    assert_eq!(text(HeaderName::ReferSub), None);
    rig.answer(&refer.reply(202));
    rig.receive(&notify(2, &tag, "active;expires=60", "SIP/2.0 100 Trying"));
    rig.receive(&notify(3, &tag, "active;expires=60", "SIP/2.0 180 Ringing\n"));
    rig.receive(&notify(4, &tag, "terminated;reason=noresource", "SIP/2.0 200 OK\n"));
    assert_eq!(rig.take_lines(), ["200", "200", "200"]);
    assert_eq!(rig.take_events(), [202, 100, 180, 200].map(|status| LegEvent::ReferProgress { status }),);
    rig.receive(&notify(5, &tag, "terminated", "SIP/2.0 200 OK"));
    assert_eq!(rig.take_lines(), ["481"], "the subscription is over");
    rig.command(leg, Command::Bye { reason: None });
    let bye = rig.take_request();
    rig.answer(&bye.reply(200));
    rig.assert_nothing_left();
}

#[test]
fn a_transfer_that_fails_is_told_and_the_call_goes_on() {
    let mut rig = Rig::new(config());
    let (leg, tag, refer) = referred(&mut rig, true);
    rig.receive(&notify(2, &tag, "active", "SIP/2.0 100 Trying"));
    rig.answer(&refer.reply(202));
    rig.receive(&notify(3, &tag, "terminated;reason=noresource", "SIP/2.0 486 Busy Here"));
    assert_eq!(
        rig.take_events(),
        [100, 202, 486].map(|status| LegEvent::ReferProgress { status }),
        "a NOTIFY may be first"
    );
    assert_eq!(rig.endpoint.legs(), [leg]);

    for (events, outcome) in [("refused", 603), ("silent", 408), ("terminated", 480)] {
        let mut rig = Rig::new(config());
        let (leg, tag, refer) = referred(&mut rig, true);
        match events {
            "refused" => rig.answer(&refer.reply(603)),
            "silent" => {
                rig.answer(&refer.reply(202));
                rig.pass(Duration::from_secs(180));
            }
            _ => {
                rig.answer(&refer.reply(202));
                rig.receive(&notify(2, &tag, "terminated;reason=giveup", ""));
            }
        }
        let events = rig.take_events();
        let failed = matches!(events.last(), Some(LegEvent::ReferFailed { status, .. }) if *status == outcome);
        assert!(failed, "{events:?}");
        assert_eq!(rig.endpoint.legs(), [leg]);
    }
}

#[test]
fn a_peer_that_agrees_not_to_report_is_not_waited_for() {
    let mut rig = Rig::new(config());
    let (_, _, refer) = referred(&mut rig, false);
    assert_eq!(refer.headers.get(HeaderName::ReferSub).unwrap().as_bytes(), b"false");
    let mut accepted = refer.reply(200);
    accepted.headers.push(HeaderName::ReferSub, "false");
    rig.answer(&accepted);
    rig.pass(Duration::from_secs(400));
    assert_eq!(rig.take_events(), [LegEvent::ReferProgress { status: 202 }]);
}

#[test]
fn what_the_peer_may_not_ask_or_tell_is_refused() {
    let mut rig = Rig::new(config());
    let (leg, tag) = rig.established();
    let to = format!("{TO};tag={tag}");
    for (text, status) in [
        (request("REFER", 2, &to, "r", "Refer-To: <sip:premium@192.0.2.66>\n", ""), 603),
        (request("REFER", 1, TO, "r0", "Refer-To: <sip:premium@192.0.2.66>\n", "").replace("call-1", "call-9"), 405),
        (notify(3, &tag, "active", "SIP/2.0 100 Trying"), 481),
        (request("NOTIFY", 4, &to, "n4", "Event: presence\nSubscription-State: active\n", ""), 489),
        (request("NOTIFY", 1, TO, "n5", "Event: refer\n", "").replace("call-1", "call-8"), 481),
        (request("PRACK", 5, &to, "p", "RAck: 1 1 INVITE\n", ""), 481),
        (request("SUBSCRIBE", 6, &to, "s", "Event: refer\n", ""), 405),
    ] {
        rig.receive(&text);
        assert_eq!(rig.take_response().status, status, "{text}");
    }
    assert!(rig.take_events().is_empty());
    assert_eq!(rig.endpoint.legs(), [leg]);
}

#[test]
fn the_cause_of_a_failure_and_of_a_bye_is_told() {
    let mut rig = Rig::new(config());
    let (_, invite) = place(&mut rig, outgoing());
    let mut busy = reply(&invite, 486, "b");
    busy.headers.push(HeaderName::Reason, "Q.850;cause=17;text=\"User busy\"");
    rig.answer(&busy);
    assert!(matches!(&rig.take_events()[..], [LegEvent::Failed { status: 486, cause: Some(17), .. }]));

    let mut rig = Rig::new(config());
    let (_, tag) = rig.established();
    rig.receive(&request("BYE", 2, &format!("{TO};tag={tag}"), "bye", "Reason: SIP;cause=200, Q.850 ;cause=31\n", ""));
    assert!(matches!(&rig.take_events()[..], [LegEvent::Ended { by_remote: true, cause: Some(31), .. }]));
}
