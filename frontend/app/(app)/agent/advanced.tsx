"use client";

import { ListField, type SectionProps } from "./editing";
import { Section } from "@/components/ui/card";
import { TextField } from "@/components/ui/field";
import type { Schemas } from "@/lib/api/client";
import { useStrings } from "@/lib/strings";

type Turns = Schemas["TurnSettings"];
type Figure = Exclude<keyof Turns, "backchannels">;

const ENGINES = ["stt", "tts", "llm"] as const;

export function Advanced({ draft, errors, change }: SectionProps) {
  const { agent: words } = useStrings();
  const turns = draft.turns ?? {};
  const { backchannels, ...figures } = words.turns;
  return (
    <>
      <Section title={words.sections.turns} id="agent-turns">
        <p className="px-4 pt-4 text-ink-muted">{words.advancedNote}</p>
        <div className="grid gap-4 p-4 sm:grid-cols-2 lg:grid-cols-3">
          {(Object.keys(figures) as Figure[]).map((figure) => (
            <TextField
              key={figure}
              label={figures[figure].label}
              hint={figures[figure].hint}
              type="number"
              inputMode="numeric"
              min={0}
              error={errors[`turns.${figure}`]}
              value={turns[figure] ?? ""}
              onChange={(event) => change({ turns: { ...turns, [figure]: event.target.value === "" ? undefined : Math.round(Number(event.target.value)) } })}
            />
          ))}
          <ListField className="sm:col-span-2 lg:col-span-3" label={backchannels.label} hint={backchannels.hint} error={errors["turns.backchannels"]} value={turns.backchannels ?? []} onChange={(list) => change({ turns: { ...turns, backchannels: list } })} />
        </div>
      </Section>
      <Section title={words.sections.engines} id="agent-engines">
        <div className="grid gap-4 p-4 sm:grid-cols-2">
          {ENGINES.map((engine) => (
            <ListField
              key={engine}
              label={words.speech[engine].label}
              hint={words.speech[engine].hint}
              value={draft.speech?.[engine] ?? []}
              error={Object.entries(errors).find(([field]) => field.startsWith(`speech.${engine}`))?.[1]}
              onChange={(list) => change({ speech: { ...draft.speech, [engine]: list } })}
            />
          ))}
          <TextField label={words.fields.time_zone} error={errors.time_zone} value={draft.time_zone ?? ""} onChange={(event) => change({ time_zone: event.target.value })} />
        </div>
      </Section>
    </>
  );
}
