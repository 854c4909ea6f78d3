//! Places at which a test kills the process, to see what is left.

/// Names the place at which the process kills itself (SIGKILL). Looked at in debug builds only.
pub const VARIABLE: &str = "VCA_TEST_KILL_AT";

/// Ends the process as `kill -9` does when the variable names this place; nothing in a release build.
#[inline]
pub fn at(place: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os(VARIABLE).is_some_and(|named| named == place) {
        // SAFETY: both calls take plain numbers; the signal cannot be caught, so that nothing is tidied up.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
        // The signal may arrive a moment later.
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
