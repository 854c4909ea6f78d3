//! All integration tests in one binary, so that they link once.

mod admission;
mod arrows;
mod asterisk;
mod bridges;
mod carriers;
mod codecs;
mod conversations;
mod corpus;
mod desk;
mod far_end;
mod faults;
mod floods;
mod handovers;
mod harness;
mod ipv6;
mod overload;
mod registrar;
mod secure_voice;
mod serve;
mod signalling;
mod softphone;
mod srtp;
mod surroundings;
mod tls_trunk;
mod transfer;
mod trunks;
