"use client";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { platform, type Schemas, unwrap } from "../api/client";

export type Tenant = Schemas["TenantView"];

/** One business, which its own people may see too. */
export function useTenant(id: string | null) {
  return useQuery({
    queryKey: ["tenant", id],
    enabled: id !== null,
    staleTime: 5 * 60_000,
    queryFn: ({ signal }) => unwrap(platform.GET("/v1/tenants/{tenant}", { params: { path: { tenant: id ?? "" } }, signal })),
  });
}

/** Every business, oldest first, a page at a time: the operator's. */
export function useTenants(enabled = true) {
  return useInfiniteQuery({
    queryKey: ["tenants"],
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(platform.GET("/v1/tenants", { params: { query: { limit: 200, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.tenants),
  });
}
