//! What a scripted caller says to what the agent said: no clock, no sound.

use super::scenario::{Answer, Scenario};

/// How often a caller says the same again before giving up.
const MOST_REPEATS: u8 = 4;

/// The caller's mind in one call.
pub struct Brain {
    answers: Vec<(Answer, u8)>,
}

impl Brain {
    pub fn new(scenario: &Scenario) -> Self {
        Self { answers: scenario.answers.iter().map(|answer| (answer.clone(), 0)).collect() }
    }

    /// The reply to what the agent said since the caller spoke last; `None`: the caller waits.
    pub fn reply(&mut self, agent_said: &str) -> Option<Answer> {
        let said = agent_said.to_lowercase();
        let places: Vec<Option<usize>> = self.answers.iter().map(|(answer, _)| place(answer, &said)).collect();
        let latest = places.iter().flatten().max().copied()?;
        let fits = |index: &usize| places[*index] == Some(latest);
        let fresh = (0..self.answers.len()).filter(fits).find(|index| self.answers[*index].1 == 0);
        let index = fresh.or_else(|| (0..self.answers.len()).rfind(fits))?;
        let (answer, given) = &mut self.answers[index];
        if *given > MOST_REPEATS {
            return None;
        }
        *given += 1;
        Some(answer.clone())
    }
}

/// Where in the text the answer's cue ends last, plus one; 0 for an answer to anything.
fn place(answer: &Answer, said: &str) -> Option<usize> {
    if answer.when.is_empty() {
        return Some(0);
    }
    answer.when.iter().filter_map(|words| Some(said.rfind(words.as_str())? + words.len())).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brain(answers: &[(&str, &str)]) -> Brain {
        let answer = |(when, say): &(&str, &str)| Answer {
            when: when.split('|').filter(|words| !words.is_empty()).map(str::to_owned).collect(),
            say: Some((*say).to_owned()),
            keys: None,
            silent: false,
            hang_up: false,
        };
        Brain { answers: answers.iter().map(|a| (answer(a), 0)).collect() }
    }

    #[test]
    fn the_question_at_the_end_of_a_line_is_answered_and_a_repeated_one_again() {
        let mut brain = brain(&[("your name", "Rahul"), ("correct", "no"), ("correct", "yes"), ("number", "98765")]);
        let mut says = |text: &str| brain.reply(text).and_then(|answer| answer.say);
        assert_eq!(says("May I have your name, please?").as_deref(), Some("Rahul"));
        assert_eq!(says("Sorry. Your name, please?").as_deref(), Some("Rahul"), "asked again");
        assert_eq!(says("Your name is Rahul. Your number is 98765. Is that correct?").as_deref(), Some("no"));
        assert_eq!(says("Is that correct?").as_deref(), Some("yes"));
        assert_eq!(says("One moment, please."), None);
        for _ in 0..10 {
            says("Your number?");
        }
        assert_eq!(says("Your number?"), None, "patience ends");
    }
}
