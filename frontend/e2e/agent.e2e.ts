import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";

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
});
afterAll(async () => {
  await operator.close();
  await browser.close();
});
beforeEach(async () => {
  business = await operator.business("Nair Salon", { hours: { mon: ["10:00-13:00"] } });
  window = await Window.open(browser, world.url);
  page = window.page;
  await signInAs(window, business.email);
  await window.visit("/agent/");
});
afterEach(async () => {
  const { complaints } = window;
  await window.close();
  expect(complaints).toEqual([]);
});

const stored = async (): Promise<Record<string, unknown>> => operator.ask("GET", `/v1/profiles/${business.profile}`, { tenant: business.tenant });
const saved = () => page.getByRole("status").filter({ hasText: "All is saved" }).waitFor();

async function publish(): Promise<void> {
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Publish" }).click();
  await page.getByRole("dialog", { name: /answers from the next call on/ }).waitFor();
}

test("a change saves itself, is shown against what answers, is published, and is rolled back", async () => {
  await page.getByLabel("Greeting", { exact: true }).fill("Namaste, Nair Salon.");
  await page.getByRole("tab", { name: "Hours" }).click();
  await page.getByRole("checkbox", { name: "Open on Tuesday" }).check();
  await saved();
  expect((await stored()).draft).toMatchObject({ greeting: "Namaste, Nair Salon.", hours: { mon: ["10:00-13:00"], tue: ["10:00-19:00"] } });
  await page.getByText("Version 1 answers; the draft is different").waitFor();

  await page.getByRole("button", { name: "Publish" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Hours on Tuesday").waitFor();
  expect(await dialog.getByRole("listitem").allTextContents()).toEqual([expect.stringMatching(/^Greeting.*standard.*Namaste, Nair Salon\.$/), expect.stringMatching(/^Hours on Tuesday.*closed.*10 am–7 pm$/)]);
  expect(await stored()).toMatchObject({ published_version: 1 });
  await dialog.getByRole("button", { name: "Publish" }).click();
  await page.getByRole("dialog", { name: "Version 2 answers from the next call on" }).getByText(/phrases are ready/).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByText("Version 2 answers, and the draft is the same").waitFor();

  await page.getByRole("link", { name: "Versions" }).click();
  await page.getByRole("button", { name: "View: Version 1" }).click();
  await page.getByRole("dialog", { name: "Version 1" }).getByText("Hours on Tuesday").waitFor();
  await page.getByRole("button", { name: "Answer with this one" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Answer with this one" }).click();
  await page.getByRole("listitem").filter({ hasText: "Version 1" }).getByText("Answers now").waitFor();
  // The draft stays as it was written.
  expect(await stored()).toMatchObject({ published_version: 1, draft: { greeting: "Namaste, Nair Salon." } });
});

test("somebody else's change is kept beside mine, and where both changed the same a choice is asked for", async () => {
  const change = async (body: Record<string, unknown>) => {
    const { revision } = await stored();
    await operator.ask("PATCH", `/v1/profiles/${business.profile}`, { tenant: business.tenant, headers: { "If-Match": `"${String(revision)}"` }, body });
  };
  await change({ landmark: "opposite the mall" });
  await page.getByLabel("Greeting", { exact: true }).fill("Mine");
  await page.getByText("Somebody else changed this receptionist too. Both changes are kept.").first().waitFor();
  await saved();
  expect((await stored()).draft).toMatchObject({ greeting: "Mine", landmark: "opposite the mall" });

  await change({ greeting: "Theirs" });
  await page.getByLabel("Greeting", { exact: true }).fill("Mine again");
  const dialog = page.getByRole("dialog", { name: "Somebody else changed this too" });
  await dialog.getByRole("radio", { name: /Theirs/ }).check();
  await dialog.getByRole("button", { name: "Keep these" }).click();
  await saved();
  expect((await stored()).draft).toMatchObject({ greeting: "Theirs", landmark: "opposite the mall" });
});

test("what cannot be saved is told at its field, and is still there after going elsewhere and back", async () => {
  await page.getByRole("tab", { name: "Knowledge" }).click();
  await page.getByRole("button", { name: "Add a question" }).click();
  await page.getByLabel("Question", { exact: true }).fill("Is there parking?");
  await page.getByRole("status").filter({ hasText: "Not saved: some fields need another look" }).waitFor();
  expect(await page.getByLabel("Answer, in whole sentences").getAttribute("aria-invalid")).toBe("true");
  expect(await page.getByRole("button", { name: "Publish" }).isDisabled()).toBe(true);

  await page.getByRole("link", { name: "Live" }).click();
  await page.getByRole("heading", { name: "Live" }).waitFor();
  await page.goBack();
  await page.getByRole("tab", { name: "Knowledge" }).click();
  expect(await page.getByLabel("Question", { exact: true }).inputValue()).toBe("Is there parking?");
  await page.getByLabel("Answer, in whole sentences").fill("Yes, behind the shop.");
  await saved();
  expect((await stored()).draft).toMatchObject({ knowledge: { faqs: [{ question: "Is there parking?", answer: "Yes, behind the shop." }] } });
});

test("hours that end before they begin are not saved", async () => {
  await page.getByRole("tab", { name: "Hours" }).click();
  await page.getByLabel("Monday: closes").fill("09:00");
  await page.getByText("It has to close after it opens").waitFor();
  await page.getByRole("status").filter({ hasText: "Not saved" }).waitFor();
  await page.getByLabel("Monday: closes").fill("00:00");
  await saved();
  expect((await stored()).draft).toMatchObject({ hours: { mon: ["10:00-24:00"] } });
});

test("a removed row comes back", async () => {
  await publish();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("tab", { name: "Knowledge" }).click();
  await page.getByRole("button", { name: "Add a service" }).click();
  await page.getByLabel("Service", { exact: true }).fill("haircut");
  await page.getByLabel("Price", { exact: true }).selectOption("range");
  await page.getByLabel("₹", { exact: true }).fill("300");
  await page.getByLabel("up to ₹").fill("500");
  await saved();
  await page.getByRole("button", { name: "Remove haircut" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await saved();
  expect((await stored()).draft).toMatchObject({ knowledge: { services: [{ name: "haircut", price: { from: 300, to: 500 } }] } });
});
