"use client";

import { fetchRaw } from "../api/client";

export type Form = "draft" | "published";

interface Ticket {
  call_id: string;
  path: string;
}

/** Prepares a call to a receptionist: the answer opens one connection within a minute. @throws ProblemError */
export async function createTestCall(profile: string, form: Form): Promise<Ticket> {
  const body = JSON.stringify({ profile_id: profile, form });
  const answer = await fetchRaw("/v1/test-calls", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  return (await answer.json()) as Ticket;
}
