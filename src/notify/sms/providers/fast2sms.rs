//! Fast2SMS's DLT routes (<https://docs.fast2sms.com>): `dlt` names a text that Fast2SMS keeps, `dlt_manual` brings the
//! text with its identifiers.

use reqwest::Url;
use serde_json::{Value, json};

use super::at;
use crate::domain::{ReceiptState, Secret};
use crate::notify::http::{Http, exchange};
use crate::notify::sms::provider::{
    Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider, reason, success, text,
};

pub(super) struct Fast2Sms {
    pub http: Http,
    pub url: Url,
    pub key: Secret,
}

impl SmsProvider for Fast2Sms {
    fn name(&self) -> &'static str {
        "fast2sms"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            // Ten digits: this provider serves India only.
            let Some(number) = sms.to.indian_national() else {
                return Err(SendError::final_refusal("Fast2SMS sends to Indian numbers only", None));
            };
            let sender = sms.sender.header.as_str();
            let body = match &sms.rendered.provider_template {
                Some(kept) => {
                    // The bar separates the values.
                    let values: Vec<String> =
                        sms.rendered.variables.iter().map(|value| value.replace('|', " ")).collect();
                    json!({
                        "route": "dlt",
                        "sender_id": sender,
                        "message": kept,
                        "variables_values": values.join("|"),
                        "numbers": number,
                    })
                }
                None => json!({
                    "route": "dlt_manual",
                    "sender_id": sender,
                    "message": sms.rendered.text,
                    "entity_id": sms.sender.entity_id.as_str(),
                    "template_id": sms.rendered.template.as_str(),
                    "numbers": number,
                }),
            };
            let request = self.http.post(at(&self.url, "/dev/bulkV2")).header("authorization", self.key.reveal());
            let reply = exchange(request.json(&body)).await?;
            let answer: Value = serde_json::from_slice(success(&reply)?).unwrap_or_default();
            let status = Some(reply.status);
            match answer["return"].as_bool() {
                Some(true) => Ok(Accepted { status, provider_id: text(&answer, "request_id") }),
                Some(false) => {
                    let code = text(&answer, "status_code").unwrap_or_default();
                    Err(SendError::for_now(format!("Fast2SMS refused it with code {}", reason(&code)), status))
                }
                None => Err(SendError::for_now("Fast2SMS's answer cannot be read", status)),
            }
        })
    }

    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        let body: Value = serde_json::from_slice(report.body).map_err(|_| ReportError)?;
        let entries = match body {
            Value::Array(entries) => entries,
            one => vec![one],
        };
        let one = |entry: &Value| {
            let word = text(entry, "delivery_status").or_else(|| text(entry, "status"))?;
            let state = match word.to_ascii_lowercase().as_str() {
                "delivered" => ReceiptState::Delivered,
                "failed" | "undelivered" | "rejected" | "expired" => ReceiptState::Undelivered,
                _ => return None,
            };
            let why = text(entry, "status_description").map(|why| reason(&why));
            Some(Receipt { provider_id: text(entry, "request_id")?, state, why })
        };
        if entries.iter().any(|entry| text(entry, "request_id").is_none()) {
            return Err(ReportError);
        }
        Ok(entries.iter().filter_map(one).collect())
    }
}
