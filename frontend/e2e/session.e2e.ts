import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { startServer } from "./vca";
import { PASSWORD } from "./world";

const world = inject("world");
let browser: Browser;
let window: Window;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => browser.close());
beforeEach(async () => {
  window = await Window.open(browser, world.url);
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

test("who is not signed in is led to the sign-in page, and then to where he wanted to go", async () => {
  const { page } = window;
  await page.goto("/calls/?outcome=urgent");
  await page.waitForURL("**/sign-in/**");
  await page.getByLabel("E-mail address").fill("owner@clinic.example");
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/calls/?outcome=urgent");
  await page.getByRole("heading", { name: "Calls" }).waitFor();
});

test("what is missing stands on its field, which has the focus", async () => {
  const { page } = window;
  await page.goto("/sign-in/");
  await page.getByRole("button", { name: "Sign in" }).click();
  const email = page.getByLabel("E-mail address");
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "email");
  expect(await email.getAttribute("aria-invalid")).toBe("true");
  const described = await email.getAttribute("aria-describedby");
  expect(await page.locator(`[id="${described}"]`).textContent()).toContain("needed");
});

test("no script can read what signs somebody in", async () => {
  const { page } = window;
  await window.signIn("owner");
  const readable = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]));
  const session = (await page.context().cookies()).find((cookie) => cookie.name === "vca_session");
  expect(session?.httpOnly).toBe(true);
  expect(readable).not.toContain(session?.value);
});

test("signing out ends it here and on the server", async () => {
  const { page } = window;
  await window.signIn("owner");
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await page.waitForURL("**/sign-in/");
  expect(await page.evaluate(async () => (await fetch("/v1/me")).status)).toBe(401);
});

test("the appearance is chosen, and kept without a flash of the other one", async () => {
  const { page } = window;
  await window.signIn("owner");
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await expect.poll(background).toBe("rgb(14, 18, 18)");
  await page.reload({ waitUntil: "commit" });
  await page.waitForFunction(() => document.body);
  expect(await background()).toBe("rgb(14, 18, 18)");
});

test("the owner sees his own business only; the operator chooses one", async () => {
  const { page } = window;
  await window.signIn("owner");
  await window.settled();
  expect(await page.getByRole("button", { name: /Switch business/ }).count()).toBe(0);
  await page.context().clearCookies();

  await window.signIn("operator");
  await page.getByRole("heading", { name: "Choose a business" }).waitFor();
  await page.getByLabel("Find a business").fill("sharma");
  await page.getByRole("button", { name: "Sharma Dental Clinic" }).click();
  await page.getByRole("heading", { name: "Waiting for you" }).waitFor();
  await page.getByRole("button", { name: /Switch business/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Kiran Tailors" }).click();
  await page.getByText("No calls yet today").waitFor();
  // The choice outlives the page, and is forgotten for somebody of a tenant.
  await page.reload();
  await page.getByText("No calls yet today").waitFor();
  await page.context().clearCookies();
  await window.signIn("owner");
  await page.getByRole("heading", { name: "Waiting for you" }).waitFor();
});

test("the first account is made with the token that the server printed, once", async () => {
  const fresh = await startServer();
  const first = await Window.open(browser, fresh.url, { width: 360 });
  try {
    const { page } = first;
    await page.goto("/set-up/");
    const fill = async (token: string, password: string) => {
      await page.getByLabel("Set-up token").fill(token);
      await page.getByLabel("Your name").fill("Om Prakash");
      await page.getByLabel("E-mail address").fill("om@vca.example");
      await page.getByLabel("Password", { exact: true }).fill(password);
      await page.getByRole("button", { name: "Make the account" }).click();
    };
    await fill("not-the-token", "short");
    await page.getByText("Use at least 12 characters").waitFor();
    await fill("not-the-token", PASSWORD);
    await page.getByRole("alert").filter({ hasText: "not the token" }).waitFor();
    await fill(fresh.setUpToken, PASSWORD);
    await page.getByText("There is no business yet").waitFor();
    expect(first.complaints).toEqual([]);
  } finally {
    await first.close();
    await fresh.stop();
  }
});

test("an invitation is taken up with a name and a password", async () => {
  const { page } = window;
  await window.signIn("owner");
  const token = await page.evaluate(async () => {
    const csrf = /vca_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? "";
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": decodeURIComponent(csrf) };
    const answer = await fetch("/v1/invitations", { method: "POST", headers, body: JSON.stringify({ email: "new@clinic.example", role: "viewer" }) });
    return ((await answer.json()) as { token: string }).token;
  });
  await page.context().clearCookies();
  await page.goto(`/invitation/#${token}`);
  expect(await page.getByLabel("Invitation code").inputValue()).toBe(token);
  await page.getByLabel("Your name").fill("Neha Rao");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Account of Neha Rao" }).waitFor();
});
