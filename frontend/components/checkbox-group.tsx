"use client";

import type { ReactNode } from "react";

interface CheckboxGroupProps {
  legend: ReactNode;
  hint?: ReactNode;
  options: readonly { value: string; label: string }[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

/** Several of a few. */
export function CheckboxGroup({ legend, hint, options, chosen, onChange }: CheckboxGroupProps) {
  return (
    <fieldset className="grid gap-1">
      <legend className="text-sm font-medium">{legend}</legend>
      {hint ? <p className="text-sm text-ink-muted">{hint}</p> : null}
      <div className="grid gap-x-4 sm:grid-cols-2">
        {options.map(({ value, label }) => (
          <label key={value} className="flex min-h-9 items-center gap-2.5 text-sm">
            <input type="checkbox" checked={chosen.includes(value)} onChange={(event) => onChange(event.target.checked ? [...chosen, value] : chosen.filter((one) => one !== value))} className="size-4 accent-accent" />
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
