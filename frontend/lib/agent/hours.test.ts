import { describe, expect, it } from "vitest";

import { addOpening, copyDay, fromTimeField, hoursFaulty, openingFaults, parseOpening, showOpenings, timeField, weekGroups, writeOpening } from "./hours";

describe("an opening", () => {
  it.each(["00:00-24:00", "10:00-13:00", "16:30-20:05"])("%s is read and written the same", (text) => expect(writeOpening(parseOpening(text))).toBe(text));
  it("ends at midnight, which a field for times shows as 00:00", () => {
    expect(timeField(parseOpening("16:00-24:00").to)).toBe("00:00");
    expect(fromTimeField("00:00", "to")).toBe(1440);
    expect(fromTimeField("00:00", "from")).toBe(0);
    expect(fromTimeField("", "from")).toBeNull();
  });
  it("is written as people say it", () => {
    expect(showOpenings(["10:00-13:30", "16:00-24:00"], "closed")).toBe("10 am–1:30 pm, 4 pm–12 am");
    expect(showOpenings(["00:00-12:00"], "closed")).toBe("12 am–12 pm");
    expect(showOpenings([], "closed")).toBe("closed");
  });
});

describe("what is wrong with a day", () => {
  it("is an end before the beginning", () => expect(openingFaults(["10:00-09:00", "12:00-13:00"])).toEqual(["order", undefined]));
  it("is an overlap, of both that overlap", () => expect(openingFaults(["10:00-13:00", "12:59-14:00", "15:00-16:00"])).toEqual(["overlap", "overlap", undefined]));
  it("is not one opening after the other", () => expect(openingFaults(["10:00-13:00", "13:00-14:00"])).toEqual([undefined, undefined]));
  it("is found in a week", () => {
    expect(hoursFaulty({ sun: ["10:00-10:00"] })).toBe(true);
    expect(hoursFaulty({ sun: ["10:00-10:01"] })).toBe(false);
    expect(hoursFaulty(null)).toBe(false);
  });
});

describe("one more opening", () => {
  it("begins an hour after the last one, whatever their order", () => {
    expect(addOpening([])).toEqual(["10:00-19:00"]);
    expect(addOpening(["16:00-20:00", "10:00-13:00"]).at(-1)).toBe("21:00-24:00");
  });
  it("is added only where there is room, and never makes a fault", () => {
    for (const day of [["10:00-13:00"], ["10:00-23:00"], ["10:00-23:30"]]) expect(openingFaults(addOpening(day)).some(Boolean)).toBe(false);
    expect(addOpening(["10:00-24:00"])).toEqual(["10:00-24:00"]);
  });
});

describe("a week", () => {
  it("has a day copied to others, as copies", () => {
    const hours = copyDay({ mon: ["10:00-13:00"], sun: ["09:00-10:00"] }, "mon", ["tue", "wed"]);
    expect(hours).toEqual({ mon: ["10:00-13:00"], tue: ["10:00-13:00"], wed: ["10:00-13:00"], sun: ["09:00-10:00"] });
    expect(hours.tue).not.toBe(hours.mon);
  });
  it("is told in groups of days", () => {
    expect(weekGroups({ mon: ["a-b"], tue: ["a-b"], wed: ["c-d"] }).map(({ from, to }) => `${from}-${to}`)).toEqual(["mon-tue", "wed-wed", "thu-sun"]);
  });
});
