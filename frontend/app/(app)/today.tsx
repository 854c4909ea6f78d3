"use client";

import { CheckCheck, Phone, PhoneIncoming } from "lucide-react";
import Link from "next/link";

import { OutcomeBadge } from "@/components/outcome-badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { filterToUrl } from "@/lib/calls/filters";
import { callBackNumber, missed, waits, whoCalled } from "@/lib/calls/show";
import { type Call, DAY_LIMIT, useDay } from "@/lib/data/calls";
import { formatLongDay, formatNumber, formatPhone, formatTime, hourOf, isoDay } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { useNow } from "@/lib/use-now";

export function Today() {
  const { today: words } = useStrings();
  const { me } = useSession();
  const now = useNow(60_000);
  const day = isoDay(new Date(now));
  const query = useDay(day);

  const hour = hourOf(new Date(now));
  const greeting = hour < 12 ? words.morning : hour < 17 ? words.afternoon : words.evening;
  const name = me.user?.name.split(" ")[0];

  return (
    <Page title={name ? words.greeting(greeting, name) : greeting} lead={formatLongDay(new Date(now))} width="narrow">
      {query.isPending ? <Waiting /> : query.isError ? <ErrorState error={query.error} onRetry={() => void query.refetch()} /> : <Day calls={query.data.calls} more={query.data.more} day={day} />}
    </Page>
  );
}

function Waiting() {
  const { common } = useStrings();
  return (
    <div aria-busy>
      <span role="status" className="sr-only">
        {common.loading}
      </span>
      <div className="mb-7 grid grid-cols-2 gap-3 sm:grid-cols-4">
        {["a", "b", "c", "d"].map((tile) => (
          <Skeleton key={tile} className="h-24 rounded-xl" />
        ))}
      </div>
      <SkeletonRows rows={4} />
    </div>
  );
}

function Day({ calls, more, day }: { calls: Call[]; more: boolean; day: string }) {
  const { today: words, calls: texts, common } = useStrings();
  const active = calls.filter((call) => call.status === "active");
  const waiting = calls.filter(waits).sort((a, b) => Number(b.outcome === "urgent") - Number(a.outcome === "urgent"));
  const others = calls.filter((call) => call.status !== "active" && !waits(call));
  const count = (test: (call: Call) => boolean) => calls.filter(test).length;
  const link = (filter: Parameters<typeof filterToUrl>[0]) => `/calls/?${filterToUrl({ ...filter, from: day, until: day })}`;

  return (
    <div className="grid gap-8">
      {active.length > 0 ? (
        <Link href="/live/" className="-mb-3 flex items-center gap-3 rounded-xl bg-success-soft px-4 py-3 font-medium text-success">
          <span aria-hidden className="relative flex size-2.5">
            <span className="absolute inset-0 animate-ping rounded-full bg-success opacity-60" />
            <span className="size-2.5 rounded-full bg-success" />
          </span>
          {words.live(active.length)}
        </Link>
      ) : null}

      <section aria-label={words.counts}>
        <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
          <Tile label={words.answered} href={link({})} value={more ? words.moreThan(DAY_LIMIT) : formatNumber(calls.length)} />
          <Tile label={words.messages} href="#waiting" value={formatNumber(count((call) => call.outcome === "message" || call.outcome === "urgent"))} />
          <Tile label={words.appointments} href={link({ outcome: "appointment" })} value={formatNumber(count((call) => call.outcome === "appointment"))} />
          <Tile label={words.missed} href={link({ outcome: "nothing" })} value={formatNumber(count(missed))} />
        </dl>
      </section>

      {calls.length === 0 ? (
        <Card>
          <EmptyState icon={PhoneIncoming} title={words.noCalls} description={words.noCallsDetail} />
        </Card>
      ) : (
        <section aria-labelledby="waiting">
          <h2 id="waiting" className="mb-3 scroll-mt-20 text-lg font-semibold">
            {words.waiting}
          </h2>
          {waiting.length === 0 ? (
            <Card>
              <EmptyState icon={CheckCheck} title={words.nothingWaiting} description={words.nothingWaitingDetail} className="py-8" />
            </Card>
          ) : (
            <ul className="grid gap-3">
              {waiting.map((call) => (
                <li key={call.id}>
                  <WaitingCall call={call} />
                </li>
              ))}
            </ul>
          )}
        </section>
      )}

      {others.length > 0 ? (
        <section aria-labelledby="others">
          <h2 id="others" className="mb-3 text-lg font-semibold">
            {words.others}
          </h2>
          <Card>
            <ul className="divide-y divide-line">
              {others.map((call) => (
                <li key={call.id} className="relative px-4 py-3.5 focus-within:bg-subtle/60 hover:bg-subtle/60">
                  <div className="flex items-center justify-between gap-2">
                    <Link prefetch={false} href={`/calls/view/?id=${call.id}`} className="min-w-0 truncate font-medium after:absolute after:inset-0">
                      {whoCalled(call, common)}
                    </Link>
                    <span className="flex shrink-0 items-center gap-2">
                      <OutcomeBadge call={call} />
                      <time dateTime={call.answered_at} className="text-sm text-ink-muted tabular-nums">
                        {formatTime(call.answered_at)}
                      </time>
                    </span>
                  </div>
                  <p className="mt-0.5 text-ink-muted">{call.summary ?? texts.noSummary}</p>
                </li>
              ))}
            </ul>
          </Card>
        </section>
      ) : null}
    </div>
  );
}

function Tile({ label, value, href }: { label: string; value: string; href: string }) {
  return (
    <div className="relative flex flex-col-reverse justify-end gap-1 rounded-xl border border-line bg-surface px-4 py-3.5 focus-within:border-accent hover:border-line-strong">
      <dt className="text-sm leading-snug text-ink-muted">
        <Link prefetch={false} href={href} className="after:absolute after:inset-0">
          {label}
        </Link>
      </dt>
      <dd className="text-3xl leading-none font-semibold tracking-tight tabular-nums">{value}</dd>
    </div>
  );
}

/** Somebody who waits: what he wants in one sentence, and the way to call him with one tap. */
function WaitingCall({ call }: { call: Call }) {
  const { today: words, calls: texts, common } = useStrings();
  const who = whoCalled(call, common);
  const number = callBackNumber(call);
  return (
    <Card className="p-4">
      <div className="flex items-start justify-between gap-3">
        <h3 className="min-w-0 text-lg leading-snug font-semibold break-words">{who}</h3>
        <div className="flex shrink-0 items-center gap-2 pt-0.5">
          <OutcomeBadge call={call} />
          <time dateTime={call.answered_at} className="text-sm text-ink-muted tabular-nums">
            {formatTime(call.answered_at)}
          </time>
        </div>
      </div>
      <p className="mt-1 text-base">{call.summary ?? texts.noSummary}</p>
      <div className="mt-4 flex flex-wrap gap-2">
        {number ? (
          <Button asChild variant="primary" size="lg" className="flex-1 sm:flex-none">
            <a href={`tel:${number}`}>
              <Phone aria-hidden />
              {words.callBack}
              <span className="sr-only">{who}</span>
              <span className="font-normal tabular-nums opacity-90 max-[380px]:hidden">{formatPhone(number)}</span>
            </a>
          </Button>
        ) : null}
        <Button asChild size="lg">
          <Link prefetch={false} href={`/calls/view/?id=${call.id}`}>
            {texts.details}
            <span className="sr-only">{words.ofCall(who)}</span>
          </Link>
        </Button>
      </div>
    </Card>
  );
}
