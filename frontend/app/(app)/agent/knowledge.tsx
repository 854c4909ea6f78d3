"use client";

import { Plus } from "lucide-react";

import { ListField, RemoveRow, type SectionProps, withRow } from "./editing";
import { PriceField } from "./price-field";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { TextArea, TextField } from "@/components/ui/field";
import { useStrings } from "@/lib/strings";

export function Knowledge(props: SectionProps) {
  const { draft, errors, change } = props;
  const { agent: words } = useStrings();
  return (
    <>
      <Section title={words.sections.place} id="agent-place">
        <div className="grid gap-4 p-4 sm:grid-cols-2">
          <TextField label={words.fields.address} hint={words.hints.address} maxLength={300} error={errors.address} value={draft.address ?? ""} onChange={(event) => change({ address: event.target.value })} />
          <TextField label={words.fields.landmark} hint={words.hints.landmark} maxLength={200} error={errors.landmark} value={draft.landmark ?? ""} onChange={(event) => change({ landmark: event.target.value })} />
        </div>
      </Section>
      <Services {...props} />
      <Faqs {...props} />
    </>
  );
}

function Services({ draft, errors, change, writable }: SectionProps) {
  const { agent: words } = useStrings();
  const services = draft.knowledge?.services ?? [];
  const set = (services: NonNullable<NonNullable<typeof draft.knowledge>["services"]>) => change({ knowledge: { ...draft.knowledge, services } });
  return (
    <Section title={words.sections.services} id="agent-services">
      {services.length === 0 ? <p className="p-4 text-ink-muted">{words.noServices}</p> : null}
      <ol className="divide-y divide-line">
        {services.map((service, index) => {
          const path = `knowledge.services[${index}]`;
          const named = service.name || words.numbered(words.service, index + 1);
          return (
            <li key={index} className="flex items-start gap-2 p-4">
              <div role="group" aria-label={named} className="grid min-w-0 flex-1 grid-cols-1 gap-3 lg:grid-cols-[minmax(0,1fr)_minmax(0,20rem)_7rem]">
                <TextField label={words.serviceName} maxLength={80} error={errors[`${path}.name`]} value={service.name} onChange={(event) => set(withRow(services, index, { name: event.target.value }))} />
                <PriceField price={service.price ?? null} error={errors[`${path}.price`]} onChange={(price) => set(withRow(services, index, { price }))} />
                <TextField
                  label={words.duration}
                  type="number"
                  inputMode="numeric"
                  min={1}
                  max={1440}
                  error={errors[`${path}.minutes`]}
                  value={service.minutes ?? ""}
                  onChange={(event) => set(withRow(services, index, { minutes: event.target.value === "" ? null : Math.round(Number(event.target.value)) }))}
                />
                <ListField className="lg:col-span-3" label={words.serviceAlso} hint={words.hints.also} value={service.also ?? []} error={errors[`${path}.also`]} onChange={(also) => set(withRow(services, index, { also }))} />
              </div>
              {writable ? <RemoveRow what={named} onRemove={() => set(services.filter((_, at) => at !== index))} onUndo={() => set(services)} /> : null}
            </li>
          );
        })}
      </ol>
      {writable ? (
        <div className="border-t border-line px-4 py-3">
          <Button onClick={() => set([...services, { name: "", also: [], price: null, minutes: null }])}>
            <Plus aria-hidden />
            {words.addService}
          </Button>
        </div>
      ) : null}
    </Section>
  );
}

function Faqs({ draft, errors, change, writable }: SectionProps) {
  const { agent: words } = useStrings();
  const faqs = draft.knowledge?.faqs ?? [];
  const set = (faqs: NonNullable<NonNullable<typeof draft.knowledge>["faqs"]>) => change({ knowledge: { ...draft.knowledge, faqs } });
  return (
    <Section title={words.sections.faqs} id="agent-faqs">
      {faqs.length === 0 ? <p className="p-4 text-ink-muted">{words.noFaqs}</p> : null}
      <ol className="divide-y divide-line">
        {faqs.map((faq, index) => {
          const path = `knowledge.faqs[${index}]`;
          const named = faq.question || words.numbered(words.faq, index + 1);
          return (
            <li key={index} className="flex items-start gap-2 p-4">
              <div role="group" aria-label={named} className="grid min-w-0 flex-1 grid-cols-1 gap-3">
                <TextField label={words.question} maxLength={200} error={errors[`${path}.question`]} value={faq.question} onChange={(event) => set(withRow(faqs, index, { question: event.target.value }))} />
                <TextArea rows={2} label={words.answer} maxLength={500} error={errors[`${path}.answer`]} value={faq.answer} onChange={(event) => set(withRow(faqs, index, { answer: event.target.value }))} />
                <ListField label={words.questionAlso} hint={words.hints.also} value={faq.also ?? []} error={errors[`${path}.also`]} onChange={(also) => set(withRow(faqs, index, { also }))} />
              </div>
              {writable ? <RemoveRow what={named} onRemove={() => set(faqs.filter((_, at) => at !== index))} onUndo={() => set(faqs)} /> : null}
            </li>
          );
        })}
      </ol>
      {writable ? (
        <div className="border-t border-line px-4 py-3">
          <Button onClick={() => set([...faqs, { question: "", answer: "", also: [] }])}>
            <Plus aria-hidden />
            {words.addFaq}
          </Button>
        </div>
      ) : null}
    </Section>
  );
}
