//! Trunks that were set up by the API, beside those of the configuration file.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use toml::Table;
use tracing::{error, warn};

use super::Failure;
use super::config::Config;
use super::config::profile::Profile;
use super::reload::Reloader;
use crate::api::{TrunkProfiles, TrunkRefresh};
use crate::domain::TrunkSettings;
use crate::store::Store;

/// The configuration with the trunks of the database. The file wins where both have one of a name.
///
/// # Errors
/// When the database fails.
pub(super) async fn with_stored(config: &Config, store: &Store) -> Result<Config, Failure> {
    let mut config = config.clone();
    for trunk in store.trunks_with_secrets().await.map_err(|error| Failure::setup(&error))? {
        if config.trunks.iter().any(|known| known.name == trunk.name) {
            warn!(trunk = trunk.name, "the configuration file has a trunk of this name: the API's is not begun");
        } else {
            config.trunks.push(trunk);
        }
    }
    Ok(config)
}

/// What can take up changed trunks, once calls are taken; never of a node that reads no file, the demo.
pub(super) type TrunkReloader = Arc<OnceLock<Arc<Reloader>>>;

/// Takes up, as the API asks, the trunks that the database has now.
pub(super) fn refresh(reloader: TrunkReloader) -> TrunkRefresh {
    Arc::new(move || {
        let reloader = reloader.get().cloned();
        Box::pin(async move {
            let Some(reloader) = reloader else { return false };
            match reloader.refresh_trunks().await {
                Ok(_) => true,
                Err(Failure::Setup(why) | Failure::Run(why)) => {
                    error!(why, "the trunks of the database are not taken up; they are at the next start");
                    false
                }
            }
        })
    })
}

/// Carrier profiles as the API asks for them: those of the folder `profiles` before the built-in ones.
pub(super) fn profiles(folder: Option<PathBuf>) -> TrunkProfiles {
    Arc::new(move |name| {
        let profile = Profile::find(name, folder.as_deref()).ok().flatten()?;
        let mut keys = Table::try_from(TrunkSettings::default()).ok()?;
        keys.extend(profile.keys);
        keys.try_into().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{By, Secret, Trunk, TrunkMode};

    #[tokio::test]
    async fn the_file_goes_before_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vca.toml");
        std::fs::write(&file, "[[trunks]]\nname = \"both\"\nchannels = 4\n").unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        let store = Store::open(&folder.path().join("vca.sqlite")).await.unwrap();
        for name in ["both", "only-here"] {
            let settings = TrunkSettings { channels: 9, ..TrunkSettings::default() };
            let password = Some(Secret::new("hunter2"));
            let trunk = Trunk { name: name.into(), profile: "jio".into(), settings, password, dids: Vec::new() };
            store.create_trunk(&trunk, &By::system(jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
        }
        let all = with_stored(&config, &store).await.unwrap().trunks;
        let seen: Vec<_> = all.iter().map(|trunk| (trunk.name.as_str(), trunk.settings.channels)).collect();
        assert_eq!(seen, [("both", 4), ("only-here", 9)]);
        assert_eq!(all[1].password.as_ref().map(Secret::reveal), Some("hunter2"));
    }

    #[test]
    fn a_carrier_is_known_by_its_name() {
        let profiles = profiles(None);
        assert_eq!(profiles("jio").unwrap().mode, TrunkMode::Register);
        assert!(profiles("../jio").is_none() && profiles("nobody").is_none());
    }
}
