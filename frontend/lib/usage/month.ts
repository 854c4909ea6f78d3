import type { Schemas } from "../api/client";
import { isoDay } from "../format";

export type Plan = Schemas["PlanBody"];
export type DayView = Schemas["DayView"];

/** The month in India, `2026-12`. */
export function monthOf(at: Date): string {
  return isoDay(at).slice(0, 7);
}

/** The month `count` months later (or earlier). */
export function addMonths(month: string, count: number): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const months = year * 12 + number - 1 + count;
  return `${Math.floor(months / 12)}-${String((months % 12) + 1).padStart(2, "0")}`;
}

const monthFormat = new Intl.DateTimeFormat("en-IN", { month: "long", year: "numeric", timeZone: "UTC" });

/** `December 2026` */
export function formatMonth(month: string): string {
  return monthFormat.format(new Date(`${month}-01T00:00:00Z`));
}

/** Months to choose from: those with calls, and the one that runs, the latest first. */
export function monthChoices(withCalls: readonly string[], now: Date): string[] {
  return [...new Set([monthOf(now), ...withCalls])].sort().reverse();
}

/** One bound of a plan, and how much of it is used. */
export interface Ceiling {
  kind: "soft" | "hard";
  unit: "minutes" | "paise";
  used: number;
  bound: number;
  /** 0 to 1 and beyond. */
  share: number;
}

/** The ceilings that the plan has, with what was used of each; costs are left out for whoever is not told them. */
export function ceilings(plan: Plan, used: { minutes: number; cost_paise?: number | null }): Ceiling[] {
  const found: Ceiling[] = [];
  const add = (kind: Ceiling["kind"], unit: Ceiling["unit"], value: number | null | undefined, bound: number | null | undefined) => {
    if (typeof bound !== "number" || typeof value !== "number") return;
    found.push({ kind, unit, used: value, bound, share: bound === 0 ? 1 : value / bound });
  };
  add("soft", "minutes", used.minutes, plan.soft_ceiling_minutes);
  add("soft", "paise", used.cost_paise, plan.soft_ceiling_paise);
  add("hard", "minutes", used.minutes, plan.hard_ceiling_minutes);
  add("hard", "paise", used.cost_paise, plan.hard_ceiling_paise);
  return found;
}

/** What the month comes to with the plan's fee, without tax. */
export function monthTotal(plan: Plan, pricePaise: number): number {
  return (plan.monthly_fee_paise ?? 0) + pricePaise;
}

/** Rupees as they are typed, in paise; `null` for nothing, `NaN` for what is no amount. */
export function paiseIn(text: string): number | null {
  const plain = text.replace(/[₹,\s]/g, "");
  if (plain === "") return null;
  return /^\d+(\.\d{1,2})?$/.test(plain) ? Math.round(Number(plain) * 100) : NaN;
}
