import type { Schemas } from "../api/client";
import { addDays, dayStart } from "../format";

export type CallStatus = Schemas["CallStatus"];
export type CallOutcome = Schemas["CallOutcome"];

export const OUTCOMES = ["message", "appointment", "urgent", "transferred", "answered", "wrong_number", "nothing"] as const satisfies readonly CallOutcome[];
export const STATUSES = ["active", "completed", "abandoned"] as const satisfies readonly CallStatus[];

/** What the list of calls is narrowed to. Days are days in IST, both included. */
export interface CallFilter {
  text?: string;
  outcome?: CallOutcome;
  status?: CallStatus;
  caller?: string;
  did?: string;
  from?: string;
  until?: string;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

function oneOf<T extends string>(values: readonly T[], value: string | null): T | undefined {
  return values.find((known) => known === value);
}

function day(value: string | null): string | undefined {
  return value && DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

function words(value: string | null): string | undefined {
  return value?.trim() || undefined;
}

/** The filter that an address says; what makes no sense there is left out. */
export function filterFromUrl(params: URLSearchParams): CallFilter {
  const filter: CallFilter = {
    text: words(params.get("text")),
    outcome: oneOf(OUTCOMES, params.get("outcome")),
    status: oneOf(STATUSES, params.get("status")),
    caller: words(params.get("caller")),
    did: words(params.get("did")),
    from: day(params.get("from")),
    until: day(params.get("until")),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** The address's query for a filter, always in the same order, so that equal filters have equal addresses. */
export function filterToUrl(filter: CallFilter): string {
  const params = new URLSearchParams();
  for (const name of ["text", "outcome", "status", "caller", "did", "from", "until"] as const) {
    const value = filter[name]?.trim();
    if (value) params.set(name, value);
  }
  return params.toString();
}

/** The filter as the API takes it: moments instead of days, the last day being over when the next one begins. */
export function filterToQuery({ from, until, ...rest }: CallFilter) {
  return {
    ...rest,
    ...(from ? { from: dayStart(from) } : {}),
    ...(until ? { until: dayStart(addDays(until, 1)) } : {}),
  };
}

/** How many things it is narrowed by; a span of days counts once. */
export function filterCount({ from, until, ...rest }: CallFilter): number {
  return Object.values(rest).filter(Boolean).length + (from || until ? 1 : 0);
}
