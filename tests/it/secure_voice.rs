//! A far end's audio with SRTP, on VCA's own media session: the SIP beside it is a socket that shares no code with VCA.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use vca::domain::SrtpUse;
use vca::media::{
    Capabilities, Clip, ClipId, Codec, Direction, EncodedAudio, FRAME_SAMPLES, MediaConfig, MediaEngine, MediaEvent,
    MediaParams, MediaSession, MediaStats, SAMPLE_RATE_HZ, SdpSession, SessionOptions, SrtpKeys, sdp, tone,
};

const LIMIT: Duration = Duration::from_secs(60);
/// What is listened to at once: a tenth of a second.
const WINDOW: usize = 5 * FRAME_SAMPLES;

/// Offers and answers with SRTP only.
pub struct SecureVoice {
    media: MediaSession,
    events: Receiver<MediaEvent>,
    sdp: SdpSession,
    caps: Capabilities,
    clips: u64,
    pub keys: Option<SrtpKeys>,
    _engine: Arc<MediaEngine>,
}

impl SecureVoice {
    pub fn new() -> Self {
        static PORTS: AtomicU16 = AtomicU16::new(52_000);
        let first = PORTS.fetch_add(4, Ordering::Relaxed);
        let config = MediaConfig { port_range: first..=first + 3, ..MediaConfig::default() };
        let engine = MediaEngine::start(config).expect("the far end's media start");
        let (media, events) = engine.open(SessionOptions::default()).expect("a port is free");
        let caps = Capabilities { srtp: SrtpUse::Require, ..Capabilities::default() };
        Self { media, events, sdp: SdpSession::random(), caps, clips: 0, keys: None, _engine: engine }
    }

    pub fn offer(&mut self) -> String {
        let offer = sdp::offer(&self.caps, self.media.local_addr(), Direction::SEND_RECV, &mut self.sdp);
        String::from_utf8(offer).expect("SDP is text")
    }

    /// The same stream under a key that was never used.
    pub fn offer_new_keys(&mut self) -> String {
        self.sdp.renew_keys();
        self.offer()
    }

    pub fn accept(&mut self, answer: &str) {
        let params = sdp::accept_answer(answer.as_bytes(), &self.caps, &mut self.sdp).expect("an answer that fits");
        self.configure(params);
    }

    pub fn answer(&mut self, offer: &str) -> String {
        let negotiated = sdp::answer(offer.as_bytes(), &self.caps, self.media.local_addr(), &mut self.sdp);
        let negotiated = negotiated.expect("an offer of SRTP");
        self.configure(negotiated.media);
        String::from_utf8(negotiated.sdp).expect("SDP is text")
    }

    fn configure(&mut self, params: MediaParams) {
        self.keys = params.srtp.clone();
        assert!(self.keys.is_some(), "encrypted: {params:?}");
        self.media.configure(params);
    }

    /// A tone of this length from now on.
    pub fn tone(&mut self, hz: f32, length: Duration) {
        let samples = (length.as_secs_f32() * SAMPLE_RATE_HZ as f32) as usize;
        let sine = tone::sine(hz, SAMPLE_RATE_HZ as f32, samples);
        self.clips += 1;
        self.media.stop_playout(20);
        self.media.play(vec![Clip { id: ClipId(self.clips), audio: EncodedAudio::from_pcm(Codec::Pcma, &sine) }]);
    }

    /// Waits until this tone is what is heard.
    pub fn expect_tone(&mut self, hz: f32) {
        self.listen(&format!("{hz} Hz"), |recent| recent.len() == WINDOW && tone::is_present(recent, hz));
    }

    /// Waits until nothing was heard for 600 ms.
    pub fn expect_quiet(&mut self) {
        let mut quiet = 0;
        self.listen("quiet", |recent| {
            let newest = &recent[recent.len().saturating_sub(FRAME_SAMPLES)..];
            quiet = if newest.iter().all(|sample| sample.abs() < 150) { quiet + 1 } else { 0 };
            quiet >= 30
        });
    }

    fn listen(&mut self, what: &str, mut met: impl FnMut(&[i16]) -> bool) {
        let deadline = Instant::now() + LIMIT;
        let mut recent: Vec<i16> = Vec::new();
        loop {
            assert!(Instant::now() < deadline, "waited for {what}: {:?}", self.stats());
            // A frame comes every 20 ms, whatever is received.
            if let MediaEvent::Frame(frame) = self.events.blocking_recv().expect("the session lives") {
                recent.extend(frame.samples);
                recent.drain(..recent.len().saturating_sub(WINDOW));
                if met(&recent) {
                    return;
                }
            }
        }
    }

    pub fn stats(&self) -> MediaStats {
        self.media.stats()
    }
}
