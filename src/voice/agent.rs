//! What the agent is saying, as far as the driver has told.

use std::collections::VecDeque;

use super::types::{LineId, Ms};

/// A line that is not reported finished so long after its end is taken to be lost.
const LOST_AFTER_MS: u64 = 1_000;
/// The longest line whose length nobody knows.
const UNKNOWN_LENGTH_MS: u64 = 60_000;
/// A line that has not begun so long after its announcement is forgotten.
const FORGET_MS: u64 = 60_000;
/// Between two lines of one answer the agent still has the floor, for so long.
const BETWEEN_LINES_MS: u64 = 500;
/// So long the driver may take to say what was heard of lines that are being stopped.
const STOPPING_MS: u64 = 100;
/// More lines than this are not announced at once.
const MAX_LINES: usize = 16;

/// A line that is announced or plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub id: LineId,
    pub interruptible: bool,
    pub filler: bool,
    announced: Ms,
}

/// The agent's side of the call.
#[derive(Debug, Default)]
pub(super) struct Agent {
    lines: VecDeque<Line>,
    sounding: Option<Sounding>,
    last_sound: Ms,
    /// Since when everything waits.
    paused: Option<Ms>,
    /// When we stopped everything last.
    stopped_at: Ms,
    /// Lines that we had stopped and whose `PlayoutStopped` has not come yet.
    stopped: Vec<LineId>,
}

#[derive(Debug, Clone, Copy)]
struct Sounding {
    line: LineId,
    lost_at: Ms,
}

impl Agent {
    pub fn announce(&mut self, id: LineId, interruptible: bool, filler: bool, now: Ms) {
        let sounding = self.sounding.map(|s| s.line);
        self.lines.retain(|l| l.id != id && (Some(l.id) == sounding || now.since(l.announced) < FORGET_MS));
        if self.lines.len() < MAX_LINES {
            self.lines.push_back(Line { id, interruptible, filler, announced: now });
        }
    }

    /// A line began (or goes on after a stall). One that was never announced counts as an interruptible one.
    pub fn started(&mut self, id: LineId, remaining_ms: Option<u32>, now: Ms) -> Line {
        if let Some(previous) = self.sounding.filter(|s| s.line != id) {
            self.remove(previous.line);
        }
        let length_ms = remaining_ms.map_or(UNKNOWN_LENGTH_MS, u64::from);
        self.sounding = Some(Sounding { line: id, lost_at: now + length_ms + LOST_AFTER_MS });
        self.last_sound = now;
        // It has not waited before.
        self.paused = self.paused.map(|_| now);
        if let Some(line) = self.line(id) {
            return line;
        }
        let line = Line { id, interruptible: true, filler: false, announced: now };
        self.lines.push_back(line);
        line
    }

    /// The line ran dry; says whether it was the one that sounded.
    pub fn stalled(&mut self, id: LineId, now: Ms) -> bool {
        self.silence(id, now)
    }

    /// A line is over, played or not; `None` when it was not known (any more). The flag says whether it sounded.
    pub fn over(&mut self, id: LineId, now: Ms) -> Option<(Line, bool)> {
        let line = self.line(id)?;
        self.remove(id);
        Some((line, self.silence(id, now)))
    }

    /// A hold of `held_ms` is over: what was announced or played before it goes on as if it had not been.
    pub fn taken_back(&mut self, held_ms: u64, now: Ms) {
        self.lines.iter_mut().for_each(|line| line.announced = now);
        self.sounding = self.sounding.map(|sounding| Sounding { lost_at: sounding.lost_at + held_ms, ..sounding });
        self.last_sound = now;
    }

    /// What is announced or plays waits from now on.
    pub fn pause(&mut self, now: Ms) {
        if self.sounding.is_some() {
            self.last_sound = now;
        }
        self.paused.get_or_insert(now);
    }

    /// It goes on as if it had not waited.
    pub fn resume(&mut self, now: Ms) {
        let Some(since) = self.paused.take() else { return };
        if let Some(sounding) = &mut self.sounding {
            sounding.lost_at = sounding.lost_at + now.since(since);
            self.last_sound = now;
        }
    }

    /// Everything is being stopped by us.
    pub fn stop_all(&mut self, now: Ms) {
        if let Some(sounding) = self.sounding {
            self.silence(sounding.line, now);
        }
        self.paused = None;
        self.stopped_at = now;
        self.stopped.clear();
        self.stopped.extend(self.lines.drain(..).map(|l| l.id));
    }

    /// Whether the line was stopped by us; asked once.
    pub fn take_stopped(&mut self, id: LineId) -> bool {
        let found = self.stopped.iter().position(|l| *l == id);
        found.map(|i| self.stopped.swap_remove(i)).is_some()
    }

    /// When the lines that are being stopped are no longer waited for; `None` when none is.
    pub fn stopping_until(&self) -> Option<Ms> {
        (!self.stopped.is_empty()).then(|| self.stopped_at + STOPPING_MS)
    }

    /// The line that sounds and should have been reported finished by now.
    pub fn lost(&self, now: Ms) -> Option<LineId> {
        self.sounding.filter(|s| self.paused.is_none() && now >= s.lost_at).map(|s| s.line)
    }

    pub fn lost_deadline(&self) -> Option<Ms> {
        self.sounding.filter(|_| self.paused.is_none()).map(|s| s.lost_at)
    }

    pub fn is_sounding(&self) -> bool {
        self.sounding.is_some() && self.paused.is_none()
    }

    pub fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether all of what is announced or plays may be interrupted.
    pub fn interruptible(&self) -> bool {
        self.lines.iter().all(|l| l.interruptible)
    }

    /// Whether the agent is in the middle of what it has to say.
    pub fn has_floor(&self, now: Ms) -> bool {
        self.is_sounding() || self.floor_deadline().is_some_and(|at| now < at)
    }

    /// When a pause between two lines has lasted so long that the agent no longer has the floor.
    pub fn floor_deadline(&self) -> Option<Ms> {
        (self.has_lines() && !self.is_sounding()).then(|| self.last_sound + BETWEEN_LINES_MS)
    }

    /// Since when the agent is silent: `now` while it sounds, the answer when it has never spoken.
    pub fn silent_since(&self, now: Ms) -> Ms {
        if self.is_sounding() { now } else { self.last_sound }
    }

    fn silence(&mut self, id: LineId, now: Ms) -> bool {
        let sounded = self.sounding.is_some_and(|s| s.line == id);
        if sounded {
            if self.is_sounding() {
                self.last_sound = now;
            }
            self.sounding = None;
        }
        sounded
    }

    fn line(&self, id: LineId) -> Option<Line> {
        self.lines.iter().copied().find(|l| l.id == id)
    }

    fn remove(&mut self, id: LineId) {
        self.lines.retain(|l| l.id != id);
    }
}
