import { describe, expect, it } from "vitest";

import { percentile, place, responseMs, scaleEnd, segments, type Waterfall } from "./waterfall";

const full: Waterfall = { endpoint_ms: 300, stt_ms: 450, dialogue_ms: 460, llm_first_token_ms: 700, tts_first_byte_ms: 850, first_packet_ms: 880 };

describe("segments", () => {
  it("follow each other without gaps", () => {
    const found = segments(full);
    expect(found.map((segment) => segment.step)).toEqual(["endpoint", "stt", "dialogue", "llm", "tts", "packet"]);
    expect(found[0]?.from).toBe(0);
    found.slice(1).forEach((segment, index) => expect(segment.from).toBe(found[index]?.to));
    expect(found.at(-1)?.to).toBe(880);
  });
  it("put a model that was asked before the decision before it", () => {
    const found = segments({ ...full, llm_first_token_ms: 455 });
    expect(found.map((segment) => segment.step)).toEqual(["endpoint", "stt", "llm", "dialogue", "tts", "packet"]);
  });
  it("leave out what was not done, and what took no time", () => {
    expect(segments({ endpoint_ms: 400, dialogue_ms: 400, tts_first_byte_ms: 410, first_packet_ms: 420 }).map((segment) => segment.step)).toEqual(["endpoint", "tts", "packet"]);
    expect(segments({})).toEqual([]);
  });
  it("never go backwards", () => {
    for (const segment of segments({ ...full, stt_ms: 100 })) expect(segment.to).toBeGreaterThan(segment.from);
  });
});

it("the caller's wait ends with the filler where one came first", () => {
  expect(responseMs({ first_packet_ms: 2600, filler_ms: 1500 })).toBe(1500);
  expect(responseMs({ first_packet_ms: 900, filler_ms: 1500 })).toBe(900);
  expect(responseMs({ first_packet_ms: 900, filler_ms: null })).toBe(900);
});

it("the scale is round and holds the longest", () => {
  expect(scaleEnd([full])).toBe(1000);
  expect(scaleEnd([full, { first_packet_ms: 2600 }])).toBe(3000);
  expect(scaleEnd([{ first_packet_ms: 1000 }])).toBe(1000);
  expect(scaleEnd([])).toBe(250);
});

it("a segment lies where its times say", () => expect(place({ step: "stt", from: 250, to: 500 }, 1000)).toEqual({ left: 25, width: 25 }));

it("a percentile is a value that was measured", () => {
  expect(percentile([10, 20, 30, 40], 0.5)).toBe(20);
  expect(percentile([40, 10, 30, 20], 0.95)).toBe(40);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([], 0.5)).toBeNull();
});
