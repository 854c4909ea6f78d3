//! Speech engines behind traits, the worker pool and the prompt cache.

pub mod models;
