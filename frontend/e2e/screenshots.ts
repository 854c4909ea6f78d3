import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";

import { launch, WIDTHS, Window } from "./browser";
import { views } from "./views";

const world = inject("world");
const folder = join(import.meta.dirname, "../../docs/screenshots");

test("pictures of every page", async () => {
  await mkdir(folder, { recursive: true });
  const browser = await launch();
  try {
    for (const width of WIDTHS) {
      for (const view of views(world)) {
        const window = await Window.open(browser, world.url, { width });
        if (view.role) await window.signIn(view.role);
        await window.visit(view.path);
        await window.page.screenshot({ path: join(folder, `${view.name}-${width}.png`) });
        expect(window.complaints).toEqual([]);
        await window.close();
      }
    }
  } finally {
    await browser.close();
  }
}, 300_000);
