use proptest::prelude::*;

use super::*;
use crate::media::tone;

/// A sender and a network on a virtual clock: packet `n` holds the constant sample `n + 1`, so that every sample heard
/// says which packet it came from.
struct World {
    buffer: JitterBuffer,
    packet_ms: u32,
    /// (arrival µs, packet number), in order of arrival.
    arrivals: Vec<(u64, u32)>,
    first_ts: u32,
}

impl World {
    fn new(packet_ms: u32, delays_us: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut arrivals: Vec<(u64, u32)> = delays_us
            .into_iter()
            .zip(0u32..)
            .filter_map(|(delay, n)| Some((u64::from(n * packet_ms) * 1_000 + delay?, n)))
            .collect();
        arrivals.sort_unstable();
        Self { buffer: JitterBuffer::new(40..=200), packet_ms, arrivals, first_ts: u32::MAX - 3_000 }
    }

    /// Plays until everything has been heard: per frame, the samples and their kind.
    fn run(&mut self, pop_phase_us: u64) -> Vec<([i16; FRAME_SAMPLES], Popped)> {
        let end = self.arrivals.last().map_or(0, |a| a.0) + 600_000;
        let mut waiting = std::mem::take(&mut self.arrivals).into_iter().peekable();
        let mut frames = Vec::new();
        let mut now = pop_phase_us;
        while now < end {
            while let Some((arrival, n)) = waiting.next_if(|(arrival, _)| *arrival <= now) {
                let samples = self.packet_ms * SAMPLES_PER_MS as u32;
                let ts = self.first_ts.wrapping_add(n * samples);
                self.buffer.insert(ts, &vec![n as i16 + 1; samples as usize], arrival);
            }
            let mut out = [0; FRAME_SAMPLES];
            let popped = self.buffer.pop(now, &mut out);
            frames.push((out, popped));
            now += 20_000;
        }
        frames
    }
}

/// The packets heard whole, in order; invented samples around them do not count.
fn heard(frames: &[([i16; FRAME_SAMPLES], Popped)]) -> Vec<i16> {
    let mut numbers: Vec<i16> = frames.iter().filter(|f| !f.1.concealed).map(|f| f.0[FRAME_SAMPLES - 1]).collect();
    numbers.dedup();
    numbers
}

fn first_heard(frames: &[([i16; FRAME_SAMPLES], Popped)]) -> usize {
    frames.iter().position(|f| !f.1.concealed).unwrap()
}

#[test]
fn a_perfect_network_costs_the_least_delay() {
    for phase in [0, 3_000, 19_000] {
        let mut world = World::new(20, vec![Some(0); 100]);
        let frames = world.run(phase);
        assert_eq!(heard(&frames), (1..=100).collect::<Vec<i16>>());
        let delay_ms = first_heard(&frames) as u64 * 20 + phase / 1_000;
        assert!((30..=50).contains(&delay_ms), "{delay_ms} ms at phase {phase}");
        assert_eq!(world.buffer.target_ms(), 40);
    }
}

#[test]
fn all_packet_lengths_are_played_whole() {
    for packet_ms in [10, 20, 30, 40, 60] {
        let mut world = World::new(packet_ms, vec![Some(1_000); 60]);
        let frames = world.run(5_000);
        let mut runs: Vec<(i16, u32)> = Vec::new();
        let start = first_heard(&frames);
        for sample in frames[start..].iter().filter(|f| !f.1.concealed).flat_map(|f| f.0) {
            match runs.last_mut() {
                Some((number, count)) if *number == sample => *count += 1,
                _ => runs.push((sample, 1)),
            }
        }
        for (number, count) in runs.iter().skip(4).take(50) {
            assert_eq!(*count, packet_ms * 8, "packet {number} of {packet_ms} ms");
        }
        assert!(runs.len() >= 58, "{packet_ms} ms: {} packets", runs.len());
    }
}

#[test]
fn reordering_within_the_delay_is_undone() {
    let delays = (0..100u64).map(|n| Some(if n % 5 == 2 { 25_000 } else { 0 }));
    let mut world = World::new(20, delays);
    assert_eq!(heard(&world.run(0)), (1..=100).collect::<Vec<i16>>());
}

#[test]
fn a_lost_packet_costs_its_own_20_ms_and_no_more() {
    let mut world = World::new(20, (0..100).map(|n| (n != 50).then_some(0)));
    let frames = world.run(0);
    let expected: Vec<i16> = (1..=100).filter(|n| *n != 51).collect();
    assert_eq!(heard(&frames), expected);
    let start = first_heard(&frames);
    let gaps: Vec<usize> = (start..start + 99).filter(|n| frames[*n].1.concealed).collect();
    assert_eq!(gaps, [start + 50]);
}

#[test]
fn the_delay_follows_the_jitter_up_and_down() {
    // 8 s calm, 8 s with up to 100 ms of jitter, 30 s calm.
    let jitter = |n: u64| if (400..800).contains(&n) { (n * 7_919 % 100) * 1_000 } else { 0 };
    let mut world = World::new(20, (0..2_300u64).map(|n| Some(jitter(n))));
    let frames = world.run(0);
    let lost = |range: std::ops::Range<usize>| frames[range].iter().filter(|f| f.1.concealed).count();
    assert_eq!(lost(10..390), 0);
    assert!(lost(400..520) > 0, "it has to be surprised first");
    assert_eq!(lost(600..790), 0, "after 4 s it has learnt");
    assert_eq!(world.buffer.target_ms(), 40, "and after 30 s it has forgotten");
    assert_eq!(lost(1_500..2_200), 0);
    let frame_of = |number: i16| frames.iter().position(|f| !f.1.concealed && f.0[80] == number).unwrap();
    let delay_frames = |number: i16| frame_of(number) as i64 - i64::from(number - 1);
    assert!(delay_frames(790) >= 5, "{}", delay_frames(790));
    assert!(delay_frames(2_200) <= 3, "{}", delay_frames(2_200));
}

#[test]
fn clocks_that_drift_apart_are_followed() {
    for ppm in [-300i64, 300] {
        // 60 s; the far end's clock runs wrong by 18 ms in all, with more over the next minutes.
        let delays = (0..9_000i64).map(|n| Some((1_000_000 + n * 20_000 * ppm / 1_000_000) as u64));
        let mut world = World::new(20, delays);
        let frames = world.run(0);
        let invented = frames[100..8_900].iter().filter(|f| f.1.concealed).count();
        assert!(invented <= 6, "{ppm} ppm: {invented} frames invented");
        let number = i64::from(frames[8_900].0[80]);
        let delay_ms = (8_900 - (number - 1)) * 20 - (1_000_000 + number * 20 * ppm / 1_000) / 1_000;
        assert!((0..=90).contains(&delay_ms), "{ppm} ppm: {delay_ms} ms");
    }
}

#[test]
fn a_timeline_that_jumps_is_taken_over_at_the_second_packet() {
    let mut buffer = JitterBuffer::new(40..=200);
    let mut out = [0; FRAME_SAMPLES];
    let mut heard_after = |jump: u32| {
        let mut heard = 0;
        for n in 0..50u64 {
            let ts = jump.wrapping_add(n as u32 * 160);
            buffer.insert(ts, &[99; 160], n * 20_000);
            heard += u32::from(!buffer.pop(n * 20_000, &mut out).concealed);
        }
        heard
    };
    assert!(heard_after(0) >= 47);
    assert!(heard_after(1_000_000) >= 45);
    assert!(heard_after(0x8000_0000) >= 45);
}

#[test]
fn a_sender_whose_timestamps_stood_still_in_a_pause_is_heard_again() {
    let mut buffer = JitterBuffer::new(40..=200);
    let mut out = [0; FRAME_SAMPLES];
    for n in 0..50u64 {
        buffer.insert(n as u32 * 160, &[99; 160], n * 20_000);
        buffer.pop(n * 20_000, &mut out);
    }
    for n in 50..60u64 {
        buffer.pop(n * 20_000, &mut out);
    }
    let heard = (60..100u64)
        .filter(|n| {
            buffer.insert((n - 10) as u32 * 160, &[99; 160], n * 20_000);
            !buffer.pop(n * 20_000, &mut out).concealed
        })
        .count();
    assert!(heard >= 30, "{heard} of 40");
}

#[test]
fn what_came_before_anyone_listened_does_not_add_to_the_delay() {
    for unheard in [3u64, 15, 30, 200] {
        let mut buffer = JitterBuffer::new(40..=200);
        for n in 0..unheard {
            buffer.insert(n as u32 * 160, &[n as i16 + 1; 160], n * 20_000);
        }
        let mut last = 0;
        for n in unheard..unheard + 60 {
            buffer.insert(n as u32 * 160, &[n as i16 + 1; 160], n * 20_000);
            let mut out = [0; FRAME_SAMPLES];
            let popped = buffer.pop(n * 20_000 + 1_000, &mut out);
            if n > unheard + 2 {
                assert!(!popped.concealed && out[80] > last, "{unheard}: {n} {out:?}");
                assert!(n as i16 + 1 - out[80] <= 3, "{unheard}: {} is heard when {} came", out[80], n + 1);
                last = out[80];
            }
        }
    }
}

#[test]
fn comfort_noise_lasts_until_speech() {
    let mut buffer = JitterBuffer::new(40..=200);
    let voice = tone::sine(440.0, 8_000.0, 160);
    let mut kinds = String::new();
    for n in 0..60u64 {
        let ts = n as u32 * 160;
        match n {
            0..=19 | 40.. => _ = buffer.insert(ts, &voice, n * 20_000),
            20 => _ = buffer.insert_noise(ts, 50, n * 20_000),
            _ => {}
        }
        let mut out = [0; FRAME_SAMPLES];
        let popped = buffer.pop(n * 20_000, &mut out);
        let loudest = out.iter().map(|s| s.unsigned_abs()).max().unwrap();
        kinds.push(match popped {
            Popped { comfort_noise: true, .. } if loudest > 20 && loudest < 400 => 'n',
            Popped { concealed: true, .. } => '.',
            _ if loudest > 4_000 => 'v',
            _ => '?',
        });
    }
    assert_eq!(kinds.trim_matches(['.']).len() + 2, 60, "{kinds}");
    let (before, after) = kinds[2..].split_at(20);
    assert_eq!(before, "v".repeat(20), "{kinds}");
    assert_eq!(after, "n".repeat(20) + &"v".repeat(18), "{kinds}");
}

#[test]
fn nothing_received_is_silence() {
    let mut buffer = JitterBuffer::new(40..=200);
    let mut out = [1; FRAME_SAMPLES];
    assert!(buffer.pop(0, &mut out).concealed);
    assert_eq!(out, [0; FRAME_SAMPLES]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_network_within_the_limits_loses_little_and_never_reorders(
        delays in proptest::collection::vec(0u64..60_000, 300), phase in 0u64..20_000,
    ) {
        let mut world = World::new(20, delays.into_iter().map(Some));
        let frames = world.run(phase);
        let numbers = heard(&frames);
        prop_assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
        prop_assert!(numbers.len() > 250, "{} of 300", numbers.len());
    }

    #[test]
    fn no_timestamps_make_it_panic(
        packets in proptest::collection::vec((any::<u32>(), 0usize..960, any::<u32>(), any::<bool>()), 0..60),
    ) {
        let mut buffer = JitterBuffer::new(0..=400);
        let mut out = [0; FRAME_SAMPLES];
        let mut now = 0u64;
        for (ts, len, step, noise) in packets {
            now += u64::from(step % 100_000);
            if noise { buffer.insert_noise(ts, len as u8, now); } else { buffer.insert(ts, &vec![1; len], now); }
            buffer.pop(now, &mut out);
        }
    }
}
