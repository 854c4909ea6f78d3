import { describe, expect, it } from "vitest";

import { JitterBuffer } from "../../public/worklets/jitter-buffer.js";
import { Resampler } from "../../public/worklets/resampler.js";

const piece = (length: number, value = 16384) => new Int16Array(length).fill(value);
const pull = (buffer: JitterBuffer, length: number) => {
  const out = new Float32Array(length).fill(9);
  buffer.pull(out);
  return [...out];
};

describe("the jitter buffer", () => {
  it("is silent until it has its lead, and then plays in order", () => {
    const buffer = new JitterBuffer(4, 100);
    buffer.push(piece(3, 16384));
    expect(pull(buffer, 2)).toEqual([0, 0]);
    buffer.push(piece(3, -16384));
    expect(pull(buffer, 5)).toEqual([0.5, 0.5, 0.5, -0.5, -0.5]);
  });
  it("collects its lead again after it ran dry", () => {
    const buffer = new JitterBuffer(4, 100);
    buffer.push(piece(4));
    expect(pull(buffer, 6)).toEqual([0.5, 0.5, 0.5, 0.5, 0, 0]);
    buffer.push(piece(3));
    expect(pull(buffer, 2)).toEqual([0, 0]);
    buffer.push(piece(1));
    expect(pull(buffer, 2)).toEqual([0.5, 0.5]);
  });
  it("plays the end of a line that is shorter than the lead", () => {
    const buffer = new JitterBuffer(4, 100);
    buffer.push(piece(2));
    buffer.flush();
    expect(pull(buffer, 3)).toEqual([0.5, 0.5, 0]);
  });
  it("drops the oldest when too much waits, also what is half played", () => {
    const buffer = new JitterBuffer(2, 10);
    buffer.push(piece(6, 8192));
    pull(buffer, 2);
    buffer.push(piece(8, 16384));
    expect(buffer.dropped).toBe(4);
    expect(buffer.waiting).toBe(8);
    expect(pull(buffer, 9)).toEqual([...new Array<number>(8).fill(0.5), 0]);
  });
});

describe("the resampler", () => {
  const run = (from: number, samples: Float32Array) => {
    const out: number[] = [];
    const resampler = new Resampler(from, 8000);
    // In quanta, as the browser hands them over.
    for (let at = 0; at < samples.length; at += 128) resampler.run(samples.subarray(at, at + 128), (sample) => out.push(sample));
    return out;
  };
  const tone = (rate: number, hertz: number) => Float32Array.from({ length: rate }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));
  const rms = (samples: number[]) => Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

  it.each([48_000, 44_100, 16_000])("makes 8000 samples of a second at %i Hz", (rate) => {
    expect(Math.abs(run(rate, tone(rate, 440)).length - 8000)).toBeLessThanOrEqual(1);
  });
  it("keeps speech and damps what is above it", () => {
    expect(rms(run(48_000, tone(48_000, 440)))).toBeCloseTo(Math.SQRT1_2, 1);
    expect(rms(run(48_000, tone(48_000, 8000)))).toBeLessThan(0.05);
  });
});
