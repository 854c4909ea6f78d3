import { describe, expect, it } from "vitest";

import { splitHeard } from "./heard";
import { turnAt } from "./turns";

describe("an interrupted line", () => {
  it("is heard to the end when nobody interrupted", () => expect(splitHeard("Good morning.", null)).toEqual({ heard: "Good morning.", unheard: "" }));
  it("is cut where it was cut", () => expect(splitHeard("Hello. How can I help you?", "Hello.")).toEqual({ heard: "Hello.", unheard: "How can I help you?" }));
  it("may not have been heard at all", () => expect(splitHeard("Hello.", "")).toEqual({ heard: "", unheard: "Hello." }));
  it("is cut after as many words where the words were spoken otherwise", () => {
    expect(splitHeard("It costs ₹800 for a check-up today", "It costs eight")).toEqual({ heard: "It costs eight", unheard: "for a check-up today" });
  });
});

describe("the turn at a moment", () => {
  const turns = [
    { started_ms: 0, ended_ms: 2000 },
    { started_ms: 4000, ended_ms: 5000 },
    { started_ms: 4800, ended_ms: 7000 },
  ];
  it.each([
    [0, 0],
    [2900, 0],
    [3100, -1],
    [4500, 1],
    [4900, 2],
    [9000, -1],
  ])("%i ms", (ms, turn) => expect(turnAt(turns, ms)).toBe(turn));
});
