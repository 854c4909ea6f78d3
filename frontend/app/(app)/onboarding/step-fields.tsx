"use client";

import { CircleDashed } from "lucide-react";

import { HoursGrid } from "../agent/hours-grid";
import { CallerNotice, OwnerNotice } from "../notifications/notice-fields";
import { Button } from "@/components/ui/button";
import { TextArea, TextField } from "@/components/ui/field";
import { Switch } from "@/components/ui/switch";
import { showOpenings, weekGroups } from "@/lib/agent/hours";
import type { NoticeForm } from "@/lib/notices/form";
import { type Business, missing, type Step } from "@/lib/onboarding/business";
import { useStrings } from "@/lib/strings";
import { numbersIn } from "@/lib/telephone-numbers";

interface StepProps {
  step: Step;
  business: Business;
  errors: Readonly<Record<string, string>>;
  onChange: (part: Partial<Business>) => void;
  onGo: (step: Step) => void;
}

export function StepFields({ step, business, errors, onChange, onGo }: StepProps) {
  const { onboarding: words } = useStrings();
  switch (step) {
    case "business":
      return (
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField label={words.name} hint={words.nameHint} value={business.name} error={errors.name} maxLength={120} autoComplete="organization" onChange={(event) => onChange({ name: event.target.value })} />
          <TextField label={words.spokenName} hint={words.spokenNameHint} value={business.spokenName} error={errors.spokenName} maxLength={120} onChange={(event) => onChange({ spokenName: event.target.value })} />
          <TextField label={words.visitWord} hint={words.visitWordHint} value={business.visitWord} error={errors.visitWord} maxLength={40} onChange={(event) => onChange({ visitWord: event.target.value })} />
          <TextField label={words.address} value={business.address} error={errors.address} maxLength={300} onChange={(event) => onChange({ address: event.target.value })} />
          <TextField label={words.landmark} hint={words.landmarkHint} value={business.landmark} error={errors.landmark} maxLength={200} onChange={(event) => onChange({ landmark: event.target.value })} />
        </div>
      );
    case "numbers":
      return (
        <div className="grid gap-4">
          <TextArea label={words.numbers} hint={words.numbersHint} inputMode="tel" value={business.numbers} error={errors.numbers} onChange={(event) => onChange({ numbers: event.target.value })} />
          <TextField label={words.maxCalls} hint={words.maxCallsHint} inputMode="numeric" className="max-w-60" value={business.maxCalls} error={errors.maxCalls} onChange={(event) => onChange({ maxCalls: event.target.value.trim() })} />
        </div>
      );
    case "hours":
      return (
        <div className="grid gap-2">
          <div className="-mx-4 border-y border-line sm:mx-0 sm:rounded-lg sm:border">
            <HoursGrid hours={business.hours} onChange={(hours) => onChange({ hours })} path="hours" errors={{}} writable />
          </div>
          {errors.hours ? (
            <p role="alert" className="text-sm text-danger">
              {errors.hours}
            </p>
          ) : null}
        </div>
      );
    case "greeting":
      return (
        <div className="grid gap-3">
          <TextArea label={words.greeting} hint={words.greetingHint} maxLength={500} value={business.greeting} error={errors.greeting} onChange={(event) => onChange({ greeting: event.target.value })} />
          <Switch label={words.recordCalls} hint={words.recordCallsHint} checked={business.recordCalls} onChange={(recordCalls) => onChange({ recordCalls })} />
        </div>
      );
    case "sms":
      return <Notices business={business} errors={errors} onChange={onChange} />;
    case "review":
      return <Review business={business} onGo={onGo} />;
  }
}

function Notices({ business: { notices }, errors, onChange }: Pick<StepProps, "business" | "errors" | "onChange">) {
  const { usage } = useStrings();
  const own = Object.fromEntries(Object.entries(errors).map(([field, message]) => [field.replace(/^notices\./, ""), message]));
  const fields = { form: notices, errors: own, onChange: (part: Partial<NoticeForm>) => onChange({ notices: { ...notices, ...part } }), writable: true };
  return (
    <div className="grid gap-6">
      <section aria-label={usage.notices.owner}>
        <OwnerNotice {...fields} />
      </section>
      <section aria-label={usage.notices.caller}>
        <CallerNotice {...fields} />
      </section>
    </div>
  );
}

function Review({ business, onGo }: { business: Business; onGo: (step: Step) => void }) {
  const { onboarding: words, agent, common } = useStrings();
  const numbers = numbersIn(business.numbers);
  const hours = weekGroups(business.hours).map(({ from, to, openings }) => `${from === to ? agent.days[from] : `${agent.daysShort[from]}–${agent.daysShort[to]}`}: ${showOpenings(openings, agent.closed)}`);
  const rows: [Step, string, string][] = [
    ["business", words.name, business.name],
    ["business", words.spokenName, business.spokenName.trim() || business.name],
    ["business", words.address, [business.address, business.landmark].filter(Boolean).join(", ") || common.none],
    ["numbers", words.numbers, numbers.join("\n") || common.none],
    ["hours", words.steps.hours, hours.join("\n")],
    ["greeting", words.greeting, business.greeting || agent.standard],
    ["sms", words.steps.sms, numbersIn(business.notices.mobiles).join("\n") || common.none],
    ["greeting", words.recordCalls, business.recordCalls ? common.yes : common.no],
  ];
  const lacks = missing(business);
  return (
    <div className="grid gap-5">
      <section aria-labelledby="review">
        <h3 id="review" className="mb-1 font-medium">
          {words.review}
        </h3>
        <dl className="divide-y divide-line">
          {rows.map(([step, label, value]) => (
            <div key={label} className="relative py-2 pr-14">
              <dt className="text-sm text-ink-muted">{label}</dt>
              <dd className="break-words whitespace-pre-line">{value}</dd>
              <dd className="absolute top-2 right-0">
                <Button variant="link" size="sm" className="px-1" aria-label={words.change(label)} onClick={() => onGo(step)}>
                  {common.edit}
                </Button>
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="missing" className="rounded-lg bg-subtle p-3.5">
        <h3 id="missing" className="font-medium">
          {words.missing}
        </h3>
        <p className="text-sm text-ink-muted">{words.missingDetail}</p>
        <ul className="mt-2 grid gap-1.5">
          {lacks.map((one) => (
            <li key={one} className="flex items-start gap-2 text-sm">
              <CircleDashed aria-hidden className="mt-0.5 size-4 shrink-0 text-warning" />
              {words.missings[one]}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
