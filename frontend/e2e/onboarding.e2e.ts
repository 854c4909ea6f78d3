import { randomInt } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { PASSWORD } from "./world";

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
  await window.signIn("operator");
  await window.visit("/onboarding/");
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

const next = () => page.getByRole("button", { name: "Next" }).click();
const step = (name: string) => page.getByRole("heading", { level: 2, name, exact: true }).waitFor();

test("a business is made in five steps, its key is told once, and its owner comes in by the link", async () => {
  const digits = String(randomInt(1000, 10_000));
  await next();
  expect(await page.getByLabel("Name of the business").getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("Name of the business").fill("Kaveri Bakery");
  await page.getByLabel("What people come for").fill("order");
  await next();
  await step("Numbers");
  await page.getByLabel("Telephone numbers").fill("call me");
  await next();
  await page.getByText("One of these is no telephone number").waitFor();
  await page.getByLabel("Telephone numbers").fill(`080 4719 ${digits}`);
  await next();
  await step("Hours");
  await page.getByRole("checkbox", { name: "Open on Sunday" }).check();
  await next();
  await step("Greeting");
  await next();
  await step("SMS");
  await page.getByLabel("Mobile numbers").fill("011 4718 0055");
  await next();
  await page.getByText("At most five Indian mobile numbers").waitFor();
  await page.getByLabel("Mobile numbers").fill("98450 12345");
  await next();
  await step("Check");
  const main = await page.locator("main").textContent();
  expect(main).toContain("Mon–Sun: 10 am–7 pm");
  expect(main).toContain("No address: callers who ask leave a message.");
  expect(main).not.toContain("No number");
  await page.getByRole("button", { name: "Make it and answer calls" }).click();
  await page.getByRole("heading", { level: 1, name: "Kaveri Bakery is there" }).waitFor();
  expect(await page.locator("main").textContent()).toContain(`Answered: +91 80 4719 ${digits}`);
  await page.getByText("Who is told by SMS is set").waitFor();
  expect(await page.getByLabel("API key of the business").inputValue()).toMatch(/^vca_/);

  await page.getByLabel("E-mail address of the owner").fill(`owner-${digits}@bakery.example`);
  await page.getByRole("button", { name: "Invite" }).click();
  const link = await page.getByLabel("Link for the owner").inputValue();

  const owner = await Window.open(browser, world.url);
  try {
    await owner.page.goto(link);
    await owner.page.getByLabel("Your name").fill("Kaveri Rao");
    await owner.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await owner.page.getByRole("button", { name: "Start" }).click();
    await owner.page.waitForURL((url) => !url.pathname.startsWith("/invitation"));
    expect(owner.complaints).toEqual([]);
  } finally {
    await owner.close();
  }

  await page.getByRole("button", { name: "Open the receptionist" }).click();
  await page.waitForURL("**/agent/");
  expect(await page.getByLabel("Name, as it is spoken").inputValue()).toBe("Kaveri Bakery");
  expect(await page.getByLabel("What people come for").inputValue()).toBe("order");
});

test("a number that somebody has is told at its step, and nothing is made", async () => {
  await page.getByLabel("Name of the business").fill("Nobody's Bakery");
  await next();
  await page.getByLabel("Telephone numbers").fill("080 4718 0055");
  await next();
  for (const name of ["Hours", "Greeting", "SMS"]) {
    await step(name);
    await next();
  }
  await page.getByRole("button", { name: "Make it and answer calls" }).click();
  await page.locator("form").getByRole("alert").waitFor();
  const made = await page.evaluate(async () => ((await (await fetch("/v1/tenants?limit=200")).json()) as { tenants: { name: string }[] }).tenants.map(({ name }) => name));
  expect(made).not.toContain("Nobody's Bakery");
  // What was typed is still there.
  await page.getByRole("button", { name: "Change: Telephone numbers" }).click();
  expect(await page.getByLabel("Telephone numbers").inputValue()).toBe("080 4718 0055");
});
