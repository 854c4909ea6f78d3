import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { placeCall } from "./vca";
import { NUMBER } from "./world";

const world = inject("world");
let browser: Browser;
let window: Window;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => browser.close());
beforeEach(async () => {
  window = await Window.open(browser, world.url);
  page = window.page;
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

describe("today", () => {
  test("who waits is there with one sentence and a number to tap, urgent ones first", async () => {
    await window.signIn("owner");
    await window.settled();
    const waiting = page.getByRole("region", { name: "Waiting for you" });
    expect(await waiting.getByRole("listitem").first().textContent()).toContain("Urgent");
    const appointment = waiting.getByRole("listitem").filter({ hasText: "Rahul Verma" });
    expect(await appointment.textContent()).toMatch(/toothache.*tomorrow evening/i);
    expect(await appointment.getByRole("link", { name: "Call back Rahul Verma" }).getAttribute("href")).toBe("tel:+919876543210");
    const tile = page.getByRole("link", { name: "Appointments asked for" });
    expect(await tile.locator("xpath=../..").textContent()).toMatch(/1/);
    await tile.click();
    await page.waitForURL(/\/calls\/\?outcome=appointment&from=/);
  });
});

describe("the list of calls", () => {
  test("is narrowed in the address, and Back takes one filter away", async () => {
    await window.signIn("owner");
    await window.visit("/calls/");
    const rows = page.locator("[data-row]");
    const all = await rows.count();
    expect(all).toBeGreaterThanOrEqual(4);
    await page.getByLabel("Outcome").selectOption("appointment");
    await page.waitForURL("**/calls/?outcome=appointment");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 1);
    await page.keyboard.press("/");
    await page.getByLabel("Search what was said").fill("xylophone");
    await page.keyboard.press("Enter");
    await page.getByText("No call is like that").waitFor();
    await page.goBack();
    await page.waitForURL("**/calls/?outcome=appointment");
    await page.getByLabel("Search what was said").fill("tooth");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/calls/?text=tooth&outcome=appointment");
    await page.getByRole("link", { name: "Rahul Verma" }).waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.waitForFunction((count) => document.querySelectorAll("[data-row]").length === count, all);
  });

  test("is gone through with the arrow keys", async () => {
    await window.signIn("owner");
    await window.visit("/calls/");
    const rows = page.locator("[data-row]");
    await rows.first().focus();
    await page.keyboard.press("ArrowDown");
    const second = await rows.nth(1).getAttribute("href");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("href"))).toBe(second);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**${second}`);
  });

  test("is exported as a sheet", async () => {
    await window.signIn("owner");
    await window.visit("/calls/?outcome=appointment");
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const file = await readFile(await (await saved).path(), "utf8");
    const [head, row] = file.trim().split("\r\n");
    expect(head).toContain("Summary");
    expect(row).toContain("+919876543210");
    expect(row).toContain("Rahul Verma");
  });
});

describe("a call", () => {
  test("is heard, and its words move with its sound", async () => {
    await window.signIn("owner");
    await window.visit(`/calls/view/?id=${world.calls.appointment}`);
    const position = page.getByRole("slider", { name: "Position in the recording" });
    await position.waitFor();
    const length = Number(await position.getAttribute("aria-valuemax"));
    expect(length).toBeGreaterThan(20);
    // Both voices are drawn: somewhere in each half there is more than a line.
    const drawn = await page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      const context = canvas?.getContext("2d");
      if (!canvas || !context) return [];
      const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
      return [0, 1].map((half) => {
        let most = 0;
        for (let x = 0; x < width; x++) {
          let ink = 0;
          for (let y = (half * height) / 2; y < ((half + 1) * height) / 2; y++) if ((data[(Math.floor(y) * width + x) * 4 + 3] ?? 0) > 60) ink++;
          most = Math.max(most, ink);
        }
        return most;
      });
    });
    expect(Math.min(...drawn)).toBeGreaterThan(15);

    await page.getByRole("button", { name: "2×" }).click();
    const line = page.getByRole("listitem").filter({ hasText: /name is Rahul/i }).first();
    await line.getByRole("button", { name: /Play from/ }).click();
    await page.waitForFunction(() => document.querySelector("li[aria-current]")?.textContent?.match(/name is Rahul/i));
    await page.getByRole("button", { name: "Pause" }).click();
    const before = Number(await position.getAttribute("aria-valuenow"));
    await position.focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((least) => Number(document.querySelector("[role=slider]")?.getAttribute("aria-valuenow")) >= least, before + 4);
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.querySelector("[role=slider]")?.getAttribute("aria-valuenow") === "0");
  });

  test("tells what was taken down, how long answers took, and what was sent", async () => {
    await window.signIn("owner");
    await window.visit(`/calls/view/?id=${world.calls.appointment}`);
    const text = await page.locator("main").textContent();
    expect(text).toContain("+91 98765 43210");
    expect(text).toMatch(/Reason.*toothache/i);
    const latency = page.getByRole("region", { name: "Time to answer" });
    const answers = latency.locator("details");
    expect(await answers.count()).toBeGreaterThanOrEqual(3);
    await answers.first().locator("summary").focus();
    await page.keyboard.press("Enter");
    expect(await answers.first().getByText("End of turn").isVisible()).toBe(true);
    const sent = page.getByRole("region", { name: "Messages sent" });
    await sent.getByText("Webhook").first().waitFor();
  });

  test("shows what it cost, line by line", async () => {
    await window.signIn("owner");
    // What things cost is the operator's configuration, of which this server has none.
    const lines = [
      { kind: "trunk_in", item: "jio", quantity: 3, paise: 90 },
      { kind: "stt", item: "whisper", quantity: 42_000, paise: 125 },
    ];
    const charge = { call: world.calls.appointment, month: "2026-12", answered_at: "2026-12-01T13:05:35Z", did: "+918047180055", seconds: 42, minutes: 1, extra_minutes: 1, price_paise: 350, cost_paise: 215, lines };
    await page.route("**/v1/calls/*/charge", (route) => route.fulfill({ json: charge }));
    await window.visit(`/calls/view/?id=${world.calls.appointment}`);
    const cost = await page.getByRole("region", { name: "Cost" }).textContent();
    expect(cost).toMatch(/Charged₹3\.50.*1 beyond the plan/);
    expect(cost).toMatch(/Costs of the operator₹2\.15/);
    expect(cost).toMatch(/Speech to text.*whisper, 42 s.*₹1\.25/);
  });

  test("strikes through what the caller did not hear, where he interrupted", async () => {
    await window.signIn("owner");
    await window.visit(`/calls/view/?id=${world.calls.interrupted}`);
    const struck = page.locator("li s").first();
    expect((await struck.textContent())?.trim()).not.toBe("");
    expect(await struck.locator("xpath=..").textContent()).toContain("Not heard, because the caller interrupted:");
  });

  test("is erased after a question, whose first focus is the way out; a viewer may not", async () => {
    await window.signIn("viewer");
    await window.visit(`/calls/view/?id=${world.calls.nothing}`);
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name: "Download the conversation" }).waitFor();
    expect(await page.getByRole("menuitem", { name: "Erase the call" }).count()).toBe(0);
    await page.context().clearCookies();

    await window.signIn("owner");
    await window.visit(`/calls/view/?id=${world.calls.nothing}`);
    const ask = async () => {
      await page.getByRole("button", { name: "Actions" }).click();
      await page.getByRole("menuitem", { name: "Erase the call" }).click();
      await page.getByRole("alertdialog").waitFor();
    };
    await ask();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Cancel");
    await page.keyboard.press("Escape");
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
    await ask();
    await page.getByRole("alertdialog").getByRole("button", { name: "Erase the call" }).click();
    await page.waitForURL("**/calls/");
    await page.getByText("The call is erased").first().waitFor();
    await window.visit(`/calls/view/?id=${world.calls.nothing}`);
    expect(await page.locator("main").textContent()).not.toContain("97310");
    expect(await page.getByRole("slider").count()).toBe(0);
  });
});

describe("live", () => {
  test("a call appears with its words, is listened to, and is hung up", async () => {
    await window.signIn("owner");
    await window.visit("/live/");
    await page.getByText("Nobody is on the phone").waitFor();
    const call = placeCall(world.sip, NUMBER, ["--from", "+919611223344", "--silent", "60"]);
    try {
      const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "+91 96112 23344" }) });
      await card.waitFor();
      await card.getByText(/Sharma Dental Clinic/).waitFor();
      const heard = page.waitForResponse((response) => response.url().endsWith("/audio"));
      await card.getByRole("button", { name: "Listen in" }).click();
      expect((await heard).status()).toBe(200);
      await card.getByRole("button", { name: "Stop listening" }).click();
      await card.getByRole("button", { name: "Listen in" }).waitFor();
      await card.getByRole("button", { name: "Hang up" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Hang up" }).click();
      await card.getByText("Over").waitFor();
      await call.done;
      await card.getByRole("link", { name: "Open the call" }).click();
      await page.getByText("Ended from the dashboard").waitFor();
    } finally {
      call.stop();
    }
  });
});

describe("when the server cannot be reached", () => {
  test("the page says so, and goes on when asked again", async () => {
    await window.signIn("owner");
    await page.route("**/v1/calls?*", (route) => route.abort());
    await page.goto("/calls/");
    await page.getByRole("alert").filter({ hasText: "VCA cannot be reached" }).waitFor();
    await page.unroute("**/v1/calls?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: "Rahul Verma" }).waitFor();
  });
});
