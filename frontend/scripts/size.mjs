// What a page loads before it can be used: the scripts that its HTML names, compressed as the server would.
// Fails when the owner's page is heavier than its budget.

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const BUDGET = 200_000;
const out = new URL("../out/", import.meta.url).pathname;
const pages = process.argv.slice(2);

async function weigh(page) {
  const html = await readFile(`${out}${page}`, "utf8");
  const scripts = new Set();
  for (const [tag, attributes] of html.matchAll(/<script\b([^>]*)>/gi)) {
    // Browsers with modules, which are all that the build is for, never load this one.
    if (/\bnomodule\b/i.test(tag)) continue;
    const source = /\bsrc="([^"]+)"/.exec(attributes)?.[1];
    if (source) scripts.add(source);
  }
  let total = 0;
  for (const source of scripts) total += gzipSync(await readFile(`${out}${source.replace(/^\//, "")}`), { level: 6 }).length;
  return { total, count: scripts.size };
}

let heavy = false;
for (const page of pages.length > 0 ? pages : ["index.html", "sign-in/index.html", "calls/index.html"]) {
  const { total, count } = await weigh(page);
  const over = page === "index.html" && total > BUDGET;
  heavy ||= over;
  console.log(`${page}: ${(total / 1000).toFixed(1)} kB gzip in ${count} scripts${over ? `, more than ${BUDGET / 1000} kB` : ""}`);
}
process.exit(heavy ? 1 : 0);
