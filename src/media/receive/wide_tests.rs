//! Streams in G.722 and Opus, on a virtual clock: losses, changes of order, pauses, and what is no audio at all.

use proptest::prelude::*;

use super::*;
use crate::media::codec::stream::{OpusWishes, WideEncoder, g722_frame};
use crate::media::rtp::{HEADER_BYTES, Header};
use crate::media::sdp::Direction;
use crate::media::tone;

const SDP: &str = "203.0.113.5:4000";

fn params(codec: Codec) -> MediaParams {
    MediaParams {
        codec,
        payload_type: codec.default_payload_type(),
        dtmf_payload_type: None,
        dtmf_clock_hz: codec.clock_rate_hz(),
        opus: OpusWishes::default(),
        remote: SDP.parse().unwrap(),
        direction: Direction::SEND_RECV,
        ptime_ms: 20,
        srtp: None,
    }
}

fn packet(codec: Codec, n: u32, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; HEADER_BYTES];
    // Both numbers wrap on the way.
    let (sequence, timestamp) =
        ((n as u16).wrapping_add(65_500), (n * 160 * codec.clock_per_tick()).wrapping_add(u32::MAX - 9_000));
    Header { payload_type, marker: false, sequence, timestamp, ssrc: 7 }.write(&mut packet);
    packet.extend_from_slice(payload);
    packet
}

/// Payloads of 20 ms of a 400 Hz tone with some harmonics; empty ones where nothing is to be sent.
fn payloads(codec: Codec, frames: usize, wishes: OpusWishes) -> Vec<Vec<u8>> {
    let mut encoder = WideEncoder::new(codec, wishes, 20).unwrap();
    let pcm: Vec<i16> = (0..frames * 320)
        .map(|n| {
            let at = std::f32::consts::TAU * (n % 16_000) as f32 / 16_000.0;
            (((400.0 * at).sin() + 0.2 * (1_200.0 * at).sin()) * 8_000.0) as i16
        })
        .collect();
    let mut payload = [0; 1_440];
    pcm.chunks_exact(320)
        .map(|frame| match &mut encoder {
            WideEncoder::G722(encoder) => g722_frame(encoder, frame.try_into().unwrap()).to_vec(),
            WideEncoder::Opus(encoder) => {
                let (length, _) = encoder.push(frame.try_into().unwrap(), &mut payload).unwrap();
                payload[..length].to_vec()
            }
        })
        .collect()
}

struct Near {
    receiver: Receiver,
    stats: MediaStats,
    now: Micros,
}

impl Near {
    fn new(codec: Codec) -> Self {
        let mut receiver = Receiver::new(Vec::new(), 40..=200);
        receiver.configure(&params(codec));
        Self { receiver, stats: MediaStats::default(), now: 1_000_000 }
    }

    fn take(&mut self, packet: &[u8]) {
        self.receiver.receive(packet, SDP.parse().unwrap(), self.now, &mut self.stats);
    }

    fn pop(&mut self) -> PcmFrame {
        self.now += 20_000;
        self.receiver.pop(self.now, 0, &mut self.stats)
    }
}

/// Plays packets in this order, one each 20 ms (`None` for one that is lost); the frames heard.
fn heard(codec: Codec, near: &mut Near, packets: &[Vec<u8>], order: &[Option<usize>]) -> Vec<PcmFrame> {
    let mut frames = Vec::new();
    for n in order {
        if let Some(n) = n {
            near.take(&packet(codec, *n as u32, codec.default_payload_type(), &packets[*n]));
        }
        frames.push(near.pop());
    }
    frames
}

/// How much of the energy is not the tone, in each stretch of 100 ms.
fn worst_share(frames: &[PcmFrame]) -> f32 {
    frames
        .chunks_exact(5)
        .map(|chunk| {
            let narrow: Vec<i16> = chunk.iter().flat_map(|frame| frame.samples.into_iter().step_by(2)).collect();
            tone::share(&narrow, 400.0)
        })
        .fold(1.0, f32::min)
}

#[test]
fn a_stream_is_heard_whole_at_16_khz_whatever_the_order_of_its_packets() {
    for codec in [Codec::G722, Codec::Opus] {
        let packets = payloads(codec, 200, OpusWishes::default());
        let mut order: Vec<Option<usize>> = (0..200).map(Some).collect();
        for n in (20..200).step_by(7) {
            order.swap(n, n - 1);
        }
        let mut near = Near::new(codec);
        let frames = heard(codec, &mut near, &packets, &order);
        assert!(frames.iter().all(|frame| frame.samples.is_wide()), "{codec:?}");
        let settled = &frames[30..];
        assert!(settled.iter().all(|frame| !frame.concealed), "{codec:?}");
        assert!(worst_share(settled) > 0.9, "{codec:?} {}", worst_share(settled));
        assert_eq!((near.stats.packets_lost, near.stats.packets_late, near.stats.packets_invalid), (0, 0, 0));
    }
}

#[test]
fn single_losses_are_concealed() {
    let packets = payloads(Codec::G722, 200, OpusWishes::default());
    let order: Vec<Option<usize>> = (0..200).map(|n| (n % 10 != 5).then_some(n)).collect();
    let mut near = Near::new(Codec::G722);
    let frames = heard(Codec::G722, &mut near, &packets, &order);
    let settled = &frames[30..];
    let concealed = settled.iter().filter(|frame| frame.concealed).count();
    assert!((15..=18).contains(&concealed), "one frame for each loss, {concealed}");
    // The decoder's predictor needs some time to find back.
    assert!(worst_share(settled) > 0.6, "{}", worst_share(settled));
    assert!(settled.iter().all(|frame| frame.rms() > 2_000.0), "no hole");
}

/// Opus by itself continues what it heard; with the copy in the packet behind, it knows what was said.
#[test]
fn single_losses_in_opus_are_made_good_from_the_packet_behind() {
    let error = |fec: bool| {
        let packets = voice(200, OpusWishes { fec, ..OpusWishes::default() });
        let all: Vec<Option<usize>> = (0..200).map(Some).collect();
        let lossy: Vec<Option<usize>> = (0..200).map(|n| (n % 10 != 5).then_some(n)).collect();
        let whole = heard(Codec::Opus, &mut Near::new(Codec::Opus), &packets, &all);
        let frames = heard(Codec::Opus, &mut Near::new(Codec::Opus), &packets, &lossy);
        assert!(frames[30..].iter().filter(|frame| frame.concealed).count() <= 18);
        let pairs = whole[30..].iter().zip(&frames[30..]).flat_map(|(a, b)| a.samples.into_iter().zip(b.samples));
        let (signal, noise) = pairs.fold((0.0, 1.0), |(signal, noise), (a, b)| {
            (signal + f64::from(a).powi(2), noise + (f64::from(a) - f64::from(b)).powi(2))
        });
        10.0 * f64::log10(signal / noise)
    };
    let (guessed, repeated) = (error(false), error(true));
    assert!(repeated > guessed + 2.0, "{repeated} dB with, {guessed} dB without the copy");
}

/// Opus of a gliding voice, which cannot be guessed.
fn voice(frames: usize, wishes: OpusWishes) -> Vec<Vec<u8>> {
    let Some(WideEncoder::Opus(mut encoder)) = WideEncoder::new(Codec::Opus, wishes, 20) else {
        panic!("Opus has an encoder")
    };
    let (mut phase, mut payload) = (0.0f64, [0; 1_440]);
    let mut sample = |n: usize| {
        let t = n as f64 / 16_000.0;
        phase += (120.0 + 30.0 * (t * 3.0).sin()) / 16_000.0;
        let harmonics: f64 =
            (1..=45).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
        (harmonics * (0.55 + 0.45 * (t * 25.0).sin()) * 6_000.0) as i16
    };
    (0..frames)
        .map(|frame| {
            let pcm = std::array::from_fn(|n| sample(frame * 320 + n));
            let (length, _) = encoder.push(&pcm, &mut payload).unwrap();
            payload[..length].to_vec()
        })
        .collect()
}

#[test]
fn a_pause_that_is_not_sent_is_no_loss() {
    let speech = payloads(Codec::Opus, 40, OpusWishes::default());
    let mut encoder = match WideEncoder::new(Codec::Opus, OpusWishes { dtx: true, ..OpusWishes::default() }, 20) {
        Some(WideEncoder::Opus(encoder)) => encoder,
        _ => panic!("Opus has an encoder"),
    };
    let mut payload = [0; 1_440];
    let mut near = Near::new(Codec::Opus);
    let mut sent = 0;
    let mut quiet = Vec::new();
    for n in 0..240u32 {
        let this: Option<Vec<u8>> = if n < 40 {
            Some(speech[n as usize].clone())
        } else {
            let (length, _) = encoder.push(&[0; 320], &mut payload).unwrap();
            (length > 0).then(|| payload[..length].to_vec())
        };
        if let Some(this) = this {
            let mut bytes = packet(Codec::Opus, n, 111, &this);
            // Sequence numbers count what is sent.
            bytes[2..4].copy_from_slice(&(sent as u16).to_be_bytes());
            near.take(&bytes);
            sent += 1;
        }
        let frame = near.pop();
        if n > 100 {
            quiet.push(frame);
        }
    }
    assert!(sent < 110, "{sent} packets");
    assert_eq!(near.stats.packets_lost, 0);
    assert!(quiet.iter().all(|frame| frame.rms() < 300.0), "quiet while nothing is sent");
}

#[test]
fn g711_beside_g722_is_taken_and_beside_opus_is_not() {
    let law: Vec<u8> = tone::sine(400.0, 8_000.0, 160).iter().map(|s| Law::A.encode_sample(*s)).collect();
    let mut near = Near::new(Codec::G722);
    let frames: Vec<PcmFrame> = (0..60)
        .map(|n| {
            near.take(&packet(Codec::G722, n, 8, &law));
            near.pop()
        })
        .collect();
    assert!(worst_share(&frames[20..]) > 0.9, "{}", worst_share(&frames[20..]));
    let mut near = Near::new(Codec::Opus);
    near.take(&packet(Codec::Opus, 0, 8, &law));
    assert_eq!((near.stats.packets_invalid, near.stats.packets_received), (1, 0));
}

#[test]
fn a_codec_that_changes_in_mid_call_is_followed() {
    let mut near = Near::new(Codec::Opus);
    let opus = payloads(Codec::Opus, 50, OpusWishes::default());
    heard(Codec::Opus, &mut near, &opus, &(0..50).map(Some).collect::<Vec<_>>());
    near.receiver.configure(&params(Codec::Pcma));
    assert!(!near.pop().samples.is_wide());
    near.receiver.configure(&params(Codec::G722));
    let g722 = payloads(Codec::G722, 100, OpusWishes::default());
    let order: Vec<Option<usize>> = (50..100).map(Some).collect();
    let frames = heard(Codec::G722, &mut near, &g722, &order);
    assert!(worst_share(&frames[30..]) > 0.9);
}

proptest! {
    #[test]
    fn no_payload_breaks_a_stream(
        packets in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..200), 0u32..60, any::<bool>()), 1..60),
    ) {
        for codec in [Codec::G722, Codec::Opus] {
            let mut near = Near::new(codec);
            for (payload, n, pops) in &packets {
                near.take(&packet(codec, *n, codec.default_payload_type(), payload));
                if *pops {
                    prop_assert_eq!(near.pop().samples.len(), 320);
                }
            }
            for _ in 0..30 {
                prop_assert_eq!(near.pop().samples.len(), 320);
            }
        }
    }
}
