"use client";

import { ArrowUp, Plus } from "lucide-react";

import { RemoveRow, type SectionProps, withRow } from "./editing";
import { HoursGrid } from "./hours-grid";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { SelectField, TextField } from "@/components/ui/field";
import { Switch } from "@/components/ui/switch";
import type { Schemas } from "@/lib/api/client";
import { useStrings } from "@/lib/strings";

const KINDS: readonly Schemas["TransferKind"][] = ["warm", "blind"];

export function People({ draft, errors, change, writable }: SectionProps) {
  const { agent: words } = useStrings();
  const targets = draft.transfers?.targets ?? [];
  const set = (targets: Schemas["Target"][]) => change({ transfers: { ...draft.transfers, targets } });
  const up = (index: number) => {
    const moved = [...targets];
    moved.splice(index - 1, 0, ...moved.splice(index, 1));
    set(moved);
  };
  return (
    <Section title={words.sections.people} id="agent-people">
      <p className="px-4 pt-4 text-ink-muted">{targets.length === 0 ? words.noTargets : words.targetOrder}</p>
      <ol className="divide-y divide-line">
        {targets.map((target, index) => {
          const path = `transfers.targets[${index}]`;
          const named = target.name || words.numbered(words.target, index + 1);
          return (
            <li key={index} className="flex items-start gap-1 p-4">
              <div role="group" aria-label={named} className="grid min-w-0 flex-1 grid-cols-1 gap-3 sm:grid-cols-3">
                <TextField label={words.targetName} maxLength={80} error={errors[`${path}.name`]} value={target.name} onChange={(event) => set(withRow(targets, index, { name: event.target.value }))} />
                <TextField label={words.targetNumber} type="tel" error={errors[`${path}.number`]} value={target.number} onChange={(event) => set(withRow(targets, index, { number: event.target.value }))} />
                <SelectField label={words.targetKind} error={errors[`${path}.kind`]} value={target.kind ?? "warm"} onChange={(event) => set(withRow(targets, index, { kind: event.target.value as Schemas["TransferKind"] }))}>
                  {KINDS.map((kind) => (
                    <option key={kind} value={kind}>
                      {words.kinds[kind]}
                    </option>
                  ))}
                </SelectField>
                <div className="sm:col-span-3">
                  <Switch label={words.targetHours} checked={target.hours !== null && target.hours !== undefined} disabled={!writable} onChange={(limited) => set(withRow(targets, index, { hours: limited ? (draft.hours ?? {}) : null }))} />
                  {target.hours ? (
                    <div className="rounded-lg border border-line">
                      <HoursGrid hours={target.hours} onChange={(hours) => set(withRow(targets, index, { hours }))} path={`${path}.hours`} errors={errors} writable={writable} />
                    </div>
                  ) : null}
                </div>
              </div>
              {writable && index > 0 ? (
                <Button variant="ghost" size="icon" aria-label={words.moveUp(named)} onClick={() => up(index)}>
                  <ArrowUp aria-hidden />
                </Button>
              ) : null}
              {writable ? <RemoveRow what={named} onRemove={() => set(targets.filter((_, at) => at !== index))} onUndo={() => set(targets)} /> : null}
            </li>
          );
        })}
      </ol>
      {writable ? (
        <div className="px-4 py-3">
          <Button onClick={() => set([...targets, { name: "", number: "", kind: "warm", hours: null }])}>
            <Plus aria-hidden />
            {words.addTarget}
          </Button>
        </div>
      ) : null}
      <div className="border-t border-line px-4 py-2">
        <Switch label={words.fields.emergency_transfers_only} hint={words.hints.emergency_transfers_only} checked={draft.emergency_transfers_only ?? false} disabled={!writable} onChange={(emergency_transfers_only) => change({ emergency_transfers_only })} />
        <Switch label={words.fields.allow_foreign} hint={words.hints.allow_foreign} checked={draft.transfers?.allow_foreign ?? false} disabled={!writable} onChange={(allow_foreign) => change({ transfers: { ...draft.transfers, allow_foreign } })} />
      </div>
    </Section>
  );
}
