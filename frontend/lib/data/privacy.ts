"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, type Schemas, unwrap } from "../api/client";

export function useRetention() {
  return useQuery({
    queryKey: ["retention"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/retention", { signal })),
  });
}

export function useSaveRetention() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: Schemas["RetentionChange"]) => unwrap(api.PATCH("/v1/retention", { body: change })),
    onSuccess: (retention) => client.setQueryData(["retention"], retention),
  });
}

export function useErasures() {
  return useInfiniteQuery({
    queryKey: ["erasures"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/erasures", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.erasures),
  });
}

/** Erases what a caller's number leads to. Lists of calls that were read before still have it. */
export function useErase() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (number: string) => unwrap(api.POST("/v1/erasures", { body: { number } })),
    onSuccess: () => Promise.all([client.invalidateQueries({ queryKey: ["erasures"] }), client.invalidateQueries({ queryKey: ["calls"] })]),
  });
}

/** All that is kept of a caller's number, to be handed over. */
export async function loadCallerData(number: string): Promise<{ count: number; blob: Blob }> {
  const data = await unwrap(api.POST("/v1/exports", { body: { number } }));
  return { count: data.calls.length, blob: new Blob([JSON.stringify(data, null, 2)], { type: "application/json" }) };
}
