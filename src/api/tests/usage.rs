//! Months, days, charges, exports and plans.

use super::*;
use crate::domain::billing::{Charge, GstTerms, LedgerLine, LineKind, Month, Paise, Plan};
use crate::store::CloseCall;

const DAY: i64 = 24 * 3_600;

pub(super) fn terms() -> GstTerms {
    GstTerms { supplier: "29AAGCB7383J1Z4".parse().ok(), sac: "9983".to_owned(), percent: 18 }
}

impl Api {
    /// A call that is over and came to so many minutes and paise.
    async fn charged(&self, scope: TenantScope, second: i64, minutes: u64, paise: i64) -> CallRecord {
        let call = self.call(scope, second, None).await;
        let line =
            LedgerLine { kind: LineKind::TrunkIn, item: "line".to_owned(), quantity: minutes, paise: Paise(paise) };
        let closing = CloseCall { charge: Charge { lines: vec![line], minutes }, ..close(second + 60) };
        self.f.store.close_call(scope, call.id, &closing).await.unwrap();
        call
    }

    /// The header of a key of ours that only reads usage.
    async fn reader(&self) -> u8 {
        self.key(50, KeyOwner::Tenant(self.f.ours), Some(&[Permission::UsageRead]), None).await;
        50
    }

    async fn put_plan(&self, key: u8, tenant: Option<TenantScope>, plan: Value) -> Answer {
        let mut request = Request::put("/v1/plan").header("authorization", bearer(key));
        if let Some(scope) = tenant {
            request = request.header(TENANT_HEADER, scope.tenant().to_string());
        }
        let request = request.header("content-type", "application/json").body(Body::from(plan.to_string()));
        let (parts, body) = self.router.clone().oneshot(request.unwrap()).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap().into() }
    }
}

#[tokio::test]
async fn months_are_listed_with_what_each_may_see_of_them() {
    let api = api().await;
    let plan = Plan { included_minutes: 3, extra_minute_paise: Paise(200), ..Plan::default() };
    api.f.store.put_plan(api.f.ours, &plan).await.unwrap();
    api.charged(api.f.ours, 0, 4, 150).await;
    api.charged(api.f.ours, 10, 1, 50).await;
    api.charged(api.f.ours, 40 * DAY, 2, 75).await;
    api.charged(api.f.theirs, 0, 9, 999).await;

    let first = api.get(OURS, "/v1/usage?limit=1").await.json();
    let tenant = api.f.ours.tenant();
    assert_eq!(
        first["usage"],
        json!([{ "tenant": tenant, "tenant_name": null, "month": "2025-11", "calls": 1, "minutes": 2, "extra_minutes": 0,
                 "price_paise": 0, "cost_paise": 75 }])
    );
    assert_eq!(
        (&first["current"]["allowance"], &first["current"]["plan"]["included_minutes"]),
        (&json!("full"), &json!(3))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = api.get(OURS, &format!("/v1/usage?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&last["usage"][0]["month"], &last["next_cursor"]), (&json!("2025-10"), &Value::Null));
    assert_eq!((&last["usage"][0]["price_paise"], &last["usage"][0]["cost_paise"]), (&json!(400), &json!(200)));

    let reader = api.reader().await;
    let seen = api.get(reader, "/v1/usage").await.json();
    assert_eq!((&seen["usage"][1]["price_paise"], &seen["usage"][1]["cost_paise"]), (&json!(400), &Value::Null));
    let refused = api.get(OURS, "/v1/usage?month=2025-10").await;
    assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec!["month".to_owned()]));
}

#[tokio::test]
async fn the_current_allowance_follows_the_ceilings() {
    let api = api().await;
    let plan = Plan { soft_ceiling_minutes: Some(2), hard_ceiling_minutes: Some(5), ..Plan::default() };
    api.f.store.put_plan(api.f.ours, &plan).await.unwrap();
    let since = jiff::Timestamp::now().as_second() - at(0).as_second();
    let mut allowed = Vec::new();
    for (second, minutes) in [(0, 9), (since, 2), (since + 1, 3)] {
        api.charged(api.f.ours, second, minutes, 0).await;
        let current = api.get(OURS, "/v1/usage").await.json()["current"].clone();
        assert_eq!(current["month"], json!(Month::of(jiff::Timestamp::now())));
        allowed.push(current["allowance"].clone());
    }
    assert_eq!(allowed, ["full", "local_engines", "messages_only"], "an earlier month does not count");
}

#[tokio::test]
async fn a_month_has_its_days_as_india_has_them() {
    let api = api().await;
    // 2025-10-09 14:23:20 in India; midnight is 34 600 s later.
    for (second, minutes) in [(0, 1), (34_599, 2), (34_600, 4)] {
        api.charged(api.f.ours, second, minutes, 10).await;
    }
    let month = api.get(OURS, "/v1/usage/2025-10").await.json();
    let days = month["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["day"], &month["minutes"]), (31, &json!("2025-10-01"), &json!(7)));
    let day = |day: &str| days.iter().find(|found| found["day"] == day).unwrap();
    assert_eq!((&day("2025-10-09")["calls"], &day("2025-10-09")["minutes"]), (&json!(2), &json!(3)));
    assert_eq!((&day("2025-10-10")["minutes"], &day("2025-10-10")["cost_paise"]), (&json!(4), &json!(10)));
    assert_eq!(day("2025-10-11")["calls"], 0);
    let reader = api.reader().await;
    assert_eq!(api.get(reader, "/v1/usage/2025-10").await.json()["days"][8]["cost_paise"], Value::Null);
    assert_eq!(api.get(THEIRS, "/v1/usage/2025-10").await.json()["calls"], 0);
    assert_eq!(api.get(OURS, "/v1/usage/2999-01").await.json()["days"], json!([]));
    for nonsense in ["2025-13", "2025", "%FF", "%00", "2025-10-09"] {
        assert_eq!(api.get(OURS, &format!("/v1/usage/{nonsense}")).await.status, StatusCode::NOT_FOUND, "{nonsense}");
    }
    assert_eq!(api.get(PLATFORM, "/v1/usage/2025-10").await.fields(), ["VCA-Tenant"]);
}

#[tokio::test]
async fn the_operator_sees_a_month_of_every_tenant() {
    let api = api().await;
    api.charged(api.f.ours, 0, 4, 150).await;
    let first = api.get(PLATFORM, "/v1/usage?month=2025-10&limit=1").await.json();
    assert_eq!(first["usage"][0]["tenant_name"], "Sharma Dental Clinic");
    assert_eq!((&first["usage"][0]["cost_paise"], &first["current"]), (&json!(150), &Value::Null));
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = api.get(PLATFORM, &format!("/v1/usage?month=2025-10&limit=1&cursor={cursor}")).await.json();
    assert_eq!((&last["usage"][0]["tenant_name"], &last["usage"][0]["calls"]), (&json!("Verma Motors"), &json!(0)));
    assert_eq!(last["next_cursor"], Value::Null, "a full page may be the last one");
    let running = api.get(PLATFORM, "/v1/usage").await.json();
    assert_eq!(running["usage"][0]["month"], json!(Month::of(jiff::Timestamp::now())));
    for (query, field) in [("month=2025-13", "month"), (&format!("month=2025-11&cursor={cursor}"), "cursor")] {
        let refused = api.get(PLATFORM, &format!("/v1/usage?{query}")).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec![field.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn a_tenants_export_is_its_own_and_without_what_calls_cost() {
    let api = api().await;
    let plan = Plan { monthly_fee_paise: Paise(100_000), extra_minute_paise: Paise(200), ..Plan::default() };
    api.f.store.put_plan(api.f.ours, &plan).await.unwrap();
    let mut calls = Vec::new();
    for second in 0..5 {
        calls.push(api.charged(api.f.ours, second, 2, 70).await.id.to_string());
    }
    let foreign = api.charged(api.f.theirs, 0, 1, 30).await.id.to_string();

    let own = api.get(OURS, "/v1/usage/2025-10/export").await;
    assert_eq!((own.status, own.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert_eq!(own.header("content-disposition"), "attachment; filename=\"vca-usage-2025-10.csv\"");
    let mut reader = csv::Reader::from_reader(own.body.as_slice());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|known| known == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let listed: Vec<&str> = rows.iter().map(|row| &row[column("call_id")]).collect();
    assert_eq!(listed[0], "", "the plan's fee first");
    assert_eq!(listed[1..], calls, "each call once, over all pages");
    assert_eq!((&rows[1][column("taxable_value")], &rows[1][column("gst_percent")]), ("4.00", "18"));
    assert!(!head.iter().any(|name| name.starts_with("cost")), "{head:?}");

    let all = String::from_utf8(api.get(PLATFORM, "/v1/usage/2025-10/export").await.body).unwrap();
    assert!(all.lines().next().unwrap().ends_with(",cost"), "{all}");
    assert!(all.contains(&calls[4]) && all.contains(&foreign), "{all}");
    assert_eq!(all.lines().count(), 1 + 1 + 5 + 1);
    let empty = String::from_utf8(api.get(THEIRS, "/v1/usage/2025-11/export").await.body).unwrap();
    assert_eq!(empty.lines().count(), 1, "the names of the columns: {empty}");
}

#[tokio::test]
async fn a_call_is_charged_once_it_is_over() {
    let api = api().await;
    let call = api.charged(api.f.ours, 0, 4, 150).await;
    let open = api.call(api.f.ours, 100, None).await;
    let path = |call: &CallRecord| format!("/v1/calls/{}/charge", call.id);
    let seen = api.get(OURS, &path(&call)).await.json();
    assert_eq!((&seen["minutes"], &seen["seconds"], &seen["cost_paise"]), (&json!(4), &json!(60), &json!(150)));
    assert_eq!(seen["lines"], json!([{ "kind": "trunk_in", "item": "line", "quantity": 4, "paise": 150 }]));
    let reader = api.reader().await;
    let seen = api.get(reader, &path(&call)).await.json();
    assert_eq!((&seen["minutes"], &seen["cost_paise"], &seen["lines"]), (&json!(4), &Value::Null, &Value::Null));
    let early = api.get(OURS, &path(&open)).await;
    assert_eq!(early.status, StatusCode::NOT_FOUND);
    assert!(early.detail().contains("not charged yet"), "{}", early.detail());
    let foreign = api.get(THEIRS, &path(&call)).await;
    assert_eq!((foreign.status, foreign.detail().as_str()), (StatusCode::NOT_FOUND, "there is no such call"));
}

#[tokio::test]
async fn a_plan_is_the_operators_to_change() {
    let api = api().await;
    let ours = Some(api.f.ours);
    let plan = json!({ "monthly_fee_paise": 500_000, "included_minutes": 500, "gstin": "27AAPFU0939F1ZV" });
    assert_eq!(api.put_plan(OURS, ours, plan.clone()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.put_plan(PLATFORM, None, plan.clone()).await.fields(), ["VCA-Tenant"]);
    assert_eq!(api.get(OURS, "/v1/plan").await.json()["included_minutes"], 0);
    let put = api.put_plan(PLATFORM, ours, plan.clone()).await;
    assert_eq!(put.status, StatusCode::OK, "{}", String::from_utf8_lossy(&put.body));
    let read = api.get(OURS, "/v1/plan").await.json();
    assert_eq!((&read["included_minutes"], &read["gstin"]), (&json!(500), &json!("27AAPFU0939F1ZV")));
    assert_eq!(api.get(THEIRS, "/v1/plan").await.json()["included_minutes"], 0);
    // The same once more changes nothing, and says nothing.
    api.put_plan(PLATFORM, ours, plan).await;
    let log = api.f.store.audit(api.f.ours, None, 9).await.unwrap();
    let changes: Vec<_> = log.iter().filter(|entry| entry.action == "plan.update").collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].after.as_ref().unwrap()["included_minutes"], 500);
    for (plan, field) in [
        (json!({ "extra_minute_paise": -1 }), "extra_minute_paise"),
        (json!({ "monthly_fee_paise": 1_000_000_000_001_i64 }), "monthly_fee_paise"),
        (json!({ "soft_ceiling_paise": 9, "hard_ceiling_paise": 8 }), "hard_ceiling_paise"),
        (json!({ "soft_ceiling_minutes": 9, "hard_ceiling_minutes": 8 }), "hard_ceiling_minutes"),
        (json!({ "gstin": "27AAPFU0939F1ZW" }), "gstin"),
        (json!({ "gstin": "27AAPFU0939F1ZV", "place_of_supply": "29" }), "place_of_supply"),
        (json!({ "place_of_supply": "99" }), "place_of_supply"),
        (json!({ "included": 1 }), "included"),
        (json!({ "included_minutes": "many" }), "included_minutes"),
    ] {
        let refused = api.put_plan(PLATFORM, ours, plan).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    assert_eq!(api.get(OURS, "/v1/plan").await.json()["included_minutes"], 500);
}
