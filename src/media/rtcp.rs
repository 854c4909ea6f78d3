//! RTCP (RFC 3550 §6): reading and writing sender and receiver reports.

/// The longest compound packet written here.
pub const MAX_BYTES: usize = 160;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const BLOCK_BYTES: usize = 24;

/// What one side reports about one stream it receives (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// 24 bits, signed: duplicates can make it negative.
    pub cumulative_lost: i32,
    pub highest_sequence: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report, 0 for none.
    pub last_sr: u32,
    /// Time since then, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// The sender's part of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// NTP time: seconds since 1900 in the upper 32 bits, fractions below.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What a compound packet told, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A sender report's own part.
    Sender { ssrc: u32, info: SenderInfo },
    /// A report block of a sender or receiver report.
    Block { from: u32, block: ReportBlock },
    /// The source leaves.
    Goodbye { ssrc: u32 },
}

/// The packet is not RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP at byte {at}")]
pub struct RtcpError {
    pub at: usize,
}

/// Reads a compound packet and calls `item` for everything in it; items before a malformed part count.
///
/// # Errors
/// When a version, a length or a count does not fit the bytes.
pub fn parse(packet: &[u8], mut item: impl FnMut(Item)) -> Result<(), RtcpError> {
    let mut at = 0;
    if packet.is_empty() {
        return Err(RtcpError { at });
    }
    while at < packet.len() {
        let error = RtcpError { at };
        let rest = &packet[at..];
        let &[first, kind, high, low, ..] = rest else { return Err(error) };
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        if first >> 6 != 2 || length > rest.len() {
            return Err(error);
        }
        let count = usize::from(first & 0x1F);
        parse_one(kind, count, &rest[4..length], &mut item).ok_or(error)?;
        at += length;
    }
    Ok(())
}

fn parse_one(kind: u8, count: usize, body: &[u8], item: &mut impl FnMut(Item)) -> Option<()> {
    let blocks_at = match kind {
        SENDER_REPORT => 24,
        RECEIVER_REPORT => 4,
        GOODBYE => {
            for n in 0..count {
                item(Item::Goodbye { ssrc: word(body, n * 4)? });
            }
            return Some(());
        }
        // Source descriptions and what we do not know are passed over by their length.
        _ => return Some(()),
    };
    let from = word(body, 0)?;
    let blocks = body.get(blocks_at..blocks_at + count * BLOCK_BYTES)?;
    if kind == SENDER_REPORT {
        let ntp = (u64::from(word(body, 4)?) << 32) | u64::from(word(body, 8)?);
        let (rtp_timestamp, packets, octets) = (word(body, 12)?, word(body, 16)?, word(body, 20)?);
        item(Item::Sender { ssrc: from, info: SenderInfo { ntp, rtp_timestamp, packets, octets } });
    }
    for block in blocks.chunks_exact(BLOCK_BYTES) {
        let lost = word(block, 4)?;
        let block = ReportBlock {
            ssrc: word(block, 0)?,
            fraction_lost: (lost >> 24) as u8,
            cumulative_lost: ((lost << 8) as i32) >> 8,
            highest_sequence: word(block, 8)?,
            jitter: word(block, 12)?,
            last_sr: word(block, 16)?,
            delay_since_last_sr: word(block, 20)?,
        };
        item(Item::Block { from, block });
    }
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Writes a compound packet: a sender report when there is something sent, else a receiver report; with our name, and
/// a goodbye at the end. Returns its bytes within `buffer`.
pub fn write<'a>(
    buffer: &'a mut [u8; MAX_BYTES],
    ssrc: u32,
    sender: Option<SenderInfo>,
    block: Option<ReportBlock>,
    goodbye: bool,
) -> &'a [u8] {
    let mut out = Writer { buffer, at: 0 };
    let count = u8::from(block.is_some());
    let words = 1 + if sender.is_some() { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
    out.header(count, if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, words);
    out.word(ssrc);
    if let Some(info) = sender {
        out.word((info.ntp >> 32) as u32);
        out.word(info.ntp as u32);
        out.word(info.rtp_timestamp);
        out.word(info.packets);
        out.word(info.octets);
    }
    if let Some(block) = block {
        out.word(block.ssrc);
        let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        out.word((u32::from(block.fraction_lost) << 24) | lost);
        out.word(block.highest_sequence);
        out.word(block.jitter);
        out.word(block.last_sr);
        out.word(block.delay_since_last_sr);
    }
    // CNAME (RFC 3550 §6.5.1): random per session, as RFC 7022 advises, so the SSRC in hex does.
    let mut name = [b'0'; 8];
    for (n, digit) in name.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(ssrc >> (28 - 4 * n)) as usize & 0xF];
    }
    out.header(1, SOURCE_DESCRIPTION, 4);
    out.word(ssrc);
    out.bytes(&[1, 8]);
    out.bytes(&name);
    out.bytes(&[0, 0]);
    if goodbye {
        out.header(1, GOODBYE, 1);
        out.word(ssrc);
    }
    let Writer { buffer, at } = out;
    &buffer[..at]
}

struct Writer<'a> {
    buffer: &'a mut [u8; MAX_BYTES],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.buffer[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn header(&mut self, count: u8, kind: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.bytes(&[0x80 | count, kind, high, low]);
    }
}

/// NTP time, as in sender reports, of a time since 1970.
pub fn ntp_from_unix_ns(unix_ns: u64) -> u64 {
    const SECONDS_1900_TO_1970: u64 = 2_208_988_800;
    let seconds = (unix_ns / 1_000_000_000 + SECONDS_1900_TO_1970) & 0xFFFF_FFFF;
    let fraction = ((unix_ns % 1_000_000_000) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

/// The round trip in microseconds by RFC 3550 §6.4.1; `None` without a sender report of ours or by impossible values.
pub fn round_trip_us(block: &ReportBlock, now_ntp: u64) -> Option<u64> {
    if block.last_sr == 0 {
        return None;
    }
    let now = (now_ntp >> 16) as u32;
    let spent = now.wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr);
    // A clock that was set, or a far end that counts wrongly.
    (spent < 60 << 16).then(|| (u64::from(spent) * 1_000_000) >> 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(packet: &[u8]) -> (Vec<Item>, Result<(), RtcpError>) {
        let mut items = Vec::new();
        let result = parse(packet, |item| items.push(item));
        (items, result)
    }

    prop_compose! {
        fn block()(ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000i32..0x7F_FFFF, highest_sequence: u32,
                   jitter: u32, last_sr: u32, delay_since_last_sr: u32) -> ReportBlock {
            ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sr, delay_since_last_sr }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = items(&bytes);
        }

        #[test]
        fn no_nearly_valid_bytes_make_it_panic(kind in 192u8..224, first in 0x80u8..0xC0, words in 0u16..20,
                                               body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut packet = vec![first, kind];
            packet.extend(words.to_be_bytes());
            packet.extend(body);
            let _ = items(&packet);
        }

        #[test]
        fn what_is_written_is_read(ssrc: u32, ntp: u64, rtp_timestamp: u32, packets: u32, octets: u32,
                                   block in proptest::option::of(block()), sends: bool, goodbye: bool) {
            let sender = sends.then_some(SenderInfo { ntp, rtp_timestamp, packets, octets });
            let mut buffer = [0; MAX_BYTES];
            let packet = write(&mut buffer, ssrc, sender, block, goodbye);
            let mut expected = Vec::new();
            expected.extend(sender.map(|info| Item::Sender { ssrc, info }));
            expected.extend(block.map(|block| Item::Block { from: ssrc, block }));
            expected.extend(goodbye.then_some(Item::Goodbye { ssrc }));
            prop_assert_eq!(items(packet), (expected, Ok(())));
        }
    }

    #[test]
    fn malformed_packets_say_where() {
        assert_eq!(items(&[]).1, Err(RtcpError { at: 0 }));
        assert_eq!(items(&[0x80, 201, 0]).1, Err(RtcpError { at: 0 }));
        assert_eq!(items(&[0x40, 201, 0, 1, 0, 0, 0, 1]).1, Err(RtcpError { at: 0 }));
        assert_eq!(items(&[0x81, 201, 0, 1, 0, 0, 0, 1]).1, Err(RtcpError { at: 0 }), "a block that is not there");
        assert_eq!(items(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 202, 0, 9]).1, Err(RtcpError { at: 8 }));
    }

    #[test]
    fn the_round_trip_is_what_the_network_took() {
        let sent = ntp_from_unix_ns(1_700_000_000_000_000_000);
        let now = ntp_from_unix_ns(1_700_000_000_350_000_000);
        let block =
            ReportBlock { last_sr: (sent >> 16) as u32, delay_since_last_sr: 65_536 / 4, ..ReportBlock::default() };
        let rtt = round_trip_us(&block, now).unwrap();
        assert!((99_900..100_100).contains(&rtt), "{rtt}");
        assert_eq!(round_trip_us(&ReportBlock::default(), now), None);
        assert_eq!(round_trip_us(&ReportBlock { delay_since_last_sr: 65_536, ..block }, now), None);
    }
}
