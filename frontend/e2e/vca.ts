import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { serve } from "./serve.mjs";

/** The binary under test. */
const BINARY = process.env.VCA_BINARY ?? join(import.meta.dirname, "../../target/debug/vca");

/** The operator's API key for the servers of this run. */
const OPERATOR_KEY = `vca_${randomBytes(32).toString("base64url")}`;

/** Asks the API as the operator, for a tenant where one is named. */
export type Ask = (method: string, path: string, options?: { body?: unknown; tenant?: string }) => Promise<Record<string, unknown>>;

export interface Server {
  /** Where the dashboard is. */
  url: string;
  sip: number;
  /** What makes the first user. */
  setUpToken: string;
  ask: Ask;
  stop: () => Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, "127.0.0.1", listening));
  const address = probe.address();
  await new Promise((closed) => probe.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((exit) => child.once("exit", exit));
}

/** A fresh server with nothing in it, and the dashboard in front of it. */
export async function startServer(): Promise<Server> {
  const [http, sip] = [await freePort(), await freePort()];
  const data = await mkdtemp(join(tmpdir(), "vca-e2e-"));
  const child = spawn(BINARY, ["serve", "--api-key", OPERATOR_KEY], {
    cwd: data,
    env: {
      ...process.env,
      VCA__DATA_DIR: data,
      VCA__HTTP__LISTEN: `127.0.0.1:${http}`,
      VCA__HTTP__SIGN_INS_PER_MINUTE: "1000",
      VCA__HTTP__REQUESTS_PER_MINUTE: "100000",
      VCA__HTTP__BURST: "10000",
      VCA__SIP__UDP: `127.0.0.1:${sip}`,
      VCA__SIP__TCP: `127.0.0.1:${sip}`,
      VCA__SIP__DRAIN_S: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));

  const api = `http://127.0.0.1:${http}`;
  const deadline = Date.now() + 90_000;
  const token = () => /"token":"([^"]+)"/.exec(output)?.[1];
  while (!token() || !(await fetch(`${api}/readyz`).then((answer) => answer.ok, () => false))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`${BINARY} serve did not begin:\n${output}`);
    }
    await new Promise((wait) => setTimeout(wait, 200));
  }

  // The pages of this build, unless those in the binary are to be tested.
  const pages = process.env.VCA_E2E_EMBEDDED ? null : await serve(api);
  const ask: Ask = async (method, path, { body, tenant } = {}) => {
    const headers: Record<string, string> = { Authorization: `Bearer ${OPERATOR_KEY}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (tenant) headers["VCA-Tenant"] = tenant;
    const answer = await fetch(api + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  };
  return {
    url: pages?.url ?? api,
    sip,
    setUpToken: token() ?? "",
    ask,
    stop: async () => {
      await pages?.close();
      child.kill("SIGTERM");
      const forced = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended(child);
      clearTimeout(forced);
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Calls a number and speaks; `done` when the call is over. */
export function placeCall(sip: number, number: string, options: readonly string[]): { done: Promise<void>; stop: () => void } {
  const child = spawn(BINARY, ["call", "--to", `sip:${number}@127.0.0.1:${sip}`, "--record", "/dev/null", ...(options.includes("--limit") ? [] : ["--limit", "90"]), ...options], { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const done = ended(child).then(() => {
    if (child.exitCode !== 0 && child.signalCode === null) throw new Error(`vca call: ${complaint}`);
  });
  return { done, stop: () => void child.kill("SIGTERM") };
}
