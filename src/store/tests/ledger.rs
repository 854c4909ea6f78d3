//! What calls are charged, on both databases: with their record or not at all, once each, in sums that fit the calls.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::*;
use crate::domain::billing::{
    Allowance, Charge, EnginePrice, EngineUse, ExportedTenant, GstTerms, LedgerLine, LegUse, LineKind, Meter, Month,
    MonthUsage, Paise, Plan, Prices, TrunkPrice, UsageExport,
};

conformance![
    a_call_is_charged_with_its_record_and_once,
    a_call_that_was_taken_for_abandoned_is_charged_by_its_true_end,
    a_call_that_is_charged_again_bills_no_minute_twice,
    an_sms_is_added_to_its_call,
    what_a_call_may_spend_follows_the_month,
    a_foreign_tenant_sees_and_changes_no_money,
    a_plan_that_cannot_be_is_not_kept,
    charges_of_calls_that_end_at_once_add_up,
    months_are_summed_by_day_and_for_all_tenants,
    a_change_of_a_plan_is_written_down,
];

fn price(text: &str) -> crate::domain::billing::UnitPrice {
    text.parse().unwrap()
}

fn prices() -> Prices {
    let trunk =
        TrunkPrice { inbound_per_pulse: price("50"), outbound_per_pulse: price("60.5"), ..TrunkPrice::default() };
    let engine = EnginePrice {
        per_audio_second: price("0.83"),
        per_million_characters: price("125000"),
        per_1k_tokens_in: price("1.25"),
        per_1k_tokens_out: price("5"),
    };
    Prices {
        trunks: [("main-line".to_owned(), trunk)].into(),
        engines: [("cloud".to_owned(), engine)].into(),
        sms_per_segment: price("18.5"),
    }
}

/// A call of `ms` on the main line, with so much speech.
fn used(ms: u64, audio_ms: u64) -> Charge {
    let meter = Meter::default();
    meter.leg(LegUse { trunk: "main-line".to_owned(), outbound: false, ms });
    meter.used("cloud", EngineUse::AudioMs, audio_ms);
    meter.used("piper", EngineUse::Characters, 120);
    prices().charge(&meter.read())
}

fn month() -> Month {
    Month::of(at(0))
}

fn plan() -> Plan {
    Plan { included_minutes: 3, extra_minute_paise: Paise(200), ..Plan::default() }
}

async fn closed(f: &Fixture, second: i64, charge: Charge) -> CallRecord {
    let call = record(f.ours, second);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.close_call(f.ours, call.id, &CloseCall { charge, ..close(second + 100) }).await.unwrap();
    call
}

async fn a_call_is_charged_with_its_record_and_once(f: Fixture) {
    f.store.put_plan(f.ours, &plan()).await.unwrap();
    assert_eq!(f.store.usage(f.ours, month()).await.unwrap(), MonthUsage::none(month()));
    let call = closed(&f, 0, used(100_000, 30_000)).await;
    let again = CloseCall { charge: used(999_000, 0), ..close(99) };
    f.store.close_call(f.ours, call.id, &again).await.unwrap();
    let charged = f.store.ledger(f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((charged.seconds, charged.minutes, charged.extra_minutes), (100, 2, 0), "100 s are two pulses");
    // 2 pulses at 50 paise, 30 s at 0.83 paise; the node's own voice has no price.
    assert_eq!((charged.cost, charged.price), (Paise(100 + 25), Paise(0)));
    let lines: Vec<_> = charged.lines.iter().map(|line| (line.kind, line.quantity, line.paise.0)).collect();
    assert_eq!(lines, [(LineKind::Stt, 30_000, 25), (LineKind::TrunkIn, 2, 100), (LineKind::Tts, 120, 0)]);

    closed(&f, 200, used(61_000, 0)).await;
    let expected = MonthUsage {
        calls: 2,
        minutes: 4,
        extra_minutes: 1,
        cost: Paise(225),
        price: Paise(200),
        ..MonthUsage::none(month())
    };
    assert_eq!(f.store.usage(f.ours, month()).await.unwrap(), expected, "the fourth minute is not included");
    let open = record(f.ours, 300);
    f.store.open_call(f.ours, &open).await.unwrap();
    assert_eq!(f.store.ledger(f.ours, open.id).await.unwrap(), None);
    // A line that cannot be written keeps the record from being closed.
    let negative = LedgerLine { kind: LineKind::Stt, item: "cloud".to_owned(), quantity: 1, paise: Paise(i64::MAX) };
    let broken = Charge { lines: vec![negative], minutes: 1 };
    assert!(f.store.close_call(f.ours, open.id, &CloseCall { charge: broken, ..close(301) }).await.is_err());
    assert_eq!(f.store.call_record(f.ours, open.id).await.unwrap().unwrap().status, CallStatus::Active);
    assert_eq!(f.store.usage(f.ours, month()).await.unwrap(), expected);
}

async fn a_call_that_is_charged_again_bills_no_minute_twice(f: Fixture) {
    f.store.put_plan(f.ours, &plan()).await.unwrap();
    let early = record(f.ours, 0);
    f.store.open_call(f.ours, &early).await.unwrap();
    f.store.append_turn(f.ours, early.id, &turn(15, Speaker::Caller, "are you there")).await.unwrap();
    f.store.repair_abandoned(at(86_400), &prices()).await.unwrap();
    closed(&f, 200, used(240_000, 0)).await;
    let sum = async || {
        let month = f.store.usage(f.ours, month()).await.unwrap();
        (month.minutes, month.extra_minutes, month.price)
    };
    assert_eq!(sum().await, (6, 3, Paise(600)), "two minutes and four, three of them included");
    // The two minutes of the first are taken back and counted anew; the three that were billed stay billed.
    let charge = used(110_000, 0);
    f.store.close_call(f.ours, early.id, &CloseCall { charge, ..close(110) }).await.unwrap();
    assert_eq!(sum().await, (6, 3, Paise(600)));
}

async fn a_call_that_was_taken_for_abandoned_is_charged_by_its_true_end(f: Fixture) {
    f.store.put_plan(f.ours, &Plan { included_minutes: 0, ..plan() }).await.unwrap();
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.append_turn(f.ours, call.id, &turn(15, Speaker::Caller, "are you there")).await.unwrap();
    f.store.repair_abandoned(at(86_400), &prices()).await.unwrap();
    let charged = f.store.ledger(f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((charged.seconds, charged.minutes, charged.price), (63, 2, Paise(400)), "up to the last sign of life");
    assert_eq!((charged.cost, charged.lines[0].item.as_str()), (Paise(100), "main-line"));
    let sms = prices().sms("msg91", 2);
    f.store.add_cost(f.ours, call.id, &sms).await.unwrap();

    f.store.close_call(f.ours, call.id, &CloseCall { charge: used(179_000, 0), ..close(179) }).await.unwrap();
    let charged = f.store.ledger(f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((charged.seconds, charged.minutes, charged.price), (179, 3, Paise(600)));
    assert_eq!(charged.cost, Paise(150 + 37), "the SMS was sent all the same");
    let usage = f.store.usage(f.ours, month()).await.unwrap();
    assert_eq!((usage.calls, usage.minutes, usage.extra_minutes), (1, 3, 3));
    assert_eq!((usage.cost, usage.price), (charged.cost, charged.price));
}

async fn an_sms_is_added_to_its_call(f: Fixture) {
    let call = closed(&f, 0, used(10_000, 0)).await;
    let sms = prices().sms("msg91", 2);
    f.store.add_cost(f.ours, call.id, &sms).await.unwrap();
    f.store.add_cost(f.ours, call.id, &sms).await.unwrap();
    let charged = f.store.ledger(f.ours, call.id).await.unwrap().unwrap();
    let twice = LedgerLine { quantity: 4, paise: Paise(74), ..sms.clone() };
    assert!(charged.lines.contains(&twice), "{:?}", charged.lines);
    assert_eq!((charged.cost, f.store.usage(f.ours, month()).await.unwrap().cost), (Paise(124), Paise(124)));
    let open = record(f.ours, 300);
    f.store.open_call(f.ours, &open).await.unwrap();
    assert!(matches!(f.store.add_cost(f.ours, open.id, &sms).await, Err(StoreError::NotFound)));
}

async fn what_a_call_may_spend_follows_the_month(f: Fixture) {
    assert_eq!(f.store.allowance(f.ours, at(0)).await.unwrap(), Allowance::Full, "no plan, no ceiling");
    let ceilings = Plan { soft_ceiling_paise: Some(Paise(100)), hard_ceiling_minutes: Some(3), ..plan() };
    f.store.put_plan(f.ours, &ceilings).await.unwrap();
    let mut allowed = vec![f.store.allowance(f.ours, at(0)).await.unwrap()];
    for second in [0, 200, 400] {
        closed(&f, second, used(59_000, 0)).await;
        allowed.push(f.store.allowance(f.ours, at(0)).await.unwrap());
    }
    assert_eq!(allowed, [Allowance::Full, Allowance::Full, Allowance::LocalEngines, Allowance::MessagesOnly]);
    assert_eq!(f.store.allowance(f.ours, month().end()).await.unwrap(), Allowance::Full, "a month begins anew");
    let last = month().end() - jiff::SignedDuration::from_micros(1);
    assert_eq!(f.store.allowance(f.ours, last).await.unwrap(), Allowance::MessagesOnly);
    assert_eq!(f.store.allowance(f.theirs, at(0)).await.unwrap(), Allowance::Full);
}

async fn a_foreign_tenant_sees_and_changes_no_money(f: Fixture) {
    f.store.put_plan(f.ours, &plan()).await.unwrap();
    let call = closed(&f, 0, used(100_000, 0)).await;
    let before = (f.store.ledger(f.ours, call.id).await.unwrap(), f.store.usage(f.ours, month()).await.unwrap());
    assert_eq!(f.store.plan(f.theirs).await.unwrap(), Plan::default());
    assert_eq!(f.store.usage(f.theirs, month()).await.unwrap(), MonthUsage::none(month()));
    assert_eq!(f.store.ledger(f.theirs, call.id).await.unwrap(), None);
    assert_eq!(f.store.charges(f.theirs, month(), None, 10).await.unwrap(), []);
    let sms = prices().sms("msg91", 1);
    assert!(matches!(f.store.add_cost(f.theirs, call.id, &sms).await, Err(StoreError::NotFound)));
    f.store.put_plan(f.theirs, &Plan { included_minutes: 9, ..Plan::default() }).await.unwrap();
    assert_eq!(f.store.plan(f.ours).await.unwrap(), plan());
    let after = (f.store.ledger(f.ours, call.id).await.unwrap(), f.store.usage(f.ours, month()).await.unwrap());
    assert_eq!(before, after);
}

async fn a_plan_that_cannot_be_is_not_kept(f: Fixture) {
    let negative = Plan { monthly_fee_paise: Paise(-1), ..Plan::default() };
    assert!(matches!(f.store.put_plan(f.ours, &negative).await, Err(StoreError::Plan(_))));
    let nobody = TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(404)));
    assert!(matches!(f.store.put_plan(nobody, &plan()).await, Err(StoreError::NotFound)));
    f.store.put_plan(f.ours, &plan()).await.unwrap();
    let named = f.store.billed_tenants(month()).await.unwrap();
    assert_eq!(named, [(f.ours, "Sharma Dental Clinic".to_owned())]);
}

async fn charges_of_calls_that_end_at_once_add_up(f: Fixture) {
    f.store.put_plan(f.ours, &Plan { included_minutes: 10, ..plan() }).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12u8 {
        let (store, scope) = (f.store.clone(), f.ours);
        tasks.spawn(async move {
            let call = CallRecord { id: CallId::new(at(0), [n; 10]), ..record(scope, 0) };
            store.open_call(scope, &call).await?;
            store.close_call(scope, call.id, &CloseCall { charge: used(61_000, 1_000), ..close(61) }).await
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    let usage = f.store.usage(f.ours, month()).await.unwrap();
    assert_eq!((usage.calls, usage.minutes, usage.extra_minutes), (12, 24, 14));
    let calls = f.store.charges(f.ours, month(), None, 100).await.unwrap();
    assert_eq!(calls.iter().map(|call| call.extra_minutes).sum::<u64>(), 14, "each minute is included or charged once");
}

async fn months_are_summed_by_day_and_for_all_tenants(f: Fixture) {
    let end = (month().end().as_second() - at(0).as_second()) - 1;
    for second in [0, 34_599, 34_600, end, end + 1] {
        closed(&f, second, used(59_000, 0)).await;
    }
    let days = f.store.usage_days(f.ours, month()).await.unwrap();
    let shown: Vec<_> = days.iter().map(|day| (day.day.to_string(), day.calls, day.cost)).collect();
    let expected = [("2025-10-09", 2, 100), ("2025-10-10", 1, 50), ("2025-10-31", 1, 50)];
    assert_eq!(shown, expected.map(|(day, calls, paise)| (day.to_owned(), calls, Paise(paise))));
    assert!(f.store.usage_days(f.theirs, month()).await.unwrap().is_empty());

    let first = f.store.usage_months(f.ours, None, 1).await.unwrap();
    assert_eq!((first.items[0].month, first.items[0].calls, first.more), (Month::of(month().end()), 1, true));
    let second = f.store.usage_months(f.ours, Some(first.items[0].month), 1).await.unwrap();
    assert_eq!((second.items[0].month, second.items[0].calls, second.more), (month(), 4, false));

    let all = f.store.usage_of_all(month(), None, 1).await.unwrap();
    assert_eq!((all.items[0].0, all.items[0].2.calls, all.more), (f.ours.tenant(), 4, true));
    let rest = f.store.usage_of_all(month(), Some(f.ours.tenant()), 1).await.unwrap();
    assert_eq!((rest.items[0].0, rest.items[0].2, rest.more), (f.theirs.tenant(), MonthUsage::none(month()), false));
}

async fn a_change_of_a_plan_is_written_down(f: Fixture) {
    let by = crate::domain::By::system(at(5));
    f.store.change_plan(f.ours, &plan(), &by).await.unwrap();
    f.store.change_plan(f.ours, &plan(), &by).await.unwrap();
    let log = f.store.audit(f.ours, None, 9).await.unwrap();
    assert_eq!((log.len(), log[0].action.as_str()), (1, "plan.update"));
    assert_eq!(log[0].before.as_ref().unwrap()["included_minutes"], 0);
    assert!(f.store.audit(f.theirs, None, 9).await.unwrap().is_empty());
    let negative = Plan { monthly_fee_paise: Paise(-1), ..Plan::default() };
    assert!(matches!(f.store.change_plan(f.ours, &negative, &by).await, Err(StoreError::Plan(_))));
    assert_eq!(f.store.plan(f.ours).await.unwrap(), plan());
}

/// A call: its month's half (or the month after), its length, and what engines were given.
type RandomCall = (bool, u64, u64, u64, u64, Option<u64>);

/// Random calls of a tenant of its own, exported and compared with the calls themselves.
async fn reconcile(f: &Fixture, tenant: u128, calls: Vec<RandomCall>, included: u64) {
    let scope = TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(tenant)));
    let named = Tenant { id: scope.tenant(), name: format!("=Tenant {tenant}"), max_calls: 3 };
    f.store.put_tenant(scope, &named).await.unwrap();
    let plan = Plan { monthly_fee_paise: Paise(500_000), included_minutes: included, ..plan() };
    f.store.put_plan(scope, &plan).await.unwrap();
    let prices = prices();
    for (n, (this_month, ms, audio_ms, characters, tokens, leg)) in (0u8..).zip(&calls) {
        let answered_at = match this_month {
            true => month().end() - jiff::SignedDuration::from_secs(i64::from(n) + 1),
            false => month().end() + jiff::SignedDuration::from_secs(i64::from(n)),
        };
        let id = CallId::new(answered_at, std::array::from_fn(|at| if at == 0 { n } else { tenant as u8 }));
        let call = CallRecord { id, answered_at, tenant: scope.tenant(), ..record(scope, 0) };
        f.store.open_call(scope, &call).await.unwrap();
        let meter = Meter::default();
        meter.leg(LegUse { trunk: "main-line".to_owned(), outbound: false, ms: *ms });
        if let Some(ms) = leg {
            meter.leg(LegUse { trunk: "main-line".to_owned(), outbound: true, ms: *ms });
        }
        meter.used("cloud", EngineUse::AudioMs, *audio_ms);
        meter.used("cloud", EngineUse::Characters, *characters);
        meter.used("cloud", EngineUse::TokensIn, *tokens);
        let ended_at = answered_at + jiff::SignedDuration::from_millis(i64::try_from(*ms).unwrap());
        let close = CloseCall { charge: prices.charge(&meter.read()), ended_at, ..close(0) };
        f.store.close_call(scope, id, &close).await.unwrap();
        if tokens % 3 == 0 {
            f.store.add_cost(scope, id, &prices.sms("msg91", 1 + tokens % 2)).await.unwrap();
        }
    }
    let (file, charges) = export(&f.store, scope, &named.name, &plan).await;
    let window = CallFilter { from: Some(month().start()), until: Some(month().end()), ..CallFilter::default() };
    let stored = f.store.list_calls(scope, &window, None, 1_000).await.unwrap().items;
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|known| known == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let mut exported: Vec<String> = rows.iter().map(|row| row[column("call_id")].to_owned()).collect();
    exported.sort();
    let mut expected: Vec<String> = stored.iter().map(|call| call.id.to_string()).chain([String::new()]).collect();
    expected.sort();
    assert_eq!(exported, expected, "each call of the month once, and the plan's fee");
    for row in &rows {
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
    }
    let paise = |cell: &str| cell.replace('.', "").parse::<i64>().unwrap();
    let sum = |name: &str| rows.iter().map(|row| paise(&row[column(name)])).sum::<i64>();
    let usage = f.store.usage(scope, month()).await.unwrap();
    assert_eq!((usage.calls, usage.cost.0), (stored.len() as u64, sum("cost")));
    assert_eq!(sum("taxable_value"), usage.price.0 + 500_000);
    let of_kinds: i64 = LineKind::ALL.iter().map(|kind| sum(&format!("cost_{kind}"))).sum();
    let of_lines: i64 = charges.iter().flat_map(|call| &call.lines).map(|line| line.paise.0).sum();
    assert_eq!((of_kinds, of_lines), (usage.cost.0, usage.cost.0), "lines, calls and the month agree");
    assert_eq!(charges.iter().map(|call| call.minutes).sum::<u64>(), usage.minutes);
    assert_eq!(usage.extra_minutes, usage.minutes.saturating_sub(included));
    assert_eq!(sum("cgst") + sum("sgst") + sum("igst") + sum("taxable_value"), sum("total"));
}

/// In pages that are smaller than the month.
async fn export(
    store: &Store,
    scope: TenantScope,
    name: &str,
    plan: &Plan,
) -> (String, Vec<crate::domain::billing::CallCharge>) {
    let supplier = "29AAGCB7383J1Z4".parse().ok();
    let terms = GstTerms { supplier, sac: "9983".to_owned(), percent: 18 };
    let mut export = UsageExport::new(Vec::new(), month(), terms, true).unwrap();
    export.tenant(ExportedTenant { id: scope.tenant(), name: name.to_owned(), plan: plan.clone() }).unwrap();
    let mut charges = Vec::new();
    loop {
        let page = store.charges(scope, month(), charges.last(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        page.iter().for_each(|call| export.call(call).unwrap());
        charges.extend(page);
    }
    (String::from_utf8(export.finish().unwrap()).unwrap(), charges)
}

async fn reconciled(f: Fixture, cases: u128) {
    let call = (
        prop::bool::weighted(0.8),
        0..400_000u64,
        0..90_000u64,
        0..4_000u64,
        0..3_000u64,
        prop::option::of(0..200_000u64),
    );
    let months = (prop::collection::vec(call, 0..12), 0..30u64);
    let mut runner = TestRunner::deterministic();
    for case in 0..cases {
        let (calls, included) = months.new_tree(&mut runner).unwrap().current();
        reconcile(&f, 100 + case, calls, included).await;
    }
}

#[tokio::test]
async fn a_months_export_is_its_calls_on_sqlite() {
    reconciled(sqlite().await, 40).await;
}

#[tokio::test]
async fn a_months_export_is_its_calls_on_postgres() {
    reconciled(postgres().await, 20).await;
}
