"use client";

import { Pause, Play } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useEffect, useState, useSyncExternalStore } from "react";

import { Waveform } from "./waveform";
import { Button } from "@/components/ui/button";
import { SelectField } from "@/components/ui/field";
import type { Sound } from "@/lib/audio/decode";
import type { Player } from "@/lib/audio/player";
import { cn } from "@/lib/cn";
import { formatClock } from "@/lib/format";
import { readPreference, writePreference } from "@/lib/preferences";
import { useStrings } from "@/lib/strings";

const SPEEDS = [1, 1.25, 1.5, 2] as const;

interface Playback {
  speed: number;
  skip: boolean;
}

/** How this person listens, kept between calls. */
function savedPlayback(): Playback {
  const [speed, skip] = (readPreference("vca.playback") ?? "").split(" ");
  return { speed: SPEEDS.find((known) => String(known) === speed) ?? 1, skip: skip === "skip" };
}

export function PlayerBar({ player, sound }: { player: Player; sound: Sound }) {
  const { calls: words } = useStrings();
  const [{ speed, skip }, setPlayback] = useState(savedPlayback);
  const playing = useSyncExternalStore(player.subscribe, () => player.snapshot().playing);
  const second = useSyncExternalStore(player.subscribe, () => Math.floor(player.snapshot().time));

  useEffect(() => {
    player.speed(speed);
    player.skip(skip ? sound.pauses : []);
    writePreference("vca.playback", `${speed}${skip ? " skip" : ""}`);
  }, [player, sound, speed, skip]);

  const onKey = (event: KeyboardEvent) => {
    const { time } = player.snapshot();
    const moves: Record<string, number> = { ArrowRight: time + 5, ArrowLeft: time - 5, ArrowUp: time + 5, ArrowDown: time - 5, PageUp: time + 15, PageDown: time - 15, Home: 0, End: sound.seconds };
    const to = moves[event.key];
    if (to !== undefined) player.seek(to);
    else if (event.key === " " || event.key === "Enter") player.toggle();
    else return;
    event.preventDefault();
  };
  const onPointer = (event: PointerEvent<HTMLElement>) => {
    if (event.type === "pointerdown") event.currentTarget.setPointerCapture(event.pointerId);
    else if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const box = event.currentTarget.getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * sound.seconds);
  };

  const [at, of] = [formatClock(second * 1000), formatClock(sound.seconds * 1000)];
  return (
    <div className="grid gap-2.5">
      <div className="flex items-stretch gap-2">
        <div aria-hidden className="flex flex-col justify-around text-xs text-ink-muted max-sm:hidden">
          <span>{words.speakers.caller}</span>
          <span>{words.speakers.agent}</span>
        </div>
        <div
          role="slider"
          tabIndex={0}
          aria-label={words.position}
          aria-valuemin={0}
          aria-valuemax={Math.floor(sound.seconds)}
          aria-valuenow={second}
          aria-valuetext={words.positionAt(at, of)}
          onKeyDown={onKey}
          onPointerDown={onPointer}
          onPointerMove={onPointer}
          className="h-16 min-w-0 flex-1 cursor-pointer touch-pan-y rounded-md sm:h-24"
        >
          <Waveform player={player} sound={sound} />
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-2 sm:gap-x-3">
        <Button variant="primary" size="icon" className="rounded-full" onClick={() => player.toggle()} aria-label={playing ? words.pause : words.play}>
          {playing ? <Pause aria-hidden /> : <Play aria-hidden />}
        </Button>
        <span className="text-sm text-ink-muted tabular-nums">
          {at}
          <span className="max-sm:hidden"> / {of}</span>
        </span>
        <SelectField
          label={words.speed}
          hideLabel
          value={speed}
          onChange={(event) => setPlayback({ speed: Number(event.target.value), skip })}
          className="ml-auto w-17 sm:hidden [&_select]:h-9 [&_select]:pr-1"
        >
          {SPEEDS.map((factor) => (
            <option key={factor} value={factor}>
              {words.speedOf(String(factor))}
            </option>
          ))}
        </SelectField>
        <div role="group" aria-label={words.speed} className="ml-auto flex overflow-hidden rounded-lg border border-line max-sm:hidden">
          {SPEEDS.map((factor) => (
            <button
              key={factor}
              type="button"
              aria-pressed={speed === factor}
              onClick={() => setPlayback({ speed: factor, skip })}
              className={cn("h-9 min-w-10 px-2 text-sm tabular-nums focus-visible:outline-offset-[-2px]", speed === factor ? "bg-accent-soft font-medium text-accent" : "text-ink-muted hover:bg-subtle")}
            >
              {words.speedOf(String(factor))}
            </button>
          ))}
        </div>
        <Button size="sm" className={cn("h-9 px-2.5", skip && "border-transparent bg-accent-soft text-accent")} aria-pressed={skip} onClick={() => setPlayback({ speed, skip: !skip })}>
          {words.skipSilence}
        </Button>
      </div>
    </div>
  );
}
