import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { Operator, type OwnBusiness, signInAs } from "./own";

const world = inject("world");
let browser: Browser;
let operator: Operator;
let business: OwnBusiness;
let window: Window;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  operator = await Operator.open(browser, world.url);
  business = await operator.business("Narmada Stores");
});
afterAll(async () => {
  await operator.close();
  await browser.close();
});
beforeEach(async () => {
  window = await Window.open(browser, world.url);
  page = window.page;
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

describe("usage", () => {
  test("is shown by day, and saved as a sheet with every call", async () => {
    await window.signIn("owner");
    await window.visit("/usage/");
    const figure = async (label: string) => {
      const tile = page.locator("dl > div").filter({ has: page.getByText(label, { exact: true }) }).locator("dd").first();
      await tile.waitFor();
      return Number((await tile.textContent())?.replaceAll(",", ""));
    };
    const calls = await figure("Calls");
    expect(calls).toBeGreaterThan(0);
    expect(await figure("Minutes")).toBeGreaterThanOrEqual(calls);
    await page.getByText("As a table").click();
    expect(await page.getByRole("table").locator("tbody tr").count()).toBeGreaterThan(0);
    await page.locator(".u-over").waitFor();
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export as CSV" }).click();
    const file = await readFile(await (await saved).path(), "utf8");
    // A line of names, and one for each call at least.
    expect(file.trim().split("\n").length).toBeGreaterThan(calls);
  });

  test("a plan is changed by the operator, and read by the business with its ceilings", async () => {
    await window.signIn("operator");
    await page.evaluate((tenant) => localStorage.setItem("vca.tenant", tenant), business.tenant);
    await window.visit("/usage/");
    await page.getByRole("button", { name: "Change the plan" }).click();
    await page.getByLabel("Monthly fee").fill("1,499");
    await page.getByLabel("Included minutes").fill("250");
    await page.getByLabel("Each minute beyond").fill("ten");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("An amount in rupees").waitFor();
    await page.getByLabel("Each minute beyond").fill("2.50");
    await page.getByLabel("Hard ceiling in minutes").fill("1000");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The plan is changed").first().waitFor();
    expect(await operator.ask("GET", "/v1/plan", { tenant: business.tenant })).toMatchObject({ monthly_fee_paise: 149_900, included_minutes: 250, extra_minute_paise: 250, hard_ceiling_minutes: 1000, soft_ceiling_minutes: null });

    const owner = await Window.open(browser, world.url);
    try {
      await signInAs(owner, business.email);
      await owner.visit("/usage/");
      await owner.page.getByRole("region", { name: "Plan" }).getByText("₹1,499").waitFor();
      await owner.page.getByRole("region", { name: "Ceilings" }).getByText("0 min of 1,000 min").waitFor();
      expect(await owner.page.getByRole("button", { name: "Change the plan" }).count()).toBe(0);
      expect(owner.complaints).toEqual([]);
    } finally {
      await owner.close();
    }
  });
});

describe("who is told by SMS", () => {
  test("is set for owner and callers, with what DLT registered", async () => {
    await signInAs(window, business.email);
    await window.visit("/notifications/");
    await page.getByLabel("Mobile numbers").fill("98450 12345");
    await page.getByRole("switch", { name: "Confirm requests to callers" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("10 to 30 digits").first().waitFor();
    expect(await page.getByLabel("Entity id (DLT)").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("Entity id (DLT)").fill("1101234567890123456");
    await page.getByLabel("Header (sender)").fill("NARMDA");
    await page.getByLabel("Template id (DLT)").fill("1107123456789012345");
    await page.getByLabel("Text, as registered").fill("Thank you for calling {#alphanumeric#}. We will call you back.");
    await page.getByLabel("Placeholder 1: {#alphanumeric#}").selectOption("business");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("It holds from the next call that ends on").first().waitFor();
    expect(await operator.ask("GET", "/v1/notifications", { tenant: business.tenant })).toMatchObject({
      owner: { mobiles: ["+919845012345"], about: "wanted" },
      caller: { sender: { header: "NARMDA" }, template: { values: ["business"] } },
    });
  });
});

describe("privacy", () => {
  test("keeping it for a shorter time is asked about first", async () => {
    await signInAs(window, business.email);
    await window.visit("/privacy/");
    await page.getByLabel("Recordings").fill("many");
    await page.getByText("A whole number of days").waitFor();
    await page.getByLabel("Recordings").fill("1");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
    expect(await operator.ask("GET", "/v1/retention", { tenant: business.tenant })).toMatchObject({ recordings_days: null });
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Keep it shorter" }).click();
    await page.getByText("In force: 1 day").waitFor();
    expect(await operator.ask("GET", "/v1/retention", { tenant: business.tenant })).toMatchObject({ recordings_days: 1 });
  });

  test("a caller's data are handed over, and erased after a question", async () => {
    await signInAs(window, business.email);
    await window.visit("/privacy/");
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByText("This is needed").waitFor();
    await page.getByLabel("Number of the caller").fill("98123 00000");
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByText("Nothing is kept of this number").first().waitFor();
    await page.getByRole("button", { name: "Erase" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Erase" }).click();
    await page.getByText("Erased: 0 calls, 0 recordings").first().waitFor();
    await page.getByRole("region", { name: "Erasures" }).getByText("0 calls").waitFor();
  });

  test("a viewer reads how long it is kept, and changes nothing", async () => {
    await window.signIn("viewer");
    await window.visit("/privacy/");
    expect(await page.getByLabel("Recordings").isDisabled()).toBe(true);
    expect(await page.getByRole("button", { name: "Erase" }).count()).toBe(0);
  });
});
