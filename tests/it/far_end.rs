//! A far end that shares no code with VCA: SIP as text over a UDP socket of its own, and RTP that is a tone in A-law.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;
const RATE_HZ: f32 = 8_000.0;
/// What is listened to at once: a tenth of a second.
const WINDOW: usize = 5 * FRAME_SAMPLES;
/// Root of the mean square below which nothing is heard.
const QUIET: f64 = 100.0;

/// A SIP message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    pub text: String,
    from: SocketAddr,
}

impl Message {
    pub fn header(&self, name: &str) -> &str {
        self.headers(name).next().unwrap_or_default()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.split("\r\n").skip(1).filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub fn is(&self, method: &str) -> bool {
        self.text.starts_with(&format!("{method} "))
    }

    pub fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }
}

/// One side of a dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: String,
    ours: String,
    theirs: String,
    target: String,
    peer: SocketAddr,
    cseq: u32,
}

impl Dialog {
    /// Whether this request belongs to it.
    pub fn has(&self, request: &Message) -> bool {
        request.header("Call-ID") == self.call_id
    }
}

/// A SIP endpoint on one UDP port.
pub struct Phone {
    socket: UdpSocket,
    pub address: SocketAddr,
    inbox: VecDeque<Message>,
    /// What has come, and what it was answered with: a repetition gets the same answer.
    seen: Vec<(String, Option<String>)>,
    serial: u32,
}

impl Phone {
    pub fn at(ip: &str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a limit");
        let address = socket.local_addr().expect("an address");
        Self { socket, address, inbox: VecDeque::new(), seen: Vec::new(), serial: 0 }
    }

    pub fn uri(&self) -> String {
        format!("sip:person@{}", self.address)
    }

    /// Takes one datagram, if one comes soon.
    fn pull(&mut self) {
        let mut buffer = [0; 8_192];
        let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.trim().is_empty() {
            return;
        }
        match self.seen.iter().find(|(known, _)| *known == text) {
            Some((_, Some(answer))) => {
                self.socket.send_to(answer.as_bytes(), from).expect("it is sent");
            }
            Some((_, None)) => {}
            None => {
                self.seen.push((text.clone(), None));
                self.inbox.push_back(Message { text, from });
            }
        }
    }

    /// Waits for a message; what else comes is kept for later.
    pub fn expect(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(index) = self.inbox.iter().position(&wanted) {
                return self.inbox.remove(index).expect("it was found");
            }
            assert!(Instant::now() < deadline, "waited for {what}: {:#?}", self.inbox);
            self.pull();
        }
    }

    pub fn expect_request(&mut self, method: &str) -> Message {
        self.expect(method, |message| message.is(method))
    }

    /// Whether such a request has come by now.
    pub fn has_request(&mut self, method: &str) -> bool {
        self.pull();
        self.inbox.iter().any(|message| message.is(method))
    }

    /// Answers a request; `extra` holds whole header lines.
    pub fn respond(&mut self, request: &Message, status: &str, extra: &str, body: &str) {
        let vias: String = request.headers("Via").map(|via| format!("Via: {via}\r\n")).collect();
        let (from, to, call_id, cseq) =
            (request.header("From"), request.header("To"), request.header("Call-ID"), request.header("CSeq"));
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag=far{}", self.address.port()) };
        let text = format!(
            "SIP/2.0 {status}\r\n{vias}From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\
             Contact: <{}>\r\n{extra}{}",
            self.uri(),
            content(body)
        );
        self.socket.send_to(text.as_bytes(), request.from).expect("it is sent");
        if let Some(seen) = self.seen.iter_mut().find(|(known, _)| *known == request.text) {
            seen.1 = Some(text);
        }
    }

    /// 200 to an INVITE with this SDP, and its ACK.
    pub fn answer(&mut self, invite: &Message, sdp: &str) -> Dialog {
        self.respond(invite, "200 OK", "", sdp);
        let call_id = invite.header("Call-ID").to_owned();
        self.expect("ACK", |message| message.is("ACK") && message.header("Call-ID") == call_id);
        Dialog {
            call_id,
            ours: format!("{};tag=far{}", invite.header("To"), self.address.port()),
            theirs: invite.header("From").to_owned(),
            target: uri_in(invite.header("Contact")),
            peer: invite.from,
            cseq: 0,
        }
    }

    /// A dialog for a call to `number` at `peer`, before its INVITE.
    pub fn dialog(&mut self, peer: SocketAddr, number: &str) -> Dialog {
        self.serial += 1;
        Dialog {
            call_id: format!("call{}-{}", self.serial, self.address),
            ours: format!("<sip:+919812345678@{}>;tag=a{}", self.address, self.serial),
            theirs: format!("<sip:{number}@{peer}>"),
            target: format!("sip:{number}@{peer}"),
            peer,
            cseq: 0,
        }
    }

    /// Calls `number` at `peer` with this SDP; the dialog, and the SDP of the answer.
    pub fn call(&mut self, peer: SocketAddr, number: &str, sdp: &str) -> (Dialog, String) {
        let mut dialog = self.dialog(peer, number);
        let answer = self.ask(&mut dialog, "INVITE", "", sdp);
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
        (dialog, answer.body().to_owned())
    }

    /// Sends a request and waits for its final response; a 2xx to an INVITE is acknowledged.
    pub fn ask(&mut self, dialog: &mut Dialog, method: &str, extra: &str, body: &str) -> Message {
        dialog.cseq += 1;
        self.send(dialog, method, dialog.cseq, extra, body);
        let cseq = format!("{} {method}", dialog.cseq);
        let call_id = dialog.call_id.clone();
        let answer = self.expect(method, |message| {
            message.status() >= Some(200) && message.header("CSeq") == cseq && message.header("Call-ID") == call_id
        });
        if method == "INVITE" && answer.status() < Some(300) {
            dialog.theirs = answer.header("To").to_owned();
            dialog.target = uri_in(answer.header("Contact"));
            self.send(dialog, "ACK", dialog.cseq, "", "");
        }
        answer
    }

    fn send(&mut self, dialog: &Dialog, method: &str, cseq: u32, extra: &str, body: &str) {
        self.serial += 1;
        let Dialog { call_id, ours, theirs, target, peer, .. } = dialog;
        let (address, serial) = (self.address, self.serial);
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKfar{serial};rport\r\nMax-Forwards: 70\r\n\
             From: {ours}\r\nTo: {theirs}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{}>\r\n{extra}{}",
            self.uri(),
            content(body)
        );
        self.socket.send_to(text.as_bytes(), peer).expect("it is sent");
    }

    /// Waits for the BYE of this dialog and answers it; its Reason.
    pub fn expect_bye(&mut self, dialog: &Dialog) -> String {
        let bye =
            self.expect("BYE", |message| message.is("BYE") && message.header("Call-ID") == dialog.call_id.as_str());
        self.respond(&bye, "200 OK", "", "");
        bye.header("Reason").to_owned()
    }
}

fn content(body: &str) -> String {
    let kind = match body {
        "" => "",
        _ if body.starts_with("SIP/2.0") => "Content-Type: message/sipfrag;version=2.0\r\n",
        _ if body.starts_with("Signal") => "Content-Type: application/dtmf-relay\r\n",
        _ => "Content-Type: application/sdp\r\n",
    };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn uri_in(name_addr: &str) -> String {
    let inner = name_addr.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(name_addr, |(uri, _)| uri).to_owned()
}

/// The RTP of one far end: every 20 ms a packet of its tone or of silence.
pub struct Voice {
    port: u16,
    ip: String,
    version: u32,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    to: Option<SocketAddr>,
    hz: f32,
    /// Frames of the tone still to be sent; `None` is without end.
    frames: Option<u32>,
    mute: bool,
    stopped: bool,
    heard: VecDeque<i16>,
    /// Keys that came as telephone events, and the RTP time of the last one.
    keys: String,
    last_key: Option<[u8; 4]>,
    received: u64,
    /// Frames since the beginning.
    age: u64,
    /// Frames since something was heard.
    quiet: u32,
    /// Frames since a packet came.
    idle: u32,
    /// What will be heard again of what was heard, and how loud.
    echo: VecDeque<i16>,
    echo_level: f32,
    /// The first RTP timestamp that came.
    first: Option<u32>,
    told: Timeline,
}

/// What was heard and said, in milliseconds of the audio that came: time in which no audio comes does not pass.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Every 20 ms in which something was heard.
    pub heard: Vec<u64>,
    /// Where each of our own turns ended.
    pub spoken: Vec<u64>,
    /// The end of the audio.
    pub last: u64,
}

impl Voice {
    pub fn at(ip: &str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a port");
        socket.set_nonblocking(true).expect("it does not block");
        let port = socket.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State { frames: Some(0), ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || run(&socket, &shared));
        Self { port, ip: ip.to_owned(), version: 0, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our SDP, with this direction.
    pub fn sdp(&mut self, direction: &str) -> String {
        self.version += 1;
        let Self { port, ip, version, .. } = self;
        let family = if ip.contains(':') { "IP6" } else { "IP4" };
        format!(
            "v=0\r\no=- 7 {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )
    }

    /// Sends to where this SDP says.
    pub fn send_to(&self, sdp: &str) {
        let word = |kind: &str, at: usize| {
            let line = sdp.lines().find_map(|line| line.strip_prefix(kind)).expect("a line of SDP");
            line.split_whitespace().nth(at).expect("a word of SDP").to_owned()
        };
        let ip = word("c=", 2).parse().expect("an address");
        self.state().to = Some(SocketAddr::new(ip, word("m=audio", 0).parse().expect("a port")));
    }

    /// A tone from now on.
    pub fn tone(&self, hz: f32) {
        let mut state = self.state();
        (state.hz, state.frames) = (hz, None);
    }

    /// 600 ms of a tone, as if something were said; returns at its end.
    pub fn say(&self, hz: f32) {
        {
            let mut state = self.state();
            (state.hz, state.frames) = (hz, Some(30));
        }
        self.wait("the end of what is said", |state| state.frames == Some(0));
    }

    /// Sends back what it hears from now on, so much later and at this level, as a telephone on a table does.
    pub fn echo(&self, delay: Duration, level: f32) {
        let samples = delay.as_millis() as usize * RATE_HZ as usize / 1_000;
        let mut state = self.state();
        state.echo = std::iter::repeat_n(0, samples).collect();
        state.echo_level = level;
    }

    /// Begins to say something for `ms`, if nothing was heard for 1.2 s and something was since we spoke last.
    pub fn say_in_turn(&self, hz: f32, ms: u32) {
        let mut state = self.state();
        let answered = state.told.heard.last() > state.told.spoken.last();
        if state.frames == Some(0) && state.quiet >= 60 && answered {
            (state.hz, state.frames) = (hz, Some(ms / 20));
        }
    }

    /// What was heard and said so far.
    pub fn timeline(&self) -> Timeline {
        self.state().told.clone()
    }

    /// Sends no more packets.
    pub fn go_dead(&self) {
        self.state().mute = true;
    }

    pub fn come_back(&self) {
        self.state().mute = false;
    }

    pub fn received(&self) -> u64 {
        self.state().received
    }

    /// Waits until anything is heard.
    pub fn expect_sound(&self) {
        self.wait("a sound", |state| !state.told.heard.is_empty());
    }

    /// Waits until this tone is what is heard.
    pub fn expect_tone(&self, hz: f32) {
        self.wait(&format!("{hz} Hz"), |state| state.share(&[hz]) > 0.8);
    }

    /// Waits until these together are most of what is heard.
    pub fn expect_tones(&self, hz: &[f32]) {
        self.wait(&format!("{hz:?} Hz"), |state| state.share(hz) > 0.6);
    }

    /// Waits until these keys, and no others, have come as telephone events (RFC 4733).
    pub fn expect_keys(&self, keys: &str) {
        self.wait(&format!("keys {keys}"), |state| state.keys == keys);
    }

    /// Waits until nothing was heard for 600 ms.
    pub fn expect_quiet(&self) {
        self.wait("quiet", |state| state.quiet >= 30);
    }

    /// Waits until so much time has passed on the clock of the media.
    pub fn expect_time(&self, seconds: u64) {
        let until = self.state().age + seconds * 50;
        self.wait("time", |state| state.age >= until);
    }

    /// Waits until no packet came for 600 ms.
    pub fn expect_nothing(&self) {
        self.wait("no packets", |state| state.idle >= 30);
    }

    fn wait(&self, what: &str, met: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !met(&self.state()) {
            assert!(Instant::now() < deadline, "waited for {what}; {} packets came", self.received());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.state().stopped = true;
    }
}

impl State {
    /// How much of the power heard lies at these frequencies together.
    fn share(&self, frequencies: &[f32]) -> f64 {
        let samples: Vec<f64> = self.heard.iter().map(|sample| f64::from(*sample)).collect();
        let count = samples.len() as f64;
        let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / count;
        if samples.len() < WINDOW || power.sqrt() < QUIET {
            return 0.0;
        }
        let at = |hz: &f32| {
            let step = f64::from(*hz / RATE_HZ) * std::f64::consts::TAU;
            let (mut re, mut im) = (0.0, 0.0);
            for (n, sample) in samples.iter().enumerate() {
                re += sample * (step * n as f64).cos();
                im += sample * (step * n as f64).sin();
            }
            2.0 * (re * re + im * im) / (count * count)
        };
        frequencies.iter().map(at).sum::<f64>() / power
    }

    fn take(&mut self, packet: &[u8]) {
        self.received += 1;
        self.idle = 0;
        if packet.len() >= 16 && packet[1] & 0x7F == 101 {
            self.take_event(packet);
        }
        if packet.len() < 12 || packet[1] & 0x7F != 8 {
            return;
        }
        let samples = packet[12..].iter().map(|byte| from_a_law(*byte));
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let first = *self.first.get_or_insert(timestamp);
        self.told.last = self.told.last.max(u64::from(timestamp.wrapping_sub(first)) / 8);
        let power = samples.clone().map(|sample| f64::from(sample).powi(2)).sum::<f64>() / (packet.len() - 12) as f64;
        if power.sqrt() > QUIET {
            self.quiet = 0;
            self.told.heard.push(u64::from(timestamp.wrapping_sub(first)) / 8);
        }
        if self.echo_level > 0.0 {
            self.echo.extend(samples.clone());
        }
        self.heard.extend(samples);
        let excess = self.heard.len().saturating_sub(WINDOW);
        self.heard.drain(..excess);
    }
}

impl State {
    /// A key counts at its end, of which there are three packets with one RTP time.
    fn take_event(&mut self, packet: &[u8]) {
        let time = [packet[4], packet[5], packet[6], packet[7]];
        if packet[13] & 0x80 == 0 || self.last_key == Some(time) {
            return;
        }
        self.last_key = Some(time);
        self.keys.extend("0123456789*#ABCD".chars().nth(packet[12].into()));
    }
}

fn run(socket: &UdpSocket, state: &Mutex<State>) {
    let (mut next, mut frame) = (Instant::now(), 0_u32);
    loop {
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return;
        }
        state.age += 1;
        state.quiet += 1;
        state.idle += 1;
        let mut buffer = [0; 2_048];
        while let Ok(length) = socket.recv(&mut buffer) {
            state.take(&buffer[..length]);
        }
        if state.idle > 10 {
            state.heard.clear();
        }
        let sounds = state.frames != Some(0);
        if state.frames == Some(1) {
            let last = state.told.last;
            state.told.spoken.push(last);
        }
        state.frames = state.frames.map(|frames| frames.saturating_sub(1));
        if let Some(to) = state.to.filter(|_| !state.mute) {
            let hz = if sounds { state.hz } else { 0.0 };
            // A far end that is gone is no failure of ours.
            let count = state.echo.len().min(FRAME_SAMPLES);
            let echo: Vec<i16> = state.echo.drain(..count).collect();
            let _ = socket.send_to(&packet(frame, hz, &echo, state.echo_level), to);
        }
        frame = frame.wrapping_add(1);
    }
}

fn packet(frame: u32, hz: f32, echo: &[i16], echo_level: f32) -> Vec<u8> {
    let time = frame.wrapping_mul(FRAME_SAMPLES as u32);
    let mut packet = vec![0x80, 8];
    packet.extend((frame as u16).to_be_bytes());
    packet.extend(time.to_be_bytes());
    packet.extend(0x00FA_0E4D_u32.to_be_bytes());
    packet.extend((0..FRAME_SAMPLES as u32).map(|n| {
        let turns = (time.wrapping_add(n) % 8_000) as f32 * hz / RATE_HZ;
        let tone = (turns.fract() * std::f32::consts::TAU).sin() * 8_000.0;
        let echo = echo.get(n as usize).map_or(0.0, |sample| f32::from(*sample) * echo_level);
        to_a_law((tone + echo) as i16)
    }));
    packet
}

/// ITU-T G.711, table 1a.
fn to_a_law(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, sample >> 4) } else { (0, !sample >> 4) };
    let byte = match magnitude {
        0..=15 => magnitude,
        _ => {
            let segment = 12 - magnitude.leading_zeros() as i16;
            (segment << 4) | ((magnitude >> (segment - 1)) & 0x0F)
        }
    };
    (byte as u8 | sign) ^ 0x55
}

fn from_a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (segment, step) = (i32::from(byte >> 4 & 7), i32::from(byte & 0x0F));
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    (if byte & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

#[test]
fn a_law_comes_back_as_it_went() {
    for sample in (-32_000..32_000_i16).step_by(37) {
        let back = from_a_law(to_a_law(sample));
        assert!(sample.abs_diff(back) <= 16 + sample.unsigned_abs() / 16, "{sample} came back as {back}");
    }
    assert_eq!((to_a_law(0), to_a_law(-1)), (0xD5, 0x55));
}
