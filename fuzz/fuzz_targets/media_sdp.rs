#![no_main]
//! Session descriptions from the network: an error or an answer that parses, never a panic.

use libfuzzer_sys::fuzz_target;
use vca::media::{Capabilities, SdpSession, sdp};

fuzz_target!(|data: &[u8]| {
    let caps = Capabilities::default();
    let local = ([192, 0, 2, 1], 16_384).into();
    let mut session = SdpSession::new(1);
    if let Ok(negotiated) = sdp::answer(data, &caps, local, &mut session) {
        sdp::answer(&negotiated.sdp, &caps, local, &mut SdpSession::new(2)).expect("our answer can be answered");
    }
    let _ = sdp::accept_answer(data, &caps, &mut session);
});
