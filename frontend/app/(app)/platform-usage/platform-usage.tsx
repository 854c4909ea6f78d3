"use client";

import "@/lib/strings/areas/usage";

import { ChartColumn } from "lucide-react";
import { useMemo, useState } from "react";

import { ExportUsage } from "../usage/export-usage";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Card } from "@/components/ui/card";
import { type Column, DataTable } from "@/components/ui/data-table";
import { SelectField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { type MonthUsage, usePlatformMonth } from "@/lib/data/usage";
import { formatNumber, formatPaise } from "@/lib/format";
import { useStrings } from "@/lib/strings";
import { addMonths, formatMonth, monthOf } from "@/lib/usage/month";

/** As far back as months are offered. */
const MONTHS = 24;
const RIGHT = { className: "text-right tabular-nums" };

export function PlatformUsage() {
  const { usage: words } = useStrings();
  const [now] = useState(() => monthOf(new Date()));
  const [month, setMonth] = useState(now);
  const query = usePlatformMonth(month);
  const columns = useMemo<Column<MonthUsage>[]>(
    () => [
      { id: "business", header: words.business, cell: ({ row }) => <span className="font-medium">{row.original.tenant_name ?? row.original.tenant}</span> },
      { id: "calls", header: words.calls, cell: ({ row }) => formatNumber(row.original.calls), meta: RIGHT },
      { id: "minutes", header: words.minutes, cell: ({ row: { original } }) => <span title={original.extra_minutes > 0 ? words.extra(formatNumber(original.extra_minutes)) : undefined}>{formatNumber(original.minutes)}</span>, meta: RIGHT },
      { id: "price", header: words.price, cell: ({ row }) => formatPaise(row.original.price_paise), meta: RIGHT },
      { id: "cost", header: words.cost, cell: ({ row: { original } }) => (typeof original.cost_paise === "number" ? formatPaise(original.cost_paise) : "–"), meta: RIGHT },
    ],
    [words],
  );
  const sum = (of: (one: MonthUsage) => number) => (query.data ?? []).reduce((total, one) => total + of(one), 0);
  return (
    <Page
      title={words.platformTitle}
      lead={words.platformLead}
      actions={
        <>
          <SelectField label={words.month} hideLabel value={month} onChange={(event) => setMonth(event.target.value)}>
            {Array.from({ length: MONTHS }, (_, back) => addMonths(now, -back)).map((one) => (
              <option key={one} value={one}>
                {formatMonth(one)}
              </option>
            ))}
          </SelectField>
          <ExportUsage month={month} scope="platform" />
        </>
      }
    >
      <Card className="overflow-hidden">
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={ChartColumn} title={words.empty} description={words.emptyDetail} />}>
          {(rows) => <DataTable columns={columns} rows={rows} rowId={(row) => row.tenant} caption={words.platformTitle} />}
        </QueryView>
      </Card>
      {query.data && query.data.length > 0 && !query.hasNextPage ? (
        <dl className="mt-4 flex flex-wrap gap-x-8 gap-y-2 px-1">
          <Sum label={words.calls} value={formatNumber(sum((one) => one.calls))} />
          <Sum label={words.minutes} value={formatNumber(sum((one) => one.minutes))} />
          <Sum label={words.price} value={formatPaise(sum((one) => one.price_paise))} />
          <Sum label={words.cost} value={formatPaise(sum((one) => one.cost_paise ?? 0))} />
        </dl>
      ) : null}
      <MoreButton query={query} />
    </Page>
  );
}

function Sum({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="text-sm text-ink-muted">{label}</dt>
      <dd className="text-lg font-semibold tabular-nums">{value}</dd>
    </div>
  );
}
