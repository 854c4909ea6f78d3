import { describe, expect, it } from "vitest";

import { isLiveEvent, type LiveCall, ordered, type Turn, withEvent, withList, withoutEnded, withTurns } from "./state";

const call = (id: string, rest: Partial<LiveCall> = {}): LiveCall => ({
  id,
  tenant: "ten_1",
  profile: "prof_1",
  did: "+918047180000",
  answered_at: "2026-03-09T08:00:00Z",
  phase: "listening",
  turns: 0,
  ...rest,
});
const turn = (seq: number, text: string): Turn => ({ seq, speaker: "caller", text, started_ms: seq * 1000, ended_ms: seq * 1000 + 500 });

describe("live calls", () => {
  it("gather their turns, each once and in order", () => {
    let state = withList({}, [call("a", { turns: 2, last_turn: { speaker: "agent", text: "How can I help?", started_ms: 1000 } })]);
    state = withEvent(state, { type: "call.turn", at: "", call: "a", phase: "thinking", turn: turn(3, "tomorrow") });
    state = withEvent(state, { type: "call.turn", at: "", call: "a", phase: "thinking", turn: turn(2, "a toothache") });
    state = withEvent(state, { type: "call.turn", at: "", call: "a", phase: "thinking", turn: turn(2, "a toothache") });
    expect(state.a?.turns.map((one) => one.text)).toEqual(["How can I help?", "a toothache", "tomorrow"]);
    expect(state.a?.call.phase).toBe("thinking");
    expect(state.a?.call.turns).toBe(4);
  });
  it("are completed by what was said before, which does not undo what was said since", () => {
    let state = withList({}, [call("a", { turns: 3, last_turn: { speaker: "caller", text: "third", started_ms: 2000 } })]);
    state = withEvent(state, { type: "call.turn", at: "", call: "a", phase: "speaking", turn: turn(3, "fourth") });
    state = withTurns(state, "a", [turn(0, "first"), turn(1, "second"), turn(2, "third")]);
    expect(state.a?.turns.map((one) => one.text)).toEqual(["first", "second", "third", "fourth"]);
    expect(withTurns(state, "gone", [turn(0, "x")])).toBe(state);
  });
  it("keep the turns when the list is read anew", () => {
    let state = withList({}, [call("a")]);
    state = withEvent(state, { type: "call.turn", at: "", call: "a", phase: "speaking", turn: turn(0, "hello") });
    state = withList(state, [call("a", { turns: 2, last_turn: { speaker: "agent", text: "yes?", started_ms: 1000 } })]);
    expect(state.a?.turns.map((one) => one.text)).toEqual(["hello", "yes?"]);
  });
  it("that are gone from the list are gone", () => expect(withList(withList({}, [call("a"), call("b")]), [call("b")])).toHaveProperty("b"));
  it("that are gone from the list are gone, the other way round", () => expect(withList(withList({}, [call("a"), call("b")]), [call("b")])).not.toHaveProperty("a"));
  it("stay for a moment when they are over", () => {
    let state = withList({}, [call("a"), call("b", { answered_at: "2026-03-09T08:05:00Z" })]);
    state = withEvent(state, { type: "call.ended", at: "2026-03-09T08:10:00Z", call: "a", outcome: "message" });
    expect(ordered(state).map((entry) => entry.call.id)).toEqual(["b", "a"]);
    expect(withoutEnded(state, "2026-03-09T08:09:00Z")).toBe(state);
    expect(Object.keys(withoutEnded(state, "2026-03-09T08:11:00Z"))).toEqual(["b"]);
  });
  it("that are not known yet are left to the list", () => expect(withEvent({}, { type: "call.turn", at: "", call: "x", phase: "", turn: turn(0, "") })).toEqual({}));
});

it("events about trunks are not about calls", () => {
  expect(isLiveEvent({ type: "trunk.state" })).toBe(false);
  expect(isLiveEvent({ type: "call.ended" })).toBe(true);
  expect(isLiveEvent(null)).toBe(false);
});
