import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { inject, test } from "vitest";

// Not a test: keeps the world of the tests running for as long as the file exists that says where it is, so that tests can
// be written against it without making its calls each time.
const file = process.env.VCA_E2E_WORLD ?? "world.json";

test("the world is there until its file is removed", { timeout: 24 * 3_600_000 }, async () => {
  await writeFile(file, JSON.stringify(inject("world")));
  while (existsSync(file)) await new Promise((wait) => setTimeout(wait, 500));
});
