//! The endpoint on a virtual clock.
#![expect(clippy::disallowed_methods, reason = "virtual clocks have to begin somewhere")]

mod connections;
mod floods;
mod gate;
mod limits;
mod link;
mod refer;
mod register;
mod reliable;
mod sending;
mod session;
mod uac;
mod uas;

use super::*;
use crate::sip::message::{HeaderName, Message, Method, Request, Response};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(super) const US: &str = "192.0.2.1:5060";
pub(super) const PEER: &str = "192.0.2.9:5070";

/// The other end of a TCP connection.
fn hop(text: &str) -> Hop {
    Hop { transport: Transport::Tcp, remote: addr(text), tls_name: None }
}

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn config() -> EndpointConfig {
    EndpointConfig {
        listeners: vec![
            Listener { transport: Transport::Udp, addr: addr(US) },
            Listener { transport: Transport::Tcp, addr: addr(US) },
        ],
        peers: "192.0.2.0/24".parse().unwrap(),
        user_agent: "test".to_owned(),
        ..EndpointConfig::default()
    }
}

/// One endpoint, its clock, and what it has put out and nobody has looked at yet.
pub(super) struct Rig {
    pub endpoint: Endpoint,
    pub now: Instant,
    pub sent: Vec<(Flow, Message)>,
    pub events: Vec<Event>,
}

impl Rig {
    pub fn new(config: EndpointConfig) -> Self {
        Self { endpoint: Endpoint::new(config, [7; 32]), now: Instant::now(), sent: Vec::new(), events: Vec::new() }
    }

    pub fn collect(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                // A pong.
                Output::Transmit(transmit) if *transmit.data == *b"\r\n" => {}
                Output::Transmit(transmit) => {
                    self.sent.push((transmit.flow, Message::parse(&transmit.data).expect("we send whole messages")));
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    pub fn receive_from(&mut self, source: &str, text: &str) {
        let bytes = text.replace('\n', "\r\n");
        self.endpoint.handle_datagram(addr(US), addr(source), bytes.as_bytes(), self.now);
        self.collect();
    }

    pub fn receive(&mut self, text: &str) {
        self.receive_from(PEER, text);
    }

    pub fn answer(&mut self, response: &Response) {
        self.endpoint.handle_datagram(addr(US), addr(PEER), &response.to_bytes(), self.now);
        self.collect();
    }

    pub fn command(&mut self, leg: LegId, command: Command) {
        self.endpoint.command(leg, command, self.now);
        self.collect();
    }

    /// Lets virtual time pass, firing every timer at its own time.
    pub fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.endpoint.handle_timeout(at);
            self.collect();
        }
        self.now = until;
    }

    pub fn take_sent(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, message)| message).collect()
    }

    /// What was sent: statuses of responses, methods of requests.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.take_sent().iter().map(line).collect()
    }

    pub fn take_response(&mut self) -> Response {
        match self.take_sent().pop() {
            Some(Message::Response(response)) => response,
            other => panic!("no response last: {other:?}"),
        }
    }

    pub fn take_request(&mut self) -> Request {
        match self.take_sent().pop() {
            Some(Message::Request(request)) => request,
            other => panic!("no request last: {other:?}"),
        }
    }

    pub fn take_events(&mut self) -> Vec<LegEvent> {
        let events = std::mem::take(&mut self.events);
        events.into_iter().filter_map(|e| if let Event::Leg { event, .. } = e { Some(event) } else { None }).collect()
    }

    pub fn incoming(&mut self) -> LegId {
        let incoming = std::mem::take(&mut self.events).into_iter().find_map(|event| match event {
            Event::Incoming { leg, .. } => Some(leg),
            _ => None,
        });
        incoming.expect("an incoming call")
    }

    /// An incoming call, answered and acknowledged.
    pub fn established(&mut self) -> (LegId, String) {
        self.receive(&invite());
        let leg = self.incoming();
        self.command(leg, Command::Answer { sdp: b"answer".to_vec() });
        let tag = to_tag(&self.take_response());
        self.receive(&in_dialog("ACK", 1, &tag, "ack"));
        assert_eq!(self.take_events(), [LegEvent::Acked { body: None }]);
        (leg, tag)
    }

    /// After every timer has run out nothing may be left of any call.
    pub fn assert_nothing_left(&mut self) {
        self.pass(Duration::from_secs(600));
        let stats = self.endpoint.stats();
        let tables = (stats.legs, stats.dialogs, stats.server_transactions, stats.client_transactions);
        assert_eq!(tables, (0, 0, 0, 0));
        let hidden = (self.endpoint.merges.len(), self.endpoint.schedule.len(), self.endpoint.incoming);
        assert_eq!(hidden, (0, 0, 0));
    }
}

pub(super) fn line(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.as_str().to_owned(),
        Message::Response(response) => response.status.to_string(),
    }
}

pub(super) fn to_tag(response: &Response) -> String {
    response.headers.to().unwrap().tag().unwrap().to_owned()
}

/// A request of the peer; `to` may carry a tag.
pub(super) fn request(method: &str, cseq: u32, to: &str, branch: &str, more: &str, body: &str) -> String {
    let uri = "sip:+918047180000@192.0.2.1";
    let length = body.replace('\n', "\r\n").len();
    format!(
        "{method} {uri} SIP/2.0
Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK{branch};rport
Max-Forwards: 70
From: \"Asha\" <sip:+919876543210@192.0.2.9>;tag=peer
To: {to}
Call-ID: call-1
CSeq: {cseq} {method}
Contact: <sip:asha@192.0.2.9:5070>
{more}Content-Length: {length}

{body}"
    )
}

pub(super) const TO: &str = "<sip:+918047180000@192.0.2.1>";
pub(super) const SDP: &str = "Content-Type: application/sdp\n";

pub(super) fn invite() -> String {
    request("INVITE", 1, TO, "inv", SDP, "offer")
}

pub(super) fn in_dialog(method: &str, cseq: u32, tag: &str, branch: &str) -> String {
    request(method, cseq, &format!("{TO};tag={tag}"), branch, "", "")
}

pub(super) fn reinvite(cseq: u32, tag: &str, branch: &str) -> String {
    request("INVITE", cseq, &format!("{TO};tag={tag}"), branch, SDP, "new offer")
}
