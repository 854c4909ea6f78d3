//! Exotel's SMS API and its status callback (<https://developer.exotel.com/api/sms>).

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::at;
use crate::domain::{ReceiptState, Secret, SmsCategory};
use crate::notify::http::{Http, exchange, form};
use crate::notify::sms::provider::{
    Accepted, BoxFuture, Receipt, Report, ReportError, SendError, Sms, SmsProvider, body_form, field, reason, success,
    text,
};
use crate::notify::sms::segments::Encoding;

pub(super) struct Exotel {
    pub http: Http,
    pub url: Url,
    pub account: String,
    pub key: Secret,
    pub token: Secret,
    pub receipts: Option<String>,
}

impl SmsProvider for Exotel {
    fn name(&self) -> &'static str {
        "exotel"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Result<Accepted, SendError>> {
        Box::pin(async move {
            let encoding = match sms.rendered.size.encoding {
                Encoding::Gsm7 => "plain",
                Encoding::Ucs2 => "unicode",
            };
            let kind = match sms.rendered.category {
                SmsCategory::Promotional => "promotional",
                SmsCategory::ServiceExplicit => "transactional_opt_in",
                SmsCategory::ServiceImplicit | SmsCategory::Transactional => "transactional",
            };
            let key = sms.key.to_string();
            let mut fields = vec![
                ("From", sms.sender.header.as_str()),
                ("To", sms.to.as_str()),
                ("Body", &sms.rendered.text),
                ("EncodingType", encoding),
                ("SmsType", kind),
                ("DltEntityId", sms.sender.entity_id.as_str()),
                ("DltTemplateId", sms.rendered.template.as_str()),
                ("CustomField", &key),
            ];
            if let Some(receipts) = &self.receipts {
                fields.push(("StatusCallback", receipts));
            }
            let path = format!("/v1/Accounts/{}/Sms/send.json", self.account);
            let request = self
                .http
                .post(at(&self.url, &path))
                .basic_auth(self.key.reveal(), Some(self.token.reveal()))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(&fields));
            let reply = exchange(request).await?;
            let answer: Value = serde_json::from_slice(success(&reply)?).unwrap_or_default();
            match text(&answer["SMSMessage"], "Sid") {
                Some(sid) => Ok(Accepted { status: Some(reply.status), provider_id: Some(sid) }),
                None => Err(SendError::for_now("Exotel's answer cannot be read", Some(reply.status))),
            }
        })
    }

    fn receipts(&self, report: &Report<'_>) -> Result<Vec<Receipt>, ReportError> {
        let fields = body_form(report)?;
        let provider_id = field(&fields, "SmsSid").ok_or(ReportError)?;
        let state = match field(&fields, "Status").ok_or(ReportError)?.as_str() {
            "sent" => ReceiptState::Delivered,
            "failed" | "failed_dnd" | "failed-dnd" => ReceiptState::Undelivered,
            _ => return Ok(Vec::new()),
        };
        let why = field(&fields, "DetailedStatus").map(|why| reason(&why));
        Ok(vec![Receipt { provider_id, state, why }])
    }
}
