import { afterEach, expect, it, vi } from "vitest";

import { earlyScript, takeEarly } from "./early";
import { dayStart, isoDay } from "./format";

afterEach(() => vi.unstubAllGlobals());

/** Runs the inline script on a page. */
function run(pathname: string, tenant: string | null): string[] {
  const asked: string[] = [];
  const fetch = (path: string) => {
    asked.push(path);
    return Promise.resolve(new Response(path));
  };
  vi.stubGlobal("vcaEarly", undefined);
  new Function("self", "fetch", "location", "localStorage", earlyScript)(globalThis, fetch, { pathname }, { getItem: () => tenant });
  return asked;
}

it("the owner's day is asked for as the page asks for it", async () => {
  const asked = run("/", null);
  const day = `/v1/calls?${new URLSearchParams({ from: dayStart(isoDay(new Date())), limit: "200" })}`;
  expect(asked).toEqual(["/v1/me", day]);
  expect(await (await takeEarly(new Request(`http://here.invalid${day}`)))?.text()).toBe(day);
  expect(takeEarly(new Request(`http://here.invalid${day}`)), "once").toBeUndefined();
});

it("who acts for a tenant, or is elsewhere, asks who he is only", () => {
  expect(run("/", "ten_1")).toEqual(["/v1/me"]);
  expect(run("/calls/", null)).toEqual(["/v1/me"]);
});

it("nothing is taken for another tenant, or instead of a change", () => {
  run("/", null);
  expect(takeEarly(new Request("http://here.invalid/v1/me", { headers: { "VCA-Tenant": "ten_1" } }))).toBeUndefined();
  expect(takeEarly(new Request("http://here.invalid/v1/me", { method: "PUT" }))).toBeUndefined();
});
