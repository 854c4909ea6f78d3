//! Who takes text messages over: one trait, several providers.

use std::pin::Pin;

use jiff::SignedDuration;
use serde_json::Value;

use super::template::Rendered;
use crate::domain::{E164, MessageId, ReceiptState, SmsSender};
use crate::notify::http::{NoReply, Reply, read_form};

/// A future behind a trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One text message, ready to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    /// The same on every attempt.
    pub key: MessageId,
    pub to: E164,
    pub sender: SmsSender,
    pub rendered: Rendered,
}

/// The provider has taken a message over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    pub status: Option<u16>,
    /// By which its reports name the message.
    pub provider_id: Option<String>,
}

/// The provider has not taken it over. The reason has neither secrets nor numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SendError {
    pub why: String,
    /// Of HTTP, when there was an answer.
    pub status: Option<u16>,
    /// Whether trying again is of use.
    pub again: bool,
    /// The earliest time for that, as the provider wishes.
    pub retry_after: Option<SignedDuration>,
}

/// A request in which a provider reports on messages.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Without the question mark.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub provider_id: String,
    pub state: ReceiptState,
    pub why: Option<String>,
}

/// The report is not what this provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report cannot be read")]
pub struct ReportError;

/// A provider.
pub trait SmsProvider: Send + Sync {
    /// Its name in the configuration, in stored messages and in logs.
    fn name(&self) -> &'static str;

    /// Hands a message over, within the time limit of the HTTP client.
    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>>;

    /// Reads a report. States on the way are left out.
    ///
    /// # Errors
    /// [`ReportError`] when it has another form.
    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError>;
}

impl SendError {
    /// A refusal that no further try changes.
    pub fn final_refusal(why: impl Into<String>, status: Option<u16>) -> Self {
        Self { why: why.into(), status, again: false, retry_after: None }
    }

    /// A refusal that may be another one next time.
    pub fn for_now(why: impl Into<String>, status: Option<u16>) -> Self {
        Self { why: why.into(), status, again: true, retry_after: None }
    }

    /// What a status that is no success means: 4xx is our fault and stays so, but for a wrong key, which somebody may
    /// mend, and for haste.
    pub fn by_status(reply: &Reply) -> Self {
        let again = !(400..500).contains(&reply.status) || matches!(reply.status, 401 | 402 | 403 | 408 | 425 | 429);
        let why = format!("it answered {}", reply.status);
        Self { why, status: Some(reply.status), again, retry_after: reply.retry_after }
    }
}

impl From<NoReply> for SendError {
    fn from(error: NoReply) -> Self {
        Self::for_now(error.to_string(), None)
    }
}

/// The answer's body, when the status is a success.
pub(super) fn success(reply: &Reply) -> Result<&[u8], SendError> {
    if (200..300).contains(&reply.status) { Ok(&reply.body) } else { Err(SendError::by_status(reply)) }
}

/// A field of JSON as text, whether it is written as text or as a number.
pub(super) fn text(value: &Value, field: &str) -> Option<String> {
    match &value[field] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A field of a form.
pub(super) fn field(form: &[(String, String)], name: &str) -> Option<String> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// The body as a form.
pub(super) fn body_form(report: &Report<'_>) -> Result<Vec<(String, String)>, ReportError> {
    std::str::from_utf8(report.body).map(read_form).map_err(|_| ReportError)
}

/// A provider's word for what went wrong, kept short and without digits that could be a number.
pub(super) fn reason(text: &str) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let kept: String = text.chars().map(plain).take(80).collect();
    if digits >= 8 { kept.chars().filter(|c| !c.is_ascii_digit()).collect() } else { kept }
}
