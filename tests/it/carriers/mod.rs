//! Conformance suites, one for every file of `sip-profiles/`: a simulation of the carrier, and a whole server behind its
//! trunk.
//!
//! ```text
//!   test ─► Sim (text over UDP or TCP, RTP) ◄══ loopback ══► Node (the server, with a voice of tones) ─► database
//! ```
//!
//! A [`Carrier`](description::Carrier) says in words of the wire how the carrier behaves, what it demands, and how an
//! operator's trunk is written down. [`suite`] takes every carrier through the same steps; what differs is in the
//! description. The simulation refuses what the real one is known to refuse, and shares no code with the product. It is
//! made from public documents: no live line has been behind it.

mod call;
mod description;
mod digest;
mod india;
mod node;
mod others;
mod rtp;
mod sim;
mod suite;
mod text;
mod tls;
mod wire;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use description::Carrier;

/// The longest wait for anything.
const LIMIT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "s3cret, \\with\\ all";

/// What the receptionist, the caller and the person sound like.
const VOICE_HZ: u32 = 440;
const CALLER_HZ: u32 = 700;
const PERSON_HZ: u32 = 1_000;

macro_rules! suites {
    ($($test:ident: $carrier:path,)*) => {
        const CARRIERS: &[&Carrier] = &[$(&$carrier),*];
        $(
            #[test]
            fn $test() {
                suite::run(&$carrier);
            }
        )*
    };
}

suites! {
    airtel_ims: india::AIRTEL_IMS,
    airtel_public: india::AIRTEL_PUBLIC,
    tata_private: india::TATA_PRIVATE,
    tata_private_without_registration: india::TATA_PRIVATE_PEER,
    tata_cloud: india::TATA_CLOUD,
    jio: india::JIO,
    jio_that_shows_unregistered: india::JIO_UNREGISTERED,
    vi: india::VI,
    bsnl_ngn: india::BSNL_NGN,
    bsnl_wings: india::BSNL_WINGS,
    exotel: india::EXOTEL,
    exotel_with_a_digest: india::EXOTEL_DIGEST,
    exotel_over_tls: india::EXOTEL_TLS,
    plivo: india::PLIVO,
    plivo_by_refer: india::PLIVO_REFER,
    vobiz: india::VOBIZ,
    twilio: others::TWILIO,
    telnyx: others::TELNYX,
    generic_register: others::GENERIC_REGISTER,
    generic_peer: others::GENERIC_PEER,
    asterisk: others::ASTERISK,
}

#[test]
fn every_profile_has_a_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-profiles");
    let files = std::fs::read_dir(folder).expect("the folder of profiles");
    let names =
        files.map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned());
    let tested: BTreeSet<String> = CARRIERS.iter().map(|carrier| carrier.profile.to_owned()).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), tested);
}
