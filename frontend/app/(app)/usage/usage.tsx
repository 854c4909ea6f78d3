"use client";

import "@/lib/strings/areas/usage";

import { ChartColumn, Pencil } from "lucide-react";
import dynamic from "next/dynamic";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { ExportUsage } from "./export-usage";
import { QueryView } from "@/components/query-view";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, Section } from "@/components/ui/card";
import { SelectField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import type { Schemas } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { useMonth, useMonths } from "@/lib/data/usage";
import { formatDay, formatNumber, formatPaise } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { type Ceiling, ceilings, formatMonth, monthChoices, monthOf, monthTotal, type Plan } from "@/lib/usage/month";

// The library that draws is loaded with the chart, not with the page.
const DailyChart = dynamic(() => import("./daily-chart").then((module) => module.DailyChart), { ssr: false, loading: () => <Skeleton className="h-60" /> });
const PlanEditor = lazy(() => import("./plan-editor"));

type Current = Schemas["Current"];

export function Usage() {
  const { usage: words } = useStrings();
  const months = useMonths();
  const [now] = useState(() => new Date());
  const [chosen, setChosen] = useState<string | null>(null);
  const month = chosen ?? monthOf(now);
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={
        <>
          <SelectField label={words.month} hideLabel value={month} onChange={(event) => setChosen(event.target.value)}>
            {monthChoices((months.data?.months ?? []).map((one) => one.month), now).map((one) => (
              <option key={one} value={one}>
                {formatMonth(one)}
              </option>
            ))}
          </SelectField>
          <ExportUsage month={month} scope="tenant" />
        </>
      }
    >
      <QueryView query={months} isEmpty={() => false} empty={null} rows={4}>
        {({ current }) => <Month month={month} current={current} />}
      </QueryView>
    </Page>
  );
}

function Month({ month, current }: { month: string; current: Current | null }) {
  const { usage: words } = useStrings();
  const query = useMonth(month);
  const plan = current?.plan ?? {};
  return (
    <div className="grid gap-4">
      {current && current.month === month ? <Allowance allowance={current.allowance} /> : null}
      <QueryView query={query} isEmpty={() => false} empty={null} rows={4}>
        {(usage) => (
          <div className="grid grid-cols-1 gap-4">
            <Tiles usage={usage} plan={plan} />
            <Section title={words.trend} id="trend">
              {usage.calls === 0 ? (
                <EmptyState icon={ChartColumn} title={words.empty} description={words.emptyDetail} />
              ) : (
                <div className="p-4">
                  <DailyChart days={usage.days} />
                  <DaysTable days={usage.days} />
                </div>
              )}
            </Section>
            <div className="grid items-start gap-4 md:grid-cols-2">
              <Ceilings found={ceilings(plan, usage)} />
              <PlanCard plan={plan} />
            </div>
          </div>
        )}
      </QueryView>
    </div>
  );
}

function Allowance({ allowance }: { allowance: Current["allowance"] }) {
  const { usage: words } = useStrings();
  if (allowance === "full") return null;
  return (
    <p role="status" className={cn("rounded-xl px-4 py-3 font-medium", allowance === "messages_only" ? "bg-danger-soft text-danger" : "bg-warning-soft text-warning")}>
      {words.allowance[allowance]}
    </p>
  );
}

function Tiles({ usage, plan }: { usage: Schemas["UsageDetail"]; plan: Plan }) {
  const { usage: words } = useStrings();
  const included = plan.included_minutes ?? 0;
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Tile label={words.calls} value={formatNumber(usage.calls)} />
      <Tile label={words.minutes} value={formatNumber(usage.minutes)}>
        {included > 0 ? words.minutesOf(formatNumber(Math.min(usage.minutes, included)), formatNumber(included)) : words.noneIncluded}
        {usage.extra_minutes > 0 ? `; ${words.extra(formatNumber(usage.extra_minutes))}` : null}
      </Tile>
      <Tile label={words.price} value={formatPaise(usage.price_paise)}>
        {plan.monthly_fee_paise ? words.fee(formatPaise(monthTotal(plan, usage.price_paise))) : words.priceHint}
      </Tile>
      {usage.cost_paise === null || usage.cost_paise === undefined ? null : (
        <Tile label={words.cost} value={formatPaise(usage.cost_paise)}>
          {words.costHint}
        </Tile>
      )}
    </dl>
  );
}

function Tile({ label, value, children }: { label: string; value: string; children?: ReactNode }) {
  return (
    <Card className="px-4 py-3.5">
      <dt className="text-sm text-ink-muted">{label}</dt>
      <dd className="mt-1 text-2xl font-semibold tracking-tight tabular-nums">{value}</dd>
      {children ? <dd className="mt-0.5 text-sm text-ink-muted">{children}</dd> : null}
    </Card>
  );
}

function Ceilings({ found }: { found: readonly Ceiling[] }) {
  const { usage: words } = useStrings();
  const show = (amount: number, unit: Ceiling["unit"]) => (unit === "minutes" ? words.inMinutes(formatNumber(amount)) : formatPaise(amount));
  return (
    <Section title={words.ceilings} id="ceilings">
      {found.length === 0 ? <p className="p-4 text-ink-muted">{words.noCeilings}</p> : null}
      <ul className="divide-y divide-line">
        {found.map((one) => (
          <li key={`${one.kind} ${one.unit}`} className="grid gap-1.5 px-4 py-3">
            <div className="flex flex-wrap items-baseline justify-between gap-x-3">
              <span className="font-medium">{words.ceiling[one.kind]}</span>
              <span className="text-sm text-ink-muted tabular-nums">{words.usedOf(show(one.used, one.unit), show(one.bound, one.unit))}</span>
            </div>
            <div aria-hidden className="h-2 overflow-hidden rounded-full bg-subtle">
              <div className={cn("h-full rounded-full", one.share >= 1 ? "bg-danger-solid" : one.share >= 0.8 ? "bg-warning" : "bg-accent")} style={{ width: `${Math.min(100, one.share * 100)}%` }} />
            </div>
            <p className="text-sm text-ink-muted">{words.ceilingHint[one.kind]}</p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function PlanCard({ plan }: { plan: Plan }) {
  const { usage: words, common } = useStrings();
  const { operator, can } = useSession();
  const [editing, setEditing] = useState(false);
  const rows: [string, string][] = [
    [words.planOf.fee, formatPaise(plan.monthly_fee_paise ?? 0)],
    [words.planOf.included, formatNumber(plan.included_minutes ?? 0)],
    [words.planOf.extra, formatPaise(plan.extra_minute_paise ?? 0)],
    [words.planOf.gstin, plan.gstin ?? common.none],
    [words.planOf.place, plan.place_of_supply ?? common.none],
  ];
  return (
    <Section
      title={words.plan}
      id="plan"
      actions={
        operator && can("usage:write") ? (
          <Button size="sm" aria-label={words.planEdit} onClick={() => setEditing(true)}>
            <Pencil aria-hidden />
            {common.edit}
          </Button>
        ) : null
      }
    >
      <dl className="divide-y divide-line">
        {rows.map(([label, value]) => (
          <div key={label} className="flex justify-between gap-3 px-4 py-2.5">
            <dt className="text-ink-muted">{label}</dt>
            <dd className="tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
      {editing ? (
        <Suspense>
          <PlanEditor plan={plan} onClose={() => setEditing(false)} />
        </Suspense>
      ) : null}
    </Section>
  );
}

function DaysTable({ days }: { days: readonly Schemas["DayView"][] }) {
  const { usage: words } = useStrings();
  const withCalls = days.filter((day) => day.calls > 0);
  return (
    <details className="mt-3">
      <summary className="min-h-8 text-sm text-accent underline-offset-4 hover:underline">{words.trendTable}</summary>
      <table className="mt-2 w-full max-w-md text-sm tabular-nums">
        <thead>
          <tr className="border-b border-line text-left text-xs text-ink-muted">
            <th scope="col" className="py-1.5 font-medium">
              {words.day}
            </th>
            <th scope="col" className="py-1.5 text-right font-medium">
              {words.calls}
            </th>
            <th scope="col" className="py-1.5 text-right font-medium">
              {words.minutes}
            </th>
            <th scope="col" className="py-1.5 text-right font-medium">
              {words.price}
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {withCalls.map((day) => (
            <tr key={day.day}>
              <th scope="row" className="py-1.5 text-left font-normal">
                {formatDay(`${day.day}T12:00:00+05:30`)}
              </th>
              <td className="py-1.5 text-right">{formatNumber(day.calls)}</td>
              <td className="py-1.5 text-right">
                {formatNumber(day.minutes)} {day.extra_minutes > 0 ? <Badge tone="warning">+{formatNumber(day.extra_minutes)}</Badge> : null}
              </td>
              <td className="py-1.5 text-right">{formatPaise(day.price_paise)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
