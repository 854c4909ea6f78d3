"use client";

import { ListFilter, Search } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { controlStyle, SelectField, TextField } from "@/components/ui/field";
import { cn } from "@/lib/cn";
import { type CallFilter, filterCount, OUTCOMES, STATUSES } from "@/lib/calls/filters";
import { addDays, isoDay } from "@/lib/format";
import { useStrings } from "@/lib/strings";

interface FiltersProps {
  filter: CallFilter;
  onChange: (change: Partial<CallFilter>) => void;
  onClear: () => void;
}

/** The spans that are offered by name, as days back from today. */
const SPANS = { today: 0, week: 6, month: 29 } as const;

export function Filters({ filter, onChange, onClear }: FiltersProps) {
  const { calls: words } = useStrings();
  const search = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [text, setText] = useState(filter.text ?? "");
  const [appliedText, setAppliedText] = useState(filter.text);
  if (filter.text !== appliedText) {
    setAppliedText(filter.text);
    setText(filter.text ?? "");
  }
  const today = isoDay(new Date());
  const span = spanOf(filter, today);
  const count = filterCount(filter);
  const hidden = filterCount({ status: filter.status, caller: filter.caller, did: filter.did }) + (span === "chosen" ? 1 : 0);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string) => String(form.get(name) ?? "").trim() || undefined;
    onChange({ text: field("text"), ...(open ? { caller: field("caller"), did: field("did"), from: field("from"), until: field("until") } : {}) });
  };

  return (
    <form onSubmit={send} role="search" className="grid gap-3">
      <div className="flex flex-wrap gap-2">
        <div className="relative min-w-56 flex-1">
          <Search aria-hidden className="pointer-events-none absolute top-3 left-3 size-4 text-ink-muted" />
          <input ref={search} name="text" type="search" value={text} onChange={(event) => {
              setText(event.target.value);
              // The cross in the field empties it without sending the form.
              if (event.target.value === "" && filter.text) onChange({ text: undefined });
            }} aria-label={words.search} title={words.searchHint} placeholder={words.search} enterKeyHint="search" className={cn(controlStyle, "h-10 pl-9")} />
        </div>
        <SelectField
          label={words.when}
          hideLabel
          className="min-w-32 flex-1 sm:flex-none [&_select]:h-10"
          value={span}
          onChange={(event) => {
            const value = event.target.value;
            if (value === "chosen") setOpen(true);
            else if (value === "any") onChange({ from: undefined, until: undefined });
            else onChange({ from: addDays(today, -SPANS[value as keyof typeof SPANS]), until: today });
          }}
        >
          <option value="any">{words.days.any}</option>
          <option value="today">{words.days.today}</option>
          <option value="week">{words.days.week}</option>
          <option value="month">{words.days.month}</option>
          <option value="chosen">{words.days.chosen}</option>
        </SelectField>
        <SelectField
          label={words.outcome}
          hideLabel
          className="min-w-32 flex-1 sm:flex-none [&_select]:h-10"
          value={filter.outcome ?? ""}
          onChange={(event) => onChange({ outcome: (event.target.value || undefined) as CallFilter["outcome"] })}
        >
          <option value="">{words.anyOutcome}</option>
          {OUTCOMES.map((outcome) => (
            <option key={outcome} value={outcome}>
              {words.outcomes[outcome]}
            </option>
          ))}
        </SelectField>
        <Button aria-expanded={open} aria-controls="more-filters" onClick={() => setOpen(!open)}>
          <ListFilter aria-hidden />
          {hidden > 0 ? words.filtersSet(hidden) : words.filters}
        </Button>
        {count > 0 ? (
          <Button variant="ghost" onClick={onClear}>
            {words.clear}
          </Button>
        ) : null}
      </div>
      <div id="more-filters" hidden={!open} className="rounded-xl border border-line bg-surface p-4">
        <div key={[filter.from, filter.until, filter.caller, filter.did].join("|")} className="grid gap-4 sm:grid-cols-2 lg:grid-cols-5">
          <TextField label={words.from} name="from" type="date" max={today} defaultValue={filter.from} />
          <TextField label={words.until} name="until" type="date" max={today} defaultValue={filter.until} />
          <TextField label={words.callerNumber} name="caller" type="tel" defaultValue={filter.caller} />
          <TextField label={words.line} name="did" type="tel" defaultValue={filter.did} />
          <SelectField label={words.status} value={filter.status ?? ""} onChange={(event) => onChange({ status: (event.target.value || undefined) as CallFilter["status"] })}>
            <option value="">{words.any}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {words.statuses[status]}
              </option>
            ))}
          </SelectField>
        </div>
        <div className="mt-4 flex justify-end">
          <Button type="submit" variant="primary">
            {words.apply}
          </Button>
        </div>
      </div>
    </form>
  );
}

function spanOf({ from, until }: CallFilter, today: string): "any" | "chosen" | keyof typeof SPANS {
  if (!from && !until) return "any";
  for (const [name, days] of Object.entries(SPANS)) {
    if (until === today && from === addDays(today, -days)) return name as keyof typeof SPANS;
  }
  return "chosen";
}
