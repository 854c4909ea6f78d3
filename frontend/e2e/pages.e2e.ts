import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { launch, SCHEMES, WIDTHS, Window } from "./browser";
import { views } from "./views";

const world = inject("world");
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => browser.close());

/** What axe finds, as `rule: element`; in the whole page, or in one part of it. */
async function violations(window: Window, part?: string): Promise<string[]> {
  await window.page.evaluate(axe.source);
  const found = await window.page.evaluate(async (selector) => {
    const runner = (globalThis as unknown as { axe: typeof axe }).axe;
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    return (await runner.run(selector ?? document, { runOnly: { type: "tag", values: tags } })).violations;
  }, part);
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}`));
}

describe.each(WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme }))))("at $width px, $scheme", (look) => {
  const opened: Record<string, Window> = {};

  /** One window for each role: signing in once is enough. */
  async function windowOf(role: "owner" | "operator" | "viewer" | null): Promise<Window> {
    const key = role ?? "nobody";
    if (!opened[key]) {
      opened[key] = await Window.open(browser, world.url, look);
      if (role) await opened[key].signIn(role);
    }
    return opened[key];
  }

  afterAll(async () => {
    for (const window of Object.values(opened)) await window.close();
  });

  test.each(views(world))("$name", async ({ path, role }) => {
    const window = await windowOf(role);
    window.complaints.length = 0;
    await window.visit(path);
    expect(await violations(window)).toEqual([]);
    const width = await window.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(width, "nothing reaches over the right edge").toBeLessThanOrEqual(0);
    expect(window.complaints).toEqual([]);
  });

  test("what opens over a page", async () => {
    const window = await windowOf("owner");
    const { page } = window;
    await window.visit(`/calls/view/?id=${world.calls.appointment}`);
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menu").waitFor();
    expect(await violations(window)).toEqual([]);
    await page.getByRole("menuitem", { name: "Erase the call" }).click();
    await page.getByRole("alertdialog").waitFor();
    expect(await violations(window, "[role=alertdialog]")).toEqual([]);
    expect(await page.locator("#content").evaluate((content) => content.closest("[inert]") !== null), "the page behind it is out of reach").toBe(true);
    await page.keyboard.press("Escape");
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
    expect(await page.locator("[inert]").count()).toBe(0);
    expect(window.complaints).toEqual([]);
  });
});

test("a page is used by keyboard alone", async () => {
  const window = await Window.open(browser, world.url);
  const { page } = window;
  try {
    await window.signIn("owner");
    await window.visit("/calls/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Export");
    // The focus is to be seen wherever it goes.
    for (let step = 0; step < 12; step++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return true;
        return [element, element.parentElement].some((one) => {
          if (!one) return false;
          return [getComputedStyle(one), getComputedStyle(one, "::after")].some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
        });
      });
      expect(seen).toBe(true);
    }
  } finally {
    await window.close();
  }
});
