//! How long personal data of callers are kept.

use jiff::{SignedDuration, Timestamp};

/// Days after a call that its parts are kept, each apart. `None` leaves it to whoever is asked next: the node's
/// configuration; there, `None` keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    pub recordings_days: Option<u32>,
    /// What was said, and the event log.
    pub transcripts_days: Option<u32>,
    /// Who called, what was taken down and the summary; the bare fact of the call stays.
    pub records_days: Option<u32>,
}

impl Retention {
    /// These days, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            recordings_days: self.recordings_days.or(other.recordings_days),
            transcripts_days: self.transcripts_days.or(other.transcripts_days),
            records_days: self.records_days.or(other.records_days),
        }
    }

    /// What was answered before this time has been kept for so many days; `None` when it is kept for good, as with 0 days.
    pub fn before(days: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        let days = days.filter(|days| *days > 0)?;
        now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_days_go_before_the_general_ones_and_none_means_for_good() {
        let own = Retention { recordings_days: Some(7), ..Retention::default() };
        let general = Retention { recordings_days: Some(90), transcripts_days: Some(180), records_days: None };
        let both = own.or(general);
        assert_eq!((both.recordings_days, both.transcripts_days, both.records_days), (Some(7), Some(180), None));
        let now = Timestamp::from_second(10 * 86_400).unwrap();
        assert_eq!(Retention::before(Some(9), now), Timestamp::from_second(86_400).ok());
        assert_eq!((Retention::before(None, now), Retention::before(Some(0), now)), (None, None));
        assert_eq!(Retention::before(Some(u32::MAX), now), None, "before all time");
    }
}
