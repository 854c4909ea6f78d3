"use client";

import { SelectField, TextArea, TextField } from "@/components/ui/field";
import { Switch } from "@/components/ui/switch";
import { CATEGORIES, type NoticeForm, placeholders, type Value, VALUES, valuesFor } from "@/lib/notices/form";
import { useStrings } from "@/lib/strings";

interface NoticeFieldsProps {
  form: NoticeForm;
  errors: Partial<Record<keyof NoticeForm, string>>;
  onChange: (part: Partial<NoticeForm>) => void;
  writable: boolean;
}

export function OwnerNotice({ form, errors, onChange }: NoticeFieldsProps) {
  const { usage } = useStrings();
  const words = usage.notices;
  return (
    <div className="grid gap-4">
      <p className="text-ink-muted">{words.ownerLead}</p>
      <TextArea label={words.mobiles} hint={words.mobilesHint} inputMode="tel" value={form.mobiles} error={errors.mobiles} onChange={(event) => onChange({ mobiles: event.target.value })} />
      <SelectField label={words.about} value={form.about} onChange={(event) => onChange({ about: event.target.value as NoticeForm["about"] })}>
        {(["wanted", "all"] as const).map((about) => (
          <option key={about} value={about}>
            {words.abouts[about]}
          </option>
        ))}
      </SelectField>
    </div>
  );
}

export function CallerNotice({ form, errors, onChange, writable }: NoticeFieldsProps) {
  const { usage } = useStrings();
  const words = usage.notices;
  const values = valuesFor(form);
  const text = (name: "entityId" | "header" | "templateId" | "providerId", label: string, hint?: string) => (
    <TextField label={label} hint={hint} autoComplete="off" value={form[name]} error={errors[name]} onChange={(event) => onChange({ [name]: event.target.value })} />
  );
  return (
    <div className="grid gap-4">
      <p className="text-ink-muted">{words.callerLead}</p>
      <Switch label={words.callerOn} checked={form.caller} disabled={!writable} onChange={(caller) => onChange({ caller })} />
      {form.caller ? (
        <div className="grid gap-4 sm:grid-cols-2">
          {text("entityId", words.entityId, words.entityIdHint)}
          {text("header", words.header, words.headerHint)}
          {text("templateId", words.templateId, words.entityIdHint)}
          {text("providerId", words.providerId, words.providerIdHint)}
          <TextArea className="sm:col-span-2" label={words.text} hint={words.textHint} value={form.text} error={errors.text} onChange={(event) => onChange({ text: event.target.value })} />
          <SelectField label={words.category} value={form.category} onChange={(event) => onChange({ category: event.target.value as NoticeForm["category"] })}>
            {CATEGORIES.map((category) => (
              <option key={category} value={category}>
                {words.categories[category]}
              </option>
            ))}
          </SelectField>
          {placeholders(form.text).map((placeholder, index) => (
            <SelectField
              key={index}
              label={words.value(index + 1, placeholder)}
              value={values[index]}
              onChange={(event) => onChange({ values: values.map((value, at) => (at === index ? (event.target.value as Value) : value)) })}
            >
              {VALUES.map((value) => (
                <option key={value} value={value}>
                  {words.values[value]}
                </option>
              ))}
            </SelectField>
          ))}
        </div>
      ) : null}
    </div>
  );
}
