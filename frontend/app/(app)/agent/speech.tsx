"use client";

import type { SectionProps } from "./editing";
import { Section } from "@/components/ui/card";
import { TextArea, TextField } from "@/components/ui/field";
import { Switch } from "@/components/ui/switch";
import type { Schemas } from "@/lib/api/client";
import { useStrings } from "@/lib/strings";

const ASKS: readonly Schemas["Ask"][] = ["email", "pin_code"];

export function Speech({ draft, errors, change, writable }: SectionProps) {
  const { agent: words } = useStrings();
  const ask = draft.ask ?? [];
  return (
    <>
      <Section title={words.sections.greeting} id="agent-greeting">
        <div className="grid gap-4 p-4 sm:grid-cols-2">
          <TextField label={words.fields.business_name} hint={words.hints.business_name} error={errors.business_name} value={draft.business_name} maxLength={120} onChange={(event) => change({ business_name: event.target.value })} />
          <TextField label={words.fields.visit_word} hint={words.hints.visit_word} error={errors.visit_word} value={draft.visit_word ?? ""} maxLength={40} onChange={(event) => change({ visit_word: event.target.value })} />
          <TextArea className="sm:col-span-2" label={words.fields.greeting} hint={words.hints.greeting} error={errors.greeting} value={draft.greeting ?? ""} maxLength={500} onChange={(event) => change({ greeting: event.target.value })} />
          <div className="sm:col-span-2">
            <Switch label={words.fields.record_calls} hint={words.hints.record_calls} checked={draft.record_calls ?? true} disabled={!writable} onChange={(record_calls) => change({ record_calls })} />
          </div>
        </div>
      </Section>
      <Section title={words.sections.asks} id="agent-asks">
        <div className="px-4 py-2">
          <p className="py-2 text-sm text-ink-muted">{words.hints.ask}</p>
          {ASKS.map((one) => (
            <Switch
              key={one}
              label={words.asks[one]}
              checked={ask.includes(one)}
              disabled={!writable}
              onChange={(wanted) => change({ ask: wanted ? [...ask, one] : ask.filter((other) => other !== one) })}
            />
          ))}
        </div>
      </Section>
      <Section title={words.sections.voice} id="agent-voice">
        <div className="grid gap-4 p-4 sm:grid-cols-2">
          <TextField
            label={words.speech.voice.label}
            hint={words.hints.voice}
            error={errors["speech.voice"]}
            value={draft.speech?.voice ?? ""}
            onChange={(event) => change({ speech: { ...draft.speech, voice: event.target.value || null } })}
          />
        </div>
      </Section>
    </>
  );
}
