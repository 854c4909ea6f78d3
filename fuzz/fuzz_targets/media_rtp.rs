#![no_main]
//! A codec, then RTP packets, sizes before bytes, into a receiver that plays them: never a panic.

use libfuzzer_sys::fuzz_target;
use vca::media::receive::Receiver;
use vca::media::{Codec, Direction, MediaParams, MediaStats};

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let codec = Codec::ALL[usize::from(choice % 4)];
    let mut receiver = Receiver::new(Vec::new(), 40..=200);
    let mut stats = MediaStats::default();
    receiver.configure(&MediaParams {
        codec,
        payload_type: codec.default_payload_type(),
        dtmf_payload_type: Some(101),
        dtmf_clock_hz: codec.clock_rate_hz(),
        opus: Default::default(),
        remote: ([203, 0, 113, 5], 4_000).into(),
        direction: Direction::SEND_RECV,
        ptime_ms: 20,
        srtp: None,
    });
    let mut rest = data;
    let mut now = 0u64;
    while let [size, step, port, tail @ ..] = rest {
        let (packet, tail) = tail.split_at(usize::from(*size).min(tail.len()));
        now += u64::from(*step) * 500;
        receiver.receive(packet, ([203, 0, 113, 5], 4_000 + u16::from(*port % 3)).into(), now, &mut stats);
        receiver.pop(now, 0, &mut stats);
        while receiver.take_digit().is_some() {}
        rest = tail;
    }
});
