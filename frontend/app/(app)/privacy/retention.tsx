"use client";

import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { TextField } from "@/components/ui/field";
import { toast } from "@/components/ui/toast";
import { useSaveRetention } from "@/lib/data/privacy";
import { useStrings } from "@/lib/strings";
import { daysIn, type Part, PARTS, type RetentionView, shortens } from "@/lib/usage/retention";

export function Retention({ view, writable }: { view: RetentionView; writable: boolean }) {
  const { usage, common } = useStrings();
  const words = usage.privacy;
  const complain = useComplain();
  const save = useSaveRetention();
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState<Record<Part, string>>(() => ({ recordings_days: text(view.recordings_days), transcripts_days: text(view.transcripts_days), records_days: text(view.records_days) }));
  const change = { recordings_days: daysIn(typed.recordings_days), transcripts_days: daysIn(typed.transcripts_days), records_days: daysIn(typed.records_days) };
  const wrong = PARTS.some((part) => Number.isNaN(change[part]));
  const changed = PARTS.some((part) => change[part] !== (view[part] ?? null));
  const send = () =>
    save.mutate(change, {
      onError: complain,
      onSuccess: () => toast({ title: words.saved }),
      onSettled: () => setAsking(false),
    });
  const shown = (days: number | null | undefined) => (typeof days === "number" && days > 0 ? words.dayCount(days) : words.forGood);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong) return;
        if (shortens(view, change)) setAsking(true);
        else send();
      }}
      className="grid gap-4 p-4"
    >
      <p className="text-ink-muted">
        {words.retentionLead} {words.daysHint}
      </p>
      {PARTS.map((part) => (
        <TextField
          key={part}
          label={words.parts[part]}
          hint={words.inForce(shown(view.in_force[part]))}
          inputMode="numeric"
          disabled={!writable}
          value={typed[part]}
          error={Number.isNaN(change[part]) ? words.daysWrong : undefined}
          onChange={(event) => setTyped({ ...typed, [part]: event.target.value })}
        />
      ))}
      {writable ? (
        <div className="flex justify-end">
          <Button type="submit" variant="primary" disabled={!changed || wrong} pending={save.isPending}>
            {common.save}
          </Button>
        </div>
      ) : null}
      <Confirm open={asking} onOpenChange={setAsking} title={words.shorterTitle} description={words.shorterDetail} action={words.shorter} onConfirm={send} pending={save.isPending} />
    </form>
  );
}

function text(days: number | null | undefined): string {
  return typeof days === "number" ? String(days) : "";
}
