import { api, platform } from "../api/client";

/** Whose keys, people and history: those of the business at hand, or the platform's own. */
export type Scope = "tenant" | "platform";

export function clientOf(scope: Scope): typeof api {
  return scope === "tenant" ? api : platform;
}
