//! What the API keeps: tenants, numbers, profiles and their versions, trunks; and the search in calls.

use super::*;
use crate::domain::{By, SearchWords, TenantStatus, Trunk, TrunkMode, TrunkSettings};

conformance![
    a_tenant_is_onboarded_whole_or_not_at_all,
    tenants_are_listed_in_pages_and_by_status,
    a_suspended_tenant_is_found_as_such,
    numbers_come_move_and_go,
    a_draft_answers_nobody_until_it_is_published,
    a_profile_that_somebody_else_changed_is_not_overwritten,
    an_earlier_version_answers_again,
    a_profile_that_a_number_leads_to_stays,
    a_profile_of_the_file_makes_a_version_only_when_it_changes,
    passwords_go_in_and_come_out_at_one_place_only,
    what_was_said_is_found,
    a_call_is_deleted_with_all_that_was_said,
    a_foreign_tenant_changes_no_resource,
];

pub(super) fn by(second: i64) -> By {
    By::system(at(second))
}

pub(super) fn trunk(name: &str) -> Trunk {
    let settings = TrunkSettings { mode: TrunkMode::Register, channels: 4, ..TrunkSettings::default() };
    let password = Some(Secret::new("hunter2"));
    Trunk { name: name.to_owned(), profile: "jio".to_owned(), settings, password, dids: vec![number("+918047180000")] }
}

fn tenant_id(n: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(n))
}

fn onboarding(n: u128, numbers: &[&str]) -> Onboarding {
    let scope = TenantScope::proven(tenant_id(n));
    Onboarding {
        tenant: Tenant { id: tenant_id(n), name: format!("Business {n}"), max_calls: 2 },
        profile: profile(scope),
        numbers: numbers.iter().map(|text| number(text)).collect(),
    }
}

fn draft(scope: TenantScope, n: u128, address: &str) -> AgentProfile {
    AgentProfile { id: ProfileId::from_uuid(Uuid::from_u128(n)), address: address.to_owned(), ..profile(scope) }
}

async fn a_tenant_is_onboarded_whole_or_not_at_all(f: Fixture) {
    let new = onboarding(50, &["+918047180010", "+918047180011"]);
    let key = |n: u8| {
        let entry = NewKey { id: ApiKeyId::new(at(0), [n; 10]), name: "onboarding", scopes: None, expires_at: None };
        (entry, ApiKey::generate([n; 32]))
    };
    let (entry, secret) = key(1);
    let scope = f.store.onboard(&new, Some((entry, &secret)), &by(5)).await.unwrap();
    let opens = f.store.authenticate(secret.reveal(), at(6)).await.unwrap().unwrap();
    assert_eq!(opens.owner, KeyOwner::Tenant(scope));
    let route = f.store.find_did(&number("+918047180011")).await.unwrap().unwrap();
    assert_eq!((route.scope, route.status, &route.profile), (scope, TenantStatus::Active, &new.profile));
    let account = f.store.account(scope).await.unwrap();
    assert_eq!((account.tenant, account.created_at), (new.tenant.clone(), Some(at(5))));
    let second = onboarding(51, &["+918047180012", "+918047180010"]);
    let (entry, other) = key(2);
    assert!(matches!(f.store.onboard(&second, Some((entry, &other)), &by(6)).await, Err(StoreError::Conflict)));
    assert_eq!(f.store.authenticate(other.reveal(), at(6)).await.unwrap(), None);
    // A key that cannot be made leaves no tenant behind that nobody can get into.
    let (entry, _) = key(1);
    let keyless = onboarding(51, &["+918047180012"]);
    assert!(matches!(f.store.onboard(&keyless, Some((entry, &secret)), &by(6)).await, Err(StoreError::Conflict)));
    let none = TenantScope::proven(tenant_id(51));
    assert!(matches!(f.store.account(none).await, Err(StoreError::NotFound)));
    assert_eq!(f.store.find_did(&number("+918047180012")).await.unwrap(), None);
}

async fn tenants_are_listed_in_pages_and_by_status(f: Fixture) {
    for n in 50..53 {
        f.store.onboard(&onboarding(n, &[]), None, &by(5)).await.unwrap();
    }
    f.store.set_tenant_status(TenantScope::proven(tenant_id(51)), TenantStatus::Suspended, &by(1)).await.unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = f.store.list_tenants(None, after, 2).await.unwrap();
        read.extend(page.items.into_iter().map(|account| account.tenant.id));
        after = read.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(read, [1, 2, 50, 51, 52].map(tenant_id));
    let suspended = f.store.list_tenants(Some(TenantStatus::Suspended), None, 9).await.unwrap();
    assert_eq!(suspended.items.iter().map(|account| account.tenant.id).collect::<Vec<_>>(), [tenant_id(51)]);
}

async fn a_suspended_tenant_is_found_as_such(f: Fixture) {
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: profile(f.ours).id };
    f.store.create_did(f.ours, &did, &by(1)).await.unwrap();
    f.store.set_tenant_status(f.ours, TenantStatus::Suspended, &by(1)).await.unwrap();
    // What the configuration file says of the tenant at the next start does not lift it.
    let tenant = f.store.tenant(f.ours).await.unwrap();
    f.store.put_tenant(f.ours, &tenant).await.unwrap();
    assert_eq!(f.store.find_did(&did.number).await.unwrap().unwrap().status, TenantStatus::Suspended);
    f.store.set_tenant_status(f.ours, TenantStatus::Active, &by(1)).await.unwrap();
    assert_eq!(f.store.find_did(&did.number).await.unwrap().unwrap().status, TenantStatus::Active);
}

async fn numbers_come_move_and_go(f: Fixture) {
    let other = draft(f.ours, 11, "Elsewhere");
    f.store.put_profile(f.ours, &other).await.unwrap();
    let did = |text| Did { number: number(text), tenant: f.ours.tenant(), profile: profile(f.ours).id };
    for text in ["+918047180002", "+918047180000", "+918047180001"] {
        f.store.create_did(f.ours, &did(text), &by(1)).await.unwrap();
    }
    assert!(matches!(f.store.create_did(f.ours, &did("+918047180000"), &by(1)).await, Err(StoreError::Conflict)));
    let first = f.store.list_dids(f.ours, None, 2).await.unwrap();
    assert_eq!((first.items.as_slice(), first.more), ([did("+918047180000"), did("+918047180001")].as_slice(), true));
    let second = f.store.list_dids(f.ours, Some(&first.items[1].number), 2).await.unwrap();
    assert_eq!((second.items.as_slice(), second.more), ([did("+918047180002")].as_slice(), false));
    let moved = number("+918047180002");
    f.store.attach_did(f.ours, &moved, other.id, &by(1)).await.unwrap();
    assert_eq!(f.store.did(f.ours, &moved).await.unwrap().unwrap().profile, other.id);
    assert_eq!(f.store.find_did(&moved).await.unwrap().unwrap().profile, other);
    let unknown = ProfileId::from_uuid(Uuid::from_u128(99));
    assert!(matches!(f.store.attach_did(f.ours, &moved, unknown, &by(1)).await, Err(StoreError::NotFound)));
    f.store.delete_did(f.ours, &moved, &by(1)).await.unwrap();
    assert!(matches!(f.store.delete_did(f.ours, &moved, &by(1)).await, Err(StoreError::NotFound)));
    assert_eq!(f.store.find_did(&moved).await.unwrap(), None);
}

async fn a_draft_answers_nobody_until_it_is_published(f: Fixture) {
    let new = draft(f.ours, 11, "First");
    f.store.create_profile(f.ours, &new, &by(1)).await.unwrap();
    assert!(matches!(f.store.create_profile(f.ours, &new, &by(1)).await, Err(StoreError::Conflict)));
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: new.id };
    f.store.create_did(f.ours, &did, &by(1)).await.unwrap();
    assert_eq!(f.store.find_did(&did.number).await.unwrap(), None);
    let stored = f.store.profile(f.ours, new.id).await.unwrap().unwrap();
    let unpublished = StoredProfile { draft: new.clone(), revision: 1, published: None, updated_at: Some(at(1)) };
    assert_eq!(stored, unpublished);
    let version = f.store.publish_profile(f.ours, new.id, 1, &by(2)).await.unwrap();
    assert_eq!(version, ProfileVersion { version: 1, profile: new.clone(), published_at: Some(at(2)) });
    assert_eq!(f.store.find_did(&did.number).await.unwrap().unwrap().profile, new);
    let changed = draft(f.ours, 11, "Second");
    assert_eq!(f.store.change_profile(f.ours, &changed, 2, &by(3)).await.unwrap(), 3);
    assert_eq!(f.store.find_did(&did.number).await.unwrap().unwrap().profile, new, "the draft is nobody's business");
    let stored = f.store.profile(f.ours, new.id).await.unwrap().unwrap();
    assert_eq!((stored.draft, stored.published, stored.updated_at), (changed, Some(1), Some(at(3))));
    let page = f.store.list_profiles(f.ours, None, 1).await.unwrap();
    assert_eq!((page.items[0].draft.id, page.more), (profile(f.ours).id, true));
    let rest = f.store.list_profiles(f.ours, Some(profile(f.ours).id), 1).await.unwrap();
    assert_eq!((rest.items[0].draft.id, rest.more), (new.id, false));
}

async fn a_profile_that_somebody_else_changed_is_not_overwritten(f: Fixture) {
    let id = profile(f.ours).id;
    let revision = f.store.profile(f.ours, id).await.unwrap().unwrap().revision;
    let change = |address| draft(f.ours, 10, address);
    f.store.change_profile(f.ours, &change("First"), revision, &by(1)).await.unwrap();
    for stale in [
        f.store.change_profile(f.ours, &change("Second"), revision, &by(2)).await.map(drop),
        f.store.publish_profile(f.ours, id, revision, &by(2)).await.map(drop),
        f.store.roll_back_profile(f.ours, id, 1, revision, &by(2)).await,
        f.store.delete_profile(f.ours, id, revision, &by(1)).await,
    ] {
        assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    }
    assert_eq!(f.store.profile(f.ours, id).await.unwrap().unwrap().draft.address, "First");
    let missing = draft(f.ours, 99, "Nowhere");
    let missing = f.store.change_profile(f.ours, &missing, 1, &by(2)).await;
    assert!(matches!(missing, Err(StoreError::NotFound)));
}

async fn an_earlier_version_answers_again(f: Fixture) {
    let id = profile(f.ours).id;
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: id };
    f.store.create_did(f.ours, &did, &by(1)).await.unwrap();
    let answering = async || f.store.find_did(&did.number).await.unwrap().unwrap().profile.address;
    for (address, second) in [("Second", 1), ("Third", 2)] {
        let revision = f.store.profile(f.ours, id).await.unwrap().unwrap().revision;
        let revision =
            f.store.change_profile(f.ours, &draft(f.ours, 10, address), revision, &by(second)).await.unwrap();
        f.store.publish_profile(f.ours, id, revision, &by(second)).await.unwrap();
    }
    assert_eq!(answering().await, "Third");
    let before = f.store.profile(f.ours, id).await.unwrap().unwrap();
    f.store.roll_back_profile(f.ours, id, 2, before.revision, &by(3)).await.unwrap();
    let after = f.store.profile(f.ours, id).await.unwrap().unwrap();
    assert_eq!((answering().await.as_str(), after.published), ("Second", Some(2)));
    assert_eq!(after.draft, before.draft, "work on the draft is not thrown away");
    let unknown = f.store.roll_back_profile(f.ours, id, 9, after.revision, &by(4)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    let page = f.store.profile_versions(f.ours, id, None, 2).await.unwrap();
    let versions: Vec<_> = page.items.iter().map(|v| (v.version, v.profile.address.as_str())).collect();
    assert_eq!((versions, page.more), (vec![(3, "Third"), (2, "Second")], true));
    let rest = f.store.profile_versions(f.ours, id, Some(2), 2).await.unwrap();
    assert_eq!((rest.items.len(), rest.items[0].published_at, rest.more), (1, None, false));
    assert_eq!(f.store.profile_version(f.ours, id, 3).await.unwrap().unwrap().published_at, Some(at(2)));
}

async fn a_profile_that_a_number_leads_to_stays(f: Fixture) {
    let id = profile(f.ours).id;
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: id };
    f.store.create_did(f.ours, &did, &by(1)).await.unwrap();
    let revision = f.store.profile(f.ours, id).await.unwrap().unwrap().revision;
    assert!(matches!(f.store.delete_profile(f.ours, id, revision, &by(1)).await, Err(StoreError::StillUsed)));
    f.store.delete_did(f.ours, &did.number, &by(1)).await.unwrap();
    f.store.delete_profile(f.ours, id, revision, &by(1)).await.unwrap();
    assert_eq!(f.store.profile(f.ours, id).await.unwrap(), None);
    assert_eq!(f.store.profile_version(f.ours, id, 1).await.unwrap(), None, "versions go with it");
    assert!(f.store.profile(f.theirs, id).await.unwrap().is_some());
}

async fn a_profile_of_the_file_makes_a_version_only_when_it_changes(f: Fixture) {
    let id = profile(f.ours).id;
    let edited = draft(f.ours, 10, "Edited");
    f.store.change_profile(f.ours, &edited, 1, &by(1)).await.unwrap();
    f.store.put_profile(f.ours, &profile(f.ours)).await.unwrap();
    let stored = f.store.profile(f.ours, id).await.unwrap().unwrap();
    assert_eq!((stored.draft, stored.published), (edited, Some(1)), "a start changes nothing");
    f.store.put_profile(f.ours, &draft(f.ours, 10, "Moved")).await.unwrap();
    let stored = f.store.profile(f.ours, id).await.unwrap().unwrap();
    assert_eq!((stored.draft.address.as_str(), stored.published), ("Moved", Some(2)));
    assert!(stored.revision > 2, "whoever edits meanwhile hears of it");
}

async fn passwords_go_in_and_come_out_at_one_place_only(f: Fixture) {
    for name in ["line-b", "line-a"] {
        f.store.create_trunk(&trunk(name), &by(1)).await.unwrap();
    }
    assert!(matches!(f.store.create_trunk(&trunk("line-a"), &by(1)).await, Err(StoreError::Conflict)));
    let page = f.store.list_trunks(None, 1).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.items[0].has_password, page.more), ("line-a", true, true));
    let rest = f.store.list_trunks(Some("line-a"), 1).await.unwrap();
    assert_eq!((rest.items[0].name.as_str(), rest.more), ("line-b", false));
    assert_eq!(f.store.trunks_with_secrets().await.unwrap(), [trunk("line-a"), trunk("line-b")]);
    let secret = async || f.store.trunks_with_secrets().await.unwrap()[0].password.clone();
    for (change, expected) in [
        (PasswordChange::Keep, Some("hunter2")),
        (PasswordChange::Set(Secret::new("new")), Some("new")),
        (PasswordChange::Remove, None),
    ] {
        let mut known = f.store.stored_trunk("line-a").await.unwrap().unwrap();
        known.settings.channels += 1;
        f.store.change_trunk(&known, &change, &by(2)).await.unwrap();
        assert_eq!(secret().await, expected.map(Secret::new));
        assert!(matches!(f.store.change_trunk(&known, &change, &by(2)).await, Err(StoreError::Stale)));
    }
    let known = f.store.stored_trunk("line-a").await.unwrap().unwrap();
    assert_eq!((known.settings.channels, known.has_password, known.updated_at), (7, false, at(2)));
    f.store.delete_trunk("line-a", &by(1)).await.unwrap();
    assert!(matches!(f.store.delete_trunk("line-a", &by(1)).await, Err(StoreError::NotFound)));
    assert!(matches!(f.store.change_trunk(&known, &PasswordChange::Keep, &by(3)).await, Err(StoreError::NotFound)));
}

/// Three closed calls, one of them a foreign tenant's, and one that goes on; their transcripts.
async fn conversations(f: &Fixture) {
    let spoken: [(TenantScope, &[&str]); 4] = [
        (f.ours, &["I have a broken tooth", "My name is Ravi, mail ravi.k@example.co.in", "मेरा दाँत टूट गया"]),
        (f.ours, &["Is the 24-hour clinic open?", "It's 3,500 rupees"]),
        (f.theirs, &["A tooth of somebody else"]),
        (f.ours, &["A tooth that goes on"]),
    ];
    for (second, (scope, lines)) in (0..).zip(spoken) {
        let call = record(scope, second);
        f.store.open_call(scope, &call).await.unwrap();
        for (seq, line) in (0..).zip(lines) {
            f.store.append_turn(scope, call.id, &turn(seq, Speaker::Caller, line)).await.unwrap();
        }
        if second < 3 {
            f.store.close_call(scope, call.id, &close(second + 60)).await.unwrap();
        }
    }
}

async fn found(f: &Fixture, scope: TenantScope, text: &str) -> Vec<Timestamp> {
    let filter = CallFilter { text: Some(SearchWords::parse(text).unwrap()), ..CallFilter::default() };
    let page = f.store.list_calls(scope, &filter, None, 10).await.unwrap();
    page.items.into_iter().map(|call| call.answered_at).collect()
}

async fn what_was_said_is_found(f: Fixture) {
    conversations(&f).await;
    for (text, seconds) in [
        ("tooth", vec![0]),
        ("TOOTH ravi", vec![0]),
        ("tooth rupees", vec![]),
        ("brok", vec![0]),
        ("roken", vec![]),
        ("ravi.k@example.co.in", vec![0]),
        ("example", vec![0]),
        ("दाँत", vec![0]),
        ("24 hour", vec![1]),
        ("3500", vec![]),
        ("3,500", vec![1]),
        ("is", vec![1, 0]),
        ("or not", vec![]),
    ] {
        assert_eq!(found(&f, f.ours, text).await, seconds.into_iter().map(at).collect::<Vec<_>>(), "{text}");
    }
    assert_eq!(found(&f, f.theirs, "tooth").await, [at(2)]);
    // Words and other conditions hold together.
    let dialled = |text: &str| CallFilter { did: Some(number(text)), ..CallFilter::default() };
    assert_eq!(f.store.list_calls(f.ours, &dialled("+918047180000"), None, 10).await.unwrap().items.len(), 3);
    let both =
        CallFilter { text: Some(SearchWords::parse("is").unwrap()), until: Some(at(1)), ..dialled("+918047180000") };
    assert_eq!(f.store.list_calls(f.ours, &both, None, 10).await.unwrap().items.len(), 1);
    let other = CallFilter { text: both.text.clone(), ..dialled("+918047180001") };
    assert_eq!(f.store.list_calls(f.ours, &other, None, 10).await.unwrap().items, []);
    f.store.repair_abandoned(at(99), &Prices::default()).await.unwrap();
    assert_eq!(found(&f, f.ours, "goes").await, [at(3)], "a call that a crash cut off is found too");
}

async fn a_call_is_deleted_with_all_that_was_said(f: Fixture) {
    conversations(&f).await;
    let (closed, active, foreign) = (record(f.ours, 0).id, record(f.ours, 3).id, record(f.theirs, 2).id);
    let event = CallEvent { seq: 0, at_ms: 0, kind: EVENT_NOTICE.to_owned(), data: serde_json::Value::Null };
    f.store.append_events(f.ours, closed, &[event]).await.unwrap();
    assert!(matches!(f.store.delete_call(f.ours, active, &by(1)).await, Err(StoreError::StillUsed)));
    assert!(matches!(f.store.delete_call(f.ours, foreign, &by(1)).await, Err(StoreError::NotFound)));
    f.store.delete_call(f.ours, closed, &by(1)).await.unwrap();
    f.store.delete_call(f.ours, closed, &by(1)).await.unwrap();
    let (bare, turns) = f.store.call(f.ours, closed).await.unwrap().unwrap();
    assert_eq!((bare.caller, bare.summary, turns), (None, None, vec![]), "that there was a call stays");
    let kinds: Vec<_> = f.store.events(f.ours, closed).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EVENT_NOTICE]);
    assert_eq!(found(&f, f.ours, "tooth").await, []);
    assert_eq!(found(&f, f.ours, "rupees").await, [at(1)]);
    assert_eq!(found(&f, f.theirs, "tooth").await, [at(2)]);
}

async fn a_foreign_tenant_changes_no_resource(f: Fixture) {
    let other = draft(f.ours, 11, "Ours");
    f.store.create_profile(f.ours, &other, &by(0)).await.unwrap();
    f.store.publish_profile(f.ours, other.id, 1, &by(0)).await.unwrap();
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: other.id };
    f.store.create_did(f.ours, &did, &by(1)).await.unwrap();
    let theirs = f.theirs;
    let stolen = Did { tenant: theirs.tenant(), profile: profile(theirs).id, ..did.clone() };
    assert!(matches!(f.store.create_did(theirs, &stolen, &by(1)).await, Err(StoreError::Conflict)));
    assert_eq!(f.store.did(theirs, &did.number).await.unwrap(), None);
    assert_eq!(f.store.list_dids(theirs, None, 9).await.unwrap().items, []);
    assert_eq!(f.store.profile(theirs, other.id).await.unwrap(), None);
    assert_eq!(f.store.profile_versions(theirs, other.id, None, 9).await.unwrap().items, []);
    let renamed = AgentProfile { address: "taken over".to_owned(), ..other.clone() };
    for refused in [
        f.store.create_did(theirs, &did, &by(1)).await,
        f.store.attach_did(theirs, &did.number, profile(theirs).id, &by(1)).await,
        f.store.delete_did(theirs, &did.number, &by(1)).await,
        f.store.change_profile(theirs, &renamed, 2, &by(1)).await.map(drop),
        f.store.publish_profile(theirs, other.id, 2, &by(1)).await.map(drop),
        f.store.roll_back_profile(theirs, other.id, 1, 2, &by(1)).await,
        f.store.delete_profile(theirs, other.id, 2, &by(1)).await,
    ] {
        assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    }
    assert_eq!(f.store.find_did(&did.number).await.unwrap().unwrap().profile, other);
}
