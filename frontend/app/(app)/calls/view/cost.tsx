"use client";

import { Section } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import type { Schemas } from "@/lib/api/client";
import { type CallDetail, useCharge } from "@/lib/data/calls";
import { formatDuration, formatNumber, formatPaise } from "@/lib/format";
import { useSession } from "@/lib/session";
import { type Strings, useStrings } from "@/lib/strings";

type Line = Schemas["LineView"];

/** What the call was charged, and for who may know, what it cost, line by line. */
export function Cost({ call }: { call: CallDetail }) {
  const { calls: words } = useStrings();
  const { can } = useSession();
  const over = call.status !== "active";
  const query = useCharge(call.id, over && can("usage:read"));
  if (!over || !can("usage:read")) return null;
  return (
    <Section title={words.cost} id="cost">
      {query.isPending ? (
        <div aria-busy className="p-4">
          <Skeleton className="h-10" />
        </div>
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} className="py-6" />
      ) : query.data === null ? (
        <p className="p-4 text-sm text-ink-muted">{words.noCost}</p>
      ) : (
        <Charge charge={query.data} />
      )}
    </Section>
  );
}

function Charge({ charge }: { charge: Schemas["ChargeView"] }) {
  const { calls: words } = useStrings();
  const minutes = words.chargedMinutes(formatNumber(charge.minutes));
  return (
    <div className="p-4 text-sm">
      <dl className="grid gap-2.5">
        <div className="flex justify-between gap-4">
          <dt className="text-ink-muted">{words.charged}</dt>
          <dd className="text-right tabular-nums">
            <span className="font-medium">{formatPaise(charge.price_paise)}</span>
            <span className="block text-ink-muted">
              {minutes}
              {charge.extra_minutes > 0 ? `, ${words.extraMinutes(formatNumber(charge.extra_minutes))}` : null}
            </span>
          </dd>
        </div>
        {charge.cost_paise === null || charge.cost_paise === undefined ? null : (
          <div className="flex justify-between gap-4 border-t border-line pt-2.5">
            <dt className="text-ink-muted">{words.costs}</dt>
            <dd className="font-medium tabular-nums">{formatPaise(charge.cost_paise)}</dd>
          </div>
        )}
      </dl>
      {charge.lines?.length ? (
        <ul className="mt-2.5 grid gap-2">
          {charge.lines.map((line, index) => (
            <li key={index} className="flex justify-between gap-4">
              <span className="min-w-0">
                {words.lineKinds[line.kind]}
                <span className="block break-words text-ink-muted">
                  {line.item}, {quantity(line, words)}
                </span>
              </span>
              <span className="tabular-nums">{formatPaise(line.paise)}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

/** How much of it there was, in the unit of its kind. */
function quantity({ kind, quantity: count }: Line, { quantities }: Strings["calls"]): string {
  switch (kind) {
    case "stt":
      return formatDuration(count);
    case "tts":
      return quantities.characters(formatNumber(count));
    case "llm_in":
    case "llm_out":
      return quantities.tokens(formatNumber(count));
    case "sms":
      return quantities.segments(formatNumber(count));
    default:
      return quantities.pulses(formatNumber(count));
  }
}
