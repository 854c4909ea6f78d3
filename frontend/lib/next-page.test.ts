import { expect, it } from "vitest";

import { nextPage } from "./next-page";

it.each([
  ["/calls/?outcome=urgent", "/calls/?outcome=urgent"],
  [null, "/"],
  ["https://evil.example/", "/"],
  ["//evil.example/", "/"],
  ["/\\evil.example", "/"],
  ["javascript:alert(1)", "/"],
])("after signing in, %s leads to %s", (wanted, leads) => expect(nextPage(wanted)).toBe(leads));
