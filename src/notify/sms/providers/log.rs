//! The default: nothing is sent, and the log says what would have been.

use tracing::info;

use crate::notify::sms::provider::{Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider};

pub(super) struct Log;

impl SmsProvider for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            // The text and the number are personal data: `GET /v1/messages` shows them to whoever may see them.
            info!(
                message = %sms.key,
                to = ?sms.to,
                template = %sms.rendered.template,
                segments = sms.rendered.size.segments,
                "a text message would be sent: sms.provider is \"log\""
            );
            Ok(Accepted::default())
        })
    }

    fn receipts(&self, _report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        Err(ReportError)
    }
}
