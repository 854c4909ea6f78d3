//! All integration tests in one binary, so that they link once.

mod admission;
mod arrows;
mod asterisk;
mod carriers;
mod codecs;
mod conversations;
mod corpus;
mod desk;
mod far_end;
mod handovers;
mod harness;
mod registrar;
mod serve;
mod signalling;
mod softphone;
mod surroundings;
mod transfer;
mod trunks;
