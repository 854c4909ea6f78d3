// After the build: the SHA-256 of every inline script of every page, for the server's `script-src`.
//
// A static export starts with inline scripts whose content differs from page to page; without their hashes a policy would
// have to allow any inline script. Fails when a page has what no hash can allow: style attributes, handlers in attributes,
// addresses of other hosts.

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

const out = new URL("../out/", import.meta.url).pathname;

const entries = await readdir(out, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".html")).map((entry) => join(entry.parentPath, entry.name));

const pages = {};
const complaints = [];
for (const file of files.sort()) {
  const path = relative(out, file).split(sep).join("/");
  const html = await readFile(file, "utf8");
  const hashes = new Set();
  for (const [, attributes, body] of html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/gi)) {
    if (/\bsrc\s*=/i.test(attributes)) continue;
    hashes.add(`sha256-${createHash("sha256").update(body).digest("base64")}`);
  }
  pages[path] = [...hashes].sort();

  const markup = html.replace(/<script\b[^>]*>[\s\S]*?<\/script>/gi, "");
  if (/<style\b/i.test(markup)) complaints.push(`${path}: a style element`);
  const styled = markup.match(/<[^>]*\sstyle\s*=[^>]*>/i);
  if (styled) complaints.push(`${path}: a style attribute: ${styled[0].slice(0, 160)}`);
  if (/<[^>]*\son[a-z]+\s*=/i.test(markup)) complaints.push(`${path}: a handler in an attribute`);
  if (/\b(?:src|href)\s*=\s*"(?:https?:)?\/\//i.test(markup)) complaints.push(`${path}: an address of another host`);
}

if (files.length === 0) complaints.push("out/ has no pages");
if (complaints.length > 0) {
  console.error(complaints.join("\n"));
  process.exit(1);
}
await writeFile(join(out, "csp.json"), `${JSON.stringify(pages, null, 2)}\n`);
console.log(`csp.json: ${files.length} pages`);
