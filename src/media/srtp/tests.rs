use aes::Aes128;
use aes::cipher::KeyInit;
use proptest::prelude::*;

use super::transform::{apply_keystream, derive};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn master(text: &str) -> MasterKey {
    MasterKey::from_bytes(hex(text).try_into().unwrap())
}

/// The master key and salt of RFC 3711, B.3.
fn rfc_master() -> MasterKey {
    master("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6")
}

fn pair(suite: Suite) -> (SrtpSession, SrtpSession) {
    let (a, b) = (rfc_master(), MasterKey::from_bytes([7; 30]));
    let near = SrtpKeys { suite, local: a.clone(), remote: b.clone() };
    (SrtpSession::new(near), SrtpSession::new(SrtpKeys { suite, local: b, remote: a }))
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let header = crate::media::rtp::Header { payload_type: 8, marker: false, sequence, timestamp: 160, ssrc };
    let mut packet = vec![0; 12];
    header.write(&mut packet);
    packet.extend(payload);
    packet
}

fn protected(session: &mut SrtpSession, packet: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = [packet, &[0; RTP_OVERHEAD]].concat();
    let length = session.protect_rtp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Some(buffer)
}

fn protected_rtcp(session: &mut SrtpSession, packet: &[u8]) -> Vec<u8> {
    let mut buffer = [packet, &[0; RTCP_OVERHEAD]].concat();
    assert_eq!(session.protect_rtcp(&mut buffer, packet.len()), Some(buffer.len()));
    buffer
}

#[test]
fn the_keystream_is_that_of_rfc_3711_b_2() {
    let cipher = Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let mut stream = vec![0; 0xFF02 * 16];
    apply_keystream(&cipher, hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap(), &mut stream);
    for (block, expected) in [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xFF00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xFF01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(stream[block * 16..][..16], hex(expected), "block {block:04X}");
    }
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let master = rfc_master();
    assert_eq!(derive::<16>(&master, 0).as_slice(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive::<14>(&master, 2).as_slice(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let expected = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
         6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(derive::<94>(&master, 1).as_slice(), hex(expected));
}

/// What libsrtp, the reference implementation, makes of these packets (its `srtp_validate`).
#[test]
fn packets_look_as_libsrtp_makes_them() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let payload = [0xAB; 16];
    let plain = [hex("800f1234decafbadcafebabe").as_slice(), &payload].concat();
    let mut packet = protected(&mut near, &plain).unwrap();
    assert_eq!(packet, hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"));
    assert_eq!(far.unprotect_rtp(&mut packet), Ok(plain.as_slice()));

    let plain = [hex("81c8000bcafebabe").as_slice(), &payload].concat();
    let mut first = protected_rtcp(&mut near, &plain);
    // libsrtp numbers its first packet 1; RFC 3711 §3.2.1 says 0.
    let mut second = protected_rtcp(&mut near, &plain);
    assert_eq!(second, hex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"));
    assert_eq!(far.unprotect_rtcp(&mut second), Ok(plain.as_slice()));
    assert_eq!(far.unprotect_rtcp(&mut first), Ok(plain.as_slice()));
}

#[test]
fn the_short_tag_is_the_beginning_of_the_long_one() {
    let plain = rtp(1, 2, &[3; 160]);
    let long = protected(&mut pair(Suite::AesCm128HmacSha1_80).0, &plain).unwrap();
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_32);
    let mut short = protected(&mut near, &plain).unwrap();
    assert_eq!((short.len(), &short[..]), (plain.len() + 4, &long[..plain.len() + 4]));
    assert_eq!(far.unprotect_rtp(&mut short), Ok(plain.as_slice()));
    assert_eq!(protected_rtcp(&mut near, &[0x80; 8]).len(), 8 + 14, "RTCP keeps the long one (RFC 4568 §6.2.2)");
}

#[test]
fn contributing_sources_and_extensions_stay_clear() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let mut plain = rtp(9, 1, &[0x55; 4 + 4 + 4 + 20]);
    plain[0] |= 0x11;
    plain[12 + 4..][..4].copy_from_slice(&[0xBE, 0xDE, 0, 1]);
    let mut packet = protected(&mut near, &plain).unwrap();
    assert_eq!(packet[..24], plain[..24]);
    assert_ne!(packet[24..44], plain[24..]);
    assert_eq!(far.unprotect_rtp(&mut packet), Ok(plain.as_slice()));
}

#[test]
fn what_is_forged_repeated_or_short_is_dropped_and_left_as_it_was() {
    for suite in Suite::ALL {
        let (mut near, mut far) = pair(suite);
        let good = protected(&mut near, &rtp(5, 1, &[3; 160])).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            let before = bad.clone();
            assert!(far.unprotect_rtp(&mut bad).is_err(), "byte {at} of {suite:?}");
            assert_eq!(bad, before);
        }
        for length in 0..good.len() {
            assert!(far.unprotect_rtp(&mut good[..length].to_vec()).is_err(), "{length} bytes");
        }
        assert!(far.unprotect_rtp(&mut good.clone()).is_ok());
        assert_eq!(far.unprotect_rtp(&mut good.clone()), Err(SrtpError::Replayed));

        let report = protected_rtcp(&mut near, &[0x80, 201, 0, 1, 0, 0, 0, 1]);
        for at in 0..report.len() {
            let mut bad = report.clone();
            bad[at] ^= 0x40;
            assert!(far.unprotect_rtcp(&mut bad).is_err(), "byte {at} of a report");
            assert!(far.unprotect_rtcp(&mut report[..at].to_vec()).is_err(), "{at} bytes of a report");
        }
        assert!(far.unprotect_rtcp(&mut report.clone()).is_ok());
        assert_eq!(far.unprotect_rtcp(&mut report.clone()), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_report_in_clear_text_is_read_if_it_is_signed() {
    use super::transform::{Protocol, SessionKeys};
    let (_, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let plain = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let mut packet = [plain.as_slice(), &3u32.to_be_bytes()].concat();
    let tag = SessionKeys::derive(&rfc_master(), Protocol::Rtcp).tag(&packet, &[]);
    packet.extend(&tag[..10]);
    assert_eq!(far.unprotect_rtcp(&mut packet), Ok(plain.as_slice()));
}

#[test]
fn no_number_is_encrypted_twice() {
    let (mut near, _) = pair(Suite::AesCm128HmacSha1_80);
    for sequence in [10, 12, 11] {
        assert!(protected(&mut near, &rtp(sequence, 1, &[1])).is_some());
    }
    for (sequence, payload) in [(10, 2), (11, 2), (12, 2)] {
        assert_eq!(protected(&mut near, &rtp(sequence, 1, &[payload])), None);
    }
    assert!(protected(&mut near, &rtp(13, 1, &[1])).is_some());
    let mut no_room = rtp(14, 1, &[1]);
    assert_eq!(near.protect_rtp(&mut no_room, 13), None, "no room for the tag");
}

#[test]
fn a_stream_that_is_first_heard_after_it_rolled_over_is_understood() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    for sequence in [65_534, 65_535] {
        protected(&mut near, &rtp(sequence, 1, &[1])).unwrap();
    }
    for sequence in [0, 1, 2] {
        let plain = rtp(sequence, 1, &[1]);
        let mut packet = protected(&mut near, &plain).unwrap();
        assert_eq!(far.unprotect_rtp(&mut packet), Ok(plain.as_slice()));
    }
}

#[test]
fn every_source_has_its_own_counters_and_forged_ones_take_no_place() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let mut send = |sequence, ssrc| {
        let plain = rtp(sequence, ssrc, &[1; 20]);
        protected(&mut near, &plain).unwrap()
    };
    let first = send(40_000, 1);
    assert!(far.unprotect_rtp(&mut first.clone()).is_ok());
    for ssrc in 2..=MOST_SOURCES as u32 {
        assert!(far.unprotect_rtp(&mut send(3, ssrc)).is_ok(), "an SSRC of its own begins anywhere");
        let mut forged = rtp(3, 100 + ssrc, &[1; 30]);
        assert_eq!(far.unprotect_rtp(&mut forged), Err(SrtpError::Unauthentic));
    }
    assert_eq!(far.unprotect_rtp(&mut first.clone()), Err(SrtpError::Replayed), "the first is still known");
}

#[test]
fn a_new_key_of_the_far_end_is_taken_and_the_old_one_ends_with_its_first_packet() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let mut old = [1, 2, 3].map(|sequence| protected(&mut near, &rtp(sequence, 1, &[1])).unwrap());
    assert!(far.unprotect_rtp(&mut old[0]).is_ok());
    let (new, ours) = (MasterKey::from_bytes([9; 30]), MasterKey::from_bytes([7; 30]));
    let suite = Suite::AesCm128HmacSha1_32;
    near.rekey(SrtpKeys { suite, local: new.clone(), remote: ours.clone() });
    far.rekey(SrtpKeys { suite, local: ours, remote: new });
    assert!(far.unprotect_rtp(&mut old[1]).is_ok(), "on its way when the keys changed");
    assert!(far.unprotect_rtp(&mut protected(&mut near, &rtp(4, 1, &[1])).unwrap()).is_ok());
    assert_eq!(far.unprotect_rtp(&mut old[2]), Err(SrtpError::Unauthentic));
}

#[test]
fn the_same_keys_again_change_no_counter() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    let mut packet = protected(&mut near, &rtp(1, 1, &[1])).unwrap();
    let again = packet.clone();
    far.unprotect_rtp(&mut packet).unwrap();
    let keys = far.keys.clone();
    far.rekey(keys);
    assert_eq!(far.unprotect_rtp(&mut again.clone()), Err(SrtpError::Replayed));
}

#[test]
fn keys_are_not_shown() {
    let keys = SrtpKeys { suite: Suite::AesCm128HmacSha1_80, local: rfc_master(), remote: rfc_master() };
    let shown = format!("{keys:?}");
    assert!(shown.contains("Secret(…)") && !shown.contains("225") && !shown.contains("E1"), "{shown}");
}

proptest! {
    /// Sequence numbers from anywhere over several rollovers, with losses, repeats and packets that overtake others:
    /// what is sent is what is received, once.
    #[test]
    fn what_is_sent_is_received(start: u16, short: bool, steps in proptest::collection::vec((1u64..3_000, 0u8..4), 1..120)) {
        let (mut near, mut far) = pair(Suite::ALL[usize::from(short)]);
        let mut index = u64::from(start);
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        for (step, fate) in steps {
            index += if fate == 3 { step } else { 1 };
            let plain = rtp(index as u16, 0xCAFE, &index.to_be_bytes());
            let packet = protected(&mut near, &plain).unwrap();
            prop_assert_ne!(&packet[12..20], &plain[12..20]);
            match fate {
                // Lost.
                0 if index != u64::from(start) + 1 => {}
                // Overtaken by the next.
                1 if held.is_none() && index != u64::from(start) + 1 => held = Some((packet, plain)),
                _ => {
                    let (mut first, mut again) = (packet.clone(), packet);
                    prop_assert_eq!(far.unprotect_rtp(&mut first), Ok(plain.as_slice()));
                    prop_assert_eq!(far.unprotect_rtp(&mut again), Err(SrtpError::Replayed));
                    if let Some((mut packet, plain)) = held.take() {
                        let came = far.unprotect_rtp(&mut packet);
                        // What was overtaken by more than the window is given up.
                        let near_enough = index - u64::from_be_bytes(plain[12..20].try_into().unwrap()) < 128;
                        prop_assert_eq!(came, if near_enough { Ok(plain.as_slice()) } else { Err(SrtpError::Replayed) });
                    }
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), length in 0usize..90) {
        let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_32);
        let _ = far.unprotect_rtp(&mut bytes.clone());
        let _ = far.unprotect_rtcp(&mut bytes.clone());
        let _ = near.protect_rtp(&mut bytes, length);
        let _ = near.protect_rtcp(&mut bytes, length);
    }

    #[test]
    fn reports_come_through(bytes in proptest::collection::vec(any::<u8>(), 8..160)) {
        let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
        let plain = [&[0x81, 200], &bytes[2..]].concat();
        let mut packet = protected_rtcp(&mut near, &plain);
        prop_assert_eq!(far.unprotect_rtcp(&mut packet), Ok(plain.as_slice()));
    }
}
