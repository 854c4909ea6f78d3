//! What a call is worth: the right outcome and slots, no silence, nobody cut off.

use serde::Serialize;
use serde_json::Value;

use super::play::{Kind, Played, Utterance};
use super::scenario::Scenario;

/// After a caller's turn, so long without a sound is a silent turn: the watchdog has 1.5 s, the far end's buffer and a
/// busy machine some more.
const SILENT_MS: u64 = 2_500;
/// The agent's sound that begins so long before the end of the caller's speech cuts the caller off.
const CUT_OFF_MS: u64 = 150;

/// One call's score.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    pub scenario: String,
    pub persona: String,
    /// What is not as it must be; empty for a call that went right.
    pub faults: Vec<String>,
    pub outcome: String,
    pub slots: Value,
    /// From the end of the caller's speech to the first sound of the agent at the caller's ear, turn by turn.
    pub latencies_ms: Vec<u64>,
    /// The longest time after a turn of the caller in which nobody sounded.
    pub longest_silence_ms: u64,
    /// Turns of the caller after which nothing came for 2.5 s.
    pub silent_turns: usize,
    /// Lines of the agent that were cut though the caller did not mean to.
    pub false_cuts: usize,
    /// Times that the agent spoke into the caller's turn.
    pub cut_off: usize,
    pub duration_ms: u64,
    /// The call's id in the node.
    pub call: String,
    /// Both sides' lines, as the node and as the script have them.
    pub transcript: Vec<String>,
}

impl Score {
    /// A call that was not held.
    pub fn failed(scenario: &Scenario, why: String) -> Self {
        Self {
            scenario: scenario.name.clone(),
            persona: scenario.persona.clone(),
            faults: vec![why],
            outcome: "-".to_owned(),
            slots: Value::Null,
            latencies_ms: Vec::new(),
            longest_silence_ms: 0,
            silent_turns: 0,
            false_cuts: 0,
            cut_off: 0,
            duration_ms: 0,
            call: String::new(),
            transcript: Vec::new(),
        }
    }

    /// Of a call that was held by a caller with this number.
    pub fn of(scenario: &Scenario, played: &Played, number: &str) -> Self {
        let turns = played.utterances.iter().filter(|said| said.kind != Kind::Backchannel);
        let gaps: Vec<(Kind, u64)> = turns.filter_map(|said| Some((said.kind, gap(said, played)?))).collect();
        let answers = gaps.iter().filter(|(kind, _)| *kind != Kind::Keys);
        let mut score = Self {
            outcome: played.record["outcome"].as_str().unwrap_or("-").to_owned(),
            slots: played.record["slots"].clone(),
            latencies_ms: answers.map(|(_, gap)| *gap).collect(),
            longest_silence_ms: gaps.iter().map(|(_, gap)| *gap).max().unwrap_or(0),
            silent_turns: gaps.iter().filter(|(_, gap)| *gap > SILENT_MS).count(),
            false_cuts: false_cuts(played),
            cut_off: played.utterances.iter().filter(|said| is_cut_off(said, played)).count(),
            duration_ms: played.duration_ms,
            call: played.record["id"].as_str().unwrap_or_default().to_owned(),
            transcript: transcript(played),
            ..Self::failed(scenario, String::new())
        };
        score.faults = score.wrong(scenario, played, number);
        score
    }

    pub fn is_right(&self) -> bool {
        self.faults.is_empty()
    }

    fn wrong(&self, scenario: &Scenario, played: &Played, number: &str) -> Vec<String> {
        let expect = &scenario.expect;
        let mut faults = Vec::new();
        let mut word = |what: &str, wanted: Option<&String>| {
            let is = played.record[what].as_str().unwrap_or("none");
            faults.extend(wanted.filter(|wanted| *wanted != is).map(|wanted| format!("{what} is {is}, not {wanted}")));
        };
        word("outcome", expect.outcome.as_ref());
        word("end_cause", expect.end_cause.as_ref());
        for (slot, wanted) in &expect.slots {
            let is = self.slots[slot].as_str();
            let wanted = wanted.as_deref().map(|wanted| if wanted == "caller" { number } else { wanted });
            if !fits(is, wanted) {
                faults.push(format!("{slot} is {:?}, not {:?}", is.unwrap_or("none"), wanted.unwrap_or("none")));
            }
        }
        let said = agent_said(played);
        faults.extend(
            expect.says.iter().filter(|w| !said.contains(&w.to_lowercase())).map(|w| format!("never said {w:?}")),
        );
        faults.extend(expect.never.iter().filter(|w| said.contains(&w.to_lowercase())).map(|w| format!("said {w:?}")));
        let mut most = |what: &str, is: usize, most: Option<usize>| {
            faults.extend(most.filter(|most| is > *most).map(|most| format!("{what}: {is}, at most {most}")));
        };
        most("silent turns", self.silent_turns, Some(0));
        most("agent cut by no interruption", self.false_cuts, expect.false_cuts);
        most("caller cut off", self.cut_off, expect.cut_off);
        if played.too_long {
            faults.push(format!("not over after {} s", scenario.limit_s));
        }
        faults
    }
}

fn fits(is: Option<&str>, wanted: Option<&str>) -> bool {
    match (is, wanted) {
        (Some(is), Some(wanted)) => match wanted.strip_prefix('~') {
            Some(part) => is.to_lowercase().contains(&part.to_lowercase()),
            None => is == wanted,
        },
        (None, None) => true,
        _ => false,
    }
}

/// From the end of what the caller said to the agent's next sound, or the end of the call; `None` when the agent was
/// sounding at that moment, or the caller hung up or spoke on.
fn gap(said: &Utterance, played: &Played) -> Option<u64> {
    if played.sounds.iter().any(|sound| sound.start_ms < said.end_ms && sound.end_ms > said.end_ms) {
        return None;
    }
    let next = played.utterances.iter().map(|other| other.start_ms).filter(|start| *start >= said.end_ms).min();
    let sound = played.sounds.iter().map(|sound| sound.start_ms).find(|start| *start >= said.end_ms);
    match (sound, next) {
        (Some(sound), Some(next)) if next < sound => None,
        (Some(sound), _) => Some(sound - said.end_ms),
        (None, Some(_)) => None,
        // The agent hung up without a word, or the caller was left in silence.
        (None, None) if !played.hung_up => Some(played.duration_ms.saturating_sub(said.end_ms)),
        (None, None) => None,
    }
}

fn is_cut_off(said: &Utterance, played: &Played) -> bool {
    let within = |start: u64| start > said.start_ms + CUT_OFF_MS && start + CUT_OFF_MS < said.end_ms;
    let silent_before = |at: u64| !played.sounds.iter().any(|sound| sound.start_ms < at && sound.end_ms + 300 > at);
    said.kind == Kind::Answer
        && silent_before(said.start_ms)
        && played.sounds.iter().any(|sound| within(sound.start_ms))
}

fn false_cuts(played: &Played) -> usize {
    let turns = played.record["turns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let agent: Vec<&Value> = turns.iter().filter(|turn| turn["speaker"] == "agent").collect();
    let cut = agent.iter().filter(|turn| turn["heard"].is_string()).count();
    // The last line is cut by the hang-up itself.
    let by_hang_up =
        usize::from((played.hung_up || played.too_long) && agent.last().is_some_and(|turn| turn["heard"].is_string()));
    let meant = played.utterances.iter().filter(|said| said.kind == Kind::Interruption).count();
    cut.saturating_sub(meant + by_hang_up)
}

fn agent_said(played: &Played) -> String {
    let turns = played.record["turns"].as_array().into_iter().flatten();
    let agent = turns.filter(|turn| turn["speaker"] == "agent").filter_map(|turn| turn["text"].as_str());
    agent.collect::<Vec<_>>().join(" ").to_lowercase()
}

fn transcript(played: &Played) -> Vec<String> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for turn in played.record["turns"].as_array().into_iter().flatten() {
        let who = turn["speaker"].as_str().unwrap_or_default();
        let text = turn["text"].as_str().unwrap_or_default();
        let cut = turn["heard"].as_str().map_or_else(String::new, |heard| format!(" [cut after {heard:?}]"));
        let who = if who == "caller" { "heard" } else { who };
        lines.push((turn["started_ms"].as_u64().unwrap_or(0), format!("{who:6} {text}{cut}")));
    }
    lines.extend(
        played.utterances.iter().map(|said| (said.start_ms, format!("caller {} ({:?})", said.text, said.kind))),
    );
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(at, line)| format!("{:6.1} s  {line}", at as f64 / 1_000.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::play::Sound;
    use super::*;

    fn said(kind: Kind, start_ms: u64, end_ms: u64) -> Utterance {
        Utterance { kind, text: "x".to_owned(), start_ms, end_ms }
    }

    fn played(utterances: Vec<Utterance>, sounds: &[(u64, u64)], record: Value) -> Played {
        let sounds = sounds.iter().map(|(start_ms, end_ms)| Sound { start_ms: *start_ms, end_ms: *end_ms }).collect();
        Played { utterances, sounds, hung_up: false, too_long: false, duration_ms: 20_000, record }
    }

    fn scenario(expect: &str) -> Scenario {
        serde_saphyr::from_str(&format!("persona: polite\nexpect: {expect}")).unwrap()
    }

    #[test]
    fn latency_silence_and_cuts_are_counted_where_they_are() {
        let utterances = vec![
            said(Kind::Answer, 5_000, 6_000),
            said(Kind::Answer, 9_000, 11_000),
            said(Kind::Backchannel, 12_500, 12_700),
            said(Kind::Answer, 14_000, 15_000),
        ];
        // The greeting; an answer after 600 ms; one within the caller's second turn; one after 3 s.
        let sounds = [(0, 4_000), (6_600, 8_000), (10_000, 13_000), (18_000, 19_000)];
        let turns = serde_json::json!([
            {"speaker": "agent", "text": "Hello", "heard": null},
            {"speaker": "agent", "text": "Your name?", "heard": "Your"},
        ]);
        let record =
            serde_json::json!({"turns": turns, "outcome": "message", "slots": {"name": "Asha", "number": "+911"}});
        let played = played(utterances, &sounds, record);
        let score = Score::of(
            &scenario("{outcome: message, slots: {name: Asha, number: caller, reason: null}, says: [HELLO]}"),
            &played,
            "+911",
        );
        assert_eq!(score.latencies_ms, [600, 3_000]);
        assert_eq!((score.longest_silence_ms, score.silent_turns), (3_000, 1));
        assert_eq!((score.false_cuts, score.cut_off), (1, 1));
        assert_eq!(score.faults, ["silent turns: 1, at most 0"]);
        let strict = scenario(
            "{outcome: answered, slots: {name: ~ana, reason: ~x}, never: [your name], false_cuts: 0, cut_off: 0}",
        );
        let faults = Score::of(&strict, &played, "+911").faults;
        assert_eq!(faults.len(), 7, "{faults:#?}");
    }
}
