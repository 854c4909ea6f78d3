//! What the agent says: lines become clips, in order, from the cache or from the synthesiser.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};
use tracing::{info, warn};

use super::ladder::{self, Made};
use crate::dialogue::{Line, Segment};
use crate::media::{Clip, ClipId, Codec, EncodedAudio, MediaSession};
use crate::metrics::Metrics;
use crate::speech::plausible::{most_samples, unlike_speech};
use crate::speech::pool::{Class, Priority};
use crate::speech::{RATE_HZ, Speaking, Speech, WIDE_RATE_HZ};
use crate::voice::{LineId, Ms};

/// How soon a part of a line is wanted: its place among the engines' jobs.
const SYNTHESIS_WANTED: Duration = Duration::from_secs(4);

/// What happened to a line.
#[derive(Debug, Clone, PartialEq)]
pub enum MouthEvent {
    /// The first packet of the line left; `audio_at` is when its first audio was there.
    Started { line: LineId, at: Ms, audio_at: Ms },
    /// What there was of the line has been played, and the rest is not there yet.
    Stalled { line: LineId },
    /// A stalled line goes on.
    Resumed { line: LineId },
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
    pub made: Made,
}

/// Speaks one call's lines.
pub struct Mouth {
    speech: Arc<Speech>,
    metrics: Arc<Metrics>,
    lines: VecDeque<Spoken>,
    syntheses: JoinSet<Synthesised>,
    next_line: u32,
    next_clip: u64,
    /// Since when nothing plays and the next part is not there.
    waiting_since: Option<Ms>,
}

struct Spoken {
    id: LineId,
    parts: Vec<Part>,
    started: Option<Ms>,
    /// When the first audio was there to be played.
    audio_at: Option<Ms>,
    /// Parts up to here were handed to the media session or left out.
    sent: usize,
    /// Given up: nothing more of it is sent.
    cut: bool,
    /// Reported as stalled, and not as resumed since.
    stalled: bool,
    made: Made,
}

struct Part {
    text: String,
    /// The words that stand in for it.
    template: Option<String>,
    audio: Audio,
    /// Ends its synthesis.
    making: Option<AbortHandle>,
    clip: Option<ClipId>,
    /// Milliseconds of the part, once known.
    length_ms: u64,
    /// How much of it was played, once that is over.
    played_ms: Option<u64>,
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
    pub fn new(speech: Arc<Speech>, metrics: Arc<Metrics>) -> Self {
        Self {
            speech,
            metrics,
            lines: VecDeque::new(),
            syntheses: JoinSet::new(),
            next_line: 0,
            next_clip: 0,
            waiting_since: None,
        }
    }

    /// Queues a line behind what is being said. Returns its identifier and whether its first part was cached.
    pub fn say(&mut self, line: &Line, now: Ms, media: &MediaSession) -> (LineId, bool) {
        let mut spoken = self.new_line();
        for segment in &line.segments {
            self.add(segment, &mut spoken, media.is_wide());
        }
        let cached = spoken.parts.first().is_some_and(|part| matches!(part.audio, Audio::Ready(_)));
        let id = spoken.id;
        self.lines.push_back(spoken);
        self.send_ready(now, media);
        self.note_wait(now);
        (id, cached)
    }

    fn new_line(&mut self) -> Spoken {
        let id = LineId(self.next_line);
        self.next_line += 1;
        Spoken {
            id,
            parts: Vec::new(),
            started: None,
            audio_at: None,
            sent: 0,
            cut: false,
            stalled: false,
            made: Made::default(),
        }
    }

    fn add(&mut self, segment: &Segment, line: &mut Spoken, wide: bool) {
        let ready = self.speech.prompts.ready(&segment.text, wide);
        self.metrics.prompt(ready.is_some());
        if let Some(audio) = ready {
            return line.parts.push(Part::ready(segment.text.clone(), audio));
        }
        line.made.engine = true;
        // What has a template is one part: half of it, and then the template, would be confusing.
        let whole = segment.template.as_ref().map(|_| segment.text.as_str());
        let sentences = whole.into_iter().chain(sentences(&segment.text).filter(|_| whole.is_none()));
        for sentence in sentences {
            let (audio, making) = self.make(line.id, line.parts.len(), sentence, wide);
            let template = segment.template.clone();
            line.parts.push(Part { template, making, ..Part::new(sentence.to_owned(), audio) });
        }
    }

    /// Whether any line is not over.
    pub fn is_busy(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether the media session has everything that there is to say.
    pub fn is_all_sent(&self) -> bool {
        self.lines.iter().all(|line| line.cut || line.sent == line.parts.len())
    }

    /// Says a ready phrase, or a sound that is not speech, ahead of all that is still being made. Such a line is short:
    /// what has been handed to the media session goes before it.
    pub fn say_ahead(&mut self, name: &str, audio: EncodedAudio, now: Ms, media: &MediaSession) -> LineId {
        let mut line = self.new_line();
        line.parts.push(Part::ready(name.to_owned(), audio));
        let id = line.id;
        self.lines.push_front(line);
        self.send_ready(now, media);
        self.note_wait(now);
        id
    }

    /// A ready phrase, in the call's band.
    pub fn ready(&self, text: &str, media: &MediaSession) -> Option<EncodedAudio> {
        self.speech.prompts.get_for(text, media.is_wide())
    }

    /// Whether the media session has something to play, as far as it has said.
    pub fn is_playing(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.parts).any(Part::is_under_way)
    }

    /// When [`Self::expire`] is to be called at the latest.
    pub fn next_deadline(&self) -> Option<Ms> {
        let since = self.waiting_since?;
        let part = self.awaited_part()?;
        Some(since + ladder::patience_ms(part.template.is_some()))
    }

    /// Goes on without a part that has been awaited for too long.
    pub fn expire(&mut self, now: Ms, media: &MediaSession) -> Vec<MouthEvent> {
        if self.next_deadline().is_some_and(|at| now >= at) {
            if let Some(part) = self.lines.iter_mut().find(|line| !line.cut && line.is_making()).and_then(Spoken::next)
            {
                warn!(template = part.template.is_some(), "words are not there in time; they are left out");
                if let Some(making) = part.making.take() {
                    making.abort();
                }
                part.audio = Audio::Missing;
            }
            self.send_ready(now, media);
        }
        self.finish_lines(now)
    }

    fn awaited_part(&self) -> Option<&Part> {
        let line = self.lines.iter().find(|line| !line.cut && line.sent < line.parts.len())?;
        line.parts.get(line.sent).filter(|part| matches!(part.audio, Audio::Making))
    }

    /// Gives up every line there is: what the media session has of them is reported by [`Self::clip_stopped`] or
    /// [`Self::clip_finished`], the rest is over now.
    pub fn cut(&mut self, at: Ms) -> Vec<MouthEvent> {
        self.syntheses.abort_all();
        self.waiting_since = None;
        self.lines.iter_mut().for_each(|line| line.cut = true);
        self.end_cut_lines(at)
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
                // Too late: something else stands in for it.
                _ if !matches!(part.audio, Audio::Making) => {}
                Some(audio) => part.set(audio),
                None => part.audio = Audio::Missing,
            }
        }
        self.send_ready(now, media);
        self.finish_lines(now)
    }

    /// A clip's first packet left.
    pub fn clip_started(&mut self, clip: ClipId, at: Ms) -> Option<MouthEvent> {
        let line = self.lines.iter_mut().find(|line| line.has(clip))?;
        if line.started.is_some() {
            return std::mem::take(&mut line.stalled).then_some(MouthEvent::Resumed { line: line.id });
        }
        line.started = Some(at);
        Some(MouthEvent::Started { line: line.id, at, audio_at: line.audio_at.unwrap_or(at) })
    }

    /// A clip was played to its end.
    pub fn clip_finished(&mut self, clip: ClipId, at: Ms) -> Vec<MouthEvent> {
        self.clip_over(clip, u64::MAX);
        let mut events = self.end_cut_lines(at);
        events.extend(self.finish_lines(at));
        events
    }

    /// A clip was stopped after `played_ms`.
    pub fn clip_stopped(&mut self, clip: ClipId, played_ms: u64, at: Ms) -> Vec<MouthEvent> {
        self.clip_over(clip, played_ms);
        self.end_cut_lines(at)
    }

    fn clip_over(&mut self, clip: ClipId, played_ms: u64) {
        let parts = self.lines.iter_mut().flat_map(|line| &mut line.parts);
        for part in parts.filter(|part| part.clip == Some(clip)) {
            part.played_ms = Some(played_ms.min(part.length_ms));
        }
    }

    /// Takes out the lines that were given up and of which nothing is under way any more.
    fn end_cut_lines(&mut self, at: Ms) -> Vec<MouthEvent> {
        let over = |line: &Spoken| line.cut && !line.parts.iter().any(Part::is_under_way);
        let (ended, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.lines).into_iter().partition(over);
        self.lines = kept;
        let stopped = |line: Spoken| {
            let heard: Vec<String> = line.parts.iter().map(Part::heard).filter(|text| !text.is_empty()).collect();
            MouthEvent::Stopped(Ended { heard: Some(heard.join(" ")), ..line.ended(at) })
        };
        ended.into_iter().map(stopped).collect()
    }

    /// Hands the parts that are ready to the media session, in order; stops at the first that is still being made.
    fn send_ready(&mut self, now: Ms, media: &MediaSession) {
        let mut clips = Vec::new();
        'lines: for line in self.lines.iter_mut().filter(|line| !line.cut) {
            while let Some(part) = line.parts.get_mut(line.sent) {
                if matches!(part.audio, Audio::Missing)
                    && let Some(template) = part.template.take()
                    && let Some(audio) = self.speech.prompts.get_for(&template, media.is_wide())
                {
                    info!("a template stands in for words that cannot be spoken in time");
                    line.made.template = true;
                    *part = Part::ready(template, audio);
                }
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
        let over = |line: &mut Spoken| {
            !line.cut && line.sent == line.parts.len() && !line.parts.iter().any(Part::is_under_way)
        };
        while let Some(line) = self.lines.pop_front_if(over) {
            self.waiting_since = None;
            let complete = line.parts.iter().all(|part| part.clip.is_some());
            let heard: Vec<String> = line.parts.iter().map(Part::heard).filter(|text| !text.is_empty()).collect();
            let heard = (!complete).then(|| heard.join(" "));
            events.push(MouthEvent::Finished(Ended { heard, ..line.ended(at) }));
        }
        events.extend(self.note_wait(at));
        events
    }

    /// Sees whether the next words are missing while nothing plays.
    fn note_wait(&mut self, now: Ms) -> Option<MouthEvent> {
        if self.is_playing() || self.awaited_part().is_none() {
            self.waiting_since = None;
            return None;
        }
        if self.waiting_since.is_some() {
            return None;
        }
        self.waiting_since = Some(now);
        let line = self.lines.iter_mut().find(|line| !line.cut && line.is_making())?;
        let stalls = line.started.is_some() && !std::mem::replace(&mut line.stalled, true);
        stalls.then_some(MouthEvent::Stalled { line: line.id })
    }

    fn make(&mut self, line: LineId, part: usize, text: &str, wide: bool) -> (Audio, Option<AbortHandle>) {
        let Some(speaking) = begin(&self.speech, text.to_owned(), wide) else {
            self.metrics.failed(self.speech.tts.name(), "busy");
            return (Audio::Missing, None);
        };
        let text = text.to_owned();
        let (metrics, engine) = (Arc::clone(&self.metrics), self.speech.tts.name().to_owned());
        let made = async move {
            let began = Instant::now();
            let begun = speaking.1.begun();
            let mut first = None;
            let audio = collect(&text, speaking, wide, &mut first).await;
            if let (Some(first), Some(taken_up)) = (first, begun.at()) {
                metrics.spoke(
                    &engine,
                    taken_up.saturating_duration_since(began),
                    first.saturating_duration_since(began),
                );
            }
            if audio.is_none() {
                metrics.failed(&engine, if begun.at().is_some() { "failed" } else { "busy" });
            }
            Synthesised { line, part, audio }
        };
        (Audio::Making, Some(self.syntheses.spawn(made)))
    }
}

/// Has a text spoken at 8 kHz, in one piece; `None` when that fails or takes too long.
pub async fn synthesise(speech: &Speech, text: String) -> Option<EncodedAudio> {
    let speaking = begin(speech, text.clone(), false)?;
    collect(&text, speaking, false, &mut None).await
}

fn begin(speech: &Speech, text: String, wide: bool) -> Option<Speaking> {
    let priority = Priority { deadline: Instant::now() + SYNTHESIS_WANTED, class: Class::Final };
    let started = speech.speak_at(text, if wide { WIDE_RATE_HZ } else { RATE_HZ }, priority);
    started.inspect_err(|full| warn!(error = %full, "a part of a line is left out")).ok()
}

async fn collect(
    text: &str,
    (mut chunks, job): Speaking,
    wide: bool,
    first: &mut Option<Instant>,
) -> Option<EncodedAudio> {
    let rate_hz = if wide { WIDE_RATE_HZ } else { RATE_HZ };
    let most = most_samples(text, rate_hz);
    let whole = async {
        let mut samples = Vec::new();
        while samples.len() <= most
            && let Some(chunk) = chunks.recv().await
        {
            first.get_or_insert_with(Instant::now);
            samples.extend_from_slice(&chunk);
        }
        let fault = unlike_speech(text, &samples, rate_hz).map(str::to_owned);
        if samples.len() > most {
            return fault.map_or(Ok(samples), Err);
        }
        match job.await {
            Ok(Ok(())) => fault.map_or(Ok(samples), Err),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(failure) => Err(failure.to_string()),
        }
    };
    match tokio::time::timeout(ladder::ENGINE_LIMIT, whole).await {
        Ok(Ok(samples)) if wide => Some(EncodedAudio::from_wide_pcm(&samples)),
        Ok(Ok(samples)) => Some(EncodedAudio::from_pcm(Codec::Pcma, &samples)),
        Ok(Err(failure)) => {
            warn!(error = %failure, "a part of a line could not be synthesised");
            None
        }
        Err(_) => {
            warn!(limit_ms = ladder::ENGINE_LIMIT.as_millis(), "a part of a line was not synthesised in time");
            None
        }
    }
}

/// A finished synthesis, to be given back to [`Mouth::take`].
pub struct SynthesisDone(Option<Synthesised>);

impl Spoken {
    /// The next part to be sent, when it is still being made.
    fn next(&mut self) -> Option<&mut Part> {
        self.parts.get_mut(self.sent).filter(|part| matches!(part.audio, Audio::Making))
    }

    fn is_making(&self) -> bool {
        self.parts.get(self.sent).is_some_and(|part| matches!(part.audio, Audio::Making))
    }

    fn has(&self, clip: ClipId) -> bool {
        self.parts.iter().any(|part| part.clip == Some(clip))
    }

    /// The line as it is over, with nothing said of what was heard.
    fn ended(&self, at: Ms) -> Ended {
        Ended {
            line: self.id,
            text: self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(" "),
            heard: None,
            started: self.started,
            at,
            played_ms: self.parts.iter().filter_map(|part| part.played_ms).sum(),
            total_ms: self.parts.iter().map(|part| part.length_ms).sum(),
            made: Made { tone: self.made.tone || !self.parts.iter().any(|part| part.clip.is_some()), ..self.made },
        }
    }
}

impl Part {
    fn ready(text: String, audio: EncodedAudio) -> Self {
        let length_ms = audio.duration_ms();
        Self { length_ms, ..Self::new(text, Audio::Ready(audio)) }
    }

    fn new(text: String, audio: Audio) -> Self {
        Self { text, template: None, audio, making: None, clip: None, length_ms: 0, played_ms: None }
    }

    /// Whether the media session has it and has not said yet what became of it.
    fn is_under_way(&self) -> bool {
        self.clip.is_some() && self.played_ms.is_none()
    }

    /// The words of it that were played.
    fn heard(&self) -> String {
        match self.played_ms {
            Some(played) if played >= self.length_ms => self.text.clone(),
            Some(played) => spoken_part(&self.text, played, self.length_ms),
            None => String::new(),
        }
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
        assert_eq!(
            split,
            ["We open at 9.30 a.m.", "daily.", "Is that fine?"]
                .map(|s| s)
                .to_vec()
                .into_iter()
                .chain(["Yes"])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_was_heard_follows_the_time_played() {
        assert_eq!(spoken_part("one two three four", 0, 1_000), "");
        assert_eq!(spoken_part("one two three four", 500, 1_000), "one two");
        assert_eq!(spoken_part("one two three four", 1_000, 1_000), "one two three four");
    }
}
