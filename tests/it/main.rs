//! All integration tests in one binary, so that they link once.

mod admission;
mod arrows;
mod codecs;
mod conversations;
mod corpus;
mod harness;
mod registrar;
mod signalling;
mod surroundings;
mod transfer;
mod trunks;
