"use client";

import { AudioLines } from "lucide-react";
import { useEffect, useState } from "react";

import { PlayerBar } from "./player-bar";
import { Transcript } from "./transcript";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { ProblemError } from "@/lib/api/problem";
import { Player } from "@/lib/audio/player";
import type { CallDetail } from "@/lib/data/calls";
import { useSound } from "@/lib/data/sound";
import { useStrings } from "@/lib/strings";
import { useMedia, WIDE } from "@/lib/use-media";

/** What was said, and how it sounded: one moves with the other. */
export function RecordingAndWords({ call }: { call: CallDetail }) {
  const { calls: words } = useStrings();
  const [player] = useState(() => new Player());
  const [asked, setAsked] = useState(false);
  const over = call.status !== "active";
  const recorded = over && (call.recording === "complete" || call.recording === "partial");
  // On a phone the recording costs its owner data: he asks for it.
  const wide = useMedia(WIDE);
  const wanted = recorded && (asked || wide);
  const query = useSound(call.id, wanted);
  const loaded = query.data;

  useEffect(() => (loaded ? player.attach(loaded.blob, loaded.sound.seconds) : undefined), [player, loaded]);

  return (
    <Section title={words.transcript} id="conversation" className="min-w-0">
      <div className="sticky top-14 z-20 border-b border-line bg-surface px-4 py-3 md:top-0">
        {loaded ? (
          <PlayerBar player={player} sound={loaded.sound} />
        ) : query.isError ? (
          query.error instanceof ProblemError ? (
            <ErrorState error={query.error} onRetry={() => void query.refetch()} className="py-3" />
          ) : (
            <p className="text-sm text-ink-muted">{words.recordings.undecodable}</p>
          )
        ) : wanted ? (
          <div aria-busy>
            <Skeleton className="h-28" />
          </div>
        ) : recorded ? (
          <Button size="lg" className="w-full" onClick={() => setAsked(true)}>
            <AudioLines aria-hidden />
            {words.loadRecording}
          </Button>
        ) : (
          <p className="text-sm text-ink-muted">{words.recordings[call.recording === "complete" ? "partial" : call.recording]}</p>
        )}
      </div>
      <Transcript turns={call.turns} player={loaded ? player : null} />
    </Section>
  );
}
