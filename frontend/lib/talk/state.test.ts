import { describe, expect, it } from "vitest";

import { IDLE, keysIn, type Message, parseMessage, received } from "./state";

const turn = (seq: number, text: string) => ({ seq, speaker: "agent" as const, text, started_ms: seq * 1000, ended_ms: seq * 1000 + 500 });
const run = (...messages: Message[]) => messages.reduce((state, message) => received(state, message, 42), { ...IDLE, phase: "connecting" as const } as typeof IDLE);

describe("a test call", () => {
  it("is answered, talks and ends", () => {
    const talking = run({ type: "answered", call: "call_1" }, { type: "call.turn", at: "", phase: "speaking", turn: turn(0, "Hello") });
    expect(talking).toMatchObject({ phase: "talking", call: "call_1", answeredAt: 42, doing: "speaking" });
    expect(received(talking, { type: "call.ended", at: "", cause: "agent_hung_up" }, 50)).toMatchObject({ phase: "over", cause: "agent_hung_up", call: "call_1", turns: [{ text: "Hello" }] });
  });
  it("has each turn once, in order, as it was told last", () => {
    const event = (seq: number, text: string): Message => ({ type: "call.turn", at: "", phase: "", turn: turn(seq, text) });
    expect(run(event(1, "b"), event(0, "a"), event(1, "B")).turns.map(({ text }) => text)).toEqual(["a", "B"]);
  });
  it("says why it failed", () => {
    const problem = { type: "urn:vca:problem:conflict", title: "Conflict", status: 409, detail: "too many calls" };
    expect(run({ type: "failed", problem })).toMatchObject({ phase: "failed", error: { problem } });
  });
});

describe("what the server sends", () => {
  it("is read", () => expect(parseMessage('{"type":"answered","call":"call_1"}')).toEqual({ type: "answered", call: "call_1" }));
  it.each(["", "null", "[]", '{"type":"trunk.state"}', "{"])("is left alone when it is %j", (text) => expect(parseMessage(text)).toBeNull());
});

describe("keys", () => {
  it("are digits, star and hash", () => expect(keysIn("+91 98765*#a")).toBe("9198765*#"));
});
