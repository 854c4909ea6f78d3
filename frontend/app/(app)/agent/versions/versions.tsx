"use client";

import "@/lib/strings/areas/agent";

import { ArrowLeft, History } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { lazy, Suspense, useState } from "react";

import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import type { ProfileDraft } from "@/lib/agent/draft";
import { type PublishedVersion, useProfile, useVersions } from "@/lib/data/profiles";
import { formatDateTime, formatNumber } from "@/lib/format";
import { useStrings } from "@/lib/strings";

const VersionDialog = lazy(() => import("./version-dialog"));

export function Versions() {
  const { agent: words, common } = useStrings();
  const id = useSearchParams().get("id") ?? "";
  const profile = useProfile(id);
  const versions = useVersions(id);
  const failed = profile.error ?? versions.error;
  return (
    <Page title={words.versionsTitle} lead={words.versionsLead} width="narrow">
      <Link href={`/agent/?id=${id}`} className="mb-3 inline-flex min-h-8 items-center gap-1.5 text-sm text-ink-muted hover:text-ink">
        <ArrowLeft aria-hidden className="size-4" />
        {words.toEditor}
      </Link>
      <Card className="overflow-hidden">
        {id === "" ? (
          <EmptyState title={common.errors.notFound} />
        ) : failed ? (
          <ErrorState error={failed} onRetry={() => void Promise.all([profile.refetch(), versions.refetch()])} />
        ) : !profile.data || !versions.data ? (
          <div aria-busy>
            <span role="status" className="sr-only">
              {common.loading}
            </span>
            <SkeletonRows rows={4} />
          </div>
        ) : versions.data.length === 0 ? (
          <EmptyState icon={History} title={words.noVersions} description={words.noVersionsDetail} />
        ) : (
          <List profile={profile.data} versions={versions.data} />
        )}
      </Card>
      {versions.hasNextPage ? (
        <Button className="mt-4" pending={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
          {common.more}
        </Button>
      ) : null}
    </Page>
  );
}

function List({ profile, versions }: { profile: ProfileDraft; versions: readonly PublishedVersion[] }) {
  const { agent: words } = useStrings();
  const [shown, setShown] = useState<number | null>(null);
  const one = versions.find((version) => version.version === shown);
  return (
    <>
      <ul className="divide-y divide-line">
        {versions.map((version) => {
          const name = words.version(formatNumber(version.version));
          return (
            <li key={version.version} className="flex items-center gap-3 px-4 py-3">
              <div className="min-w-0 flex-1">
                <p className="flex flex-wrap items-center gap-2 font-medium">
                  {name}
                  {version.version === profile.published_version ? <Badge tone="success">{words.answers}</Badge> : null}
                </p>
                <p className="text-sm text-ink-muted">{version.published_at ? <time dateTime={version.published_at}>{formatDateTime(version.published_at)}</time> : words.byFile}</p>
              </div>
              <Button aria-label={`${words.view}: ${name}`} onClick={() => setShown(version.version)}>
                {words.view}
              </Button>
            </li>
          );
        })}
      </ul>
      {one ? (
        <Suspense>
          <VersionDialog profile={profile} version={one} onClose={() => setShown(null)} />
        </Suspense>
      ) : null}
    </>
  );
}
