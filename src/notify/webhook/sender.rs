//! Delivers one event to one endpoint.

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;

use super::guard::check_url;
use super::signature::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, SigningSecret};
use crate::domain::MessageId;
use crate::notify::http::{Http, exchange};
use crate::notify::sms::provider::SendError;
use crate::store::Endpoint;

/// Who calls endpoints.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    pub http: Http,
    pub allow_private: bool,
}

/// The status by which an endpoint says that it is gone for good.
pub const GONE: u16 = 410;

impl WebhookSender {
    /// Delivers a payload; the status of the answer, which is a success.
    ///
    /// # Errors
    /// [`SendError`]; anything but 2xx is a failure, a redirect too, and is tried again but for [`GONE`].
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        id: MessageId,
        payload: &serde_json::Value,
        now: Timestamp,
    ) -> Result<u16, SendError> {
        // The rule may have changed since the endpoint was registered.
        let url = check_url(&endpoint.webhook.url, self.allow_private);
        let url = url.map_err(|refused| SendError::final_refusal(refused.to_string(), None))?;
        let id = id.to_string();
        let body = payload.to_string().into_bytes();
        let secrets = endpoint.secrets.iter().filter_map(|secret| SigningSecret::parse(secret.reveal()).ok());
        let signatures: Vec<String> = secrets.map(|secret| secret.sign(&id, now, &body)).collect();
        if signatures.is_empty() {
            return Err(SendError::final_refusal("the endpoint's secret cannot be read; give it a new one", None));
        }
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_ID, &id)
            .header(HEADER_TIMESTAMP, now.as_second())
            .header(HEADER_SIGNATURE, signatures.join(" "))
            .body(body);
        let reply = exchange(request).await?;
        match reply.status {
            200..300 => Ok(reply.status),
            GONE => Err(SendError::final_refusal("the endpoint says that it is gone", Some(GONE))),
            status => {
                let retry_after = reply.retry_after;
                Err(SendError { why: format!("it answered {status}"), status: Some(status), again: true, retry_after })
            }
        }
    }
}
