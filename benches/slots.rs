//! How well expected answers are heard: `cargo bench --bench slots`, or `cargo test --bench slots` without an
//! optimised build of the rest (whisper.cpp is optimised in both).
//!
//! Numbers, agreement, spellings, dates and answers that have nothing to do with the question, in Piper's and flite's
//! voices through A-law at 8 kHz. An answer counts when the dialogue gets the value that was said out of what was
//! heard; an answer off the topic counts when it is not taken for one. `-- --words` prints what was misheard.

use std::process::Command;

use vca::dialogue::{self, Expectation, numbers};
use vca::domain::Fit;
use vca::media::{Codec, EncodedAudio};
use vca::speech::models::ModelStore;
use vca::speech::stt::Whisper;
use vca::speech::tts::Piper;
use vca::speech::{CancelFlag, Expect, SpeechToText, SttOptions, Transcript, synthesize_all};

const NUMBER: Expectation = Expectation::Digits { len: Some(10) };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let models = ModelStore::default();
    let model = |name: &str| models.locate(name).unwrap_or_else(|error| panic!("{error}"));
    let piper = Piper::load(&model("piper-joe")).expect("the voice loads");
    let whisper = Whisper::load(&model("whisper-base")).expect("the model loads");
    println!("{:<26} {:>8} {:>10} {:>10} {:>8} {:>10}", "answers", "clips", "plain", "expected", "again", "CPU-s/s");
    let only = arguments.iter().find(|argument| !argument.starts_with('-'));
    for set in sets().into_iter().filter(|set| only.is_none_or(|only| set.name.contains(only.as_str()))) {
        let mut score = Score::default();
        for (index, (said, wanted)) in set.answers.iter().enumerate() {
            let clip = voice(&piper, index, said);
            score.add(&whisper, &set, &clip, said, wanted, asked("--words"));
        }
        let Score { clips, plain, expected, again, cpu_ms, audio_ms } = score;
        let cost = cpu_ms as f64 / audio_ms as f64;
        println!("{:<26} {clips:>8} {plain:>10} {expected:>10} {again:>8} {cost:>10.3}", set.name);
    }
}

struct Set {
    name: &'static str,
    expect: Expectation,
    /// What is said, and the value that it stands for; an empty one for something off the topic.
    answers: Vec<(String, String)>,
}

#[derive(Default)]
struct Score {
    clips: u32,
    /// Right without any expectation.
    plain: u32,
    /// Right as calls hear it.
    expected: u32,
    /// Listened to again.
    again: u32,
    cpu_ms: u64,
    audio_ms: u64,
}

impl Score {
    fn add(&mut self, whisper: &Whisper, set: &Set, clip: &[i16], said: &str, wanted: &str, show: bool) {
        let run = |options: &SttOptions| whisper.transcribe(clip, options, &CancelFlag::new()).expect("it transcribes");
        let plain = run(&SttOptions::default());
        let options =
            SttOptions { expect: kind(set.expect), judge: dialogue::judge(set.expect), ..SttOptions::default() };
        let heard = run(&options);
        let other = heard.alternatives.iter().find(|other| dialogue::fit(set.expect, other) == Fit::Whole);
        let chosen = other.unwrap_or(&heard.text);
        let right = |text: &str| value(set.expect, text) == wanted;
        self.clips += 1;
        self.plain += u32::from(right(&plain.text));
        self.expected += u32::from(right(chosen));
        self.again += u32::from(dialogue::fit(set.expect, &heard.text) == Fit::Near);
        self.cpu_ms += heard.cpu_ms;
        self.audio_ms += heard.audio_ms;
        if show && !(right(&plain.text) && right(chosen)) {
            let Transcript { text, alternatives, confidence, .. } = &heard;
            println!("    `{said}`: plain `{}`, expected `{text}` ({confidence:.2}) {alternatives:?}", plain.text);
        }
    }
}

fn kind(expect: Expectation) -> Expect {
    match expect {
        Expectation::Digits { .. } => Expect::Digits,
        Expectation::YesNo => Expect::YesNo,
        Expectation::Spelling => Expect::Spelling,
        _ => Expect::Date,
    }
}

/// The value that the dialogue gets out of a text; empty when there is none.
fn value(expect: Expectation, text: &str) -> String {
    let lower = text.to_lowercase();
    match expect {
        Expectation::Digits { .. } => match numbers::heard(text, true) {
            numbers::NumberHeard::Complete(number) => number.indian_national().unwrap_or_default().to_owned(),
            _ => String::new(),
        },
        Expectation::YesNo => match dialogue::yes_no(text) {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => String::new(),
        },
        Expectation::Spelling => {
            let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
            let mut letters = String::new();
            while let Some(word) = words.next() {
                match word {
                    "for" => drop(words.next()),
                    "double" => letters.push_str(&words.next().unwrap_or_default().repeat(2)),
                    word if word.len() == 1 => letters.push_str(word),
                    _ => {}
                }
            }
            if letters.len() < 3 { String::new() } else { letters }
        }
        _ if dialogue::fit(expect, text) != Fit::Whole => String::new(),
        _ => normal_time(&lower),
    }
}

/// A time without what only differs in writing.
fn normal_time(text: &str) -> String {
    const NAMES: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let text = text
        .replace("a.m.", "am")
        .replace("p.m.", "pm")
        .replace("half past five", "530")
        .replace(":30", "30")
        .replace("12th", "12");
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let dropped = |word: &&str| !matches!(*word, "at" | "on" | "the" | "of" | "o" | "clock" | "in" | "th" | "around");
    let digits = |word: &str| NAMES.iter().position(|name| *name == word).map_or(word.to_owned(), |n| n.to_string());
    words.filter(dropped).map(digits).collect::<Vec<_>>().join(" ")
}

fn sets() -> Vec<Set> {
    let off_topic = |expect, name, said: &[&str]| Set {
        name,
        expect,
        answers: said.iter().map(|said| ((*said).to_owned(), String::new())).collect(),
    };
    let given = |expect, name, pairs: &[(&str, &str)]| Set {
        name,
        expect,
        answers: pairs.iter().map(|(said, value)| ((*said).to_owned(), (*value).to_owned())).collect(),
    };
    vec![
        Set { name: "numbers", expect: NUMBER, answers: numbers_said() },
        off_topic(
            NUMBER,
            "off topic, number",
            &[
                "What are your timings?",
                "Are you open on Sunday?",
                "I don't want to give my number.",
                "Why do you need it?",
                "Can I talk to the doctor please?",
                "Hold on, let me check.",
                "Where are you located?",
                "Is the doctor there today?",
            ],
        ),
        given(
            Expectation::YesNo,
            "yes or no",
            &[
                ("Yes.", "yes"),
                ("Yes, that is correct.", "yes"),
                ("Haan.", "yes"),
                ("Haan ji.", "yes"),
                ("Yeah.", "yes"),
                ("No.", "no"),
                ("Nahi.", "no"),
                ("No, that's wrong.", "no"),
                ("Ji haan.", "yes"),
                ("Correct.", "yes"),
                ("Theek hai.", "yes"),
                ("Nope.", "no"),
                ("Sahi hai.", "yes"),
                ("Right.", "yes"),
                ("Bilkul.", "yes"),
                ("Ok.", "yes"),
            ],
        ),
        off_topic(
            Expectation::YesNo,
            "off topic, yes or no",
            &[
                "What are your timings?",
                "My name is Rohit.",
                "Who is this?",
                "Five four.",
                "It ends in seven.",
                "Hello?",
                "Tomorrow evening.",
                "Double six at the end.",
            ],
        ),
        given(
            Expectation::Spelling,
            "spellings",
            &[
                ("R, A, H, U, L.", "rahul"),
                ("A, N, I, T, A.", "anita"),
                ("D for Delhi, E for Elephant, V for Victor.", "dev"),
                ("K, A, V, I, double T, A.", "kavitta"),
                ("S, U, R, E, S, H.", "suresh"),
                ("V, E, R, M, A.", "verma"),
                ("P for Paris, R for Rome, I for India, Y for Yellow, A for Apple.", "priya"),
                ("M, E, H, T, A.", "mehta"),
                ("I, Y, E, R.", "iyer"),
                ("G for Goa, U for umbrella, P for Paris, T for Tango, A for Agra.", "gupta"),
            ],
        ),
        off_topic(
            Expectation::Spelling,
            "off topic, spelling",
            &["What are your timings?", "I already told you my name.", "Can I talk to a person?", "Hold on please."],
        ),
        given(
            Expectation::Time,
            "dates and times",
            &[
                ("Tomorrow at five.", "tomorrow 5"),
                ("Tomorrow morning.", "tomorrow morning"),
                ("On Monday at 10 a.m.", "monday 10 am"),
                ("Saturday evening.", "saturday evening"),
                ("Day after tomorrow.", "day after tomorrow"),
                ("The 12th of December.", "12 december"),
                ("Half past five.", "530"),
                ("Today at four o'clock.", "today 4"),
                ("Next Friday.", "next friday"),
                ("Wednesday afternoon.", "wednesday afternoon"),
            ],
        ),
        off_topic(
            Expectation::Time,
            "off topic, time",
            &["What are your charges?", "Do you accept cards?", "Which doctor is there?", "My name is Rohit Verma."],
        ),
    ]
}

/// Indian mobile numbers in the ways in which they are dictated.
fn numbers_said() -> Vec<(String, String)> {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let mut seed = 23_u32;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let mut number = |style: u32| {
        let mut digits: Vec<u32> = vec![6 + next(4)];
        while digits.len() < 10 {
            // Pairs and runs, as fancy numbers have them.
            let again = *digits.last().expect("a first digit");
            digits.push(if next(5) < style { again } else { next(10) });
        }
        digits
    };
    (0..36)
        .map(|index| {
            let style = index % 3;
            let digits = number(style);
            let mut said: Vec<String> = Vec::new();
            let mut at = 0;
            while at < digits.len() {
                let same = digits[at..].iter().take_while(|digit| **digit == digits[at]).count();
                let name = if digits[at] == 0 && index % 2 == 1 { "oh" } else { NAMES[digits[at] as usize] };
                let (word, len) = match same {
                    3.. if style > 0 => (format!("triple {name}"), 3),
                    2 if style > 0 => (format!("double {name}"), 2),
                    _ => (name.to_owned(), 1),
                };
                if at > 0 && at <= 5 && at + len > 5 {
                    said.push(",".to_owned());
                }
                said.push(word);
                at += len;
            }
            let lead = ["", "It's ", "My number is "][(index / 3 % 3) as usize];
            let text = format!("{lead}{}.", said.join(" ").replace(" ,", ","));
            (text, digits.iter().map(|digit| char::from(b'0' + *digit as u8)).collect())
        })
        .collect()
}

/// Says `text` in one of five voices, through A-law.
fn voice(piper: &Piper, index: usize, text: &str) -> Vec<i16> {
    const FLITE: [&str; 4] = ["slt", "rms", "awb", "kal16"];
    let flite = index.checked_rem(5).filter(|voice| *voice > 0).and_then(|voice| flite(FLITE[voice - 1], text));
    let samples = flite.unwrap_or_else(|| synthesize_all(piper, text, &CancelFlag::new()).expect("the voice speaks"));
    EncodedAudio::from_pcm(Codec::Pcma, &samples).to_pcm()
}

/// The samples at 8 kHz; `None` without flite or sox.
fn flite(voice: &str, text: &str) -> Option<Vec<i16>> {
    let file = std::env::temp_dir().join(format!("vca-slots-{}.wav", std::process::id()));
    let path = file.to_str()?;
    let spoken = Command::new("flite").args(["-voice", voice, "-t", text, "-o", path]).status().ok()?;
    let raw = ["-G", "-t", "raw", "-e", "signed", "-b", "16", "-r", "8000", "-c", "1", "-", "gain", "-n", "-6"];
    let output = Command::new("sox").arg(path).args(raw).output().ok().filter(|_| spoken.success());
    // Only a temporary file is at stake.
    let _ = std::fs::remove_file(&file);
    let output = output.filter(|output| output.status.success())?;
    Some(output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}
