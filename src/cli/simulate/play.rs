//! One call by a scripted caller: hears the node's audio, reads its lines out of the call's record, and speaks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::brain::Brain;
use super::line::{Microphone, PIECE, Placed};
use super::node::Api;
use super::relay::{Relay, redirected};
use super::scenario::{Answer, Over, Scenario};
use super::voices::Spoken;
use crate::call::leg::Answerer;
use crate::cli::Failure;
use crate::cli::call::{codec, level_dbfs, wait_for_answer};
use crate::dialogue::{Receptionist, demo_profile};
use crate::media::{
    Capabilities, Clip, ClipId, Codec, EncodedAudio, MediaEngine, MediaEvent, MediaSession, PcmFrame, SdpSession,
    SessionOptions,
};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::net::{Leg, LegEvent, LegPolicy, OutgoingInvite, Stack, Transport};

/// Louder than this is sound; between its lines the node sends none.
const SOUND_DBFS: f32 = -50.0;
/// Silence within a line of the agent, between sentences.
const WITHIN_LINE_MS: u64 = 600;
/// Pieces that wait to be sent, so that none comes late.
const AHEAD: u64 = 3;
/// How long the record of a call may take to be closed after its end.
const CLOSING: Duration = Duration::from_secs(20);
/// A key and the pause behind it.
const KEY_MS: u64 = 200;

/// What all callers share.
pub struct Exchange {
    pub stack: Stack,
    pub media: Arc<MediaEngine>,
    pub to: Uri,
    pub destination: SocketAddr,
    pub local_ip: IpAddr,
    pub api: Api,
}

/// Why the caller made a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Answer,
    Keys,
    Interruption,
    Backchannel,
}

/// Something the caller said or typed. Times are milliseconds of the caller's media clock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Utterance {
    pub kind: Kind,
    pub text: String,
    pub start_ms: u64,
    pub end_ms: u64,
}

/// A stretch of the agent's sound at the caller's ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Sound {
    pub start_ms: u64,
    pub end_ms: u64,
}

/// A call that was held.
#[derive(Debug, Clone)]
pub struct Played {
    pub utterances: Vec<Utterance>,
    pub sounds: Vec<Sound>,
    /// The caller hung up on purpose.
    pub hung_up: bool,
    /// The call took longer than its scenario allows.
    pub too_long: bool,
    pub duration_ms: u64,
    /// The call's record with its turns, as the API has it.
    pub record: Value,
}

/// Holds the call of a scenario.
///
/// # Errors
/// When it is not answered or its record is not to be had.
pub async fn play(at: &Exchange, scenario: &Scenario, spoken: Spoken, number: &str) -> Result<Played, Failure> {
    let mut capabilities = Capabilities::default();
    if let Some(name) = &scenario.line.codec {
        capabilities.codecs = vec![codec(name).map_err(Failure::Setup)?];
    }
    let (media, mut media_events) = at.media.open(SessionOptions::default()).map_err(|error| Failure::run(&error))?;
    let ours = SocketAddr::new(at.local_ip, media.local_port());
    let bad = scenario.line.loss_percent > 0.0 || scenario.line.jitter_ms > 0;
    let relay = if bad { Some(Relay::open(&scenario.line, at.local_ip, ours).await) } else { None };
    let relay = relay.transpose().map_err(|error| Failure::run(&error))?;
    let mut answerer = Answerer::new(SdpSession::random()).with_capabilities(capabilities);
    let offer = answerer.offer(relay.as_ref().map_or(ours, |relay| relay.towards_caller));
    let from = Uri::sip(Some(number), &at.local_ip.to_string()).map_err(|error| Failure::Setup(error.to_string()))?;
    let invite = OutgoingInvite {
        to: at.to.clone(),
        from: NameAddr::new(from),
        destination: Some(at.destination),
        transport: Transport::Udp,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), offer)),
        policy: LegPolicy::default(),
    };
    let since = jiff::Timestamp::now();
    let (leg, mut leg_events) = at.stack.invite(invite).await.map_err(|error| Failure::run(&error))?;
    let mut answer = wait_for_answer(&mut leg_events, Instant::now()).await?.answer;
    if let Some(relay) = &relay {
        let redirected = redirected(&answer, at.destination.ip(), relay.towards_node);
        let (changed, node) = redirected.ok_or_else(|| Failure::Run("the answer has no audio".to_owned()))?;
        relay.set_node(node);
        answer = changed;
    }
    answerer.accept(&answer, &media).map_err(|error| Failure::Run(format!("the answer's SDP: {error}")))?;

    let (news, record) = watch::channel(Value::Null);
    let mut player = Player::new(scenario, spoken, media, record);
    let talk = player.talk(&leg, leg_events, &mut media_events, Duration::from_secs(scenario.limit_s));
    let following = at.api.follow(number, since, news);
    // The record is closed a moment after the call; what fails to be read is known when the call is over.
    let both =
        async { tokio::join!(talk, tokio::time::timeout(Duration::from_secs(scenario.limit_s) + CLOSING, following)) };
    let (too_long, followed) = both.await;
    followed.map_err(|_| Failure::Run("the call's record was not closed in time".to_owned()))??;
    Ok(player.played(too_long))
}

struct Player<'s> {
    scenario: &'s Scenario,
    spoken: Spoken,
    media: MediaSession,
    record: watch::Receiver<Value>,
    microphone: Microphone,
    brain: Brain,
    over: Vec<Over>,
    /// The media clock.
    now_ms: u64,
    next_piece: u64,
    sounds: Vec<Sound>,
    /// Since when the agent's present line sounds.
    line_since: Option<u64>,
    utterances: Vec<Utterance>,
    /// The utterance under way, and its place in what goes out.
    placed: Option<(usize, Placed)>,
    keys_until: u64,
    /// What the agent says while it thinks: no line of its own.
    fillers: Vec<String>,
    /// The agent's lines that are over, by what was heard of them, and the record that they were read from.
    lines: Vec<String>,
    /// Lines of the agent that were reacted to, and those that were looked at.
    reacted: usize,
    looked_at: usize,
    hang_up: bool,
}

impl<'s> Player<'s> {
    fn new(scenario: &'s Scenario, spoken: Spoken, media: MediaSession, record: watch::Receiver<Value>) -> Self {
        let seed =
            scenario.name.bytes().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, byte| sum.rotate_left(5) ^ u64::from(byte));
        Self {
            microphone: Microphone::new(&scenario.line, seed),
            brain: Brain::new(scenario),
            over: scenario.over.clone(),
            scenario,
            spoken,
            media,
            record,
            now_ms: 0,
            next_piece: 0,
            sounds: Vec::new(),
            line_since: None,
            utterances: Vec::new(),
            placed: None,
            keys_until: 0,
            fillers: Receptionist::fillers(&demo_profile()),
            lines: Vec::new(),
            reacted: 0,
            looked_at: 0,
            hang_up: false,
        }
    }

    /// Leads the call to its end; says whether its time ran out.
    async fn talk(
        &mut self,
        leg: &Leg,
        mut leg_events: mpsc::Receiver<LegEvent>,
        media_events: &mut mpsc::Receiver<MediaEvent>,
        limit: Duration,
    ) -> bool {
        let until = tokio::time::Instant::now() + limit;
        (0..AHEAD).for_each(|_| self.send_piece());
        loop {
            tokio::select! {
                event = leg_events.recv() => match event {
                    Some(LegEvent::Ended { .. } | LegEvent::Failed { .. }) | None => return false,
                    Some(_) => {}
                },
                event = media_events.recv() => match event {
                    Some(event) => self.on_media(event),
                    None => return false,
                },
                () = tokio::time::sleep_until(until) => {
                    leg.bye(None).await;
                    return true;
                }
            }
            if self.hang_up {
                leg.bye(None).await;
                return false;
            }
        }
    }

    fn send_piece(&mut self) {
        let audio = EncodedAudio::from_pcm(Codec::Pcma, &self.microphone.piece());
        self.media.play(vec![Clip { id: ClipId(self.next_piece), audio }]);
        self.next_piece += 1;
    }

    fn on_media(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Frame(frame) => {
                self.hear(&frame);
                self.act();
            }
            MediaEvent::PlayoutStarted { id, media_ms, .. } => self.note_place(id.0 * PIECE as u64, media_ms),
            MediaEvent::PlayoutFinished { .. } => self.send_piece(),
            _ => {}
        }
    }

    /// A piece that begins with this sample is being sent: the utterance in it gets its times.
    fn note_place(&mut self, first: u64, media_ms: u64) {
        let Some((index, placed)) = self.placed else { return };
        let piece = first..first + PIECE as u64;
        let at = |sample: u64| media_ms + (sample - first) / 8;
        if piece.contains(&placed.first) {
            self.utterances[index].start_ms = at(placed.first);
        }
        if piece.contains(&placed.end.saturating_sub(1)) {
            self.utterances[index].end_ms = at(placed.end);
            self.placed = None;
        }
    }

    fn hear(&mut self, frame: &PcmFrame) {
        self.now_ms = frame.media_ms + 20;
        self.microphone.hear(frame);
        if level_dbfs(&frame.samples) <= SOUND_DBFS {
            if self.quiet_ms() > WITHIN_LINE_MS {
                self.line_since = None;
            }
            return;
        }
        match self.sounds.last_mut() {
            Some(sound) if frame.media_ms.saturating_sub(sound.end_ms) < 200 => sound.end_ms = self.now_ms,
            _ => self.sounds.push(Sound { start_ms: frame.media_ms, end_ms: self.now_ms }),
        }
        self.line_since.get_or_insert(frame.media_ms);
    }

    /// Since when the agent makes no sound.
    fn quiet_ms(&self) -> u64 {
        self.now_ms.saturating_sub(self.sounds.last().map_or(0, |sound| sound.end_ms))
    }

    fn is_busy(&self) -> bool {
        self.placed.is_some() || self.microphone.is_speaking() || self.now_ms < self.keys_until
    }

    fn act(&mut self) {
        if self.is_busy() {
            return;
        }
        self.read_lines();
        let over = self.lines.len();
        // The last line may have been written down a moment after its end.
        if let Some(since) = self.line_since.filter(|_| self.quiet_ms() < 100) {
            let due = |said: &Over| said.line == over + 1 && self.now_ms >= since + said.after_ms;
            if let Some(index) = self.over.iter().position(due) {
                let said = self.over.remove(index);
                if !said.backchannel {
                    // The line that is cut asks nothing.
                    self.reacted = over + 1;
                }
                let kind = if said.backchannel { Kind::Backchannel } else { Kind::Interruption };
                self.say(kind, &said.say);
                return;
            }
        }
        let quiet = self.quiet_ms() >= self.scenario.reaction_ms.saturating_sub(AHEAD * 60).max(100);
        if !quiet || over <= self.looked_at.max(self.reacted) {
            return;
        }
        self.looked_at = over;
        if let Some(answer) = self.brain.reply(&self.lines[self.reacted..].join(" ")) {
            self.reacted = over;
            self.give(answer);
        }
    }

    /// Reads the agent's lines out of the record, when there is a newer one.
    fn read_lines(&mut self) {
        if !self.record.has_changed().unwrap_or(false) {
            return;
        }
        let record = self.record.borrow_and_update();
        let turns = record["turns"].as_array().into_iter().flatten();
        let agent = turns.filter(|turn| turn["speaker"] == "agent");
        let words = |turn: &Value, of: &str| turn[of].as_str().map(str::to_owned);
        let heard = agent.filter(|turn| !is_filler(turn, &self.fillers));
        let lines: Vec<String> = heard.map(|t| words(t, "heard").or(words(t, "text")).unwrap_or_default()).collect();
        drop(record);
        if lines.len() > self.lines.len() {
            // What sounds now, if anything, is the next one.
            self.line_since = self.line_since.filter(|_| self.quiet_ms() < 100).map(|_| self.now_ms);
        }
        self.lines = lines;
    }

    fn give(&mut self, answer: Answer) {
        self.hang_up = answer.hang_up;
        if let Some(text) = answer.say {
            self.say(Kind::Answer, &text);
        }
        if let Some(keys) = answer.keys {
            self.media.send_dtmf(&keys);
            self.keys_until = self.now_ms + KEY_MS * keys.len() as u64;
            let (start_ms, end_ms) = (self.now_ms, self.keys_until);
            self.utterances.push(Utterance { kind: Kind::Keys, text: keys, start_ms, end_ms });
        }
    }

    fn say(&mut self, kind: Kind, text: &str) {
        let Some(speech) = self.spoken.get(text).filter(|speech| !speech.is_empty()) else { return };
        let placed = self.microphone.say(Arc::clone(speech));
        self.placed = Some((self.utterances.len(), placed));
        let (start_ms, end_ms) = (self.now_ms, u64::MAX);
        self.utterances.push(Utterance { kind, text: text.to_owned(), start_ms, end_ms });
    }

    fn played(self, too_long: bool) -> Played {
        let mut utterances = self.utterances;
        // One that was under way at the end ended with the call.
        utterances.iter_mut().for_each(|utterance| utterance.end_ms = utterance.end_ms.min(self.now_ms));
        Played {
            utterances,
            sounds: self.sounds,
            hung_up: self.hang_up,
            too_long,
            duration_ms: self.now_ms,
            record: self.record.borrow().clone(),
        }
    }
}

fn is_filler(turn: &Value, fillers: &[String]) -> bool {
    let text = turn["text"].as_str().unwrap_or_default();
    text == "[tone]" || fillers.iter().any(|filler| filler == text)
}
