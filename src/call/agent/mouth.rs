//! What the agent says: lines become clips, in order, from the cache or from the synthesiser.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::warn;

use crate::dialogue::Line;
use crate::media::{Clip, ClipId, Codec, EncodedAudio, MediaSession};
use crate::speech::Speech;
use crate::speech::pool::{Class, Priority};
use crate::voice::{LineId, Ms};

/// How long one part of a line may take to be synthesised before it is left out.
const SYNTHESIS_LIMIT: Duration = Duration::from_secs(4);

/// What happened to a line.
#[derive(Debug, Clone, PartialEq)]
pub enum MouthEvent {
    /// The first packet of the line left; `audio_at` is when its first audio was there.
    Started { line: LineId, at: Ms, audio_at: Ms },
    /// All of the line that could be spoken was played.
    Finished(Ended),
    /// The line was cut off.
    Stopped(Ended),
}

/// A line that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub line: LineId,
    pub text: String,
    /// What was played of it, when not all was.
    pub heard: Option<String>,
    pub started: Option<Ms>,
    pub at: Ms,
    pub played_ms: u64,
    pub total_ms: u64,
}

/// Speaks one call's lines.
pub struct Mouth {
    speech: Arc<Speech>,
    lines: VecDeque<Spoken>,
    syntheses: JoinSet<Synthesised>,
    next_line: u32,
    next_clip: u64,
}

struct Spoken {
    id: LineId,
    parts: Vec<Part>,
    started: Option<Ms>,
    /// When the first audio was there to be played.
    audio_at: Option<Ms>,
    /// Parts up to here were handed to the media session or left out.
    sent: usize,
    /// Parts up to here are over.
    done: usize,
    /// Given up: nothing more of it is sent.
    cut: bool,
}

struct Part {
    text: String,
    audio: Audio,
    clip: Option<ClipId>,
    /// Milliseconds of the part, once known.
    length_ms: u64,
}

enum Audio {
    Ready(EncodedAudio),
    Making,
    Missing,
}

struct Synthesised {
    line: LineId,
    part: usize,
    audio: Option<EncodedAudio>,
}

impl Mouth {
    pub fn new(speech: Arc<Speech>) -> Self {
        Self { speech, lines: VecDeque::new(), syntheses: JoinSet::new(), next_line: 0, next_clip: 0 }
    }

    /// Queues a line behind what is being said. Returns its identifier and whether its first part was cached.
    pub fn say(&mut self, line: &Line, now: Ms, media: &MediaSession) -> (LineId, bool) {
        let id = LineId(self.next_line);
        self.next_line += 1;
        let mut parts = Vec::new();
        for segment in &line.segments {
            match self.speech.prompts.get(&segment.text) {
                Some(audio) => parts.push(Part::ready(segment.text.clone(), audio)),
                None => {
                    for sentence in sentences(&segment.text) {
                        let audio = self.make(id, parts.len(), sentence);
                        parts.push(Part { text: sentence.to_owned(), audio, clip: None, length_ms: 0 });
                    }
                }
            }
        }
        let cached = parts.first().is_some_and(|part| matches!(part.audio, Audio::Ready(_)));
        self.lines.push_back(Spoken { id, parts, started: None, audio_at: None, sent: 0, done: 0, cut: false });
        self.send_ready(now, media);
        (id, cached)
    }

    /// Whether a phrase can be said at once.
    pub fn has_ready(&self, text: &str) -> bool {
        self.speech.prompts.get(text).is_some()
    }

    /// Queues a sound that is not speech.
    pub fn say_audio(&mut self, name: &str, audio: EncodedAudio, now: Ms, media: &MediaSession) -> LineId {
        let id = LineId(self.next_line);
        self.next_line += 1;
        let parts = vec![Part::ready(name.to_owned(), audio)];
        self.lines.push_back(Spoken { id, parts, started: None, audio_at: None, sent: 0, done: 0, cut: false });
        self.send_ready(now, media);
        id
    }

    /// Gives up every line there is. True when the media session has clips of them and will report where each was
    /// stopped; otherwise [`Self::stopped`] must be called at once.
    pub fn cut(&mut self) -> bool {
        self.syntheses.abort_all();
        self.lines.iter_mut().for_each(|line| line.cut = true);
        self.lines.iter().any(|line| line.parts[line.done..].iter().any(|part| part.clip.is_some()))
    }

    /// Whether a clip belongs to a line that is not over.
    pub fn owns(&self, clip: ClipId) -> bool {
        self.lines.iter().any(|line| line.has(clip))
    }

    /// Waits for the next synthesis; pends for ever while none is under way.
    pub async fn synthesised(&mut self) -> SynthesisDone {
        match self.syntheses.join_next().await {
            Some(Ok(done)) => SynthesisDone(Some(done)),
            Some(Err(_)) => SynthesisDone(None),
            None => std::future::pending().await,
        }
    }

    /// Takes a synthesis in and sends what can be sent.
    pub fn take(&mut self, done: SynthesisDone, now: Ms, media: &MediaSession) -> Vec<MouthEvent> {
        if let Some(done) = done.0
            && let Some(line) = self.lines.iter_mut().find(|line| line.id == done.line)
            && let Some(part) = line.parts.get_mut(done.part)
        {
            match done.audio {
                Some(audio) => part.set(audio),
                None => part.audio = Audio::Missing,
            }
        }
        self.send_ready(now, media);
        self.finish_lines(now)
    }

    /// A clip's first packet left.
    pub fn clip_started(&mut self, clip: ClipId, at: Ms) -> Option<MouthEvent> {
        let line = self.line_of(clip)?;
        if line.started.is_some() {
            return None;
        }
        line.started = Some(at);
        Some(MouthEvent::Started { line: line.id, at, audio_at: line.audio_at.unwrap_or(at) })
    }

    /// A clip was played to its end.
    pub fn clip_finished(&mut self, clip: ClipId, at: Ms) -> Vec<MouthEvent> {
        if let Some(line) = self.line_of(clip) {
            let index = line.parts.iter().position(|part| part.clip == Some(clip)).map_or(line.done, |i| i + 1);
            line.done = line.done.max(index);
        }
        self.finish_lines(at)
    }

    /// The lines given up are over; `playing` is the clip that was under way and how much of it was played.
    pub fn stopped(&mut self, playing: Option<(ClipId, u64)>, at: Ms) -> Vec<MouthEvent> {
        let (cut, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.lines).into_iter().partition(|line| line.cut);
        self.lines = kept;
        let mut events = Vec::new();
        for line in cut {
            let mut played_ms: u64 = line.parts[..line.done].iter().map(|part| part.length_ms).sum();
            let mut heard: Vec<String> = line.parts[..line.done].iter().map(|part| part.text.clone()).collect();
            if let Some((clip, part_ms)) = playing
                && let Some(part) = line.parts[line.done..].iter().find(|part| part.clip == Some(clip))
            {
                played_ms += part_ms;
                heard.push(spoken_part(&part.text, part_ms, part.length_ms));
            }
            let total_ms = line.parts.iter().map(|part| part.length_ms).sum();
            events.push(MouthEvent::Stopped(Ended {
                line: line.id,
                text: line.text(),
                heard: Some(heard.join(" ").trim().to_owned()),
                started: line.started,
                at,
                played_ms,
                total_ms,
            }));
        }
        events
    }

    fn line_of(&mut self, clip: ClipId) -> Option<&mut Spoken> {
        self.lines.iter_mut().find(|line| line.has(clip))
    }

    /// Hands the parts that are ready to the media session, in order; stops at the first that is still being made.
    fn send_ready(&mut self, now: Ms, media: &MediaSession) {
        let mut clips = Vec::new();
        'lines: for line in self.lines.iter_mut().filter(|line| !line.cut) {
            while let Some(part) = line.parts.get_mut(line.sent) {
                match &part.audio {
                    Audio::Making => break 'lines,
                    Audio::Missing => {}
                    Audio::Ready(audio) => {
                        let clip = ClipId(self.next_clip);
                        self.next_clip += 1;
                        part.clip = Some(clip);
                        line.audio_at.get_or_insert(now);
                        clips.push(Clip { id: clip, audio: audio.clone() });
                    }
                }
                line.sent += 1;
            }
        }
        if !clips.is_empty() {
            media.play(clips);
        }
    }

    /// Takes lines that are over off the front.
    fn finish_lines(&mut self, at: Ms) -> Vec<MouthEvent> {
        let mut events = Vec::new();
        while let Some(line) = self.lines.front_mut() {
            while line.done < line.sent && line.parts[line.done].clip.is_none() {
                line.done += 1;
            }
            if line.done < line.parts.len() {
                break;
            }
            let Some(line) = self.lines.pop_front() else { break };
            let total_ms = line.parts.iter().map(|part| part.length_ms).sum();
            let missing = line.parts.iter().any(|part| part.clip.is_none());
            let spoken = || line.parts.iter().filter(|p| p.clip.is_some()).map(|p| p.text.as_str()).collect::<Vec<_>>();
            events.push(MouthEvent::Finished(Ended {
                line: line.id,
                heard: missing.then(|| spoken().join(" ")),
                text: line.text(),
                started: line.started,
                at,
                played_ms: total_ms,
                total_ms,
            }));
        }
        events
    }

    fn make(&mut self, line: LineId, part: usize, text: &str) -> Audio {
        let priority = Priority { deadline: Instant::now() + SYNTHESIS_LIMIT, class: Class::Final };
        let (mut chunks, job) = match self.speech.speak(text.to_owned(), priority) {
            Ok(started) => started,
            Err(full) => {
                warn!(error = %full, "a part of a line is left out");
                return Audio::Missing;
            }
        };
        self.syntheses.spawn(async move {
            let whole = async {
                let mut samples = Vec::new();
                while let Some(chunk) = chunks.recv().await {
                    samples.extend_from_slice(&chunk);
                }
                match job.await {
                    Ok(Ok(())) => Ok(samples),
                    Ok(Err(failure)) => Err(failure.to_string()),
                    Err(failure) => Err(failure.to_string()),
                }
            };
            let audio = match tokio::time::timeout(SYNTHESIS_LIMIT, whole).await {
                Ok(Ok(samples)) => Some(EncodedAudio::from_pcm(Codec::Pcma, &samples)),
                Ok(Err(failure)) => {
                    warn!(error = %failure, "a part of a line could not be synthesised");
                    None
                }
                Err(_) => {
                    warn!(limit_ms = SYNTHESIS_LIMIT.as_millis(), "a part of a line was not synthesised in time");
                    None
                }
            };
            Synthesised { line, part, audio }
        });
        Audio::Making
    }
}

/// A finished synthesis, to be given back to [`Mouth::take`].
pub struct SynthesisDone(Option<Synthesised>);

impl Spoken {
    fn has(&self, clip: ClipId) -> bool {
        self.parts.iter().any(|part| part.clip == Some(clip))
    }

    fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl Part {
    fn ready(text: String, audio: EncodedAudio) -> Self {
        let length_ms = audio.duration_ms();
        Self { text, audio: Audio::Ready(audio), clip: None, length_ms }
    }

    fn set(&mut self, audio: EncodedAudio) {
        self.length_ms = audio.duration_ms();
        self.audio = Audio::Ready(audio);
    }
}

/// Splits a text after `.`, `?`, `!` followed by a space, so that long answers start early.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '?', '!'])
        .scan((text, 0, 0), |(text, from, to), piece| {
            *to += piece.len();
            let ends = text[*to..].starts_with(' ') || *to == text.len();
            let sentence = ends.then(|| {
                let sentence = &text[*from..*to];
                *from = *to;
                sentence
            });
            Some(sentence)
        })
        .flatten()
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
}

/// The words of a text that fit in the part of its time that was played, rounded down.
fn spoken_part(text: &str, played_ms: u64, total_ms: u64) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let fraction = if total_ms == 0 { 0.0 } else { played_ms.min(total_ms) as f64 / total_ms as f64 };
    let letters: usize = words.iter().map(|word| word.len() + 1).sum();
    let mut heard = 0;
    let take = words.iter().take_while(|word| {
        heard += word.len() + 1;
        heard as f64 <= fraction * letters as f64 + 0.5
    });
    take.copied().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_split_at_sentence_ends_only() {
        let split: Vec<&str> = sentences("We open at 9.30 a.m. daily. Is that fine? Yes").collect();
        assert_eq!(split, ["We open at 9.30 a.m.", "daily.", "Is that fine?"].map(|s| s).to_vec().into_iter().chain(["Yes"]).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_heard_follows_the_time_played() {
        assert_eq!(spoken_part("one two three four", 0, 1_000), "");
        assert_eq!(spoken_part("one two three four", 500, 1_000), "one two");
        assert_eq!(spoken_part("one two three four", 1_000, 1_000), "one two three four");
    }
}
