//! Phonemes from espeak-ng, kept a separate process because of its licence.
//!
//! One process phonemises one text and ends. The next one is started beforehand and waits for its input, which takes
//! its start-up (about 15 ms) off the caller's time. A process that hangs is killed, one that died is replaced.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::text::Clause;
use crate::speech::engine::{CancelFlag, TtsError};

/// A text's phonemes take about a millisecond; what takes this long is stuck.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How often a waiting thread looks at the cancel flag.
const POLL: Duration = Duration::from_millis(20);

/// The phonemiser of one espeak-ng voice.
#[derive(Debug)]
pub struct Espeak {
    program: String,
    voice: String,
    spare: Mutex<Option<Process>>,
}

impl Espeak {
    /// Starts a process for `voice` (an espeak-ng name such as `en-us`), so that a missing program is found at once.
    pub fn start(voice: &str) -> Result<Self, TtsError> {
        Self::with_program("espeak-ng", voice)
    }

    fn with_program(program: &str, voice: &str) -> Result<Self, TtsError> {
        let spare = Process::start(program, voice).map_err(TtsError::Phonemes)?;
        Ok(Self { program: program.to_owned(), voice: voice.to_owned(), spare: Mutex::new(Some(spare)) })
    }

    /// The phonemes of each clause, in order, in the International Phonetic Alphabet.
    pub fn phonemes(&self, clauses: &[Clause], cancel: &CancelFlag) -> Result<Vec<String>, TtsError> {
        let text: String = clauses.iter().map(|clause| format!("{}\n", clause.words)).collect();
        let lines = self.run(&text, cancel)?;
        if lines.len() == clauses.len() {
            return Ok(lines);
        }
        // espeak-ng broke a clause in two or found nothing to say in one: ask for each alone.
        clauses.iter().map(|clause| Ok(self.run(&format!("{}\n", clause.words), cancel)?.join(" "))).collect()
    }

    fn run(&self, text: &str, cancel: &CancelFlag) -> Result<Vec<String>, TtsError> {
        let spare = self.spare().take();
        let fresh = || Process::start(&self.program, &self.voice).map_err(TtsError::Phonemes);
        let outcome = match spare.map(|process| process.phonemise(text, cancel)) {
            Some(Err(TtsError::Phonemes(_))) | None => fresh()?.phonemise(text, cancel),
            Some(outcome) => outcome,
        };
        // Without a spare the next text only waits a little longer, and says what is wrong then.
        *self.spare() = fresh().ok();
        Ok(outcome?.lines().map(clean).filter(|line| !line.is_empty()).collect())
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the marks of a change of language, `(en)`.
fn clean(line: &str) -> String {
    let mut inside = false;
    let kept = line.trim().chars().filter(|&letter| {
        inside = letter == '(' || inside && letter != ')';
        !inside && letter != ')'
    });
    kept.collect()
}

#[derive(Debug)]
struct Process(Child);

impl Process {
    fn start(program: &str, voice: &str) -> io::Result<Self> {
        Command::new(program)
            // -b 1: the input is UTF-8. Without a text it speaks its standard input line by line.
            .args(["-v", voice, "-q", "--ipa", "-b", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    fn phonemise(mut self, text: &str, cancel: &CancelFlag) -> Result<String, TtsError> {
        let deadline = Instant::now() + TIME_LIMIT;
        // Closing its input ends it. A text is far smaller than a pipe's buffer, so this does not block.
        let gone = || TtsError::Phonemes(io::ErrorKind::BrokenPipe.into());
        let mut input = self.0.stdin.take().ok_or_else(gone)?;
        input.write_all(text.as_bytes()).map_err(TtsError::Phonemes)?;
        drop(input);
        let mut output = self.0.stdout.take().ok_or_else(gone)?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if cancel.is_cancelled() {
                return Err(TtsError::Cancelled);
            }
            if Instant::now() >= deadline {
                let stuck = io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {TIME_LIMIT:?}"));
                return Err(TtsError::Phonemes(stuck));
            }
            if !readable(&output, POLL) {
                continue;
            }
            match output.read(&mut buffer).map_err(TtsError::Phonemes)? {
                0 => break,
                length => bytes.extend_from_slice(&buffer[..length]),
            }
        }
        let status = self.0.wait().map_err(TtsError::Phonemes)?;
        if !status.success() {
            return Err(TtsError::Phonemes(io::Error::other(format!("it ended with {status}"))));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn readable(output: &impl AsRawFd, within: Duration) -> bool {
    let mut poll = libc::pollfd { fd: output.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let millis = within.as_millis() as libc::c_int;
    // SAFETY: one valid pollfd, whose descriptor lives as long as the borrow.
    unsafe { libc::poll(&raw mut poll, 1, millis) > 0 }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is already gone and reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::tts::text::sentences;

    fn clauses(text: &str) -> Vec<Clause> {
        sentences(text).into_iter().flatten().collect()
    }

    #[test]
    fn every_clause_gets_its_phonemes_in_order() {
        let espeak = Espeak::start("en-us").unwrap();
        for _ in 0..3 {
            let phonemes = espeak.phonemes(&clauses("Hello, Dr. Rao. Thank you!"), &CancelFlag::new()).unwrap();
            assert_eq!(phonemes, ["həlˈoʊ", "dˈɑːktɚ ɹˈaʊ", "θˈæŋk juː"]);
        }
    }

    #[test]
    fn a_missing_program_says_what_to_install() {
        let error = Espeak::with_program("espeak-ng-that-is-not-there", "en-us").unwrap_err();
        assert!(error.to_string().contains("apt install espeak-ng"), "{error}");
    }

    #[test]
    fn a_dead_spare_is_replaced() {
        let espeak = Espeak::start("en-us").unwrap();
        if let Some(process) = espeak.spare().as_mut() {
            process.0.kill().unwrap();
            process.0.wait().unwrap();
        }
        let phonemes = espeak.phonemes(&clauses("Hello"), &CancelFlag::new()).unwrap();
        assert_eq!(phonemes, ["həlˈoʊ"]);
    }

    #[test]
    fn a_stuck_process_is_left_at_once_when_cancelled() {
        // `sleep`-like: a program that reads nothing and says nothing, with any arguments.
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("stuck");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let espeak = Espeak::with_program(program.to_str().unwrap(), "en-us").unwrap();
        let cancel = CancelFlag::new();
        cancel.cancel();
        let outcome = espeak.phonemes(&clauses("Hello"), &cancel);
        assert!(matches!(outcome, Err(TtsError::Cancelled)), "{outcome:?}");
    }

    #[test]
    fn language_marks_are_removed() {
        assert_eq!(clean("ænd (hi)nəmˈʌsteː(en-us) nˈæmæst\n"), "ænd nəmˈʌsteː nˈæmæst");
    }
}
