import type { Schemas } from "../api/client";

export type LiveCall = Schemas["LiveCallView"];
export type Turn = Schemas["Turn"];

/** What `/v1/events` says, as far as it is about calls. */
export type LiveEvent =
  | { type: "call.started"; at: string; call: LiveCall }
  | { type: "call.turn"; at: string; call: string; phase: string; turn: Turn }
  | { type: "call.ended"; at: string; call: string; cause?: string | null; outcome?: string | null };

export interface LiveEntry {
  call: LiveCall;
  /** As far as they are known here: those since the page was opened, and the last one before. */
  turns: Turn[];
  ended?: { at: string; outcome: string | null };
}

export type LiveState = Readonly<Record<string, LiveEntry>>;

function asTurn({ speaker, text, started_ms }: Schemas["LiveTurnView"], seq: number): Turn {
  return { seq, speaker, text, started_ms, ended_ms: started_ms, heard: null, waterfall: null };
}

/** Takes over a list that was read anew. Turns that were heard before are kept; calls that are not in it are over. */
export function withList(state: LiveState, calls: readonly LiveCall[]): LiveState {
  const next: Record<string, LiveEntry> = {};
  for (const call of calls) {
    const last = call.last_turn ? [asTurn(call.last_turn, call.turns - 1)] : [];
    next[call.id] = { call, turns: merge(state[call.id]?.turns ?? [], last) };
  }
  for (const [id, entry] of Object.entries(state)) if (entry.ended && !next[id]) next[id] = entry;
  return next;
}

/** Takes over what was said before the page was opened. */
export function withTurns(state: LiveState, id: string, turns: readonly Turn[]): LiveState {
  const entry = state[id];
  return entry ? { ...state, [id]: { ...entry, turns: merge(entry.turns, turns) } } : state;
}

/** One turn is there once; what was said about it last holds, unless it knows less. */
function merge(known: readonly Turn[], more: readonly Turn[]): Turn[] {
  const bySeq = new Map(known.map((turn) => [turn.seq, turn]));
  for (const turn of more) {
    const before = bySeq.get(turn.seq);
    if (!before || turn.ended_ms > turn.started_ms || before.text !== turn.text) bySeq.set(turn.seq, turn);
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

export function withEvent(state: LiveState, event: LiveEvent): LiveState {
  if (event.type === "call.started") return { ...state, [event.call.id]: { call: event.call, turns: state[event.call.id]?.turns ?? [] } };
  const entry = state[event.call];
  // A call that the list does not have yet: it will.
  if (!entry) return state;
  if (event.type === "call.ended") return { ...state, [event.call]: { ...entry, ended: { at: event.at, outcome: event.outcome ?? null } } };
  const turns = merge(entry.turns, [event.turn]);
  const call = { ...entry.call, phase: event.phase, turns: Math.max(entry.call.turns, event.turn.seq + 1) };
  return { ...state, [event.call]: { ...entry, call, turns } };
}

/** Without the calls that ended before `at`: a call that is over stays visible for a moment. */
export function withoutEnded(state: LiveState, at: string): LiveState {
  const kept = Object.entries(state).filter(([, entry]) => !entry.ended || entry.ended.at > at);
  return kept.length === Object.keys(state).length ? state : Object.fromEntries(kept);
}

/** The calls in order: those that go on, the longest first, then those that are over. */
export function ordered(state: LiveState): LiveEntry[] {
  return Object.values(state).sort((a, b) => Number(!!a.ended) - Number(!!b.ended) || a.call.answered_at.localeCompare(b.call.answered_at));
}

export function isLiveEvent(value: unknown): value is LiveEvent {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  return value.type === "call.started" || value.type === "call.turn" || value.type === "call.ended";
}
