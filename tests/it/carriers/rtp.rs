//! A telephone's audio in the simulation: a tone and keys out, tones and keys in, over plain RTP.

use std::collections::{BTreeMap, VecDeque};
use std::f64::consts::TAU;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::wire::lock;

const RATE_HZ: f64 = 8_000.0;
/// Samples that a tone is looked for in: 50 ms, which tells tones 20 Hz apart.
const BLOCK: usize = 400;

/// What the tests listen for, in Hz.
const TONES: [u32; 3] = [super::VOICE_HZ, super::CALLER_HZ, super::PERSON_HZ];

/// One end of a call's audio.
pub struct Rtp {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Of what is sent, in Hz; 0 is silence.
    tone: AtomicU32,
    /// Packets sent since the tone was set.
    since: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where to, payload type, that of telephone-event, and packet time.
    out: Option<Out>,
    keys_out: VecDeque<char>,
    keys_in: String,
    /// Packets by payload type.
    payload_types: BTreeMap<u8, u64>,
    block: Vec<i16>,
    /// Blocks in which a tone was the loudest thing, by its pitch; 0 for other sounds.
    blocks: BTreeMap<u32, u64>,
    last_event: Option<u32>,
}

#[derive(Clone, Copy)]
struct Out {
    to: SocketAddr,
    payload_type: u8,
    event_type: u8,
    ptime_ms: u32,
}

impl Rtp {
    pub fn open(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let addr = socket.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (sender, to_send) = (socket.try_clone().expect("a second handle"), Arc::clone(&shared));
        std::thread::spawn(move || send(&sender, &to_send));
        let heard = Arc::clone(&shared);
        std::thread::spawn(move || receive(&socket, &heard));
        Self { addr, shared }
    }

    /// Sends from now on: `payload_type` 0 or 8, keys as `event_type`.
    pub fn send_to(&self, to: SocketAddr, payload_type: u8, event_type: u8, ptime_ms: u32) {
        lock(&self.shared.state).out = Some(Out { to, payload_type, event_type, ptime_ms });
    }

    /// What is sent in place of silence, in Hz.
    pub fn speak(&self, hz: u32) {
        self.shared.tone.store(hz, Ordering::Relaxed);
        self.shared.since.store(0, Ordering::Relaxed);
    }

    /// Sends a tone for so long, and silence after it.
    pub fn say(&self, hz: u32, ms: u64) {
        self.speak(hz);
        let packets = ms / 20;
        self.until(&format!("{ms} ms of speech to be sent"), |_| {
            (self.shared.since.load(Ordering::Relaxed) >= packets).then_some(())
        });
        self.speak(0);
    }

    pub fn press(&self, keys: &str) {
        lock(&self.shared.state).keys_out.extend(keys.chars());
    }

    /// Waits until so many blocks of 50 ms of this tone have come.
    pub fn hear(&self, hz: u32, blocks: u64) {
        let before = self.blocks(hz);
        self.until(&format!("a tone of {hz} Hz"), |state| {
            (state.blocks.get(&hz).copied().unwrap_or_default() >= before + blocks).then_some(())
        });
    }

    pub fn blocks(&self, hz: u32) -> u64 {
        lock(&self.shared.state).blocks.get(&hz).copied().unwrap_or_default()
    }

    /// Payload types of all that came.
    pub fn payload_types(&self) -> Vec<u8> {
        lock(&self.shared.state).payload_types.keys().copied().collect()
    }

    fn until<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + super::LIMIT;
        loop {
            let state = lock(&self.shared.state);
            if let Some(found) = look(&state) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited for {what} at {}: {:?} packets by type, {:?} blocks by pitch",
                self.addr,
                state.payload_types,
                state.blocks
            );
            drop(state);
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Rtp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn send(socket: &UdpSocket, shared: &Shared) {
    let (mut sequence, mut timestamp, mut phase) = (7_u16, 160_000_u32, 0_u64);
    let mut next = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        let (out, key) = {
            let mut state = lock(&shared.state);
            let out = state.out;
            (out, out.and_then(|_| state.keys_out.pop_front()))
        };
        let Some(out) = out else {
            std::thread::park_timeout(Duration::from_millis(5));
            next = Instant::now();
            continue;
        };
        let samples = u64::from(out.ptime_ms) * 8;
        if let Some(key) = key {
            send_key(socket, out, key, &mut sequence, &mut timestamp);
            next = Instant::now();
            continue;
        }
        let hz = f64::from(shared.tone.load(Ordering::Relaxed));
        let level = if hz == 0.0 { 0.0 } else { 9_000.0 };
        let sample = |n: u64| ((n as f64 * hz * TAU / RATE_HZ).sin() * level) as i16;
        let payload: Vec<u8> = (phase..phase + samples).map(|n| encode(out.payload_type, sample(n))).collect();
        // The receiver may be gone already.
        let _ = socket.send_to(&packet(out.payload_type, false, sequence, timestamp, &payload), out.to);
        (sequence, timestamp, phase) =
            (sequence.wrapping_add(1), timestamp.wrapping_add(samples as u32), phase + samples);
        shared.since.fetch_add(u64::from(out.ptime_ms / 20), Ordering::Relaxed);
        next += Duration::from_millis(out.ptime_ms.into());
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
    }
}

/// A key of 100 ms (RFC 4733 §2.5.1.2): updates every 20 ms, the last one three times.
fn send_key(socket: &UdpSocket, out: Out, key: char, sequence: &mut u16, timestamp: &mut u32) {
    let code = "0123456789*#ABCD".find(key).expect("a key of the keypad") as u8;
    for (index, duration) in [160_u16, 320, 480, 640, 800, 800, 800].into_iter().enumerate() {
        let end = if index >= 4 { 0x80 } else { 0 };
        let [high, low] = duration.to_be_bytes();
        let bytes = packet(out.event_type, index == 0, *sequence, *timestamp, &[code, end | 10, high, low]);
        let _ = socket.send_to(&bytes, out.to);
        *sequence = sequence.wrapping_add(1);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    *timestamp = timestamp.wrapping_add(1_120);
}

fn packet(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&0x0c0f_fee0_u32.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn receive(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 2_048];
    while !shared.stop.load(Ordering::Relaxed) {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        if length < 12 || buffer[0] >> 6 != 2 {
            continue;
        }
        let payload_type = buffer[1] & 0x7f;
        let payload = &buffer[12 + 4 * usize::from(buffer[0] & 15)..length];
        let mut state = lock(&shared.state);
        *state.payload_types.entry(payload_type).or_default() += 1;
        match payload_type {
            0 | 8 => {
                for byte in payload {
                    state.block.push(decode(payload_type, *byte));
                    if state.block.len() == BLOCK {
                        let block = std::mem::take(&mut state.block);
                        if let Some(hz) = loudest(&block) {
                            *state.blocks.entry(hz).or_default() += 1;
                        }
                    }
                }
            }
            96.. if payload.len() == 4 => {
                let began = u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]);
                if state.last_event != Some(began) {
                    state.last_event = Some(began);
                    let key = "0123456789*#ABCD".chars().nth(payload[0].into()).unwrap_or('?');
                    state.keys_in.push(key);
                }
            }
            _ => {}
        }
    }
}

/// The tone that holds most of the block's energy; 0 for another sound, `None` for silence.
fn loudest(block: &[i16]) -> Option<u32> {
    let energy: f64 = block.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if (energy / block.len() as f64).sqrt() < 100.0 {
        return None;
    }
    let holds = |hz: u32| {
        let step = f64::from(hz) * TAU / RATE_HZ;
        let at = |f: fn(f64) -> f64| -> f64 {
            block.iter().enumerate().map(|(n, sample)| f64::from(*sample) * f(step * n as f64)).sum()
        };
        2.0 * (at(f64::sin).powi(2) + at(f64::cos).powi(2)) / (block.len() as f64 * energy) > 0.7
    };
    Some(TONES.into_iter().find(|hz| holds(*hz)).unwrap_or(0))
}

/// G.711: 8 is A-law, 0 is µ-law.
fn encode(payload_type: u8, sample: i16) -> u8 {
    // The nearest code word: slow, and beyond doubt.
    static TABLES: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
    let tables =
        TABLES.get_or_init(|| [0, 8].map(|law| (0..=4_095_u16).map(|n| nearest(law, (n << 4) as i16)).collect()));
    let index = usize::from((sample as u16) >> 4);
    tables[usize::from(payload_type == 8)][index]
}

fn nearest(law: u8, sample: i16) -> u8 {
    let distance = |code: &u8| (i32::from(decode(law, *code)) - i32::from(sample)).abs();
    (0..=255).min_by_key(distance).expect("256 code words")
}

/// ITU-T G.711, tables 1a to 2b, scaled to 16 bits.
fn decode(law: u8, code: u8) -> i16 {
    if law == 8 {
        let code = code ^ 0x55;
        let (segment, step) = (i32::from(code >> 4) & 7, i32::from(code & 15));
        let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 264) << (segment - 1) };
        (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
    } else {
        let code = !code;
        let (segment, step) = (i32::from(code >> 4) & 7, i32::from(code & 15));
        let magnitude = (((step << 3) + 132) << segment) - 132;
        (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
    }
}

#[test]
fn tones_survive_both_laws_and_are_told_apart() {
    for law in [0, 8] {
        for hz in TONES {
            let sample = |n: usize| ((n as f64 * f64::from(hz) * TAU / RATE_HZ).sin() * 9_000.0) as i16;
            let block: Vec<i16> = (0..BLOCK).map(|n| decode(law, encode(law, sample(n)))).collect();
            assert_eq!(loudest(&block), Some(hz));
        }
        let silence = vec![decode(law, encode(law, 0)); BLOCK];
        assert_eq!(loudest(&silence), None);
    }
    assert_eq!((decode(8, 0xd5), decode(0, 0xff)), (8, 0), "the idle code words");
}
