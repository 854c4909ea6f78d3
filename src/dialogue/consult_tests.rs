use super::super::{Expectation, demo_profile, replay};
use super::*;
use crate::domain::{AgentProfile, CallOutcome, SpeechChoice, TransferKind, TransferTarget, Transfers};
