//! Any datagram is read, judged and answered without a panic, and what is accepted prints stably.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vca::sip::message::{Message, Verdict, judge};

fuzz_target!(|bytes: &[u8]| {
    let parsed = Message::parse(bytes);
    if let Ok(message) = &parsed {
        let headers = message.headers();
        let _ = (headers.top_via(), headers.from(), headers.to(), headers.contacts(), headers.cseq());
        let _ = (headers.routes(), headers.record_routes(), headers.content_type(), headers.retry_after());
        let printed = message.to_bytes();
        // Printing writes compact names out, so a message near the limit may outgrow it.
        if let Ok(again) = Message::parse(&printed) {
            assert_eq!(again.to_bytes(), printed);
        } else {
            assert!(printed.len() > vca::sip::message::MAX_MESSAGE_BYTES);
        }
    }
    if let Verdict::Reject(response) = judge(parsed) {
        let printed = response.to_bytes();
        assert!(printed.len() > vca::sip::message::MAX_MESSAGE_BYTES || Message::parse(&printed).is_ok());
    }
});
