//! The callers' media: one socket for all calls, which tells them apart by the port that VCA sends from.
//!
//! A call begins with VCA's first packet. From then on a tone goes back every 20 ms, with keys in between where asked, and
//! everything that comes is counted: what its sequence numbers say is missing, and how long nothing came.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vca::media::{Codec, EncodedAudio, tone};

/// The keys that each caller presses.
pub const KEYS: &str = "159#";

const FRAME: Duration = Duration::from_millis(20);
/// RTP ticks of a frame.
const TICKS: u32 = 160;
const HEADER: usize = 12;
const STEP: Duration = Duration::from_micros(100);
/// The last one is everything beyond.
const STEPS: usize = 200;
/// A pause that a jitter buffer of 40 ms does not bridge.
const GAP: Duration = Duration::from_millis(60);
/// A call that sends nothing for so long is over.
const OVER: Duration = Duration::from_millis(500);
const PCMA: u8 = 8;
const TELEPHONE_EVENT: u8 = 101;
/// Frames before the first key.
const BEFORE: usize = 50;
/// Frames of a key; the last three are its end.
const PRESSED: usize = 8;
/// Frames between keys.
const APART: usize = 7;

/// What came of one call's media.
#[derive(Debug, Clone, Copy)]
struct Received {
    packets: u64,
    again: u64,
    lost: u64,
    gaps: u64,
    longest_gap_ms: u64,
    /// Packets by how far their distance from the one before is from 20 ms, in steps of [`STEP`].
    uneven: [u32; STEPS],
}

/// What came of all calls' media.
#[derive(Debug, Default)]
pub struct Heard {
    pub calls: u64,
    pub packets: u64,
    pub again: u64,
    /// Missing between a call's first and last packet.
    pub lost: u64,
    /// Pauses of 60 ms and more.
    pub gaps: u64,
    pub longest_gap_ms: u64,
    /// How far the distance of two packets is from 20 ms at most, for 99 of 100, in milliseconds.
    pub uneven_p99_ms: f64,
    pub sent: u64,
    /// What the callers' own machine dropped because the socket was full: no fault of VCA's.
    pub dropped_here: u64,
}

/// A call under way.
struct Flow {
    ssrc: u32,
    first: u64,
    highest: u64,
    packets: u64,
    again: u64,
    gaps: u64,
    uneven: [u32; STEPS],
    longest: Duration,
    last_at: Instant,
    frame: usize,
}

impl Flow {
    fn new(ssrc: u32, seq: u16, now: Instant) -> Self {
        // Room below for packets that overtake one another at the start.
        let first = 65_536 + u64::from(seq);
        let longest = Duration::ZERO;
        Self {
            ssrc,
            first,
            highest: first,
            packets: 1,
            again: 0,
            gaps: 0,
            uneven: [0; STEPS],
            longest,
            last_at: now,
            frame: 0,
        }
    }

    fn take(&mut self, seq: u16, now: Instant) {
        // RFC 3550 appendix A.1: the nearest number that ends so.
        let ahead = i64::from(seq.wrapping_sub(self.highest as u16) as i16);
        let extended = self.highest.saturating_add_signed(ahead);
        if ahead == 0 {
            self.again += 1;
            return;
        }
        self.packets += 1;
        self.first = self.first.min(extended);
        self.highest = self.highest.max(extended);
        let pause = now.duration_since(self.last_at);
        self.longest = self.longest.max(pause);
        self.gaps += u64::from(pause >= GAP);
        let step = pause.abs_diff(FRAME).as_micros() / STEP.as_micros();
        self.uneven[usize::try_from(step).unwrap_or(STEPS).min(STEPS - 1)] += 1;
        self.last_at = now;
    }

    fn result(&self) -> Received {
        Received {
            packets: self.packets,
            again: self.again,
            lost: (self.highest - self.first + 1).saturating_sub(self.packets),
            gaps: self.gaps,
            longest_gap_ms: self.longest.as_millis() as u64,
            uneven: self.uneven,
        }
    }
}

#[derive(Default)]
struct Calls {
    /// By the address that VCA sends from.
    flows: HashMap<SocketAddr, Flow>,
    over: Vec<Received>,
}

/// The callers' end of all media, until [`Callers::finish`].
pub struct Callers {
    pub addr: SocketAddr,
    calls: Arc<Mutex<Calls>>,
    stop: Arc<AtomicBool>,
    threads: [JoinHandle<u64>; 2],
}

impl Callers {
    /// Begins to listen; `press` has every caller press [`KEYS`].
    pub fn start(press: bool) -> Self {
        let socket = socket2::Socket::from(UdpSocket::bind("127.0.0.1:0").expect("a port"));
        // A tick's packets of all calls at once; the kernel gives what it may.
        let _ = socket.set_recv_buffer_size(8 << 20);
        let _ = socket.set_send_buffer_size(8 << 20);
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(FRAME)).expect("a timeout can be set");
        let addr = socket.local_addr().expect("an address");
        let (calls, stop) = (Arc::<Mutex<Calls>>::default(), Arc::<AtomicBool>::default());
        let listener = {
            let (socket, calls, stop) = (socket.try_clone().expect("a socket"), calls.clone(), stop.clone());
            std::thread::spawn(move || listen(&socket, &calls, &stop))
        };
        let speaker = {
            let (calls, stop) = (calls.clone(), stop.clone());
            std::thread::spawn(move || speak(&socket, &calls, &stop, press))
        };
        Self { addr, calls, stop, threads: [listener, speaker] }
    }

    /// Ends it and adds up.
    pub fn finish(self) -> Heard {
        let dropped_here = dropped(self.addr.port());
        self.stop.store(true, Ordering::Relaxed);
        let [_, sent] = self.threads.map(|thread| thread.join().expect("no panic"));
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let rest: Vec<Received> = calls.flows.drain().map(|(_, flow)| flow.result()).collect();
        let mut uneven = [0; STEPS];
        let mut heard = Heard { sent, dropped_here, ..Heard::default() };
        for call in calls.over.drain(..).chain(rest) {
            heard.calls += 1;
            heard.packets += call.packets;
            heard.again += call.again;
            heard.lost += call.lost;
            heard.gaps += call.gaps;
            heard.longest_gap_ms = heard.longest_gap_ms.max(call.longest_gap_ms);
            uneven.iter_mut().zip(call.uneven).for_each(|(sum, count)| *sum += u64::from(count));
        }
        let all: u64 = uneven.iter().sum();
        let mut left = all - all / 100;
        let step = uneven.iter().position(|count| {
            left = left.saturating_sub(*count);
            left == 0
        });
        heard.uneven_p99_ms = (step.unwrap_or(0) + 1) as f64 * STEP.as_secs_f64() * 1_000.0;
        heard
    }
}

fn listen(socket: &UdpSocket, calls: &Mutex<Calls>, stop: &AtomicBool) -> u64 {
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => panic!("the callers' socket: {error}"),
        };
        // RTP version 2; RTCP goes to another port.
        if length < HEADER || buffer[0] >> 6 != 2 {
            continue;
        }
        let seq = u16::from_be_bytes([buffer[2], buffer[3]]);
        let ssrc = u32::from_be_bytes([buffer[8], buffer[9], buffer[10], buffer[11]]);
        let now = Instant::now();
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.flows.get_mut(&from) {
            Some(flow) if flow.ssrc == ssrc => flow.take(seq, now),
            _ => {
                // A later call that got the same port.
                let earlier = calls.flows.insert(from, Flow::new(ssrc, seq, now));
                calls.over.extend(earlier.map(|flow| flow.result()));
            }
        }
    }
    0
}

/// Sends every 20 ms to all calls that go on; how many packets went out.
fn speak(socket: &UdpSocket, calls: &Mutex<Calls>, stop: &AtomicBool, press: bool) -> u64 {
    let audio = EncodedAudio::from_pcm(Codec::Pcma, &tone::sine(700.0, 8_000.0, 80_000));
    let audio = audio.bytes;
    let (mut sent, mut tick) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        tick += FRAME;
        std::thread::sleep(tick.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let due: Vec<(SocketAddr, usize)> = {
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            let going_on = calls.flows.iter_mut().filter(|(_, flow)| now.duration_since(flow.last_at) < OVER);
            going_on
                .map(|(to, flow)| {
                    flow.frame += 1;
                    (*to, flow.frame - 1)
                })
                .collect()
        };
        for (to, frame) in due {
            let packet = packet(&audio, frame, to.port(), press);
            // A call that has just ended refuses it.
            sent += u64::from(socket.send_to(&packet, to).is_ok());
        }
    }
    sent
}

/// The packet of a call's frame: tone, or a part of a key.
fn packet(audio: &[u8], frame: usize, call: u16, press: bool) -> Vec<u8> {
    let frames = audio.len() / TICKS as usize;
    let pressed = press.then(|| key(frame)).flatten();
    let (marker, kind, timestamp) = match pressed {
        Some((_, 0)) => (true, TELEPHONE_EVENT, frame),
        Some((_, part)) => (false, TELEPHONE_EVENT, frame - part),
        None => (frame == 0, PCMA, frame),
    };
    let mut packet = vec![0x80, kind | u8::from(marker) << 7];
    packet.extend_from_slice(&(frame as u16).to_be_bytes());
    packet.extend_from_slice(&(timestamp as u32).wrapping_mul(TICKS).to_be_bytes());
    packet.extend_from_slice(&(0x5643_0000 | u32::from(call)).to_be_bytes());
    match pressed {
        // RFC 4733 §2.3: event, end and volume, duration; the end is sent three times (§2.5.1.4).
        Some((event, part)) => {
            let last = PRESSED - 3;
            let end = if part >= last { 0x80 } else { 0 };
            let duration = (part.min(last) + 1) as u16 * TICKS as u16;
            packet.extend_from_slice(&[event, end | 10]);
            packet.extend_from_slice(&duration.to_be_bytes());
        }
        None => {
            let at = frame % frames * TICKS as usize;
            packet.extend_from_slice(&audio[at..at + TICKS as usize]);
        }
    }
    packet
}

/// The event and its part that a frame carries, when a key is pressed then.
fn key(frame: usize) -> Option<(u8, usize)> {
    let since = frame.checked_sub(BEFORE)?;
    let (number, part) = (since / (PRESSED + APART), since % (PRESSED + APART));
    let key = KEYS.chars().nth(number).filter(|_| part < PRESSED)?;
    let event = "0123456789*#".find(key).expect("a key of a telephone");
    Some((event as u8, part))
}

/// What the kernel dropped for want of room in the socket on `port`: the last column of /proc/net/udp.
fn dropped(port: u16) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let ours = format!(":{port:04X}");
    let row = table.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&ours)));
    row.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or_default()
}
