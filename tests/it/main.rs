//! All integration tests in one binary, so that they link once.

mod admission;
mod advice;
mod api_document;
mod arrows;
mod asterisk;
mod barge_in;
mod bridges;
mod carriers;
mod ceilings;
#[expect(dead_code, reason = "the conformance suite in src/speech uses the other faults")]
#[path = "../support/cloud.rs"]
mod cloud;
mod codecs;
mod conversations;
mod corpus;
mod dashboard;
mod database;
mod deploy;
mod desk;
mod ears;
mod failover;
mod far_end;
mod faults;
mod floods;
mod handovers;
mod harness;
mod ipv6;
mod live;
mod messages;
mod models;
mod nodes;
mod onboarding;
mod operation;
mod overload;
mod privacy;
#[path = "../support/redis.rs"]
mod redis;
mod registrar;
mod secure_voice;
mod serve;
#[path = "../support/servers.rs"]
mod servers;
mod signalling;
mod simulate;
mod softphone;
mod srtp;
mod surroundings;
mod test_calls;
mod tls_trunk;
mod traces;
mod transfer;
mod trunks;
mod usage;
