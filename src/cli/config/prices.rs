//! `[prices]`: what trunks, engines and SMS cost the operator.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::load::{self, ConfigError, Origin};
use crate::domain::billing::Prices;

/// Takes the prices out of the file's table; without any, everything is free.
pub(super) fn prices(table: &mut Table, origins: &BTreeMap<String, Origin>) -> Result<Prices, ConfigError> {
    let fault = |key: &str, message: String| ConfigError::Value {
        origin: origins.get(key).or_else(|| origins.get("prices")).cloned().unwrap_or(Origin::Default),
        key: key.to_owned(),
        message: load::one_line(&message),
        mend: "docs/billing.md shows a whole table".to_owned(),
    };
    let found = match table.remove("prices") {
        None => return Ok(Prices::default()),
        Some(Value::Table(found)) => found,
        Some(_) => return Err(fault("prices", "is a section".to_owned())),
    };
    // Each by itself, so that the fault is told with its line.
    for (section, inner) in &found {
        let Value::Table(inner) = inner else { continue };
        for (name, keys) in inner {
            let one = Table::from_iter([(name.clone(), keys.clone())]);
            let alone = Table::from_iter([(section.clone(), Value::Table(one))]);
            if let Err(error) = alone.try_into::<Prices>() {
                return Err(fault(&format!("prices.{section}.{name}"), error.message().to_owned()));
            }
        }
    }
    let prices: Prices =
        found.try_into().map_err(|error: toml::de::Error| fault("prices", error.message().to_owned()))?;
    prices.check().map_err(|(key, message)| fault(&format!("prices.{key}"), message.to_owned()))?;
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use crate::cli::config::Config;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vca.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), []).map_err(|error| error.to_string())
    }

    #[test]
    fn prices_are_read_and_what_cannot_be_a_price_is_told_with_its_line() {
        let config = load(
            "[prices]\nsms_per_segment = 18.5\n[prices.trunks.main-line]\noutbound_per_pulse = 50\n\
             [prices.engines.openai]\nper_audio_second = 0.83\nper_1k_tokens_in = \"1.25\"\n",
        )
        .unwrap();
        assert_eq!(config.prices.trunks["main-line"].outbound_per_pulse.to_string(), "50");
        assert_eq!(config.prices.engines["openai"].per_audio_second.to_string(), "0.83");
        assert_eq!(config.prices.sms_per_segment.to_string(), "18.5");
        for (text, expected) in [
            ("[prices.trunks.line]\npulse_s = 0\n", "prices.trunks.line.pulse_s"),
            (
                "[prices]\n[prices.engines.openai]\nper_minute = 1\n",
                "vca.toml:2: `prices.engines.openai`: unknown field `per_minute`",
            ),
            ("[prices.engines.a]\nper_audio_second = -1\n", "a price is paise"),
            ("[prices]\nsms = 1\n", "unknown field `sms`"),
            ("prices = 3\n", "is a section"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("vca.toml:"), "{expected}\n{error}");
        }
        assert_eq!(load("").unwrap().prices, crate::domain::billing::Prices::default());
    }

    #[test]
    fn the_operators_registration_and_a_tenants_plan_are_checked() {
        let config = load("[billing]\ngstin = \"29AAGCB7383J1Z4\"\n").unwrap();
        let terms = config.billing.terms();
        assert_eq!(
            (terms.supplier.map(|gstin| gstin.to_string()).as_deref(), terms.percent),
            (Some("29AAGCB7383J1Z4"), 18)
        );
        assert!(load("[billing]\ngstin = \"29AAGCB7383J1Z5\"\n").unwrap_err().contains("mistyped"));
        let tenant = "[[tenants]]\nname = \"Clinic\"\ndids = [\"+918047180000\"]\n";
        let plan = "plan = { monthly_fee_paise = 500000, included_minutes = 500, extra_minute_paise = 250 }\n";
        let config = load(&format!("{tenant}{plan}")).unwrap();
        assert_eq!(config.tenants[0].plan.as_ref().unwrap().included_minutes, 500);
        let upside_down = "plan = { soft_ceiling_minutes = 9, hard_ceiling_minutes = 8 }\n";
        let error = load(&format!("{tenant}{upside_down}")).unwrap_err();
        assert!(error.contains("vca.toml:4: `plan`: hard_ceiling_minutes is below"), "{error}");
    }
}
