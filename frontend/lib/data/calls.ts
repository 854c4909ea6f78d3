"use client";

import { type InfiniteData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, fetchRaw, type Schemas, unwrap } from "../api/client";
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

/** Takes a call away for good, out of every list at once. */
export function useDeleteCall() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/v1/calls/{id}", { params: { path: { id } } })),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: ["calls", "one", id] });
      client.setQueriesData<InfiniteData<Page>>({ queryKey: ["calls", "list"] }, (data) =>
        data ? { ...data, pages: data.pages.map((page) => ({ ...page, calls: page.calls.filter((call) => call.id !== id) })) } : data,
      );
      void client.invalidateQueries({ queryKey: ["calls", "day"] });
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
