"use client";

import { ChevronRight } from "lucide-react";

import { Badge } from "@/components/ui/badge";
import { Section } from "@/components/ui/card";
import type { Schemas } from "@/lib/api/client";
import { percentile, place, responseMs, scaleEnd, segments, type Step, type Waterfall } from "@/lib/calls/waterfall";
import { cn } from "@/lib/cn";
import { formatMs } from "@/lib/format";
import { useStrings } from "@/lib/strings";

type Turn = Schemas["Turn"];

const STEPS: readonly Step[] = ["endpoint", "stt", "llm", "dialogue", "tts", "packet"];

const FILL: Record<Step, string> = {
  endpoint: "bg-step-endpoint",
  stt: "bg-step-stt",
  llm: "bg-step-llm",
  dialogue: "bg-step-dialogue",
  tts: "bg-step-tts",
  packet: "bg-step-packet",
};

/** Where the time went between the caller's last word and the answer, for every turn, on one scale. */
export function Latency({ turns }: { turns: readonly Turn[] }) {
  const { calls: words } = useStrings();
  const answers = turns.flatMap((turn) => (turn.waterfall ? [{ turn, waterfall: turn.waterfall }] : []));
  const waits = answers.map((answer) => responseMs(answer.waterfall));
  const end = scaleEnd(answers.map((answer) => answer.waterfall));
  const median = percentile(waits, 0.5);
  const used = STEPS.filter((step) => answers.some(({ waterfall }) => segments(waterfall).some((segment) => segment.step === step)));
  return (
    <Section title={words.latency} id="latency">
      {answers.length === 0 || median === null ? (
        <p className="p-4 text-ink-muted">{words.noLatency}</p>
      ) : (
        <div className="p-4">
          <p className="text-sm text-ink-muted">{words.latencyLead}</p>
          <dl className="mt-3 flex flex-wrap gap-x-8 gap-y-2">
            <Figure label={words.median} value={formatMs(median)} />
            <Figure label={words.slowest} value={formatMs(Math.max(...waits))} />
          </dl>
          <ul className="mt-4 flex flex-wrap gap-x-4 gap-y-1 text-xs text-ink-muted">
            {used.map((step) => (
              <li key={step} className="flex items-center gap-1.5">
                <span aria-hidden className={cn("size-2.5 rounded-sm", FILL[step])} />
                {words.steps[step]}
              </li>
            ))}
          </ul>
          <ol className="mt-2 divide-y divide-line">
            {answers.map(({ turn, waterfall }, index) => (
              <li key={turn.seq}>
                <Answer number={index + 1} text={turn.text} waterfall={waterfall} end={end} />
              </li>
            ))}
          </ol>
          <div aria-hidden className="flex justify-between pt-1 text-xs text-ink-muted tabular-nums sm:ml-52">
            <span>0</span>
            <span>{formatMs(end / 2)}</span>
            <span>{formatMs(end)}</span>
          </div>
        </div>
      )}
    </Section>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="text-sm text-ink-muted">{label}</dt>
      <dd className="text-xl font-semibold tabular-nums">{value}</dd>
    </div>
  );
}

function Answer({ number, text, waterfall, end }: { number: number; text: string; waterfall: Waterfall; end: number }) {
  const { calls: words } = useStrings();
  const parts = segments(waterfall);
  const filler = waterfall.filler_ms;
  return (
    <details className="group">
      <summary className="grid cursor-pointer list-none gap-x-3 gap-y-1.5 rounded-md py-2.5 sm:grid-cols-[13rem_minmax(0,1fr)] sm:items-center [&::-webkit-details-marker]:hidden">
        <span className="flex min-w-0 items-center gap-1.5 text-sm">
          <ChevronRight aria-hidden className="size-4 shrink-0 text-ink-muted transition-transform group-open:rotate-90" />
          <span className="sr-only">{words.turnNumber(number)}: </span>
          <span className="min-w-0 flex-1 truncate text-ink-muted">{text}</span>
          <span className="font-medium tabular-nums">{formatMs(responseMs(waterfall))}</span>
        </span>
        <span aria-hidden className="relative block h-4 overflow-hidden rounded-sm bg-subtle">
          {parts.map((segment) => {
            const { left, width } = place(segment, end);
            return <span key={segment.from} className={cn("absolute inset-y-0 border-r border-surface last:border-r-0", FILL[segment.step])} style={{ left: `${left}%`, width: `${width}%` }} />;
          })}
          {filler !== null && filler !== undefined ? <span className="absolute inset-y-0 w-0.5 bg-ink" style={{ left: `${(filler / end) * 100}%` }} /> : null}
        </span>
      </summary>
      <div className="pb-3 pl-5.5 text-sm sm:pl-52">
        <div className="mb-2 flex flex-wrap gap-1.5 sm:pl-3">
          {waterfall.rung ? <Badge>{words.rungs[waterfall.rung]}</Badge> : null}
          {waterfall.cached ? <Badge>{words.cached}</Badge> : null}
          {filler !== null && filler !== undefined ? <Badge tone="warning">{words.filler(formatMs(filler))}</Badge> : null}
        </div>
        <dl className="grid max-w-xs gap-1 sm:pl-3">
          {parts.map((segment) => (
            <div key={segment.from} className="flex items-center justify-between gap-3">
              <dt className="flex items-center gap-2 text-ink-muted">
                <span aria-hidden className={cn("size-2.5 rounded-sm", FILL[segment.step])} />
                {words.steps[segment.step]}
              </dt>
              <dd className="tabular-nums">{formatMs(segment.to - segment.from)}</dd>
            </div>
          ))}
        </dl>
      </div>
    </details>
  );
}
