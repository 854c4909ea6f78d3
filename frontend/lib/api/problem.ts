import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];
export type FieldError = components["schemas"]["FieldError"];

/** A request that did not succeed. `problem.status` is 0 when the server could not be reached at all. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  /** The last part of the problem's type, which stays the same: `validation`, `conflict`. */
  get kind(): string {
    return this.problem.type.split(":").pop() ?? "";
  }
}

/** What is known of a failure, whatever was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { type: "urn:vca:problem:unreachable", title: "", status: 0, detail, errors: [] };
}

/** The body of a failed answer as a problem, also where something in between answered in its own words. */
export async function problemFrom(response: Response): Promise<Problem> {
  const fallback: Problem = { type: "about:blank", title: response.statusText, status: response.status, detail: "", errors: [] };
  if (!response.headers.get("content-type")?.includes("json")) return fallback;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? { ...fallback, ...body } : fallback;
  } catch {
    return fallback;
  }
}

/** Messages by field; several about one field are joined. */
export function fieldErrors(error: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const { field, message } of problemOf(error).errors ?? []) {
    fields[field] = fields[field] ? `${fields[field]}; ${message}` : message;
  }
  return fields;
}
