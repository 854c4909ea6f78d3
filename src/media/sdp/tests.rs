use proptest::prelude::*;

use super::*;
use crate::domain::TrunkCodec;

const LOCAL: &str = "192.0.2.1:16384";

fn local() -> SocketAddr {
    LOCAL.parse().unwrap()
}

fn answered(offer: &str) -> Result<Negotiated, SdpError> {
    answer(offer.as_bytes(), &Capabilities::default(), local(), &mut SdpSession::new(42))
}

fn text(sdp: &[u8]) -> String {
    String::from_utf8(sdp.to_vec()).unwrap().replace("\r\n", "\n")
}

const CARRIER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n";

fn carrier(media: &str) -> String {
    format!("{CARRIER}{media}")
}

#[test]
fn a_plain_offer_is_answered_in_full() {
    let got = answered(&carrier(
        "m=audio 4000 RTP/AVP 0 8 18 96\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ptime:20\r\n",
    ))
    .unwrap();
    insta::assert_snapshot!(text(&got.sdp), @r"
    v=0
    o=vca 21 21 IN IP4 192.0.2.1
    s=-
    c=IN IP4 192.0.2.1
    t=0 0
    m=audio 16384 RTP/AVP 8 96
    a=rtpmap:8 PCMA/8000
    a=rtpmap:96 telephone-event/8000
    a=fmtp:96 0-15
    a=ptime:20
    a=sendrecv
    ");
    let expected = MediaParams {
        codec: Codec::Pcma,
        payload_type: 8,
        dtmf_payload_type: Some(96),
        dtmf_clock_hz: 8_000,
        opus: OpusWishes::default(),
        remote: "203.0.113.5:4000".parse().unwrap(),
        direction: Direction::SEND_RECV,
        ptime_ms: 20,
        srtp: None,
    };
    assert_eq!(got.media, expected);
}

#[test]
fn a_trunks_settings_are_what_is_offered() {
    let trunk = TrunkSettings {
        codecs: vec![TrunkCodec::Pcmu, TrunkCodec::Pcma],
        dtmf_payload_type: 96,
        ptime_ms: 30,
        ..TrunkSettings::default()
    };
    let offered = offer(&Capabilities::from(&trunk), local(), Direction::SEND_RECV, &mut SdpSession::new(1));
    let offered = text(&offered);
    for line in ["m=audio 16384 RTP/AVP 0 8 96", "a=rtpmap:96 telephone-event/8000", "a=ptime:30"] {
        assert!(offered.lines().any(|found| found == line), "{line}\n{offered}");
    }
    let only = TrunkSettings { codecs: vec![TrunkCodec::Pcma], ..trunk };
    let mu_law = carrier("m=audio 4000 RTP/AVP 0\r\n");
    let refused = answer(mu_law.as_bytes(), &Capabilities::from(&only), local(), &mut SdpSession::new(1));
    assert_eq!(refused.unwrap_err(), SdpError::NoCommonCodec);
}

#[test]
fn our_order_of_codecs_counts_not_the_offers() {
    let offer = carrier("m=audio 4000 RTP/AVP 0 8\r\n");
    assert_eq!(answered(&offer).unwrap().media.codec, Codec::Pcma);
    let mu_first = Capabilities { codecs: vec![Codec::Pcmu, Codec::Pcma], ..Capabilities::default() };
    let got = answer(offer.as_bytes(), &mu_first, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!(got.media.codec, Codec::Pcmu);
}

#[test]
fn codecs_are_found_by_name_on_dynamic_payload_types_and_static_ones_can_be_renamed() {
    let got = answered(&carrier("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcma/8000/1\r\n")).unwrap();
    assert_eq!((got.media.codec, got.media.payload_type), (Codec::Pcma, 97));
    assert!(text(&got.sdp).contains("m=audio 16384 RTP/AVP 97\na=rtpmap:97 PCMA/8000\n"));
    let wide = "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMA/16000\r\n";
    assert_eq!(answered(&carrier(wide)), Err(SdpError::NoCommonCodec));
    let renamed = "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 L16/44100\r\n";
    assert_eq!(answered(&carrier(renamed)), Err(SdpError::NoCommonCodec));
}

#[test]
fn directions_are_mirrored() {
    let table = [
        ("a=sendonly", "recvonly", Direction::RECV_ONLY),
        ("a=recvonly", "sendonly", Direction::SEND_ONLY),
        ("a=inactive", "inactive", Direction::INACTIVE),
        ("a=sendrecv", "sendrecv", Direction::SEND_RECV),
        ("a=x-nothing", "sendrecv", Direction::SEND_RECV),
        ("c=IN IP4 0.0.0.0", "recvonly", Direction::RECV_ONLY),
        ("c=IN IP4 0.0.0.0\r\na=sendonly", "recvonly", Direction::RECV_ONLY),
        ("c=IN IP4 0.0.0.0\r\na=inactive", "inactive", Direction::INACTIVE),
        ("c=IN IP6 ::", "recvonly", Direction::RECV_ONLY),
    ];
    for (line, attribute, direction) in table {
        let got = answered(&carrier(&format!("m=audio 4000 RTP/AVP 8\r\n{line}\r\n"))).unwrap();
        assert_eq!(got.media.direction, direction, "{line}");
        assert!(text(&got.sdp).contains(&format!("a={attribute}\n")), "{line}");
    }
    let session_level = format!("{CARRIER}a=sendonly\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(answered(&session_level).unwrap().media.direction, Direction::RECV_ONLY);
    let media_wins = format!("{CARRIER}a=inactive\r\nm=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n");
    assert_eq!(answered(&media_wins).unwrap().media.direction, Direction::SEND_RECV);
}

#[test]
fn other_streams_are_rejected_in_their_places() {
    let got = answered(&carrier(
        "m=video 6000 RTP/AVP 31 32\r\na=rtpmap:31 H261/90000\r\nm=audio 4000 RTP/AVP 8\r\nm=image 7000 udptl t38\r\n\
         m=audio 4002 RTP/AVP 8\r\nm=audio 0 RTP/AVP 8\r\n",
    ))
    .unwrap();
    let answer = text(&got.sdp);
    let lines: Vec<&str> = answer.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31 32",
            "m=audio 16384 RTP/AVP 8",
            "m=image 0 udptl t38",
            "m=audio 0 RTP/AVP 8",
            "m=audio 0 RTP/AVP 8"
        ]
    );
    assert_eq!(got.media.remote.port(), 4000);
}

#[test]
fn the_first_stream_that_can_be_carried_is_taken() {
    let got =
        answered(&carrier("m=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 18\r\nm=audio 4004 RTP/AVP 0\r\n")).unwrap();
    assert_eq!((got.media.remote.port(), got.media.codec), (4004, Codec::Pcmu));
    assert!(text(&got.sdp).contains("m=audio 0 RTP/SAVP 8\nm=audio 0 RTP/AVP 18\nm=audio 16384 RTP/AVP 0\n"));
}

#[test]
fn what_cannot_be_carried_has_its_reason() {
    assert_eq!(answered(&carrier("m=audio 4000 RTP/AVP 18\r\n")), Err(SdpError::NoCommonCodec));
    assert_eq!(answered(&carrier("m=video 4000 RTP/AVP 8\r\n")), Err(SdpError::NoAudio));
    assert_eq!(answered(&carrier("m=audio 0 RTP/AVP 8\r\n")), Err(SdpError::NoAudio));
    assert_eq!(answered(&carrier("m=audio 4000 RTP/SAVP 8\r\n")), Err(SdpError::NoUsableKey));
    assert_eq!(answered(&carrier("m=audio 4000 UDP/TLS/RTP/SAVP 8\r\n")), Err(SdpError::NoAudio));
    assert_eq!(answered(&carrier("")), Err(SdpError::NoAudio));
    assert_eq!(answered("v=0\r\nm=audio 4000 RTP/AVP 8\r\n"), Err(SdpError::NoAddress));
    assert_eq!(answered("v=0\r\nc=IN IP4 224.1.2.3/127\r\nm=audio 4000 RTP/AVP 8\r\n"), Err(SdpError::NoAddress));
    for bad in ["", "v=1\r\n", "hello", "v=0\r\nm=audio 99999 RTP/AVP 8\r\n", "v=0\r\nm=audio\r\n", "v=0\r\nmaudio"] {
        assert!(matches!(answered(bad), Err(SdpError::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn sloppy_descriptions_are_understood() {
    let table: [&[u8]; 7] = [
        // No s=, no t=, no o=.
        b"v=0\r\nc=IN IP4 203.0.113.5\r\nm=audio 4000 RTP/AVP 8\r\n",
        // A session version above 2^64, an id that is no number.
        b"v=0\no=x abc 99999999999999999999999 IN IP4 h\ns=-\nc=IN IP4 203.0.113.5\nt=0 0\nm=audio 4000 RTP/AVP 8\n",
        // Latin-1, an empty s=, a bad b= and t=.
        b"v=0\r\ns=Caf\xe9\r\nb=AS\r\nt=now\r\nc=IN IP4 203.0.113.5\r\nm=audio 4000 RTP/AVP 8\r\na=x:\xff\r\n",
        // Double spaces and trailing ones.
        b"v=0 \r\nc=IN  IP4 203.0.113.5 \r\nm=audio  4000  RTP/AVP  8 \r\n",
        // The address at the media level only; two ports.
        b"v=0\r\nm=audio 4000/2 RTP/AVP 8\r\nc=IN IP4 203.0.113.5\r\n",
        // The media level wins.
        b"v=0\r\nc=IN IP4 198.51.100.1\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP4 203.0.113.5\r\n",
        // rtcp attributes and bundles mean nothing to us.
        b"v=0\r\na=group:BUNDLE 0\r\nc=IN IP4 203.0.113.5\r\nm=audio 4000 RTP/AVPF 8\r\na=rtcp-mux\r\na=rtcp:4009\r\n",
    ];
    for sdp in table {
        let got = answer(sdp, &Capabilities::default(), local(), &mut SdpSession::new(1));
        let shown = String::from_utf8_lossy(sdp).into_owned();
        let remote = got.unwrap_or_else(|e| panic!("{e}: {shown}")).media.remote;
        assert_eq!(remote, "203.0.113.5:4000".parse().unwrap(), "{shown}");
    }
}

#[test]
fn ipv6_is_written_as_it_should() {
    let offer = "v=0\r\nc=IN IP6 2001:db8::5\r\nm=audio 4001 RTP/AVP 8\r\n";
    let local = "[2001:db8::1]:16384".parse().unwrap();
    let got = answer(offer.as_bytes(), &Capabilities::default(), local, &mut SdpSession::new(2)).unwrap();
    assert_eq!(got.media.remote, "[2001:db8::5]:4001".parse().unwrap());
    assert!(text(&got.sdp).contains("o=vca 1 1 IN IP6 2001:db8::1\n"));
    assert!(text(&got.sdp).contains("c=IN IP6 2001:db8::1\n"));
}

#[test]
fn packet_lengths_are_agreed() {
    let table = [("a=ptime:30", 30), ("a=ptime:40\r\na=maxptime:20", 20), ("a=maxptime:10", 10), ("a=ptime:0", 10)];
    let odd = [("a=ptime:500", 60), ("a=ptime:x", 20), ("a=ptime:25", 20), ("a=ptime:20.0", 20), ("a=ptime:-5", 10)];
    for (line, expected) in table.into_iter().chain(odd) {
        let got = answered(&carrier(&format!("m=audio 4000 RTP/AVP 8\r\n{line}\r\n"))).unwrap();
        assert_eq!(got.media.ptime_ms, expected, "{line}");
        assert!(text(&got.sdp).contains(&format!("a=ptime:{expected}\n")), "{line}");
    }
}

#[test]
fn telephone_events_need_both_sides_and_our_clock() {
    let offer = carrier(
        "m=audio 4000 RTP/AVP 8 100 101\r\na=rtpmap:100 telephone-event/48000\r\na=rtpmap:101 Telephone-Event/8000\r\n",
    );
    assert_eq!(answered(&offer).unwrap().media.dtmf_payload_type, Some(101));
    let deaf = Capabilities { dtmf: false, ..Capabilities::default() };
    let got = answer(offer.as_bytes(), &deaf, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!(got.media.dtmf_payload_type, None);
    assert!(!text(&got.sdp).contains("telephone-event"));
}

#[test]
fn a_re_invite_keeps_the_session_id_and_counts_the_version_up() {
    let mut session = SdpSession::new(1_000);
    let caps = Capabilities::default();
    let origin = |sdp: &[u8]| text(sdp).lines().find(|l| l.starts_with("o=")).unwrap().to_owned();
    let plain = carrier("m=audio 4000 RTP/AVP 8\r\n");
    let hold = carrier("m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n");
    let first = answer(plain.as_bytes(), &caps, local(), &mut session).unwrap();
    let refresh = answer(plain.as_bytes(), &caps, local(), &mut session).unwrap();
    let held = answer(hold.as_bytes(), &caps, local(), &mut session).unwrap();
    let before = session.clone();
    assert!(answer(b"v=0\r\n", &caps, local(), &mut session).is_err());
    assert_eq!(session, before, "a failed re-INVITE changes nothing");
    let resumed = answer(plain.as_bytes(), &caps, local(), &mut session).unwrap();
    assert_eq!(origin(&first.sdp), "o=vca 500 500 IN IP4 192.0.2.1");
    assert_eq!(first.sdp, refresh.sdp, "a refresh changes nothing, so its version stays (RFC 3264 §8)");
    assert_eq!(origin(&held.sdp), "o=vca 500 501 IN IP4 192.0.2.1");
    assert_eq!(origin(&resumed.sdp), "o=vca 500 502 IN IP4 192.0.2.1");
}

#[test]
fn an_offer_of_ours_is_answered_by_ourselves() {
    let (mut ours, mut theirs) = (SdpSession::new(2), SdpSession::new(4));
    let caps = Capabilities::default();
    let mu_only = Capabilities { codecs: vec![Codec::Pcmu], ..caps.clone() };
    let sdp = offer(&caps, local(), Direction::SEND_RECV, &mut ours);
    insta::assert_snapshot!(text(&sdp), @r"
    v=0
    o=vca 1 1 IN IP4 192.0.2.1
    s=-
    c=IN IP4 192.0.2.1
    t=0 0
    m=audio 16384 RTP/AVP 8 0 101
    a=rtpmap:8 PCMA/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    a=ptime:20
    a=sendrecv
    ");
    let far = "198.51.100.7:5001".parse().unwrap();
    let negotiated = answer(&sdp, &mu_only, far, &mut theirs).unwrap();
    assert_eq!(negotiated.media.remote, local());
    let params = accept_answer(&negotiated.sdp, &caps, &mut ours).unwrap();
    assert_eq!(params.codec, Codec::Pcmu);
    assert_eq!(params.dtmf_payload_type, Some(101));
    assert_eq!(params.remote, far);
    assert_eq!(params.direction, Direction::SEND_RECV);

    // A hold of ours: they answer recvonly, so we only send.
    let hold = offer(&caps, local(), Direction::SEND_ONLY, &mut ours);
    let negotiated = answer(&hold, &mu_only, far, &mut theirs).unwrap();
    assert_eq!(negotiated.media.direction, Direction::RECV_ONLY);
    assert_eq!(accept_answer(&negotiated.sdp, &caps, &mut ours).unwrap().direction, Direction::SEND_ONLY);
}

#[test]
fn a_trunks_codecs_are_offered_in_its_order() {
    use crate::domain::TrunkCodec;
    let settings = TrunkSettings {
        codecs: vec![TrunkCodec::Opus, TrunkCodec::G722, TrunkCodec::Pcma],
        ptime_ms: 40,
        ..TrunkSettings::default()
    };
    let caps = Capabilities::from(&settings);
    let sdp = offer(&caps, local(), Direction::SEND_RECV, &mut SdpSession::new(2));
    insta::assert_snapshot!(text(&sdp), @r"
    v=0
    o=vca 1 1 IN IP4 192.0.2.1
    s=-
    c=IN IP4 192.0.2.1
    t=0 0
    m=audio 16384 RTP/AVP 111 9 8 101 96
    a=rtpmap:111 opus/48000/2
    a=rtpmap:9 G722/8000
    a=rtpmap:8 PCMA/8000
    a=rtpmap:101 telephone-event/8000
    a=rtpmap:96 telephone-event/48000
    a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1
    a=fmtp:101 0-15
    a=fmtp:96 0-15
    a=ptime:40
    a=sendrecv
    ");
    assert_eq!(Capabilities::from(&TrunkSettings::default()), Capabilities::default(), "G.711 where nothing is said");
    // The same order decides which codec of an offer is taken.
    let theirs = carrier("m=audio 4000 RTP/AVP 8 9 96\r\na=rtpmap:96 OPUS/48000/2\r\n");
    let got = answer(theirs.as_bytes(), &caps, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!((got.media.codec, got.media.payload_type), (Codec::Opus, 96));
}

#[test]
fn opus_is_answered_with_what_the_far_end_wishes_and_events_of_its_clock() {
    let caps = Capabilities::any_codec();
    let offer = carrier(
        "m=audio 4000 RTP/AVP 96 100 101 102\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=rtpmap:102 telephone-event/48000\r\n\
         a=fmtp:96 minptime=10; UseInbandFEC=1;usedtx=1;maxaveragebitrate=16000;cbr\r\n",
    );
    let got = answer(offer.as_bytes(), &caps, local(), &mut SdpSession::new(1)).unwrap();
    let wishes = OpusWishes { fec: true, dtx: true, cbr: false, max_bitrate: Some(16_000) };
    assert_eq!(got.media.opus, wishes);
    assert_eq!((got.media.dtmf_payload_type, got.media.dtmf_clock_hz), (Some(102), 48_000));
    let sdp = text(&got.sdp);
    assert!(
        sdp.contains("m=audio 16384 RTP/AVP 96 102\na=rtpmap:96 opus/48000/2\na=rtpmap:102 telephone-event/48000\n"),
        "{sdp}"
    );
    // One of another clock is better than none.
    let only =
        carrier("m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n");
    let got = answer(only.as_bytes(), &caps, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!((got.media.dtmf_payload_type, got.media.dtmf_clock_hz), (Some(101), 8_000));
    assert!(text(&got.sdp).contains("a=rtpmap:101 telephone-event/8000"));
    assert_eq!(got.media.opus, OpusWishes::default());
    // Opus by a wrong clock or number of channels is something else, and G.722 has the clock of RFC 3551.
    for wrong in ["opus/16000/2", "opus/48000", "G722/16000"] {
        let offer = carrier(&format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {wrong}\r\n"));
        assert_eq!(answer(offer.as_bytes(), &caps, local(), &mut SdpSession::new(1)), Err(SdpError::NoCommonCodec));
    }
    let static_type = carrier("m=audio 4000 RTP/AVP 9\r\n");
    let got = answer(static_type.as_bytes(), &caps, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!((got.media.codec, got.media.payload_type), (Codec::G722, 9));
    // Beside G.711 it is not taken by who knows nothing better of the far end.
    let both = carrier("m=audio 4000 RTP/AVP 9 0\r\n");
    let got = answer(both.as_bytes(), &caps, local(), &mut SdpSession::new(1)).unwrap();
    assert_eq!(got.media.codec, Codec::Pcmu);
}

#[test]
fn bad_answers_are_refused() {
    let caps = Capabilities::default();
    let mut session = SdpSession::new(2);
    offer(&caps, local(), Direction::SEND_RECV, &mut session);
    let mut accept = |media: &str| accept_answer(carrier(media).as_bytes(), &caps, &mut session);
    assert_eq!(accept("m=audio 0 RTP/AVP 8\r\n"), Err(SdpError::NoAudio));
    assert_eq!(accept("m=audio 4000 RTP/AVP 18\r\n"), Err(SdpError::NoCommonCodec));
    assert_eq!(accept(""), Err(SdpError::NotAnAnswer));
    // The far end's order counts in an answer.
    assert_eq!(accept("m=audio 4000 RTP/AVP 0 8\r\n").unwrap().codec, Codec::Pcmu);
    assert_eq!(accept_answer(b"v=0", &caps, &mut SdpSession::new(1)), Err(SdpError::NotAnAnswer));
}

#[test]
fn our_re_offer_keeps_the_lines_of_their_offer() {
    let mut session = SdpSession::new(2);
    let theirs = carrier("m=video 6000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8\r\n");
    let caps = Capabilities::default();
    answer(theirs.as_bytes(), &caps, local(), &mut session).unwrap();
    let sdp = text(&offer(&caps, local(), Direction::SEND_RECV, &mut session));
    assert!(sdp.contains("m=video 0 RTP/AVP 31\nm=audio 16384 RTP/AVP 8 0 101\n"), "{sdp}");
    let answer = carrier("m=video 0 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(accept_answer(answer.as_bytes(), &caps, &mut session).unwrap().remote.port(), 4000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = answer(&bytes, &Capabilities::default(), local(), &mut SdpSession::new(1));
    }

    #[test]
    fn no_lines_make_it_panic(lines in proptest::collection::vec(
        "(v=0|o=- 1 1 IN IP4 h|c=IN IP[46] [0-9.:]{0,9}|m=(audio|video) [0-9]{1,5}(/[0-9])? RTP/AVP( [0-9]{1,3}){0,3}|\
          a=(rtpmap|fmtp|ptime|maxptime):[ -~]{0,20}|[a-z]=[ -~]{0,20})", 0..14)) {
        let text = format!("v=0\r\n{}\r\n", lines.join("\r\n"));
        let mut session = SdpSession::new(1);
        if let Ok(negotiated) = answer(text.as_bytes(), &Capabilities::default(), local(), &mut session) {
            let read = Session::parse(&negotiated.sdp).unwrap();
            prop_assert_eq!(read.medias.len(), text.matches("\nm=").count());
            prop_assert_eq!(read.medias.iter().filter(|m| m.port != 0).count(), 1);
        }
        let _ = accept_answer(text.as_bytes(), &Capabilities::default(), &mut session);
    }

    #[test]
    fn what_we_offer_we_can_answer(id in any::<u64>(), first in 0usize..4, dtmf in any::<bool>(),
                                   ptime_ms in 1u32..7, port in 1u16..) {
        let mut codecs = Codec::ALL.to_vec();
        codecs.rotate_left(first);
        let caps = Capabilities { codecs: codecs.clone(), dtmf, ptime_ms: ptime_ms * 10, ..Capabilities::default() };
        let addr: SocketAddr = ([192, 0, 2, 9], port).into();
        let mut session = SdpSession::new(id);
        let sdp = offer(&caps, addr, Direction::SEND_RECV, &mut session);
        let far = answer(&sdp, &caps, local(), &mut SdpSession::new(1)).unwrap();
        prop_assert!(!dtmf || far.media.dtmf_clock_hz == codecs[0].clock_rate_hz());
        prop_assert_eq!(far.media.remote, addr);
        let near = accept_answer(&far.sdp, &caps, &mut session).unwrap();
        prop_assert_eq!(near.codec, codecs[0]);
        prop_assert_eq!(near.ptime_ms, ptime_ms * 10);
        prop_assert_eq!(near.dtmf_payload_type.is_some(), dtmf);
    }
}
