"use client";

import Link from "next/link";
import { useEffect, useRef } from "react";

import { CallActions } from "./call-actions";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/lib/cn";
import { useTenant } from "@/lib/data/tenants";
import { formatClock, formatPhone } from "@/lib/format";
import type { LiveEntry } from "@/lib/live/state";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const TONES: Record<string, Tone> = { listening: "neutral", thinking: "warning", speaking: "accent", on_hold: "warning", handing_over: "warning", with_person: "success" };

export function LiveCard({ entry, now }: { entry: LiveEntry; now: number }) {
  const { live: words, common } = useStrings();
  const { operator, tenant } = useSession();
  const { call, ended } = entry;
  const who = call.caller ? formatPhone(call.caller) : common.withheld;
  const until = ended ? Date.parse(ended.at) : now;
  return (
    <Card className={cn("overflow-hidden", ended && "opacity-75")}>
      <div className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-3">
        <div className="min-w-0">
          <h2 className="text-base font-semibold tabular-nums">{who}</h2>
          <p className="text-sm text-ink-muted tabular-nums">
            {formatPhone(call.did)}
            {operator && tenant === null ? <TenantName id={call.tenant} /> : null}
          </p>
        </div>
        <div className="flex items-center gap-3">
          <Badge tone={ended ? "neutral" : (TONES[call.phase] ?? "neutral")}>{ended ? words.ended : (words.phases[call.phase] ?? call.phase)}</Badge>
          <span className="text-sm tabular-nums">{formatClock(until - Date.parse(call.answered_at))}</span>
        </div>
      </div>
      <Words entry={entry} who={who} />
      <div className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-3">
        {ended ? (
          <Button asChild size="sm">
            <Link href={`/calls/view/?id=${call.id}`}>{words.open}</Link>
          </Button>
        ) : (
          <CallActions call={call} who={who} />
        )}
      </div>
    </Card>
  );
}

function TenantName({ id }: { id: string }) {
  const { data } = useTenant(id);
  return data ? <> · {data.name}</> : null;
}

/** What is being said, the latest at the bottom and in sight. */
function Words({ entry, who }: { entry: LiveEntry; who: string }) {
  const { live: words, calls } = useStrings();
  const box = useRef<HTMLDivElement>(null);
  const count = entry.turns.length;
  useEffect(() => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [count]);
  const first = entry.turns[0];
  return (
    <div ref={box} role="log" aria-label={words.conversation(who)} tabIndex={0} className="h-64 overflow-y-auto px-4 py-3 focus-visible:outline-offset-[-2px]">
      {first && first.seq > 0 ? <p className="mb-2 text-center text-xs text-ink-muted">{words.earlier}</p> : null}
      {count === 0 ? <p className="text-ink-muted">{words.noWords}</p> : null}
      <ul className="grid gap-2">
        {entry.turns.map((turn) => (
          <li key={turn.seq} className={cn("max-w-[88%]", turn.speaker === "agent" ? "justify-self-end" : "justify-self-start")}>
            <span className="sr-only">{calls.speakers[turn.speaker]}: </span>
            <p className={cn("rounded-2xl px-3 py-1.5 break-words", turn.speaker === "agent" ? "rounded-tr-sm bg-accent-soft" : "rounded-tl-sm bg-subtle")}>{turn.text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
