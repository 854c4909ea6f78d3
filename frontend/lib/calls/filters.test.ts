import { describe, expect, it } from "vitest";

import { filterCount, filterFromUrl, filterToQuery, filterToUrl } from "./filters";

const read = (query: string) => filterFromUrl(new URLSearchParams(query));

describe("filters in the address", () => {
  it("come back as they went", () => {
    const filter = { text: "root canal & more", outcome: "urgent", caller: "+919812345678", from: "2026-03-01", until: "2026-03-09" } as const;
    expect(read(filterToUrl(filter))).toEqual(filter);
  });
  it("have one address each", () => expect(filterToUrl({ until: "2026-03-09", text: " x " })).toBe(filterToUrl({ text: "x", until: "2026-03-09" })));
  it("leave out what is no filter", () => {
    expect(read("outcome=nonsense&status=&from=2026-3-1&until=2026-13-40&text=%20&page=2")).toEqual({});
  });
  it("include the last day", () => {
    expect(filterToQuery({ from: "2026-03-09", until: "2026-03-09", text: "x" })).toEqual({
      text: "x",
      from: "2026-03-08T18:30:00.000Z",
      until: "2026-03-09T18:30:00.000Z",
    });
  });
  it("count days once", () => expect(filterCount({ from: "2026-03-01", until: "2026-03-09", outcome: "message" })).toBe(2));
});
