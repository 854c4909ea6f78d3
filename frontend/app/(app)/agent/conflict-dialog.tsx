"use client";

import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { pathLabel, showField } from "@/lib/agent/diff";
import type { Conflict } from "@/lib/agent/draft";
import { useStrings } from "@/lib/strings";

/** Two people changed the same fields: one version of each is chosen. It cannot be closed otherwise: neither is lost unseen. */
export default function ConflictDialog({ conflicts, onResolve }: { conflicts: readonly Conflict[]; onResolve: (theirs: ReadonlySet<number>) => void }) {
  const { agent: words } = useStrings();
  const [theirs, setTheirs] = useState<ReadonlySet<number>>(new Set());
  const choose = (index: number, other: boolean) => {
    const next = new Set(theirs);
    if (other) next.add(index);
    else next.delete(index);
    setTheirs(next);
  };
  return (
    <Dialog open onOpenChange={() => {}} title={words.conflictTitle} description={words.conflictDetail} className="max-w-2xl">
      <div className="grid gap-4">
        {conflicts.map((conflict, index) => (
          <fieldset key={conflict.path.join(".")} className="grid gap-2 sm:grid-cols-2">
            <legend className="mb-1.5 text-sm font-medium">{pathLabel(conflict.path, words)}</legend>
            {([false, true] as const).map((other) => (
              <label key={String(other)} className="flex cursor-pointer items-start gap-2.5 rounded-lg border border-line p-3 has-checked:border-accent has-checked:bg-accent-soft">
                <input type="radio" name={`conflict-${index}`} checked={theirs.has(index) === other} onChange={() => choose(index, other)} className="mt-1 accent-accent" />
                <span className="min-w-0">
                  <span className="block text-sm font-medium">{other ? words.theirs : words.mine}</span>
                  <span className="block text-sm break-words whitespace-pre-line">{showField(conflict.path, other ? conflict.theirs : conflict.mine, words)}</span>
                </span>
              </label>
            ))}
          </fieldset>
        ))}
      </div>
      <div className="mt-5 flex justify-end">
        <Button variant="primary" onClick={() => onResolve(theirs)}>
          {words.keep}
        </Button>
      </div>
    </Dialog>
  );
}
