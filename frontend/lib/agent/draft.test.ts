import { describe, expect, it } from "vitest";

import { merge, mergePatch, type Profile, sendable, withField } from "./draft";

describe("the merge patch of a change", () => {
  it("holds what is different and nothing else", () => {
    const from = { greeting: "Hello", hours: { mon: ["10:00-19:00"], tue: [] }, ask: ["email"] };
    expect(mergePatch(from, from)).toEqual({});
    expect(mergePatch(from, { ...from, greeting: "Namaste" })).toEqual({ greeting: "Namaste" });
    expect(mergePatch(from, { ...from, hours: { mon: ["10:00-19:00"], tue: ["09:00-12:00"] } })).toEqual({ hours: { tue: ["09:00-12:00"] } });
    expect(mergePatch(from, { ...from, ask: [] })).toEqual({ ask: [] });
  });
  it("takes away what is gone with null, as RFC 7396 has it", () => {
    expect(mergePatch({ greeting: "Hello", turns: { a: 1, b: 2 } }, { turns: { a: 1 } })).toEqual({ greeting: null, turns: { b: null } });
  });
  it("knows an array from an object with the same keys", () => {
    expect(mergePatch({ a: [] }, { a: {} })).toEqual({ a: {} });
  });
});

describe("two people's changes", () => {
  const base = { greeting: "Hello", landmark: null, hours: { mon: ["10:00-19:00"], tue: [] as string[] }, faqs: ["a"] };
  it("are both kept where they are about different fields, also within one", () => {
    const mine = { ...base, greeting: "Namaste", hours: { ...base.hours, mon: ["09:00-19:00"] } };
    const theirs = { ...base, landmark: "opposite the mall", hours: { ...base.hours, tue: ["10:00-12:00"] } };
    const { merged, conflicts } = merge(base, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(merged).toEqual({ greeting: "Namaste", landmark: "opposite the mall", hours: { mon: ["09:00-19:00"], tue: ["10:00-12:00"] }, faqs: ["a"] });
  });
  it("are no conflict where they are the same", () => {
    const both = { ...base, faqs: ["a", "b"] };
    expect(merge(base, both, { ...both })).toEqual({ merged: both, conflicts: [] });
  });
  it("conflict where they differ, and then mine stands until somebody chooses", () => {
    const { merged, conflicts } = merge(base, { ...base, faqs: ["mine"] }, { ...base, faqs: ["theirs"] });
    expect(conflicts).toEqual([{ path: ["faqs"], mine: ["mine"], theirs: ["theirs"] }]);
    expect(merged.faqs).toEqual(["mine"]);
    expect(withField(merged, ["faqs"], ["theirs"]).faqs).toEqual(["theirs"]);
  });
  it("take a field away when one of them did and the other left it", () => {
    const { greeting: _, ...without } = base;
    expect(merge(base, without, base).merged).toEqual(without);
    expect(merge(base, base, without).merged).toEqual(without);
  });
});

describe("what is sent of a draft", () => {
  const draft: Profile = {
    business_name: "Clinic",
    greeting: "  ",
    knowledge: { services: [{ name: "", also: [] }, { name: "Filling", also: [" cap ", ""] }, { name: " ", also: [] }], faqs: [{ question: "", answer: "" }] },
    transfers: { targets: [{ name: "Dr Rao", number: "" }, { name: "", number: "" }] },
  };
  it("leaves out rows at the end that nobody has written into, and keeps the places of all others", () => {
    const sent = sendable(draft);
    expect(sent.greeting).toBeNull();
    expect(sent.knowledge?.services?.map(({ name }) => name)).toEqual(["", "Filling"]);
    expect(sent.knowledge?.services?.[1]?.also).toEqual(["cap"]);
    expect(sent.knowledge?.faqs).toEqual([]);
    expect(sent.transfers?.targets).toHaveLength(1);
  });
});
