//! SQL, one file per aggregate.
