import type { Schemas } from "../api/client";

export type RetentionView = Schemas["RetentionView"];
export const PARTS = ["recordings_days", "transcripts_days", "records_days"] as const;
export type Part = (typeof PARTS)[number];

/** Days as they are typed: nothing leaves it to the platform, 0 keeps for good. `NaN` for what is no number of days. */
export function daysIn(text: string): number | null {
  const plain = text.trim();
  if (plain === "") return null;
  const days = /^\d{1,5}$/.test(plain) ? Number(plain) : NaN;
  return days <= 36_500 ? days : NaN;
}

/** Whether something that is kept now would go: then it is asked first. */
export function shortens(view: RetentionView, change: Readonly<Record<Part, number | null>>): boolean {
  return PARTS.some((part) => {
    const days = change[part];
    // What the platform says is not known here before the server has answered: leaving it to the platform is asked too.
    if (days === null) return typeof view[part] === "number";
    if (days === 0) return false;
    const now = view.in_force[part];
    return now === null || now === undefined || days < now;
  });
}
