import { randomInt } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { Operator, type OwnBusiness, signInAs } from "./own";

const world = inject("world");
let browser: Browser;
let operator: Operator;
let business: OwnBusiness;
let name: string;
let window: Window;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  operator = await Operator.open(browser, world.url);
});
afterAll(async () => {
  await operator.close();
  await browser.close();
});
beforeEach(async () => {
  name = `Ganga Optics ${randomInt(100_000)}`;
  business = await operator.business(name);
  window = await Window.open(browser, world.url);
  page = window.page;
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

describe("the operator", () => {
  const statusOf = async () => (await operator.ask("GET", `/v1/tenants/${business.tenant}`)).status;

  test("finds a business, suspends it, takes that back, and changes it", async () => {
    await window.signIn("operator");
    await window.visit("/tenants/");
    await page.getByLabel("Search").fill(name);
    await page.getByRole("row").filter({ hasText: name }).getByText("Active").waitFor();
    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: "Suspend" }).click();
    await page.getByText(`${name} is suspended: its callers hear that it is not available`).first().waitFor();
    expect(await statusOf()).toBe("suspended");
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText(`${name} is answered again`).first().waitFor();
    expect(await statusOf()).toBe("active");

    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: "Change" }).click();
    await page.getByLabel("Calls at once").fill("7");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row").filter({ hasText: name }).getByRole("cell", { name: "7", exact: true }).waitFor();
    expect((await operator.ask("GET", `/v1/tenants/${business.tenant}`)).max_calls).toBe(7);
  });

  test("deletes a business only when its name was written", async () => {
    await window.signIn("operator");
    await window.visit("/tenants/");
    await page.getByLabel("Search").fill(name);
    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog");
    const remove = dialog.getByRole("button", { name: "Delete" });
    await dialog.getByLabel("Write the name of the business to delete it").fill("Ganga");
    expect(await remove.isDisabled()).toBe(true);
    await dialog.getByLabel("Write the name of the business to delete it").fill(name);
    await remove.click();
    await page.getByText("No business has this in its name").waitFor();
    await expect(statusOf()).rejects.toThrow("404");
  });

  test("sees who changed what", async () => {
    await window.signIn("operator");
    await window.visit("/platform-audit/");
    const made = page.getByRole("row").filter({ hasText: "tenant.create" }).first();
    await made.getByText("Om Prakash").waitFor();
    await made.getByRole("button", { name: /^Details of tenant.create/ }).click();
    await page.getByRole("dialog", { name: "tenant.create" }).getByText(name).first().waitFor();
  });

  test("has keys and pages of his own that a business has not", async () => {
    await signInAs(window, business.email);
    await window.visit("/tenants/");
    await page.getByText("Your account may not do this").last().waitFor();
    expect(await page.getByRole("link", { name: "Operators and keys" }).count()).toBe(0);
  });
});

describe("a business", () => {
  beforeEach(async () => signInAs(window, business.email));

  test("makes a key that is told once, and takes it away", async () => {
    await window.visit("/keys/");
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("What it is for").fill("Website");
    await page.getByRole("checkbox", { name: "calls:read" }).check();
    await page.getByRole("dialog").getByRole("button", { name: "Make a key" }).click();
    const secret = await page.getByLabel("API key", { exact: true }).inputValue();
    const asked = await page.evaluate(async (key) => {
      const ask = (path: string) => fetch(path, { headers: { Authorization: `Bearer ${key}` }, credentials: "omit" }).then(({ status }) => status);
      return [await ask("/v1/calls"), await ask("/v1/users")];
    }, secret);
    expect(asked).toEqual([200, 403]);
    await page.getByRole("button", { name: "Close" }).click();
    const line = page.getByRole("listitem").filter({ hasText: "Website" });
    expect(await line.textContent()).toContain("calls:read");
    expect(await page.content()).not.toContain(secret);
    await line.getByRole("button", { name: "Actions for Website" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
    await line.waitFor({ state: "detached" });
    expect(await page.evaluate(async (key) => (await fetch("/v1/calls", { headers: { Authorization: `Bearer ${key}` }, credentials: "omit" })).status, secret)).toBe(401);
  });

  test("adds an endpoint whose secret is told once, and turns it off", async () => {
    await window.visit("/webhooks/");
    await page.getByText("No endpoint yet").waitFor();
    await page.getByRole("button", { name: "Add an endpoint" }).click();
    await page.getByLabel("Address").fill("http://plain.example");
    await page.getByRole("dialog").getByRole("button", { name: "Add an endpoint" }).click();
    await page.getByText("An https address is needed").waitFor();
    await page.getByLabel("Address").fill("https://hooks.optics.invalid/vca");
    await page.getByRole("checkbox", { name: "A call ended" }).check();
    await page.getByRole("dialog").getByRole("button", { name: "Add an endpoint" }).click();
    expect(await page.getByLabel("Signing secret").inputValue()).toMatch(/^whsec_/);
    await page.getByRole("button", { name: "Close" }).click();
    const endpoint = page.getByRole("listitem").filter({ hasText: "https://hooks.optics.invalid/vca" });
    await endpoint.getByText("Told of: call.ended").waitFor();
    await endpoint.getByRole("switch").click();
    await expect.poll(async () => ((await operator.ask("GET", "/v1/webhooks", { tenant: business.tenant })).webhooks as { enabled: boolean }[])[0]?.enabled).toBe(false);
    await endpoint.getByRole("button", { name: /^Actions for/ }).click();
    await page.getByRole("menuitem", { name: "Send what was given up" }).click();
    await page.getByText("Nothing was given up").first().waitFor();
  });

  test("adds a number and takes it away", async () => {
    const digits = String(randomInt(1000, 10_000));
    await window.visit("/numbers/");
    await page.getByText("There is no number yet").waitFor();
    await page.getByLabel("Number", { exact: true }).fill("080 4718 0055");
    await page.getByRole("button", { name: "Add a number" }).click();
    // Somebody has it; whose it is stays unsaid.
    const refusal = page.getByRole("region", { name: "Add a number" }).getByRole("alert");
    await refusal.waitFor();
    expect(await refusal.textContent()).not.toContain("Sharma");
    await page.getByLabel("Number", { exact: true }).fill(`080 4720 ${digits}`);
    await page.getByRole("button", { name: "Add a number" }).click();
    const line = page.getByRole("listitem").filter({ hasText: `+91 80 4720 ${digits}` });
    await line.waitFor();
    await line.getByRole("button", { name: /^Remove/ }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
    await line.waitFor({ state: "detached" });
  });
});

test("messages are found by their state, with every try", async () => {
  await window.signIn("owner");
  await window.visit("/messages/");
  await page.getByRole("button", { name: /^View A call ended/ }).first().click();
  await page.getByRole("dialog", { name: "A call ended" }).getByRole("heading", { name: "Tries" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("State").selectOption("delivered");
  await page.waitForURL("**/messages/?state=delivered");
  await page.getByText("No message is like that").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByRole("button", { name: /^View A call ended/ }).first().waitFor();
});
