//! Messages out of a byte stream (RFC 3261 §18.3, keep-alives of RFC 5626 §3.5.1).

use super::parse::framed_length;
use super::{MAX_MESSAGE_BYTES, Message, ParseError};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// Cuts a TCP or TLS stream into messages; holds at most [`MAX_MESSAGE_BYTES`] and the last chunk.
///
/// Push a chunk, then call [`StreamDecoder::next_item`] until it gives `None`.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
    /// Everything before this offset has been given out.
    start: usize,
    /// No end of the header part begins before this offset, so that slow senders do not cost quadratic time.
    scanned: usize,
    broken: Option<StreamError>,
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    /// A whole message.
    Message(Message),
    /// A malformed message whose end is known; answer it when it can be answered, the stream goes on unless the
    /// next call says otherwise.
    Malformed(ParseError),
    /// A double CRLF between messages: answer with one CRLF (RFC 5626 §4.4.1).
    Ping,
}

/// Why a stream cannot be read on; close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A message above [`MAX_MESSAGE_BYTES`].
    #[error("a message above 64 kB on a stream")]
    TooLarge,
    /// Content-Length could not be read, so where the next message begins is unknown.
    #[error("a message without a readable Content-Length on a stream")]
    Framing,
}

impl StreamDecoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes received bytes.
    ///
    /// # Errors
    /// [`StreamError`] when the stream was already given up; the bytes are dropped.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next message or keep-alive; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`StreamError`] when the stream cannot be read on; every later call gives the same error.
    pub fn next_item(&mut self) -> Result<Option<StreamItem>, StreamError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.skip_empty_lines() {
            return Ok(Some(StreamItem::Ping));
        }
        let pending = &self.buffer[self.start..];
        let scanned = self.scanned - self.start;
        let Some(found) = pending[scanned..].windows(HEAD_END.len()).position(|w| w == HEAD_END) else {
            if pending.len() > MAX_MESSAGE_BYTES {
                return Err(self.give_up(StreamError::TooLarge));
            }
            self.scanned = self.start + pending.len().saturating_sub(HEAD_END.len() - 1);
            return Ok(None);
        };
        let head = scanned + found + HEAD_END.len();
        let Ok(body) = framed_length(&pending[..head]) else {
            // One more answer can be given before the connection closes.
            let parsed = Message::parse(&pending[..head.min(MAX_MESSAGE_BYTES)]);
            let error = self.give_up(StreamError::Framing);
            return parsed.map_or_else(|e| Ok(Some(StreamItem::Malformed(e))), |_| Err(error));
        };
        if head + body > MAX_MESSAGE_BYTES {
            return Err(self.give_up(StreamError::TooLarge));
        }
        self.scanned = self.start + head - HEAD_END.len();
        let Some(message) = pending.get(..head + body) else { return Ok(None) };
        // Without a Content-Length the body is empty here, whatever follows.
        let item = match Message::parse(message) {
            Ok(message) => StreamItem::Message(message),
            Err(error) => StreamItem::Malformed(error),
        };
        self.start += head + body;
        self.scanned = self.start;
        Ok(Some(item))
    }

    /// Bytes that wait for the rest of their message; an empty line alone waits for nothing.
    pub fn buffered(&self) -> usize {
        let pending = &self.buffer[self.start..];
        if pending.iter().all(|byte| matches!(byte, b'\r' | b'\n')) { 0 } else { pending.len() }
    }

    /// Passes CRLFs between messages; true when it was a ping.
    fn skip_empty_lines(&mut self) -> bool {
        loop {
            let pending = &self.buffer[self.start..];
            let (step, ping) = match pending {
                _ if pending.starts_with(HEAD_END) => (4, true),
                // `\r\n\r` may become a ping with the next byte.
                [b'\r', b'\n', b'\r'] => return false,
                [b'\r', b'\n', _, ..] => (2, false),
                _ => return false,
            };
            self.start += step;
            self.scanned = self.scanned.max(self.start);
            if ping {
                return true;
            }
        }
    }

    fn give_up(&mut self, error: StreamError) -> StreamError {
        self.broken = Some(error);
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
        error
    }
}
