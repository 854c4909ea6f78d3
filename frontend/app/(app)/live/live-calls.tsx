"use client";

import { PhoneOff } from "lucide-react";

import { LiveCard } from "./live-card";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import type { StreamState } from "@/lib/api/sse";
import { cn } from "@/lib/cn";
import { useLive } from "@/lib/data/live";
import { ordered } from "@/lib/live/state";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { useNow } from "@/lib/use-now";

/** The calls that go on. The operator who has chosen no business sees everybody's. */
export function LiveCalls() {
  const { live: words, common } = useStrings();
  const { tenant } = useSession();
  // Another business is another stream: nothing of the one before may stay.
  return (
    <Page title={words.title} lead={words.lead}>
      <Stream key={tenant ?? ""} everybody={tenant === null} loading={common.loading} />
    </Page>
  );
}

function Stream({ everybody, loading }: { everybody: boolean; loading: string }) {
  const { live: words } = useStrings();
  const { state, stream, ready, partial, error } = useLive(everybody);
  const now = useNow(1000);
  const entries = ordered(state);

  if (!ready) {
    if (error) return <ErrorState error={error} />;
    return (
      <Card aria-busy>
        <span role="status" className="sr-only">
          {loading}
        </span>
        <SkeletonRows rows={3} />
      </Card>
    );
  }
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-ink-muted">
        <StreamNote stream={stream} />
        {partial ? <span className="text-warning">{words.partial}</span> : null}
      </div>
      {entries.length === 0 ? (
        <Card>
          <EmptyState icon={PhoneOff} title={words.none} description={words.noneDetail} />
        </Card>
      ) : (
        <ul className="grid items-start gap-4 lg:grid-cols-2">
          {entries.map((entry) => (
            <li key={entry.call.id} className="min-w-0">
              <LiveCard entry={entry} now={now} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function StreamNote({ stream }: { stream: StreamState }) {
  const { live: words } = useStrings();
  return (
    <span role="status" className="flex items-center gap-2">
      <span aria-hidden className={cn("size-2 rounded-full", stream === "open" ? "bg-success" : stream === "lost" ? "bg-danger" : "bg-warning")} />
      {words.states[stream]}
    </span>
  );
}
