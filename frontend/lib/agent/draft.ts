import type { Schemas } from "../api/client";

export type Profile = Schemas["Profile"];
export type ProfileDraft = Schemas["ProfileDraft"];

type Plain = Record<string, unknown>;

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two values of JSON are the same; a field that is absent is `undefined`. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, index) => same(value, b[index]));
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => same(a[key], b[key]));
}

/** The merge patch (RFC 7396) that makes `to` out of `from`; empty when they are the same. */
export function mergePatch(from: Plain, to: Plain): Plain {
  const patch: Plain = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [before, after] = [from[key], to[key]];
    if (same(before, after)) continue;
    if (after === undefined) patch[key] = null;
    else if (isPlain(before) && isPlain(after)) patch[key] = mergePatch(before, after);
    else patch[key] = after;
  }
  return patch;
}

/** One field that two people changed to different values. */
export interface Conflict {
  path: readonly string[];
  mine: unknown;
  theirs: unknown;
}

/**
 * Joins two changes of the same draft. Fields that only one of them changed have that one's value; of those that both changed
 * differently, `merged` has mine. A list is one field: half of one price list and half of another is nobody's.
 */
export function merge(base: Plain, mine: Plain, theirs: Plain, path: readonly string[] = []): { merged: Plain; conflicts: Conflict[] } {
  const merged: Plain = {};
  const conflicts: Conflict[] = [];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(base)])) {
    const [was, my, their] = [base[key], mine[key], theirs[key]];
    let value = my;
    if (same(was, my)) value = their;
    else if (!same(was, their) && !same(my, their)) {
      if (isPlain(my) && isPlain(their)) {
        const inner = merge(isPlain(was) ? was : {}, my, their, [...path, key]);
        value = inner.merged;
        conflicts.push(...inner.conflicts);
      } else conflicts.push({ path: [...path, key], mine: my, theirs: their });
    }
    if (value !== undefined) merged[key] = value;
  }
  return { merged, conflicts };
}

/** `value` with the field at `path` replaced. */
export function withField(value: Plain, path: readonly string[], field: unknown): Plain {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (rest.length === 0) {
    const { [key]: _, ...others } = value;
    return field === undefined ? others : { ...value, [key]: field };
  }
  const inner = value[key];
  return { ...value, [key]: withField(isPlain(inner) ? inner : {}, rest, field) };
}

const blankText = (text: string | null | undefined) => !text?.trim();

/**
 * What is sent of a draft that is being typed: rows at the end of a list into which nothing was written yet are left out. Rows
 * in the middle stay, so that the server's complaints name them by the places that they have on the screen.
 */
export function sendable(draft: Profile): Profile {
  const { services = [], faqs = [] } = draft.knowledge ?? {};
  const targets = draft.transfers?.targets ?? [];
  const words = (also: string[] | undefined) => (also ?? []).map((word) => word.trim()).filter(Boolean);
  return {
    ...draft,
    greeting: blankText(draft.greeting) ? null : draft.greeting,
    landmark: blankText(draft.landmark) ? null : draft.landmark,
    knowledge: {
      services: trimEnd(services, ({ name, price, minutes }) => blankText(name) && !price && !minutes).map((service) => ({ ...service, also: words(service.also) })),
      faqs: trimEnd(faqs, ({ question, answer }) => blankText(question) && blankText(answer)).map((faq) => ({ ...faq, also: words(faq.also) })),
    },
    transfers: { ...draft.transfers, targets: trimEnd(targets, ({ name, number }) => blankText(name) && blankText(number)) },
  };
}

function trimEnd<T>(rows: readonly T[], blank: (row: T) => boolean): T[] {
  let end = rows.length;
  while (end > 0 && blank(rows[end - 1] as T)) end--;
  return rows.slice(0, end);
}
