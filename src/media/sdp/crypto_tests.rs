//! Keys in offers and answers.

use proptest::prelude::*;

use super::crypto::CryptoLine;
use super::*;
use crate::media::srtp::{MasterKey, Suite};

/// The key of RFC 4568's own example, §4.
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER_KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const AVP: &str = "RTP/AVP";
const SAVP: &str = "RTP/SAVP";

fn local() -> SocketAddr {
    "192.0.2.1:16384".parse().unwrap()
}

fn caps(srtp: SrtpUse) -> Capabilities {
    Capabilities { srtp, ..Capabilities::default() }
}

fn session(seed: u8) -> SdpSession {
    SdpSession::new(42).with_keys([seed; 32])
}

/// A description of the far end's, with these `a=crypto` values.
fn theirs(proto: &str, crypto: &[&str]) -> String {
    let lines: String = crypto.iter().map(|value| format!("a=crypto:{value}\r\n")).collect();
    format!("v=0\r\nc=IN IP4 203.0.113.5\r\nm=audio 4000 {proto} 8\r\n{lines}")
}

fn line(tag: u32, suite: Suite, key: &str) -> String {
    format!("{tag} {} inline:{key}", suite.name())
}

const LONG: Suite = Suite::AesCm128HmacSha1_80;
const SHORT: Suite = Suite::AesCm128HmacSha1_32;

fn answered(srtp: SrtpUse, offer: &str, session: &mut SdpSession) -> Result<(String, MediaParams), SdpError> {
    let got = answer(offer.as_bytes(), &caps(srtp), local(), session)?;
    Ok((String::from_utf8(got.sdp).unwrap().replace("\r\n", "\n"), got.media))
}

fn key(base64: &str) -> MasterKey {
    CryptoLine::parse(&line(1, LONG, base64)).unwrap().key
}

/// The keys in a description of ours.
fn ours(sdp: &str) -> Vec<CryptoLine> {
    sdp.lines().filter_map(|line| CryptoLine::parse(line.trim().strip_prefix("a=crypto:")?)).collect()
}

#[test]
fn lines_are_read_as_rfc_4568_writes_them() {
    let read = |value: &str| CryptoLine::parse(value).map(|line| (line.tag, line.suite));
    assert_eq!(key(KEY).bytes(), b"YS___semctl () {\t220;}\n}\nunles");
    for (value, expected) in [
        (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), (1, LONG)),
        (format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20"), (2, SHORT)),
        (format!("999999999 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48 WSH=64 KDR=0"), (999_999_999, LONG)),
        (format!("1  aes_cm_128_hmac_sha1_80  INLINE:{KEY}|1048576 -x=y wsh=128 kdr=0"), (1, LONG)),
    ] {
        assert_eq!(read(&value), Some(expected), "{value}");
    }
}

#[test]
fn lines_that_are_wrong_or_ask_for_more_are_passed_over() {
    let cut = &KEY[..39];
    for value in [
        String::new(),
        "1".into(),
        "1 AES_CM_128_HMAC_SHA1_80".into(),
        "1 AES_CM_128_HMAC_SHA1_80 inline".into(),
        "1 AES_CM_128_HMAC_SHA1_80 inline:".into(),
        "1 AES_CM_128_HMAC_SHA1_80 inline:====".into(),
        // A tag that is none.
        format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("+1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("-1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("4294967297 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        // A suite or method that is not ours.
        format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
        // A key too short, too long, or no base64.
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{cut}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AA=="),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{cut}!"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{cut}_"),
        // An MKI, several keys, a lifetime that a call outlives or that is no lifetime.
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{OTHER_KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^19"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^49"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|3^31"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1000"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|+2000000"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|99999999999999999999999"),
        // Session parameters that change what is on the wire.
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FEC_ORDER=FEC_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=63"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} -"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} something"),
    ] {
        assert_eq!(CryptoLine::parse(&value), None, "{value}");
        let offer = theirs(SAVP, &[&value]);
        assert_eq!(answered(SrtpUse::Off, &offer, &mut session(1)), Err(SdpError::NoUsableKey), "{value}");
        let offer = theirs(SAVP, &[&value, &line(7, SHORT, KEY)]);
        let (sdp, media) = answered(SrtpUse::Off, &offer, &mut session(1)).unwrap();
        assert_eq!(ours(&sdp)[0].tag, 7, "the next line is taken: {value}");
        assert_eq!(media.srtp.unwrap().suite, SHORT);
    }
}

#[test]
fn an_offer_of_srtp_is_answered_in_kind_with_its_first_line() {
    for (srtp, proto) in [(SrtpUse::Off, SAVP), (SrtpUse::Off, AVP), (SrtpUse::Offer, AVP), (SrtpUse::Require, SAVP)] {
        let offer = theirs(proto, &[&line(3, SHORT, KEY), &line(4, LONG, OTHER_KEY)]);
        let (sdp, media) = answered(srtp, &offer, &mut session(1)).unwrap();
        assert!(sdp.contains(&format!("m=audio 16384 {proto} 8\n")), "{sdp}");
        let [answer] = ours(&sdp).try_into().unwrap();
        assert_eq!((answer.tag, answer.suite), (3, SHORT));
        assert_eq!(media.srtp, Some(SrtpKeys { suite: SHORT, local: answer.key, remote: key(KEY) }));
    }
}

#[test]
fn what_the_setting_does_not_allow_is_refused() {
    let good = line(1, LONG, KEY);
    for (srtp, offer, expected) in [
        (SrtpUse::Require, theirs(AVP, &[]), Err(SdpError::SrtpRequired)),
        (SrtpUse::Require, theirs(AVP, &[&good]), Err(SdpError::SrtpRequired)),
        (SrtpUse::Require, theirs(SAVP, &[]), Err(SdpError::NoUsableKey)),
        (SrtpUse::Off, theirs(SAVP, &[]), Err(SdpError::NoUsableKey)),
        (SrtpUse::Offer, theirs("UDP/TLS/RTP/SAVP", &[&good]), Err(SdpError::NoAudio)),
        (SrtpUse::Off, theirs(AVP, &["1 nonsense"]), Ok(())),
        (SrtpUse::Offer, theirs(AVP, &[]), Ok(())),
    ] {
        let got = answered(srtp, &offer, &mut session(1));
        assert_eq!(got.map(|(sdp, media)| assert!(media.srtp.is_none() && ours(&sdp).is_empty())), expected, "{offer}");
    }
    let both = format!("{}m=audio 4002 RTP/SAVP 8\r\na=crypto:{good}\r\n", theirs(AVP, &[]));
    let (sdp, media) = answered(SrtpUse::Require, &both, &mut session(1)).unwrap();
    assert_eq!(media.remote.port(), 4002, "the stream that is allowed is taken: {sdp}");
    assert_eq!(answered(SrtpUse::Off, &theirs(SAVP, &[&good]), &mut SdpSession::new(1)), Err(SdpError::NoUsableKey));
}

#[test]
fn offers_have_the_keys_that_the_setting_wants() {
    let written = |srtp| {
        let sdp = offer(&caps(srtp), local(), Direction::SEND_RECV, &mut session(1));
        String::from_utf8(sdp).unwrap().replace("\r\n", "\n")
    };
    assert!(written(SrtpUse::Off).contains("RTP/AVP 8") && !written(SrtpUse::Off).contains("crypto"));
    for (srtp, proto) in [(SrtpUse::Offer, AVP), (SrtpUse::Require, SAVP)] {
        let sdp = written(srtp);
        assert!(sdp.contains(&format!("m=audio 16384 {proto} 8 0 101\n")), "{sdp}");
        let [first, second] = ours(&sdp).try_into().unwrap();
        assert_eq!((first.tag, first.suite, second.tag, second.suite), (1, LONG, 2, SHORT));
        assert_ne!(first.key, second.key, "no key is used twice (RFC 4568 §6.1)");
    }
    let other = offer(&caps(SrtpUse::Offer), local(), Direction::SEND_RECV, &mut session(2));
    assert_ne!(ours(&written(SrtpUse::Offer)), ours(std::str::from_utf8(&other).unwrap()));
}

#[test]
fn answers_to_our_keys() {
    use SrtpUse::{Off, Offer, Require};
    let (long, short) = (line(1, LONG, KEY), line(2, SHORT, KEY));
    for (srtp, answer, expected) in [
        (Offer, theirs(AVP, &[&long]), Ok(Some(LONG))),
        (Offer, theirs(AVP, &[&short]), Ok(Some(SHORT))),
        // RFC 3264 wants the protocol of the offer; the keys leave no doubt.
        (Offer, theirs(SAVP, &[&long]), Ok(Some(LONG))),
        (Offer, theirs(AVP, &[]), Ok(None)),
        (Offer, theirs(SAVP, &[]), Err(SdpError::NoUsableKey)),
        (Offer, theirs(AVP, &["1 nonsense"]), Err(SdpError::NoUsableKey)),
        // A suite that was not offered under this tag.
        (Offer, theirs(AVP, &[&line(1, SHORT, KEY)]), Err(SdpError::NoUsableKey)),
        (Offer, theirs(AVP, &[&line(0, LONG, KEY)]), Err(SdpError::NoUsableKey)),
        (Require, theirs(SAVP, &[&line(3, LONG, KEY)]), Err(SdpError::NoUsableKey)),
        (Require, theirs(SAVP, &[&long]), Ok(Some(LONG))),
        (Require, theirs(SAVP, &[]), Err(SdpError::NoUsableKey)),
        (Require, theirs(AVP, &[]), Err(SdpError::NoUsableKey)),
        (Off, theirs(AVP, &[]), Ok(None)),
        // Keys that answer nothing.
        (Off, theirs(AVP, &[&long]), Ok(None)),
        (Off, theirs(SAVP, &[&long]), Err(SdpError::NotAnAnswer)),
    ] {
        let mut session = session(1);
        let sdp = String::from_utf8(offer(&caps(srtp), local(), Direction::SEND_RECV, &mut session)).unwrap();
        let got = accept_answer(answer.as_bytes(), &caps(srtp), &mut session);
        let agreed = got.as_ref().map(|media| media.srtp.as_ref().map(|keys| keys.suite)).map_err(SdpError::clone);
        assert_eq!(agreed, expected, "{srtp:?} {answer}");
        if let Some(keys) = got.ok().and_then(|media| media.srtp) {
            let offered = ours(&sdp).into_iter().find(|line| line.suite == keys.suite).unwrap();
            assert_eq!((keys.local, keys.remote), (offered.key, key(KEY)));
        }
    }
}

#[test]
fn our_key_stays_while_theirs_does_and_changes_with_it() {
    let mut session = session(1);
    let mut local_key = |offer: String| answered(SrtpUse::Off, &offer, &mut session).unwrap().1.srtp.map(|k| k.local);
    let first = local_key(theirs(SAVP, &[&line(1, LONG, KEY)])).unwrap();
    let hold = format!("{}a=sendonly\r\n", theirs(SAVP, &[&line(1, LONG, KEY)]));
    assert_eq!(local_key(hold).as_ref(), Some(&first), "a hold changes no key");
    let moved = local_key(theirs(SAVP, &[&line(1, LONG, OTHER_KEY)])).unwrap();
    assert_ne!(moved, first, "another device may be there now, which knows no packet index of ours");
    let shorter = local_key(theirs(SAVP, &[&line(1, SHORT, OTHER_KEY)])).unwrap();
    assert!(![&first, &moved].contains(&&shorter));
    assert_eq!(local_key(theirs(AVP, &[])), None);
    let again = local_key(theirs(SAVP, &[&line(1, SHORT, OTHER_KEY)])).unwrap();
    assert!(![&first, &moved, &shorter].contains(&&again), "no key begins twice");
}

#[test]
fn a_later_offer_of_ours_goes_on_in_kind() {
    let (mut session, off) = (session(1), caps(SrtpUse::Off));
    let write = |session: &mut SdpSession| {
        ours(std::str::from_utf8(&offer(&off, local(), Direction::SEND_RECV, session)).unwrap())
    };
    let (_, media) = answered(SrtpUse::Off, &theirs(AVP, &[&line(1, LONG, KEY)]), &mut session).unwrap();
    let agreed = media.srtp.unwrap();
    assert_eq!(write(&mut session)[0].key, agreed.local, "what was agreed as an addition to RTP/AVP goes on");
    session.renew_keys();
    let renewed = write(&mut session)[0].key.clone();
    assert_ne!(renewed, agreed.local);
    let media = accept_answer(theirs(AVP, &[&line(1, LONG, OTHER_KEY)]).as_bytes(), &off, &mut session).unwrap();
    assert_eq!(media.srtp, Some(SrtpKeys { suite: LONG, local: renewed, remote: key(OTHER_KEY) }));
    accept_answer(theirs(AVP, &[]).as_bytes(), &off, &mut session).unwrap();
    assert!(write(&mut session).is_empty(), "plain since then");
}

#[test]
fn several_devices_that_answer_one_offer_get_the_key_that_was_offered() {
    let (mut session, caps) = (session(1), caps(SrtpUse::Offer));
    let sdp = offer(&caps, local(), Direction::SEND_RECV, &mut session);
    let offered = ours(std::str::from_utf8(&sdp).unwrap())[0].key.clone();
    for crypto in [vec![], vec![line(1, LONG, KEY)], vec![], vec![line(1, LONG, OTHER_KEY)]] {
        let crypto: Vec<&str> = crypto.iter().map(String::as_str).collect();
        let media = accept_answer(theirs(AVP, &crypto).as_bytes(), &caps, &mut session).unwrap();
        assert!(media.srtp.is_none_or(|keys| keys.local == offered));
    }
}

#[test]
fn a_description_of_ours_is_understood_by_ourselves() {
    for srtp in [SrtpUse::Offer, SrtpUse::Require] {
        let (mut near, mut far) = (session(1), session(2));
        let sdp = offer(&caps(srtp), local(), Direction::SEND_RECV, &mut near);
        let negotiated = answer(&sdp, &caps(SrtpUse::Off), local(), &mut far).unwrap();
        let near = accept_answer(&negotiated.sdp, &caps(srtp), &mut near).unwrap().srtp.unwrap();
        let far = negotiated.media.srtp.unwrap();
        assert_eq!((near.suite, &near.local, &near.remote), (far.suite, &far.remote, &far.local));
    }
}

#[test]
fn errors_and_debug_output_show_no_key() {
    let folded = format!("v=0\r\nc=IN IP4 203.0.113.5\r\nm=audio 4000 RTP/SAVP 8\r\na=crypto:1 x\r\n{KEY}\r\n");
    let error = answered(SrtpUse::Off, &folded, &mut session(1)).unwrap_err();
    assert_eq!(error, SdpError::Malformed("line 5 has no type".into()));
    let mut session = session(1);
    let (_, media) = answered(SrtpUse::Off, &theirs(SAVP, &[&line(1, LONG, KEY)]), &mut session).unwrap();
    let shown = format!("{media:?}");
    assert!(shown.contains("Secret(…)") && !shown.contains("95"), "{shown}");
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(value in "[ -~]{0,80}|[0-9]{1,10} AES_CM_128_HMAC_SHA1_(80|32) inline:[A-Za-z0-9+/=]{36,44}(\\|[2^0-9:]{0,12}){0,2}( [A-Z=0-9-]{1,12})?") {
        let read = CryptoLine::parse(&value);
        if let Some(line) = read {
            let written = line.attribute().value.unwrap();
            prop_assert_eq!(CryptoLine::parse(&written), Some(line));
        }
        let _ = answered(SrtpUse::Off, &theirs(SAVP, &[&value]), &mut session(1));
    }
}
