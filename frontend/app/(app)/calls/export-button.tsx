"use client";

import { Download } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { describeProblem } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { problemOf } from "@/lib/api/problem";
import { csv } from "@/lib/calls/csv";
import type { CallFilter } from "@/lib/calls/filters";
import { type Call, loadAllCalls } from "@/lib/data/calls";
import { download } from "@/lib/download";
import { formatTime, isoDay } from "@/lib/format";
import { type Strings, useStrings } from "@/lib/strings";

/** Every call that matches, as a file for a spreadsheet. */
export function ExportButton({ filter, disabled }: { filter: CallFilter; disabled: boolean }) {
  const { calls: words, common } = useStrings();
  const [count, setCount] = useState<number | null>(null);

  const run = async () => {
    setCount(0);
    try {
      const { calls, more } = await loadAllCalls(filter, setCount);
      download(new Blob([csv(exportRows(calls, words))], { type: "text/csv;charset=utf-8" }), `calls-${isoDay(new Date())}.csv`);
      toast({ title: words.exported(calls.length), description: more ? words.exportLimit(calls.length) : undefined });
    } catch (error) {
      const { title, detail } = describeProblem(problemOf(error), common);
      toast({ title: words.exportFailed, description: `${title}. ${detail}`, tone: "danger" });
    } finally {
      setCount(null);
    }
  };

  return (
    <Button onClick={() => void run()} pending={count !== null} disabled={disabled}>
      {count === null ? <Download aria-hidden /> : null}
      {count ? words.exporting(count) : words.export}
    </Button>
  );
}

function exportRows(calls: readonly Call[], { columns, outcomes, statuses }: Strings["calls"]): string[][] {
  const head = [columns.id, columns.answered, columns.seconds, columns.caller, columns.did, columns.outcome, columns.name, columns.number, columns.reason, columns.time, columns.summary];
  const rows = calls.map((call) => [
    call.id,
    `${isoDay(call.answered_at)} ${formatTime(call.answered_at)}`,
    call.duration_ms === null || call.duration_ms === undefined ? "" : String(Math.round(call.duration_ms / 1000)),
    call.caller ?? "",
    call.did,
    call.outcome ? outcomes[call.outcome] : statuses[call.status],
    call.slots.name ?? "",
    call.slots.number ?? "",
    call.slots.reason ?? "",
    call.slots.preferred_time ?? "",
    call.summary ?? "",
  ]);
  return [head, ...rows];
}
