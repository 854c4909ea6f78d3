import { describe, expect, it } from "vitest";

import { daysIn, type RetentionView, shortens } from "./retention";

const view: RetentionView = { recordings_days: 90, transcripts_days: null, records_days: 0, in_force: { recordings_days: 90, transcripts_days: 365, records_days: null } };
const same = { recordings_days: 90, transcripts_days: null, records_days: 0 };

describe("days", () => {
  it.each([
    ["", null],
    ["0", 0],
    [" 90 ", 90],
    ["36500", 36_500],
  ])("%j are typed", (text, days) => expect(daysIn(text)).toBe(days));
  it.each(["36501", "-1", "1.5", "ten"])("%j are none", (text) => expect(daysIn(text)).toBeNaN());
});

describe("keeping for a shorter time", () => {
  it("is asked about, because what is older goes", () => {
    expect(shortens(view, { ...same, recordings_days: 30 })).toBe(true);
    expect(shortens(view, { ...same, transcripts_days: 364 })).toBe(true);
    expect(shortens(view, { ...same, records_days: 36_500 })).toBe(true);
    expect(shortens(view, { ...same, recordings_days: null })).toBe(true);
  });
  it("is not what changes nothing or keeps longer", () => {
    expect(shortens(view, same)).toBe(false);
    expect(shortens(view, { recordings_days: 0, transcripts_days: 400, records_days: 0 })).toBe(false);
  });
});
