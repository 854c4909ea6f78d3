// Serves out/ as the binary does: pages under the policy of csp.json, everything under /v1 passed on to a running server.
// For tests of a build that is not embedded in a binary yet.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const out = new URL("../out/", import.meta.url).pathname;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** The policy of a page, from the hashes of its inline scripts. */
export function policy(hashes) {
  const scripts = ["'self'", ...hashes.map((hash) => `'${hash}'`)].join(" ");
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self' blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function pass(incoming, outgoing, target) {
  const url = new URL(incoming.url, target);
  const onward = request(url, { method: incoming.method, headers: { ...incoming.headers, host: url.host } }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    // Headers of an event stream must arrive before its first event.
    outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  onward.on("error", () => {
    if (!outgoing.headersSent) outgoing.writeHead(502);
    outgoing.end();
  });
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}

/** Passes a WebSocket on as it comes: the server answers, and both ends then talk past this. */
function passUpgrade(incoming, socket, head, target) {
  const url = new URL(incoming.url, target);
  const onward = request(url, { method: incoming.method, headers: { ...incoming.headers, host: url.host } });
  const lines = ({ statusCode, statusMessage, rawHeaders }) => {
    const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
    return [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...headers, "", ""].join("\r\n");
  };
  onward.on("upgrade", (answer, upstream, first) => {
    socket.write(lines(answer));
    socket.write(first);
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  onward.on("response", (answer) => {
    socket.write(lines(answer));
    answer.pipe(socket);
  });
  onward.on("error", () => socket.destroy());
  onward.end();
}

const known = new Map();

/** As small as a server that compresses ahead makes it; once for each content. */
function compressed(body) {
  const key = createHash("sha256").update(body).digest("hex");
  let small = known.get(key);
  if (!small) known.set(key, (small = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })));
  return small;
}

async function find(path) {
  const wanted = normalize(decodeURIComponent(path)).replace(/^(\.\.[/\\])+/, "");
  const candidates = wanted.endsWith("/") ? [join(wanted, "index.html")] : [wanted, join(wanted, "index.html")];
  for (const candidate of candidates) {
    const found = await stat(join(out, candidate)).catch(() => null);
    if (found?.isFile()) return candidate.replace(/^\//, "");
  }
  return null;
}

/** @param {string} target the server that answers /v1 @returns the address and what ends it */
export async function serve(target, port = 0) {
  const server = createServer(async (incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, "http://here.invalid");
    if (pathname.startsWith("/v1/") || pathname === "/openapi.json") return pass(incoming, outgoing, target);
    const found = await find(pathname);
    const file = found ?? "404.html";
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const headers = { "Content-Type": type, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" };
    headers["Cache-Control"] = file.startsWith("_next/static/") ? "public, max-age=31536000, immutable" : "no-cache";
    // Read anew each time: a build while this runs has other scripts.
    if (file.endsWith(".html")) headers["Content-Security-Policy"] = policy(JSON.parse(await readFile(join(out, "csp.json"), "utf8"))[file] ?? []);
    const squeeze = /text|javascript|json|svg/.test(type) && /\bbr\b/.test(incoming.headers["accept-encoding"] ?? "");
    if (squeeze) headers["Content-Encoding"] = "br";
    const body = await readFile(join(out, file));
    outgoing.writeHead(found ? 200 : 404, headers).end(squeeze ? compressed(body) : body);
  });
  server.on("upgrade", (incoming, socket, head) => passUpgrade(incoming, socket, head, target));
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(process.env.VCA_SERVER ?? "http://127.0.0.1:8080", Number(process.env.PORT ?? 0));
  console.log(url);
}
