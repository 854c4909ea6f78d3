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
  await window.signIn("owner");
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

/** What the server says about a person, whatever the page shows. */
const disabled = (email: string) =>
  page.evaluate(async (wanted) => {
    const { users } = (await (await fetch("/v1/users")).json()) as { users: { email: string; disabled: boolean }[] };
    return users.find((user) => user.email === wanted)?.disabled;
  }, email);

test("an invitation is a link that works once, and is taken back", async () => {
  await window.visit("/people/");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("E-mail address").fill("not an address");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await dialog.getByText("does not look like an e-mail address").waitFor();
  await dialog.getByLabel("E-mail address").fill("dev@clinic.example");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  const link = await dialog.getByLabel("Link").inputValue();
  expect(link).toContain("/invitation/#");
  await dialog.getByRole("button", { name: "Done" }).click();

  const other = await Window.open(browser, world.url, { width: 360 });
  try {
    await other.page.goto(link);
    await other.page.getByLabel("Your name").fill("Dev Patel");
    await other.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await other.page.getByRole("button", { name: "Start" }).click();
    await other.page.getByRole("button", { name: "Account of Dev Patel" }).waitFor();
    // A viewer has no business with the people.
    await other.page.getByRole("button", { name: "Open the menu" }).click();
    await other.page.getByRole("dialog").getByRole("link", { name: "Calls" }).waitFor();
    expect(await other.page.getByRole("link", { name: "People" }).count()).toBe(0);
  } finally {
    await other.close();
  }
  await page.reload();
  const row = page.getByRole("listitem").filter({ hasText: "dev@clinic.example" });
  await row.getByRole("button", { name: /What to do with/ }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
  await row.waitFor({ state: "detached" });
});

test("somebody is blocked at once, and let in again by taking it back", async () => {
  await window.visit("/people/");
  const row = page.getByRole("listitem").filter({ hasText: "viewer@clinic.example" });
  await row.getByRole("button", { name: /What to do with/ }).click();
  await page.getByRole("menuitem", { name: "Block" }).click();
  await row.getByText("May not sign in").waitFor();
  await expect.poll(() => disabled("viewer@clinic.example")).toBe(true);
  await page.getByRole("button", { name: "Undo" }).click();
  await row.getByText("May not sign in").waitFor({ state: "detached" });
  await expect.poll(() => disabled("viewer@clinic.example")).toBe(false);
  // Nobody takes his own access away.
  const own = page.getByRole("listitem").filter({ hasText: "owner@clinic.example" });
  expect(await own.getByRole("button").count()).toBe(0);
});

test("what the server refuses is undone, and said", async () => {
  await window.visit("/people/");
  await page.route("**/v1/users/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  const row = page.getByRole("listitem").filter({ hasText: "viewer@clinic.example" });
  await row.getByRole("button", { name: /What to do with/ }).click();
  await page.getByRole("menuitem", { name: "Block" }).click();
  await page.getByText("VCA cannot be reached").first().waitFor();
  await row.getByText("May not sign in").waitFor({ state: "detached" });
});

test("a wrong password stands on its field", async () => {
  await window.visit("/account/");
  await page.getByLabel("Password until now", { exact: true }).fill("not the password at all");
  await page.getByLabel("New password", { exact: true }).fill("another horse battery");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("is not the password").waitFor();
  expect(await page.getByLabel("Password until now", { exact: true }).getAttribute("aria-invalid")).toBe("true");
});
