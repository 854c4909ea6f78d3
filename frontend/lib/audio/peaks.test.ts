import { describe, expect, it } from "vitest";

import { peaks, silences, skipTo } from "./peaks";

const RATE = 8000;

/** `[seconds, amplitude]` pieces in a row. */
function sound(...pieces: [number, number][]): Float32Array {
  return Float32Array.from(pieces.flatMap(([seconds, amplitude]) => Array.from({ length: seconds * RATE }, (_, index) => (index % 2 ? amplitude : -amplitude))));
}

describe("peaks", () => {
  it("are the largest of each piece, whatever their sign", () => expect([...peaks(Float32Array.of(0.1, -0.5, 0.25, 0), 2)]).toEqual([0.5, 0.25]));
  it("of less sound than pieces are still that many", () => expect(peaks(Float32Array.of(1), 4)).toHaveLength(4));
  it("of nothing are nothing", () => expect([...peaks(new Float32Array(0), 2)]).toEqual([0, 0]));
});

describe("pauses", () => {
  it("are where neither side speaks, without margins", () => {
    const caller = sound([1, 0.5], [5, 0]);
    const agent = sound([4, 0], [2, 0.5]);
    expect(silences([caller, agent], RATE)).toEqual([{ from: 1.25, to: 3.75 }]);
  });
  it("that are short stay", () => expect(silences([sound([1, 0.5], [1, 0], [1, 0.5])], RATE)).toEqual([]));
  it("last until the end", () => expect(silences([sound([1, 0.5], [3, 0])], RATE)).toEqual([{ from: 1.25, to: 3.75 }]));
  it("are gone over once", () => {
    const spans = [{ from: 1.25, to: 3.75 }];
    expect(skipTo(spans, 1.2)).toBeNull();
    expect(skipTo(spans, 2)).toBe(3.75);
    expect(skipTo(spans, 3.75)).toBeNull();
  });
});
