//! One call from admission to record.
