"use client";

import { CalendarPlus } from "lucide-react";
import { useState } from "react";

import { RemoveRow, type SectionProps, withRow } from "./editing";
import { HoursGrid, Openings } from "./hours-grid";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { TextField } from "@/components/ui/field";
import { formatDay, isoDay } from "@/lib/format";
import { useStrings } from "@/lib/strings";

export function HoursSection(props: SectionProps) {
  const { draft, errors, change, writable } = props;
  const { agent: words } = useStrings();
  return (
    <>
      <Section title={words.sections.hours} id="agent-hours">
        <HoursGrid hours={draft.hours ?? {}} onChange={(hours) => change({ hours })} path="hours" errors={errors} writable={writable} />
        <p className="border-t border-line px-4 py-3 text-sm text-ink-muted">{words.midnight}</p>
      </Section>
      <Holidays {...props} />
    </>
  );
}

function Holidays({ draft, errors, change, writable }: SectionProps) {
  const { agent: words } = useStrings();
  const holidays = draft.holidays ?? [];
  const today = isoDay(new Date());
  return (
    <Section title={words.sections.holidays} id="agent-holidays">
      {holidays.length === 0 ? <p className="p-4 text-ink-muted">{words.noHolidays}</p> : null}
      <ul className="divide-y divide-line">
        {holidays.map((holiday, index) => (
          <li key={holiday.date} className="relative grid gap-3 px-4 py-3 sm:grid-cols-[10rem_12rem_minmax(0,1fr)_auto] sm:items-start">
            <p className="flex min-h-11 items-center gap-2 font-medium">
              {formatDay(`${holiday.date}T12:00:00+05:30`)}
              {holiday.date < today ? <Badge>{words.past}</Badge> : null}
            </p>
            <TextField label={words.holidayName} hideLabel placeholder={words.holidayName} maxLength={80} value={holiday.name ?? ""} error={errors[`holidays[${index}].name`]} onChange={(event) => change({ holidays: withRow(holidays, index, { name: event.target.value || null }) })} />
            <Openings
              label={formatDay(`${holiday.date}T12:00:00+05:30`)}
              openings={holiday.hours ?? []}
              onChange={(hours) => change({ holidays: withRow(holidays, index, { hours }) })}
              error={Object.entries(errors).find(([field]) => field.startsWith(`holidays[${index}].hours`))?.[1] ?? errors[`holidays[${index}]`]}
              writable={writable}
            />
            {writable ? (
              <div className="absolute top-3 right-2 sm:static">
                <RemoveRow what={holiday.name || formatDay(`${holiday.date}T12:00:00+05:30`)} onRemove={() => change({ holidays: holidays.filter((_, at) => at !== index) })} onUndo={() => change({ holidays })} />
              </div>
            ) : null}
          </li>
        ))}
      </ul>
      {writable ? <AddHoliday dates={holidays.map(({ date }) => date)} onAdd={(date) => change({ holidays: [...holidays, { date, name: null, hours: [] }].sort((a, b) => a.date.localeCompare(b.date)) })} /> : null}
    </Section>
  );
}

function AddHoliday({ dates, onAdd }: { dates: readonly string[]; onAdd: (date: string) => void }) {
  const { agent: words } = useStrings();
  const [date, setDate] = useState("");
  const there = dates.includes(date);
  return (
    <div className="flex flex-wrap items-end gap-2 border-t border-line px-4 py-3">
      <TextField label={words.holidayDate} type="date" min={isoDay(new Date())} value={date} error={there ? words.holidayThere : undefined} onChange={(event) => setDate(event.target.value)} />
      <Button
        className="h-11"
        disabled={!date || there}
        onClick={() => {
          onAdd(date);
          setDate("");
        }}
      >
        <CalendarPlus aria-hidden />
        {words.addHoliday}
      </Button>
    </div>
  );
}
