//! Calls that the demo makes to itself, so that a newcomer finds something to look at.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

use super::demo::DEMO_DID;

/// Who calls, and what for: the arguments of `vca call`.
const CALLERS: [&[&str]; 3] = [
    &[
        "--from",
        "+919812345678",
        "--say",
        "I would like an appointment for a toothache",
        "--say",
        "My name is Rahul Verma",
        "--dtmf",
        "9876543210#",
        "--say",
        "tomorrow evening",
        "--say",
        "yes, that is right",
    ],
    &["--from", "+919900112233", "--say", "What time do you open on Monday?", "--say", "No, thank you. Goodbye."],
    &[
        "--from",
        "+919731002200",
        "--interrupt",
        "excuse me, how much is a root canal",
        "--say",
        "That is all, thank you",
    ],
];
/// Between two looks whether a call is over.
const LOOK: Duration = Duration::from_millis(200);

/// The calls under way; dropping it ends them.
pub(super) struct Examples(Arc<Mutex<Calling>>);

/// The caller of this moment.
enum Calling {
    No,
    Call(Child),
    Stopped,
}

impl Examples {
    /// Has the callers call one after the other, as programs of their own.
    pub fn start(sip: SocketAddr, data: &std::path::Path) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let calling = Arc::new(Mutex::new(Calling::No));
        let (shared, heard) = (Arc::clone(&calling), data.join("caller.wav"));
        thread::Builder::new().name("examples".into()).spawn(move || {
            for steps in CALLERS {
                let mut call = Command::new(&program);
                call.args(["call", "--json", "--limit", "120", "--to", &format!("sip:{DEMO_DID}@{sip}"), "--record"]);
                call.arg(&heard).args(steps).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                if !carried_out(&shared, &mut call) {
                    return;
                }
            }
            // What the caller heard is in the node's own recordings.
            let _ = std::fs::remove_file(heard);
            info!(calls = CALLERS.len(), "the example calls are over");
        })?;
        Ok(Self(calling))
    }
}

/// Whether the call was made to its end.
fn carried_out(shared: &Mutex<Calling>, call: &mut Command) -> bool {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut calling = lock();
        if matches!(*calling, Calling::Stopped) {
            return false;
        }
        match call.spawn() {
            Ok(child) => *calling = Calling::Call(child),
            Err(error) => {
                warn!(%error, "an example call cannot be made");
                return false;
            }
        }
    }
    loop {
        thread::sleep(LOOK);
        let mut calling = lock();
        let Calling::Call(child) = &mut *calling else { return false };
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(_)) => {
                *calling = Calling::No;
                return true;
            }
            Err(error) => {
                warn!(%error, "an example call was lost");
                return false;
            }
        }
    }
}

impl Drop for Examples {
    fn drop(&mut self) {
        let mut calling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Calling::Call(mut child) = std::mem::replace(&mut *calling, Calling::Stopped) {
            // It may be over already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
