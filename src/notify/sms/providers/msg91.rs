//! MSG91's flow API (<https://docs.msg91.com/sms/send-sms>) and its report webhooks, versions 2 and 3
//! (<https://msg91.com/help/how-can-i-get-the-delivery-reports-on-my-webhook-url>).
//!
//! A flow of MSG91 holds the template, the entity and the header; the request names the flow and the variables.

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::at;
use crate::domain::{ReceiptState, Secret};
use crate::notify::http::{Http, exchange};
use crate::notify::sms::provider::{
    Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider, body_form, field, reason, success,
    text,
};

pub(super) struct Msg91 {
    pub http: Http,
    pub url: Url,
    pub key: Secret,
}

impl SmsProvider for Msg91 {
    fn name(&self) -> &'static str {
        "msg91"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            let Some(flow) = &sms.rendered.provider_template else {
                return Err(SendError::final_refusal(
                    "MSG91 needs the flow's id as `provider_id` of the template",
                    None,
                ));
            };
            let mut recipient = Map::new();
            recipient.insert("mobiles".to_owned(), json!(sms.to.digits()));
            for (index, variable) in sms.rendered.variables.iter().enumerate() {
                recipient.insert(format!("VAR{}", index + 1), json!(variable));
            }
            let body = json!({
                "template_id": flow,
                "sender": sms.sender.header.as_str(),
                "short_url": "0",
                "recipients": [recipient],
            });
            let request = self.http.post(at(&self.url, "/api/v5/flow")).header("authkey", self.key.reveal());
            let reply = exchange(request.json(&body)).await?;
            let answer: Value = serde_json::from_slice(success(&reply)?).unwrap_or_default();
            let status = Some(reply.status);
            match (text(&answer, "type").as_deref(), text(&answer, "message")) {
                (Some("success"), provider_id) => Ok(Accepted { status, provider_id }),
                (Some("error"), why) => {
                    let why = format!("MSG91 refused it: {}", reason(&why.unwrap_or_default()));
                    Err(SendError::for_now(why, status))
                }
                _ => Err(SendError::for_now("MSG91's answer cannot be read", status)),
            }
        })
    }

    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        let one = |id: Option<String>, entry: &Value| {
            let why = text(entry, "failedReason").filter(|why| !why.is_empty()).or_else(|| text(entry, "desc"));
            let state = match text(entry, "status").as_deref() {
                Some("1") => ReceiptState::Delivered,
                Some("2" | "9" | "16" | "17" | "25") => ReceiptState::Undelivered,
                _ => return None,
            };
            Some(Receipt { provider_id: id?, state, why: why.map(|why| reason(&why)) })
        };
        if let Ok(entry) = serde_json::from_slice::<Value>(report.body) {
            let id = text(&entry, "requestId").ok_or(ReportError)?;
            return Ok(one(Some(id), &entry).into_iter().collect());
        }
        let data = field(&body_form(report)?, "data").ok_or(ReportError)?;
        let requests: Vec<Value> = serde_json::from_str(&data).map_err(|_| ReportError)?;
        let of = |request: &Value| {
            let entries = request["report"].as_array().cloned().unwrap_or_default();
            let id = text(request, "requestId");
            entries.iter().filter_map(|entry| one(id.clone(), entry)).collect::<Vec<_>>()
        };
        Ok(requests.iter().flat_map(of).collect())
    }
}
