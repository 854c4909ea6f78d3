//! A scripted caller, as its YAML file describes it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};

/// One call: who calls, over what line, what they say to what, and what has to come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What kind of caller it is, in a word or two: for the table.
    pub persona: String,
    #[serde(default)]
    pub voice: Voice,
    #[serde(default)]
    pub line: Line,
    /// From the agent's last sound to the caller's first.
    #[serde(default = "reaction_ms")]
    pub reaction_ms: u64,
    /// Replies, each to what the agent says.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What is said while the agent speaks.
    #[serde(default)]
    pub over: Vec<Over>,
    pub expect: Expected,
    /// The call is hung up after so long.
    #[serde(default = "limit_s")]
    pub limit_s: u64,
}

fn reaction_ms() -> u64 {
    500
}

fn limit_s() -> u64 {
    180
}

/// Who speaks: the local Piper voice, or one of flite's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voice {
    /// A voice of flite (slt, rms, awb, kal); the local voice where flite is not installed.
    pub flite: Option<String>,
    /// 1 is the voice's own pace, 1.3 is fast.
    pub speed: f32,
}

impl Default for Voice {
    fn default() -> Self {
        Self { flite: None, speed: 1.0 }
    }
}

/// What lies between the caller's mouth and the node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// pcma, pcmu, g722 or opus; both G.711 when none is named.
    pub codec: Option<String>,
    /// Packets that are lost at random, each way.
    pub loss_percent: f32,
    /// Packets are held up for a random time up to this, each way.
    pub jitter_ms: u64,
    /// Level of steady noise on the caller's side, in dB below full scale (speech is near -20).
    pub noise_dbfs: Option<f32>,
    /// What the caller's telephone sends back of the agent.
    pub echo: Option<Echo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// Below the agent's own level.
    pub db: f32,
    pub delay_ms: u64,
}

/// A reply. Among those whose `when` occurs in what the agent said since the caller spoke last, the one that occurs
/// latest counts, because a question ends a line. Each is given once; when all that fit are used up, the last of them
/// is repeated, as a person does who is asked again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Words of the agent; several with `|` between them. Empty: anything.
    #[serde(default, deserialize_with = "alternatives")]
    pub when: Vec<String>,
    /// `{400}` within the text is a pause of 400 ms.
    pub say: Option<String>,
    pub keys: Option<String>,
    /// Says nothing and lets the agent ask again.
    #[serde(default)]
    pub silent: bool,
    #[serde(default)]
    pub hang_up: bool,
}

/// Something said while the agent speaks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Over {
    /// The agent's how-manieth line, from 1 for the greeting.
    pub line: usize,
    /// So long into it.
    pub after_ms: u64,
    pub say: String,
    /// A sign of listening, such as "haan", which must not stop the agent; else it is to stop.
    #[serde(default)]
    pub backchannel: bool,
}

/// What must have come of the call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub outcome: Option<String>,
    /// Values in the record: exactly as written; `~text` for a value that contains it; null for none.
    #[serde(default)]
    pub slots: BTreeMap<String, Option<String>>,
    /// How the call ended, in the words of the record.
    pub end_cause: Option<String>,
    /// What the agent must have said, whatever the case of its letters.
    #[serde(default)]
    pub says: Vec<String>,
    #[serde(default)]
    pub never: Vec<String>,
    /// The most lines of the agent that may be cut without the caller's meaning to.
    pub false_cuts: Option<usize>,
    /// The most times that the agent may speak into the caller's turn.
    pub cut_off: Option<usize>,
}

fn alternatives<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(text.split('|').map(|words| words.trim().to_lowercase()).filter(|words| !words.is_empty()).collect())
}

impl Scenario {
    /// Reads one file.
    ///
    /// # Errors
    /// One line: the file, and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |what: String| format!("{}: {}", path.display(), what.replace('\n', " "));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut scenario: Self = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        scenario.check().map_err(wrong)?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        for answer in &self.answers {
            let kinds = [answer.say.is_some(), answer.keys.is_some(), answer.silent, answer.hang_up];
            if kinds.iter().filter(|kind| **kind).count() != 1 {
                return Err(format!("an answer is one of say, keys, silent and hang_up: {answer:?}"));
            }
        }
        if !(0.5..=2.0).contains(&self.voice.speed) || !(0.0..=50.0).contains(&self.line.loss_percent) {
            return Err("voice.speed is 0.5 to 2, line.loss_percent 0 to 50".to_owned());
        }
        let known = ["name", "number", "reason", "preferred_time"];
        match self.expect.slots.keys().find(|slot| !known.contains(&slot.as_str())) {
            Some(slot) => Err(format!("no slot is named `{slot}`; there are {}", known.join(", "))),
            None => Ok(()),
        }
    }

    /// Everything that the caller may say.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let answers = self.answers.iter().filter_map(|answer| answer.say.as_deref());
        answers.chain(self.over.iter().map(|over| over.say.as_str()))
    }
}

/// A text cut at its pauses: pieces of words, each with the silence that follows it in milliseconds.
pub fn pieces(text: &str) -> Vec<(&str, u64)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, behind)) = rest.split_once('{') {
        let (pause, after) = behind.split_once('}').unwrap_or((behind, ""));
        pieces.push((words.trim(), pause.trim().parse().unwrap_or(0)));
        rest = after;
    }
    pieces.push((rest.trim(), 0));
    pieces.retain(|(words, pause)| !words.is_empty() || *pause > 0);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_project_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read: Vec<_> = paths.map(|path| Scenario::read(&path)).collect();
        let wrong: Vec<_> = read.iter().filter_map(|scenario| scenario.as_ref().err()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(read.len() >= 40, "{} scenarios", read.len());
    }

    #[test]
    fn a_misspelt_key_and_an_answer_of_two_kinds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Scenario::read(&path)
        };
        let scenario =
            read("persona: polite\nanswers: [{when: Your NAME|who, say: 'A {300} B'}]\nexpect: {slots: {name: null}}");
        let scenario = scenario.unwrap();
        assert_eq!(
            (scenario.name.as_str(), scenario.answers[0].when.as_slice()),
            ("x", &["your name".to_owned(), "who".to_owned()][..])
        );
        assert_eq!(scenario.expect.slots["name"], None);
        assert_eq!(pieces("A {300} B"), [("A", 300), ("B", 0)]);
        for wrong in [
            "persona: polite\nexpekt: {}",
            "persona: polite\nexpect: {}\nanswers: [{say: x, keys: '1'}]",
            "persona: polite\nexpect: {slots: {nmae: x}}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
