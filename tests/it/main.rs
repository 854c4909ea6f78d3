//! All integration tests in one binary, so that they link once.

mod admission;
mod arrows;
mod conversations;
mod corpus;
mod floods;
mod harness;
mod ipv6;
mod registrar;
mod signalling;
mod surroundings;
mod tls_trunk;
mod transfer;
mod trunks;
