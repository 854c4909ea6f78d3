//! RTP sessions: SDP, codecs, jitter buffer, paced sending, recording.
