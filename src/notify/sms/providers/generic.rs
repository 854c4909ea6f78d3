//! Any server that takes our JSON: a gateway of one's own, or a small bridge to a provider that is not known here.

use reqwest::Url;
use serde_json::{Value, json};

use crate::domain::{ReceiptState, Secret};
use crate::notify::http::{Http, exchange};
use crate::notify::sms::provider::{
    Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider, reason, success, text,
};
use crate::notify::sms::segments::Encoding;

pub(super) struct Generic {
    pub http: Http,
    pub url: Url,
    pub key: Option<Secret>,
}

impl SmsProvider for Generic {
    fn name(&self) -> &'static str {
        "http"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            let encoding = match sms.rendered.size.encoding {
                Encoding::Gsm7 => "gsm7",
                Encoding::Ucs2 => "ucs2",
            };
            let key = sms.key.to_string();
            let body = json!({
                "id": key,
                "to": sms.to.as_str(),
                "text": sms.rendered.text,
                "variables": sms.rendered.variables,
                "sender": sms.sender.header.as_str(),
                "entity_id": sms.sender.entity_id.as_str(),
                "template_id": sms.rendered.template.as_str(),
                "category": sms.rendered.category,
                "encoding": encoding,
                "segments": sms.rendered.size.segments,
            });
            let mut request = self.http.post(self.url.clone()).header("idempotency-key", &key).json(&body);
            if let Some(key) = &self.key {
                request = request.bearer_auth(key.reveal());
            }
            let reply = exchange(request).await?;
            let answer: Value = serde_json::from_slice(success(&reply)?).unwrap_or_default();
            Ok(Accepted { status: Some(reply.status), provider_id: text(&answer, "id") })
        })
    }

    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        let body: Value = serde_json::from_slice(report.body).map_err(|_| ReportError)?;
        let provider_id = text(&body, "id").ok_or(ReportError)?;
        let state = match text(&body, "state").ok_or(ReportError)?.as_str() {
            "delivered" => ReceiptState::Delivered,
            "undelivered" => ReceiptState::Undelivered,
            _ => return Ok(Vec::new()),
        };
        Ok(vec![Receipt { provider_id, state, why: text(&body, "reason").map(|why| reason(&why)) }])
    }
}
