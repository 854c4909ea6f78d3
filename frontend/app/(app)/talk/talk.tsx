"use client";

import "@/lib/strings/areas/talk";

import { BotMessageSquare, Keyboard, Mic } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { useEffect, useState, useSyncExternalStore } from "react";

import { CallPanel } from "./call-panel";
import { Conversation } from "./conversation";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SelectField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState, ProblemNote } from "@/components/ui/states";
import type { ProfileDraft } from "@/lib/agent/draft";
import { useProfiles } from "@/lib/data/profiles";
import type { Form } from "@/lib/data/test-calls";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { ProblemError } from "@/lib/api/problem";
import { TestCall } from "@/lib/talk/test-call";

export function Talk() {
  const { talk: words, common } = useStrings();
  const { can } = useSession();
  const query = useProfiles();
  return (
    <Page title={words.title} lead={words.lead}>
      {!can("profiles:write") ? (
        <p>{words.notAllowed}</p>
      ) : query.isPending ? (
        <div aria-busy>
          <span role="status" className="sr-only">
            {common.loading}
          </span>
          <SkeletonRows rows={3} />
        </div>
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data.length === 0 ? (
        <Card>
          <EmptyState
            icon={BotMessageSquare}
            title={words.none}
            description={words.noneDetail}
            action={
              <Button asChild>
                <Link href="/agent/">{words.toAgent}</Link>
              </Button>
            }
          />
        </Card>
      ) : (
        <TalkTo profiles={query.data} />
      )}
    </Page>
  );
}

/** A test call of this page: it ends with it. */
function useTestCall(): [TestCall, () => TestCall] {
  const [call, setCall] = useState(() => new TestCall());
  useEffect(() => () => call.dispose(), [call]);
  const anew = () => {
    const next = new TestCall();
    setCall(next);
    return next;
  };
  return [call, anew];
}

function TalkTo({ profiles }: { profiles: readonly ProfileDraft[] }) {
  const { talk: words } = useStrings();
  const wanted = useSearchParams().get("id");
  const [id, setId] = useState(wanted ?? "");
  const [form, setForm] = useState<Form>("draft");
  const profile = profiles.find((one) => one.id === id) ?? profiles[0];
  const [call, anew] = useTestCall();
  const state = useSyncExternalStore(call.subscribe, call.snapshot, call.snapshot);
  const going = state.phase === "connecting" || state.phase === "talking";
  const published = profile?.published_version !== null && profile?.published_version !== undefined;
  const chosen: Form = published ? form : "draft";
  const start = (microphone: boolean) => {
    if (profile) void anew().start(profile.id, chosen, microphone);
  };

  return (
    <div className="grid items-start gap-4 lg:grid-cols-[22rem_minmax(0,1fr)]">
      <div className="grid min-w-0 gap-4">
        <Card className="grid gap-4 p-4">
          {profiles.length > 1 ? (
            <SelectField label={words.who} value={profile?.id} disabled={going} onChange={(event) => setId(event.target.value)}>
              {profiles.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.draft.business_name}
                </option>
              ))}
            </SelectField>
          ) : null}
          <fieldset disabled={going} className="grid gap-1">
            <legend className="mb-1 text-sm font-medium">{words.form}</legend>
            {(["draft", "published"] as const).map((one) => (
              <label key={one} className="flex min-h-10 items-center gap-2.5 has-disabled:text-ink-muted">
                <input type="radio" name="form" checked={chosen === one} disabled={one === "published" && !published} onChange={() => setForm(one)} className="size-4 accent-accent" />
                {words.forms[one]}
              </label>
            ))}
            {published ? null : <p className="text-sm text-ink-muted">{words.notPublished}</p>}
          </fieldset>
          {going ? null : (
            <div className="grid gap-2">
              <Button variant="primary" size="lg" onClick={() => start(true)}>
                <Mic aria-hidden />
                {words.start}
              </Button>
              <Button size="lg" onClick={() => start(false)}>
                <Keyboard aria-hidden />
                {words.startTyped}
              </Button>
              <p className="text-sm text-ink-muted">{words.typedHint}</p>
            </div>
          )}
        </Card>
        {going ? <CallPanel call={call} state={state} /> : null}
        {state.phase === "over" || state.phase === "failed" ? (
          <Card className="grid gap-3 p-4">
            <p role="status" className="font-medium">
              {words.phases[state.phase]}
            </p>
            {state.phase === "failed" ? state.error instanceof Error && !(state.error instanceof ProblemError) ? <p className="text-ink-muted">{words.lostDetail}</p> : <ProblemNote error={state.error} /> : null}
            {state.call ? (
              <Button asChild>
                <Link href={`/calls/view/?id=${state.call}`}>{words.open}</Link>
              </Button>
            ) : null}
          </Card>
        ) : null}
      </div>
      <Conversation turns={state.turns} />
    </div>
  );
}
