#![no_main]
//! RTCP compound packets: an error or items, never a panic.

use libfuzzer_sys::fuzz_target;
use vca::media::rtcp;

fuzz_target!(|data: &[u8]| {
    let _ = rtcp::parse(data, |item| {
        if let rtcp::Item::Block { block, .. } = item {
            let _ = rtcp::round_trip_us(&block, 0);
        }
    });
});
