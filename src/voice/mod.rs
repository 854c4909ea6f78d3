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
//!                    │◄ 200 ms ►│ Speculate                    (transcription starts, may be thrown away)
//!                    │◄──────── 500 ms ───────►│ TurnEnded     (or Commit, and TurnEnded when the transcript comes)
//!                    │◄──────────────── 1500 ms ──────────────►│ FillSilence, unless the agent's line has started
//! ```
//!
//! Who owes the next sound is always known: the agent after a turn, a failure, a no-input or an answered call; the caller
//! after the agent's line. Either way a deadline runs, so both sides can never be silent for long without an action.
#![deny(clippy::disallowed_methods)]

mod agent;
mod controller;
mod detector;
mod floor;
mod keypad;
mod types;
mod utterance;

pub use controller::TurnController;
pub use types::{Action, Expectation, Input, LineId, Ms, UtteranceId};
