//! A stream is cut into the same messages whatever its segments, within its memory bound. The first byte is the
//! segment size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vca::sip::message::{MAX_MESSAGE_BYTES, StreamDecoder, StreamError, StreamItem};

fn run(bytes: &[u8], size: usize) -> Vec<Result<StreamItem, StreamError>> {
    let mut decoder = StreamDecoder::new();
    let mut items = Vec::new();
    for chunk in bytes.chunks(size) {
        if decoder.push(chunk).is_err() {
            break;
        }
        assert!(decoder.buffered() <= MAX_MESSAGE_BYTES + chunk.len());
        while let Some(item) = decoder.next_item().transpose() {
            let broken = item.is_err();
            items.push(item);
            if broken {
                break;
            }
        }
    }
    items
}

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    // Above the limit the number of bytes at hand decides when the stream is given up.
    if bytes.len() <= MAX_MESSAGE_BYTES {
        assert_eq!(run(bytes, usize::from(*size).max(1)), run(bytes, bytes.len().max(1)));
    } else {
        run(bytes, usize::from(*size).max(1));
    }
});
