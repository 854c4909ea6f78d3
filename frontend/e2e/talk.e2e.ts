import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

import { launch, Window } from "./browser";
import { callerSays, writeWav } from "./wav";

const world = inject("world");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vca-e2e-talk-"));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function inWindow(browser: Browser, run: (window: Window, page: Page) => Promise<void>): Promise<void> {
  const window = await Window.open(browser, world.url);
  try {
    await window.signIn("owner");
    await run(window, window.page);
    expect(window.complaints).toEqual([]);
  } finally {
    await window.close();
    await browser.close();
  }
}

const lines = (page: Page) => page.getByRole("log").getByRole("listitem");

test("what is spoken into the microphone comes back as words, with the time that the answer took", { timeout: 120_000 }, async () => {
  // A caller's own sentence out of a recording, with quiet around it: the browser plays it over and over.
  const plain = await launch();
  let words = "";
  await inWindow(plain, async (_window, page) => {
    const spoken = await callerSays(page, world.calls.appointment);
    words = spoken.text;
    await writeFile(join(folder, "caller.wav"), writeWav(spoken.samples, { before: 2, after: 15 }));
  });
  const browser = await launch(["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${join(folder, "caller.wav")}`]);
  await inWindow(browser, async (window, page) => {
    await window.visit("/talk/");
    await page.getByRole("button", { name: "Call with the microphone" }).click();
    await page.getByRole("status").filter({ hasText: "On the phone" }).waitFor();
    await lines(page).filter({ hasText: /Sharma Dental Clinic/ }).first().waitFor({ timeout: 60_000 });
    const telling = words.toLowerCase().match(/appointment|toothache|tooth/)?.[0] ?? "";
    expect(telling).not.toBe("");
    await lines(page).filter({ hasText: "Caller" }).filter({ hasText: new RegExp(telling, "i") }).first().waitFor({ timeout: 60_000 });
    const latency = page.getByRole("region", { name: "Time to answer" });
    await latency.locator("details").first().waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Hang up" }).click();
    await page.getByRole("status").filter({ hasText: "The call is over" }).waitFor();
    await page.getByRole("link", { name: "Open the call" }).click();
    await page.waitForURL("**/calls/view/?id=call_*");
    await page.getByRole("region", { name: "Time to answer" }).waitFor();
  });
});

test("without a microphone, what is typed is spoken; keys are pressed", { timeout: 120_000 }, async () => {
  await inWindow(await launch(["--deny-permission-prompts"]), async (window, page) => {
    await window.visit("/talk/");
    await page.getByRole("radio", { name: /The published one/ }).check();
    await page.getByRole("button", { name: "Call with the microphone" }).click();
    await page.getByRole("alert").filter({ hasText: "Type instead" }).waitFor();
    await page.getByRole("status").filter({ hasText: "On the phone" }).waitFor();
    await lines(page).filter({ hasText: /Sharma Dental Clinic/ }).first().waitFor({ timeout: 60_000 });
    await page.getByLabel("Type what the caller says").fill("How much is teeth cleaning?");
    await page.keyboard.press("Enter");
    await lines(page).filter({ hasText: "Caller" }).filter({ hasText: /cleaning/i }).first().waitFor({ timeout: 60_000 });
    await lines(page).filter({ hasText: "Receptionist" }).filter({ hasText: /eight hundred|800/i }).first().waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Hang up" }).click();
    await page.getByRole("status").filter({ hasText: "The call is over" }).waitFor();
  });
});

test("a viewer places no calls", async () => {
  const browser = await launch();
  const window = await Window.open(browser, world.url);
  try {
    await window.signIn("viewer");
    await window.visit("/talk/");
    await window.page.getByText("Test calls are for those who may change the receptionist.").waitFor();
    expect(await window.page.getByRole("button", { name: "Call with the microphone" }).count()).toBe(0);
  } finally {
    await window.close();
    await browser.close();
  }
});
