import { describe, expect, it } from "vitest";

import { addMonths, ceilings, formatMonth, monthChoices, monthOf, monthTotal, paiseIn } from "./month";

describe("months", () => {
  it("begin when they begin in India", () => {
    expect(monthOf(new Date("2026-11-30T18:29:59Z"))).toBe("2026-11");
    expect(monthOf(new Date("2026-11-30T18:30:00Z"))).toBe("2026-12");
  });
  it("go over years", () => {
    expect(addMonths("2026-12", 1)).toBe("2027-01");
    expect(addMonths("2026-01", -1)).toBe("2025-12");
    expect(addMonths("2026-03", -15)).toBe("2024-12");
  });
  it("are written and offered, each once, the latest first", () => {
    expect(formatMonth("2026-12")).toBe("December 2026");
    expect(monthChoices(["2026-10", "2026-12"], new Date("2026-12-01T12:00:00Z"))).toEqual(["2026-12", "2026-10"]);
    expect(monthChoices(["2026-10"], new Date("2026-12-01T12:00:00Z"))).toEqual(["2026-12", "2026-10"]);
  });
});

describe("ceilings", () => {
  const plan = { soft_ceiling_minutes: 200, hard_ceiling_paise: 10_000 };
  it("are those of the plan, with how much of each is used", () => {
    expect(ceilings(plan, { minutes: 50, cost_paise: 12_000 })).toEqual([
      { kind: "soft", unit: "minutes", used: 50, bound: 200, share: 0.25 },
      { kind: "hard", unit: "paise", used: 12_000, bound: 10_000, share: 1.2 },
    ]);
  });
  it("leave out costs that are not told, and bounds that are not there", () => {
    expect(ceilings(plan, { minutes: 50, cost_paise: null }).map(({ unit }) => unit)).toEqual(["minutes"]);
    expect(ceilings({}, { minutes: 50 })).toEqual([]);
  });
  it("of nothing are reached", () => expect(ceilings({ soft_ceiling_minutes: 0 }, { minutes: 0 })[0]?.share).toBe(1));
});

describe("money", () => {
  it("of a month is fee and calls", () => expect(monthTotal({ monthly_fee_paise: 99_900 }, 1_250)).toBe(101_150));
  it.each([
    ["₹1,499", 149_900],
    ["0.45", 45],
    ["", null],
    ["12.345", NaN],
    ["-5", NaN],
  ])("%s is typed", (text, paise) => expect(paiseIn(text)).toEqual(paise));
});
