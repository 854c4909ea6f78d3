//! Offer and answer by RFC 3264, for one audio stream.
//!
//! Reading is generous: only the lines that matter are looked at, so a missing `s=`, a session version above 2^64 or
//! Latin-1 in a name costs no call. What is written is strict.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Origin, Session};

use super::codec::Codec;
use super::codec::stream::OpusWishes;
use super::srtp::SrtpKeys;
use crate::domain::{SrtpUse, TrunkSettings};
use crypto::{CryptoLine, KeyRing};

mod crypto;
#[cfg(test)]
mod crypto_tests;
#[cfg(test)]
mod tests;

/// What this side can and wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Whether RFC 4733 telephone events are offered and accepted.
    pub dtmf: bool,
    /// Their payload type in our offers, 96 to 127; in answers it is the offer's.
    pub dtmf_payload_type: u8,
    /// The packet length wished for, in milliseconds: 10 to 60.
    pub ptime_ms: u32,
    /// Whether SRTP is offered and wanted; a peer's offer of it is always answered in kind.
    pub srtp: SrtpUse,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            dtmf: true,
            dtmf_payload_type: 101,
            ptime_ms: 20,
            srtp: SrtpUse::Off,
        }
    }
}

/// What a trunk's carrier is to be offered. Keys are understood as telephone events however we send our own.
impl From<&TrunkSettings> for Capabilities {
    fn from(trunk: &TrunkSettings) -> Self {
        Self {
            codecs: trunk.codecs.iter().map(|codec| Codec::from(*codec)).collect(),
            dtmf: true,
            dtmf_payload_type: trunk.dtmf_payload_type,
            ptime_ms: trunk.ptime_ms.into(),
            srtp: trunk.srtp,
        }
    }
}

impl Capabilities {
    /// Every codec there is, G.711 first: for a far end of which nothing is known but its offer.
    pub fn any_codec() -> Self {
        Self { codecs: Codec::ALL.to_vec(), ..Self::default() }
    }
}

/// Which way media goes, as this side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    pub send: bool,
    pub recv: bool,
}

impl Direction {
    pub const SEND_RECV: Self = Self { send: true, recv: true };
    pub const SEND_ONLY: Self = Self { send: true, recv: false };
    pub const RECV_ONLY: Self = Self { send: false, recv: true };
    pub const INACTIVE: Self = Self { send: false, recv: false };

    /// Whether the call is on hold in either direction.
    pub const fn is_hold(self) -> bool {
        !(self.send && self.recv)
    }

    const fn reversed(self) -> Self {
        Self { send: self.recv, recv: self.send }
    }

    const fn and(self, other: Self) -> Self {
        Self { send: self.send && other.send, recv: self.recv && other.recv }
    }

    /// The SDP attribute's name (RFC 8866 §6.7).
    pub const fn attribute(self) -> &'static str {
        match (self.send, self.recv) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }
}

/// The outcome of a negotiation: all that a media session has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaParams {
    pub codec: Codec,
    /// The payload type we send the codec with.
    pub payload_type: u8,
    /// The payload type of telephone events, when both sides know them.
    pub dtmf_payload_type: Option<u8>,
    /// The clock of their durations, in Hz: the codec's, or another where the far end offers none of that clock.
    pub dtmf_clock_hz: u32,
    /// What the far end wishes of the Opus sent to it.
    pub opus: OpusWishes,
    /// Where the far end says it wants RTP; unspecified (0.0.0.0) in an old-style hold.
    pub remote: SocketAddr,
    /// Ours.
    pub direction: Direction,
    /// The length of the packets we send, in milliseconds: 10 to 60.
    pub ptime_ms: u32,
    /// The keys, when the stream is SRTP.
    pub srtp: Option<SrtpKeys>,
}

/// An answer to send and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    pub sdp: Vec<u8>,
    pub media: MediaParams,
}

/// Why a session description cannot be used. The SIP answer is 400 for [`SdpError::Malformed`] and 488 for all others.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SdpError {
    #[error("malformed session description: {0}")]
    Malformed(String),
    #[error("no audio stream that can be carried")]
    NoAudio,
    #[error("no codec in common")]
    NoCommonCodec,
    #[error("the audio stream has no usable address")]
    NoAddress,
    #[error("the audio stream's address is of the other family than ours, IPv4 or IPv6")]
    OtherFamily,
    #[error("the answer does not match the offer")]
    NotAnAnswer,
    #[error("none of the SRTP keys can be used")]
    NoUsableKey,
    #[error("only SRTP is allowed")]
    SrtpRequired,
}

/// One `m=` line of the last exchange: the lines may never be reordered or taken away (RFC 3264 §8).
#[derive(Debug, Clone, PartialEq, Eq)]
struct MediaLine {
    media: String,
    proto: String,
    fmt: String,
    is_audio: bool,
}

/// What one dialog has to remember between offers: the `o=` line, the order of the `m=` lines, and its SRTP keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpSession {
    id: u64,
    version: u64,
    last: Option<Session>,
    lines: Vec<MediaLine>,
    offered: Direction,
    keys: Option<KeyRing>,
    /// Our last offer had keys in it.
    offered_keys: bool,
}

impl SdpSession {
    /// Begins with the session id of the `o=` line, which must be unique for this host: random, or the time. Without
    /// keys: SRTP is neither offered nor accepted.
    pub fn new(id: u64) -> Self {
        // RFC 8866 wants a decimal number; 63 bits suit peers that keep it signed.
        let id = id >> 1;
        Self {
            id,
            version: id,
            last: None,
            lines: Vec::new(),
            offered: Direction::SEND_RECV,
            keys: None,
            offered_keys: false,
        }
    }

    /// Makes our SRTP keys of this seed, which must come from a cryptographic source.
    pub fn with_keys(self, seed: [u8; 32]) -> Self {
        Self { keys: Some(KeyRing::new(seed)), ..self }
    }

    /// The next offer has new SRTP keys: for one that another device may answer than the one that knows the old ones.
    pub fn renew_keys(&mut self) {
        self.keys.iter_mut().for_each(KeyRing::renew);
    }

    /// Whether the audio stream's protocol is a secure one.
    fn is_secure(&self) -> bool {
        self.lines.iter().any(|line| line.is_audio && crypto::is_secure(&line.proto) == Some(true))
    }

    /// What the answer to our offer makes of its keys; none for plain RTP.
    fn accept_key(&mut self, media: &Media, allowed: SrtpUse) -> Result<Option<SrtpKeys>, SdpError> {
        let secure = self.is_secure();
        match self.keys.as_mut().filter(|_| self.offered_keys) {
            Some(keys) => match crypto::answered(media, secure)? {
                Some(line) => Ok(Some(keys.agree(line))),
                None if allowed == SrtpUse::Require => Err(SdpError::SrtpRequired),
                None => {
                    keys.agree_none();
                    Ok(None)
                }
            },
            None if secure || crypto::is_secure(&media.proto) == Some(true) => Err(SdpError::NotAnAnswer),
            None => Ok(None),
        }
    }

    /// Writes the description; its version goes up when anything but the version has changed (RFC 3264 §8).
    fn write(&mut self, local: IpAddr, medias: Vec<Media>) -> Vec<u8> {
        let mut session = Session::new(Origin::with_ip_addr(self.id, self.version, local), "-");
        session.origin.set_username("vca");
        session.connection = Some(Connection::from_ip_addr(local));
        session.medias = medias;
        if self.last.as_ref().is_some_and(|last| *last != session) {
            self.version += 1;
            session.origin.sess_version = self.version;
        }
        let mut bytes = Vec::with_capacity(512);
        session.write(&mut bytes).expect("invariant: writing to a vector cannot fail");
        self.last = Some(session);
        bytes
    }
}

/// Answers an offer.
///
/// # Errors
/// See [`SdpError`]; the session is unchanged then, so that a failed re-INVITE leaves the call as it was.
pub fn answer(
    offer: &[u8],
    caps: &Capabilities,
    local: SocketAddr,
    session: &mut SdpSession,
) -> Result<Negotiated, SdpError> {
    let offer = parse(offer)?;
    let mut reason = SdpError::NoAudio;
    let mut chosen = None;
    for (index, media) in offer.medias.iter().enumerate() {
        let found = choose(&offer, media, caps)
            .and_then(|params| same_family(params, local))
            .and_then(|params| Ok((index, params, crypto::offered(media, caps.srtp, session.keys.is_some())?)));
        match found {
            Ok(found) => {
                chosen = Some(found);
                break;
            }
            Err(SdpError::NoAudio) => {}
            Err(error) => reason = error,
        }
    }
    let (index, mut params, key) = chosen.ok_or(reason)?;
    params.direction = direction(&offer, &offer.medias[index], params.remote.ip()).reversed();

    session.lines = lines(&offer, index);
    let mut ours = None;
    match (session.keys.as_mut(), key) {
        (Some(keys), Some(theirs)) => {
            let (line, agreed) = keys.answer(theirs);
            (ours, params.srtp) = (Some(line), Some(agreed));
        }
        (Some(keys), None) => keys.agree_none(),
        (None, _) => {}
    }
    let local_media = |line: &MediaLine| audio_line(line, local, &params, &[params.codec], ours.as_slice());
    let medias = session.lines.iter().map(|line| if line.is_audio { local_media(line) } else { rejected(line) });
    let medias = medias.collect();
    Ok(Negotiated { sdp: session.write(local.ip(), medias), media: params })
}

/// Makes an offer: for an outgoing INVITE, for the answer to an INVITE without one, or for a hold of our own.
pub fn offer(caps: &Capabilities, local: SocketAddr, direction: Direction, session: &mut SdpSession) -> Vec<u8> {
    if session.lines.is_empty() {
        let proto = if caps.srtp == SrtpUse::Require { "RTP/SAVP" } else { "RTP/AVP" }.into();
        let line = MediaLine { media: "audio".into(), proto, fmt: String::new(), is_audio: true };
        session.lines.push(line);
    }
    session.offered = direction;
    let first = caps.codecs.first().copied().unwrap_or(Codec::Pcma);
    let events = caps.dtmf.then_some(caps.dtmf_payload_type);
    let params = MediaParams {
        codec: first,
        payload_type: offered_payload_type(first, events),
        dtmf_payload_type: events,
        dtmf_clock_hz: caps.codecs.iter().map(|codec| codec.clock_rate_hz()).min().unwrap_or(8_000),
        opus: OpusWishes::default(),
        remote: local,
        direction,
        ptime_ms: caps.ptime_ms,
        srtp: None,
    };
    let wanted =
        caps.srtp != SrtpUse::Off || session.is_secure() || session.keys.as_ref().is_some_and(KeyRing::is_agreed);
    let keys: Vec<CryptoLine> = session.keys.iter_mut().filter(|_| wanted).flat_map(KeyRing::offer).collect();
    session.offered_keys = !keys.is_empty();
    let lines = session.lines.clone();
    let medias = lines
        .iter()
        .map(|line| if line.is_audio { audio_line(line, local, &params, &caps.codecs, &keys) } else { rejected(line) });
    session.write(local.ip(), medias.collect())
}

/// Reads the answer to the last [`offer`].
///
/// # Errors
/// See [`SdpError`]: the far end may reject the stream, choose what was not offered, or send nonsense.
pub fn accept_answer(answer: &[u8], caps: &Capabilities, session: &mut SdpSession) -> Result<MediaParams, SdpError> {
    let answer = parse(answer)?;
    let index = session.lines.iter().position(|line| line.is_audio).ok_or(SdpError::NotAnAnswer)?;
    let media = answer.medias.get(index).ok_or(SdpError::NotAnAnswer)?;
    // The far end chooses: its first codec counts, not our preference.
    let theirs = Capabilities { codecs: codecs_in_order(media, caps), ..caps.clone() };
    let mut params = choose(&answer, media, &theirs)?;
    params.direction = direction(&answer, media, params.remote.ip()).reversed().and(session.offered);
    params.srtp = session.accept_key(media, caps.srtp)?;
    Ok(params)
}

/// What we wish of the Opus sent to us: speech at 16 kHz, one channel, with the coarse copy that makes a loss good.
const OPUS_FMTP: &str = "maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1";

/// The payload type that we offer a codec with, which is not that of the telephone events.
fn offered_payload_type(codec: Codec, events: Option<u8>) -> u8 {
    const OTHERWISE: u8 = 112;
    Some(codec.default_payload_type()).filter(|usual| Some(*usual) != events).unwrap_or(OTHERWISE)
}

/// Keeps the lines that matter, as UTF-8 and with single spaces, and parses those.
fn parse(bytes: &[u8]) -> Result<Session, SdpError> {
    let mut kept = String::with_capacity(bytes.len());
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        match line.as_bytes() {
            [b'm' | b'c', b'=', ..] => kept.extend(line.split_ascii_whitespace().flat_map(|word| [word, " "])),
            [b'v' | b'a', b'=', ..] => kept.push_str(line),
            [_, b'=', ..] | [] => continue,
            // Without its text, which could be part of a key.
            _ => return Err(SdpError::Malformed(format!("line {} has no type", number + 1))),
        }
        let end = kept.trim_end_matches(' ').len();
        kept.truncate(end);
        kept.push_str("\r\n");
    }
    Session::parse(kept.as_bytes()).map_err(|error| SdpError::Malformed(error.to_string()))
}

/// What the media line allows, with the direction left open; the first of our codecs that it lists wins.
fn choose(session: &Session, media: &Media, caps: &Capabilities) -> Result<MediaParams, SdpError> {
    if media.media != "audio" || media.port == 0 || crypto::is_secure(&media.proto).is_none() {
        return Err(SdpError::NoAudio);
    }
    let (codec, payload_type) = caps
        .codecs
        .iter()
        .find_map(|codec| payload_types(media).find(|pt| codec_of(media, *pt) == Some(*codec)).map(|pt| (*codec, pt)))
        .ok_or(SdpError::NoCommonCodec)?;
    let events = || payload_types(media).filter_map(|pt| Some((pt, telephone_event_clock(media, pt)?)));
    // The clock should be the audio's (RFC 4733 §2.1), and often is not.
    let event = events().find(|(_, clock)| *clock == codec.clock_rate_hz()).or_else(|| events().next());
    let event = event.filter(|_| caps.dtmf);
    let dtmf_payload_type = event.map(|(pt, _)| pt);
    let dtmf_clock_hz = event.map_or(codec.clock_rate_hz(), |(_, clock)| clock);
    let opus = opus_wishes(media, payload_type);
    let remote = SocketAddr::new(address(session, media).ok_or(SdpError::NoAddress)?, media.port);
    let ptime_ms = ptime(media, caps.ptime_ms);
    let direction = Direction::SEND_RECV;
    let srtp = None;
    Ok(MediaParams { codec, payload_type, dtmf_payload_type, dtmf_clock_hz, opus, remote, direction, ptime_ms, srtp })
}

/// Our socket cannot send to the other family; the unspecified address is an old form of hold (RFC 3264 §8.4).
fn same_family(params: MediaParams, local: SocketAddr) -> Result<MediaParams, SdpError> {
    let fits = params.remote.is_ipv4() == local.is_ipv4() || params.remote.ip().is_unspecified();
    if fits { Ok(params) } else { Err(SdpError::OtherFamily) }
}

fn codecs_in_order(media: &Media, caps: &Capabilities) -> Vec<Codec> {
    payload_types(media).filter_map(|pt| codec_of(media, pt)).filter(|codec| caps.codecs.contains(codec)).collect()
}

fn payload_types(media: &Media) -> impl Iterator<Item = u8> + '_ {
    media.fmt.split_ascii_whitespace().filter_map(|fmt| fmt.parse().ok()).filter(|pt| *pt < 128)
}

/// The encoding name, clock rate and channels of a payload type's `rtpmap`.
fn rtpmap(media: &Media, payload_type: u8) -> Option<(&str, u32, u32)> {
    media.get_attribute_values("rtpmap").flatten().find_map(|value| {
        let (pt, encoding) = value.trim().split_once(' ')?;
        if pt.parse() != Ok(payload_type) {
            return None;
        }
        let mut parts = encoding.trim().split('/');
        let name = parts.next()?;
        let clock = parts.next()?.trim().parse().ok()?;
        let channels = parts.next().map_or(Some(1), |c| c.trim().parse().ok())?;
        Some((name, clock, channels))
    })
}

fn codec_of(media: &Media, payload_type: u8) -> Option<Codec> {
    match rtpmap(media, payload_type) {
        Some((name, clock, channels)) => Codec::ALL.into_iter().find(|codec| {
            codec.rtpmap_name().eq_ignore_ascii_case(name)
                && codec.clock_rate_hz() == clock
                && codec.rtpmap_channels() == channels
        }),
        None => Codec::from_static_payload_type(payload_type),
    }
}

/// The clock of a payload type that stands for telephone events, in Hz.
fn telephone_event_clock(media: &Media, payload_type: u8) -> Option<u32> {
    let (name, clock, _) = rtpmap(media, payload_type)?;
    (name.eq_ignore_ascii_case("telephone-event") && matches!(clock, 8_000 | 16_000 | 48_000)).then_some(clock)
}

/// The parameters in `fmtp` of what the writer wants to receive (RFC 7587 §6.1); unknown ones are passed over.
fn opus_wishes(media: &Media, payload_type: u8) -> OpusWishes {
    let mut wishes = OpusWishes::default();
    let of_type = |value: &'_ str| {
        let (pt, parameters) = value.trim().split_once(' ')?;
        (pt.parse() == Ok(payload_type)).then(|| parameters.to_owned())
    };
    let parameters = media.get_attribute_values("fmtp").flatten().find_map(of_type).unwrap_or_default();
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "useinbandfec" => wishes.fec = value == "1",
            "usedtx" => wishes.dtx = value == "1",
            "cbr" => wishes.cbr = value == "1",
            "maxaveragebitrate" => wishes.max_bitrate = value.parse().ok(),
            _ => {}
        }
    }
    wishes
}

/// The media's own connection line, or the session's. Names are not resolved and groups are not joined.
fn address(session: &Session, media: &Media) -> Option<IpAddr> {
    let connection = media.connections.first().or(session.connection.as_ref())?;
    let ip = connection.connection_address.split('/').next()?.parse::<IpAddr>().ok()?;
    (!ip.is_multicast()).then_some(ip)
}

/// The packet length to send: what the far end asks for, within its maximum and what we can cut.
fn ptime(media: &Media, wished_ms: u32) -> u32 {
    let value = |name| media.get_first_attribute_value(name).flatten().and_then(|v| v.trim().parse::<f32>().ok());
    let asked = value("ptime").map_or(wished_ms, |ms| ms as u32);
    let most = value("maxptime").map_or(60, |ms| ms as u32);
    // Whole steps of 10 ms; a maximum below that cannot be kept and is ignored.
    (asked.min(most) / 10 * 10).clamp(10, 60)
}

/// The direction as the writer of the description sees it.
fn direction(session: &Session, media: &Media, address: IpAddr) -> Direction {
    let all = [Direction::SEND_RECV, Direction::SEND_ONLY, Direction::RECV_ONLY, Direction::INACTIVE];
    let in_media = all.into_iter().find(|d| media.has_attribute(d.attribute()));
    let in_session = || all.into_iter().find(|d| session.has_attribute(d.attribute()));
    let stated = in_media.or_else(in_session).unwrap_or(Direction::SEND_RECV);
    // RFC 2543's hold: nowhere to send to.
    if address.is_unspecified() { Direction { recv: false, ..stated } } else { stated }
}

fn lines(offer: &Session, audio: usize) -> Vec<MediaLine> {
    let line = |(index, media): (usize, &Media)| MediaLine {
        media: media.media.clone(),
        proto: media.proto.clone(),
        fmt: media.fmt.clone(),
        is_audio: index == audio,
    };
    offer.medias.iter().enumerate().map(line).collect()
}

fn media_with(line: &MediaLine, port: u16, fmt: String) -> Media {
    Media {
        media: line.media.clone(),
        port,
        num_ports: None,
        proto: line.proto.clone(),
        fmt,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

/// A rejected stream keeps its place with port 0 (RFC 3264 §6).
fn rejected(line: &MediaLine) -> Media {
    media_with(line, 0, line.fmt.clone())
}

fn audio_line(
    line: &MediaLine,
    local: SocketAddr,
    params: &MediaParams,
    codecs: &[Codec],
    keys: &[CryptoLine],
) -> Media {
    let mut formats: Vec<(u8, String, Option<&str>)> = Vec::new();
    for codec in codecs {
        let pt = if *codec == params.codec {
            params.payload_type
        } else {
            offered_payload_type(*codec, params.dtmf_payload_type)
        };
        let channels =
            if codec.rtpmap_channels() == 1 { String::new() } else { format!("/{}", codec.rtpmap_channels()) };
        let rtpmap = format!("{}/{}{channels}", codec.rtpmap_name(), codec.clock_rate_hz());
        formats.push((pt, rtpmap, (*codec == Codec::Opus).then_some(OPUS_FMTP)));
    }
    if let Some(pt) = params.dtmf_payload_type {
        formats.push((pt, format!("telephone-event/{}", params.dtmf_clock_hz), Some("0-15")));
    }
    // An offer of several codecs has events for the clock of each (RFC 4733 §2.1); an answer has one codec.
    let clocks = codecs.iter().map(|codec| codec.clock_rate_hz()).filter(|clock| *clock != params.dtmf_clock_hz);
    if let Some(clock) = clocks.max().filter(|_| codecs.len() > 1 && params.dtmf_payload_type.is_some()) {
        let free = (96..128).find(|pt| formats.iter().all(|(taken, ..)| taken != pt));
        formats.extend(free.map(|pt| (pt, format!("telephone-event/{clock}"), Some("0-15"))));
    }
    let fmt: Vec<String> = formats.iter().map(|(pt, ..)| pt.to_string()).collect();
    let mut media = media_with(line, local.port(), fmt.join(" "));
    for (pt, name, _) in &formats {
        media.attributes.push(Attribute::with_value("rtpmap", format!("{pt} {name}")));
    }
    for (pt, _, parameters) in &formats {
        if let Some(parameters) = parameters {
            media.attributes.push(Attribute::with_value("fmtp", format!("{pt} {parameters}")));
        }
    }
    media.attributes.push(Attribute::with_value("ptime", params.ptime_ms));
    media.attributes.push(Attribute::new(params.direction.attribute()));
    media.attributes.extend(keys.iter().map(CryptoLine::attribute));
    media
}
