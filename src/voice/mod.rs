//! Turn-taking on a virtual clock: end of turn, barge-in, no-input, keypad, never silent.
//!
//! [`TurnController`] is one call's referee. The driver feeds it what happens ([`Input`]: a classified 20 ms frame of the
//! caller, a transcript, the position of the agent's playout, a digit) together with the media clock, carries out
//! the [`Action`]s it gives back, and wakes it with [`Input::Tick`] at [`TurnController::next_deadline`]. Nothing here does I/O,
//! reads a clock or draws randomness, so that a recorded call replays exactly and every timer is tested in virtual time.
//!
//! The picture of one turn, with the default settings:
//!
//! ```text
//! caller   ──speech──┐                                        ┌── speech_end
//!                    │◄ 200 ms ►│ Speculate                    (transcription starts, the end-of-turn model is asked)
//!                    │◄──────── 500 ms ───────►│ TurnEnded     (or Commit, and TurnEnded when the transcript comes)
//!                    │◄──────────────── 1500 ms ──────────────►│ FillSilence, unless the agent's line has started
//! ```
//!
//! The 500 ms hold while nothing else is known. A turn that sounds finished ends sooner; one that sounds or reads
//! unfinished, or is a dictation, later. Both kinds of evidence may come after the turn was closed: then it is opened
//! again, as long as it was not delivered. Neither is ever waited for.
//!
//! Who owes the next sound is always known: the agent after a turn, a failure, a no-input or an answered call; the caller
//! after the agent's line. Either way a deadline runs, so both sides can never be silent for long without an action.
//!
//! What is said over the agent:
//!
//! ```text
//! caller   ┌─ first sound              ┌─ 300 ms of it                 ┌─ words
//! line     │ Duck (a packet later)     │ PausePlayout                  │ ResumePlayout: "haan", "okay", a cough
//!          │                           │                               │ StopPlayout: anything else, 2 s of voice
//! ```
//!
//! * The level alone ducks the line, even while what is heard is still in the jitter buffer; it is no more than a sign.
//!   Voice over the line must be surer, louder and longer than otherwise to pause it.
//! * What comes back of the agent's own voice is no caller: the levels sent explain the levels heard (`echo`), or the
//!   words are those of the line and never as loud as it (`own_words`).
//! * Words that only show that one listens (`backchannel`, more by profile) let the line go on at the exact sample, and
//!   are no turn; said over the end of a yes-or-no question they are its answer once it is over. Words that want
//!   the floor stop the line also before 300 ms of voice.
//! * Words that fail to come in time, or voice of 2 s, stop the line: the utterance keeps its beginning and is a turn.
//! * Voice that pauses earlier restores the volume; the line has played on. What was said so is a turn only if the
//!   agent ends within 1.5 s of it. Otherwise it is forgotten.
//! * Over a line that may not be interrupted the same holds, but 1 s or more of voice is kept and heard after the line.
//! * An announced line that has not begun waits as well, and is withdrawn when the caller speaks on: the answer
//!   came too early.
//! * Two pauses for what held no words, or a stop, make the line or the next one deaf to voice (not to keys), so
//!   that a television cannot silence the agent for good.
//!
//! The driver keeps the caller's audio for at least `max_utterance_ms` and copies a range when an action names it.
#![deny(clippy::disallowed_methods)]

mod agent;
mod backchannel;
mod controller;
mod detector;
mod echo;
mod floor;
mod keypad;
mod own_words;
mod types;
mod utterance;

pub use controller::TurnController;
pub use types::{Action, Ending, Expectation, Input, LineId, Ms, UtteranceId};

#[cfg(test)]
mod barge_in_tests;
#[cfg(test)]
mod never_silent;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
