"use client";

import Link from "next/link";
import { useMemo } from "react";

import { OutcomeBadge } from "@/components/outcome-badge";
import { type Column, DataTable, moveThroughRows } from "@/components/ui/data-table";
import { whoCalled } from "@/lib/calls/show";
import type { Call } from "@/lib/data/calls";
import { formatClock, formatDay, formatPhone, formatTime, formatWhen } from "@/lib/format";
import { type Strings, useStrings } from "@/lib/strings";
import { useMedia, WIDE } from "@/lib/use-media";

const address = (call: Call) => `/calls/view/?id=${call.id}`;

/** The calls as a table where there is room for one, else as a list. */
export function CallList({ calls }: { calls: Call[] }) {
  const strings = useStrings();
  const wide = useMedia(WIDE);
  const columns = useMemo(() => tableColumns(strings), [strings]);
  if (wide) return <DataTable linked columns={columns} rows={calls} rowId={(call) => call.id} caption={strings.calls.title} />;
  return (
    <ul className="divide-y divide-line" onKeyDown={moveThroughRows}>
      {calls.map((call) => (
        <li key={call.id} className="relative px-4 py-3.5 focus-within:bg-subtle/60">
          <div className="flex items-center justify-between gap-2">
            <Link prefetch={false} href={address(call)} data-row className="min-w-0 truncate font-medium after:absolute after:inset-0">
              {whoCalled(call, strings.common)}
            </Link>
            <span className="flex shrink-0 items-center gap-2">
              <OutcomeBadge call={call} />
              <time dateTime={call.answered_at} className="text-sm text-ink-muted tabular-nums">
                {formatWhen(call.answered_at)}
              </time>
            </span>
          </div>
          <p className="mt-0.5 line-clamp-2 text-ink-muted">{sentence(call, strings)}</p>
        </li>
      ))}
    </ul>
  );
}

function sentence(call: Call, { calls }: Strings): string {
  return call.summary ?? (call.status === "active" ? calls.noSummaryActive : calls.noSummary);
}

function tableColumns(strings: Strings): Column<Call>[] {
  const { calls: words, common } = strings;
  return [
    {
      id: "when",
      header: words.when,
      meta: { className: "w-40 whitespace-nowrap" },
      cell: ({ row: { original: call } }) => (
        <time dateTime={call.answered_at} className="tabular-nums">
          {formatDay(call.answered_at)} <span className="text-ink-muted">{formatTime(call.answered_at)}</span>
        </time>
      ),
    },
    {
      id: "caller",
      header: words.caller,
      meta: { className: "w-52" },
      cell: ({ row: { original: call } }) => (
        <>
          <Link prefetch={false} href={address(call)} data-row className="font-medium after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent">
            {whoCalled(call, common)}
          </Link>
          {call.slots.name && call.caller ? <span className="block text-ink-muted tabular-nums">{formatPhone(call.caller)}</span> : null}
        </>
      ),
    },
    {
      id: "what",
      header: words.what,
      meta: { className: "min-w-64 max-w-0" },
      cell: ({ row: { original: call } }) => <span className="line-clamp-2 text-ink-muted">{sentence(call, strings)}</span>,
    },
    { id: "outcome", header: words.outcome, meta: { className: "w-32" }, cell: ({ row: { original: call } }) => <OutcomeBadge call={call} /> },
    {
      id: "length",
      header: words.length,
      meta: { className: "w-20 text-right" },
      cell: ({ row: { original: call } }) => <span className="tabular-nums">{call.duration_ms === null || call.duration_ms === undefined ? "–" : formatClock(call.duration_ms)}</span>,
    },
  ];
}
