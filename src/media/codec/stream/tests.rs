//! The wide-band codecs against ffmpeg's own implementations, against loss, and against what is not theirs.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::media::tone;

/// A voice-like signal at 16 kHz: a gliding pitch with harmonics up to 6 kHz, in syllables.
fn voice(samples: usize) -> Vec<i16> {
    let mut phase = 0.0f64;
    (0..samples)
        .map(|n| {
            let t = n as f64 / 16_000.0;
            phase += (120.0 + 30.0 * (t * 3.0).sin()) / 16_000.0;
            let harmonics: f64 =
                (1..=45).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            let syllable = 0.55 + 0.45 * (t * 4.0 * std::f64::consts::TAU).sin();
            (harmonics * syllable * 6_000.0) as i16
        })
        .collect()
}

fn g722_encoded(pcm: &[i16]) -> Vec<u8> {
    let Some(WideEncoder::G722(mut encoder)) = WideEncoder::new(Codec::G722, OpusWishes::default(), 20) else {
        panic!("G.722 has an encoder");
    };
    pcm.chunks_exact(320).flat_map(|frame| g722_frame(&mut encoder, frame.try_into().unwrap())).collect()
}

fn opus_packets(pcm: &[i16], wishes: OpusWishes, ptime_ms: u32) -> Vec<Vec<u8>> {
    let Some(WideEncoder::Opus(mut encoder)) = WideEncoder::new(Codec::Opus, wishes, ptime_ms) else {
        panic!("Opus has an encoder");
    };
    let mut payload = [0; 1_472];
    pcm.chunks_exact(320)
        .filter_map(|frame| {
            encoder.push(frame.try_into().unwrap(), &mut payload).map(|(len, _)| payload[..len].to_vec())
        })
        .collect()
}

fn decoded(codec: Codec, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = WideDecoder::new(codec).unwrap();
    let mut out = [0; 2 * MOST_TICKS];
    packets
        .iter()
        .flat_map(|packet| {
            let count = decoder.decode(packet, &mut out);
            out[..count].to_vec()
        })
        .collect()
}

/// Signal to noise in dB, at the delay where the two agree best; levels may differ a little.
fn snr_db(original: &[i16], heard: &[i16]) -> f64 {
    let at = |delay: usize| {
        let pairs = || original.iter().zip(&heard[delay..]).skip(1_600).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let (cross, energy) = pairs().fold((0.0, 1.0), |(cross, energy), (a, b)| (cross + a * b, energy + b * b));
        let gain = cross / energy;
        let (signal, noise) = pairs().fold((0.0, 1.0), |(s, n), (a, b)| (s + a * a, n + (a - gain * b).powi(2)));
        10.0 * (signal / noise).log10()
    };
    (0..400).map(at).fold(f64::MIN, f64::max)
}

fn ffmpeg(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg runs; scripts/setup --test installs it");
    let mut to_child = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || to_child.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn as_pcm(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn as_bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[test]
fn g722_is_what_ffmpeg_understands_and_sends() {
    let pcm = voice(32_000);
    let ours = g722_encoded(&pcm);
    assert_eq!(ours.len(), 16_000, "64 kbit/s");
    let theirs_of_ours = as_pcm(&ffmpeg(&["-f", "g722", "-i", "pipe:0", "-f", "s16le", "pipe:1"], &ours));
    assert!(snr_db(&pcm, &theirs_of_ours) > 12.0, "{} dB", snr_db(&pcm, &theirs_of_ours));
    // Decoding is defined to the bit; beginnings that differ a little have been forgotten after half a second.
    let ours_of_ours = decoded(Codec::G722, &ours.chunks(160).map(<[u8]>::to_vec).collect::<Vec<_>>());
    assert!(snr_db(&ours_of_ours[..16_000], &theirs_of_ours) > 20.0, "{} dB", snr_db(&ours_of_ours, &theirs_of_ours));
    assert!(ours_of_ours[8_000..] == theirs_of_ours[8_000..32_000]);

    let raw = ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-f", "g722", "pipe:1"];
    let theirs = ffmpeg(&raw, &as_bytes(&pcm));
    let packets: Vec<Vec<u8>> = theirs.chunks(160).map(<[u8]>::to_vec).collect();
    assert!(snr_db(&pcm, &decoded(Codec::G722, &packets)) > 12.0);
}

/// An Ogg page, as little as ffmpeg needs to find packets (RFC 3533).
fn ogg_page(sequence: u32, kind: u8, granule: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(kind);
    page.extend(granule.to_le_bytes());
    page.extend(7u32.to_le_bytes());
    page.extend(sequence.to_le_bytes());
    page.extend([0; 4]);
    let lacing: Vec<u8> = std::iter::repeat_n(255, packet.len() / 255).chain([(packet.len() % 255) as u8]).collect();
    page.push(lacing.len() as u8);
    page.extend(lacing);
    page.extend_from_slice(packet);
    let crc = page.iter().fold(0u32, |crc, byte| {
        (0..8).fold(
            crc ^ (u32::from(*byte) << 24),
            |crc, _| if crc >> 31 == 1 { (crc << 1) ^ 0x04C1_1DB7 } else { crc << 1 },
        )
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

fn ogg(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01\0\0".to_vec();
    head.extend(16_000u32.to_le_bytes());
    head.extend([0, 0, 0]);
    let mut file = ogg_page(0, 2, 0, &head);
    file.extend(ogg_page(1, 0, 0, b"OpusTags\0\0\0\0\0\0\0\0"));
    for (n, packet) in packets.iter().enumerate() {
        file.extend(ogg_page(n as u32 + 2, 0, (n as u64 + 1) * 960, packet));
    }
    file
}

/// The packets of an Ogg file that has each on a page of its own or several; what spans pages is not needed here.
fn packets_of(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut at, mut packets, mut open) = (0, Vec::new(), Vec::new());
    while file.len() > at + 27 {
        let segments = usize::from(file[at + 26]);
        let lacing = &file[at + 27..at + 27 + segments];
        at += 27 + segments;
        for length in lacing {
            open.extend_from_slice(&file[at..at + usize::from(*length)]);
            at += usize::from(*length);
            if *length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
    }
    packets.split_off(2)
}

#[test]
fn opus_is_what_ffmpegs_own_decoder_understands_and_what_it_sends_in_any_length_is_decoded() {
    let pcm = voice(32_000);
    let packets = opus_packets(&pcm, OpusWishes::default(), 20);
    let kbits = packets.iter().map(Vec::len).sum::<usize>() as f64 * 8.0 / 2_000.0;
    assert!((10.0..32.0).contains(&kbits), "{kbits} kbit/s");
    // "opus" is ffmpeg's own, "libopus" would be the one that we use.
    let theirs = ["-c:a", "opus", "-i", "pipe:0", "-ar", "16000", "-f", "s16le", "pipe:1"];
    let heard = as_pcm(&ffmpeg(&theirs, &ogg(&packets)));
    let ours = decoded(Codec::Opus, &packets);
    // Opus makes speech sound alike and keeps no waveform; but two decoders of one stream shall agree.
    assert!(snr_db(&ours[..30_000], &heard) > 14.0, "{} dB", snr_db(&ours[..30_000], &heard));
    assert!(snr_db(&pcm[..30_000], &heard) > 2.0, "{} dB", snr_db(&pcm[..30_000], &heard));

    for length in ["2.5", "10", "20", "60", "120"] {
        let raw = ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "libopus", "-b:a", "32k"];
        let rest = ["-application", "voip", "-frame_duration", length, "-page_duration", "1", "-f", "ogg", "pipe:1"];
        let packets = packets_of(&ffmpeg(&[&raw[..], &rest[..]].concat(), &as_bytes(&pcm)));
        let ticks: f64 = length.parse::<f64>().unwrap() * 8.0;
        assert!(packets.iter().all(|packet| Codec::Opus.payload_ticks(packet) == Some(ticks as usize)), "{length} ms");
        let heard = decoded(Codec::Opus, &packets);
        assert!(heard.len() >= 30_000, "{length} ms: {} samples", heard.len());
        assert!(snr_db(&pcm[..28_000], &heard) > 2.0, "{length} ms: {} dB", snr_db(&pcm[..28_000], &heard));
    }
}

#[test]
fn one_lost_packet_is_made_good_from_the_next() {
    let pcm = voice(32_000);
    let packets = opus_packets(&pcm, OpusWishes { fec: true, ..OpusWishes::default() }, 20);
    let whole = decoded(Codec::Opus, &packets);
    let with = |repeated: bool| {
        let mut decoder = WideDecoder::new(Codec::Opus).unwrap();
        let (mut out, mut frame) = (Vec::new(), [0; 320]);
        for (n, packet) in packets.iter().enumerate() {
            if n % 10 == 5 {
                decoder.conceal(packets.get(n + 1).filter(|_| repeated).map(Vec::as_slice), &mut frame);
            } else {
                decoder.decode(packet, &mut frame);
            }
            out.extend_from_slice(&frame);
        }
        snr_db(&whole, &[&out[..], &[0; 400]].concat())
    };
    let (guessed, repeated) = (with(false), with(true));
    assert!(repeated > guessed + 3.0, "{repeated} dB with, {guessed} dB without the copy");
}

#[test]
fn nothing_is_sent_while_nobody_speaks_where_that_is_wished() {
    let silence = vec![0; 32_000];
    let sent = |dtx| {
        let packets = opus_packets(&silence, OpusWishes { dtx, ..OpusWishes::default() }, 20);
        packets.iter().filter(|packet| !packet.is_empty()).count()
    };
    assert_eq!(sent(false), 100);
    assert!(sent(true) < 30, "{}", sent(true));
}

#[test]
fn packets_are_as_long_as_is_wished_and_no_louder_than_allowed() {
    let pcm = voice(19_200);
    for (ptime, packets, ticks) in [(10, 60, 160), (20, 60, 160), (30, 60, 160), (40, 30, 320), (60, 20, 480)] {
        let made = opus_packets(&pcm, OpusWishes::default(), ptime);
        assert_eq!(made.len(), packets, "{ptime} ms");
        assert!(made.iter().all(|packet| Codec::Opus.payload_ticks(packet) == Some(ticks)));
    }
    let size = |wishes| opus_packets(&pcm, wishes, 20).iter().map(Vec::len).sum::<usize>();
    let few = size(OpusWishes { max_bitrate: Some(8_000), ..OpusWishes::default() });
    let usual = size(OpusWishes::default());
    assert!(few * 4 < usual * 3, "{few} and {usual} bytes");
    let constant = opus_packets(&pcm, OpusWishes { cbr: true, ..OpusWishes::default() }, 20);
    assert!(constant.iter().all(|packet| packet.len() == constant[0].len()));
}

#[test]
fn a_tone_survives_each_codec() {
    let wide: Vec<i16> = (0..16_000).map(|n| ((n as f32 * 0.4).sin() * 8_000.0) as i16).collect();
    for (codec, packets) in [
        (Codec::G722, vec![g722_encoded(&wide)[..960].to_vec()]),
        (Codec::Opus, opus_packets(&wide, OpusWishes::default(), 20)),
    ] {
        let heard = decoded(codec, &packets);
        let narrow: Vec<i16> = heard.iter().step_by(2).copied().collect();
        // 0.4 radians a sample at 16 kHz.
        assert!(tone::is_present(&narrow[200..], 0.4 * 16_000.0 / std::f32::consts::TAU), "{codec:?}");
    }
}

proptest! {
    #[test]
    fn no_payload_makes_a_decoder_panic_or_give_more_than_there_is_room_for(
        payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()), 1..20),
    ) {
        for codec in [Codec::G722, Codec::Opus] {
            let mut decoder = WideDecoder::new(codec).unwrap();
            let mut out = [0; 2 * MOST_TICKS];
            for (payload, lost) in &payloads {
                prop_assert!(codec.payload_ticks(payload).is_none_or(|ticks| (1..=MOST_TICKS).contains(&ticks)));
                prop_assert!(decoder.decode(payload, &mut out) <= out.len());
                prop_assert!(decoder.decode(payload, &mut out[..320]) <= 320);
                if *lost {
                    decoder.conceal(Some(payload), &mut out[..320]);
                    decoder.conceal(None, &mut out[..33]);
                }
            }
        }
    }

    #[test]
    fn any_samples_can_be_encoded(frame in proptest::collection::vec(any::<i16>(), 320)) {
        let frame: [i16; 320] = frame.try_into().unwrap();
        prop_assert_eq!(g722_encoded(&frame).len(), 160);
        prop_assert!(opus_packets(&frame, OpusWishes::default(), 20)[0].len() <= 1_472);
    }
}
