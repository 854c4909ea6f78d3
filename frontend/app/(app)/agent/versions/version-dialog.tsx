"use client";

import { useState } from "react";

import { ChangeList } from "@/components/change-list";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { describeProblem, ErrorState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { problemOf } from "@/lib/api/problem";
import { changes } from "@/lib/agent/diff";
import type { ProfileDraft } from "@/lib/agent/draft";
import { type PublishedVersion, useRollBack, useVersion } from "@/lib/data/profiles";
import { formatDateTime, formatNumber } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** What a version says; against the one that answers, and the way to have it answer again. */
export default function VersionDialog({ profile, version, onClose }: { profile: ProfileDraft; version: PublishedVersion; onClose: () => void }) {
  const { agent: words, common } = useStrings();
  const { can } = useSession();
  const [asking, setAsking] = useState(false);
  const rollBack = useRollBack();
  const answers = profile.published_version ?? null;
  const isCurrent = version.version === answers;
  const current = useVersion(profile.id, answers);
  const number = formatNumber(version.version);
  // The version that answers has nothing to be compared with but emptiness: then all that it says is shown.
  const found = current.data ? changes(isCurrent ? { business_name: "" } : current.data.profile, version.profile, words) : [];

  const confirm = () =>
    rollBack.mutate(
      { draft: profile, version: version.version },
      {
        onSuccess: () => {
          toast({ title: words.rolledBack(number) });
          onClose();
        },
        onError: (error) => {
          const { title, detail } = describeProblem(problemOf(error), common);
          toast({ title, description: detail, tone: "danger" });
          setAsking(false);
        },
      },
    );

  if (asking) {
    return <Confirm open onOpenChange={setAsking} title={words.rollBackTitle(number)} description={words.rollBackDetail} action={words.rollBack} danger={false} onConfirm={confirm} pending={rollBack.isPending} />;
  }
  return (
    <Dialog open onOpenChange={onClose} title={words.version(number)} description={version.published_at ? formatDateTime(version.published_at) : words.byFile} className="max-w-2xl">
      {current.isError ? (
        <ErrorState error={current.error} onRetry={() => void current.refetch()} />
      ) : current.isPending ? (
        <div aria-busy>
          <Skeleton className="h-24" />
        </div>
      ) : (
        <div className="grid gap-2">
          {isCurrent || answers === null ? null : <p className="text-sm text-ink-muted">{words.compare(formatNumber(answers))}</p>}
          {found.length === 0 ? <p>{words.noDifference}</p> : <ChangeList changes={isCurrent ? found.map((change) => ({ ...change, before: undefined })) : found} plain={isCurrent} />}
        </div>
      )}
      {can("profiles:write") && !isCurrent ? (
        <div className="mt-5 flex justify-end">
          <Button variant="primary" onClick={() => setAsking(true)}>
            {words.rollBack}
          </Button>
        </div>
      ) : null}
    </Dialog>
  );
}
