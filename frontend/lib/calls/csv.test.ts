import { describe, expect, it } from "vitest";

import { csv, csvCell } from "./csv";

describe("a cell", () => {
  it("quotes what would end it", () => expect(csvCell('said "no", twice')).toBe('"said ""no"", twice"'));
  it("is no formula", () => {
    expect(csvCell("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)");
    expect(csvCell("-1+1")).toBe("'-1+1");
    expect(csvCell("+cmd")).toBe("'+cmd");
  });
  it("keeps a telephone number", () => expect(csvCell("+919876543210")).toBe("+919876543210"));
});

it("a sheet begins with a byte order mark and ends its lines as the standard says", () => {
  expect(csv([["a", "b"], ["1", "2\n3"]])).toBe('\uFEFFa,b\r\n1,"2\n3"\r\n');
});
