"use client";

import { Section } from "@/components/ui/card";
import type { CallDetail } from "@/lib/data/calls";
import { formatDateTime, formatDuration, formatPhone } from "@/lib/format";
import { useStrings } from "@/lib/strings";

export function Details({ call }: { call: CallDetail }) {
  const { calls: words, common } = useStrings();
  const rows: [string, string][] = [
    [words.caller, call.caller ? formatPhone(call.caller) : common.withheld],
    [words.line, formatPhone(call.did)],
    [words.answeredAt, formatDateTime(call.answered_at)],
  ];
  if (call.end_cause) rows.push([words.endedBy, words.causes[call.end_cause]]);
  if (call.bridged_ms > 0) rows.push([words.bridged, formatDuration(call.bridged_ms)]);
  if (call.trunk) rows.push([words.trunk, call.trunk]);
  for (const transfer of call.transfers) rows.push([words.transfers, `${transfer.target}: ${words.transferResults[transfer.result]}`]);
  return (
    <Section title={words.details} id="details">
      <dl className="grid gap-2.5 p-4 text-sm">
        {rows.map(([label, value], index) => (
          <div key={index} className="flex justify-between gap-4">
            <dt className="shrink-0 text-ink-muted">{label}</dt>
            <dd className="min-w-0 text-right break-words tabular-nums">{value}</dd>
          </div>
        ))}
        {[
          [words.callId, call.id],
          [words.sipId, call.sip_call_id],
        ].map(([label, value]) => (
          <div key={label}>
            <dt className="text-ink-muted">{label}</dt>
            <dd className="font-mono text-xs break-all select-all">{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
