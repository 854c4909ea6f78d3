"use client";

import { ArrowLeft, Phone, Radio } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";

import { CallMenu } from "./call-menu";
import { Cost } from "./cost";
import { Deliveries } from "./deliveries";
import { Details } from "./details";
import { Latency } from "./latency";
import { RecordingAndWords } from "./recording-and-words";
import { Summary } from "./summary";
import { OutcomeBadge } from "@/components/outcome-badge";
import { Button } from "@/components/ui/button";
import { Page } from "@/components/ui/page";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { callBackNumber, whoCalled } from "@/lib/calls/show";
import { type CallDetail, useCall } from "@/lib/data/calls";
import { formatDateTime, formatDuration, formatPhone } from "@/lib/format";
import { useStrings } from "@/lib/strings";

export function CallView() {
  const { calls: words, common } = useStrings();
  const id = useSearchParams().get("id") ?? "";
  const query = useCall(id);
  if (id === "") return <EmptyState title={common.errors.notFound} action={<BackLink />} />;
  if (query.isPending) return <Waiting />;
  if (query.isError) {
    return (
      <Page title={words.one}>
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        <div className="text-center">
          <BackLink />
        </div>
      </Page>
    );
  }
  return <OneCall call={query.data} />;
}

function BackLink() {
  const { calls: words } = useStrings();
  return (
    <Link href="/calls/" className="inline-flex min-h-8 items-center gap-1.5 text-sm text-ink-muted hover:text-ink">
      <ArrowLeft aria-hidden className="size-4" />
      {words.back}
    </Link>
  );
}

function Waiting() {
  const { calls: words, common } = useStrings();
  return (
    <Page title={words.one}>
      <div aria-busy className="grid gap-4">
        <span role="status" className="sr-only">
          {common.loading}
        </span>
        <Skeleton className="h-32 rounded-xl" />
        <SkeletonRows rows={6} />
      </div>
    </Page>
  );
}

function OneCall({ call }: { call: CallDetail }) {
  const { calls: words, today, common } = useStrings();
  const who = whoCalled(call, common);
  const number = callBackNumber(call);
  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-5 sm:px-6 sm:py-7">
      <BackLink />
      <header className="mt-1 mb-5 flex flex-wrap items-start justify-between gap-x-4 gap-y-3">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-2.5">
            <h1 className="text-2xl leading-tight font-semibold tracking-tight break-words">{who}</h1>
            <OutcomeBadge call={call} />
          </div>
          <p className="mt-1 text-ink-muted">
            <time dateTime={call.answered_at}>{formatDateTime(call.answered_at)}</time>
            {call.duration_ms === null || call.duration_ms === undefined ? null : <> · {formatDuration(call.duration_ms)}</>}
          </p>
        </div>
        <div className="flex items-center gap-2">
          {number ? (
            <Button asChild variant="primary">
              <a href={`tel:${number}`}>
                <Phone aria-hidden />
                <span className="sr-only">{today.callBack}</span>
                <span className="tabular-nums">{formatPhone(number)}</span>
              </a>
            </Button>
          ) : null}
          <CallMenu call={call} />
        </div>
      </header>

      {call.status === "active" ? (
        <Link href="/live/" className="mb-4 flex items-center gap-2.5 rounded-xl bg-success-soft px-4 py-3 font-medium text-success">
          <Radio aria-hidden className="size-4" />
          {words.goingOn} <span className="underline underline-offset-4">{words.watch}</span>
        </Link>
      ) : null}

      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="grid min-w-0 gap-4">
          <div className="lg:hidden">
            <Summary call={call} />
          </div>
          <RecordingAndWords call={call} />
          <Latency turns={call.turns} />
        </div>
        <div className="grid min-w-0 gap-4">
          <div className="hidden lg:block">
            <Summary call={call} />
          </div>
          <Deliveries call={call.id} />
          <Cost call={call} />
          <Details call={call} />
        </div>
      </div>
    </div>
  );
}
