//! The deterministic receptionist.
