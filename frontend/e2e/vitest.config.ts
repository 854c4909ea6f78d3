import { defineConfig } from "vitest/config";

/** What else runs in the world of the tests. */
const OTHERS: Record<string, string> = { screenshots: "screenshots.ts", keep: "keep.ts" };

export default defineConfig({
  resolve: { alias: { "@": `${import.meta.dirname}/..` } },
  cacheDir: `${import.meta.dirname}/../node_modules/.vite`,
  test: {
    root: import.meta.dirname,
    include: [OTHERS[process.env.VCA_E2E_SUITE ?? ""] ?? "**/*.e2e.ts"],
    globalSetup: ["world.ts"],
    // One server, one set of calls: files take turns, so that one does not count what another makes.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
