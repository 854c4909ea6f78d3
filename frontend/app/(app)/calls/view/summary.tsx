"use client";

import { Card } from "@/components/ui/card";
import type { CallDetail } from "@/lib/data/calls";
import { formatPhone } from "@/lib/format";
import { useStrings } from "@/lib/strings";

/** What the owner reads first: one sentence, and what was taken down. */
export function Summary({ call }: { call: CallDetail }) {
  const { calls: words } = useStrings();
  const { slots } = call;
  const taken: [string, string | null | undefined][] = [
    [words.slots.name, slots.name],
    [words.slots.number, slots.number ? formatPhone(slots.number) : null],
    [words.slots.reason, slots.reason],
    [words.slots.preferred_time, slots.preferred_time],
    [words.slots.email, slots.email],
    [words.slots.pin_code, slots.pin_code],
  ];
  const filled = taken.filter(([, value]) => value);
  return (
    <Card className="p-4">
      <h2 className="text-sm font-semibold">{words.summary}</h2>
      <p className="mt-1.5 text-base">{call.summary ?? (call.status === "active" ? words.noSummaryActive : words.noSummary)}</p>
      <h3 className="mt-4 text-sm font-semibold">{words.taken}</h3>
      {filled.length === 0 ? (
        <p className="mt-1.5 text-ink-muted">{words.nothingTaken}</p>
      ) : (
        <dl className="mt-1.5 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
          {filled.map(([label, value]) => (
            <div key={label} className="contents">
              <dt className="text-ink-muted">{label}</dt>
              <dd className="break-words">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Card>
  );
}
