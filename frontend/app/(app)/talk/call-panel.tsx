"use client";

import { Mic, MicOff, PhoneOff, SendHorizontal } from "lucide-react";
import { type FormEvent, useEffect, useRef } from "react";

import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { TextField } from "@/components/ui/field";
import { formatClock } from "@/lib/format";
import { useStrings } from "@/lib/strings";
import type { TestCall, TestCallState } from "@/lib/talk/test-call";
import { useMedia, WIDE } from "@/lib/use-media";
import { useNow } from "@/lib/use-now";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"] as const;

/** What a caller has in his hand: loudness of both sides, the keypad, and a line to type what is said. */
export function CallPanel({ call, state }: { call: TestCall; state: TestCallState }) {
  const { talk: words, live } = useStrings();
  const now = useNow(1000);
  // On a phone the conversation is worth more than the keys.
  const wide = useMedia(WIDE);
  const talking = state.phase === "talking";
  const doing = state.doing ? live.phases[state.doing] : undefined;
  const { microphone } = state;
  return (
    <Card className="grid gap-4 p-4">
      <div className="flex items-center justify-between gap-3">
        <p role="status" className="font-medium">
          {words.phases[state.phase]}
          {doing ? <span className="font-normal text-ink-muted"> · {doing}</span> : null}
        </p>
        {state.answeredAt ? <span className="text-ink-muted tabular-nums">{formatClock(now - state.answeredAt)}</span> : null}
      </div>
      {microphone === "denied" || microphone === "missing" ? (
        <p role="alert" className="rounded-lg bg-warning-soft px-3.5 py-3 text-sm text-warning">
          {words.faults[microphone]}
        </p>
      ) : null}
      <div className="grid gap-2">
        {microphone === "on" || microphone === "muted" ? <Meter call={call} side="caller" label={microphone === "muted" ? words.muted : words.you} /> : null}
        <Meter call={call} side="agent" label={words.it} />
      </div>
      <Say call={call} disabled={!talking} />
      <details open={wide}>
        <summary className="min-h-8 text-sm font-medium">{words.keypad}</summary>
        <div role="group" aria-label={words.keypad} className="mt-2 grid grid-cols-3 gap-2">
          {KEYS.map((key) => (
            <Button key={key} size="lg" disabled={!talking} aria-label={words.key(key)} className="text-lg tabular-nums" onClick={() => call.press(key)}>
              {key}
            </Button>
          ))}
        </div>
      </details>
      <div className="flex gap-2">
        {microphone === "on" || microphone === "muted" ? (
          <Button size="lg" className="flex-1" aria-pressed={microphone === "muted"} onClick={() => call.mute(microphone === "on")}>
            {microphone === "muted" ? <MicOff aria-hidden /> : <Mic aria-hidden />}
            {microphone === "muted" ? words.unmute : words.mute}
          </Button>
        ) : null}
        <Button variant="danger" size="lg" className="flex-1" onClick={() => call.hangUp()}>
          <PhoneOff aria-hidden />
          {words.hangUp}
        </Button>
      </div>
    </Card>
  );
}

/** Speech is mostly between -50 and -10 dB: that is what the bar spans. */
function share(level: number): number {
  return level <= 0 ? 0 : Math.max(0, Math.min(1, (20 * Math.log10(level) + 50) / 40));
}

/** For the eye only: the conversation says in words that somebody was heard. */
function Meter({ call, side, label }: { call: TestCall; side: "caller" | "agent"; label: string }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    call.meter(side, (level) => {
      if (bar.current) bar.current.style.width = `${Math.round(share(level) * 100)}%`;
    });
    return () => call.meter(side, null);
  }, [call, side]);
  return (
    <div className="flex items-center gap-3 text-sm">
      <span className="w-24 shrink-0 text-ink-muted">{label}</span>
      <span aria-hidden className="h-2.5 flex-1 overflow-hidden rounded-full bg-subtle">
        <span ref={bar} className={`block h-full w-0 rounded-full transition-[width] duration-75 ${side === "agent" ? "bg-voice-agent" : "bg-voice-caller"}`} />
      </span>
    </div>
  );
}

function Say({ call, disabled }: { call: TestCall; disabled: boolean }) {
  const { talk: words } = useStrings();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("sentence") ?? "").trim();
    if (!text) return;
    call.say(text);
    event.currentTarget.reset();
  };
  return (
    <form onSubmit={send} className="flex items-end gap-2">
      <TextField label={words.say} name="sentence" maxLength={500} autoComplete="off" className="min-w-0 flex-1" disabled={disabled} />
      <Button type="submit" size="lg" className="h-11 px-3.5" disabled={disabled} aria-label={words.send}>
        <SendHorizontal aria-hidden />
      </Button>
    </form>
  );
}
