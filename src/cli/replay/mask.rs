//! Pseudonyms for a recorded call: another name and other digits, such that the call takes the same course.
//!
//! Digits are exchanged for one another, 6 to 9 among themselves, so that a mobile number stays one and "it ends in four"
//! still names its last digit. That hides a number from a reader; it does not withstand one who tries all exchanges.

use std::collections::HashMap;
use std::mem::discriminant;

use serde_json::Value;

use super::Failure;
use crate::dialogue::{Action, Expectation, RecordedCall, SlotName, Step};
use crate::domain::E164;

const NAMES: [&str; 12] =
    ["asha", "mehta", "vikram", "nair", "sunita", "joshi", "arjun", "das", "kavita", "iyer", "manoj", "gupta"];
const WORDS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// A turn with as many digits holds a number, whatever was asked.
const DIGITS_OF_A_NUMBER: usize = 4;

struct Mask {
    digits: [usize; 10],
    names: HashMap<String, &'static str>,
}

/// The call with other names and numbers; `seed` chooses which digit becomes which.
///
/// # Errors
/// When the call would take another course under other names; it has to be edited by hand then.
pub fn masked(call: &RecordedCall, seed: u64) -> Result<RecordedCall, Failure> {
    let mask = Mask { digits: exchange(seed), names: names(call) };
    let mut masked = call.clone();
    masked.opening.caller = call.opening.caller.as_ref().map(|number| mask.number(number));
    let mut expects_number = false;
    for step in &mut masked.steps {
        let numbers = expects_number
            || step.actions.iter().any(|action| matches!(action, Action::Slot { slot: SlotName::Number, .. }));
        let mut input = serde_json::to_value(&step.input).map_err(|error| Failure::run(&error))?;
        mask.apply(&mut input, numbers);
        step.input = serde_json::from_value(input).map_err(|error| Failure::run(&error))?;
        if let Some(expect) = expectation(step) {
            expects_number = matches!(expect, Expectation::Digits { .. });
        }
    }
    let masked = masked.played_anew().0;
    let course = |call: &RecordedCall| {
        call.steps.iter().map(|step| step.actions.iter().map(kind).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    match course(call).iter().zip(course(&masked)).position(|(was, is)| *was != is) {
        None => Ok(masked),
        Some(step) => Err(Failure::Run(format!(
            "step {}: under another name or number the call takes another course; export it and mask it by hand",
            step + 1
        ))),
    }
}

fn expectation(step: &Step) -> Option<Expectation> {
    step.actions.iter().find_map(|action| if let Action::Expect(expect) = action { Some(*expect) } else { None })
}

/// What must stay of an action.
fn kind(action: &Action) -> (std::mem::Discriminant<Action>, Option<Expectation>, Option<(SlotName, bool)>) {
    let expect = if let Action::Expect(expect) = action { Some(*expect) } else { None };
    let slot = if let Action::Slot { slot, value } = action { Some((*slot, value.is_some())) } else { None };
    (discriminant(action), expect, slot)
}

/// Rotations of 1 to 5 and of 6 to 9, neither by nothing; zero stays.
fn exchange(seed: u64) -> [usize; 10] {
    let low = 1 + (seed % 4) as usize;
    let high = 1 + (seed / 4 % 3) as usize;
    std::array::from_fn(|digit| match digit {
        0 => 0,
        1..=5 => (digit - 1 + low) % 5 + 1,
        _ => (digit - 6 + high) % 4 + 6,
    })
}

/// Every name that the call took down, word by word.
fn names(call: &RecordedCall) -> HashMap<String, &'static str> {
    let mut names = HashMap::new();
    for action in call.steps.iter().flat_map(|step| &step.actions) {
        if let Action::Slot { slot: SlotName::Name, value: Some(name) } = action {
            for word in name.split_whitespace().map(str::to_lowercase) {
                let next = NAMES[names.len() % NAMES.len()];
                names.entry(word).or_insert(next);
            }
        }
    }
    names
}

impl Mask {
    fn number(&self, number: &E164) -> E164 {
        let Some(national) = number.indian_national() else { return number.clone() };
        let text: String = national.chars().map(|c| self.digit(c)).collect();
        E164::from_indian(&text).unwrap_or_else(|_| number.clone())
    }

    fn digit(&self, c: char) -> char {
        let digit = c.to_digit(10).and_then(|digit| char::from_digit(self.digits[digit as usize] as u32, 10));
        digit.unwrap_or(c)
    }

    fn apply(&self, value: &mut Value, numbers: bool) {
        match value {
            Value::String(text) => *text = self.text(text, numbers),
            Value::Array(values) => values.iter_mut().for_each(|value| self.apply(value, numbers)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.apply(value, numbers)),
            _ => {}
        }
    }

    fn text(&self, text: &str, numbers: bool) -> String {
        let words: Vec<&str> = text.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
        let digits: usize = words.iter().map(|word| digits_in(bare(word))).sum();
        let numbers = numbers || digits >= DIGITS_OF_A_NUMBER;
        words.iter().map(|word| self.word(word, numbers)).collect()
    }

    fn word(&self, word: &str, numbers: bool) -> String {
        let (bare, tail) = word.split_at(bare(word).len());
        let lower = bare.to_lowercase();
        let other = if let Some(name) = self.names.get(&lower) {
            (*name).to_owned()
        } else if numbers && let Some(digit) = WORDS.iter().position(|word| *word == lower) {
            WORDS[self.digits[digit]].to_owned()
        } else if numbers {
            bare.chars().map(|c| self.digit(c)).collect()
        } else {
            return word.to_owned();
        };
        let capital = bare.starts_with(char::is_uppercase);
        let mut letters = other.chars();
        let first = letters.next().map(|c| if capital { c.to_uppercase().to_string() } else { c.to_string() });
        format!("{}{}{tail}", first.unwrap_or_default(), letters.as_str())
    }
}

fn bare(word: &str) -> &str {
    word.trim_end_matches(|c: char| !c.is_alphanumeric())
}

fn digits_in(word: &str) -> usize {
    if WORDS.contains(&word.to_lowercase().as_str()) { 1 } else { word.chars().filter(char::is_ascii_digit).count() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::{Input, Opening, demo_profile};

    #[test]
    fn name_and_number_are_others_and_the_course_is_the_same() {
        let said = |text: &str| Input::said(text, 0.9);
        let inputs = [
            Input::Answered,
            said("I want to leave a message"),
            said("This is Rahul Verma."),
            said("nine eight seven six five, 43210"),
            said("Please call Rahul back about the bill."),
            said("no, it ends in four"),
            said("yes"),
        ];
        let now: jiff::Zoned = "2026-11-23T16:05:00+05:30[Asia/Kolkata]".parse().unwrap();
        let steps = inputs.iter().map(|input| Step { now: now.clone(), input: input.clone(), actions: Vec::new() });
        let opening = Opening::new(demo_profile(), Some(E164::parse("+919876543210").unwrap()));
        let call = RecordedCall { opening, steps: steps.collect() }.played_anew().0;
        for seed in 0..12 {
            let masked = masked(&call, seed).unwrap();
            let text = serde_json::to_string(&masked.steps).unwrap();
            for secret in ["Rahul", "Verma", "43210", "98765", "nine eight seven six five"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            let (_, _, slots) = masked.played_anew();
            assert_eq!(slots.name.as_deref(), Some("Asha Mehta"));
            assert!(slots.number.unwrap().is_indian_mobile());
            assert_ne!(masked.opening.caller, call.opening.caller);
            assert_eq!(masked.first_difference(), None);
        }
    }
}
