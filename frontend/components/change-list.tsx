"use client";

import { ArrowRight } from "lucide-react";

import { Badge } from "./ui/badge";
import type { Change } from "@/lib/agent/diff";
import { useStrings } from "@/lib/strings";

/** What is different, field by field: as it was, and as it will be. `plain` only tells what is there. */
export function ChangeList({ changes, plain }: { changes: readonly Change[]; plain?: boolean }) {
  const { agent: words } = useStrings();
  return (
    <ul className="divide-y divide-line rounded-lg border border-line">
      {changes.map(({ key, label, before, after }) => (
        <li key={key} className="grid gap-1 px-3.5 py-2.5">
          <p className="flex items-center gap-2 text-sm font-medium">
            <span className="min-w-0 break-words">{label}</span>
            {before === undefined && !plain ? <Badge tone="success">{words.isNew}</Badge> : null}
            {after === undefined ? <Badge tone="danger">{words.isGone}</Badge> : null}
          </p>
          <div className="flex flex-wrap items-baseline gap-x-2 text-sm whitespace-pre-line">
            {before === undefined ? null : (
              <>
                <span className="sr-only">{words.before}: </span>
                <del className="min-w-0 break-words text-ink-muted">{before}</del>
              </>
            )}
            {before !== undefined && after !== undefined ? <ArrowRight aria-hidden className="size-3.5 shrink-0 self-center text-ink-muted" /> : null}
            {after === undefined ? null : (
              <>
                <span className="sr-only">{words.after}: </span>
                <ins className="min-w-0 break-words no-underline">{after}</ins>
              </>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}
