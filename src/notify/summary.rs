//! A call in a line that fits an SMS: made of the record alone, the same record giving the same words.

use jiff::Timestamp;

use super::sms::quiet::ist;
use crate::domain::{CallOutcome, CallRecord, CallSlots, CallStatus, E164, EndCause, SmsValue, TransferResult};

/// What can be said about a call, value by value.
pub struct Facts<'a> {
    pub call: &'a CallRecord,
    /// The tenant's name.
    pub business: &'a str,
    /// Where calls are shown, without a slash at its end; `None` when there is no dashboard.
    pub dashboard: Option<&'a str>,
}

impl Facts<'_> {
    /// The value for a placeholder; empty when there is none.
    pub fn value(&self, value: SmsValue) -> String {
        let call = self.call;
        match value {
            SmsValue::Kind => kind(call).to_owned(),
            SmsValue::Summary => short(call),
            SmsValue::Name => call.slots.name.clone().or_else(|| number(call)).unwrap_or_else(|| HIDDEN.to_owned()),
            SmsValue::Number => number(call).unwrap_or_default(),
            SmsValue::Reason => call.slots.reason.clone().unwrap_or_default(),
            SmsValue::Time => call.slots.preferred_time.clone().unwrap_or_default(),
            SmsValue::Duration => duration(call),
            SmsValue::CalledAt => clock(call.answered_at),
            SmsValue::Business => self.business.to_owned(),
            SmsValue::Link => self.dashboard.map_or_else(String::new, |at| format!("{at}/c/{}", call.id.code())),
            SmsValue::LinkCode => call.id.code(),
        }
    }
}

const HIDDEN: &str = "a hidden number";

/// "Appointment: Ravi Kumar 98765 43210, toothache, tomorrow evening", "Missed call from 98765 43210, 14 s".
pub fn short(call: &CallRecord) -> String {
    let who = match (&call.slots.name, number(call)) {
        (Some(name), Some(number)) => format!("{name} {number}"),
        (Some(name), None) => name.clone(),
        (None, Some(number)) => number,
        (None, None) => HIDDEN.to_owned(),
    };
    let kind = kind(call);
    if !took_something(call) {
        let talked = call.transfers.iter().find(|attempt| attempt.result == TransferResult::Bridged);
        return match (call.outcome, talked) {
            (Some(CallOutcome::Transferred), Some(attempt)) => {
                format!("{kind} from {who}, talked to {}", attempt.target)
            }
            _ => format!("{kind} from {who}, {}", duration(call)),
        };
    }
    let details = [&call.slots.reason, &call.slots.preferred_time];
    let details: Vec<&str> = details.into_iter().flatten().map(|said| said.trim_end_matches('.')).collect();
    let cut_off = if failed(call) { " (cut off)" } else { "" };
    let details = if details.is_empty() { String::new() } else { format!(", {}", details.join(", ")) };
    format!("{kind}: {who}{details}{cut_off}")
}

/// What the call came to.
fn kind(call: &CallRecord) -> &'static str {
    match call.outcome {
        Some(CallOutcome::Appointment) => "Appointment",
        Some(CallOutcome::Urgent) => "Urgent message",
        Some(CallOutcome::Message) => "Message",
        Some(CallOutcome::Transferred | CallOutcome::Answered) => "Call",
        Some(CallOutcome::WrongNumber) => "Wrong number",
        Some(CallOutcome::Nothing) | None if failed(call) => "Failed call",
        Some(CallOutcome::Nothing) | None => "Missed call",
    }
}

/// Whether there is a request that somebody has to see to.
fn took_something(call: &CallRecord) -> bool {
    matches!(call.outcome, Some(CallOutcome::Appointment | CallOutcome::Urgent | CallOutcome::Message))
        || call.slots != CallSlots::default()
}

/// Whether the call ended by our or the network's fault.
fn failed(call: &CallRecord) -> bool {
    let cause = matches!(
        call.end_cause,
        Some(EndCause::DeadMedia | EndCause::Crash | EndCause::Signalling | EndCause::Breakdown)
    );
    cause || call.status == CallStatus::Abandoned
}

/// The number to call back, in groups.
fn number(call: &CallRecord) -> Option<String> {
    call.slots.number.as_ref().or(call.caller.as_ref()).map(written)
}

/// "98765 43210" for an Indian number of ten digits, else as it is.
fn written(number: &E164) -> String {
    match number.indian_national() {
        Some(national) if national.len() == 10 => format!("{} {}", &national[..5], &national[5..]),
        _ => number.to_string(),
    }
}

/// "14 s", "2 min 5 s", "3 min".
fn duration(call: &CallRecord) -> String {
    let ended = call.ended_at.unwrap_or(call.answered_at);
    let seconds = ended.duration_since(call.answered_at).as_secs().max(0);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// "26 Nov 4:05 pm", by Indian time.
fn clock(at: Timestamp) -> String {
    at.to_zoned(ist()).strftime("%-d %b %-I:%M %P").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TenantId, TenantScope};
    use crate::store::tests::{at, record};

    fn call(outcome: CallOutcome) -> CallRecord {
        let scope = TenantScope::proven(TenantId::from_uuid(uuid::Uuid::from_u128(1)));
        CallRecord {
            status: CallStatus::Completed,
            ended_at: Some(at(14)),
            end_cause: Some(EndCause::CallerHungUp),
            outcome: Some(outcome),
            ..record(scope, 0)
        }
    }

    fn asked(outcome: CallOutcome) -> CallRecord {
        let slots = CallSlots {
            name: Some("Ravi Kumar".to_owned()),
            reason: Some("toothache.".to_owned()),
            preferred_time: Some("tomorrow evening".to_owned()),
            ..CallSlots::default()
        };
        CallRecord { slots, ..call(outcome) }
    }

    #[test]
    fn every_end_of_a_call_has_its_line() {
        let mut hidden = call(CallOutcome::Nothing);
        hidden.caller = None;
        let mut crashed = call(CallOutcome::Nothing);
        (crashed.status, crashed.end_cause) = (CallStatus::Abandoned, Some(EndCause::Crash));
        let mut cut = asked(CallOutcome::Message);
        cut.end_cause = Some(EndCause::DeadMedia);
        for (call, line) in [
            (call(CallOutcome::Nothing), "Missed call from 98765 43210, 14 s"),
            (hidden, "Missed call from a hidden number, 14 s"),
            (crashed, "Failed call from 98765 43210, 14 s"),
            (call(CallOutcome::Answered), "Call from 98765 43210, 14 s"),
            (call(CallOutcome::WrongNumber), "Wrong number from 98765 43210, 14 s"),
            (asked(CallOutcome::Appointment), "Appointment: Ravi Kumar 98765 43210, toothache, tomorrow evening"),
            (asked(CallOutcome::Urgent), "Urgent message: Ravi Kumar 98765 43210, toothache, tomorrow evening"),
            (cut, "Message: Ravi Kumar 98765 43210, toothache, tomorrow evening (cut off)"),
        ] {
            assert_eq!(short(&call), line);
        }
    }

    #[test]
    fn values_are_said_as_people_write_them() {
        let call = CallRecord { ended_at: Some(at(125)), ..asked(CallOutcome::Message) };
        let facts = Facts { call: &call, business: "Sharma Dental", dashboard: Some("https://vca.in") };
        let said = |value| facts.value(value);
        assert_eq!(said(SmsValue::Duration), "2 min 5 s");
        assert_eq!(said(SmsValue::CalledAt), "9 Oct 2:23 pm");
        assert_eq!(said(SmsValue::Link), format!("https://vca.in/c/{}", call.id.code()));
        assert!(said(SmsValue::Link).len() <= 40);
        assert_eq!(said(SmsValue::Business), "Sharma Dental");
        assert_eq!(Facts { dashboard: None, ..facts }.value(SmsValue::Link), "");
    }
}
