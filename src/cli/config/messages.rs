//! `[sms]` and `[webhooks]`: how messages leave.

use serde::{Deserialize, Serialize};

use super::value;
use crate::domain::{DltId, Secret, SmsCategory, SmsHeader, SmsSender, SmsTemplate, SmsValue};
use crate::notify::sms::providers::{ProviderKind, ProviderSettings};

/// Identifiers and a header for a log, where none are registered.
const UNREGISTERED: &str = "0000000000";
const UNREGISTERED_HEADER: &str = "VCA";

/// Text messages in the platform's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    pub provider: ProviderKind,
    /// `None` for the provider's own address.
    #[serde(with = "value::auto")]
    pub url: Option<String>,
    #[serde(with = "value::off")]
    pub account: Option<String>,
    #[serde(with = "value::off")]
    pub key: Option<Secret>,
    #[serde(with = "value::off")]
    pub token: Option<Secret>,
    #[serde(with = "value::off")]
    pub entity_id: Option<DltId>,
    #[serde(with = "value::off")]
    pub header: Option<SmsHeader>,
    #[serde(with = "value::off")]
    pub dashboard_url: Option<String>,
    /// Where this node's `/receipts/…` is reached from outside.
    #[serde(with = "value::off")]
    pub receipts_url: Option<String>,
    /// `None` takes no reports.
    #[serde(with = "value::off")]
    pub receipts_token: Option<Secret>,
    pub summary: SummaryTemplate,
}

/// The registered template of the owner's summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryTemplate {
    #[serde(with = "value::off")]
    pub id: Option<DltId>,
    pub text: String,
    pub values: Vec<SmsValue>,
    pub category: SmsCategory,
    #[serde(with = "value::off")]
    pub provider_id: Option<String>,
}

/// Webhooks of tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub allow_private: bool,
}

impl Sms {
    /// In whose name owners are written to.
    pub fn sender(&self) -> SmsSender {
        let unregistered = || DltId::parse(UNREGISTERED).expect("invariant: ten digits");
        SmsSender {
            entity_id: self.entity_id.clone().unwrap_or_else(unregistered),
            header: self
                .header
                .clone()
                .unwrap_or_else(|| SmsHeader::parse(UNREGISTERED_HEADER).expect("invariant: three letters")),
        }
    }

    /// The template of the summary.
    pub fn template(&self) -> SmsTemplate {
        let SummaryTemplate { id, text, values, category, provider_id } = self.summary.clone();
        let unregistered = || DltId::parse(UNREGISTERED).expect("invariant: ten digits");
        SmsTemplate { id: id.unwrap_or_else(unregistered), text, values, category, provider_id }
    }

    /// How to reach the provider.
    pub fn provider(&self) -> ProviderSettings {
        let receipts = self.receipts_url.as_ref().zip(self.receipts_token.as_ref());
        ProviderSettings {
            kind: self.provider,
            url: self.url.clone(),
            account: self.account.clone(),
            key: self.key.clone(),
            token: self.token.clone(),
            receipts: receipts.map(|(url, token)| format!("{}/receipts/{}", url.trim_end_matches('/'), token.reveal())),
        }
    }

    /// What is wrong with the section: the key, and a sentence.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Err(error) = self.template().check() {
            faults.push(("sms.summary.values", error.to_string()));
        }
        if self.provider == ProviderKind::Log {
            return faults;
        }
        let registered = [
            ("sms.entity_id", self.entity_id.is_none()),
            ("sms.header", self.header.is_none()),
            ("sms.summary.id", self.summary.id.is_none()),
        ];
        let missing = registered.into_iter().filter(|(_, missing)| *missing);
        faults.extend(missing.map(|(key, _)| {
            (key, "is needed to send text messages: operators drop what is not registered with DLT".to_owned())
        }));
        let needs: [(&str, bool); 3] = match self.provider {
            ProviderKind::Log => [("sms.key", false); 3],
            ProviderKind::Http => [("sms.url", self.url.is_none()), ("sms.key", false), ("sms.key", false)],
            ProviderKind::Msg91 => [
                ("sms.key", self.key.is_none()),
                ("sms.summary.provider_id", self.summary.provider_id.is_none()),
                ("sms.key", false),
            ],
            ProviderKind::Fast2sms => [("sms.key", self.key.is_none()), ("sms.key", false), ("sms.key", false)],
            ProviderKind::Gupshup => {
                [("sms.account", self.account.is_none()), ("sms.key", self.key.is_none()), ("sms.key", false)]
            }
            ProviderKind::Exotel => [
                ("sms.account", self.account.is_none()),
                ("sms.key", self.key.is_none()),
                ("sms.token", self.token.is_none()),
            ],
        };
        let name = self.provider.name();
        faults.extend(
            needs
                .into_iter()
                .filter(|(_, missing)| *missing)
                .map(|(key, _)| (key, format!("is needed for the provider \"{name}\""))),
        );
        for (key, url) in [
            ("sms.url", &self.url),
            ("sms.dashboard_url", &self.dashboard_url),
            ("sms.receipts_url", &self.receipts_url),
        ] {
            if url.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
                faults.push((key, "must begin with https:// or http://".to_owned()));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Severity, check};

    fn errors(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vca.toml");
        std::fs::write(&path, text).unwrap();
        let config = match Config::load(Some(&path), []) {
            Ok(config) => config,
            Err(error) => return vec![error.to_string()],
        };
        let found = check(&config, &|_, _| Ok(()));
        let ours = found.into_iter().filter(|f| f.severity == Severity::Error && f.key.starts_with("sms"));
        ours.map(|finding| format!("{}: {}", finding.key, finding.message)).collect()
    }

    #[test]
    fn the_default_sends_nothing_and_needs_nothing() {
        assert_eq!(errors(""), Vec::<String>::new());
        let sms = Config::load(None, []).unwrap().sms;
        assert_eq!(sms.template().check(), Ok(()));
        assert_eq!((sms.sender().header.as_str(), sms.provider().receipts), ("VCA", None));
    }

    #[test]
    fn what_is_missing_for_a_provider_is_named() {
        let found = errors("[sms]\nprovider = \"exotel\"\n");
        let keys: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            keys,
            ["sms.entity_id", "sms.header", "sms.summary.id", "sms.account", "sms.key", "sms.token"],
            "{found:#?}"
        );
        let whole = "[sms]\nprovider = \"http\"\nurl = \"https://sms.example.in/\"\nentity_id = \"1101160000000000001\"\n\
                     header = \"VCASMS\"\nreceipts_url = \"https://vca.example.in/\"\nreceipts_token = \"abc\"\n\
                     [sms.summary]\nid = \"1107160000000000001\"\n";
        assert_eq!(errors(whole), Vec::<String>::new());
        assert!(errors("[sms.summary]\ntext = \"{#var#}\"\n")[0].contains("1 placeholders"));
        assert!(errors("[sms]\nentity_id = \"12\"\n")[0].contains("10 to 30 digits"));
        assert!(errors("[sms]\nprovider = \"exotell\"\n")[0].contains("exotell"));
    }
}
