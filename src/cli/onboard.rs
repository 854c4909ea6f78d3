//! Writes the tenants of the configuration into the store, so that their numbers are answered.

use sha2::{Digest, Sha256};
use tracing::warn;

use super::Failure;
use super::config::{Config, TenantEntry};
use crate::domain::{AgentProfile, Did, E164, Knowledge, ProfileId, Tenant, TenantId, TenantScope, TurnSettings};
use crate::store::{Store, StoreError};

/// Creates or updates every tenant of the configuration; a tenant or number that is no longer listed stays, and one that was
/// erased does not come back.
///
/// # Errors
/// A number that another tenant has, before anything is changed; or a database that fails.
pub async fn sync(store: &Store, config: &Config) -> Result<(), Failure> {
    let mut entries = Vec::with_capacity(config.tenants.len());
    for entry in &config.tenants {
        let id = TenantId::from_uuid(stable_uuid("tenant", &entry.name));
        if store.is_erased_tenant(id).await.map_err(|error| Failure::setup(&error))? {
            warn!(tenant = %id, "the configuration names a business that was erased; remove it there, or rename it");
            continue;
        }
        entries.push(entry);
        for number in &entry.dids {
            let owner = store.find_did(number).await.map_err(|error| Failure::setup(&error))?;
            if owner.is_some_and(|route| route.tenant.id != id) {
                return Err(taken(number, entry));
            }
        }
    }
    for entry in entries {
        let id = TenantId::from_uuid(stable_uuid("tenant", &entry.name));
        let scope = TenantScope::proven(id);
        let turns = entry.turns(&config.turns).map_err(Failure::Setup)?;
        let mut profile = profile_of(entry, turns, &config.speech.tts.voice);
        let stored = store.profiles(scope).await.map_err(|error| Failure::setup(&error))?;
        if let Some(known) = stored.into_iter().find(|known| known.id == profile.id) {
            // What the file does not say stays as the database has it.
            profile.ask = entry.ask.clone().unwrap_or(known.ask);
            profile.transfers = entry.transfers().unwrap_or(known.transfers);
            profile.speech = entry.speech.clone().unwrap_or(known.speech);
            profile.knowledge = entry.knowledge(known.knowledge);
        }
        let tenant = Tenant { id, name: entry.name.clone(), max_calls: entry.max_calls };
        store.put_tenant(scope, &tenant).await.map_err(|error| Failure::setup(&error))?;
        store.put_profile(scope, &profile).await.map_err(|error| Failure::setup(&error))?;
        if let Some(notices) = &entry.notices {
            store
                .put_notice_settings(scope, notices)
                .await
                .map_err(|error| Failure::Setup(format!("the notices of tenant {:?}: {error}", entry.name)))?;
        }
        if let Some(retention) = &entry.retention {
            store.set_retention(scope, retention).await.map_err(|error| Failure::setup(&error))?;
        }
        // Without one in the file, that of the database stays.
        if let Some(plan) = &entry.plan {
            store.put_plan(scope, plan).await.map_err(|error| Failure::setup(&error))?;
        }
        for number in &entry.dids {
            let did = Did { number: number.clone(), tenant: id, profile: profile.id };
            store.put_did(scope, &did).await.map_err(|error| match error {
                StoreError::Conflict => taken(number, entry),
                other => Failure::setup(&other),
            })?;
        }
    }
    Ok(())
}

fn taken(number: &E164, entry: &TenantEntry) -> Failure {
    Failure::Setup(format!("{number} of tenant {:?} is another tenant's in the database", entry.name))
}

/// The same for the same name on every start and machine: a UUID of our own making (version 8, RFC 9562 §5.8).
fn stable_uuid(kind: &str, name: &str) -> uuid::Uuid {
    let digest = Sha256::digest(format!("vca {kind}\n{name}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn profile_of(entry: &TenantEntry, turns: TurnSettings, voice: &str) -> AgentProfile {
    AgentProfile {
        id: ProfileId::from_uuid(stable_uuid("profile", &entry.name)),
        business_name: entry.business_name.clone().unwrap_or_else(|| entry.name.clone()),
        visit_word: entry.visit_word.clone(),
        greeting: entry.greeting.clone(),
        record_calls: entry.record_calls,
        hours: entry.hours.clone(),
        address: entry.address.clone(),
        landmark: entry.landmark.clone(),
        time_zone: entry.time_zone.clone(),
        voice: voice.to_owned(),
        turns,
        transfers: entry.transfers().unwrap_or_default(),
        emergency_transfers_only: false,
        ask: entry.ask.clone().unwrap_or_default(),
        speech: entry.speech.clone().unwrap_or_default(),
        knowledge: entry.knowledge(Knowledge::default()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::By;

    #[tokio::test]
    async fn a_listed_tenant_is_answered_and_its_second_start_updates_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vca.toml");
        let tenant = |calls: u32| {
            format!(
                "[[tenants]]\nname = \"Clinic\"\nmax_calls = {calls}\ndids = [\"+918047180000\"]\naddress = \"1, A Road\"\n\
                 hours = {{ mon = \"10:00-13:00, 16:00-20:00\" }}\n"
            )
        };
        let store = Store::open(&folder.path().join("vca.sqlite")).await.unwrap();
        let mut ids = Vec::new();
        for calls in [2, 3] {
            std::fs::write(&file, tenant(calls)).unwrap();
            let config = Config::load(Some(&file), []).unwrap();
            sync(&store, &config).await.unwrap();
            let route = store.find_did(&config.tenants[0].dids[0]).await.unwrap().unwrap();
            assert_eq!((route.tenant.max_calls, route.profile.business_name.as_str()), (calls, "Clinic"));
            assert_eq!(route.profile.hours.0[0].len(), 2);
            ids.push((route.tenant.id, route.profile.id));
        }
        assert_eq!(ids[0], ids[1]);
        let thief = tenant(1).replace("Clinic", "Salon");
        std::fs::write(&file, &thief).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        assert!(sync(&store, &config).await.is_err(), "a number stays with its owner");

        let clinic = TenantScope::proven(ids[0].0);
        store.begin_tenant_erasure(clinic, &By::system(Timestamp::now())).await.unwrap();
        let clinic_again = tenant(3).replace("8047180000", "8047180001");
        std::fs::write(&file, clinic_again + &thief).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        sync(&store, &config).await.unwrap();
        let route = store.find_did(&config.tenants[1].dids[0]).await.unwrap().unwrap();
        assert_eq!(route.tenant.name, "Salon", "the number is free");
        let listed = store.list_tenants(None, None, 9).await.unwrap().items;
        assert_eq!(listed.len(), 1, "what was erased does not come back");
        assert!(store.dids(clinic).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_tenant_needs_a_name_and_a_number_and_its_own_settings_win() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vca.toml");
        let least = "[[tenants]]\nname = \"Clinic\"\ndids = [\"+918047180000\"]\n";
        let store = Store::open(&folder.path().join("vca.sqlite")).await.unwrap();
        let stored = async |tenant: &str| {
            let node = "[turns]\nend_of_turn_ms = 450\nbarge_in_ms = 350\n[speech.tts]\nvoice = \"piper-amy\"\n";
            std::fs::write(&file, format!("{node}{tenant}")).unwrap();
            let config = Config::load(Some(&file), []).unwrap();
            sync(&store, &config).await.unwrap();
            store.find_did(&config.tenants[0].dids[0]).await.unwrap().unwrap().profile
        };
        let profile = stored(least).await;
        assert_eq!((profile.address.as_str(), profile.hours), ("", crate::domain::WeeklyHours::default()));
        assert_eq!((profile.turns.end_of_turn_ms, profile.turns.barge_in_ms), (450, 350));
        assert_eq!(profile.voice, "piper-amy", "the one that the node speaks with");
        let profile = stored(&format!("{least}turns = {{ end_of_turn_ms = 700, backchannels = [\"seri\"] }}\n")).await;
        assert_eq!((profile.turns.end_of_turn_ms, profile.turns.barge_in_ms), (700, 350));
        assert_eq!(profile.turns.backchannels, ["seri"]);
        for wrong in ["turns = { end_of_turn = 700 }", "turns = { end_of_turn_ms = \"long\" }"] {
            std::fs::write(&file, format!("{least}{wrong}\n")).unwrap();
            let error = Config::load(Some(&file), []).unwrap_err().to_string();
            assert!(error.contains("vca.toml:4: `turns`: "), "{error}");
        }
    }
}
