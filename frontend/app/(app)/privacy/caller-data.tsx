"use client";

import { useMutation } from "@tanstack/react-query";
import { Download, Eraser } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { fieldErrors } from "@/lib/api/problem";
import { loadCallerData, useErase } from "@/lib/data/privacy";
import { download } from "@/lib/download";
import { useStrings } from "@/lib/strings";

/** A copy of what is kept of a number, or its erasure. */
export function CallerData() {
  const { usage, common } = useStrings();
  const words = usage.privacy;
  const [number, setNumber] = useState("");
  const [missing, setMissing] = useState(false);
  const [asking, setAsking] = useState(false);
  const field = useRef<HTMLDivElement>(null);
  const erase = useErase();
  const load = useMutation({
    mutationFn: () => loadCallerData(number.trim()),
    onSuccess: ({ count, blob }) => {
      if (count > 0) download(blob, `vca-caller-${number.replace(/\D/g, "")}.json`);
      toast({ title: words.exportedData(count) });
    },
  });
  const failed = load.error ?? erase.error;
  const wrong = missing ? common.required : fieldErrors(failed).number;

  const given = () => {
    const there = number.trim() !== "";
    setMissing(!there);
    if (!there) field.current?.querySelector("input")?.focus();
    return there;
  };
  const begin = (event: FormEvent) => {
    event.preventDefault();
    erase.reset();
    if (given()) load.mutate();
  };
  const confirm = () => {
    load.reset();
    erase.mutate(number.trim(), {
      onSuccess: ({ calls, recordings, active }) => {
        toast({ title: words.erased(calls, recordings), description: active > 0 ? words.active(active) : undefined });
        if (active === 0) setNumber("");
      },
      onSettled: () => setAsking(false),
    });
  };
  return (
    <form noValidate onSubmit={begin} className="grid gap-4 p-4">
      <p className="text-ink-muted">{words.callerLead}</p>
      <div ref={field}>
        <TextField label={words.number} hint={words.numberHint} type="tel" autoComplete="off" value={number} error={wrong} onChange={(event) => setNumber(event.target.value)} />
      </div>
      {wrong ? null : <ProblemNote error={failed} />}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" pending={load.isPending}>
          <Download aria-hidden />
          {words.exportData}
        </Button>
        <Button variant="danger-ghost" onClick={() => given() && setAsking(true)}>
          <Eraser aria-hidden />
          {words.erase}
        </Button>
      </div>
      <Confirm open={asking} onOpenChange={setAsking} title={words.eraseTitle(number.trim())} description={words.eraseDetail} action={words.erase} onConfirm={confirm} pending={erase.isPending} />
    </form>
  );
}
