"use client";

import { useEffect, useRef, useSyncExternalStore } from "react";

import type { Schemas } from "@/lib/api/client";
import type { Player } from "@/lib/audio/player";
import { splitHeard } from "@/lib/calls/heard";
import { turnAt } from "@/lib/calls/turns";
import { responseMs } from "@/lib/calls/waterfall";
import { cn } from "@/lib/cn";
import { formatClock, formatMs } from "@/lib/format";
import { useStrings } from "@/lib/strings";

type Turn = Schemas["Turn"];

const noSubscription = () => () => {};

/** What was said, in two voices. With a player, the turn that is heard is marked, and each plays from its time. */
export function Transcript({ turns, player }: { turns: readonly Turn[]; player: Player | null }) {
  const { calls: words } = useStrings();
  const list = useRef<HTMLOListElement>(null);
  const current = useSyncExternalStore(player?.subscribe ?? noSubscription, () => {
    const state = player?.snapshot();
    return state && (state.playing || state.time > 0) ? turnAt(turns, state.time * 1000) : -1;
  });

  useEffect(() => {
    if (current < 0 || !player?.snapshot().playing) return;
    list.current?.children[current]?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [current, player]);

  if (turns.length === 0) return <p className="p-4 text-ink-muted">{words.noTranscript}</p>;
  return (
    <ol ref={list} className="grid gap-3 p-4">
      {turns.map((turn, index) => (
        <TurnLine key={turn.seq} turn={turn} current={index === current} player={player} />
      ))}
    </ol>
  );
}

function TurnLine({ turn, current, player }: { turn: Turn; current: boolean; player: Player | null }) {
  const { calls: words } = useStrings();
  const agent = turn.speaker === "agent";
  const at = formatClock(turn.started_ms);
  const { heard, unheard } = splitHeard(turn.text, turn.heard);
  const play = () => {
    player?.seek(turn.started_ms / 1000);
    player?.play();
  };
  return (
    <li aria-current={current || undefined} className={cn("grid max-w-[88%] scroll-mt-56 scroll-mb-24 gap-1", agent ? "justify-self-end justify-items-end" : "justify-self-start")}>
      <div className="flex items-baseline gap-2 px-1 text-xs text-ink-muted">
        <span className={cn("font-medium", agent && "text-accent")}>{words.speakers[turn.speaker]}</span>
        {player ? (
          <button type="button" onClick={play} aria-label={words.playFrom(at)} className="min-h-6 rounded tabular-nums underline-offset-2 hover:text-ink hover:underline">
            {at}
          </button>
        ) : (
          <span className="tabular-nums">{at}</span>
        )}
        {turn.waterfall ? <span className="tabular-nums">{words.after(formatMs(responseMs(turn.waterfall)))}</span> : null}
      </div>
      <p className={cn("rounded-2xl px-3.5 py-2 break-words", agent ? "rounded-tr-sm bg-accent-soft" : "rounded-tl-sm bg-subtle", current && "outline-2 outline-accent")}>
        {heard}
        {unheard ? (
          <>
            {heard ? " " : null}
            <span className="sr-only">{words.unheard}</span>
            <s className="text-ink-muted">{unheard}</s>
          </>
        ) : null}
      </p>
    </li>
  );
}
