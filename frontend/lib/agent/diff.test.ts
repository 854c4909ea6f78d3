import { describe, expect, it } from "vitest";

import { en } from "../strings/en";
import { changes, pathLabel, showField } from "./diff";
import type { Profile } from "./draft";

const words = en.agent;
const base: Profile = {
  business_name: "Sharma Dental Clinic",
  record_calls: true,
  hours: { mon: ["10:00-13:00"] },
  knowledge: { services: [{ name: "cleaning", price: { exactly: 800 }, minutes: 30 }, { name: "crown", price: { from: 4000 } }], faqs: [{ question: "Parking?", answer: "Yes." }] },
  turns: { end_of_turn_ms: 500 },
};
const plain = (text: string | undefined) => text?.replace(/ /g, " ");

describe("the differences between two profiles", () => {
  it("are none of the same, also where one leaves out what the other says is empty", () => {
    expect(changes(base, { ...base, greeting: null, hours: { mon: ["10:00-13:00"], tue: [] } }, words)).toEqual([]);
  });
  it("are told by field, with what it was and what it is", () => {
    expect(changes(base, { ...base, greeting: "Namaste", record_calls: false }, words)).toEqual([
      { key: "greeting", label: "Greeting", before: "standard", after: "Namaste" },
      { key: "record_calls", label: "Record calls", before: "yes", after: "no" },
    ]);
  });
  it("tell hours by day", () => {
    expect(changes(base, { ...base, hours: { mon: [], tue: ["16:00-20:00"] } }, words)).toEqual([
      { key: "hours.mon", label: "Hours on Monday", before: "10 am–1 pm", after: "closed" },
      { key: "hours.tue", label: "Hours on Tuesday", before: "closed", after: "4 pm–8 pm" },
    ]);
  });
  it("tell rows by their names: new, gone, and changed; another order is none", () => {
    const knowledge = { services: [{ name: "crown", price: { from: 4000, to: 6000 } }, { name: "filling" }], faqs: base.knowledge?.faqs };
    const found = changes(base, { ...base, knowledge }, words);
    expect(found.map(({ label, before, after }) => [label, plain(before), plain(after)])).toEqual([
      ["Service: crown", "from ₹4,000", "₹4,000–₹6,000"],
      ["Service: filling", undefined, "no price"],
      ["Service: cleaning", "₹800, 30 min", undefined],
    ]);
    expect(changes(base, { ...base, knowledge: { ...base.knowledge, services: [...(base.knowledge?.services ?? [])].reverse() } }, words)).toEqual([]);
  });
  it("tell settings by their labels", () => {
    expect(changes(base, { ...base, turns: { end_of_turn_ms: 600 } }, words)).toEqual([{ key: "turns.end_of_turn_ms", label: "End of turn", before: "500", after: "600" }]);
  });
});

describe("a conflict", () => {
  it("is told in the same words", () => {
    expect(pathLabel(["hours", "mon"], words)).toBe("Hours on Monday");
    expect(pathLabel(["knowledge", "services"], words)).toBe("Services and prices");
    expect(pathLabel(["greeting"], words)).toBe("Greeting");
    expect(showField(["hours", "mon"], ["10:00-13:00"], words)).toBe("10 am–1 pm");
    expect(showField(["knowledge", "services"], [{ name: "crown" }, { name: "cap" }], words)).toBe("crown, cap");
    expect(showField(["greeting"], null, words)).toBe("standard");
  });
});
