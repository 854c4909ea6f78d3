//! What carrying calls costs: pacing, CPU per call, how soon a cached phrase begins, and what each codec takes.
//!
//! The far ends live in a child process, so that their cost is not counted. Arrival times are the kernel's.
//!
//! `cargo bench --bench media -- [calls] [seconds]`

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use vca::media::codec::stream::{OpusWishes, WideDecoder, WideEncoder, g722_frame};
use vca::media::net::{RecvBatch, make_punctual, monotonic_ns, sleep_until};
use vca::media::srtp::{RTP_OVERHEAD, SrtpSession};
use vca::media::{
    Clip, ClipId, Codec, Direction, EncodedAudio, MasterKey, MediaConfig, MediaEngine, MediaEvent, MediaParams,
    MediaSession, SessionOptions, SrtpKeys, Suite, rtp, tone,
};

const FRAME_NS: u64 = 20_000_000;

fn main() {
    if std::env::var_os("VCA_BENCH_PEER").is_some() {
        return peer();
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        println!("run by `cargo bench --bench media`");
        return;
    }
    let mut numbers = args.iter().filter_map(|arg| arg.parse::<usize>().ok());
    let calls = numbers.next().unwrap_or(100);
    let seconds = numbers.next().unwrap_or(10);
    // First, while all memory is its own.
    relay(calls * 2, seconds, Codec::Pcma);
    for other in [Codec::Opus, Codec::G722] {
        relay(calls / 4, seconds, other);
    }
    codecs();
    encrypt();
    for (what, recorded) in [("cached prompt, RTP both ways", false), ("the same, recorded", true)] {
        carry(what, calls, seconds, recorded);
    }
}

/// What one frame of 20 ms takes to be encoded and decoded in each codec, on one core.
fn codecs() {
    const FRAMES: usize = 3_000;
    let pcm = speech_like(FRAMES);
    println!("one frame of 20 ms, encoded and decoded");
    for codec in Codec::ALL {
        let mut payloads = Vec::new();
        let began = Instant::now();
        encode(codec, &pcm, |payload| payloads.push(payload));
        let encoded = began.elapsed();
        let began = Instant::now();
        let mut out = [0; 1_920];
        let mut decoder = WideDecoder::new(codec);
        for payload in &payloads {
            match (&mut decoder, codec.law()) {
                (Some(decoder), _) => _ = decoder.decode(payload, &mut out),
                (None, Some(law)) => _ = law.decode_into(payload, &mut out),
                (None, None) => unreachable!("a codec without law has a decoder"),
            }
            std::hint::black_box(&out);
        }
        let decoded = began.elapsed();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / FRAMES as f64;
        let bytes = payloads.iter().map(Vec::len).sum::<usize>() / payloads.len();
        println!("  {codec:?}: {:.1} µs and {:.1} µs, {bytes} bytes", each(encoded), each(decoded));
    }
}

/// Frames at 16 kHz with a gliding pitch, harmonics and syllables.
fn speech_like(frames: usize) -> Vec<[i16; 320]> {
    let mut phase = 0.0f64;
    let mut sample = |n: usize| {
        let t = n as f64 / 16_000.0;
        phase += (120.0 + 30.0 * (t * 3.0).sin()) / 16_000.0;
        let harmonics: f64 =
            (1..=20).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
        (harmonics * (0.55 + 0.45 * (t * 25.0).sin()) * 6_000.0) as i16
    };
    (0..frames).map(|frame| std::array::from_fn(|n| sample(frame * 320 + n))).collect()
}

/// Encodes frames as a leg does that was asked for nothing special but the copy against losses.
fn encode(codec: Codec, pcm: &[[i16; 320]], mut each: impl FnMut(Vec<u8>)) {
    let mut encoder = WideEncoder::new(codec, OpusWishes { fec: true, ..OpusWishes::default() }, 20);
    let mut payload = [0; 1_440];
    for frame in pcm {
        match (&mut encoder, codec.law()) {
            (Some(WideEncoder::G722(encoder)), _) => each(g722_frame(encoder, frame).to_vec()),
            (Some(WideEncoder::Opus(encoder)), _) => {
                let (length, _) = encoder.push(frame, &mut payload).expect("a packet is a frame");
                each(payload[..length].to_vec());
            }
            (None, Some(law)) => each(frame.iter().step_by(2).map(|sample| law.encode_sample(*sample)).collect()),
            (None, None) => unreachable!("a codec without law has an encoder"),
        }
    }
}

/// A session in this codec whose far end is at this port of the machine.
fn open(
    engine: &MediaEngine,
    port: &str,
    codec: Codec,
    recording: Option<PathBuf>,
) -> (MediaSession, Receiver<MediaEvent>) {
    let (session, events) =
        engine.open(SessionOptions { recording, ..SessionOptions::default() }).expect("a free port");
    session.configure(MediaParams {
        codec,
        payload_type: codec.default_payload_type(),
        dtmf_payload_type: Some(101),
        dtmf_clock_hz: 8_000,
        opus: Default::default(),
        remote: SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().expect("a port"))),
        direction: Direction::SEND_RECV,
        ptime_ms: 20,
        srtp: None,
    });
    (session, events)
}

/// Joins the two legs of each call, A-law and `other`, and prints what passing on costs, and whether all of it arrived.
fn relay(calls: usize, seconds: usize, other: Codec) {
    let (mut child, mut to_child, mut from_child) = start_peer(calls * 2, other);
    let engine = MediaEngine::start(MediaConfig::default()).expect("the engine starts");
    let mut remotes = String::new();
    from_child.read_line(&mut remotes).expect("the peer's ports");
    let ports: Vec<&str> = remotes.split_whitespace().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let (mut sessions, mut guards) = (Vec::new(), Vec::new());
    let half = calls.min(100);
    let mut memory = 0.0;
    for (n, pair) in ports.chunks_exact(2).enumerate() {
        if n == half {
            memory = resident_kb();
        }
        let [(a, of_a), (b, of_b)] =
            [(pair[0], Codec::Pcma), (pair[1], other)].map(|(port, codec)| open(&engine, port, codec, None));
        guards.push(a.bridge(&b).expect("one wheel"));
        for events in [of_a, of_b] {
            runtime.spawn(consume(events, Arc::default()));
        }
        sessions.extend([a, b]);
    }
    let ports: Vec<String> = sessions.iter().map(|s| s.local_port().to_string()).collect();
    writeln!(to_child, "{}", ports.join(" ")).expect("the peer reads");
    std::thread::sleep(Duration::from_secs(1));
    let (cpu, clock) = (media_cpu(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds as u64));
    let (cpu, clock) = (media_cpu() - cpu, clock.elapsed());
    let memory = resident_kb() - memory;
    let mut spacing = String::new();
    writeln!(to_child, "stop").expect("the peer reads");
    from_child.read_line(&mut spacing).expect("the peer's figures");
    child.wait().expect("the peer ends");

    // A leg counts what it has passed on in its next turn.
    std::thread::sleep(Duration::from_millis(100));
    assert!(guards.iter().all(|guard| guard.is_open()), "every call is still joined");
    let stats: Vec<_> = sessions.iter().map(MediaSession::stats).collect();
    let sum = |field: fn(&vca::media::MediaStats) -> u64| stats.iter().map(field).sum::<u64>();
    println!("{calls} bridged calls, A-law and {other:?}, both ways, {seconds} s");
    let share = cpu.as_secs_f64() / clock.as_secs_f64() / calls as f64 * 100.0;
    println!("  CPU per call           {share:.3} % of a core, both ways together");
    if calls > half {
        println!("  memory per call        {:.0} kB at most, beyond the first {half}", memory / (calls - half) as f64);
    }
    println!(
        "  packets received {} passed on {} lost {}, {} refused by far ends that had ended",
        sum(|s| s.packets_received),
        sum(|s| s.packets_sent),
        sum(|s| s.packets_lost),
        sum(|s| s.send_errors)
    );
    println!("  spacing off 20 ms      {}", spacing.trim());
}

/// Prints what SRTP adds to a packet of 20 ms of G.711: once on the way out and once on the way in.
fn encrypt() {
    const PACKETS: u32 = 200_000;
    for suite in Suite::ALL {
        let key = |byte| MasterKey::from_bytes([byte; 30]);
        let mut near = SrtpSession::new(SrtpKeys { suite, local: key(1), remote: key(2) });
        let mut far = SrtpSession::new(SrtpKeys { suite, local: key(2), remote: key(1) });
        let (mut protect, mut unprotect) = (Duration::ZERO, Duration::ZERO);
        let mut packet = [0xD5; rtp::HEADER_BYTES + 160 + RTP_OVERHEAD];
        for n in 0..PACKETS {
            rtp::Header { payload_type: 8, marker: false, sequence: n as u16, timestamp: n * 160, ssrc: 1 }
                .write(&mut packet);
            let begin = Instant::now();
            let length = near.protect_rtp(&mut packet, rtp::HEADER_BYTES + 160).expect("a new number");
            let middle = Instant::now();
            far.unprotect_rtp(&mut packet[..length]).expect("the right key");
            unprotect += middle.elapsed();
            protect += middle - begin;
        }
        let each = |total: Duration| total.as_nanos() as f64 / f64::from(PACKETS) / 1_000.0;
        println!("{}: {:.2} µs to encrypt, {:.2} µs to decrypt a packet", suite.name(), each(protect), each(unprotect));
    }
}

/// Resident memory of this process.
fn resident_kb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("kB")
}

/// Carries calls for some time and prints what it cost.
fn carry(what: &str, calls: usize, seconds: usize, recorded: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut child, mut to_child, mut from_child) = start_peer(calls, Codec::Pcma);
    let engine = MediaEngine::start(MediaConfig::default()).expect("the engine starts");
    let mut remotes = String::new();
    from_child.read_line(&mut remotes).expect("the peer's ports");
    let prompt = EncodedAudio::from_pcm(Codec::Pcma, &tone::sine(440.0, 8_000.0, 8_000 * 5));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let started = Arc::new(Mutex::new(Vec::new()));
    let mut sessions = Vec::new();
    for (n, port) in remotes.split_whitespace().enumerate() {
        let recording = recorded.then(|| folder.path().join(format!("{n}.wav")));
        let (session, events) = open(&engine, port, Codec::Pcma, recording);
        runtime.spawn(consume(events, Arc::clone(&started)));
        sessions.push(session);
    }
    let ports: Vec<String> = sessions.iter().map(|s| s.local_port().to_string()).collect();
    writeln!(to_child, "{}", ports.join(" ")).expect("the peer reads");

    let first_packets = first_packet_latencies(&sessions, &prompt, &started);
    for session in &sessions {
        let clips = (0..seconds as u64 / 5 + 2).map(|n| Clip { id: ClipId(1_000 + n), audio: prompt.clone() });
        session.play(clips.collect());
    }
    std::thread::sleep(Duration::from_secs(1));
    let (cpu, clock) = (media_cpu(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds as u64));
    let (cpu, clock) = (media_cpu() - cpu, clock.elapsed());
    let mut pacing = String::new();
    writeln!(to_child, "stop").expect("the peer reads");
    from_child.read_line(&mut pacing).expect("the peer's figures");
    child.wait().expect("the peer ends");

    let stats: Vec<_> = sessions.iter().map(MediaSession::stats).collect();
    let sum = |field: fn(&vca::media::MediaStats) -> u64| stats.iter().map(field).sum::<u64>();
    println!("{calls} calls, {what}, {seconds} s");
    println!("  pacing error           {}", pacing.trim());
    let share = cpu.as_secs_f64() / clock.as_secs_f64() / calls as f64 * 100.0;
    println!("  CPU per call           {share:.3} % of a core ({:.1} µs per frame)", share * 200.0);
    println!("  command → first packet {}", quantiles(first_packets, 1e6, "ms"));
    println!(
        "  packets sent {} received {} lost {} late {}, frames dropped {}, woken late by at most {} µs",
        sum(|s| s.packets_sent),
        sum(|s| s.packets_received),
        sum(|s| s.packets_lost),
        sum(|s| s.packets_late),
        sum(|s| s.frames_dropped),
        engine.stats().max_late_us
    );
}

async fn consume(mut events: Receiver<MediaEvent>, started: Arc<Mutex<Vec<(u64, Instant)>>>) {
    while let Some(event) = events.recv().await {
        if let MediaEvent::PlayoutStarted { id, at, .. } = event {
            started.lock().expect("no panic elsewhere").push((id.0, at));
        }
    }
}

/// From the command to the first packet, in nanoseconds: one phrase after the other, at changing phases of the wheel.
fn first_packet_latencies(
    sessions: &[MediaSession],
    prompt: &EncodedAudio,
    started: &Mutex<Vec<(u64, Instant)>>,
) -> Vec<u64> {
    let phrase = EncodedAudio { codec: prompt.codec, bytes: prompt.bytes[..800].into() };
    let mut commanded = Vec::new();
    for n in 0..200u64 {
        std::thread::sleep(Duration::from_micros(7_300));
        commanded.push(Instant::now());
        sessions[n as usize % sessions.len()].play(vec![Clip { id: ClipId(n), audio: phrase.clone() }]);
    }
    std::thread::sleep(Duration::from_millis(500));
    let started = started.lock().expect("no panic elsewhere");
    let latency = |(n, at): &(u64, Instant)| at.duration_since(commanded[*n as usize]).as_nanos() as u64;
    let latencies: Vec<u64> = started.iter().filter(|(n, _)| *n < 200).map(latency).collect();
    assert_eq!(latencies.len(), 200, "every phrase has begun");
    latencies
}

/// CPU time of the wheels and the recorder so far.
fn media_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux system");
    let mut total = 0;
    for task in tasks.flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").starts_with("media-") {
            total += read("schedstat").split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(total)
}

fn quantiles(mut values: Vec<u64>, unit: f64, name: &str) -> String {
    values.sort_unstable();
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize] as f64 / unit;
    format!("p50 {:.3} p99 {:.3} max {:.3} {name} ({} values)", at(0.5), at(0.99), at(1.0), values.len())
}

fn start_peer(calls: usize, other: Codec) -> (Child, ChildStdin, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("our own path"))
        .env("VCA_BENCH_PEER", format!("{calls} {}", other.rtpmap_name()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peer starts");
    let to_child = child.stdin.take().expect("piped");
    let from_child = BufReader::new(child.stdout.take().expect("piped"));
    (child, to_child, from_child)
}

/// The far ends: each sends a packet every 20 ms, every second one in the codec named, and all arrivals are noted by the
/// kernel's clock.
fn peer() {
    let setting = std::env::var("VCA_BENCH_PEER").expect("set by the parent");
    let (calls, other) = setting.split_once(' ').expect("a number and a codec");
    let calls: usize = calls.parse().expect("a number");
    let other = Codec::ALL.into_iter().find(|codec| codec.rtpmap_name() == other).expect("a codec");
    let mut of_other = Vec::new();
    encode(other, &speech_like(250), |payload| of_other.push(payload));
    let sockets: Vec<UdpSocket> = (0..calls).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a free port")).collect();
    for socket in &sockets {
        socket.set_nonblocking(true).expect("non-blocking");
        let one: libc::c_int = 1;
        // SAFETY: the option's value is a c_int and its size is given.
        let done = unsafe {
            let fd = std::os::fd::AsRawFd::as_raw_fd(socket);
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, (&raw const one).cast(), 4)
        };
        assert_eq!(done, 0, "kernel timestamps");
    }
    let ports: Vec<String> = sockets.iter().map(|s| s.local_addr().expect("bound").port().to_string()).collect();
    println!("{}", ports.join(" "));
    let mut remotes = String::new();
    std::io::stdin().read_line(&mut remotes).expect("the engine's ports");
    for (socket, port) in sockets.iter().zip(remotes.split_whitespace()) {
        socket.connect((Ipv4Addr::LOCALHOST, port.parse().expect("a port"))).expect("connects");
    }
    let (stop, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        _ = std::io::stdin().read_line(&mut String::new());
        _ = stop.send(());
    });
    make_punctual(true);
    let mut arrivals: Vec<Vec<u64>> = vec![Vec::new(); calls];
    let mut batch = RecvBatch::default();
    let mut packet = Vec::with_capacity(1_500);
    let start = monotonic_ns() / FRAME_NS * FRAME_NS;
    for turn in 1u64.. {
        if stopped.try_recv().is_ok() {
            break;
        }
        for (n, socket) in sockets.iter().enumerate() {
            sleep_until(start + turn * FRAME_NS + FRAME_NS * n as u64 / calls as u64);
            let codec = if n % 2 == 0 { Codec::Pcma } else { other };
            packet.clear();
            packet.resize(rtp::HEADER_BYTES, 0);
            if codec == Codec::Pcma {
                packet.resize(rtp::HEADER_BYTES + 160, 0xD5);
            } else {
                packet.extend_from_slice(&of_other[turn as usize % of_other.len()]);
            }
            let (sequence, timestamp) = (turn as u16, turn as u32 * 160 * codec.clock_per_tick());
            let payload_type = codec.default_payload_type();
            rtp::Header { payload_type, marker: turn == 1, sequence, timestamp, ssrc: n as u32 }.write(&mut packet);
            _ = socket.send(&packet);
            let count = batch.receive(socket);
            arrivals[n].extend((0..count).filter_map(|i| batch.get(i)?.2));
        }
    }
    // The first second is set-up.
    let errors = arrivals.iter().flat_map(|times| {
        times.get(50..).unwrap_or_default().windows(2).map(|pair| (pair[1] - pair[0]).abs_diff(FRAME_NS))
    });
    println!("{}", quantiles(errors.collect(), 1e6, "ms"));
}
