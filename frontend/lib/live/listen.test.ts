import { describe, expect, it } from "vitest";

import { mixer } from "./listen";

function file(pairs: readonly [number, number][]): Uint8Array {
  const bytes = new Uint8Array(44 + pairs.length * 4).fill(7, 0, 44);
  const view = new DataView(bytes.buffer);
  pairs.forEach(([left, right], n) => {
    view.setInt16(44 + n * 4, left, true);
    view.setInt16(46 + n * 4, right, true);
  });
  return bytes;
}

describe("two sides in one ear", () => {
  const whole = file([
    [100, 300],
    [-32768, -32768],
    [32767, 32767],
  ]);
  it("are mixed at half their level, without the head of the file", () => expect([...mixer()(whole)]).toEqual([200, -32768, 32767]));
  it.each([1, 3, 5, 43, 45, 50])("are the same in pieces of %i bytes", (size) => {
    const mix = mixer();
    const heard: number[] = [];
    for (let at = 0; at < whole.length; at += size) heard.push(...mix(whole.subarray(at, at + size)));
    expect(heard).toEqual([200, -32768, 32767]);
  });
});
