"use client";

import { Copy, Plus, X } from "lucide-react";
import { useId } from "react";

import { Button } from "@/components/ui/button";
import { controlStyle } from "@/components/ui/field";
import { Menu, MenuItem } from "@/components/ui/menu";
import { addOpening, copyDay, type Day, DAYS, fromTimeField, type Hours, openingFaults, parseOpening, showOpenings, timeField, writeOpening } from "@/lib/agent/hours";
import { cn } from "@/lib/cn";
import { useStrings } from "@/lib/strings";

interface HoursGridProps {
  hours: Hours;
  onChange: (hours: Hours) => void;
  /** Where the server's complaints about it begin: `hours`. */
  path: string;
  errors: Readonly<Record<string, string>>;
  writable: boolean;
}

/** The week, a day in each line, with its openings as fields and as a picture. */
export function HoursGrid({ hours, onChange, path, errors, writable }: HoursGridProps) {
  const { agent: words } = useStrings();
  return (
    <ul className="divide-y divide-line">
      {DAYS.map((day) => (
        <li key={day} className="relative grid gap-2 px-4 py-3 sm:grid-cols-[8.5rem_minmax(0,1fr)_auto] sm:items-start">
          <OpenSwitch day={day} open={(hours[day] ?? []).length > 0} onChange={(open) => onChange({ ...hours, [day]: open ? addOpening([]) : [] })} />
          <div className="grid gap-2">
            <Openings
              label={words.days[day]}
              openings={hours[day] ?? []}
              onChange={(openings) => onChange({ ...hours, [day]: openings })}
              error={Object.entries(errors).find(([field]) => field === `${path}.${day}` || field.startsWith(`${path}.${day}[`))?.[1]}
              writable={writable}
            />
            <Bar openings={hours[day] ?? []} />
          </div>
          {writable && (hours[day] ?? []).length > 0 ? (
            <Menu
              trigger={
                <Button variant="ghost" size="sm" aria-label={words.copyFrom(words.days[day])} className="absolute top-4 right-2 sm:static sm:mt-1">
                  <Copy aria-hidden />
                  {words.copy}
                </Button>
              }
            >
              <MenuItem onSelect={() => onChange(copyDay(hours, day))}>{words.copyAll}</MenuItem>
              <MenuItem onSelect={() => onChange(copyDay(hours, day, DAYS.slice(0, 5)))}>{words.copyWorkdays}</MenuItem>
            </Menu>
          ) : null}
        </li>
      ))}
    </ul>
  );
}

function OpenSwitch({ day, open, onChange }: { day: Day; open: boolean; onChange: (open: boolean) => void }) {
  const { agent: words } = useStrings();
  const id = useId();
  return (
    <div className="flex min-h-10 items-center gap-2.5">
      <input id={id} type="checkbox" checked={open} onChange={(event) => onChange(event.target.checked)} aria-label={words.openOn(words.days[day])} className="size-5 accent-accent" />
      <label htmlFor={id} className={cn("font-medium", !open && "text-ink-muted")}>
        {words.days[day]}
      </label>
    </div>
  );
}

/** The openings of one day. */
export function Openings({ label, openings, onChange, error, writable }: { label: string; openings: readonly string[]; onChange: (openings: string[]) => void; error?: string; writable: boolean }) {
  const { agent: words } = useStrings();
  const faults = openingFaults(openings);
  const fault = faults.find(Boolean);
  const complaint = fault ? words.faults[fault] : error;
  const id = useId();
  const set = (index: number, edge: "from" | "to", value: string) => {
    const minutes = fromTimeField(value, edge);
    if (minutes === null) return;
    onChange(openings.map((opening, at) => (at === index ? writeOpening({ ...parseOpening(opening), [edge]: minutes }) : opening)));
  };
  const field = (index: number, edge: "from" | "to", opening: string) => (
    <input
      type="time"
      value={timeField(parseOpening(opening)[edge])}
      onChange={(event) => set(index, edge, event.target.value)}
      aria-label={(edge === "from" ? words.opens : words.closes)(label)}
      aria-invalid={faults[index] ? true : undefined}
      aria-describedby={complaint ? id : undefined}
      className={cn(controlStyle, "h-10 w-[7.6rem] px-2 tabular-nums")}
    />
  );
  return (
    <div className="grid gap-1.5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        {openings.length === 0 ? <span className="flex min-h-10 items-center text-ink-muted first-letter:uppercase">{words.closed}</span> : null}
        {openings.map((opening, index) => (
          <span key={index} className="flex items-center gap-1.5">
            {field(index, "from", opening)}
            <span aria-hidden>–</span>
            {field(index, "to", opening)}
            {writable ? (
              <Button variant="ghost" size="icon-sm" aria-label={words.removeOpening(label, showOpenings([opening], words.closed))} onClick={() => onChange(openings.filter((_, at) => at !== index))}>
                <X aria-hidden />
              </Button>
            ) : null}
          </span>
        ))}
        {writable ? (
          <Button variant="ghost" size="sm" aria-label={words.addOpeningOn(label)} onClick={() => onChange(addOpening(openings))}>
            <Plus aria-hidden />
            {words.addOpening}
          </Button>
        ) : null}
      </div>
      {complaint ? (
        <p id={id} className="text-sm text-danger">
          {complaint}
        </p>
      ) : null}
    </div>
  );
}

/** A day from midnight to midnight, for the eye only: the fields say the same. */
function Bar({ openings }: { openings: readonly string[] }) {
  return (
    <div aria-hidden className="relative hidden h-1.5 overflow-hidden rounded-full bg-subtle sm:block">
      {openings
        .map(parseOpening)
        .filter(({ from, to }) => to > from)
        .map(({ from, to }) => (
          <span key={from} className="absolute inset-y-0 rounded-full bg-accent" style={{ left: `${from / 14.4}%`, width: `${(to - from) / 14.4}%` }} />
        ))}
    </div>
  );
}
