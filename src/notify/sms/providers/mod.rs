//! The providers, each with the wire format of its public documentation.

mod exotel;
mod fast2sms;
mod generic;
mod gupshup;
mod log;
mod msg91;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use reqwest::Url;

use super::provider::SmsProvider;
use crate::domain::Secret;
use crate::notify::http::Http;

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Sends nothing.
    Log,
    Msg91,
    Exotel,
    Gupshup,
    Fast2sms,
    /// Whatever takes the JSON that docs/notifications.md describes.
    Http,
}

/// How to reach the provider, as the configuration has it.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    pub kind: ProviderKind,
    /// `None` for the provider's own address.
    pub url: Option<String>,
    /// Exotel's account, Gupshup's user.
    pub account: Option<String>,
    /// The key; Gupshup's password.
    pub key: Option<Secret>,
    /// Exotel's token beside its key.
    pub token: Option<Secret>,
    /// Where reports are to be sent, for a provider that is told so with each message.
    pub receipts: Option<String>,
}

/// What is missing for a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("{0} is needed for this provider")]
    Missing(&'static str),
    #[error("the address of the provider is no URL with http:// or https://")]
    Url,
}

impl ProviderKind {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Msg91 => "msg91",
            Self::Exotel => "exotel",
            Self::Gupshup => "gupshup",
            Self::Fast2sms => "fast2sms",
            Self::Http => "http",
        }
    }

    const fn own_url(self) -> Option<&'static str> {
        match self {
            Self::Log | Self::Http => None,
            Self::Msg91 => Some("https://control.msg91.com"),
            Self::Exotel => Some("https://api.in.exotel.com"),
            Self::Gupshup => Some("https://enterprise.smsgupshup.com"),
            Self::Fast2sms => Some("https://www.fast2sms.com"),
        }
    }
}

impl ProviderSettings {
    /// The provider.
    ///
    /// # Errors
    /// [`ProviderError`] names what it needs and has not got.
    pub fn provider(&self, http: &Http) -> Result<Arc<dyn SmsProvider>, ProviderError> {
        if self.kind == ProviderKind::Log {
            return Ok(Arc::new(log::Log));
        }
        let url = self.url.as_deref().or(self.kind.own_url()).ok_or(ProviderError::Missing("sms.url"))?;
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or(ProviderError::Url)?;
        let account = || self.account.clone().ok_or(ProviderError::Missing("sms.account"));
        let key = || self.key.clone().ok_or(ProviderError::Missing("sms.key"));
        let http = http.clone();
        Ok(match self.kind {
            ProviderKind::Log => Arc::new(log::Log),
            ProviderKind::Msg91 => Arc::new(msg91::Msg91 { http, url, key: key()? }),
            ProviderKind::Exotel => Arc::new(exotel::Exotel {
                http,
                url,
                account: account()?,
                key: key()?,
                token: self.token.clone().ok_or(ProviderError::Missing("sms.token"))?,
                receipts: self.receipts.clone(),
            }),
            ProviderKind::Gupshup => Arc::new(gupshup::Gupshup { http, url, user: account()?, password: key()? }),
            ProviderKind::Fast2sms => Arc::new(fast2sms::Fast2Sms { http, url, key: key()? }),
            ProviderKind::Http => Arc::new(generic::Generic { http, url, key: self.key.clone() }),
        })
    }
}

/// The provider's address with a path, whatever path it has itself.
fn at(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}{path}"));
    url
}
