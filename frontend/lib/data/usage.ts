"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, fetchRaw, platform, type Schemas, unwrap } from "../api/client";
import type { Scope } from "./scope";

export type MonthUsage = Schemas["UsageView"];

/** The months of the business at hand, its plan, and what its calls may spend now. */
export function useMonths() {
  return useInfiniteQuery({
    queryKey: ["usage", "months"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/usage", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => ({ months: data.pages.flatMap((page) => page.usage), current: data.pages[0]?.current ?? null }),
  });
}

export function useMonth(month: string) {
  return useQuery({
    queryKey: ["usage", "month", month],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/usage/{month}", { params: { path: { month } }, signal })),
  });
}

/** What each business came to in a month: the operator's. */
export function usePlatformMonth(month: string) {
  return useInfiniteQuery({
    queryKey: ["usage", "platform", month],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(platform.GET("/v1/usage", { params: { query: { month, cursor: pageParam, limit: 200 } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.usage),
  });
}

/** Every call of a month as CSV, for an accountant. */
export async function loadUsageExport(month: string, scope: Scope): Promise<Blob> {
  return (await fetchRaw(`/v1/usage/${month}/export`, { platform: scope === "platform" })).blob();
}

export function usePlan() {
  return useQuery({
    queryKey: ["plan"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/plan", { signal })),
  });
}

/** Replaces the plan of the business at hand: the operator's. */
export function useSavePlan() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (plan: Schemas["PlanBody"]) => unwrap(api.PUT("/v1/plan", { body: plan })),
    onSuccess: () => Promise.all([client.invalidateQueries({ queryKey: ["plan"] }), client.invalidateQueries({ queryKey: ["usage"] })]),
  });
}
