import type { Schemas } from "../api/client";
import { type Problem, ProblemError } from "../api/problem";

type Turn = Schemas["Turn"];

/** What the server says over the connection of a test call. */
export type Message =
  | { type: "answered"; call: string }
  | { type: "failed"; problem: Problem }
  | { type: "call.started"; at: string }
  | { type: "call.turn"; at: string; phase: string; turn: Turn }
  | { type: "call.ended"; at: string; cause?: string | null; outcome?: string | null };

export interface TalkState {
  phase: "idle" | "connecting" | "talking" | "over" | "failed";
  call: string | null;
  /** When it was answered, in milliseconds of this browser. */
  answeredAt: number | null;
  turns: readonly Turn[];
  /** What the receptionist is doing. */
  doing: string | null;
  cause: string | null;
  error: unknown;
}

export const IDLE: TalkState = { phase: "idle", call: null, answeredAt: null, turns: [], doing: null, cause: null, error: null };

/** A turn is there once; what is said about it last holds. */
function withTurn(turns: readonly Turn[], turn: Turn): Turn[] {
  return [...turns.filter(({ seq }) => seq !== turn.seq), turn].sort((a, b) => a.seq - b.seq);
}

export function received(state: TalkState, message: Message, now: number): TalkState {
  switch (message.type) {
    case "answered":
      return { ...state, phase: "talking", call: message.call, answeredAt: now };
    case "failed":
      return { ...state, phase: "failed", error: new ProblemError(message.problem) };
    case "call.turn":
      return { ...state, doing: message.phase, turns: withTurn(state.turns, message.turn) };
    case "call.ended":
      return { ...state, phase: "over", doing: null, cause: message.cause ?? null };
    case "call.started":
      return state;
  }
}

const TYPES = new Set(["answered", "failed", "call.started", "call.turn", "call.ended"]);

/** The message in a text of the server; `null` for what this version does not know. */
export function parseMessage(text: string): Message | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string") return null;
    return TYPES.has(value.type) ? (value as Message) : null;
  } catch {
    return null;
  }
}

/** The keys of a telephone in a text. */
export function keysIn(text: string): string {
  return text.replace(/[^0-9*#]/g, "");
}
