import { formatRupees } from "../format";
import type { Strings } from "../strings";
import { type Profile, same } from "./draft";
import { DAYS, type Hours, showOpenings } from "./hours";

/** One difference, in words. `before` is absent for what is new, `after` for what is gone. */
export interface Change {
  /** Stable between renders. */
  key: string;
  label: string;
  before?: string;
  after?: string;
}

type Words = Strings["agent"];
type Rows<T> = readonly T[] | undefined;

/** The fields of a profile that are one value, in the order of the page. */
const SCALARS = ["business_name", "greeting", "visit_word", "ask", "record_calls", "emergency_transfers_only", "address", "landmark", "time_zone"] as const;

/** What a person would say is different between two profiles, field by field. */
export function changes(before: Profile, after: Profile, words: Words): Change[] {
  const found: Change[] = [];
  for (const field of SCALARS) {
    if (!same(before[field] ?? null, after[field] ?? null)) {
      found.push({ key: field, label: words.fields[field], before: showValue(before[field], words), after: showValue(after[field], words) });
    }
  }
  found.push(...hoursChanges("hours", before.hours ?? {}, after.hours ?? {}, words));
  const holiday = ({ hours = [], name }: { hours?: string[]; name?: string | null }) => [name, showOpenings(hours, words.closed)].filter(Boolean).join(": ");
  found.push(...rowChanges("holiday", before.holidays, after.holidays, (row) => row.date, holiday, words.changeOf.holiday));
  found.push(...rowChanges("service", before.knowledge?.services, after.knowledge?.services, (row) => row.name, (row) => showService(row, words), words.changeOf.service));
  found.push(...rowChanges("faq", before.knowledge?.faqs, after.knowledge?.faqs, (row) => row.question, (row) => [row.answer, ...alsoText(row.also, words)].join("\n"), words.changeOf.faq));
  found.push(...rowChanges("target", before.transfers?.targets, after.transfers?.targets, (row) => row.name, (row) => showTarget(row, words), words.changeOf.target));
  if ((before.transfers?.allow_foreign ?? false) !== (after.transfers?.allow_foreign ?? false)) {
    found.push({ key: "allow_foreign", label: words.fields.allow_foreign, before: showValue(before.transfers?.allow_foreign ?? false, words), after: showValue(after.transfers?.allow_foreign ?? false, words) });
  }
  found.push(...groupChanges("turns", before.turns, after.turns, words.turns, words));
  found.push(...groupChanges("speech", before.speech, after.speech, words.speech, words));
  return found;
}

function hoursChanges(prefix: string, before: Hours, after: Hours, words: Words): Change[] {
  return DAYS.filter((day) => !same(before[day] ?? [], after[day] ?? [])).map((day) => ({
    key: `${prefix}.${day}`,
    label: words.hoursOn(words.days[day]),
    before: showOpenings(before[day] ?? [], words.closed),
    after: showOpenings(after[day] ?? [], words.closed),
  }));
}

function rowChanges<T>(prefix: string, before: Rows<T>, after: Rows<T>, name: (row: T) => string, show: (row: T) => string, label: (name: string) => string): Change[] {
  const old = new Map((before ?? []).map((row) => [name(row), row]));
  const found: Change[] = [];
  for (const row of after ?? []) {
    const was = old.get(name(row));
    old.delete(name(row));
    const text = show(row);
    if (was && show(was) === text) continue;
    found.push({ key: `${prefix}.${name(row)}`, label: label(name(row)), before: was ? show(was) : undefined, after: text });
  }
  for (const [gone, row] of old) found.push({ key: `${prefix}.${gone}`, label: label(gone), before: show(row) });
  return found;
}

function groupChanges(prefix: string, before: object | undefined, after: object | undefined, labels: Record<string, { label: string }>, words: Words): Change[] {
  const [was, is] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>];
  return Object.keys(labels)
    .filter((key) => !same(was[key] ?? null, is[key] ?? null))
    .map((key) => ({ key: `${prefix}.${key}`, label: labels[key]?.label ?? key, before: showValue(was[key], words), after: showValue(is[key], words) }));
}

export function showPrice(price: NonNullable<NonNullable<Profile["knowledge"]>["services"]>[number]["price"], words: Words): string {
  if (!price) return words.noPrice;
  const { exactly, from, to } = price;
  if (typeof exactly === "number") return formatRupees(exactly);
  if (typeof from !== "number") return words.noPrice;
  return typeof to === "number" ? `${formatRupees(from)}–${formatRupees(to)}` : words.fromPrice(formatRupees(from));
}

function alsoText(also: readonly string[] | undefined, words: Words): string[] {
  return also?.length ? [words.alsoList(also.join(", "))] : [];
}

function showService(service: NonNullable<NonNullable<Profile["knowledge"]>["services"]>[number], words: Words): string {
  return [showPrice(service.price, words), service.minutes ? words.minutes(service.minutes) : "", ...alsoText(service.also, words)].filter(Boolean).join(", ");
}

function showTarget(target: NonNullable<NonNullable<Profile["transfers"]>["targets"]>[number], words: Words): string {
  const hours = target.hours ? DAYS.map((day) => `${words.daysShort[day]} ${showOpenings(target.hours?.[day] ?? [], words.closed)}`).join("; ") : "";
  return [target.number, words.kinds[target.kind ?? "warm"], hours].filter(Boolean).join(", ");
}

/** A value of any field, for people. */
export function showValue(value: unknown, words: Words): string {
  if (value === null || value === undefined || value === "") return words.standard;
  if (typeof value === "boolean") return value ? words.on : words.off;
  if (Array.isArray(value)) return value.length === 0 ? words.nothing : value.map((item) => (typeof item === "object" ? rowName(item) : words.asks[item as keyof Words["asks"]] ?? String(item))).join(", ");
  return String(value);
}

function rowName(row: object | null): string {
  const { name, question, date } = (row ?? {}) as Record<string, unknown>;
  return String(name ?? question ?? date ?? "…");
}

const LISTS: Record<string, keyof Words["sections"]> = { "knowledge.services": "services", "knowledge.faqs": "faqs", "transfers.targets": "people", holidays: "holidays", "turns.backchannels": "turns" };

/** What the field at `path` is called. */
export function pathLabel(path: readonly string[], words: Words): string {
  const [first = "", second = ""] = path;
  if (first === "hours") return words.hoursOn(words.days[second as keyof Words["days"]] ?? second);
  if (first === "turns") return words.turns[second as keyof Words["turns"]]?.label ?? second;
  if (first === "speech") return words.speech[second as keyof Words["speech"]]?.label ?? second;
  const list = LISTS[path.join(".")];
  if (list) return words.sections[list];
  return words.fields[path.at(-1) as keyof Words["fields"]] ?? path.join(".");
}

/** The value of the field at `path`, for people. */
export function showField(path: readonly string[], value: unknown, words: Words): string {
  if (path[0] === "hours" && Array.isArray(value)) return showOpenings(value.map(String), words.closed);
  return showValue(value, words);
}
