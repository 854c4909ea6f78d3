//! Gupshup's Enterprise SMS API (<https://docs.gupshup.io/docs/send-message-to-single-number>) and its real-time reports
//! (<https://docs.gupshup.io/docs/real-time-delivery-reports>), by GET and by POST.

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::at;
use crate::domain::{ReceiptState, Secret};
use crate::notify::http::{Http, exchange, form, read_form};
use crate::notify::sms::provider::{
    Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider, body_form, field, reason, success,
    text,
};
use crate::notify::sms::segments::Encoding;

pub(super) struct Gupshup {
    pub http: Http,
    pub url: Url,
    pub user: String,
    pub password: Secret,
}

/// Errors that no further try changes: a number that is none, a service that is not booked.
const FINAL: [&str; 3] = ["105", "106", "175"];

impl SmsProvider for Gupshup {
    fn name(&self) -> &'static str {
        "gupshup"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            let kind = match sms.rendered.size.encoding {
                Encoding::Gsm7 => "TEXT",
                Encoding::Ucs2 => "Unicode_text",
            };
            let body = form(&[
                ("userid", &self.user),
                ("password", self.password.reveal()),
                ("auth_scheme", "plain"),
                ("v", "1.1"),
                ("method", "SendMessage"),
                ("format", "text"),
                ("send_to", sms.to.digits()),
                ("msg", &sms.rendered.text),
                ("msg_type", kind),
                ("mask", sms.sender.header.as_str()),
                ("principalEntityId", sms.sender.entity_id.as_str()),
                ("dltTemplateId", sms.rendered.template.as_str()),
            ]);
            // In the body, not in the address: proxies log addresses.
            let request = self.http.post(at(&self.url, "/GatewayAPI/rest"));
            let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
            let reply = exchange(request).await?;
            let answer = String::from_utf8_lossy(success(&reply)?).into_owned();
            let status = Some(reply.status);
            let parts: Vec<&str> = answer.split('|').map(str::trim).collect();
            match parts[..] {
                ["success", _number, id, ..] => Ok(Accepted { status, provider_id: Some(id.to_owned()) }),
                ["error", code, ..] => {
                    let why = format!("Gupshup refused it with error {}", reason(code));
                    if FINAL.contains(&code) {
                        Err(SendError::final_refusal(why, status))
                    } else {
                        Err(SendError::for_now(why, status))
                    }
                }
                _ => Err(SendError::for_now("Gupshup's answer cannot be read", status)),
            }
        })
    }

    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        if report.body.is_empty() {
            let fields = read_form(report.query);
            let provider_id = field(&fields, "externalId").ok_or(ReportError)?;
            let state = match field(&fields, "status").ok_or(ReportError)?.to_ascii_uppercase().as_str() {
                "SUCCESS" => ReceiptState::Delivered,
                "FAILURE" => ReceiptState::Undelivered,
                _ => return Ok(Vec::new()),
            };
            let why = field(&fields, "cause").map(|why| reason(&why));
            return Ok(vec![Receipt { provider_id, state, why }]);
        }
        // A list, bare or as the field `response` of a form.
        let events: Vec<Value> = match serde_json::from_slice(report.body) {
            Ok(events) => events,
            Err(_) => {
                let list = field(&body_form(report)?, "response").ok_or(ReportError)?;
                serde_json::from_str(&list).map_err(|_| ReportError)?
            }
        };
        let one = |event: &Value| {
            let state = match text(event, "eventType")?.as_str() {
                "DELIVERED" => ReceiptState::Delivered,
                "FAILED" => ReceiptState::Undelivered,
                _ => return None,
            };
            let why = text(event, "cause").map(|why| reason(&why));
            Some(Receipt { provider_id: text(event, "externalId")?, state, why })
        };
        Ok(events.iter().filter_map(one).collect())
    }
}
