import createClient, { type Middleware } from "openapi-fetch";

import { takeEarly } from "../early";
import type { components, paths } from "./schema";
import { ProblemError, problemFrom, problemOf } from "./problem";

export type Schemas = components["schemas"];

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** The tenant that the operator acts for; people of a tenant name none. */
let actingFor: string | null = null;
const signedOutListeners = new Set<() => void>();

export function actFor(tenant: string | null): void {
  actingFor = tenant;
}

/** Calls `listener` whenever the server says that nobody is signed in. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

/** The double submit's token, from the one cookie that scripts may read. */
export function csrfToken(cookies: string): string | null {
  const found = cookies.split("; ").find((cookie) => cookie.startsWith("vca_csrf="));
  return found ? decodeURIComponent(found.slice("vca_csrf=".length)) : null;
}

function prepare(headers: Headers, method: string, tenant: string | null): void {
  if (tenant && !headers.has("VCA-Tenant")) headers.set("VCA-Tenant", tenant);
  if (SAFE.has(method)) return;
  const token = csrfToken(document.cookie);
  if (token) headers.set("X-CSRF-Token", token);
  // A request that the network sends twice is carried out once. Who tries again himself gives the same key himself.
  if (method === "POST" && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", newKey());
}

/** A key for one deliberate change. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function noticeSignedOut(response: Response): void {
  if (response.status === 401) signedOutListeners.forEach((listener) => listener());
}

function middleware(tenant: () => string | null): Middleware {
  return {
    onRequest({ request }) {
      prepare(request.headers, request.method, tenant());
      return request;
    },
    onResponse({ response, schemaPath }) {
      // A wrong password is 401 too, and no reason to leave the page that says so.
      if (schemaPath !== "/v1/session") noticeSignedOut(response);
    },
  };
}

const send = (request: Request) => takeEarly(request) ?? fetch(request);

const origin = () => (typeof window === "undefined" ? "http://localhost" : window.location.origin);

/** The API, for the tenant at hand. */
export const api = createClient<paths>({ baseUrl: origin(), credentials: "same-origin", fetch: send });
api.use(middleware(() => actingFor));

/** The API, for the operator's own business: names no tenant. */
export const platform = createClient<paths>({ baseUrl: origin(), credentials: "same-origin", fetch: send });
platform.use(middleware(() => null));

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer. @throws ProblemError otherwise */
export async function unwrap<T>(answer: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await reached(answer);
  if (response.ok) return data as T;
  throw new ProblemError(asProblem(error, response));
}

/** The body with its entity tag, which a change of it has to name in `If-Match`. @throws ProblemError */
export async function unwrapTagged<T>(answer: Promise<Answered<T>>): Promise<{ data: T; etag: string }> {
  const { data, error, response } = await reached(answer);
  if (response.ok) return { data: data as T, etag: response.headers.get("ETag") ?? "" };
  throw new ProblemError(asProblem(error, response));
}

async function reached<T>(answer: Promise<Answered<T>>): Promise<Answered<T>> {
  try {
    return await answer;
  } catch (error) {
    throw new ProblemError(problemOf(error));
  }
}

function asProblem(error: unknown, response: Response) {
  const fallback = { type: "about:blank", title: response.statusText, status: response.status, detail: "", errors: [] };
  return typeof error === "object" && error !== null ? { ...fallback, ...error } : fallback;
}

/** A request whose answer is not JSON: recordings, event streams, exports. @throws ProblemError */
export async function fetchRaw(path: string, init: RequestInit & { platform?: boolean } = {}): Promise<Response> {
  const { platform: own, ...rest } = init;
  const headers = new Headers(rest.headers);
  prepare(headers, rest.method ?? "GET", own ? null : actingFor);
  let response: Response;
  try {
    response = await fetch(path, { ...rest, headers, credentials: "same-origin" });
  } catch (error) {
    if (rest.signal?.aborted) throw error;
    throw new ProblemError(problemOf(error));
  }
  noticeSignedOut(response);
  if (!response.ok) throw new ProblemError(await problemFrom(response));
  return response;
}
