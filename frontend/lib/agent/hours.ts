import type { Schemas } from "../api/client";

export type Hours = Schemas["Hours"];
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];

/** An opening in minutes of its day; the end of the day is 1440. */
export interface Span {
  from: number;
  to: number;
}

const END_OF_DAY = 1440;

/** `16:00-24:00`, as the API writes it. */
export function parseOpening(opening: string): Span {
  const [from = "", to = ""] = opening.split("-");
  return { from: minutesOf(from), to: minutesOf(to) };
}

export function writeOpening({ from, to }: Span): string {
  return `${clock(from)}-${clock(to)}`;
}

function minutesOf(time: string): number {
  const [hours = NaN, minutes = NaN] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

/** What a field for times shows. It knows no 24:00: an opening that ends with the day ends at 00:00 there. */
export function timeField(minutes: number): string {
  return clock(minutes % END_OF_DAY);
}

/** The minutes that a field for times means; an empty one means nothing. */
export function fromTimeField(value: string, end: "from" | "to"): number | null {
  if (!/^\d\d:\d\d/.test(value)) return null;
  const minutes = minutesOf(value.slice(0, 5));
  return end === "to" && minutes === 0 ? END_OF_DAY : minutes;
}

export type OpeningFault = "order" | "overlap";

/** What is wrong with the openings of a day, by their places. */
export function openingFaults(openings: readonly string[]): (OpeningFault | undefined)[] {
  const spans = openings.map(parseOpening);
  return spans.map((span, index) => {
    if (span.from >= span.to) return "order";
    if (spans.some((other, at) => at !== index && other.from < other.to && span.from < other.to && other.from < span.to)) return "overlap";
    return undefined;
  });
}

export function hoursFaulty(hours: Hours | null | undefined): boolean {
  return DAYS.some((day) => openingFaults(hours?.[day] ?? []).some(Boolean));
}

/** The openings of a day with one more where there is room: after a break behind the last one, or the usual day. */
export function addOpening(openings: readonly string[]): string[] {
  const last = openings.map(parseOpening).sort((a, b) => a.to - b.to).at(-1);
  if (!last) return ["10:00-19:00"];
  const from = Math.min(last.to + 60, END_OF_DAY - 30);
  if (from < last.to) return [...openings];
  return [...openings, writeOpening({ from, to: Math.min(from + 180, END_OF_DAY) })];
}

/** `hours` with the openings of `day` on the other days too; on those of `days` only. */
export function copyDay(hours: Hours, day: Day, days: readonly Day[] = DAYS): Hours {
  const openings = hours[day] ?? [];
  return { ...hours, ...Object.fromEntries(days.map((other) => [other, [...openings]])) };
}

const short = (minutes: number) => {
  const hour = Math.floor(minutes / 60) % 24;
  const rest = minutes % 60;
  return `${hour % 12 || 12}${rest ? `:${String(rest).padStart(2, "0")}` : ""} ${hour < 12 ? "am" : "pm"}`;
};

/** `10 am–1 pm, 4 pm–8 pm` */
export function showOpenings(openings: readonly string[], closed: string): string {
  if (openings.length === 0) return closed;
  return openings
    .map(parseOpening)
    .map(({ from, to }) => `${short(from)}–${short(to)}`)
    .join(", ");
}

/** Neighbouring days with the same openings, as one: Monday to Friday. */
export function weekGroups(hours: Hours): { from: Day; to: Day; openings: string[] }[] {
  const groups: { from: Day; to: Day; openings: string[] }[] = [];
  for (const day of DAYS) {
    const openings = hours[day] ?? [];
    const last = groups.at(-1);
    if (last && last.openings.join() === openings.join()) last.to = day;
    else groups.push({ from: day, to: day, openings });
  }
  return groups;
}
