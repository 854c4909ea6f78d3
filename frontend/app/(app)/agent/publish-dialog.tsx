"use client";

import { CircleCheck } from "lucide-react";

import { ChangeList } from "@/components/change-list";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { ProblemNote } from "@/components/ui/states";
import { problemOf } from "@/lib/api/problem";
import { changes } from "@/lib/agent/diff";
import type { Profile, ProfileDraft } from "@/lib/agent/draft";
import { usePublish } from "@/lib/data/profiles";
import { formatNumber } from "@/lib/format";
import { useStrings } from "@/lib/strings";

/** Shows what callers will hear differently, and publishes it. */
export default function PublishDialog({ draft, published, onClose }: { draft: ProfileDraft; published: Profile | null; onClose: () => void }) {
  const { agent: words, common } = useStrings();
  const publish = usePublish();
  const found = published ? changes(published, draft.draft, words) : [];
  const phrases = (problemOf(publish.error).errors ?? []).filter(({ field }) => field === "phrases");

  if (publish.isSuccess) {
    const { version, phrases_ready, phrases_waiting } = publish.data;
    return (
      <Dialog open onOpenChange={onClose} title={words.published(formatNumber(version))}>
        <p role="status" className="flex items-start gap-2.5">
          <CircleCheck aria-hidden className="mt-0.5 size-5 shrink-0 text-success" />
          {words.phrases(formatNumber(phrases_ready), phrases_waiting)}
        </p>
        <div className="mt-5 flex justify-end">
          <Button variant="primary" onClick={onClose}>
            {common.close}
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title={words.publishTitle} description={words.publishDetail} className="max-w-2xl">
      {published === null ? <p>{words.publishFirst}</p> : found.length === 0 ? <p>{words.publishSame}</p> : <ChangeList changes={found} />}
      {phrases.length > 0 ? (
        <div role="alert" className="mt-4 rounded-lg bg-danger-soft px-3.5 py-3 text-danger">
          <p className="font-medium">{words.refused}</p>
          <ul className="mt-1 list-disc pl-5 text-sm">
            {phrases.map(({ message }) => (
              <li key={message}>{message}</li>
            ))}
          </ul>
        </div>
      ) : publish.isError ? (
        <ProblemNote error={publish.error} className="mt-4" />
      ) : null}
      <p role="status" className="mt-3 text-sm text-ink-muted">
        {publish.isPending ? words.publishing : null}
      </p>
      <div className="mt-3 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{common.cancel}</Button>
        <Button variant="primary" pending={publish.isPending} onClick={() => publish.mutate(draft)}>
          {words.publish}
        </Button>
      </div>
    </Dialog>
  );
}
