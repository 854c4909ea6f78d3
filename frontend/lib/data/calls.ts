"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, fetchRaw, type Schemas, unwrap } from "../api/client";
import { ProblemError } from "../api/problem";
import { type CallFilter, filterToQuery } from "../calls/filters";
import { dayStart } from "../format";

export type Call = Schemas["CallDto"];
export type CallDetail = Schemas["CallDetail"];
type Page = Schemas["CallPage"];

async function loadPage(filter: CallFilter, cursor: string | undefined, limit: number, signal?: AbortSignal): Promise<Page> {
  return unwrap(api.GET("/v1/calls", { params: { query: { ...filterToQuery(filter), limit, cursor } }, signal }));
}

/** Calls that match, the latest first, a page at a time. */
export function useCalls(filter: CallFilter) {
  return useInfiniteQuery({
    queryKey: ["calls", "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => loadPage(filter, pageParam, 50, signal),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.calls),
    refetchOnWindowFocus: true,
  });
}

/** How many calls of a day are looked at. A small business has a tenth of that on its busiest day. */
export const DAY_LIMIT = 1000;

/** All calls since the day began in India; `more` when there are more than are looked at. */
export function useDay(day: string) {
  return useQuery({
    queryKey: ["calls", "day", day],
    refetchInterval: 30_000,
    queryFn: async ({ signal }) => {
      const found: Call[] = [];
      let cursor: string | undefined;
      do {
        const query = { from: dayStart(day), limit: 200, cursor };
        const page = await unwrap(api.GET("/v1/calls", { params: { query }, signal }));
        found.push(...page.calls);
        cursor = page.next_cursor ?? undefined;
      } while (cursor && found.length < DAY_LIMIT);
      return { calls: found, more: cursor !== undefined };
    },
  });
}

/** One call with its turns; read again while it goes on. */
export function useCall(id: string) {
  return useQuery({
    queryKey: ["calls", "one", id],
    enabled: id !== "",
    queryFn: ({ signal }) => unwrap(api.GET("/v1/calls/{id}", { params: { path: { id } }, signal })),
    refetchInterval: (query) => (query.state.data?.status === "active" ? 4000 : false),
  });
}

/** Erases a call for good: of what was said nothing may stay in memory either. */
export function useEraseCall() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/v1/calls/{id}", { params: { path: { id } } })),
    onSuccess: () => client.resetQueries({ queryKey: ["calls"] }),
  });
}

/** Erases all that a caller's number leads to. */
export function useEraseCaller() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (number: string) => unwrap(api.POST("/v1/erasures", { body: { number } })),
    onSuccess: () => Promise.all([client.resetQueries({ queryKey: ["calls"] }), client.resetQueries({ queryKey: ["messages"] })]),
  });
}

/** All that is kept of a caller's number, for a file that is handed to whom it is about. */
export async function loadCallerExport(number: string): Promise<Blob> {
  const found = await unwrap(api.POST("/v1/exports", { body: { number } }));
  return new Blob([JSON.stringify(found, null, 2)], { type: "application/json" });
}

/** What a call was charged, with the lines of its costs; `null` where nothing was. */
export function useCharge(id: string, wanted: boolean) {
  return useQuery({
    queryKey: ["calls", "charge", id],
    enabled: wanted,
    queryFn: async ({ signal }) => {
      try {
        return await unwrap(api.GET("/v1/calls/{id}/charge", { params: { path: { id } }, signal }));
      } catch (error) {
        if (error instanceof ProblemError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

/** The conversation as text, for a file. */
export async function loadTranscriptText(id: string): Promise<Blob> {
  return (await fetchRaw(`/v1/calls/${id}/transcript?format=text`)).blob();
}

/** Most calls that one export holds: a file that a spreadsheet still opens on a phone. */
export const EXPORT_LIMIT = 10_000;

/** Every call that matches, page by page. */
export async function loadAllCalls(filter: CallFilter, onProgress: (count: number) => void): Promise<{ calls: Call[]; more: boolean }> {
  const found: Call[] = [];
  let cursor: string | undefined;
  do {
    const page = await loadPage(filter, cursor, 200);
    found.push(...page.calls);
    cursor = page.next_cursor ?? undefined;
    onProgress(found.length);
  } while (cursor && found.length < EXPORT_LIMIT);
  return { calls: found, more: cursor !== undefined };
}
