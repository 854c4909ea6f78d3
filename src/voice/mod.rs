//! Turn-taking on a virtual clock: end of turn, barge-in, no-input, never silent.
