//! One call at the carrier's side: a dialog kept in text, and its audio.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::rtp::Rtp;
use super::sim::{Shared, tagged};
use super::text::{Msg, host, uri_of};
use super::wire::Link;

/// Where a Contact leads that must not be followed, because the route goes another way.
const NOWHERE: &str = "192.0.2.99:5099";

pub struct Call {
    shared: Arc<Shared>,
    inbox: Receiver<(Msg, Link)>,
    pub link: Link,
    /// The INVITE that began it.
    pub invite: Msg,
    /// From or To of requests of ours, with the tags as they get known.
    local: String,
    remote: String,
    /// The other side's Contact.
    target: String,
    route: Vec<String>,
    cseq: u32,
    pub rtp: Rtp,
    /// The audio that was agreed on.
    pub audio: Option<Audio>,
    is_caller: bool,
}

/// The audio of a session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    pub at: SocketAddr,
    pub payloads: Vec<u8>,
    pub telephone_event: Option<u8>,
    pub direction: String,
}

impl Call {
    /// Sends the INVITE of the carrier's description, for this number; one header may take the place of its like.
    pub fn place(shared: &Arc<Shared>, link: Link, did: &str, instead: Option<&str>, rtp: Rtp) -> Self {
        let incoming = shared.carrier.incoming;
        let contact = shared.contact().unwrap_or_else(|| "sip:{did}@{vca}".to_owned());
        let fill = |text: &str| shared.places.fill(&text.replace("{contact}", &contact), did, incoming.caller);
        let from = format!("{};tag={}", fill(incoming.from), shared.fresh("t"));
        let call_id = format!("{}@{}", shared.fresh("call"), shared.places.sbc.ip());
        let inbox = shared.open(&call_id);
        let own_contact = format!(
            "sip:carrier@{}",
            if incoming.record_route { NOWHERE.into() } else { shared.places.sbc.to_string() }
        );
        let mut invite = Msg::request("INVITE", &fill(incoming.request_uri))
            .with("Via", shared.via())
            .with("From", from.as_str())
            .with("To", fill(incoming.to))
            .with("Call-ID", call_id)
            .with("CSeq", "1 INVITE")
            .with("Contact", format!("<{own_contact}>"))
            .with("Max-Forwards", "67")
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE");
        if incoming.record_route {
            invite.push("Record-Route", shared.record_route());
        }
        let name = |header: &str| header.split(':').next().map(str::to_owned);
        let kept = incoming.headers.iter().filter(|header| instead.is_none_or(|other| name(other) != name(header)));
        for header in kept.copied().chain(instead) {
            let header = fill(header);
            let (name, value) = header.split_once(": ").expect("name: value");
            invite.push(name, value);
        }
        let sdp = write_sdp(rtp.addr, incoming.codecs, Some(incoming.telephone_event), "sendrecv", incoming.ptime_ms);
        let invite = invite.with_sdp(sdp);
        shared.send(&invite, &link);
        let (local, remote) = (from, invite.need("To").to_owned());
        let target = invite.uri().to_owned();
        let (shared, route) = (Arc::clone(shared), Vec::new());
        Self { shared, inbox, link, invite, local, remote, target, route, cseq: 1, rtp, audio: None, is_caller: true }
    }

    /// Takes a call that was placed at the carrier.
    pub fn taken(shared: Arc<Shared>, invite: Msg, link: Link, inbox: Receiver<(Msg, Link)>) -> Self {
        let rtp = Rtp::open(shared.places.media_ip);
        let local = format!("{};tag={}", invite.need("To"), shared.fresh("t"));
        let (remote, target) = (invite.need("From").to_owned(), uri_of(invite.need("Contact")).to_owned());
        let route = invite.all("Record-Route").into_iter().map(str::to_owned).collect();
        Self {
            shared,
            inbox,
            link,
            invite,
            local,
            remote,
            target,
            route,
            cseq: 100,
            rtp,
            audio: None,
            is_caller: false,
        }
    }

    /// The final response to the INVITE; provisional ones are acknowledged when they are reliable.
    pub fn final_response(&mut self) -> Msg {
        let mut rang = false;
        loop {
            let response = self.response("INVITE", 1);
            let status = response.status().unwrap_or_default();
            rang |= status == 180;
            if response.lists("Require", "100rel") {
                self.learn(&response);
                let rack = format!("{} 1 INVITE", response.need("RSeq"));
                self.request("PRACK", &[("RAck", &rack)]);
                assert_eq!(self.response("PRACK", self.cseq).status(), Some(200));
            }
            if status >= 200 {
                assert!(rang || status >= 300, "the phone rings before it is answered");
                self.learn(&response);
                return response;
            }
        }
    }

    /// Waits for the answer, acknowledges it, and has the audio go.
    pub fn answered(&mut self) -> Msg {
        let response = self.final_response();
        assert_eq!(response.status(), Some(200), "{}", response.write());
        self.ack("1");
        self.start_audio(&response.body);
        response
    }

    /// Acknowledges a failure (RFC 3261 §17.1.1.3).
    pub fn refused(&mut self) -> u16 {
        let response = self.final_response();
        let ack = Msg::request("ACK", self.invite.uri())
            .with("Via", self.invite.need("Via"))
            .with("From", self.local.as_str())
            .with("To", response.need("To"))
            .with("Call-ID", self.invite.call_id())
            .with("CSeq", "1 ACK")
            .with("Max-Forwards", "70");
        self.shared.send(&ack, &self.link);
        response.status().unwrap_or_default()
    }

    fn ack(&mut self, cseq: &str) {
        let ack = self.in_dialog("ACK", cseq);
        self.shared.send(&ack, &self.link);
    }

    /// The Contact, the route and the tag that a response tells.
    fn learn(&mut self, response: &Msg) {
        if let Some(contact) = response.get("Contact") {
            self.target = uri_of(contact).to_owned();
        }
        self.remote = response.need("To").to_owned();
    }

    fn in_dialog(&self, method: &str, cseq: &str) -> Msg {
        let mut request = Msg::request(method, &self.target)
            .with("Via", self.shared.via())
            .with("From", self.local.as_str())
            .with("To", self.remote.as_str())
            .with("Call-ID", self.invite.call_id())
            .with("CSeq", format!("{cseq} {method}"))
            .with("Max-Forwards", "67");
        for route in &self.route {
            request.push("Route", route.as_str());
        }
        request
    }

    /// Sends a request within the dialog.
    pub fn request(&mut self, method: &str, headers: &[(&str, &str)]) {
        self.cseq += 1;
        let mut request = self.in_dialog(method, &self.cseq.to_string());
        headers.iter().for_each(|(name, value)| request.push(name, *value));
        self.shared.send(&request, &self.link);
    }

    /// A re-INVITE with this direction; the direction of the answer.
    pub fn reinvite(&mut self, direction: &str) -> String {
        self.cseq += 1;
        let audio = self.audio.clone().expect("audio was agreed on");
        let sdp = write_sdp(self.rtp.addr, &audio.payloads, audio.telephone_event, direction, 20);
        let contact = format!("<sip:carrier@{}>", self.shared.places.sbc);
        let request = self.in_dialog("INVITE", &self.cseq.to_string()).with("Contact", contact).with_sdp(sdp);
        self.shared.send(&request, &self.link);
        let cseq = self.cseq.to_string();
        let response = loop {
            let response = self.response("INVITE", self.cseq);
            if response.status() >= Some(200) {
                break response;
            }
        };
        self.ack(&cseq);
        assert_eq!(response.status(), Some(200), "{}", response.write());
        sdp_audio(&response.body).expect("audio in the answer").direction
    }

    /// Takes a REFER, rings the person, and has the person answer (RFC 3515).
    pub fn carry_over(&mut self) -> Msg {
        let refer = self.asked("REFER");
        self.reply(&refer, 202);
        for (fragment, state) in [("180 Ringing", "active;expires=60"), ("200 OK", "terminated;reason=noresource")] {
            self.cseq += 1;
            let mut notify = self
                .in_dialog("NOTIFY", &self.cseq.to_string())
                .with("Event", "refer")
                .with("Subscription-State", state)
                .with("Contact", format!("<sip:carrier@{}>", self.shared.places.sbc))
                .with("Content-Type", "message/sipfrag;version=2.0");
            notify.body = format!("SIP/2.0 {fragment}\r\n");
            self.shared.send(&notify, &self.link);
            assert_eq!(self.response("NOTIFY", self.cseq).status(), Some(200));
        }
        refer
    }

    /// Says BYE and waits for its answer.
    pub fn bye(&mut self) {
        self.request("BYE", &[]);
        assert_eq!(self.response("BYE", self.cseq).status(), Some(200));
    }

    /// The next response to this request, but 100.
    fn response(&mut self, method: &str, cseq: u32) -> Msg {
        loop {
            let message = self.next(&format!("an answer to {method}"));
            let is_it = message.status().is_some_and(|status| status != 100);
            // The final response to an INVITE is repeated until its ACK.
            assert!(is_it || message.status().is_some(), "instead of an answer to {method}: {}", message.write());
            if is_it && message.need("CSeq") == format!("{cseq} {method}") {
                return message;
            }
        }
    }

    /// The next request; it must be of this method, and come the way that the dialog's route says.
    pub fn asked(&mut self, method: &str) -> Msg {
        loop {
            let message = self.next(method);
            if message.status().is_some() {
                continue;
            }
            assert_eq!(message.method(), method, "{}", message.write());
            self.check_route(&message);
            return message;
        }
    }

    /// Answers a request.
    pub fn reply(&self, request: &Msg, status: u16) {
        self.shared.answer(request, &tagged(request.reply(status, self.link.peer())), &self.link);
    }

    fn next(&mut self, what: &str) -> Msg {
        match self.inbox.recv_timeout(super::LIMIT) {
            Ok((message, link)) => {
                self.link = link;
                message
            }
            Err(_) => panic!("waited for {what} in {}", self.invite.call_id()),
        }
    }

    /// RFC 3261 §12.2.1.1: our Contact in the Request-URI, the recorded route in Route.
    fn check_route(&self, request: &Msg) {
        if self.shared.carrier.incoming.record_route {
            assert_eq!(host(request.uri()), NOWHERE, "{}", request.write());
            assert_eq!(request.all("Route"), [self.shared.record_route()], "{}", request.write());
        } else {
            assert_eq!(host(request.uri()), self.shared.places.sbc.to_string(), "{}", request.write());
        }
    }

    /// Lets the person's phone ring: with early media when the carrier is so.
    pub fn ring(&mut self) {
        let request = self.invite.clone();
        if !self.shared.carrier.outgoing.early_media {
            let ringing = self.response_with_dialog(&request, 180);
            return self.shared.answer(&request, &ringing, &self.link);
        }
        assert!(request.lists("Supported", "100rel"), "{}", request.write());
        let sdp = self.own_answer();
        let progress = self.response_with_dialog(&request, 183).with("Require", "100rel").with("RSeq", "17");
        self.shared.answer(&request, &progress.with_sdp(sdp), &self.link);
        let prack = self.asked("PRACK");
        assert_eq!(prack.need("RAck"), format!("17 {}", request.need("CSeq")));
        self.reply(&prack, 200);
        self.start_audio(&request.body);
    }

    /// Answers the INVITE, and waits for the ACK.
    pub fn pick_up(&mut self) {
        let request = self.invite.clone();
        let mut response = self.response_with_dialog(&request, 200);
        for header in self.shared.carrier.outgoing.answer {
            let (name, value) = header.split_once(": ").expect("name: value");
            response.push(name, value);
        }
        let sdp = self.own_answer();
        self.shared.answer(&request, &response.with_sdp(sdp), &self.link);
        self.asked("ACK");
        self.start_audio(&request.body);
    }

    fn response_with_dialog(&self, request: &Msg, status: u16) -> Msg {
        let mut response = request.reply(status, self.link.peer());
        if let Some((_, to)) = response.headers.iter_mut().find(|(name, _)| name == "To") {
            *to = self.local.clone();
        }
        let at =
            if self.shared.carrier.incoming.record_route { NOWHERE.into() } else { self.shared.places.sbc.to_string() };
        if self.shared.carrier.incoming.record_route {
            response.push("Record-Route", self.shared.record_route());
        }
        response.with("Contact", format!("<sip:carrier@{at}>"))
    }

    /// The carrier's choice of what was offered.
    fn own_answer(&self) -> String {
        let offer = sdp_audio(&self.invite.body).expect("audio in the offer");
        let codec = self.shared.carrier.outgoing.codecs.iter().find(|codec| offer.payloads.contains(codec));
        let codec = *codec.expect("checked before the call was taken");
        write_sdp(self.rtp.addr, &[codec], offer.telephone_event, "sendrecv", 20)
    }

    /// Sends audio to where the other side's description says, as it says.
    fn start_audio(&mut self, theirs: &str) {
        let mut theirs = sdp_audio(theirs).expect("audio");
        if !self.is_caller {
            theirs.payloads = sdp_audio(&self.own_answer()).expect("ours").payloads;
        }
        let ptime_ms = if self.is_caller { self.shared.carrier.incoming.ptime_ms } else { 20 };
        let event = theirs.telephone_event.unwrap_or(101);
        self.rtp.send_to(theirs.at, theirs.payloads[0], event, ptime_ms);
        self.audio = Some(theirs);
    }
}

impl Shared {
    /// An OPTIONS that asks whether the other side lives, and where its answer comes.
    pub fn options(&self) -> (Receiver<(Msg, Link)>, Msg) {
        let call_id = self.fresh("options");
        let inbox = self.open(&call_id);
        let request = Msg::request("OPTIONS", &self.fill("sip:{vca}"))
            .with("Via", self.via())
            .with("From", format!("<sip:ping@{}>;tag=ping", self.places.sbc))
            .with("To", self.fill("<sip:{vca}>"))
            .with("Call-ID", call_id)
            .with("CSeq", "1 OPTIONS")
            .with("Max-Forwards", "70")
            .with("Contact", format!("<sip:{}>", self.places.sbc));
        (inbox, request)
    }

    fn via(&self) -> String {
        let branch = self.fresh("z9hG4bKc");
        format!("SIP/2.0/{} {};branch={branch};rport", self.carrier.transport.name(), self.places.sbc)
    }

    fn record_route(&self) -> String {
        let transport = self.carrier.transport.name().to_lowercase();
        format!("<sip:{};transport={transport};lr;r2=on>", self.places.sbc)
    }
}

const NAMES: &[(u8, &str)] = &[(0, "PCMU/8000"), (8, "PCMA/8000"), (18, "G729/8000"), (9, "G722/8000")];

pub fn write_sdp(at: SocketAddr, payloads: &[u8], event: Option<u8>, direction: &str, ptime_ms: u32) -> String {
    let list: Vec<String> = payloads.iter().chain(event.as_ref()).map(u8::to_string).collect();
    let (ip, port) = (at.ip(), at.port());
    let mut sdp = format!(
        "v=0\r\no=- 42 42 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {}\r\n",
        list.join(" ")
    );
    for payload in payloads {
        let name = NAMES.iter().find(|(known, _)| known == payload).map_or("X/8000", |(_, name)| name);
        sdp += &format!("a=rtpmap:{payload} {name}\r\n");
    }
    if let Some(event) = event {
        sdp += &format!("a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-15\r\n");
    }
    sdp + &format!("a=ptime:{ptime_ms}\r\na={direction}\r\n")
}

/// The first audio line of a description.
pub fn sdp_audio(sdp: &str) -> Option<Audio> {
    let mut audio: Option<Audio> = None;
    let mut ip = None;
    for line in sdp.lines() {
        if let Some(address) = line.strip_prefix("c=IN IP4 ") {
            ip = address.trim().parse().ok();
        } else if let Some(media) = line.strip_prefix("m=audio ") {
            let mut words = media.split(' ');
            let port: u16 = words.next()?.parse().ok()?;
            let payloads = words.skip(1).filter_map(|payload| payload.trim().parse().ok()).collect();
            let at = SocketAddr::new(ip?, port);
            audio = Some(Audio { at, payloads, telephone_event: None, direction: "sendrecv".to_owned() });
        } else if let Some(audio) = &mut audio {
            match line.strip_prefix("a=").map(str::trim) {
                Some(map) if map.starts_with("rtpmap:") && map.contains(" telephone-event/8000") => {
                    audio.telephone_event = map[7..].split(' ').next().and_then(|payload| payload.parse().ok());
                }
                Some(direction @ ("sendrecv" | "sendonly" | "recvonly" | "inactive")) => {
                    audio.direction = direction.to_owned();
                }
                _ => {}
            }
        }
    }
    audio.map(|mut audio| {
        audio.payloads.retain(|payload| Some(*payload) != audio.telephone_event);
        audio
    })
}
