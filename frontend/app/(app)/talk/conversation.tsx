"use client";

import { Latency } from "../calls/view/latency";
import { Transcript } from "../calls/view/transcript";
import { Section } from "@/components/ui/card";
import type { Schemas } from "@/lib/api/client";
import { useStrings } from "@/lib/strings";

/** What was said so far, and how long each answer took. */
export function Conversation({ turns }: { turns: readonly Schemas["Turn"][] }) {
  const { talk: words } = useStrings();
  return (
    <div className="grid min-w-0 gap-4">
      <Section title={words.conversation} id="conversation">
        <div role="log" aria-labelledby="conversation">
          {turns.length === 0 ? <p className="p-4 text-ink-muted">{words.waiting}</p> : <Transcript turns={turns} player={null} />}
        </div>
      </Section>
      {turns.some((turn) => turn.waterfall) ? <Latency turns={turns} /> : null}
    </div>
  );
}
