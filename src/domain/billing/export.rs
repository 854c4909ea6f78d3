//! The usage of a month as a CSV file: a row for the plan's fee and one for every call, which add up to the invoice.

use std::borrow::Cow;
use std::io::Write;

use super::{CallCharge, GstTerms, LineKind, Month, Paise, Plan, Tax};
use crate::domain::{CallId, TenantId};

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the export cannot be written: {0}")]
    Write(#[from] csv::Error),
    #[error("the amounts of {0} do not fit")]
    TooMuch(TenantId),
}

/// Whose rows follow.
#[derive(Debug, Clone)]
pub struct ExportedTenant {
    pub id: TenantId,
    pub name: String,
    pub plan: Plan,
}

/// Writes a month's usage of one tenant after the other.
///
/// Amounts are in rupees. The tax of a row is what the tax on all taxable values so far grew by: each is at most a paisa
/// from its own, and together they are exactly the tax on the tenant's total.
pub struct UsageExport<W: Write> {
    csv: csv::Writer<W>,
    terms: GstTerms,
    month: Month,
    /// Whether the operator's own costs are in it.
    costs: bool,
    tenant: Option<Running>,
}

struct Running {
    of: ExportedTenant,
    taxable: Paise,
    tax: Tax,
}

const HEAD: [&str; 15] = [
    "month",
    "row",
    "tenant_id",
    "tenant",
    "gstin",
    "place_of_supply",
    "supplier_gstin",
    "sac",
    "call_id",
    "answered_at_ist",
    "did",
    "seconds",
    "minutes",
    "extra_minutes",
    "taxable_value",
];
const TAXES: [&str; 5] = ["gst_percent", "cgst", "sgst", "igst", "total"];

impl<W: Write> UsageExport<W> {
    /// Begins a file with the names of its columns; `costs` adds what each call cost the operator, which is nothing that
    /// tenants are shown.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn new(out: W, month: Month, terms: GstTerms, costs: bool) -> Result<Self, ExportError> {
        let mut csv = csv::Writer::from_writer(out);
        let cost_columns = LineKind::ALL.iter().map(|kind| format!("cost_{kind}")).chain(["cost".to_owned()]);
        let head = HEAD.into_iter().chain(TAXES).map(str::to_owned).chain(cost_columns.filter(|_| costs));
        csv.write_record(head)?;
        Ok(Self { csv, terms, month, costs, tenant: None })
    }

    /// Begins a tenant, with the row of its plan's fee where it has one.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn tenant(&mut self, of: ExportedTenant) -> Result<(), ExportError> {
        let fee = of.plan.monthly_fee_paise;
        self.tenant = Some(Running { of, taxable: Paise::ZERO, tax: Tax::default() });
        if fee > Paise::ZERO { self.row("plan", None, fee) } else { Ok(()) }
    }

    /// Adds a call of the tenant that was begun last.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn call(&mut self, call: &CallCharge) -> Result<(), ExportError> {
        self.row("call", Some(call), call.price)
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn flush(&mut self) -> Result<(), ExportError> {
        self.csv.flush().map_err(|error| ExportError::Write(error.into()))
    }

    /// Writes what is not written yet, and gives the writer back.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn finish(self) -> Result<W, ExportError> {
        self.csv.into_inner().map_err(|error| ExportError::Write(error.into_error().into()))
    }

    fn row(&mut self, kind: &str, call: Option<&CallCharge>, taxable: Paise) -> Result<(), ExportError> {
        let Some(running) = &mut self.tenant else { return Ok(()) };
        let (id, plan) = (running.of.id, &running.of.plan);
        running.taxable = running.taxable.checked_add(taxable).ok_or(ExportError::TooMuch(id))?;
        let so_far = self.terms.tax(running.taxable, plan.supplied_in());
        let tax = so_far.minus(running.tax);
        running.tax = so_far;
        let total = taxable.checked_add(tax.total()).ok_or(ExportError::TooMuch(id))?;

        let place = plan.supplied_in().or(self.terms.supplier.as_ref().map(super::Gstin::state));
        let text = |value: Option<String>| value.unwrap_or_default();
        let count = |of: fn(&CallCharge) -> u64| text(call.map(|call| of(call).to_string()));
        let mut cells = vec![
            self.month.to_string(),
            kind.to_owned(),
            id.to_string(),
            running.of.name.clone(),
            text(plan.gstin.as_ref().map(ToString::to_string)),
            text(place.map(|place| place.to_string())),
            text(self.terms.supplier.as_ref().map(ToString::to_string)),
            self.terms.sac.clone(),
            text(call.map(|call| CallId::to_string(&call.call))),
            text(call.map(|call| Month::local(call.answered_at))),
            text(call.map(|call| call.did.to_string())),
            count(|call| call.seconds),
            count(|call| call.minutes),
            count(|call| call.extra_minutes),
            taxable.to_string(),
            if self.terms.supplier.is_some() { self.terms.percent.to_string() } else { "0".to_owned() },
        ];
        cells.extend([tax.cgst, tax.sgst, tax.igst, total].map(|amount| amount.to_string()));
        if self.costs {
            let lines = call.map_or(&[][..], |call| &call.lines);
            for kind in LineKind::ALL {
                let of_kind = lines.iter().filter(|line| line.kind == kind).map(|line| line.paise);
                cells.push(Paise::total(of_kind).ok_or(ExportError::TooMuch(id))?.to_string());
            }
            cells.push(call.map_or(Paise::ZERO, |call| call.cost).to_string());
        }
        self.csv.write_record(cells.iter().map(|cell| safe_cell(cell).into_owned()))?;
        Ok(())
    }
}

/// A cell as it may stand in a file that somebody opens in a spreadsheet: what could begin a formula there (`=`, `+`, `-`,
/// `@`, their full-width forms, tab, line ends) gets an apostrophe in front, telephone numbers too.
pub fn safe_cell(text: &str) -> Cow<'_, str> {
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n');
    if text.starts_with(begins) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::LedgerLine;
    use super::*;
    use crate::domain::E164;

    fn month() -> Month {
        "2026-11".parse().unwrap()
    }

    fn charge(n: u8, price: i64) -> CallCharge {
        let answered_at = month().end() - jiff::SignedDuration::from_secs(2);
        let line = |kind, paise| LedgerLine { kind, item: "line".to_owned(), quantity: 1, paise: Paise(paise) };
        CallCharge {
            call: CallId::new(answered_at, [n; 10]),
            month: month(),
            answered_at,
            did: E164::parse("+918047180000").unwrap(),
            seconds: 61,
            minutes: 2,
            extra_minutes: 1,
            price: Paise(price),
            cost: Paise(107),
            lines: vec![line(LineKind::TrunkIn, 100), line(LineKind::Stt, 4), line(LineKind::Stt, 3)],
        }
    }

    fn terms(supplier: Option<&str>) -> GstTerms {
        GstTerms { supplier: supplier.map(|text| text.parse().unwrap()), sac: "9983".to_owned(), percent: 18 }
    }

    fn tenant(name: &str, place: &str) -> ExportedTenant {
        let plan = Plan {
            monthly_fee_paise: Paise(500_000),
            place_of_supply: Some(place.parse().unwrap()),
            ..Plan::default()
        };
        ExportedTenant { id: TenantId::from_uuid(Uuid::from_u128(7)), name: name.to_owned(), plan }
    }

    fn exported(terms: GstTerms, costs: bool, tenant: ExportedTenant, calls: &[CallCharge]) -> String {
        let mut export = UsageExport::new(Vec::new(), month(), terms, costs).unwrap();
        export.tenant(tenant).unwrap();
        calls.iter().for_each(|call| export.call(call).unwrap());
        String::from_utf8(export.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_row_says_what_an_invoice_must() {
        let call = charge(1, 150);
        let file =
            exported(terms(Some("29AAGCB7383J1Z4")), true, tenant("Sharma, Dental", "29"), std::slice::from_ref(&call));
        let file = file.replace(&call.call.to_string(), "CALL");
        insta::assert_snapshot!(file, @r#"
        month,row,tenant_id,tenant,gstin,place_of_supply,supplier_gstin,sac,call_id,answered_at_ist,did,seconds,minutes,extra_minutes,taxable_value,gst_percent,cgst,sgst,igst,total,cost_trunk_in,cost_trunk_out,cost_stt,cost_tts,cost_llm_in,cost_llm_out,cost_sms,cost
        2026-11,plan,ten_00000000000000000000000000000007,"Sharma, Dental",,29,29AAGCB7383J1Z4,9983,,,,,,,5000.00,18,450.00,450.00,0.00,5900.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00
        2026-11,call,ten_00000000000000000000000000000007,"Sharma, Dental",,29,29AAGCB7383J1Z4,9983,CALL,2026-11-30 23:59:58,'+918047180000,61,2,1,1.50,18,0.14,0.14,0.00,1.78,1.00,0.00,0.07,0.00,0.00,0.00,0.00,1.07
        "#);
    }

    #[test]
    fn nothing_in_a_cell_becomes_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+918047180000", "'+918047180000"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("＝1", "'＝1"),
            ("Sharma = Sons", "Sharma = Sons"),
            ("", ""),
            ("12.50", "12.50"),
        ] {
            assert_eq!(safe_cell(text), safe);
        }
        let file = exported(terms(None), false, tenant("=HYPERLINK(\"http://x\",\"y\")", "29"), &[charge(1, 0)]);
        assert!(
            file.contains("\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"") && file.contains(",'+918047180000,"),
            "{file}"
        );
        assert!(!file.contains("cost"), "tenants are not shown what they cost: {file}");
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        for row in reader.records().map(Result::unwrap) {
            assert!(!row.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        }
    }

    fn paise(cell: &str) -> i64 {
        cell.replace('.', "").parse().unwrap()
    }

    proptest! {
        #[test]
        fn the_taxes_of_the_rows_are_the_tax_of_the_total(prices in prop::collection::vec(0..100_000i64, 0..40), place in prop::sample::select(vec!["29", "27"])) {
            let calls: Vec<_> = (0..).zip(&prices).map(|(n, price)| charge(n, *price)).collect();
            let terms = terms(Some("29AAGCB7383J1Z4"));
            let file = exported(terms.clone(), true, tenant("Clinic", place), &calls);
            let mut reader = csv::Reader::from_reader(file.as_bytes());
            let head = reader.headers().unwrap().clone();
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(rows.len(), calls.len() + 1);
            let column = |name: &str| head.iter().position(|known| known == name).unwrap();
            let sum = |name: &str| rows.iter().map(|row| paise(&row[column(name)])).sum::<i64>();
            let taxable = 500_000 + prices.iter().sum::<i64>();
            let tax = terms.tax(Paise(taxable), Some(place.parse().unwrap()));
            prop_assert_eq!((sum("taxable_value"), sum("cgst"), sum("sgst"), sum("igst")), (taxable, tax.cgst.0, tax.sgst.0, tax.igst.0));
            prop_assert_eq!(sum("total"), taxable + tax.total().0);
            let kinds: i64 = LineKind::ALL.iter().map(|kind| sum(&format!("cost_{kind}"))).sum();
            prop_assert_eq!((kinds, sum("cost")), (107 * calls.len() as i64, 107 * calls.len() as i64));
        }
    }
}
