import { describe, expect, it } from "vitest";

import { addDays, dayStart, formatClock, formatDateTime, formatDay, formatDuration, formatMs, formatNumber, formatPaise, formatPhone, formatTime, formatWhen, isoDay } from "./format";

/** Intl puts narrow and unbreakable spaces where a reader sees spaces. */
const plain = (text: string) => text.replace(/[\u202F\u00A0]/g, " ");

describe("money", () => {
  it("groups by lakh and crore", () => expect(plain(formatPaise(1_23_45_678_00))).toBe("₹1,23,45,678"));
  it("shows paise only where there are some", () => {
    expect(plain(formatPaise(45))).toBe("₹0.45");
    expect(plain(formatPaise(80_000))).toBe("₹800");
  });
  it("groups numbers alike", () => expect(formatNumber(123456)).toBe("1,23,456"));
});

describe("days and times in India", () => {
  it("begin at half past six in the evening of UTC", () => {
    expect(dayStart("2026-03-09")).toBe("2026-03-08T18:30:00.000Z");
    expect(isoDay("2026-03-08T18:30:00Z")).toBe("2026-03-09");
    expect(isoDay("2026-03-08T18:29:59Z")).toBe("2026-03-08");
  });
  it("go over months and years", () => {
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
    expect(addDays("2028-03-01", -1)).toBe("2028-02-29");
  });
  it("are written as people read them", () => {
    const now = new Date("2026-12-01T00:00:00Z");
    expect(plain(formatTime("2026-03-09T08:35:00Z")).toLowerCase()).toBe("2:05 pm");
    expect(formatDay("2026-03-09T08:35:00Z", now)).toBe("Mon, 9 Mar");
    expect(formatDay("2025-03-09T08:35:00Z", now)).toBe("9 Mar 2025");
    expect(formatWhen("2026-11-30T18:29:59Z", now)).toBe("30 Nov");
    expect(plain(formatWhen("2026-11-30T18:30:00Z", now)).toLowerCase()).toBe("12:00 am");
    expect(plain(formatDateTime("2026-03-09T08:35:00Z", now)).toLowerCase()).toBe("mon, 9 mar, 2:05 pm");
  });
});

describe("telephone numbers", () => {
  it.each([
    ["+919876543210", "+91 98765 43210"],
    ["+918047180000", "+91 80 4718 0000"],
    ["+914842345678", "+91 484 234 5678"],
    ["+918012345678", "+91 80123 45678"],
    ["+14155550123", "+14155550123"],
  ])("%s", (e164, shown) => expect(formatPhone(e164)).toBe(shown));
});

describe("spans of time", () => {
  it("as a clock", () => {
    expect(formatClock(7_900)).toBe("0:07");
    expect(formatClock(725_000)).toBe("12:05");
    expect(formatClock(3_725_000)).toBe("1:02:05");
  });
  it("in words", () => {
    expect(formatDuration(45_400)).toBe("45 s");
    expect(formatDuration(125_000)).toBe("2 min 5 s");
    expect(formatDuration(120_000)).toBe("2 min");
  });
  it("of latency", () => {
    expect(formatMs(339.6)).toBe("340 ms");
    expect(formatMs(1300)).toBe("1.3 s");
  });
});
