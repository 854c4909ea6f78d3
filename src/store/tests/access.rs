//! People, sessions, invitations, keys, the audit log and repeated requests, on both databases.

use jiff::SignedDuration;

use super::*;
use crate::domain::{Actor, By, EmailAddress, Invitation, InvitationId, Permission, Role, SessionId, User, UserId};
use crate::store::{Attempt, Known, NewKey, SESSION_IDLE, SESSION_LIFE, StoredAnswer, Token, UserChange, owner_of};

fn by(second: i64) -> By {
    By { request_id: Some("r-1".to_owned()), ..By::system(at(second)) }
}

fn person(n: u8, scope: Option<TenantScope>, role: Role) -> User {
    User {
        id: UserId::new(at(n.into()), [n; 10]),
        tenant: scope.map(TenantScope::tenant),
        email: EmailAddress::parse(&format!("person{n}@example.com")).unwrap(),
        name: "Asha".to_owned(),
        role,
        disabled: false,
        created_at: at(n.into()),
    }
}

fn token(n: u8) -> Token {
    Token::generate([n; 32])
}

const PHC: &str = "$argon2id$v=19$…";

pub(super) async fn users_belong_to_their_owner(f: Fixture) {
    let (ours, theirs) = (KeyOwner::Tenant(f.ours), KeyOwner::Tenant(f.theirs));
    assert!(!f.store.has_users().await.unwrap());
    let operator = person(1, None, Role::PlatformAdmin);
    f.store.create_first_user(&operator, &Secret::new(PHC), &by(0)).await.unwrap();
    let second = f.store.create_first_user(&person(2, None, Role::PlatformAdmin), &Secret::new(PHC), &by(0)).await;
    assert!(matches!(second, Err(StoreError::Conflict)));
    let admin = person(3, Some(f.ours), Role::TenantAdmin);
    f.store.create_user(&admin, &Secret::new(PHC), &by(0)).await.unwrap();
    let same = User { id: UserId::new(at(9), [9; 10]), ..person(3, Some(f.theirs), Role::Viewer) };
    let taken = f.store.create_user(&same, &Secret::new(PHC), &by(0)).await;
    assert!(matches!(taken, Err(StoreError::Conflict)), "an address signs in at one place");
    let misfit = f.store.create_user(&person(4, Some(f.ours), Role::PlatformAdmin), &Secret::new(PHC), &by(0)).await;
    assert!(misfit.is_err(), "a platform admin belongs to no tenant");

    assert_eq!(f.store.users(ours, None, 10).await.unwrap(), std::slice::from_ref(&admin));
    assert_eq!(f.store.users(ours, Some(admin.id), 10).await.unwrap(), []);
    assert_eq!(f.store.users(KeyOwner::Platform, None, 10).await.unwrap(), std::slice::from_ref(&operator));
    assert_eq!(f.store.users(theirs, None, 10).await.unwrap(), []);
    let (found, hash) = f.store.user_by_email(&admin.email).await.unwrap().unwrap();
    assert_eq!((found, hash.reveal()), (admin.clone(), PHC));

    for owner in [theirs, KeyOwner::Platform] {
        let change = UserChange { disabled: Some(true), ..UserChange::default() };
        assert!(matches!(f.store.user(owner, admin.id).await, Err(StoreError::NotFound)));
        assert!(matches!(f.store.update_user(owner, admin.id, change, &by(1)).await, Err(StoreError::NotFound)));
        let password = f.store.set_password(owner, admin.id, &Secret::new("x"), &by(1)).await;
        assert!(matches!(password, Err(StoreError::NotFound)));
        assert!(matches!(f.store.delete_user(owner, admin.id, &by(1)).await, Err(StoreError::NotFound)));
        assert!(matches!(f.store.close_sessions(owner, admin.id, &by(1)).await, Err(StoreError::NotFound)));
    }
    f.store.delete_user(ours, admin.id, &by(2)).await.unwrap();
    assert!(matches!(f.store.user(ours, admin.id).await, Err(StoreError::NotFound)));
    let actions: Vec<_> = f.store.audit(f.ours, None, 10).await.unwrap();
    assert_eq!(actions.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["user.delete", "user.create"]);
    assert_eq!(f.store.audit(f.theirs, None, 10).await.unwrap(), []);
}

pub(super) async fn sessions_end(f: Fixture) {
    let user = person(1, Some(f.ours), Role::TenantAdmin);
    f.store.create_user(&user, &Secret::new(PHC), &by(0)).await.unwrap();
    let open =
        async |n: u8| f.store.open_session(&user, SessionId::new(at(0), [n; 10]), &token(n), &by(0)).await.unwrap();
    let lives = async |n: u8, time: Timestamp| f.store.session(token(n).reveal(), time).await.unwrap().is_some();
    let after = |time: SignedDuration| at(0) + time;
    let minute = SignedDuration::from_mins(1);
    let one = open(1).await;
    let (session, whose) = f.store.session(token(1).reveal(), at(1)).await.unwrap().unwrap();
    assert_eq!((session, whose), (one.clone(), user.clone()));
    assert!(!lives(2, at(1)).await && f.store.session("", at(1)).await.unwrap().is_none());
    assert!(!lives(1, after(SESSION_IDLE + minute)).await, "too long idle");
    // Used in between, it lives on, but not for ever.
    let mut time = SignedDuration::ZERO;
    while time < SESSION_LIFE {
        assert!(lives(1, after(time)).await, "{time}");
        time += SESSION_IDLE - minute;
    }
    assert!(!lives(1, after(SESSION_LIFE)).await);

    open(3).await;
    f.store.rotate_session(owner_of(&user), SessionId::new(at(0), [3; 10]), &token(4), &by(1)).await.unwrap();
    assert!(!lives(3, at(1)).await && lives(4, at(1)).await);
    assert_eq!(f.store.sessions(user.id, at(1)).await.unwrap().len(), 2);
    let owner = owner_of(&user);
    let nobodys = f.store.close_session(owner, UserId::new(at(0), [9; 10]), one.id, &by(1)).await;
    assert!(matches!(nobodys, Err(StoreError::NotFound)));
    f.store.close_session(owner, user.id, one.id, &by(1)).await.unwrap();
    assert!(matches!(f.store.rotate_session(owner, one.id, &token(5), &by(1)).await, Err(StoreError::NotFound)));
    open(6).await;
    assert_eq!(f.store.close_sessions(owner, user.id, &by(1)).await.unwrap(), 2);

    for (n, change) in [
        (7, UserChange { role: Some(Role::Viewer), ..UserChange::default() }),
        (8, UserChange { disabled: Some(true), ..UserChange::default() }),
    ] {
        open(n).await;
        f.store.update_user(owner, user.id, change, &by(2)).await.unwrap();
        assert!(!lives(n, at(3)).await);
    }
}

pub(super) async fn an_invitation_is_taken_up_once(f: Fixture) {
    let (ours, theirs) = (KeyOwner::Tenant(f.ours), KeyOwner::Tenant(f.theirs));
    let invitation = |n: u8| Invitation {
        id: InvitationId::new(at(n.into()), [n; 10]),
        tenant: Some(f.ours.tenant()),
        email: EmailAddress::parse(&format!("person{n}@example.com")).unwrap(),
        role: Role::Viewer,
        created_at: at(0),
        expires_at: at(100),
    };
    for n in [1, 2] {
        f.store.invite(&invitation(n), &token(n), &by(0)).await.unwrap();
    }
    assert_eq!(f.store.invitations(ours, at(1)).await.unwrap(), [invitation(1), invitation(2)]);
    assert_eq!(f.store.invitations(theirs, at(1)).await.unwrap(), []);
    assert_eq!(f.store.invitations(ours, at(100)).await.unwrap(), []);
    assert_eq!(f.store.invitation(token(1).reveal(), at(1)).await.unwrap(), Some(invitation(1)));
    assert_eq!(f.store.invitation(token(1).reveal(), at(100)).await.unwrap(), None);
    assert_eq!(f.store.invitation(token(3).reveal(), at(1)).await.unwrap(), None);
    let user = person(1, Some(f.ours), Role::Viewer);
    f.store.accept_invitation(invitation(1).id, &user, &Secret::new(PHC), &by(1)).await.unwrap();
    let again = f.store.accept_invitation(invitation(1).id, &user, &Secret::new(PHC), &by(1)).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let known = f.store.invite(&Invitation { id: invitation(4).id, ..invitation(1) }, &token(4), &by(1)).await;
    assert!(matches!(known, Err(StoreError::Conflict)));
    assert!(matches!(f.store.revoke_invitation(theirs, invitation(2).id, &by(2)).await, Err(StoreError::NotFound)));
    f.store.revoke_invitation(ours, invitation(2).id, &by(2)).await.unwrap();
    assert_eq!(f.store.invitation(token(2).reveal(), at(3)).await.unwrap(), None);
}

pub(super) async fn keys_are_made_for_something_and_end(f: Fixture) {
    let (ours, theirs) = (KeyOwner::Tenant(f.ours), KeyOwner::Tenant(f.theirs));
    let key = |n: u8| ApiKey::generate([n; 32]);
    let id = ApiKeyId::new(at(0), [1; 10]);
    let scopes = [Permission::CallsRead, Permission::TrunksRead];
    let new = NewKey { id, name: "crm", scopes: Some(&scopes), expires_at: Some(at(100)) };
    f.store.add_api_key(ours, new, &key(1), &by(0)).await.unwrap();
    let found = f.store.authenticate(key(1).reveal(), at(99)).await.unwrap().unwrap();
    assert_eq!((found.actor, found.grant), (Actor::ApiKey(id), Grant::Only(scopes.to_vec())));
    assert_eq!(f.store.authenticate(key(1).reveal(), at(100)).await.unwrap(), None);
    assert_eq!(f.store.api_keys(theirs, None, 10).await.unwrap(), []);
    for owner in [theirs, KeyOwner::Platform] {
        assert!(matches!(f.store.api_key(owner, id).await, Err(StoreError::NotFound)));
        let update = f.store.update_api_key(owner, id, |entry| entry.expires_at = None, &by(1)).await;
        assert!(matches!(update, Err(StoreError::NotFound)));
        assert!(matches!(f.store.rotate_api_key(owner, id, &key(2), &by(1)).await, Err(StoreError::NotFound)));
        assert!(matches!(f.store.delete_api_key(owner, id, &by(1)).await, Err(StoreError::NotFound)));
    }
    f.store.update_api_key(ours, id, |entry| entry.expires_at = None, &by(1)).await.unwrap();
    assert!(f.store.authenticate(key(1).reveal(), at(100)).await.unwrap().is_some());
    let kept = f.store.rotate_api_key(ours, id, &key(2), &by(2)).await.unwrap();
    assert_eq!((kept.name.as_str(), kept.scopes.as_deref()), ("crm", Some(scopes.as_slice())));
    assert_eq!(f.store.authenticate(key(1).reveal(), at(3)).await.unwrap(), None);
    assert!(f.store.authenticate(key(2).reveal(), at(3)).await.unwrap().is_some());
    f.store.delete_api_key(ours, id, &by(3)).await.unwrap();
    assert_eq!(f.store.authenticate(key(2).reveal(), at(4)).await.unwrap(), None);

    let log = f.store.audit(f.ours, None, 10).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["api_key.delete", "api_key.rotate", "api_key.update", "api_key.create"]);
    let update = &log[2];
    assert_eq!((update.at, update.actor, update.object.as_str()), (at(1), Actor::System, id.to_string().as_str()));
    assert_eq!(update.request_id.as_deref(), Some("r-1"));
    let end = |value: &Option<serde_json::Value>| value.as_ref().unwrap()["expires_at"].clone();
    assert_eq!((end(&update.before), end(&update.after)), (serde_json::json!(at(100)), serde_json::Value::Null));
    let rest = f.store.audit(f.ours, Some(log[1].id), 10).await.unwrap();
    assert_eq!(rest, log[2..]);
    assert_eq!(f.store.platform_audit(None, 10).await.unwrap(), log);
}

pub(super) async fn an_answer_is_kept_for_a_day(f: Fixture) {
    let key = Actor::ApiKey(ApiKeyId::new(at(0), [1; 10]));
    let attempt = Attempt { actor: key, tenant: Some(f.ours.tenant()), key: "k", hash: [1; 32] };
    let begin = async |attempt: Attempt<'_>, second: i64| f.store.begin_attempt(attempt, at(second)).await.unwrap();
    assert_eq!(begin(attempt, 0).await, Known::New);
    assert_eq!(begin(attempt, 1).await, Known::UnderWay);
    assert_eq!(begin(Attempt { hash: [2; 32], ..attempt }, 1).await, Known::Other);
    let other = Attempt { actor: Actor::ApiKey(ApiKeyId::new(at(0), [2; 10])), ..attempt };
    assert_eq!(begin(other, 1).await, Known::New, "each principal has keys of its own");
    f.store.give_up_attempt(attempt).await.unwrap();
    assert_eq!(begin(attempt, 2).await, Known::New);
    // Its server died: two minutes later it may be tried again.
    assert_eq!(begin(attempt, 200).await, Known::New);
    let answer = StoredAnswer { status: 201, content_type: "application/json".to_owned(), body: b"{}".to_vec() };
    f.store.finish_attempt(attempt, &answer).await.unwrap();
    f.store.give_up_attempt(attempt).await.unwrap();
    assert_eq!(begin(attempt, 86_000).await, Known::Answered(answer));
    assert_eq!(begin(attempt, 86_700).await, Known::New);
}
