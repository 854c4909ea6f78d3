//! Every message of the corpus against the running binary: the exact final answer, or silence, and calls go on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use vca::sip::message::{HeaderName, Message, Method, Request, Response, StreamDecoder, StreamItem};

use crate::harness::{DID, Demo, assert_sipp, sipp};

#[path = "../data/sip/load.rs"]
mod load;

/// More than any answer takes; silence is not waited for, see [`Line::final_answer`].
const PATIENCE: Duration = Duration::from_secs(10);
/// What IPv4 carries in one datagram.
const LARGEST_DATAGRAM: usize = 65_507;

#[test]
fn every_message_of_the_corpus_gets_its_exact_answer_and_no_call_is_disturbed() {
    let demo = Demo::start();
    let mut wrong = Vec::new();
    let cases = load::load();
    assert!(cases.len() >= 100, "the corpus has {} messages", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let mut line = Line::open(demo.sip, number, case.bytes.len());
        line.send(&case.bytes);
        let answer = line.final_answer();
        if !matches_expected(&case.uas, answer.as_ref()) {
            let got = answer.as_ref().map(|a| format!("{} {}", a.status, a.reason));
            wrong.push(format!("{}: expected {}, got {}", case.name, case.uas, got.as_deref().unwrap_or("silence")));
        }
        if let Some(answer) = answer.filter(is_answered_invite) {
            line.hang_up(&answer);
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}\n{}", wrong.len(), cases.len(), wrong.join("\n"), demo.log_so_far());
    assert_sipp(&sipp("answer_bye", demo.sip, DID, &[]));
}

fn matches_expected(expected: &str, answer: Option<&Response>) -> bool {
    let Some(answer) = answer else { return expected == "silence" };
    let (status, header) = expected.split_once(' ').unwrap_or((expected, ""));
    let has_header = header.split_once(": ").is_none_or(|(name, value)| {
        let wanted: Vec<&str> = value.split(", ").collect();
        let found = answer.headers.get_all(HeaderName::from_text(name)).map(|v| v.to_string_lossy().into_owned());
        let found: Vec<String> =
            found.flat_map(|v| v.split(',').map(|w| w.trim().to_owned()).collect::<Vec<_>>()).collect();
        wanted.iter().all(|value| found.iter().any(|f| f == value))
    });
    answer.status.to_string() == status && has_header
}

fn is_answered_invite(answer: &Response) -> bool {
    answer.status == 200 && answer.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite)
}

/// One sender's way to the server: a socket of its own, so that answers cannot be mixed up.
struct Line {
    wire: Wire,
    local: SocketAddr,
    server: SocketAddr,
    number: usize,
}

enum Wire {
    Udp(UdpSocket),
    /// For what no datagram can carry.
    Tcp(TcpStream, StreamDecoder),
}

impl Line {
    fn open(server: SocketAddr, number: usize, size: usize) -> Self {
        let (wire, local) = if size <= LARGEST_DATAGRAM {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            socket.connect(server).expect("loopback");
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let local = socket.local_addr().expect("an address");
            (Wire::Udp(socket), local)
        } else {
            let stream = TcpStream::connect(server).expect("the server listens on TCP");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let local = stream.local_addr().expect("an address");
            (Wire::Tcp(stream, StreamDecoder::new()), local)
        };
        Self { wire, local, server, number }
    }

    fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                // An ICMP error of an earlier datagram is reported here; the datagram is sent on the second try.
                let _ = socket.send(bytes).or_else(|_| socket.send(bytes)).expect("loopback takes it");
            }
            // The server may refuse and close in the middle of it: what counts is the answer.
            Wire::Tcp(stream, _) => drop(stream.write_all(bytes)),
        }
    }

    /// The final answer to what was sent, or nothing: an OPTIONS that is sent behind it is answered after it, so that
    /// silence needs no waiting. Answers that need a look-up may come after the fence's and are waited for.
    fn final_answer(&mut self) -> Option<Response> {
        let fence = format!("fence-{}", self.number);
        self.send(&self.request(Method::Options, &fence, 1).to_bytes());
        let (mut fenced, mut trying) = (false, false);
        loop {
            if fenced && !trying {
                return None;
            }
            let answer = self.receive()?;
            match answer.headers.call_id() {
                Ok(id) if id == fence => fenced = true,
                _ if answer.status < 200 => trying = true,
                _ => return Some(answer),
            }
        }
    }

    fn receive(&mut self) -> Option<Response> {
        let mut buffer = vec![0; 65_536];
        loop {
            let message = match &mut self.wire {
                Wire::Udp(socket) => {
                    let length = socket.recv(&mut buffer).ok()?;
                    Message::parse(&buffer[..length]).expect("the server's messages are well formed")
                }
                Wire::Tcp(stream, decoder) => match decoder.next_item().expect("the server's stream is well formed") {
                    Some(StreamItem::Message(message)) => message,
                    Some(_) => continue,
                    None => {
                        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
                        decoder.push(&buffer[..length]).expect("the server sends no more than a message at once");
                        continue;
                    }
                },
            };
            // Requests of the server, such as the BYE of a call that we left, are not answers.
            if let Message::Response(response) = message {
                return Some(response);
            }
        }
    }

    /// ACK and BYE for a call that was answered.
    fn hang_up(&mut self, answer: &Response) {
        let cseq = answer.headers.cseq().expect("a CSeq").number;
        for (method, number) in [(Method::Ack, cseq), (Method::Bye, cseq.wrapping_add(1))] {
            let mut request = self.request(method, "", number);
            for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
                let value = answer.headers.get(&name).expect("the answer names the dialog").clone();
                request.headers.set(name, value);
            }
            self.send(&request.to_bytes());
        }
    }

    fn request(&self, method: Method, call_id: &str, cseq: u32) -> Request {
        let (local, server, number) = (self.local, self.server, self.number);
        let transport = if matches!(self.wire, Wire::Udp(_)) { "UDP" } else { "TCP" };
        let uri = format!("sip:{server}").parse().expect("a URI");
        let branch = format!("z9hG4bK-{number}-{call_id}-{method}-{cseq}");
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        headers.push(HeaderName::Via, format!("SIP/2.0/{transport} {local};rport;branch={branch}"));
        headers.push(HeaderName::From, format!("<sip:tester@{local}>;tag=tester-{number}"));
        headers.push(HeaderName::To, format!("<sip:{server}>"));
        headers.push(HeaderName::CallId, call_id.to_owned());
        headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
        headers.push(HeaderName::MaxForwards, "70");
        request
    }
}
